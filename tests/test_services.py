"""What services say of themselves, heard by the whole daemon: an alarm counts, a silence makes nothing less known."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from watchdog.core.facts import KillSwitch, Safety, SelfReport, Source, Subject, Unknown
from watchdog.simulator.market_data import Fault, Lie, Silence, Verbatim

from .platform import Guarded, guarded

SAFETY = "/mission-control/api/v1/safety"
DOWN: dict[str, Fault] = {"silent": Silence(), "an error": Verbatim(b"", 502), "HTML": Verbatim(b"<html>")}


def posture_of(world: Guarded, kind: type[Safety]) -> Safety:
    seen = world.daemon.assessment.posture.globally(kind.KIND)
    assert isinstance(seen, Safety)
    return seen


def source(world: Guarded, name: str) -> Source:
    known = world.daemon.assessment.posture.facts.get(Subject(Source.KIND, (("source", name),)))
    assert known is not None and isinstance(known.fact, Source)
    return known.fact


@pytest.mark.parametrize("fault", DOWN.values(), ids=DOWN.keys())
def test_a_mission_control_that_does_not_answer_makes_the_switch_no_less_known(fault: Fault) -> None:
    async def act(world: Guarded) -> None:
        world.floor.services.faults[SAFETY] = fault
        await asyncio.sleep(60)
        assert posture_of(world, Safety).halted is True
        assert (source(world, "safety_api").up, source(world, "safety_api").safety) == (False, False)

    _, world = guarded(act)
    assert not [edge for edge in world.edges if edge.endswith(("Sev-0", "Sev-1"))]


def require(content: dict[str, Any]) -> None:
    (stanza,) = [stanza for stanza in content["sources"] if stanza["kind"] == "safety_api"]
    stanza["required"] = True


def test_where_it_is_required_its_silence_is_that_of_a_carrier() -> None:
    async def act(world: Guarded) -> None:
        world.floor.services.faults[SAFETY] = Silence()
        await asyncio.sleep(60)
        assert isinstance(posture_of(world, Safety).halted, Unknown)

    guarded(act, require)


def test_its_word_that_trading_is_not_halted_counts_and_outlives_it() -> None:
    async def act(world: Guarded) -> None:
        world.floor.services.faults[SAFETY] = Lie({"kill_switch": {"execution_halted": "true"}})
        await asyncio.sleep(6)
        assert posture_of(world, Safety).halted is False
        world.floor.services.faults[SAFETY] = Silence()
        await asyncio.sleep(30)
        assert posture_of(world, Safety).halted is not True
        del world.floor.services.faults[SAFETY]
        await asyncio.sleep(6)
        assert posture_of(world, Safety).halted is True

    _, world = guarded(act)
    assert [edge for edge in world.edges if "KillSwitch" in edge and "fired" in edge and edge.endswith("Sev-0")]


def test_on_the_demo_floor_every_service_agrees_with_its_manifest_and_says_that_it_is_safe() -> None:
    async def act(world: Guarded) -> None:
        facts = [known.fact for known in world.daemon.assessment.posture.facts.values()]
        reports = {fact.service: fact for fact in facts if isinstance(fact, SelfReport)}
        assert sorted(reports) == [
            "gamma-strategy", "marketdata-mcp-server", "mission-control", "strategy-engine", "whale-strategy",
        ]  # fmt: skip
        assert {(r.unsafe, r.listed, r.safe_to_execute) for r in reports.values()} == {(False, True, False)}
        (switch,) = [fact for fact in facts if isinstance(fact, KillSwitch) and fact.carrier == "api"]
        assert switch.halted is True

    _, world = guarded(act)
    assert world.edges == []
