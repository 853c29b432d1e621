"""A point in time that cannot be fooled by a wall clock that jumps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime


@dataclass(frozen=True, slots=True)
class Instant:
    """One reading of both clocks.

    ``mono`` (seconds, arbitrary origin) is what ages, ``for`` and leases count on; ``wall`` (UTC) is for text, for the
    wire and for what must survive a restart.
    """

    wall: datetime
    mono: float

    def since(self, earlier: Instant) -> float:
        """Seconds that passed since ``earlier``, on the monotonic clock."""
        return self.mono - earlier.mono

    def plus(self, seconds: float) -> Instant:
        return Instant(self.wall + timedelta(seconds=seconds), self.mono + seconds)

    def __str__(self) -> str:
        return rfc3339(self.wall)


def rfc3339(wall: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, as Alertmanager, Kubernetes and Cloud Logging read it."""
    return wall.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def exact(wall: datetime) -> str:
    """RFC 3339 in UTC, to the microsecond: what is compared with what we have ourselves must not be rounded."""
    return wall.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def from_rfc3339(text: str) -> datetime | None:
    """The aware time that a text names; ``None`` where it is none, or says nothing of its offset from UTC (RFC 3339,
    5.6; letter case does not matter there)."""
    try:
        time = datetime.fromisoformat(text.strip().upper())
        if time.year == 1:
            time.astimezone(UTC)  # 0001-01-01T00:00:00+14:00 is before every year in UTC
    except (ValueError, OverflowError):
        return None
    return time if time.tzinfo is not None else None


def from_http_date(text: str) -> datetime | None:
    """The aware time that a ``Date`` header names, in whole seconds; ``None`` where it names none (RFC 9110 §5.6.7)."""
    try:
        time = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return (time if time.tzinfo is not None else time.replace(tzinfo=UTC)) if of_our_age(time) else None


def of_our_age(time: datetime) -> bool:
    """What lies farther off is no clock's time, and there is no reckoning with it."""
    return 1970 <= time.year < 9000
