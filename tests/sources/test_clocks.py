"""Our wall clock against others, and against our own monotonic one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, TypeVar

import pytest

from tests.fakes import START, HandClock, Outside, Reply, ScriptedHttp
from tests.loopback import serving, whole
from tests.virtual import in_virtual_time
from watchdog.adapters.clock import SystemClock
from watchdog.adapters.http import AioHttp
from watchdog.core.facts import ClockSkew, Unknown
from watchdog.core.instant import Instant
from watchdog.core.observation import Facts
from watchdog.ports import Answer, Ports, Unreachable
from watchdog.simulator.platform import trading_floor
from watchdog.simulator.ports import InProcessKubernetes
from watchdog.simulator.virtual_time import VirtualClock
from watchdog.sources.clocks import Clocks, bounds

T = TypeVar("T")
HOST = "alertmanager-0:9093"
SOURCE = Clocks("clocks", urls=(f"http://{HOST}",))


def dated(seconds: float, status: int = 200) -> Answer:
    """An answer of a server whose clock is so many seconds ahead of where ours starts."""
    return Answer(status, {"date": format_datetime(START + timedelta(seconds=seconds), usegmt=True)}, b"")


async def looked(reply: Reply, clock: HandClock | None = None, source: Clocks = SOURCE) -> ClockSkew:
    ports = Outside(clock or HandClock(), ScriptedHttp(reply)).ports()
    return skew(await anext(source.streams()[HOST].looks(ports)))


def skew(facts: Facts) -> ClockSkew:
    (fact,) = facts.seen
    assert isinstance(fact, ClockSkew) and facts.at is not None
    return fact


def test_each_clock_is_a_stream_of_its_own() -> None:
    assert list(SOURCE.streams()) == ["monotonic", "kubernetes", HOST]
    assert list(Clocks("clocks", kubernetes=False).streams()) == ["monotonic"]
    assert {kind for stream in SOURCE.streams().values() for kind in stream.coverage.provides} == {"clock"}


@pytest.mark.parametrize("status", [200, 302, 401, 404, 503])
async def test_clocks_that_agree_are_at_zero_whatever_the_answer(status: int) -> None:
    assert await looked(dated(0, status)) == ClockSkew(HOST, 0.0, "ours is -1.0 to 0.0 s ahead")


@pytest.mark.parametrize(
    ("theirs", "ours"),  # what is told is what is certain: a Date may be a second older than it reads
    [(-2.0, 0.0), (-3.0, 0.0), (-4.0, 3.0), (-3600.0, 3599.0), (1.0, 0.0), (2.0, 0.0), (3.0, -3.0), (3600.0, -3600.0)],
)
async def test_a_skew_beyond_the_tolerance_is_told_as_its_nearer_bound(theirs: float, ours: float) -> None:
    assert (await looked(dated(theirs))).ahead_seconds == ours


def slow(clock: HandClock, seconds: float, theirs: float) -> Callable[[str, bytes], Answer]:
    """The server reads its clock at the end of a round trip."""

    def reply(url: str, body: bytes) -> Answer:
        clock.pass_(seconds)
        return dated(theirs)

    return reply


async def test_a_round_trip_widens_the_bounds_and_is_no_skew() -> None:
    for theirs in (0.0, 2.0, 4.0):  # read when the request came, while it was under way, and when the answer left
        clock = HandClock()
        assert (await looked(slow(clock, 4.0, theirs), clock)).ahead_seconds == 0.0
    clock = HandClock()
    assert (await looked(slow(clock, 4.0, 8.0), clock)).ahead_seconds == -4.0


async def test_a_wall_clock_that_steps_under_way_does_not_widen_them() -> None:
    clock = HandClock()

    def reply(url: str, body: bytes) -> Answer:
        clock.shift(3600.0)
        return dated(0)

    assert (await looked(reply, clock)).explanation == "ours is -1.0 to 0.0 s ahead"


@pytest.mark.parametrize("true", [0.0, 0.25, 7.5, -7.5, 1234.0])
@pytest.mark.parametrize("trip", [0.0, 0.5, 3.0])
@pytest.mark.parametrize("moment", [0.0, 0.5, 1.0])
def test_the_bounds_hold_the_truth(true: float, trip: float, moment: float) -> None:
    for fraction in (0.0, 0.4, 0.999):
        began = Instant(START + timedelta(seconds=fraction), 100.0)
        read = began.wall + timedelta(seconds=moment * trip - true)
        least, most = bounds(began, began.plus(trip), read.replace(microsecond=0))
        assert least <= true <= most + 1e-6 and most - least == pytest.approx(1.0 + trip)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Unreachable("Timeout", "no whole answer within 2 s"), "Timeout"),
        (Answer(200, {}, b""), "NoDate"),
        (Answer(200, {"date": "yesterday"}, b""), "NoDate"),
    ],
)
async def test_a_clock_that_cannot_be_read_is_unknown_and_the_fact_says_why(reply: Reply, reason: str) -> None:
    seen = await looked(reply)
    assert isinstance(seen.ahead_seconds, Unknown) and seen.ahead_seconds.reason == reason
    assert seen.explanation.startswith(f"it tells no time: {reason}")


async def test_over_a_socket_too() -> None:
    an_hour_ago = format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)
    async with serving(whole(b"", "404 Not Found", f"Date: {an_hour_ago}")) as url, AioHttp() as http:
        source = Clocks("clocks", kubernetes=False, urls=(url,))
        ports = Outside(clock=SystemClock(), http=http).ports()
        seen = skew(await anext(source.streams()[url.removeprefix("http://")].looks(ports)))
    assert isinstance(seen.ahead_seconds, float) and 3590 < seen.ahead_seconds < 3601


async def test_the_api_servers_clock_is_the_one_that_dates_what_is_created() -> None:
    clock = HandClock()
    floor = trading_floor(lambda: START - timedelta(minutes=1))
    kubernetes = InProcessKubernetes(floor.server)
    ports = replace(Outside(clock).ports(), kubernetes=lambda kubeconfig, context: kubernetes)
    assert skew(await anext(SOURCE.streams()["kubernetes"].looks(ports))) == ClockSkew(
        "kubernetes", 59.0, "ours is 59.0 to 60.0 s ahead"
    )


# Steps


def stepping(act: Callable[[VirtualClock], Coroutine[Any, Any, None]]) -> list[tuple[float, float | Unknown]]:
    """What is told of steps, and when, while ``act`` moves the wall clock."""

    async def run() -> list[tuple[float, float | Unknown]]:
        clock, told = VirtualClock(asyncio.get_running_loop()), list[tuple[float, float | Unknown]]()
        ports: Ports = Outside(clock).ports()

        async def look() -> None:
            async with aclosing(SOURCE.streams()["monotonic"].looks(ports)) as looks:  # type: ignore[type-var]
                async for facts in looks:
                    told.append((clock.now().mono, skew(facts).ahead_seconds))

        looking = asyncio.create_task(look())
        await act(clock)
        looking.cancel()
        return told

    return in_virtual_time(run())


async def an_hour(clock: VirtualClock) -> None:
    await asyncio.sleep(3600)


def test_a_clock_that_does_not_step_says_so_at_every_look() -> None:
    told = stepping(an_hour)
    assert {ahead for _, ahead in told} == {0.0}
    assert told[0][0] == 0.0 and len(told) == 360


@pytest.mark.parametrize("seconds", [3600.0, -3600.0, 2.5])
def test_a_step_is_told_within_a_second_and_for_ten_minutes(seconds: float) -> None:
    async def act(clock: VirtualClock) -> None:
        await asyncio.sleep(100.5)
        clock.shift += timedelta(seconds=seconds)
        await asyncio.sleep(900)

    told = stepping(act)
    times = [at for at, ahead in told if ahead == seconds]
    assert times[0] == pytest.approx(101, abs=0.01) and 690 <= times[-1] <= 701
    assert told[-1][1] == 0.0


def test_a_step_there_and_back_is_a_step() -> None:
    async def act(clock: VirtualClock) -> None:
        await asyncio.sleep(100.5)
        clock.shift += timedelta(hours=1)
        await asyncio.sleep(5)
        clock.shift -= timedelta(hours=1)
        await asyncio.sleep(300)

    assert stepping(act)[-1][1] == -3600.0


def test_small_steps_add_up_and_what_ntp_slews_is_none() -> None:
    async def act(clock: VirtualClock, each: float) -> None:
        for _ in range(60):
            await asyncio.sleep(10)
            clock.shift += timedelta(seconds=each)

    assert stepping(lambda clock: act(clock, 0.005))[-1][1] == 0.0  # 500 ppm
    assert stepping(lambda clock: act(clock, 0.1))[-1][1] == pytest.approx(5.9, abs=0.2)


REFUSED: list[Any] = [
    lambda: Clocks("c", urls=("alertmanager",)),
    lambda: Clocks("c", urls=("http://a/x", "http://a/y")),
    lambda: Clocks("c", poll_interval=0.5),
    lambda: Clocks("c", timeout=0),
    lambda: Clocks("c", tolerance=0),
    lambda: Clocks("c", stale_after=12),
]


@pytest.mark.parametrize("made", REFUSED)
def test_a_stanza_that_cannot_be_is_refused(made: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        made()
