"""Whether the exchange is in session. domain.md §6.

Unknown means open, the stricter case: what cannot be computed raises, and supervision makes an Unknown of it. A library
computes holidays for decades that the exchange has not announced: they count only up to the day until which we compared
them with what it did announce.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any, Literal
from zoneinfo import ZoneInfo

from watchdog.core.facts import Market
from watchdog.core.observation import Coverage, Facts, Sees
from watchdog.lean import without_init
from watchdog.ports import Ports
from watchdog.sources import Source, Stream

LONGEST_SLEEP = 15.0
"""Seconds after which the clock is read again: one that jumped is noticed."""
STALE_AFTER = 60.0
LONGEST_CLOSURE = 30  # days; what is longer is a calendar that is wrong
NEW_YORK = ZoneInfo("America/New_York")
LONGEST_GRACE = 3600.0
"""Seconds. A grace of a day would be a market that never opens."""
OPENS, CLOSES, CLOSES_EARLY = time(9, 30), time(16, 0), time(13, 0)
KNOWN_UNTIL = date(2028, 12, 31)
"""The last day of "NYSE Group Announces 2026, 2027 and 2028 Holiday and Early Closings Calendar" (2025-12-23), with
which every holiday and early close of the library was compared (tests/sources/test_market_hours.py)."""


class BeyondHorizon(Exception):
    """The calendar does not say anything about that day."""


@dataclass(frozen=True, slots=True)
class Session:
    """From bell to bell, in New York's time."""

    opens: datetime
    closes: datetime
    why_early: str = ""


class Nyse:
    """The New York Stock Exchange's sessions, by the ``holidays`` library, and the ad-hoc closures and early closes."""

    def __init__(
        self,
        closures: tuple[date, ...] = (),
        early_closes: tuple[date, ...] = (),
        known_until: date = KNOWN_UNTIL,
    ) -> None:
        calendar = _calendar()
        self._first, last = date(calendar.start_year, 1, 1), date(calendar.end_year, 12, 31)
        self._last = min(known_until, last)
        self._holidays: Mapping[date, str] = calendar()
        self._half_days: Mapping[date, str] = calendar(categories=("half_day",))
        self._closures, self._early_closes = closures, early_closes

    def horizon_days(self, session: Session) -> int:
        """Of how many days after this session the calendar knows."""
        return (self._last - session.opens.date()).days

    def session(self, day: date) -> Session | str:
        """The session of a day, or why there is none (empty: a weekend). Raises ``BeyondHorizon``."""
        if not self._first <= day <= self._last:
            raise BeyondHorizon(f"the calendar of the exchange is known from {self._first} to {self._last}, not {day}")
        if day in self._closures:
            return f"closure of {day}"
        if day in self._holidays or day.weekday() >= 5:
            return self._holidays.get(day) or ""
        why_early = self._half_days.get(day) or (f"early close of {day}" if day in self._early_closes else "")
        closes = CLOSES_EARLY if why_early else CLOSES
        return Session(datetime.combine(day, OPENS, NEW_YORK), datetime.combine(day, closes, NEW_YORK), why_early)


@cache
def _calendar() -> Any:
    """The class NewYorkStockExchange, and not the calendars of 250 countries besides: 13 MB and 0.1 s less."""
    with without_init("holidays", "holidays.financial"):
        return importlib.import_module("holidays.financial.ny_stock_exchange").NewYorkStockExchange


@dataclass(frozen=True)
class MarketHours(Source):
    """``closures``: days on which the exchange is closed besides its holidays, as it announced them; ``early_closes``:
    those on which it closes at 13:00. ``known_until``: the last day of the calendar that it has published; from then on
    the market counts as open. ``grace_after_open``: seconds after the opening bell in which nothing is late yet."""

    name: str
    calendar: Literal["NYSE"] = "NYSE"
    closures: tuple[date, ...] = ()
    early_closes: tuple[date, ...] = ()
    known_until: date = KNOWN_UNTIL
    grace_after_open: float = 60.0

    def __post_init__(self) -> None:
        if not 0 <= self.grace_after_open <= LONGEST_GRACE:
            raise ValueError(f"grace_after_open: expected at least 0 and at most {LONGEST_GRACE:g} seconds")

    def streams(self) -> Mapping[str, Stream]:
        coverage = Coverage(frozenset({Market.KIND}), STALE_AFTER, sees=(Sees("market", self.calendar),))
        return {"": Stream(coverage, self._looks, deadline=STALE_AFTER / 2)}

    async def _looks(self, ports: Ports) -> AsyncIterator[Facts]:
        calendar = Nyse(self.closures, self.early_closes, self.known_until)
        grace = timedelta(seconds=self.grace_after_open)
        while True:
            now = ports.clock.now()
            market, bell = at_bell(calendar, self.calendar, now.wall, grace)
            yield Facts((market,), at=now)
            left = (bell - ports.clock.now().wall).total_seconds()
            await asyncio.sleep(min(max(left, 0.001), LONGEST_SLEEP))


def at_bell(calendar: Nyse, name: str, wall: datetime, grace: timedelta = timedelta()) -> tuple[Market, datetime]:
    """The market as it is from the last bell to the next, and when that one rings: equal between two bells. The end of
    the ``grace`` after the opening bell is one too."""
    today = wall.astimezone(NEW_YORK).date()
    session = calendar.session(today)
    if isinstance(session, Session) and _utc(session.opens) <= wall < _utc(session.closes):
        late_from, closes = _utc(session.opens) + grace, _utc(session.closes)
        trading = wall >= late_from
        market = Market(name, True, _open(session), trading, calendar.horizon_days(session))
        return market, closes if trading else late_from
    over = isinstance(session, Session) and wall >= _utc(session.closes)
    reasons, opening = _until_session(calendar, today, over)
    before = () if over else _back_to_session(calendar, today)
    why = _closed(opening, (*before, *reasons))
    return Market(name, False, why, False, calendar.horizon_days(opening)), _utc(opening.opens)


def _until_session(calendar: Nyse, today: date, over: bool) -> tuple[tuple[str, ...], Session]:
    """The next session, from today on (``over``: today's is), and why there is none on the days before it."""
    reasons: tuple[str, ...] = ()
    for day in _days(today, 1, start=int(over)):
        session = calendar.session(day)
        if isinstance(session, Session):
            return reasons, session
        reasons = (*reasons, session)
    raise BeyondHorizon(f"the calendar of the exchange has no session within {LONGEST_CLOSURE} days of {today}")


def _back_to_session(calendar: Nyse, today: date) -> tuple[str, ...]:
    """Why there is no session on the days before today, back to the last one."""
    reasons: tuple[str, ...] = ()
    for day in _days(today, -1, start=1):
        session = calendar.session(day)
        if isinstance(session, Session):
            break
        reasons = (session, *reasons)
    return reasons


def _days(today: date, step: int, start: int) -> Iterator[date]:
    return (today + timedelta(days=step * number) for number in range(start, LONGEST_CLOSURE))


def _open(session: Session) -> str:
    until = f"open until {session.closes:%H:%M} in New York"
    return f"{until}: {session.why_early}" if session.why_early else until


def _closed(opening: Session, reasons: tuple[str, ...]) -> str:
    until = f"closed until {opening.opens:%a %Y-%m-%d %H:%M} in New York"
    named = "; ".join(reason for reason in reasons if reason)
    return f"{until}: {named}" if named else until


def _utc(bell: datetime) -> datetime:
    return bell.astimezone(UTC)
