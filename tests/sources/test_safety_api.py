"""The switch as mission-control reports it (domain.md §3): an alarm counts, a silence makes nothing less known."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.fakes import Outside, ScriptedHttp
from tests.loopback import Answering, endless, half, hang, serving, whole
from watchdog.adapters.http import AioHttp
from watchdog.core.facts import KillSwitch
from watchdog.core.observation import Facts
from watchdog.ports import Answer, Unreachable
from watchdog.sources.safety_api import SafetyApi

URL = "http://mission-control/api/v1/safety"
HALTED = {"kill_switch": {"execution_halted": True, "source": "configmap"}}
DOWN = Unreachable("ConnectionRefused", "nobody listens there")


def api(**keys: Any) -> SafetyApi:
    return SafetyApi("safety_api", URL, "EXECUTION_HALTED", poll_interval=0.001, **keys)


@dataclass
class MissionControl:
    source: SafetyApi = field(default_factory=api)
    http: ScriptedHttp = field(default_factory=ScriptedHttp)

    def looks(self) -> AsyncIterator[Facts]:
        return self.source.streams()[""].looks(Outside(http=self.http).ports())

    async def said(self, body: Any) -> KillSwitch:
        return await self.answered(Answer(200, {}, body if isinstance(body, bytes) else json.dumps(body).encode()))

    async def answered(self, reply: Answer | Unreachable) -> KillSwitch:
        self.http.reply = reply
        (fact,) = (await anext(self.looks())).seen
        assert isinstance(fact, KillSwitch)
        return fact


async def test_it_says_that_trading_is_halted_and_by_which_carrier() -> None:
    assert await MissionControl().said(HALTED) == KillSwitch(
        "EXECUTION_HALTED", "api", URL, True, "true", "it says that execution_halted is true (by configmap)"
    )


NOT_HALTED = {
    "false": {"kill_switch": {"execution_halted": False, "source": "env"}},
    "no such key": {"kill_switch": {}},
    "null": {"kill_switch": {"execution_halted": None}},
    "a text": {"kill_switch": {"execution_halted": "true"}},
    "a number": {"kill_switch": {"execution_halted": 1}},
    "no switch": {"status": "ok"},
    "a switch of another shape": {"kill_switch": True},
    "a list": [HALTED],
    "nothing": None,
}


@pytest.mark.parametrize("body", NOT_HALTED.values(), ids=NOT_HALTED.keys())
@pytest.mark.parametrize("required", [False, True])
async def test_read_and_anything_but_true_is_not_halted(body: Any, required: bool) -> None:
    seen = await MissionControl(api(required=required)).said(body)
    assert seen.halted is False and seen.explanation.startswith("it")


UNREAD: dict[str, Answer | Unreachable] = {
    "down": DOWN,
    "an error": Answer(500, {}, json.dumps(HALTED).encode()),
    "a redirect": Answer(302, {"location": "/"}, b""),
    "HTML": Answer(200, {}, b"<html>"),
    "half": Answer(200, {}, b'{"kill_switch": {"execution_halted": tr'),
    "NaN": Answer(200, {}, b'{"kill_switch": NaN}'),
    "no UTF-8": Answer(200, {}, b'{"kill_switch": "\xff"}'),
    "deep": Answer(200, {}, b'{"kill_switch":' * 4_000),
    "empty": Answer(200, {}, b""),
}


@pytest.mark.parametrize("reply", UNREAD.values(), ids=UNREAD.keys())
async def test_what_could_not_be_read_is_unknown(reply: Answer | Unreachable) -> None:
    with pytest.raises(Unreachable):
        await MissionControl().answered(reply)


@pytest.mark.parametrize("answer", [hang, endless, half, whole(b" " * 70_000)])
async def test_over_a_socket_too(answer: Answering) -> None:
    async with serving(answer) as url, AioHttp() as http:
        source = SafetyApi("safety_api", url, "EXECUTION_HALTED", timeout=0.2)
        with pytest.raises(Unreachable):
            await anext(source.streams()[""].looks(Outside(http=http).ports()))


async def fails(looks: AsyncIterator[Facts]) -> list[Facts]:
    """What it says until it raises."""
    said: list[Facts] = []
    while True:
        try:
            said.append(await anext(looks))
        except Unreachable:
            return said


async def test_what_it_said_in_calm_is_withdrawn_once_when_it_falls_silent() -> None:
    world = MissionControl()
    calm = await world.said(HALTED)
    world.http.reply = DOWN
    assert await fails(world.looks()) == [Facts(gone=(calm.subject,))]
    assert await fails(world.looks()) == []
    assert (await world.said(HALTED)).halted is True


async def test_a_word_of_alarm_stands_until_it_is_taken_back() -> None:
    world = MissionControl()
    await world.said(NOT_HALTED["false"])
    world.http.reply = DOWN
    assert await fails(world.looks()) == []


async def test_where_it_is_required_its_silence_is_that_of_a_carrier() -> None:
    world = MissionControl(api(required=True))
    await world.said(HALTED)
    world.http.reply = DOWN
    assert await fails(world.looks()) == []
    assert world.source.streams()[""].coverage.provides == {"kill_switch"}
    assert api().streams()[""].coverage.provides == frozenset()


REFUSED: list[Any] = [
    lambda: SafetyApi("x", "mission-control", "EXECUTION_HALTED"),
    lambda: SafetyApi("x", URL, ""),
    lambda: SafetyApi("x", URL, "EXECUTION_HALTED", timeout=0),
    lambda: SafetyApi("x", URL, "EXECUTION_HALTED", stale_after=6),
]


@pytest.mark.parametrize("made", REFUSED)
def test_a_stanza_that_cannot_be_is_refused(made: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        made()
