"""What a Prometheus-compatible API answers, as far as it can be relied on. Pure.

prometheus.io/docs/prometheus/latest/querying/api: the envelope with ``warnings`` and ``infos``, and the result types;
``isPartial`` is VictoriaMetrics' way to say what Thanos says by a warning.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple, TypeVar

import msgspec

from watchdog.core.facts import Unknown
from watchdog.ports import Answer, Unreachable

SHOWN = 200
MOST_SERIES = 500
HARMLESS = "PromQL info: metric might not be a counter"
"""A remark on how a metric is called, which a name from Cloud Monitoring earns in every rate: it says nothing about the
answer. All else that is remarked does."""

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")  # as Go writes a float
_NO_NUMBERS = {
    "NaN": Unknown("NotANumber", "it is not a number"),
    "+Inf": Unknown("NotANumber", "it is infinite"),
    "-Inf": Unknown("NotANumber", "it is infinite"),
}
T = TypeVar("T")


class Sample(NamedTuple):
    """One value of one series; ``at``: the epoch second of the evaluation, not of the sample."""

    labels: Mapping[str, str]
    at: float
    value: float | Unknown


class Reply(NamedTuple):
    """``server_time``: epoch seconds by the server's own clock; minus infinity where it does not say."""

    samples: tuple[Sample, ...]
    server_time: float


class _Data(msgspec.Struct):
    resultType: str
    result: msgspec.Raw


class _Envelope(msgspec.Struct):
    status: str
    data: _Data | None = None
    errorType: str = ""
    error: str = ""
    warnings: tuple[str, ...] | None = None
    infos: tuple[str, ...] | None = None
    isPartial: bool = False


class _Instant(msgspec.Struct):
    metric: dict[str, str]
    value: tuple[float, str]


class _Range(msgspec.Struct):
    metric: dict[str, str]
    values: tuple[tuple[float, str], ...]


_envelopes = msgspec.json.Decoder(_Envelope)
_vectors = msgspec.json.Decoder(tuple[_Instant, ...])
_scalars = msgspec.json.Decoder(tuple[float, str])
_matrices = msgspec.json.Decoder(tuple[_Range, ...])


def instant(answer: Answer) -> Reply:
    """The samples of a vector, or the one of a scalar. Raises ``Unreachable`` for whatever else it is."""
    data = _data(answer)
    if data.resultType not in ("vector", "scalar"):
        raise _bad(f"its result is a {data.resultType[:SHOWN]}, and a vector or a scalar is expected")
    samples = _vector(data) if data.resultType == "vector" else _scalar(data)
    return Reply(samples, _server_time(answer.headers))


def over_time(answer: Answer) -> Iterator[Sample]:
    """The samples of a matrix, each series in order of time. Raises ``Unreachable`` for whatever else it is."""
    data = _data(answer)
    if data.resultType != "matrix":
        raise _bad(f"its result is a {data.resultType[:SHOWN]}, and a matrix is expected")
    for series in _bounded(_decoded(_matrices.decode, data.result)):
        for at, text in series.values:
            yield Sample(series.metric, at, _number(text))


def _vector(data: _Data) -> tuple[Sample, ...]:
    found = _bounded(_decoded(_vectors.decode, data.result))
    return tuple(Sample(one.metric, one.value[0], _number(one.value[1])) for one in found)


def _scalar(data: _Data) -> tuple[Sample, ...]:
    at, text = _decoded(_scalars.decode, data.result)
    return (Sample({}, at, _number(text)),)


def _data(answer: Answer) -> _Data:
    envelope = _success(answer)
    remarks = [r for r in (*(envelope.warnings or ()), *(envelope.infos or ())) if not r.startswith(HARMLESS)]
    if remarks or envelope.isPartial:
        raise Unreachable("PartialAnswer", _line(remarks[0]) if remarks else "it says that its answer is partial")
    if envelope.data is None:
        raise _bad("it is without data")
    return envelope.data


def _success(answer: Answer) -> _Envelope:
    if 300 <= answer.status < 400:
        raise Unreachable("Redirect", f"it answers {answer.status}, a redirect, which is not followed")
    if answer.status != 200:
        raise Unreachable(f"Http{answer.status}", f"it answers {answer.status}{_why(answer.body)}")
    envelope = _decoded(_envelopes.decode, answer.body)
    if envelope.status != "success":
        raise Unreachable("QueryFailed", f"it answers {_line(envelope.status)}{_why(answer.body)}")
    return envelope


def _why(body: bytes) -> str:
    """What an error of the API says of itself; empty where it is another's (a proxy's page)."""
    try:
        envelope = _decoded(_envelopes.decode, body)
    except Unreachable:
        return ""
    return f": {_line(f'{envelope.errorType}: {envelope.error}')}"


def _decoded(decode: Callable[[Any], T], content: bytes | msgspec.Raw) -> T:
    try:
        return decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _bad(str(error)) from None


def _bounded(series: tuple[T, ...]) -> tuple[T, ...]:
    if len(series) > MOST_SERIES:
        raise Unreachable("TooManySeries", f"it answers {len(series)} series, and at most {MOST_SERIES} are looked at")
    return series


def _number(text: str) -> float | Unknown:
    if text in _NO_NUMBERS:
        return _NO_NUMBERS[text]
    if not _NUMBER.fullmatch(text):
        raise _bad(f"{text[:20]!r} for a number")
    value = float(text)
    return value if math.isfinite(value) else _NO_NUMBERS["+Inf"]


def _server_time(headers: Mapping[str, str]) -> float:
    try:
        return parsedate_to_datetime(headers.get("date", "")).timestamp()
    except (ValueError, OverflowError):
        return -math.inf


def _bad(what: str) -> Unreachable:
    return Unreachable("BadAnswer", f"it answers otherwise than agreed: {what}")


def _line(text: str) -> str:
    return " ".join(text.split())[:SHOWN]
