"""Whether the daemon itself is fit to say that it keeps watch. Pure.

Only what is fit renews the ``Watchdog`` alert and beats the dead man's heart: whoever waits for them hears of a daemon
that is blind or stuck, and not only of one that is dead.
"""

from __future__ import annotations

from watchdog.core.assessment import Assessment
from watchdog.core.facts import Safety, Unknown
from watchdog.core.instant import Instant

STUCK_AFTER = 15.0
"""Seconds without a turn, of which one is due every two: what is published since is old news."""


def fit(level: Assessment, now: Instant) -> Unknown | None:
    """Why ``level`` is no sign of life; ``None`` while it is one. Blind: neither of the two safety facts is known."""
    if (age := now.since(level.at)) > STUCK_AFTER:
        return Unknown("Stuck", f"no turn for {age:.0f} s")
    safety = level.posture.globally(Safety.KIND)
    if not isinstance(safety, Safety):
        return Unknown("Blind", "nothing has been assessed yet")
    return Unknown("Blind", safety.explanation) if safety.blind else None
