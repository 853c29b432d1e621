"""Prometheus' HTTP API over scripted metrics: /api/v1/query and /api/v1/query_range, as its documentation has them.

No PromQL: an expression is known as a whole, or is an error. prometheus.io/docs/prometheus/latest/querying/api.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

from watchdog.simulator.market_data import Fault, answered
from watchdog.simulator.metrics import Metrics, Sample
from watchdog.simulator.wire import Request, Response, answer
from watchdog.sources.promql.stanza import Query as Asked

JSON = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Query:
    """What an expression asks for. ``by``: the names of its labels; ``time``: when the samples were taken, not what
    they are worth (PromQL's ``timestamp``)."""

    metric: str
    by: tuple[str, ...] = ()
    time: bool = False


def queries(stanzas: Iterable[Mapping[str, Any]]) -> Mapping[str, Query]:
    """The expressions of all ``promql`` stanzas of a configuration."""
    asked: dict[str, Query] = {}
    for stanza in stanzas:
        for one in stanza["queries"] if stanza["kind"] == "promql" else ():
            named = Query(one["metric"], tuple(one.get("by", ())))
            asked[one["expr"]] = named
            if stamp := Asked(one["metric"], one["expr"], one.get("sampled", "")).stamp:
                asked[stamp] = replace(named, time=True)
    return asked


class Prometheus:
    """A service of the simulator. ``fault`` may be set and cleared at any time."""

    def __init__(self, metrics: Metrics, known: Mapping[str, Query] | None = None) -> None:
        self._metrics, self.known = metrics, known or {}
        self.fault: Fault | None = None

    async def answer(self, request: Request) -> Response:
        asked = {**request.query, **dict(parse_qsl(request.body.decode()))}
        if not request.path.endswith(("/api/v1/query", "/api/v1/query_range")):
            return answer(404, {"status": "error", "errorType": "not_found", "error": "no such path"})
        query = self.known.get(asked.get("query", ""))
        if query is None:
            wrong = f"the simulator does not know {asked.get('query', '')!r}"
            return answer(400, {"status": "error", "errorType": "bad_data", "error": wrong})
        found = self._range(query, asked) if request.path.endswith("_range") else self._instant(query, asked)
        said = await answered(self.fault, {"status": "success", "data": found})
        return replace(said, headers={**said.headers, "Date": self._date()})

    def _date(self) -> str:
        """By the clock of the simulated world."""
        return format_datetime(datetime.fromtimestamp(self._metrics.time, UTC), usegmt=True)

    def _instant(self, query: Query, asked: Mapping[str, str]) -> JSON:
        at = float(asked["time"]) if "time" in asked else self._metrics.time
        result = [
            {"metric": _labels(query, values), "value": [at, _value(query, sample)]}
            for values, sample in self._metrics.samples(query.metric, at).items()
        ]
        return {"resultType": "vector", "result": result}

    def _range(self, query: Query, asked: Mapping[str, str]) -> JSON:
        series: dict[tuple[str, ...], list[list[Any]]] = {}
        for at in _steps(*(float(asked[name]) for name in ("start", "end", "step"))):
            for values, sample in self._metrics.samples(query.metric, at).items():
                series.setdefault(values, []).append([at, _value(query, sample)])
        result = [{"metric": _labels(query, values), "values": points} for values, points in series.items()]
        return {"resultType": "matrix", "result": result}


def _steps(start: float, end: float, step: float) -> Iterator[float]:
    at = start
    while at <= end:
        yield at
        at += step


def _labels(query: Query, values: tuple[str, ...]) -> dict[str, str]:
    return dict(zip(query.by, values, strict=True))


def _value(query: Query, sample: Sample) -> str:
    return repr(sample.at if query.time else sample.value)
