"""Bad answers: each is Unknown with its reason, and never a number."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import Outside
from tests.loopback import Answering, endless, half, hang, hang_up, not_http, serving, whole
from tests.sources.promql.api import BACKLOG, NOW, Desk, answer, sub, success, vector
from watchdog.adapters.clock import SystemClock
from watchdog.adapters.http import AioHttp
from watchdog.core.facts import Unknown
from watchdog.ports import Answer, Unreachable
from watchdog.sources.promql import PromQL
from watchdog.sources.promql.answer import instant

BAD = "BadAnswer: it answers otherwise than agreed: "


def desk(reply: Any) -> Desk:
    told = Desk()
    told.says(("s", "1"))
    told.api.replies[BACKLOG.expr] = reply
    return told


def one(value: object) -> dict[str, Any]:
    return success("vector", [{"metric": sub("s"), "value": value}])


WHOLE: list[tuple[Any, str]] = [
    (Unreachable("Timeout", "no whole answer within 2 s"), "Timeout: no whole answer within 2 s"),
    (Answer(302, {"location": "/login"}, b""), "Redirect: it answers 302, a redirect, which is not followed"),
    (Answer(200, {}, b"<html>Sign in</html>"), BAD + "JSON is malformed"),
    (Answer(200, {}, b""), BAD + "Input data was truncated"),
    (Answer(200, {}, b"\xff\xfe"), BAD),
    (Answer(200, {}, b"[" * 60_000), BAD),
    (Answer(200, {}, b"[]"), BAD + "Expected `object`, got `array`"),
    (Answer(204, {}, b""), "Http204: it answers 204"),
    (Answer(502, {}, b"<html>Bad gateway</html>"), "Http502: it answers 502"),
    (answer({"status": "error", "errorType": "bad_data", "error": "parse\nerror"}, 400), "Http400: it answers 400: "),
    (answer({"status": "error", "errorType": "x", "error": "y"}, 401), "Http401: it answers 401: x: y"),
    (Answer(403, {}, b"Forbidden"), "Http403: it answers 403"),
    (Answer(404, {}, b"404 page not found"), "Http404: it answers 404"),
    (
        answer({"status": "error", "errorType": "execution", "error": "many-to-many\nmatching"}, 422),
        "Http422: it answers 422: execution: many-to-many matching",
    ),
    (Answer(429, {}, b"slow down"), "Http429: it answers 429"),
    (
        answer({"status": "error", "errorType": "timeout", "error": "query timed out"}, 503),
        "Http503: it answers 503: timeout: query timed out",
    ),
    (
        answer({"status": "error", "errorType": "internal", "error": "no"}),
        "QueryFailed: it answers error: internal: no",
    ),
    (answer({"status": "success"}), BAD + "it is without data"),
    (answer({"status": "success", "data": None}), BAD + "it is without data"),
    (answer({"data": {"resultType": "vector", "result": []}}), BAD + "Object missing required field `status`"),
    (answer(success("matrix", [])), BAD + "its result is a matrix, and a vector or a scalar is expected"),
    (answer(success("string", [NOW, "1"])), BAD + "its result is a string"),
    (answer(success("vector", {})), BAD + "Expected `array`, got `object`"),
    (answer(success("vector", None)), BAD + "Expected `array`, got `null`"),
    (answer(success("scalar", [NOW])), BAD),
    (answer(one([NOW, 1.0])), BAD + "Expected `str`, got `float`"),
    (answer(one([str(NOW), "1"])), BAD + "Expected `float`, got `str`"),
    (answer(one([NOW, "1", "2"])), BAD),
    (answer(one([NOW])), BAD),
    (answer(one([NOW, "many"])), BAD + "'many' for a number"),
    (answer(one([NOW, ""])), BAD + "'' for a number"),
    (answer(one([NOW, "1_000"])), BAD + "'1_000' for a number"),
    (answer(one([NOW, " 1"])), BAD + "' 1' for a number"),
    (answer(one([NOW, "0x10"])), BAD + "'0x10' for a number"),
    (answer(one([NOW, "nan"])), BAD + "'nan' for a number"),
    (answer(success("vector", [{"metric": sub("s"), "histogram": [NOW, {}]}])), BAD + "Object missing required field"),
    (answer(success("vector", [{"value": [NOW, "1"]}])), BAD + "Object missing required field `metric`"),
    (answer(success("vector", [{"metric": {"subscription": 1}, "value": [NOW, "1"]}])), BAD),
    (vector((sub("s"), "1"), warnings=["store x\nis down"]), "PartialAnswer: store x is down"),
    (vector((sub("s"), "1"), infos=["PromQL info: ignored histogram"]), "PartialAnswer: PromQL info: ignored"),
    (vector((sub("s"), "1"), isPartial=True), "PartialAnswer: it says that its answer is partial"),
    (vector((sub("s"), "1"), warnings="all is well"), BAD),
    (vector(({"topic": "t"}, "1")), "NoSuchLabel: a series has no label 'subscription'"),
    (vector(), "NoSeries: the query answers no series at all"),
    (
        vector(*((sub(str(number)), "1") for number in range(501))),
        "TooManySeries: it answers 501 series, and at most 500 are looked at",
    ),
    (Answer(200, {}, b" " * 10_000_000 + b"{}"), "BodyTooLarge: "),
]


@pytest.mark.parametrize(("reply", "message"), WHOLE)
async def test_an_answer_that_cannot_be_relied_on_is_unknown_as_a_whole_and_says_why(reply: Any, message: str) -> None:
    with pytest.raises(Unreachable) as raised:
        await desk(reply).look()
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize(("reply", "message"), [case for case in WHOLE if "NoSeries" not in case[1]])
async def test_a_bad_answer_to_when_the_samples_were_taken_is_no_better(reply: Any, message: str) -> None:
    told = desk(vector((sub("s"), "1")))
    told.api.replies[BACKLOG.stamp] = reply
    with pytest.raises(Unreachable) as raised:
        await told.look()
    assert str(raised.value).startswith(message)


async def test_a_remark_on_the_name_of_a_metric_says_nothing_of_its_value() -> None:
    remark = 'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count: "a:b"'
    for where in ("warnings", "infos"):
        remarks: dict[str, Any] = {where: [remark]}
        assert (await desk(vector((sub("s"), "1"), **remarks)).one()).value == 1.0
        remarks[where].append("store x is down")
        told = desk(vector((sub("s"), "1"), **remarks))
        with pytest.raises(Unreachable, match="PartialAnswer: store x is down"):
            await told.look()


@pytest.mark.parametrize(("text", "value"), [("0", 0.0), ("1.5e+06", 1.5e6), ("912", 912.0), ("1e-7", 1e-7)])
async def test_a_number_is_read_as_go_writes_it(text: str, value: float) -> None:
    assert (await desk(vector((sub("s"), text))).one()).value == value


@pytest.mark.parametrize(
    ("answering", "reason"),
    [
        (hang, "Timeout"),
        (hang_up, "Disconnected"),
        (endless, "BodyTooLarge"),
        (half, "HalfAnswer"),
        (not_http, "NotHttp"),
        (whole(b"", "301 Moved Permanently", "Location: http://169.254.169.254/"), "Redirect"),
        (whole(b"x" * 10_000_000), "BodyTooLarge"),
        (whole(json.dumps(success("vector", [])).encode(), "429 Too Many Requests"), "Http429"),
    ],
)
async def test_a_real_server_that_misbehaves_is_unknown_with_its_reason(answering: Answering, reason: str) -> None:
    async with serving(answering) as url, AioHttp() as http:
        source = PromQL("promql", url, (BACKLOG,), timeout=0.3)
        ports = Outside(clock=SystemClock(), http=http).ports()
        with pytest.raises(Unreachable) as raised:
            await anext(source.streams()[BACKLOG.metric].looks(ports))
    assert raised.value.reason == reason


async def test_only_reading_requests_are_sent() -> None:
    """The API of these tests refuses a POST."""
    told = desk(vector((sub("s"), "1")))
    await told.look()
    assert [path for path, _ in told.api.asked] == ["/api/v1/query", "/api/v1/query"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
PLACES: list[tuple[str | int, ...]] = [
    (), ("status",), ("data",), ("data", "resultType"), ("data", "result"), ("data", "result", 0), ("warnings",),
    ("data", "result", 0, "metric"), ("data", "result", 0, "metric", "subscription"), ("isPartial",), ("infos",),
    ("data", "result", 0, "value"), ("data", "result", 0, "value", 0), ("data", "result", 0, "value", 1),
]  # fmt: skip


@given(st.sampled_from(PLACES), JSON, st.sampled_from([200, 422]))
async def test_whatever_stands_anywhere_in_an_answer_it_is_a_sample_or_a_reason(
    place: tuple[str | int, ...], planted: Any, status: int
) -> None:
    content: dict[Any, Any] = {"": one([NOW, "1"])}
    inner, (*way, last) = content, ["", *place]
    for step in way:
        inner = inner[step]
    inner[last] = planted
    try:
        samples = instant(Answer(status, {}, json.dumps(content[""]).encode())).samples
    except Unreachable as error:
        assert len(error.message) < 500
    else:
        assert all(isinstance(sample.value, float | Unknown) for sample in samples)
