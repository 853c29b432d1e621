"""The daemon whole, in virtual time, with receivers that it calls directly: when they hear of what."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.platform import Guarded, guarded
from watchdog.config import build
from watchdog.refusal import ConfigError
from watchdog.simulator import kubectl, scene
from watchdog.simulator.wire import Request, Response, answer

ALERT = "ExecutionWorkloadAboveZero"


@dataclass
class Receiver:
    """Answers what it is told to, and writes down when it hears of which Sev-0."""

    world: Guarded
    status: int = 200
    heard: list[tuple[float, str, str]] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        (alert,) = json.loads(request.body)["alerts"]
        if self.status == 200 and alert["labels"]["alertname"] == ALERT:
            after = self.world.clock.now().mono - self.world.t0
            self.heard.append((round(after, 1), alert["status"], alert["annotations"].get("around", "")))
        return answer(self.status, {})


def receivers(content: dict[str, Any]) -> None:
    stanza = [{"name": when, "url": f"http://{when}.simulator/", "when": when} for when in NAMES]
    content["outlets"] = [one for one in content["outlets"] if one["kind"] not in ("webhook", "dead_man", "ledger")]
    content["outlets"].append({"kind": "webhook", "receivers": stanza})
    content["paging"] = {"escalation": [{"after": 60, "to": ["escalation", "always"]}]}


NAMES = ("always", "fallback", "escalation")


def hung_up(world: Guarded) -> dict[str, Receiver]:
    found = {when: Receiver(world) for when in NAMES}
    hosts: dict[str, Any] = world.daemon.ports.http.hosts  # type: ignore[attr-defined]
    hosts.update({f"{when}.simulator": receiver for when, receiver in found.items()})
    return found


def test_each_path_is_taken_when_it_is_to_be() -> None:
    async def act(world: Guarded) -> list[list[tuple[float, str, str]]]:
        found = hung_up(world)
        kubectl.scale(world.floor.cluster, "deploy", "agenttrader", "execution-agent", 1)
        await world.at(90)
        return [found[when].heard for when in NAMES]

    (always, fallback, escalation), _ = guarded(act, receivers)
    assert always[0] == (0.0, "firing", "") and fallback == []
    assert [(at, status) for at, status, _ in always[1:]] == [(at, status) for at, status, _ in escalation]
    ((at, status, why),) = escalation
    assert (at, status) == (60.0, "firing") and "acknowledged" in why


def test_where_no_alertmanager_takes_it_the_fallback_does_within_a_second_more_and_says_why() -> None:
    async def act(world: Guarded) -> list[tuple[float, str, str]]:
        found = hung_up(world)
        del world.daemon.ports.http.hosts[scene.PAGER]  # type: ignore[attr-defined]
        kubectl.scale(world.floor.cluster, "deploy", "agenttrader", "execution-agent", 1)
        await world.at(30)
        return found["fallback"].heard

    ((at, status, why),), _ = guarded(act, receivers)
    assert 1.0 <= at <= 2.0 and status == "firing" and why == "no Alertmanager has accepted it within 1 s"


def test_a_receiver_that_was_away_hears_of_it_within_seconds_of_its_return() -> None:
    async def act(world: Guarded) -> list[tuple[float, str, str]]:
        receiver = hung_up(world)["always"]
        receiver.status = 503
        kubectl.scale(world.floor.cluster, "deploy", "agenttrader", "execution-agent", 1)
        await world.at(40)
        receiver.status = 200
        await world.at(50)
        return receiver.heard

    ((at, status, _),), _ = guarded(act, receivers)
    assert 40 < at <= 42.1 and status == "firing"


def test_who_is_to_hear_of_which_pages_is_known_before_there_is_any() -> None:
    async def act(world: Guarded) -> list[tuple[str, str, int, bool]]:
        expected = world.daemon.assessment.paging.expected
        return [(one.receiver, str(one.when), int(one.mildest), one.peer) for one in expected]

    assert guarded(act, receivers)[0] == [
        ("alertmanager/pager.simulator", "always", 3, True),
        ("always", "always", 0, False),
        ("fallback", "fallback", 3, False),
        ("escalation", "escalation", 3, False),
    ]


def test_what_was_taken_is_known_of_its_delivery() -> None:
    async def act(world: Guarded) -> list[str]:
        hung_up(world)
        kubectl.scale(world.floor.cluster, "deploy", "agenttrader", "execution-agent", 1)
        await world.at(5)
        deliveries = world.daemon.assessment.deliveries.of
        return [name for one, delivery in deliveries.items() if one.rule == ALERT for name in sorted(delivery.accepted)]

    accepted, _ = guarded(act, receivers)
    assert "always" in accepted and "fallback" not in accepted


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"name": "always"}, "expected a name of its own for each receiver, found 'always' twice"),
        ({"name": "log"}, "expected a name of its own for each receiver, found 'log' twice"),
        ({"url": "ftp://x"}, "url: expected an http(s) URL"),
        ({"when": "sometimes"}, "when: expected 'always', 'fallback' or 'escalation'"),
        ({"sev": 7}, "sev: "),
        ({"secret": "x"}, "secret: no such key"),
    ],
)
def test_receivers_that_cannot_be_are_refused_in_one_sentence(change: dict[str, Any], problem: str) -> None:
    content = scene.adapted(scene.Addresses())
    receivers(content)
    another = {"name": "another", "url": "http://another/", **change}
    content["outlets"].append({"kind": "webhook", "name": "more", "receivers": [another]})
    with pytest.raises(ConfigError) as refused:
        build(scene.shipped(), content)
    assert problem in str(refused.value) and "\n" not in str(refused.value)
