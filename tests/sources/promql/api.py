"""A Prometheus-compatible API that answers each expression with what a test says."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.fakes import START, HandClock, Outside
from watchdog.core.facts import Metric
from watchdog.core.observation import Facts
from watchdog.ports import Answer, Unreachable
from watchdog.sources.promql import PromQL
from watchdog.sources.promql.stanza import Query

NOW = START.timestamp()
URL = "http://prometheus:9090"
BACKLOG = Query("oldest_unacked_seconds", "backlog_age", by=("subscription",))

Reply = Answer | Unreachable | Callable[[Mapping[str, str]], Answer]


def answer(content: object, status: int = 200, **headers: str) -> Answer:
    return Answer(status, headers, json.dumps(content).encode())


def success(kind: str, result: object, **more: object) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": kind, "result": result}, **more}


def vector(*series: tuple[Mapping[str, str], object], at: float = NOW, **more: object) -> Answer:
    """Values as the API has them: text."""
    result = [{"metric": dict(labels), "value": [at, value]} for labels, value in series]
    return answer(success("vector", result, **more))


def matrix(*series: tuple[Mapping[str, str], list[tuple[float, str]]]) -> Answer:
    return answer(success("matrix", [{"metric": dict(labels), "values": values} for labels, values in series]))


def sub(name: str) -> dict[str, str]:
    return {"__name__": "backlog_age", "subscription": name}


@dataclass
class Api:
    """``replies`` by expression, of an instant query; ``ranges`` of one over time."""

    replies: dict[str, Reply] = field(default_factory=dict)
    ranges: dict[str, Reply] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)  # path and parameters
    headers: list[Mapping[str, str]] = field(default_factory=list)

    async def get(self, url: str, *, headers: Mapping[str, str], timeout: float, limit: int) -> Answer:
        parts = urlsplit(url)
        parameters = dict(parse_qsl(parts.query))
        self.asked.append((parts.path, parameters))
        self.headers.append(headers)
        replies = self.ranges if parts.path.endswith("_range") else self.replies
        reply = replies.get(parameters["query"], Unreachable("NotScripted", parameters["query"]))
        if isinstance(reply, Unreachable):
            raise Unreachable(reply.reason, reply.message)
        reply = reply if isinstance(reply, Answer) else reply(parameters)
        if len(reply.body) > limit:
            raise Unreachable("BodyTooLarge", f"the body is larger than {limit} bytes")
        return reply

    async def post(self, url: str, body: bytes, *, headers: Mapping[str, str], timeout: float, limit: int) -> Answer:
        raise AssertionError("a source that only reads posts nothing")


@dataclass
class Desk:
    """One query, and what the API says to it."""

    query: Query = BACKLOG
    clock: HandClock = field(default_factory=HandClock)
    api: Api = field(default_factory=Api)
    outside: Outside = field(default_factory=Outside)
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.source = PromQL("promql", URL, (self.query,), **self.options)

    async def look(self) -> Facts:
        """The first look of a stream that was just started (again)."""
        self.outside.clock, self.outside.http = self.clock, self.api
        stream = self.source.streams()[self.query.metric]
        return await anext(stream.looks(self.outside.ports()))

    async def metrics(self) -> dict[str, Metric]:
        seen = (await self.look()).seen
        return {fact.series: fact for fact in seen if isinstance(fact, Metric)}

    async def one(self, series: str = "s") -> Metric:
        return (await self.metrics())[series]

    def sampled(self, *ages: tuple[str, float], **more: object) -> None:
        """When the samples of these subscriptions were taken: seconds ago."""
        now = self.clock.wall.timestamp()
        series = ((sub(name), repr(now - age)) for name, age in ages)
        self.api.replies[self.query.stamp] = vector(*series, at=now, **more)

    def says(self, *values: tuple[str, str], age: float = 0.0, **more: object) -> None:
        now = self.clock.wall.timestamp()
        self.api.replies[self.query.expr] = vector(*((sub(n), value) for n, value in values), at=now, **more)
        if self.query.stamp:
            self.sampled(*((name, age) for name, _ in values))
