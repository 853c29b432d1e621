"""Alertmanager's time intervals (prometheus.io/docs/alerting/latest/configuration, "<time_interval>"). Pure.

Values are the texts of the YAML. Whatever cannot be understood raises ``Underivable``.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip


class Underivable(ValueError):
    """What Alertmanager does cannot be told from its configuration: why not."""


def contains(interval: Mapping[str, Any], now: datetime) -> bool:
    """Whether every field that it has names ``now`` (aware), in its location; without one, in UTC."""
    there = now.astimezone(_zone(str(interval.get("location") or "UTC")))
    minute = there.hour * 60 + there.minute
    tests: dict[str, Callable[[Any], bool]] = {
        "times": lambda span: _minutes(span["start_time"]) <= minute < _minutes(span["end_time"]),
        "weekdays": lambda text: _within(there.isoweekday() % 7, _span(text, WEEKDAYS, 0)),
        "days_of_month": lambda text: _day_within(there, _span(text, (), 0)),
        "months": lambda text: _within(there.month, _span(text, MONTHS, 1)),
        "years": lambda text: _within(there.year, _span(text, (), 0)),
    }
    if unknown := [key for key in interval if key not in (*tests, "location")]:
        raise Underivable(f"a time interval with {unknown[0]!r} is not understood")
    try:
        return all(any(map(test, _list(interval[key]))) for key, test in tests.items() if interval.get(key))
    except (KeyError, TypeError, ValueError) as error:
        raise Underivable(f"a time interval is not understood: {error}") from None


def _list(value: Any) -> Sequence[Any]:
    if not isinstance(value, list):
        raise Underivable(f"expected a list in a time interval, found {value!r}")
    return value


def _zone(name: str) -> ZoneInfo:
    """``Local`` is the time zone of Alertmanager's machine, which only that knows."""
    if name == "Local":
        raise Underivable("a time interval counts in Alertmanager's local time")
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise Underivable(f"the time zone {name!r} is not known here") from None


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)


def _span(text: str, names: Sequence[str], first: int) -> tuple[int, int]:
    begin, _, end = text.strip().lower().partition(":")
    return _number(begin, names, first), _number(end or begin, names, first)


def _number(text: str, names: Sequence[str], first: int) -> int:
    return names.index(text) + first if text in names else int(text)


def _within(number: int, span: tuple[int, int]) -> bool:
    return span[0] <= number <= span[1]


def _day_within(there: datetime, span: tuple[int, int]) -> bool:
    """Negative days count from the month's end. A span that begins after it is in no such month."""
    last = monthrange(there.year, there.month)[1]
    begin, end = (day if day > 0 else last + day + 1 for day in span)
    return begin <= last and _within(there.day, (begin, end))


def any_contains(intervals: Iterable[Mapping[str, Any]], now: datetime) -> bool:
    return any(contains(interval, now) for interval in intervals)
