"""The source on a real Prometheus: recorded and live series, and what becomes of them when something stops."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests import prometheus
from tests.fakes import Outside
from tests.prometheus import RealPrometheus, Series, exporting, scraping
from tests.proxy import Mode, proxied
from watchdog.adapters.clock import SystemClock
from watchdog.adapters.http import AioHttp
from watchdog.core.facts import Metric, Unknown
from watchdog.core.observation import Facts, Scope
from watchdog.ports import Unreachable
from watchdog.sources.promql import PromQL
from watchdog.sources.promql.stanza import Query
from watchdog.supervision import Inbox, watch_over_stream

DEPTH = Query("depth", "depth", by=("subscription",), expect=("bars", "ticks"), max_age=200.0)
SCOPE = Scope("promql", "depth")


@asynccontextmanager
async def outside() -> AsyncIterator[Outside]:
    async with AioHttp() as http:
        yield Outside(clock=SystemClock(), http=http)


async def look(url: str, query: Query) -> Facts:
    """The first of a new source."""
    async with outside() as world:
        return await anext(PromQL("promql", url, (query,), timeout=5.0).streams()[query.metric].looks(world.ports()))


def metrics(facts: Facts) -> dict[str, Metric]:
    return {fact.series: fact for fact in facts.seen if isinstance(fact, Metric)}


def unknown(metric: Metric) -> str:
    assert isinstance(metric.value, Unknown), metric
    return metric.value.reason


class Watched:
    """One supervised stream; ``now`` is what it said last."""

    def __init__(self, url: str, query: Query, world: Outside, *, timeout: float = 0.5) -> None:
        self.source = PromQL("promql", url, (query,), poll_interval=0.1, timeout=timeout, stale_after=10.0)
        self.inbox, self.ports = Inbox(), world.ports()
        self.stream = self.source.streams()[query.metric]

    async def __aenter__(self) -> Watched:
        self._task = asyncio.create_task(watch_over_stream(SCOPE, self.stream, self.ports, self.inbox))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    async def blind(self, within: float) -> str:
        """The reason for which it is blind, once it is."""
        async with asyncio.timeout(within):
            while not isinstance(facts := await self._next(), Unknown):
                pass
        return facts.reason

    async def sees(self, within: float) -> dict[str, Metric]:
        """What the next look that succeeds sees."""
        async with asyncio.timeout(within):
            while not isinstance(facts := await self._next(), Facts):
                pass
        return metrics(facts)

    async def seen_so(self, series: str, reason: str, within: float = 10.0) -> Metric:
        """The metric, once it is unknown for this reason (empty: once it is known)."""
        async with asyncio.timeout(within):
            while True:
                metric = (await self.sees(within))[series]
                if (metric.value.reason if isinstance(metric.value, Unknown) else "") == reason:
                    return metric

    async def _next(self) -> Facts | Unknown:
        await self.inbox.something_new_or(30.0)
        return self.inbox.drain()[-1].facts


@asynccontextmanager
async def recorded(binaries: tuple[str, str], folder: Path, series: Iterable[Series]) -> AsyncIterator[RealPrometheus]:
    async with prometheus.prepared(binaries[0], folder, scraping()) as real:
        await real.backfill(binaries[1], series)
        await real.start()
        yield real


@pytest.fixture
def binaries(prometheus_binary: str, promtool: str) -> tuple[str, str]:
    return prometheus_binary, promtool


async def test_a_live_series_that_stops_is_unknown_and_not_zero_and_comes_back_until_its_exporter_dies(
    prometheus_binary: str, tmp_path: Path
) -> None:
    bars, ticks = 'depth{subscription="bars"}', 'depth{subscription="ticks"}'
    async with (
        AsyncExitStack() as stack,
        prometheus.prepared(prometheus_binary, tmp_path, {}) as real,
        outside() as world,
    ):
        exporter = await stack.enter_async_context(exporting(**{bars: 3.0, ticks: 0.0}))
        real.configure(scraping(exporter.target))
        await real.start()
        async with Watched(real.url, DEPTH, world) as watched:
            assert (await watched.seen_so("bars", "")).value == 3.0
            assert (await watched.seen_so("ticks", "")).value == 0.0
            del exporter.values[ticks]
            stopped = await watched.seen_so("ticks", "NoSeries")
            assert isinstance(stopped.age_seconds, Unknown)
            assert (await watched.seen_so("bars", "")).value == 3.0
            exporter.values[ticks] = 5.0
            assert (await watched.seen_so("ticks", "")).value == 5.0
            await stack.aclose()
            for series in ("bars", "ticks"):
                assert "it was there at" in (await watched.seen_so(series, "NoSeries")).explanation


async def test_the_age_of_each_sample_is_its_own(binaries: tuple[str, str], tmp_path: Path) -> None:
    now = time.time()
    ages = {"bars": 100.0, "ticks": 250.0, "old": 1000.0}
    series = [
        Series("depth", {"subscription": s}, [(now - age - 60, 1.0), (now - age, 2.0)]) for s, age in ages.items()
    ]
    async with recorded(binaries, tmp_path, series) as real:
        seen = metrics(await look(real.url, DEPTH))
    assert seen["bars"].value == 2.0
    assert seen["bars"].sampled_at == pytest.approx(now - 100, abs=0.01)
    assert isinstance(seen["bars"].age_seconds, float) and 100 <= seen["bars"].age_seconds < 110
    assert unknown(seen["ticks"]) == "StaleSample"
    assert list(seen) == ["bars", "ticks"]  # what was sampled before Prometheus' lookback of 5 minutes is no series


async def test_a_sum_hides_the_age_of_its_parts_and_an_expression_for_it_does_not(
    binaries: tuple[str, str], tmp_path: Path
) -> None:
    now = time.time()
    series = [Series("depth", {"subscription": s}, [(now - age, 2.0)]) for s, age in (("a", 10.0), ("b", 250.0))]
    honest = Query("depth", "sum(depth)", sampled="min(timestamp(depth))", max_age=200.0)
    blunt = Query("depth", "sum(depth)", sampled="evaluation", max_age=200.0)
    async with recorded(binaries, tmp_path, series) as real:
        assert unknown(metrics(await look(real.url, honest))[""]) == "StaleSample"
        assert metrics(await look(real.url, blunt))[""].value == 4.0


async def test_history_fills_the_past_of_each_series_with_its_own_samples(
    binaries: tuple[str, str], tmp_path: Path
) -> None:
    now = time.time()
    curve = [(now - 1800 + 60 * n, float(n)) for n in range(31)]
    other = [(at, 7.0) for at, _ in curve[20:]]
    series = [Series("depth", {"subscription": "bars"}, curve), Series("depth", {"subscription": "ticks"}, other)]
    query = Query("depth", "depth", by=("subscription",), history=2400.0)
    async with recorded(binaries, tmp_path, series) as real:
        facts = await look(real.url, query)
    past = {subject.labels[1][1]: points for subject, points in facts.past}
    assert list(past) == ["bars", "ticks"]
    told = [(round(point.at - now), point.value) for point in past["bars"]]
    assert told == [(round(at - now), value) for at, value in curve][: len(told)]
    assert len(told) >= 30 and len(past["ticks"]) >= 10
    assert {point.value for point in past["ticks"]} == {7.0}


@pytest.mark.parametrize(
    ("expr", "message"),
    [
        ("depth[5m]", "BadAnswer: it answers otherwise than agreed: its result is a matrix"),
        ('"text"', "BadAnswer: it answers otherwise than agreed: its result is a string"),
        ("sum(", "Http400: it answers 400: bad_data: "),
        ("depth * on (job) group_left depth", "Http422: it answers 422: execution: "),
        ("no_such_metric", "NoSeries: the query answers no series at all"),
        ("depth > 1e9", "NoSeries: the query answers no series at all"),
    ],
)
async def test_what_prometheus_refuses_or_cannot_answer_is_unknown_with_its_words(
    expr: str, message: str, binaries: tuple[str, str], tmp_path: Path
) -> None:
    now = time.time()
    series = [Series("depth", {"subscription": s, "job": "j"}, [(now - 5, 2.0)]) for s in ("a", "b")]
    async with recorded(binaries, tmp_path, series) as real:
        with pytest.raises(Unreachable) as raised:
            await look(real.url, Query("m", expr, sampled="evaluation"))
    assert str(raised.value).startswith(message)


async def test_expressions_and_names_travel_whole(binaries: tuple[str, str], tmp_path: Path) -> None:
    now = time.time()
    series = [Series("depth", {"subscription": 'a+b&c=d %2B "é"/x', "job": "j"}, [(now - 5, 2.0)])]
    scalar = Query("m", "scalar(depth) + 1 / 2 % 2", sampled="evaluation")
    exact = Query("m", 'depth{subscription="a+b&c=d %2B \\"é\\"/x"}', by=("subscription", "job"))
    nothing = Query("m", "depth / 0 - depth / 0", by=("subscription",), sampled="evaluation")
    async with recorded(binaries, tmp_path, series) as real:
        assert metrics(await look(real.url, scalar))[""].value == 2.5
        assert list(metrics(await look(real.url, exact))) == ['a+b&c=d %2B "é"/x/j']
        assert [unknown(m) for m in metrics(await look(real.url, nothing)).values()] == ["NotANumber"]


BARS = Query("depth", "depth", by=("subscription",))


def young() -> list[Series]:
    """One that is known for the next five minutes."""
    return [Series("depth", {"subscription": "bars"}, [(time.time(), 3.0)])]


async def test_a_prometheus_that_is_killed_is_unknown_at_once_and_known_again_within_5_s_of_its_return(
    binaries: tuple[str, str], tmp_path: Path
) -> None:
    async with (
        recorded(binaries, tmp_path, young()) as real,
        outside() as world,
        Watched(real.url, BARS, world) as watched,
    ):
        await watched.seen_so("bars", "")
        await real.kill()
        assert await watched.blind(within=2.0) in ("ConnectionRefused", "Disconnected", "ConnectFailed")
        await real.restart()
        assert (await watched.sees(within=5.0))["bars"].value == 3.0


async def test_however_a_network_fails_it_is_unknown_within_the_deadline_and_known_again_within_5_s(
    binaries: tuple[str, str], tmp_path: Path
) -> None:
    reasons = {Mode.BLACK_HOLE: {"Timeout"}, Mode.REFUSE: {"ConnectionRefused", "Disconnected"},
               Mode.RESET: {"Disconnected"}, Mode.SLOW: {"Timeout"}}  # fmt: skip
    async with (
        recorded(binaries, tmp_path, young()) as real,
        proxied(real.url) as proxy,
        outside() as world,
        Watched(proxy.url, BARS, world) as watched,
    ):
        for mode, expected in reasons.items():
            await watched.seen_so("bars", "")
            await proxy.to(mode)
            assert await watched.blind(within=3.0) in expected
            await proxy.to(Mode.PASS)
            assert (await watched.sees(within=5.0))["bars"].value == 3.0
