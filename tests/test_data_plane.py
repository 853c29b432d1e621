"""The shipped queries and rules on a real Prometheus that recorded what Cloud Monitoring would have: a sample a minute.

The source, the posture and the rules are the daemon's own; the test only moves its clock, so that recorded curves are
looked at as they happened, in market hours and outside them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Container, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from watchdog import config
from watchdog.adapters.http import AioHttp
from watchdog.core.alert import Cause
from watchdog.core.assessment import Assessment, assess
from watchdog.core.facts import Metric, Trend, Unknown
from watchdog.core.observation import Facts, Observation
from watchdog.core.posture import Posture
from watchdog.daemon import Plan
from watchdog.ports import Answer, Ports
from watchdog.simulator.scene import shipped
from watchdog.sources import Stream
from watchdog.supervision import unknown

from . import prometheus
from .fakes import HandClock, Outside
from .prometheus import Series, scraping

AGE = "pubsub_googleapis_com:subscription_oldest_unacked_message_age"
BACKLOG = "pubsub_googleapis_com:subscription_num_undelivered_messages"
NAMES = ("system-events-sub", "market-ticks-sub", "market-bars-1m-sub", "trade-signals-sub")
NOON = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
"""12:00 in New York, on a Monday: the market is open."""
NIGHT = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
"""02:00."""
OPENS = datetime(2026, 11, 24, 14, 30, tzinfo=UTC)
EVERY, STEP = 60, 30
"""Seconds from one recorded sample to the next, and from one look to the next."""

Curve = Callable[[float], float]
"""Seconds since the beginning of a recording -> value."""


class Undated(AioHttp):
    """The server's own clock is today's, and the test's is not."""

    async def get(self, url: str, *, headers: Mapping[str, str], timeout: float, limit: int) -> Answer:
        return replace(await super().get(url, headers=headers, timeout=timeout, limit=limit), headers={})


def recording(metric: str, start: datetime, minutes: int, curves: Mapping[str, Curve]) -> list[Series]:
    """One series a subscription, sampled once a minute."""
    moments = [60.0 * minute for minute in range(minutes + 1)]
    return [
        Series(metric, {"subscription_id": name}, [(start.timestamp() + m, float(curve(m))) for m in moments])
        for name, curve in curves.items()
    ]


def calm(**curves: Curve) -> dict[str, Curve]:
    """All subscriptions of the shipped configuration; those that are not named have nothing that waits."""
    return {name: curves.get(name.replace("-", "_"), lambda second: 0.0) for name in NAMES}


@dataclass
class Replay:
    """The daemon's posture and alerts, as its clock is moved over what was recorded."""

    plan: Plan
    clock: HandClock
    ports: Ports
    assessment: Assessment
    edges: list[tuple[float, str, str, str, str]] = field(default_factory=list)  # second, rule, series, kind, Sev

    async def look(self) -> None:
        """One look of every stream, one turn."""
        now = self.clock.now()
        seen = [Observation(scope, now, await _look(stream, self.ports)) for scope, stream in self.plan.streams.items()]
        self.assessment = assess(self.assessment, self.assessment.posture.updated(now, seen), self.plan.rules)
        for edge in self.assessment.edges:
            series = dict(edge.alert.identity.subject.labels).get("series", "")
            cause = "" if edge.alert.identity.cause is Cause.BREACH else " unverifiable"
            self.edges.append((now.mono, edge.alert.identity.rule, series, f"{edge.kind}{cause}", str(edge.alert.sev)))

    async def until(self, seconds: float) -> None:
        """Looks every half minute until that many seconds after the beginning."""
        while self.clock.mono < seconds:
            self.clock.pass_(STEP)
            await self.look()

    def told(self, rule: str) -> list[tuple[float, str, str, str]]:
        return [(at, series, kind, sev) for at, which, series, kind, sev in self.edges if which == rule]

    def paged(self, rule: str) -> set[str]:
        """The series for which it ever fired as a breach."""
        return {series for _, series, kind, _ in self.told(rule) if kind in ("fired", "rose")}

    def metric(self, series: str, metric: str = "oldest_unacked_seconds") -> Metric:
        posture = self.assessment.posture
        facts = [known.fact for _, known in posture.facts.items()]
        return next(f for f in facts if isinstance(f, Metric) and (f.metric, f.series) == (metric, series))

    def trend(self, series: str, metric: str) -> Trend:
        facts = [known.fact for _, known in self.assessment.posture.facts.items()]
        return next(f for f in facts if isinstance(f, Trend) and (f.metric, f.series) == (metric, series))


