"""The market's hours, as the whole daemon keeps them: nights, weekends, a holiday, an early close, DST. domain.md §6.

An early close and a change of DST never fall into one fortnight of NYSE: Thanksgiving comes eighteen days after DST has
ended at the earliest. So it is a fortnight around Thanksgiving 2026, and the days around both changes.
These long stretches run without the cluster and what is on it, and look every minute: what they hold is when an old
tick counts. The minutes around each boundary run with the configuration as it is shipped, nothing left out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from watchdog.core import assessment
from watchdog.simulator import kubectl
from watchdog.simulator.data_plane import LANES
from watchdog.sources import market_hours

from .platform import Guarded, guarded

LATE = timedelta(minutes=10)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
GRACE = 60.0
"""Seconds after the opening bell: config/watchdog.yaml."""


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def day(date: str, opens: str = "14:30", closes: str = "21:00") -> tuple[datetime, datetime]:
    return utc(f"{date}T{opens}"), utc(f"{date}T{closes}")


# New York is five hours behind UTC in winter, and four in summer.
THANKSGIVING = [
    day("2026-11-20"),
    day("2026-11-23"), day("2026-11-24"), day("2026-11-25"), day("2026-11-27", closes="18:00"),
    day("2026-11-30"), day("2026-12-01"), day("2026-12-02"), day("2026-12-03"),
]  # fmt: skip
DST_ENDED = [day("2026-11-02"), day("2026-11-03")]  # on the Sunday before, 06:00 UTC
DST_BEGAN = [day("2027-03-15", "13:30", "20:00"), day("2027-03-16", "13:30", "20:00")]  # likewise, 07:00 UTC
Sessions = list[tuple[datetime, datetime]]


def only_the_market(content: dict[str, Any]) -> None:
    """The market data, a look a minute; the calendar; and who says, every ten minutes, that trading is disabled."""
    often = {"http_health": 60.0, "safety_api": 600.0, "cloud_run": 600.0}
    content["sources"] = [stanza for stanza in content["sources"] if stanza["kind"] in {*often, "market_hours"}]
    for stanza in content["sources"]:
        if (seconds := often.get(stanza["kind"])) is not None:
            stanza.update(poll_interval=seconds, stale_after=2 * seconds + 60)
    content["outlets"] = [{**content["outlets"][0], "resend_interval": 60}]
    content["paging"] = {"over_budget": "warn"}  # with looks so rare


def lived(
    start: datetime, sessions: Sessions, end: datetime, delay: Callable[[int], timedelta]
) -> tuple[datetime, Guarded]:
    """A tick while there is a session, from ``delay`` (of its number) after its opening on."""

    async def act(world: Guarded) -> datetime:
        began = world.clock.now().wall
        world.floor.market_data.stop()
        for number, (opens, closes) in enumerate(sessions):
            await until(world, opens + delay(number))
            world.floor.market_data.start()
            await until(world, closes)
            world.floor.market_data.stop()
        await until(world, end)
        return began

    return guarded(act, only_the_market, start=start)


async def until(world: Guarded, when: datetime) -> None:
    await asyncio.sleep((when - world.clock.now().wall).total_seconds())


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing happens the loop turns once a minute, and the clock is looked at every 25 seconds: not every 2 and
    15."""
    monkeypatch.setattr(assessment, "AUDIT_SECONDS", 60.0)
    monkeypatch.setattr(market_hours, "LONGEST_SLEEP", 25.0)


STRETCHES = {
    "a fortnight around Thanksgiving": (utc("2026-11-20T12:00"), THANKSGIVING, utc("2026-12-04T12:00")),
    "DST ends": (utc("2026-11-01T02:00"), DST_ENDED, utc("2026-11-04T00:00")),
    "DST begins": (utc("2027-03-14T02:00"), DST_BEGAN, utc("2027-03-17T00:00")),
}


