"""Clocks that disagree, found by the whole daemon; and its own that steps while it pages."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from watchdog.simulator import kubectl
from watchdog.simulator.faults import Down

from .platform import Guarded, guarded

CLOCKS = {"kind": "clocks", "poll_interval": 10, "timeout": 2, "tolerance": 2}


def watched(content: dict[str, Any]) -> None:
    """The cluster and the clocks, and nothing else."""
    content["sources"] = [one for one in content["sources"] if one["kind"] == "kubernetes"] + [CLOCKS]


def about_clocks(world: Guarded) -> list[tuple[float, str, str]]:
    found = [edge.split() for edge in world.edges if " ClockSkewed " in edge]
    return [(float(when), kind, sev) for when, _, _, kind, sev in found]


def test_clocks_that_agree_are_nobodys_business() -> None:
    async def act(world: Guarded) -> None:
        await world.at(120)

    assert about_clocks(guarded(act, watched)[1]) == []


@pytest.mark.parametrize("seconds", [3600.0, -3600.0])
def test_a_wall_clock_that_steps_is_found_by_the_monotonic_one_and_ten_minutes_later_that_is_over(
    seconds: float,
) -> None:
    """The simulated API server goes by the same wall clock, so that only the monotonic one knows."""

    async def act(world: Guarded) -> None:
        await world.at(20)
        world.clock.shift += timedelta(seconds=seconds)
        await world.at(700)

    (began, *fired), (ended, *resolved) = about_clocks(guarded(act, watched)[1])
    assert (fired, resolved) == (["fired", "Sev-2"], ["resolved", "Sev-2"])
    assert began == pytest.approx(50, abs=2) and ended == pytest.approx(630, abs=25)


def test_an_api_server_that_tells_no_time_for_ten_minutes_is_a_note() -> None:
    async def act(world: Guarded) -> None:
        world.floor.server.faults.inject(Down("/version"))
        await world.at(700)

    ((at, kind, sev),) = about_clocks(guarded(act, watched)[1])
    assert (kind, sev) == ("fired", "Sev-3")
    assert at == pytest.approx(620, abs=20)


def test_no_page_is_late_or_lost_because_the_wall_clock_steps_while_it_is_open() -> None:
    async def act(world: Guarded) -> None:
        kubectl.scale(world.floor.cluster, "deploy", "agenttrader", "execution-agent", 1)
        await world.at(1)
        for step in (3600, -3600):
            world.clock.shift += timedelta(seconds=step)
            await asyncio.sleep(60)
        kubectl.set_data(world.floor.cluster, "trading-floor", "agenttrader-kill-switch", EXECUTION_HALTED="0")
        await world.at(130)

    _, world = guarded(act, watched)
    assert [sev for _, sev in world.fired("ExecutionWorkloadAboveZero")] == ["Sev-0"]
    ((at, sev),) = world.fired("KillSwitchNotHalted")
    assert sev == "Sev-0" and at == pytest.approx(121, abs=1)
    assert not [edge for edge in world.edges if " ExecutionWorkloadAboveZero breach resolved " in edge]
