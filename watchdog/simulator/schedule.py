"""A cron schedule: five fields of ``*``, numbers, ranges, lists and steps, or ``@hourly`` and its like. In UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

_NAMED: Mapping[str, str] = {
    "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
}  # fmt: skip
_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_MINUTE, _HORIZON = timedelta(minutes=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The values that each field allows."""

    fields: tuple[frozenset[int], ...]
    either_day: bool

    def matches(self, at: datetime) -> bool:
        minute, hour, day, month, weekday = self.fields
        weekday_fits, day_fits = at.isoweekday() % 7 in weekday, at.day in day
        # crontab(5): when both days are restricted, either will do.
        fits = (weekday_fits or day_fits) if self.either_day else (weekday_fits and day_fits)
        return fits and at.minute in minute and at.hour in hour and at.month in month

    def latest(self, after: datetime, until: datetime) -> datetime | None:
        """The last time in (after, until], no more than a day back."""
        at = until.replace(second=0, microsecond=0)
        while at > max(after, until - _HORIZON):
            if self.matches(at):
                return at
            at -= _MINUTE
        return None

    def next(self, after: datetime) -> datetime:
        """The first time after ``after``, or a day later if there is none until then."""
        at = after.replace(second=0, microsecond=0) + _MINUTE
        while at < after + _HORIZON and not self.matches(at):
            at += _MINUTE
        return at


def parsed(text: str) -> Schedule:
    """Raises ValueError."""
    terms = _NAMED.get(text, text).split()
    if len(terms) != len(_BOUNDS):
        raise ValueError(f"expected exactly 5 fields, found {len(terms)}: [{text}]")
    fields = [_values(term, *bounds) for term, bounds in zip(terms, _BOUNDS, strict=True)]
    fields[4] = frozenset(value % 7 for value in fields[4])
    return Schedule(tuple(fields), terms[2] != "*" and terms[4] != "*")


def _values(term: str, low: int, high: int) -> frozenset[int]:
    return frozenset(value for part in term.split(",") for value in _part(part, low, high))


def _part(part: str, low: int, high: int) -> range:
    span, _, step = part.partition("/")
    first, _, last = span.partition("-")
    if span in ("*", "?"):
        first, last = str(low), str(high)
    start, end = int(first), int(last or (high if step else first))
    if not low <= start <= end <= high or int(step or 1) < 1:
        raise ValueError(f"out of range: {part}")
    return range(start, end + 1, int(step or 1))
