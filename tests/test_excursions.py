"""Every flip is a fact, and every statement is compared, by the whole daemon in virtual time (domain.md §3-5)."""

from __future__ import annotations

from typing import Any

import pytest

from watchdog.core.excursion import excursion_of
from watchdog.core.facts import Agreement, Excursion, Subject, Workload
from watchdog.core.notice import annotations_of
from watchdog.simulator import kubectl

from .platform import Guarded, guarded

AGENT = Workload("agenttrader", "Deployment", "execution-agent", True, "", 0, 0, 0).subject


def excursion(world: Guarded) -> Excursion:
    fact = world.daemon.assessment.posture.facts[excursion_of(AGENT)].fact
    assert isinstance(fact, Excursion)
    return fact


def scale(world: Guarded, replicas: int) -> None:
    kubectl.scale(world.floor.cluster, "deploy", "agenttrader", "execution-agent", replicas)


def test_a_flip_of_milliseconds_is_paged_with_how_far_it_went_how_often_and_by_which_write() -> None:
    async def act(world: Guarded) -> None:
        for second in (10, 20):
            await world.at(second)
            scale(world, 1)
            await world.at(second + 0.001)
            scale(world, 0)
        await world.at(30)

    _, world = guarded(act)
    was = excursion(world)
    assert (was.over, was.count) == (True, 2)
    assert was.peak.startswith("desired 1")
    assert was.began_by.startswith("Deployment agenttrader/execution-agent at ")
    assert was.began_by != was.ended_by != ""
    (latched,) = [a for a in world.daemon.assessment.alerts.values() if a.latched and a.identity.subject == AGENT]
    summary = annotations_of(latched, "")["summary"]
    assert summary.startswith("Over, latched until acknowledged: Execution workload Deployment")
    assert summary.endswith(f"(peak {was.peak}), 2 times since the start of the watchdog")


def test_an_excursion_ends_when_the_last_pod_is_gone_and_not_when_zero_is_asked_for() -> None:
    async def act(world: Guarded) -> bool:
        await world.at(10)
        scale(world, 2)
        await world.at(20)
        scale(world, 0)
        await world.at(20.01)
        over_at_once = excursion(world).over
        await world.at(120)
        return over_at_once

    over_at_once, world = guarded(act)
    was = excursion(world)
    assert (over_at_once, was.over, was.count) == (False, True, 1)
    assert was.peak == "desired 2, reported 2, live 2"
    assert was.seconds > 10


def test_a_switch_that_its_other_carriers_do_not_follow_is_a_disagreement_until_it_is_taken_back() -> None:
    def flip(world: Guarded, value: str) -> None:
        kubectl.set_data(world.floor.cluster, "trading-floor", "agenttrader-safety", KILL_SWITCH=value)

    def only_the_cluster(content: dict[str, Any]) -> None:
        content["sources"] = [source for source in content["sources"] if source["kind"] != "safety_api"]

    async def act(world: Guarded) -> None:
        await world.at(10)
        flip(world, "false")
        await world.at(120)
        flip(world, "true")
        await world.at(125)

    _, world = guarded(act, only_the_cluster)
    assert world.fired("StatementsDisagree") == [(pytest.approx(100, abs=0.1), "Sev-1")]
    fact = world.daemon.assessment.posture.facts[Subject("agreement", (("setting", "EXECUTION_HALTED"),))].fact
    assert isinstance(fact, Agreement) and fact.agree is True
    assert not [edge for edge in world.edges if "StatementsDisagree" in edge and "resolved" not in edge][1:]