async def _look(stream: Stream, ports: Ports) -> Facts | Unknown:
    try:
        async with aclosing(stream.looks(ports)) as looks:  # type: ignore[type-var]
            return await anext(looks)
    except Exception as error:  # as supervision does
        return unknown(error)


PUBSUB = ("oldest_unacked_seconds", "undelivered_messages")


def content(url: str, metrics: Container[str] = PUBSUB, **changed: Any) -> dict[str, Any]:
    """The shipped configuration with this Prometheus, and nothing but these metrics and the calendar."""
    document = config.document(shipped())
    promql = next(stanza for stanza in document["sources"] if stanza["kind"] == "promql")
    queries = [query for query in promql["queries"] if query["metric"] in metrics]
    stanza = promql | {"url": url, "credentials": "none", "queries": [query | changed for query in queries]}
    calendar = [stanza for stanza in document["sources"] if stanza["kind"] == "market_hours"]
    rules = ["rules/data_plane.yaml", "rules/market_data.yaml"]
    return document | {"sources": [stanza, *calendar], "outlets": [], "rules": rules}


@dataclass
class Recorder:
    binary: str
    promtool: str
    folder: Path

    @asynccontextmanager
    async def replay(
        self, series: Iterable[Series], start: datetime, metrics: Container[str] = PUBSUB, **changed: Any
    ) -> AsyncIterator[Replay]:
        """Prometheus with these series, and a daemon whose first look is at ``start``."""
        async with prometheus.prepared(self.binary, self.folder, scraping()) as real, Undated() as http:
            await real.backfill(self.promtool, series)
            await real.start()
            plan = config.build(shipped(), content(real.url, metrics, **changed)).plan
            clock = HandClock(start)
            ports = Outside(clock=clock, http=http).ports()
            nothing = Posture.initial(clock.now(), plan.coverage())
            replay = Replay(plan, clock, ports, Assessment.initial(nothing))
            await replay.look()
            yield replay


@pytest.fixture
def recorder(prometheus_binary: str, promtool: str, tmp_path: Path) -> Recorder:
    return Recorder(prometheus_binary, promtool, tmp_path)


def level(value: float) -> Curve:
    return lambda second: value


async def test_a_critical_backlog_age_is_sev_1_in_market_hours(recorder: Recorder) -> None:
    series = recording(AGE, NOON, 5, calm(market_ticks_sub=level(901), market_bars_1m_sub=level(301)))
    async with recorder.replay(series, NOON + timedelta(seconds=30)) as replay:
        await replay.until(120)
    assert replay.told("OldestUnackedMessage") == [
        (0.0, "market-bars-1m-sub", "fired", "Sev-2"),
        (0.0, "market-ticks-sub", "fired", "Sev-1"),
    ]
    assert replay.metric("market-ticks-sub").value == 901.0


async def test_outside_them_it_is_sev_2_and_rises_when_the_market_opens(recorder: Recorder) -> None:
    begins = OPENS - timedelta(minutes=10)
    series = recording(AGE, begins, 20, calm(market_ticks_sub=level(901), market_bars_1m_sub=level(301)))
    async with recorder.replay(series, begins + timedelta(seconds=30)) as replay:
        await replay.until(480)
        assert replay.told("OldestUnackedMessage") == [
            (0.0, "market-bars-1m-sub", "fired", "Sev-3"),
            (0.0, "market-ticks-sub", "fired", "Sev-2"),
        ]
        await replay.until(900)
    rises = [edge for edge in replay.told("OldestUnackedMessage") if edge[2] == "rose"]
    assert [edge[1:] for edge in rises] == [
        ("market-bars-1m-sub", "rose", "Sev-2"),
        ("market-ticks-sub", "rose", "Sev-1"),
    ]
    bell = (OPENS - begins).total_seconds() - 30
    assert all(bell + 60 <= edge[0] <= bell + 60 + STEP for edge in rises)  # past the grace


async def test_a_backlog_of_a_night_is_sev_2_however_long(recorder: Recorder) -> None:
    series = recording(AGE, NIGHT, 20, calm(market_ticks_sub=level(5_000)))
    async with recorder.replay(series, NIGHT + timedelta(seconds=30)) as replay:
        await replay.until(1_200)
    assert replay.told("OldestUnackedMessage") == [(0.0, "market-ticks-sub", "fired", "Sev-2")]


