"""What an earlier life of the daemon, its peer or Alertmanager remembers of an alert, taken over by this one. Pure.

It is taken over as unseen: the next look at its subject decides whether it goes on, latches or is over. ``for`` does
not start over, a latch holds, and what was acknowledged stays so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from watchdog.core.alert import Alert, Policy, Seen
from watchdog.core.facts import KINDS, OBSERVED
from watchdog.core.instant import Instant
from watchdog.core.known import Sight
from watchdog.core.observation import Scope


def taken_over(current: Alert | None, recalled: Alert, policy: Policy) -> Alert:
    """The alert as both know it: it began when the first of them saw it begin."""
    if current is None:
        count = len(policy.rises)
        return replace(recalled, seen=Seen.UNSEEN, rising_since=(*recalled.rising_since, *(None,) * count)[:count])
    return replace(
        current,
        active_since=_earlier(current.active_since, recalled.active_since),
        fired_at=_earlier(current.fired_at or recalled.fired_at, recalled.fired_at) if current.open else None,
        sev=min(current.sev, recalled.sev) if recalled.open else current.sev,
        incident=current.incident or recalled.incident,
    )


def _earlier(one: Instant | None, other: Instant | None) -> Instant:
    known = [instant for instant in (one, other) if instant is not None]
    return min(known, key=lambda instant: instant.mono)


def looked_for(kind: str, sights: Mapping[Scope, Sight]) -> bool:
    """Whether every scope that could tell of this kind of thing has looked, so that what none names is not there."""
    telling = _telling(kind, sights)
    return bool(telling) and all(sight.last_success is not None for sight in telling)


def _telling(kind: str, sights: Mapping[Scope, Sight]) -> Iterable[Sight]:
    observed = kind in KINDS and KINDS[kind] in OBSERVED
    return [sight for sight in sights.values() if not observed or kind in sight.coverage.provides]
