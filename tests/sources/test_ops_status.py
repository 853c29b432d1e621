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
    source: OpsStatus = field(default_factory=lambda: OpsStatus("ops", (Service("strategy-engine", URL, WORKLOAD),)))

    async def said(self, body: Any, status: int = 200) -> SelfReport:
        return await self.answered(Answer(status, {}, json.dumps(body).encode()))

    async def answered(self, reply: Answer | Unreachable) -> SelfReport:
        self.http.reply = reply
        ports = Outside(clock=HandClock(), http=self.http).ports()
        (fact,) = (await anext(self.source.streams()["strategy-engine"].looks(ports))).seen
        assert isinstance(fact, SelfReport)
        return fact


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
    seen = await Floor().answered(reply)
    for value in (seen.agent_mode, seen.unsafe, seen.listed, seen.safe_to_execute):
        assert isinstance(value, Unknown) and value.reason == reason
    assert seen.explanation.startswith(reason) and seen.workload == WORKLOAD


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
        (fact,) = (await anext(source.streams()["x"].looks(Outside(http=http).ports()))).seen
    assert isinstance(fact, SelfReport) and isinstance(fact.agent_mode, Unknown) and fact.agent_mode.reason == reason


def test_one_service_that_is_down_is_a_part_of_its_own() -> None:
    source = OpsStatus("ops", (Service("a", "http://a"), Service("b", "http://b")))
    streams = source.streams()
    assert list(streams) == ["a", "b"] and streams["a"].coverage.provides == {"self_report"}
    (sees,) = streams["a"].coverage.sees
    assert (sees.area, sees.what, str(sees.subject)) == ("self_report", "a", "self_report a")


REFUSED: list[Any] = [
    lambda: OpsStatus("ops", ()),
    lambda: OpsStatus("ops", (Service("a", "http://a"), Service("a", "http://b"))),
    lambda: OpsStatus("ops", (Service("a", "http://a"),), poll_interval=0),
    lambda: OpsStatus("ops", (Service("a", "http://a"),), timeout=20),
    lambda: Service("a", "ftp://a"),
    lambda: Service("a", "not a url"),
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