@pytest.mark.long
@pytest.mark.usefixtures("idle")
@pytest.mark.parametrize(("start", "sessions", "end"), STRETCHES.values(), ids=STRETCHES.keys())
def test_nights_weekends_and_holidays_without_a_tick_page_nothing_and_every_late_opening_does(
    start: datetime, sessions: Sessions, end: datetime
) -> None:
    """Every other session begins in time, and the others ten minutes late."""
    began, world = lived(start, sessions, end, lambda number: LATE if number % 2 else -MINUTE)
    paged = [(edge.split()[1], edge.split()[-2]) for edge in world.edges if edge.split()[-2] in ("fired", "rose")]
    late = [opens for opens, _ in sessions[1::2]]
    assert paged == [("MarketDataStale", "fired")] * len(late)
    for opens, (seconds, sev) in zip(late, world.fired("MarketDataStale"), strict=True):
        after = (began + timedelta(seconds=seconds) - opens).total_seconds()
        assert (GRACE <= after <= GRACE + 65, sev) == (True, "Sev-1"), f"{opens}: paged after {after} s"


def opening(world: Guarded, opens: datetime) -> list[float]:
    """Seconds after the bell at which stale data paged."""
    t0 = world.clock.now().wall
    return [(t0 + timedelta(seconds=s - world.clock.now().mono + world.t0) - opens).total_seconds()
            for s, _ in world.fired("MarketDataStale")]  # fmt: skip


OPENINGS = {
    "after a weekend": "2026-11-23T14:30",
    "the day after Thanksgiving": "2026-11-27T14:30",
    "the first after DST ended": "2026-11-02T14:30",
    "the first after DST began": "2027-03-15T13:30",
}


@pytest.mark.parametrize("bell", OPENINGS.values(), ids=OPENINGS.keys())
def test_a_stale_opening_pages_within_the_grace_and_not_before(bell: str) -> None:
    async def act(world: Guarded) -> list[float]:
        await until(world, utc(bell) + 2 * MINUTE)
        return opening(world, utc(bell))

    (after,), world = guarded(act, prepare=without_a_tick, start=utc(bell) - 2 * MINUTE)
    assert GRACE <= after <= GRACE + 8
    assert {edge.split()[1] for edge in world.edges} == {"MarketDataStale"}


def without_a_tick(world: Guarded) -> None:
    """Since the evening before."""
    world.floor.market_data.last_ticked(world.clock.now().wall - 12 * HOUR)


@pytest.mark.parametrize(
    ("date", "pages"), [("2026-11-27", 0), ("2026-11-25", 1)], ids=["an early close", "any other day"]
)
def test_a_tick_that_ends_at_13_00_pages_except_on_the_day_of_an_early_close(date: str, pages: int) -> None:
    closes = utc(f"{date}T18:00")

    async def act(world: Guarded) -> None:
        await until(world, closes)
        world.floor.market_data.stop()
        await until(world, closes + 3 * MINUTE)

    _, world = guarded(act, start=closes - MINUTE)
    assert len(world.edges) == len(world.fired("MarketDataStale")) == pages


def test_at_3_in_the_morning_of_christmas_sev_0_pages_at_once_and_stale_data_does_not() -> None:
    night = utc("2026-12-25T08:00")

    async def act(world: Guarded) -> float:
        await until(world, night)
        kubectl.set_data(world.floor.cluster, "trading-floor", "agenttrader-kill-switch", EXECUTION_HALTED="0")
        world.floor.data.poison(LANES[0], 12)
        flipped = world.clock.now().mono - world.t0
        await until(world, night + MINUTE)
        return flipped

    flipped, world = guarded(act, prepare=without_a_tick, start=night - MINUTE)
    (paged, sev), *_ = world.fired("KillSwitchNotHalted")  # and mission-control's own word
    assert (sev, paged - flipped < 0.1) == ("Sev-0", True)
    assert not world.fired("MarketDataStale")
    assert {sev for _, sev in world.fired("DeadLettersArriving")} == {"Sev-2"}, "one level lower than in market hours"