async def test_a_series_that_stops_is_unknown_and_not_zero_and_its_alert_does_not_resolve(recorder: Recorder) -> None:
    ages = recording(AGE, NOON, 60, calm())
    stops = recording(AGE, NOON, 5, {"market-ticks-sub": level(901), "market-bars-1m-sub": level(0)})
    kept = [
        series for series in ages if series.labels["subscription_id"] not in ("market-ticks-sub", "market-bars-1m-sub")
    ]
    async with recorder.replay([*kept, *stops], NOON + timedelta(seconds=30)) as replay:
        await replay.until(270 + 300)
        assert replay.metric("market-ticks-sub").age_seconds == 300.0  # still a series, by Prometheus' lookback
        await replay.until(600)
        for stopped in ("market-ticks-sub", "market-bars-1m-sub"):
            value = replay.metric(stopped).value
            assert isinstance(value, Unknown) and value.reason == "NoSeries"
        assert replay.metric("trade-signals-sub").value == 0.0
        await replay.until(1_200)
    told = replay.told("OldestUnackedMessage")
    assert told[0] == (0.0, "market-ticks-sub", "fired", "Sev-1")
    assert not [edge for edge in told if edge[2].startswith("resolved")]
    unverifiable = [edge for edge in told if edge[1] == "market-bars-1m-sub"]
    assert [edge[2:] for edge in unverifiable] == [("fired unverifiable", "Sev-2")]
    assert 600 <= unverifiable[0][0] <= 900  # five minutes after the last that was seen, or of being unknown


AGES: dict[str, Curve] = {  # of the oldest message: only the first is that of a consumer that acks nothing
    "market-ticks-sub": lambda second: 5 + max(0.0, second - 600),
    "market-bars-1m-sub": lambda second: 5 + 0.4 * max(0.0, second - 600),  # it falls behind, slowly
    "trade-signals-sub": lambda second: (second * 7) % 55,  # in order, a batch a minute
    "system-events-sub": lambda second: 5.0 if second < 900 else 310.0,  # one odd message, once
}


async def test_ages_rapidly_fires_on_the_curve_of_a_consumer_that_acks_nothing_and_on_no_other(
    recorder: Recorder,
) -> None:
    async with recorder.replay(recording(AGE, NOON, 30, AGES), NOON + timedelta(seconds=570)) as replay:
        await replay.until(570)
        fired = replay.told("OldestUnackedAgesRapidly")
        assert [edge[1:] for edge in fired] == [("market-ticks-sub", "fired", "Sev-1")]
        assert 240 <= fired[0][0] <= 420  # well before the age itself is critical, by minutes of history
        await replay.until(1_200)
    assert replay.paged("OldestUnackedAgesRapidly") == {"market-ticks-sub"}


async def test_outside_market_hours_ages_rapidly_is_sev_2(recorder: Recorder) -> None:
    async with recorder.replay(recording(AGE, NIGHT, 20, AGES), NIGHT + timedelta(seconds=570)) as replay:
        await replay.until(570)
    assert [edge[1:] for edge in replay.told("OldestUnackedAgesRapidly")] == [("market-ticks-sub", "fired", "Sev-2")]


async def test_with_a_history_ages_rapidly_is_seen_at_the_first_look_and_without_one_it_is_not(
    recorder: Recorder,
) -> None:
    series = recording(AGE, NOON, 30, AGES)
    async with recorder.replay(series, NOON + timedelta(seconds=1_000)) as replay:
        await replay.until(120)  # that long it must hold
        assert [edge[1:] for edge in replay.told("OldestUnackedAgesRapidly")] == [
            ("market-ticks-sub", "fired", "Sev-1")
        ]
    recorder = replace(recorder, folder=recorder.folder / "again")
    async with recorder.replay(series, NOON + timedelta(seconds=1_000), history=0) as replay:
        await replay.until(120)
        assert not replay.told("OldestUnackedAgesRapidly")
        slope = replay.trend("market-ticks-sub", "oldest_unacked_seconds").slope_per_second
        assert isinstance(slope, Unknown) and slope.reason == "TooFewSamples"


