"""Scripted metrics behind Prometheus' API: what a query sees, when, and that the real one answers in the same form."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.prometheus import Series as Recorded
from tests.prometheus import prepared, running, scraping
from watchdog.simulator.market_data import Verbatim
from watchdog.simulator.metrics import Metrics
from watchdog.simulator.prometheus import Prometheus, Query, queries
from watchdog.simulator.scene import known
from watchdog.simulator.wire import Request

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
AGE, SUB = "age", ("ticks-sub",)


@dataclass
class World:
    """A clock that the test moves, and one series; sampled every minute, seen two minutes later."""

    at: datetime = NOON
    metrics: Metrics = field(init=False)

    def __post_init__(self) -> None:
        self.metrics = Metrics(lambda: self.at)
        self.metrics.begin(AGE, SUB, 1.0)

    def pass_(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    def seen(self) -> tuple[float, float]:
        """How old the sample is that a query sees now, and its value."""
        sample = self.metrics.samples(AGE, self.at.timestamp())[SUB]
        return self.at.timestamp() - sample.at, sample.value


def test_a_sample_is_taken_once_a_minute_and_seen_two_minutes_later() -> None:
    world = World()
    world.metrics.put(AGE, SUB, 7.0)
    assert world.seen() == (120.0, 1.0)
    world.pass_(119)
    assert world.seen() == (179.0, 1.0)
    world.pass_(1)
    assert world.seen() == (120.0, 7.0)


def test_what_ages_and_what_drains_is_a_line_that_never_falls_below_zero() -> None:
    world = World()
    world.metrics.slope(AGE, SUB, 1.0)
    world.pass_(600)
    assert (world.seen(), world.metrics.value(AGE, SUB)) == ((120.0, 481.0), 601.0)
    world.metrics.slope(AGE, SUB, -10.0)
    world.pass_(600)
    assert world.seen() == (120.0, 0.0)


def test_a_series_that_stops_is_seen_for_the_lookback_and_then_is_none() -> None:
    world = World()
    world.metrics.stop(AGE, SUB)
    world.pass_(240)
    assert world.seen() == (300.0, 1.0), "the last sample, a minute before it stopped, is as old as the lookback"
    world.pass_(60)
    assert world.metrics.samples(AGE, world.at.timestamp()) == {}
    world.metrics.put(AGE, SUB, 2.0)
    world.pass_(120)
    assert world.seen() == (120.0, 2.0)


def test_a_series_that_there_is_not_cannot_be_set() -> None:
    with pytest.raises(KeyError):
        World().metrics.put(AGE, ("another",), 1.0)


EXPR, STAMP = 'max by (sub) (age{sub!="x"})', 'min by (sub) (timestamp(age{sub!="x"}))'
STANZA = {"kind": "promql", "queries": [{"metric": AGE, "expr": EXPR, "sampled": STAMP, "by": ["sub"]}]}


async def asked(prometheus: Prometheus, path: str, **query: str) -> tuple[int, Any]:
    answer = await prometheus.answer(Request("GET", f"/api/v1/{path}", query))
    assert isinstance(answer.body, bytes)
    return answer.status, json.loads(answer.body)


async def test_it_answers_the_whole_expression_and_its_companion_and_no_other() -> None:
    world = World()
    prometheus = Prometheus(world.metrics, queries([STANZA]))
    at = str(NOON.timestamp())
    _, value = await asked(prometheus, "query", query=EXPR, time=at)
    _, stamp = await asked(prometheus, "query", query=STAMP, time=at)
    assert value["data"] == {
        "resultType": "vector", "result": [{"metric": {"sub": "ticks-sub"}, "value": [NOON.timestamp(), "1.0"]}]
    }  # fmt: skip
    assert stamp["data"]["result"][0]["value"][1] == repr(NOON.timestamp() - 120)
    status, refused = await asked(prometheus, "query", query=EXPR + " ")
    assert (status, refused["status"], refused["errorType"]) == (400, "error", "bad_data")
    assert (await asked(prometheus, "labels"))[0] == 404


def test_a_plain_selector_has_its_own_companion_and_an_evaluation_has_none() -> None:
    plain = {"metric": "up", "expr": "up", "by": ["job"]}
    computed = {"metric": "rate", "expr": "rate(x[5m])", "sampled": "evaluation"}
    found = queries([{"kind": "promql", "queries": [plain, computed]}, {"kind": "kubernetes"}])
    assert dict(found) == {
        "up": Query("up", ("job",)), "timestamp(up)": Query("up", ("job",), time=True), "rate(x[5m])": Query("rate")
    }  # fmt: skip


async def test_what_is_wrong_with_it_can_be_said() -> None:
    prometheus = Prometheus(World().metrics, queries([STANZA]))
    prometheus.fault = Verbatim(b"<html>", 502)
    answer = await prometheus.answer(Request("GET", "/api/v1/query", {"query": EXPR}))
    assert (answer.status, answer.body) == (502, b"<html>")


async def test_the_real_prometheus_answers_in_the_same_form(
    prometheus_binary: str, promtool: str, tmp_path: Path
) -> None:
    now = float(int(time.time() / 60) * 60)
    points = [(now - 60 * ago, 1.0) for ago in range(10, -1, -1)]
    world = World(datetime.fromtimestamp(now, UTC))
    world.metrics.late = 0.0
    simulated = Prometheus(world.metrics, queries([STANZA]))
    asking = {"query": {"time": now}, "query_range": {"start": now - 180, "end": now, "step": 60}}
    async with prepared(prometheus_binary, tmp_path, scraping()) as real, aiohttp.ClientSession() as session:
        await real.backfill(promtool, [Recorded(AGE, {"sub": "ticks-sub"}, points)])
        await real.start()
        for expr in (EXPR, STAMP):
            for path, moments in asking.items():
                parameters = {"query": expr, **{name: str(value) for name, value in moments.items()}}
                async with session.get(f"{real.url}/api/v1/{path}", params=parameters) as answer:
                    truth = await answer.json()
                _, fake = await asked(simulated, path, **parameters)
                assert numbers(fake["data"]) == numbers(truth["data"])


def numbers(data: Any) -> Any:
    """With values as numbers: '1' and '1.0' are the same."""
    for series in data["result"]:
        for point in [series["value"]] if "value" in series else series["values"]:
            point[1] = float(point[1])
    return data


async def test_a_real_prometheus_understands_every_query_of_the_shipped_configuration(
    prometheus_binary: str, tmp_path: Path
) -> None:
    async with running(prometheus_binary, tmp_path, scraping()) as real:
        for expr in known():
            assert await real.query(expr) == []


GAUGE = "pubsub_googleapis_com:subscription_"
REQUESTS = "run_googleapis_com:request_count"


def rising(per_second: float, now: float) -> list[tuple[float, float]]:
    return [(now - 30 * ago, per_second * (3600 - 30 * ago)) for ago in range(120, -1, -1)]


def level(value: float, now: float) -> list[tuple[float, float]]:
    return [(now - 30 * ago, value) for ago in range(20, -1, -1)]


async def test_the_shipped_queries_say_of_recorded_series_what_their_names_promise(
    prometheus_binary: str, promtool: str, tmp_path: Path
) -> None:
    now = float(int(time.time()))
    sub, dead, idle = {"subscription_id": "s-sub"}, {"subscription_id": "s-sub.dlq-drain"}, {"subscription_id": "idle"}
    service = {"service_name": "market-ingest"}
    recorded = [
        Recorded(f"{GAUGE}oldest_unacked_message_age", sub, level(912.0, now)),
        Recorded(f"{GAUGE}num_undelivered_messages", sub, level(40.0, now)),
        Recorded(f"{GAUGE}num_undelivered_messages", dead, level(3.0, now)),
        Recorded(f"{GAUGE}dead_letter_message_count", sub, rising(0.02, now)),
        Recorded("pubsub_googleapis_com:topic_send_request_count", {"topic_id": "s"}, rising(5.0, now)),
        Recorded(f"{GAUGE}sent_message_count", sub, rising(10.0, now)),
        Recorded(f"{GAUGE}ack_message_count", sub, rising(8.0, now)),
        Recorded(f"{GAUGE}sent_message_count", idle, level(7.0, now)),
        Recorded(REQUESTS, {**service, "response_code_class": "2xx"}, rising(9.0, now)),
        Recorded(REQUESTS, {**service, "response_code_class": "5xx"}, rising(1.0, now)),
        Recorded(REQUESTS, {"service_name": "idle", "response_code_class": "2xx"}, level(7.0, now)),
        Recorded("strategy_cycles_total", {"job": "gamma-strategy"}, rising(0.2, now)),
        Recorded("heartbeat_age_seconds", {"job": "mission-control"}, level(15.0, now)),
    ]
    expected: dict[str, dict[str, float]] = {
        "oldest_unacked_seconds": {"s-sub": 912.0},
        "undelivered_messages": {"s-sub": 40.0},
        "dead_letter_backlog": {"s-sub.dlq-drain": 3.0},
        "dead_letters_arrived": {"s-sub": 12.0},
        "publish_rate": {"s": 5.0},
        "publish_rate_ratio": {"s": 1.0},
        "redelivery_ratio": {"s-sub": 0.2, "idle": 0.0},
        "error_ratio_5xx": {"market-ingest": 0.1, "idle": 0.0},
        "error_ratio_4xx": {"market-ingest": 0.0, "idle": 0.0},
        "strategy_cycles_rate": {"gamma-strategy": 0.2},
        "heartbeat_age_seconds": {"mission-control": 15.0},
    }
    assert expected.keys() == {query.metric for query in known().values()}
    async with prepared(prometheus_binary, tmp_path, scraping()) as real:
        await real.backfill(promtool, recorded)
        await real.start()
        for expr, query in known().items():
            said = {one["metric"][query.by[0]]: float(one["value"][1]) for one in await real.query(expr)}
            if query.time:
                assert {now - 30 <= at <= now for at in said.values()} == {True}, expr
                assert said.keys() == expected[query.metric].keys()
            else:
                assert said == pytest.approx(expected[query.metric], abs=0.02), expr
