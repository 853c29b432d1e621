"""The wall clocks need not agree: a peer's ``Date`` tells how far its clock is from ours (conventions.md)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from watchdog.core.instant import Instant
from watchdog.outlets.alertmanager.peer import Key, Notice
from watchdog.ports import Answer

TOLERANCE = 5.0
"""Seconds: ``Date`` has no fraction, and an answer is under way for a while."""


@dataclass(slots=True)
class PeerClock:
    ahead: float | None = None  # seconds that it is ahead of ours; None: it was never asked
    starts: dict[Key, tuple[Instant, datetime]] = field(default_factory=dict)  # when it began: for us, and for the peer

    def learn(self, answer: Answer, now: Instant) -> bool:
        """Whether it is elsewhere than we thought, so that what was just sent bore the wrong instants."""
        thought, self.ahead = self.ahead or 0.0, self.ahead or 0.0
        try:
            theirs = parsedate_to_datetime(answer.headers.get("date", ""))
        except ValueError:
            return False
        ahead = (theirs.replace(tzinfo=theirs.tzinfo or UTC) - now.wall).total_seconds()
        if abs(ahead - thought) <= TOLERANCE:
            return False
        self.ahead = ahead if abs(ahead) > TOLERANCE else 0.0
        return True

    def span(self, notice: Notice, now: Instant, lease: float) -> tuple[datetime, datetime]:
        """``startsAt``, constant for as long as the alert lives, and ``endsAt``, in the peer's time. The start moves
        only where a clock stepped back behind it: it would earn a 400."""
        shift = timedelta(seconds=self.ahead or 0.0)
        there = now.wall + shift
        ends = there + timedelta(seconds=lease if notice.ended is None else -now.since(notice.ended))
        began, starts = self.starts.get(notice.key, (None, there))
        if began != notice.began:
            starts = notice.began.wall + shift
        starts = min(starts, there, ends)
        self.starts[notice.key] = notice.began, starts
        return starts, ends

    def forget(self, keys: Iterable[Key]) -> None:
        for key in keys:
            self.starts.pop(key, None)