BACKLOGS: dict[str, Curve] = {  # of messages: only the first drains, and takes longer than half an hour
    "market-ticks-sub": lambda second: 60_000 - 10 * second,
    "market-bars-1m-sub": lambda second: max(0.0, 60_000 - 100 * second),  # ten minutes
    "trade-signals-sub": lambda second: 2_000 + (second * 13) % 90,  # it neither rises nor falls
    "system-events-sub": lambda second: 400 - 0.1 * second,  # it drains as slowly, and is a few messages
}


async def test_drains_slowly_fires_on_a_large_backlog_that_takes_hours_and_on_no_other(recorder: Recorder) -> None:
    async with recorder.replay(recording(BACKLOG, NOON, 30, BACKLOGS), NOON + timedelta(seconds=30)) as replay:
        await replay.until(1_500)
    fired = [edge for edge in replay.told("BacklogDrainsSlowly") if "unverifiable" not in edge[2]]
    assert [edge[1:] for edge in fired] == [("market-ticks-sub", "fired", "Sev-2")]
    assert not replay.paged("BacklogRising")


async def test_outside_market_hours_drains_slowly_is_sev_3(recorder: Recorder) -> None:
    async with recorder.replay(recording(BACKLOG, NIGHT, 30, BACKLOGS), NIGHT + timedelta(seconds=30)) as replay:
        await replay.until(900)
    fired = [edge for edge in replay.told("BacklogDrainsSlowly") if "unverifiable" not in edge[2]]
    assert [edge[1:] for edge in fired] == [("market-ticks-sub", "fired", "Sev-3")]


async def test_a_backlog_that_rises_is_a_warning_after_15_minutes_and_critical_after_30(recorder: Recorder) -> None:
    curves = calm(trade_signals_sub=lambda second: 2 * second, market_bars_1m_sub=lambda second: (second * 13) % 90)
    async with recorder.replay(recording(BACKLOG, NOON, 40, curves), NOON + timedelta(seconds=30)) as replay:
        await replay.until(2_200)
    told = [edge for edge in replay.told("BacklogRising") if edge[2] in ("fired", "rose")]
    assert [edge[1:] for edge in told] == [
        ("trade-signals-sub", "fired", "Sev-2"),
        ("trade-signals-sub", "rose", "Sev-1"),
    ]
    assert 840 <= told[0][0] <= 1_020 and 1_740 <= told[1][0] <= 1_920


class Everything:
    """Any name is in it."""

    def __contains__(self, name: object) -> bool:
        return True


async def test_each_shipped_query_is_promql_and_without_series_it_is_unknown(recorder: Recorder) -> None:
    unrelated = recording("unrelated", NOON, 1, calm())
    async with recorder.replay(unrelated, NOON, Everything()) as replay:
        posture = replay.assessment.posture
    failing = [posture.why_unseen(scope) for scope in replay.plan.streams if scope.source == "promql"]
    assert {why.reason for why in failing if why} <= {"NoSeries"}  # and not Http400: bad_data
    values = [known.fact.value for _, known in posture.facts.items() if isinstance(known.fact, Metric)]
    assert values and all(isinstance(value, Unknown) and value.reason == "NoSeries" for value in values)


def counted(service: str, **a_second: float) -> list[Series]:
    """Requests of a Cloud Run service by the class of their answers ('_5xx'), for 20 minutes."""
    moments = [60.0 * minute for minute in range(21)]
    return [
        Series(
            "run_googleapis_com:request_count",
            {"service_name": service, "response_code_class": cls[1:]},
            [(NOON.timestamp() + m, rate * m) for m in moments],
        )
        for cls, rate in a_second.items()
    ]


async def test_ratios_of_errors_are_those_of_what_was_answered_and_none_without_traffic(recorder: Recorder) -> None:
    series = [
        *counted("market-ingest", _2xx=88.0, _4xx=4.0, _5xx=8.0),
        *counted("without-errors", _2xx=10.0),
        *counted("idle", _2xx=0.0, _5xx=0.0),
    ]
    ratios = ("error_ratio_5xx", "error_ratio_4xx")
    async with recorder.replay(series, NOON + timedelta(seconds=600), ratios) as replay:
        await replay.until(400)
        for service, server, client in (("market-ingest", 0.08, 0.04), ("without-errors", 0, 0), ("idle", 0, 0)):
            assert replay.metric(service, "error_ratio_5xx").value == pytest.approx(server)
            assert replay.metric(service, "error_ratio_4xx").value == pytest.approx(client)
    assert replay.paged("ErrorRatio5xx") == replay.paged("ErrorRatio4xx") == {"market-ingest"}
