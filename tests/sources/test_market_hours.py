"""NYSE's hours: holidays, half-days, summer time, and what happens at a bell."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.fakes import Outside
from tests.virtual import in_virtual_time
from watchdog.core.facts import Market
from watchdog.core.observation import Facts
from watchdog.simulator.virtual_time import VirtualClock
from watchdog.sources.market_hours import KNOWN_UNTIL, NEW_YORK, BeyondHorizon, MarketHours, Nyse, Session, at_bell

CALENDAR = Nyse(closures=(date(2026, 12, 9),), early_closes=(date(2026, 12, 10),))


def market(utc: str) -> Market:
    return at_bell(CALENDAR, "NYSE", datetime.fromisoformat(f"{utc}+00:00"))[0]


def hours(day: date, calendar: Nyse = CALENDAR) -> str:
    session = calendar.session(day)
    return f"{session.opens:%H:%M}-{session.closes:%H:%M}" if isinstance(session, Session) else session


PUBLISHED = {  # the exchange's own announcements of 2024-11-08 and 2025-12-23, and its notice of 2024-12-30
    date(2025, 1, 1): "New Year's Day",
    date(2025, 1, 9): "National Day of Mourning for former President Jimmy Carter",
    date(2025, 1, 20): "Martin Luther King Jr. Day",
    date(2025, 2, 17): "Washington's Birthday",
    date(2025, 4, 18): "Good Friday",
    date(2025, 5, 26): "Memorial Day",
    date(2025, 6, 19): "Juneteenth National Independence Day",
    date(2025, 7, 3): "09:30-13:00",
    date(2025, 7, 4): "Independence Day",
    date(2025, 9, 1): "Labor Day",
    date(2025, 11, 27): "Thanksgiving Day",
    date(2025, 11, 28): "09:30-13:00",
    date(2025, 12, 24): "09:30-13:00",
    date(2025, 12, 25): "Christmas Day",
    date(2026, 1, 1): "New Year's Day",
    date(2026, 1, 19): "Martin Luther King Jr. Day",
    date(2026, 2, 16): "Washington's Birthday",
    date(2026, 4, 3): "Good Friday",
    date(2026, 5, 25): "Memorial Day",
    date(2026, 6, 19): "Juneteenth National Independence Day",
    date(2026, 7, 3): "Independence Day (observed)",
    date(2026, 9, 7): "Labor Day",
    date(2026, 11, 26): "Thanksgiving Day",
    date(2026, 11, 27): "09:30-13:00",
    date(2026, 12, 24): "09:30-13:00",
    date(2026, 12, 25): "Christmas Day",
    date(2027, 1, 1): "New Year's Day",
    date(2027, 1, 18): "Martin Luther King Jr. Day",
    date(2027, 2, 15): "Washington's Birthday",
    date(2027, 3, 26): "Good Friday",
    date(2027, 5, 31): "Memorial Day",
    date(2027, 6, 18): "Juneteenth National Independence Day (observed)",
    date(2027, 7, 5): "Independence Day (observed)",
    date(2027, 9, 6): "Labor Day",
    date(2027, 11, 25): "Thanksgiving Day",
    date(2027, 11, 26): "09:30-13:00",
    date(2027, 12, 24): "Christmas Day (observed)",
    date(2028, 1, 17): "Martin Luther King Jr. Day",
    date(2028, 2, 21): "Washington's Birthday",
    date(2028, 4, 14): "Good Friday",
    date(2028, 5, 29): "Memorial Day",
    date(2028, 6, 19): "Juneteenth National Independence Day",
    date(2028, 7, 3): "09:30-13:00",
    date(2028, 7, 4): "Independence Day",
    date(2028, 9, 4): "Labor Day",
    date(2028, 11, 23): "Thanksgiving Day",
    date(2028, 11, 24): "09:30-13:00",
    date(2028, 12, 25): "Christmas Day",
}


def test_every_day_of_the_published_years_is_as_the_exchange_announced_it() -> None:
    calendar, first = Nyse(), date(2025, 1, 1)
    for day in (first + timedelta(days=n) for n in range((KNOWN_UNTIL - first).days + 1)):
        expected = PUBLISHED.get(day, "" if day.weekday() >= 5 else "09:30-16:00")
        assert (day, hours(day, calendar)) == (day, expected)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2025, 12, 26), "09:30-16:00"),  # the President closed the government; the exchange was open
        (date(2026, 7, 2), "09:30-16:00"),  # the day before an observed holiday is no half-day
        (date(2026, 10, 12), "09:30-16:00"),  # Columbus Day
        (date(2026, 11, 11), "09:30-16:00"),  # Veterans Day
        (date(2027, 12, 23), "09:30-16:00"),
        (date(2027, 12, 31), "09:30-16:00"),  # New Year's Day falls on a Saturday: not observed
        (date(2026, 11, 28), ""),
        (date(2026, 12, 9), "closure of 2026-12-09"),
        (date(2026, 12, 10), "09:30-13:00"),
    ],
)
def test_a_day_that_looks_like_another_has_the_exchanges_hours_and_what_is_configured_counts(
    day: date, expected: str
) -> None:
    assert hours(day) == expected


@pytest.mark.parametrize(
    ("before", "bell"),
    [
        ("2026-03-06T14:29:59.999", "2026-03-06T14:30:00"),  # the Friday before summer time: 14:30 UTC
        ("2026-03-09T13:29:59.999", "2026-03-09T13:30:00"),  # the Monday after: 13:30 UTC
        ("2026-10-30T13:29:59.999", "2026-10-30T13:30:00"),
        ("2026-11-02T14:29:59.999", "2026-11-02T14:30:00"),
    ],
)
def test_the_opening_bell_is_at_half_past_nine_in_new_york_before_and_after_the_clocks_change(
    before: str, bell: str
) -> None:
    assert (market(before).open, market(bell).open) == (False, True)


@pytest.mark.parametrize(
    ("before", "bell"),
    [
        ("2026-11-23T20:59:59.999", "2026-11-23T21:00:00"),
        ("2026-11-27T17:59:59.999", "2026-11-27T18:00:00"),
        ("2026-07-01T19:59:59.999", "2026-07-01T20:00:00"),
    ],
)
def test_the_closing_bell_is_at_four_and_at_one_on_a_half_day(before: str, bell: str) -> None:
    assert (market(before).open, market(bell).open) == (True, False)


def test_the_fact_is_the_same_at_every_moment_between_two_bells_and_changes_at_each_of_them() -> None:
    moment, facts = datetime(2026, 11, 20, 0, 0, tzinfo=UTC), list[Market]()
    while moment < datetime(2027, 1, 6, tzinfo=UTC):
        fact, bell = at_bell(CALENDAR, "NYSE", moment)
        assert bell > moment
        if not facts or facts[-1] != fact:
            facts.append(fact)
        moment += timedelta(minutes=15)
    days = [date(2026, 11, 20) + timedelta(days=n) for n in range(47)]
    assert len(facts) == 1 + 2 * sum(isinstance(CALENDAR.session(day), Session) for day in days)


def test_closed_is_not_unknown_and_says_until_when_and_why() -> None:
    thanksgiving = "closed until Fri 2026-11-27 09:30 in New York: Thanksgiving Day"
    for moment in ("2026-11-25T21:00:00", "2026-11-26T15:00:00", "2026-11-27T14:29:59"):
        assert market(moment) == Market("NYSE", False, thanksgiving, False, market(moment).horizon_days)
    assert market("2026-11-28T12:00:00").explanation == "closed until Mon 2026-11-30 09:30 in New York"
    assert market("2026-11-27T15:00:00").explanation.startswith("open until 13:00 in New York: Day after Thanksgiving")


def test_the_bell_is_when_the_fact_changes() -> None:
    assert at_bell(CALENDAR, "NYSE", datetime(2026, 11, 25, 22, tzinfo=UTC))[1] == datetime(
        2026, 11, 27, 14, 30, tzinfo=UTC
    )


def test_beyond_what_the_exchange_has_published_it_raises_and_does_not_say_closed() -> None:
    assert market("2028-12-29T20:59:59").open
    with pytest.raises(BeyondHorizon, match="known from 1863-01-01 to 2028-12-31, not 2029-01-01"):
        market("2028-12-29T21:00:00")


def test_what_is_published_later_is_configured_and_the_librarys_own_end_bounds_it() -> None:
    later = Nyse(known_until=date(2030, 12, 31))
    assert hours(date(2029, 12, 25), later) == "Christmas Day"
    assert Nyse(known_until=date(9999, 1, 1)).session(date(2100, 12, 31)) != ""
    with pytest.raises(BeyondHorizon, match="to 2100-12-31, not 2101-01-03"):
        Nyse(known_until=date(9999, 1, 1)).session(date(2101, 1, 3))


def test_the_horizon_counts_to_the_last_published_day_and_only_from_bell_to_bell() -> None:
    assert market("2028-12-29T15:00:00").horizon_days == 2
    assert [market(f"2028-10-{at}").horizon_days for at in ("31T20:00", "31T23:59", "31T19:59")] == [60, 60, 61]


GRACE = timedelta(seconds=60)


@pytest.mark.parametrize(
    ("utc", "open_", "trading", "bell"),
    [
        ("2026-11-27T14:29:59.999", False, False, "14:30:00"),
        ("2026-11-27T14:30:00", True, False, "14:31:00"),
        ("2026-11-27T14:30:59.999", True, False, "14:31:00"),
        ("2026-11-27T14:31:00", True, True, "18:00:00"),
        ("2026-11-27T18:00:00", False, False, "14:30:00"),
    ],
)
def test_in_the_grace_after_the_bell_the_market_is_open_and_nothing_is_late_yet(
    utc: str, open_: bool, trading: bool, bell: str
) -> None:
    fact, next_ = at_bell(CALENDAR, "NYSE", datetime.fromisoformat(f"{utc}+00:00"), GRACE)
    assert (fact.open, fact.trading, f"{next_:%H:%M:%S}") == (open_, trading, bell)


@pytest.mark.parametrize("seconds", [-1.0, 3601.0])
def test_a_grace_in_which_a_market_never_opens_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="grace_after_open"):
        MarketHours("market", grace_after_open=seconds)


def looked(seconds: float, jump: float = 0.0) -> list[Facts]:
    async def main() -> list[Facts]:
        clock = VirtualClock(asyncio.get_running_loop(), datetime(2026, 11, 23, 20, 59, 40, tzinfo=UTC))
        looks = MarketHours("market").streams()[""].looks(Outside(clock=clock).ports())
        seen = [await anext(looks)]
        clock.shift = timedelta(seconds=jump)
        while clock.now().mono < seconds:
            seen.append(await anext(looks))
        assert isinstance(looks, AsyncIterator)
        return seen

    return in_virtual_time(main())


def test_the_end_of_the_grace_is_looked_at_too() -> None:
    looks = MarketHours("market")

    async def main() -> list[tuple[float, bool]]:
        clock = VirtualClock(asyncio.get_running_loop(), datetime(2026, 11, 23, 14, 29, 50, tzinfo=UTC))
        seen, stream = list[tuple[float, bool]](), looks.streams()[""].looks(Outside(clock=clock).ports())
        while clock.now().mono < 80:
            (fact,) = (await anext(stream)).seen
            assert isinstance(fact, Market)
            seen.append((clock.now().mono, fact.trading))
        return seen

    assert next(at for at, trading in in_virtual_time(main()) if trading) == pytest.approx(70, abs=0.01)


def test_a_look_falls_on_the_bell_itself() -> None:
    looks = looked(20)
    assert [facts.at.mono for facts in looks if facts.at is not None][-1] == pytest.approx(20, abs=0.01)
    assert [fact.open for facts in looks for fact in facts.seen if isinstance(fact, Market)] == [True, True, False]


@pytest.mark.parametrize("hours", [1, -8])
def test_a_clock_that_jumps_is_noticed_within_fifteen_seconds(hours: int) -> None:
    looks = looked(14, jump=hours * 3600)
    closed = [facts.at for facts in looks for fact in facts.seen if isinstance(fact, Market) and not fact.open]
    assert closed[0] is not None and closed[0].mono <= 15.0


def test_the_calendar_is_imported_only_where_a_stanza_uses_it() -> None:
    code = "import sys, watchdog.sources.market_hours; sys.exit('holidays' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_new_york_is_new_york() -> None:
    assert datetime(2026, 7, 1, tzinfo=NEW_YORK).utcoffset() == timedelta(hours=-4)
