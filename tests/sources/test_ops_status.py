"""What services say of themselves (domain.md §4, §6): either form, and every way not to say it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.fakes import HandClock, Outside, ScriptedHttp
from tests.loopback import Answering, endless, half, hang, hang_up, not_http, serving, whole
from watchdog.adapters.http import AioHttp
from watchdog.core.facts import SelfReport, Unknown
from watchdog.core.facts import Service as Standing
from watchdog.ports import Answer, Unreachable
from watchdog.sources.ops_status import BODY_LIMIT, Modes, OpsStatus, Service

URL = "http://strategy-engine/ops/status"
WORKLOAD = "trading-floor/StatefulSet/strategy-engine"
PLAIN = {
    "uptime": 12.5,
    "last_heartbeat": "2026-11-23T15:00:00Z",
    "data_freshness_seconds": 3,
    "build_sha": "54afffe",
    "agent_mode": "EVAL",
}
RICH = {"agent_mode": "EVAL", "status": {"state": "OK"}, "safety": {"safe_to_execute_orders": False}}


@dataclass
class Floor:
    http: ScriptedHttp = field(default_factory=ScriptedHttp)
    source: OpsStatus = field(
        default_factory=lambda: OpsStatus("ops", (Service("strategy-engine", URL, WORKLOAD, "important"),))
    )

    async def said(self, body: Any, status: int = 200) -> SelfReport:
        return await self.answered(Answer(status, {}, json.dumps(body).encode()))

    async def answered(self, reply: Answer | Unreachable) -> SelfReport:
        return (await self.both(reply))[0]

    async def stands(self, body: Any, status: int = 200) -> Standing:
        return (await self.both(Answer(status, {}, json.dumps(body).encode())))[1]

    async def both(self, reply: Answer | Unreachable) -> tuple[SelfReport, Standing]:
        self.http.reply = reply
        ports = Outside(clock=HandClock(), http=self.http).ports()
        report, standing = (await anext(self.source.streams()["strategy-engine"].looks(ports))).seen
        assert isinstance(report, SelfReport) and isinstance(standing, Standing)
        return report, standing


async def test_a_service_says_its_mode() -> None:
    assert await Floor().said(PLAIN) == SelfReport(
        "strategy-engine", URL, "EVAL", False, True, False, WORKLOAD, "it says that its mode is EVAL"
    )


async def test_the_richer_form_says_its_state_too() -> None:
    seen = await Floor().said(RICH)
    assert (seen.agent_mode, seen.unsafe, seen.safe_to_execute) == ("EVAL", False, False)
    assert seen.explanation == "it says that its mode is EVAL; its state is OK"


@pytest.mark.parametrize("mode", ["EXECUTE", "LIVE", "live", "  Live\n"])
async def test_a_forbidden_mode_is_unsafe_however_it_is_written(mode: str) -> None:
    seen = await Floor().said(PLAIN | {"agent_mode": mode})
    assert (seen.unsafe, seen.listed) == (True, True)


async def test_a_mode_that_nobody_knows_is_not_listed() -> None:
    seen = await Floor().said(PLAIN | {"agent_mode": "TURBO"})
    assert (seen.agent_mode, seen.unsafe, seen.listed) == ("TURBO", False, False)


@pytest.mark.parametrize("mode", [None, "", "  "])
async def test_who_names_no_mode_does_not_say(mode: str | None) -> None:
    seen = await Floor().said(PLAIN | {"agent_mode": mode})
    assert (seen.agent_mode, seen.unsafe, seen.listed, seen.explanation) == ("", False, True, "it says no mode")


async def test_that_it_is_safe_to_execute_orders_is_heard() -> None:
    seen = await Floor().said(RICH | {"safety": {"safe_to_execute_orders": True}})
    assert seen.safe_to_execute is True and "safe to execute orders" in seen.explanation


@pytest.mark.parametrize("value", ["false", "true", 0, 1, [], {}])
async def test_a_word_that_can_be_misread_is_unknown(value: object) -> None:
    seen = await Floor().said(RICH | {"safety": {"safe_to_execute_orders": value}})
    assert isinstance(seen.safe_to_execute, Unknown) and seen.agent_mode == "EVAL"


@pytest.mark.parametrize("safety", ["no", [], False, 0])
async def test_a_safety_of_another_shape_is_unknown(safety: object) -> None:
    assert isinstance((await Floor().said(RICH | {"safety": safety})).safe_to_execute, Unknown)


@pytest.mark.parametrize("mode", [1, True, ["LIVE"], {"mode": "LIVE"}])
async def test_a_mode_that_is_no_text_is_unknown(mode: object) -> None:
    seen = await Floor().said(PLAIN | {"agent_mode": mode})
    assert (
        isinstance(seen.agent_mode, Unknown) and isinstance(seen.unsafe, Unknown) and isinstance(seen.listed, Unknown)
    )


async def test_a_service_that_is_degraded_still_says_its_mode() -> None:
    assert (await Floor().said(RICH | {"agent_mode": "LIVE"}, status=503)).unsafe is True


# Whether it is up, and what it says of its health


async def test_a_service_that_answers_as_agreed_is_up_and_healthy_in_either_form() -> None:
    explanation = "it answers"
    assert await Floor().stands(PLAIN | {"last_heartbeat": "2026-11-23T14:59:18.5Z"}) == Standing(
        "strategy-engine", URL, "important", True, True, "", 41.5, 3.0, explanation
    )
    rich = await Floor().stands(PLAIN | RICH)
    assert (rich.up, rich.healthy, rich.state, rich.data_age_seconds) == (True, True, "OK", 3.0)
    assert rich.explanation == "it answers, and its state is OK"


@pytest.mark.parametrize("state", ["OK", "HALTED", "MARKET_CLOSED", " halted\n", "ok"])
async def test_a_state_that_is_expected_is_no_illness(state: str) -> None:
    seen = await Floor().stands(RICH | {"status": {"state": state}})
    assert (seen.up, seen.healthy, seen.state) == (True, True, state.strip().upper())


@pytest.mark.parametrize("state", ["DEGRADED", "OFFLINE", "UNKNOWN", "degraded", "TURBO", "NOT OK"])
async def test_every_other_word_is_one_and_the_service_is_up_all_the_same(state: str) -> None:
    seen = await Floor().stands(RICH | {"status": {"state": state}})
    assert (seen.up, seen.healthy, seen.state) == (True, False, state.upper())
    assert seen.explanation == f"it says that its state is {state.upper()}"


@pytest.mark.parametrize("status", ["OK", {}, {"state": None}, {"state": ""}, {"state": 1}, {"state": ["OK"]}, [], 0])
async def test_a_state_that_cannot_be_read_is_not_healthy(status: object) -> None:
    seen = await Floor().stands(RICH | {"status": status})
    assert (seen.up, seen.healthy, seen.state) == (True, False, "")
    assert seen.explanation == "its status.state is no text"


async def test_a_503_is_not_healthy_whatever_the_body_says() -> None:
    seen = await Floor().stands(PLAIN | RICH, status=503)
    assert (seen.up, seen.healthy, seen.state, seen.explanation) == (True, False, "OK", "it answers 503")


@pytest.mark.parametrize(
    ("said", "age"),
    [
        ("2026-11-23T15:00:00Z", 0.0),
        ("2026-11-23t14:00:00z", 3600.0),
        ("2026-11-23T09:59:59.123456789-05:00", 0.877),
        ("2026-11-23T15:00:04Z", 0.0),
    ],
)
async def test_a_heartbeats_age_counts_on_our_clock_and_a_skew_of_a_few_seconds_is_none(said: str, age: float) -> None:
    assert (await Floor().stands(PLAIN | {"last_heartbeat": said})).heartbeat_age_seconds == age


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("2026-11-23T15:00:06Z", "InTheFuture"),
        ("9999-12-31T23:59:59-14:00", "InTheFuture"),
        ("2026-11-23T15:00:00", "BadAnswer"),
        ("yesterday", "BadAnswer"),
        ("", "BadAnswer"),
        ("2026-13-45T99:00:00Z", "BadAnswer"),
        (1795446000, "BadAnswer"),
        (True, "BadAnswer"),
        ({}, "BadAnswer"),
        (None, "NotSaid"),
    ],
)
async def test_a_heartbeat_that_is_no_time_or_from_the_future_is_unknown(said: object, reason: str) -> None:
    seen = await Floor().stands(PLAIN | {"last_heartbeat": said})
    assert isinstance(seen.heartbeat_age_seconds, Unknown) and seen.heartbeat_age_seconds.reason == reason
    assert (seen.up, seen.healthy) == (True, True)


@pytest.mark.parametrize(
    ("said", "reason"),
    [(-1, "BadAnswer"), ("3", "BadAnswer"), (True, "BadAnswer"), (10**30, "BadAnswer"), (None, "NotSaid")],
)
async def test_an_age_of_its_data_that_is_none_is_unknown(said: object, reason: str) -> None:
    seen = await Floor().stands(PLAIN | {"data_freshness_seconds": said})
    assert isinstance(seen.data_age_seconds, Unknown) and seen.data_age_seconds.reason == reason


def test_a_service_is_optional_unless_it_is_said_to_be_worth_more() -> None:
    assert Service("a", "http://a").criticality == "optional"


BAD = {
    "another status": (Answer(500, {}, json.dumps(PLAIN).encode()), "Http500"),
    "a redirect": (Answer(302, {"location": "/login"}, b""), "Http302"),
    "not found": (Answer(404, {}, b"not found"), "Http404"),
    "HTML": (Answer(200, {}, b"<html>Sign in</html>"), "BadAnswer"),
    "nothing": (Answer(200, {}, b""), "BadAnswer"),
    "half": (Answer(200, {}, b'{"agent_mode": "EV'), "BadAnswer"),
    "NaN": (Answer(200, {}, b'{"uptime": NaN}'), "BadAnswer"),
    "no UTF-8": (Answer(200, {}, b'{"agent_mode": "\xff"}'), "BadAnswer"),
    "a list": (Answer(200, {}, b'[{"agent_mode": "OFF"}]'), "BadAnswer"),
    "a text": (Answer(200, {}, b'"OFF"'), "BadAnswer"),
    "deep": (Answer(200, {}, b'{"a":' * 10_000), "BadAnswer"),
    "neither form": (Answer(200, {}, b'{"ok": true}'), "BadAnswer"),
    "nobody there": (Unreachable("ConnectionRefused", "nobody listens there"), "ConnectionRefused"),
}


@pytest.mark.parametrize("reply, reason", BAD.values(), ids=BAD.keys())
async def test_every_error_is_unknown_and_says_why(reply: Answer | Unreachable, reason: str) -> None:
    seen, stands = await Floor().both(reply)
    for value in (seen.agent_mode, seen.unsafe, seen.listed, seen.safe_to_execute):
        assert isinstance(value, Unknown) and value.reason == reason
    assert seen.explanation.startswith(reason) and seen.workload == WORKLOAD
    assert (stands.up, stands.healthy, stands.state) == (False, False, "") and stands.explanation == seen.explanation
    for age in (stands.heartbeat_age_seconds, stands.data_age_seconds):
        assert isinstance(age, Unknown) and age.reason == reason


SERVERS: dict[str, tuple[Answering, str]] = {
    "hangs": (hang, "Timeout"),
    "hangs up": (hang_up, "Disconnected"),
    "never ends": (endless, "BodyTooLarge"),
    "breaks off": (half, "HalfAnswer"),
    "speaks no HTTP": (not_http, "NotHttp"),
    "is too large": (whole(b" " * (BODY_LIMIT + 1)), "BodyTooLarge"),
}


@pytest.mark.parametrize("answer, reason", SERVERS.values(), ids=SERVERS.keys())
async def test_over_a_socket_too(answer: Answering, reason: str) -> None:
    async with serving(answer) as url, AioHttp() as http:
        source = OpsStatus("ops", (Service("x", url),), timeout=0.2 if reason == "Timeout" else 5.0)
        fact, stands = (await anext(source.streams()["x"].looks(Outside(http=http).ports()))).seen
    assert isinstance(fact, SelfReport) and isinstance(fact.agent_mode, Unknown) and fact.agent_mode.reason == reason
    assert isinstance(stands, Standing) and (stands.up, stands.healthy) == (False, False)


def test_one_service_that_is_down_is_a_part_of_its_own() -> None:
    source = OpsStatus("ops", (Service("a", "http://a"), Service("b", "http://b")))
    streams = source.streams()
    assert list(streams) == ["a", "b"] and streams["a"].coverage.provides == {"self_report", "service"}
    (sees,) = streams["a"].coverage.sees
    assert (sees.area, sees.what, str(sees.subject)) == ("self_report", "a", "self_report a")


REFUSED: list[Any] = [
    lambda: OpsStatus("ops", ()),
    lambda: OpsStatus("ops", (Service("a", "http://a"), Service("a", "http://b"))),
    lambda: OpsStatus("ops", (Service("a", "http://a"),), poll_interval=0),
    lambda: OpsStatus("ops", (Service("a", "http://a"),), timeout=20),
    lambda: OpsStatus("ops", (Service("a", "http://a"),), max_skew_seconds=-1),
    lambda: Service("a", "ftp://a"),
    lambda: Service("a", "not a url"),
    lambda: Service("a", "http://ops:65536/ops/status"),
    lambda: Service("", "http://a"),
    lambda: Service("a", "http://a", "strategy-engine"),
    lambda: Service("a", "http://a", "trading-floor//x"),
    lambda: Modes(unsafe=("LIVE",), safe=("live ",)),
    lambda: Modes(unsafe=()),
]


@pytest.mark.parametrize("made", REFUSED)
def test_a_stanza_that_cannot_be_is_refused(made: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        made()
