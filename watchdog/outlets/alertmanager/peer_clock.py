"""The wall clocks need not agree: a peer's ``Date`` tells how far its clock is from ours (conventions.md)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from watchdog.core.instant import Instant, from_http_date
from watchdog.outlets.alertmanager.peer import Key, Notice
from watchdog.ports import Answer

TOLERANCE = 5.0
"""Seconds: ``Date`` has no fraction, and an answer is under way for a while."""


@dataclass(slots=True)
class PeerClock:
    """Its time is reckoned on our monotonic clock, for our wall clock may step while an alert fires. Alertmanager keeps
    the earliest start and the latest end that it was ever told."""

    zero: datetime | None = None  # what it showed when our monotonic clock was at 0; None: it was never asked
    starts: dict[Key, tuple[Instant, datetime]] = field(default_factory=dict)  # when it began: for us, and for the peer

    def learn(self, answer: Answer, now: Instant) -> bool:
        """Whether it is elsewhere than we thought, so that what was just sent bore the wrong instants."""
        self.zero = self.zero or _zero(now.wall, now)
        theirs = from_http_date(answer.headers.get("date", ""))
        if theirs is None or _agree(theirs, self.there(now)):
            return False
        self.zero = _zero(now.wall if _agree(theirs, now.wall) else theirs, now)
        return True

    def there(self, instant: Instant) -> datetime:
        """What it shows at that instant; in our own wall clock's words, where the two agree."""
        reckoned = instant.wall if self.zero is None else self.zero + timedelta(seconds=instant.mono)
        return instant.wall if _agree(instant.wall, reckoned) else reckoned

    def span(self, notice: Notice, now: Instant, lease: float) -> tuple[datetime, datetime]:
        """``startsAt``, constant for as long as the alert lives, and ``endsAt``, in the peer's time. The start moves
        only where a clock stepped back behind it: it would earn a 400."""
        there = self.there(now)
        ends = there + timedelta(seconds=lease if notice.ended is None else -now.since(notice.ended))
        began, starts = self.starts.get(notice.key, (None, there))
        if began != notice.began:
            starts = self.there(notice.began)
        starts = min(starts, there, ends)
        self.starts[notice.key] = notice.began, starts
        return starts, ends

    def forget(self, keys: Iterable[Key]) -> None:
        for key in keys:
            self.starts.pop(key, None)


def _zero(shown: datetime, now: Instant) -> datetime:
    return shown - timedelta(seconds=now.mono)


def _agree(one: datetime, other: datetime) -> bool:
    return abs((one - other).total_seconds()) <= TOLERANCE
