"""The shell around the turns (daemon), in virtual time: it stops in time, and not before what is in flight is out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from watchdog.core.alert import EdgeKind
from watchdog.simulator import kubectl
from watchdog.simulator.wire import Request, Response

from .fakes import MemoryFiles
from .platform import Guarded, guarded

UNPAGED, UNKEPT = "stopped with pages that nobody accepted", "stopped before the last state was kept"


class Slow:
    """A pager that takes its time, for some requests."""

    def __init__(self, world: Guarded, seconds: float, slow: Callable[[Request], bool] = lambda request: True) -> None:
        self._pager, self._seconds, self._slow = world.pager.answer, seconds, slow

    async def answer(self, request: Request) -> Response:
        await asyncio.sleep(self._seconds if self._slow(request) else 0)
        return await self._pager(request)


def slow_pager(world: Guarded, seconds: float, slow: Callable[[Request], bool] = lambda request: True) -> None:
    world.daemon.ports.http.hosts["pager.simulator"] = Slow(world, seconds, slow)  # type: ignore[attr-defined]


async def scale_up_and_stop(world: Guarded) -> float:
    kubectl.scale(world.floor.cluster, "deploy", "agenttrader", "execution-agent", 1)
    await world.at(0.05)
    world.daemon.stop.set()
    return world.clock.now().mono


def test_a_page_in_flight_is_delivered_before_it_stops() -> None:
    _, world = guarded(scale_up_and_stop, prepare=lambda world: slow_pager(world, 1.0))
    assert [d.labels["alertname"] for d in world.pager.deliveries] == ["ExecutionWorkloadAboveZero"]


def test_it_stops_within_its_bound_although_nobody_takes_the_page() -> None:
    stopped, world = guarded(scale_up_and_stop, prepare=lambda world: slow_pager(world, 1e6))
    assert world.clock.now().mono - stopped <= world.daemon.plan.drain_seconds + 0.1


def test_it_stops_at_once_when_nothing_happens() -> None:
    async def act(world: Guarded) -> float:
        await world.at(30)
        world.daemon.stop.set()
        return world.clock.now().mono

    stopped, world = guarded(act)
    assert world.clock.now().mono - stopped < 0.1


def test_it_does_not_wait_for_who_only_asks_what_became_of_a_page() -> None:
    def prepare(world: Guarded) -> None:
        slow_pager(world, 1e6, lambda request: request.method == "GET")

    stopped, world = guarded(scale_up_and_stop, prepare=prepare)
    assert [d.labels["alertname"] for d in world.pager.deliveries] == ["ExecutionWorkloadAboveZero"]
    assert world.clock.now().mono - stopped < 0.1


def around(world: Guarded) -> list[str]:
    return [edge for edge in world.edges if f" {EdgeKind.UNHEARD} " in edge]


def test_one_peer_that_takes_a_page_is_enough_although_another_hangs() -> None:
    def two_peers(content: dict[str, Any]) -> None:
        (stanza,) = (one for one in content["outlets"] if one["kind"] == "alertmanager")
        stanza["urls"] = ["http://hanging.simulator", *stanza["urls"]]

    def prepare(world: Guarded) -> None:
        hosts: dict[str, Any] = world.daemon.ports.http.hosts  # type: ignore[attr-defined]
        hosts["hanging.simulator"] = Slow(world, 1e6)

    async def act(world: Guarded) -> None:
        kubectl.scale(world.floor.cluster, "deploy", "agenttrader", "execution-agent", 1)
        await world.at(30)

    _, world = guarded(act, two_peers, prepare=prepare)
    assert world.fired("ExecutionWorkloadAboveZero") and around(world) == []


def test_it_lives_while_its_loop_turns_and_says_so() -> None:
    async def act(world: Guarded) -> list[tuple[int, dict[str, object]]]:
        answers = [world.daemon._livez()]
        world.daemon.turn = world.daemon.inbox.drain  # type: ignore[method-assign, assignment]
        await world.at(60)
        answers.append(world.daemon._livez())
        return [(answer.status, json.loads(answer.body)) for answer in answers]

    ((turning, _), (stuck, said)), _ = guarded(act)
    assert (turning, stuck) == (200, 503)
    assert str(said["message"]).startswith("no turn for ")


def test_every_turn_is_handed_to_whoever_listens() -> None:
    async def act(world: Guarded) -> None:
        kubectl.scale(world.floor.cluster, "deploy", "agenttrader", "execution-agent", 1)
        await world.at(1)

    _, world = guarded(act)
    assert world.edges[0].split()[1:] == ["ExecutionWorkloadAboveZero", "breach", str(EdgeKind.FIRED), "Sev-0"]


class Full(MemoryFiles):
    async def replace(self, path: str, content: bytes) -> None:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("pager_seconds", "unpaged"), [(0.0, []), (1e6, [["alertmanager/pager.simulator", "telephone"]])]
)
def test_only_who_carries_pages_is_named_where_pages_were_not_accepted(
    pager_seconds: float, unpaged: list[list[str]]
) -> None:
    def remembering(content: dict[str, Any]) -> None:
        content["outlets"].append({"kind": "memory", "path": "/full.json"})

    def prepare(world: Guarded) -> None:
        world.daemon.ports = replace(world.daemon.ports, files=Full())
        slow_pager(world, pager_seconds)

    with capture_logs() as lines:
        guarded(scale_up_and_stop, remembering, prepare=prepare)
    said = {event: [line["outlets"] for line in lines if line["event"] == event] for event in (UNPAGED, UNKEPT)}
    assert said == {UNPAGED: unpaged, UNKEPT: [["memory"]]}
