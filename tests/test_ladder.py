"""Every row of the fail-closed ladder of domain.md §2, by the whole daemon in virtual time, each with its deadline.

`unknown` has two causes, and each row that names it is tried with both: one object that cannot be read while its source
sees, and a source that is out.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from watchdog.simulator import kubectl
from watchdog.simulator.faults import Down, Hang, Refuse

from .platform import Guarded, cluster_alone, guarded

SWITCH = "/api/v1/namespaces/trading-floor/configmaps/agenttrader-kill-switch"
WORKLOADS = (
    "/apis/apps/v1",
    "/api/v1/pods",
    "/api/v1/namespaces/agenttrader/pods",
    "/api/v1/namespaces/trading-floor/pods",
)
POLL = 1.0
"""Seconds between two direct reads: what is unknown has been so since the last one, at most this long before."""


def flip(world: Guarded, value: str | None) -> None:
    kubectl.set_data(world.floor.cluster, "trading-floor", "agenttrader-kill-switch", EXECUTION_HALTED=value)


def scale(world: Guarded, replicas: int) -> None:
    kubectl.scale(world.floor.cluster, "deploy", "agenttrader", "execution-agent", replicas)


def blind_to(world: Guarded, *paths: str) -> None:
    world.floor.server.faults.inject(*(Refuse(path=path, status=403) for path in paths))


@pytest.mark.parametrize("value", ["0", "", "off", "no", "2", "nonsense", None])
def test_row_1_a_switch_that_is_not_halted_is_sev_0_at_once(value: str | None) -> None:
    async def act(world: Guarded) -> None:
        await world.at(10)
        flip(world, value)
        await world.at(11)

    _, world = guarded(act, cluster_alone)
    ((when, sev),) = world.fired("KillSwitchNotHalted")
    assert (sev, when) == ("Sev-0", pytest.approx(10, abs=0.02))


def test_row_1_a_switch_that_is_deleted_is_not_halted_and_sev_0_at_once() -> None:
    async def act(world: Guarded) -> None:
        await world.at(10)
        kubectl.delete(world.floor.cluster, "configmap", "trading-floor", "agenttrader-kill-switch")
        await world.at(11)

    _, world = guarded(act, cluster_alone)
    assert world.fired("KillSwitchNotHalted") == [(pytest.approx(10, abs=0.02), "Sev-0")]


def test_row_2_execution_above_zero_is_sev_0_at_once() -> None:
    async def act(world: Guarded) -> None:
        await world.at(10)
        scale(world, 1)
        await world.at(11)

    _, world = guarded(act, cluster_alone)
    assert world.fired("ExecutionWorkloadAboveZero") == [(pytest.approx(10, abs=0.02), "Sev-0")]


def test_row_2_holds_while_the_switch_is_unknown() -> None:
    async def act(world: Guarded) -> None:
        blind_to(world, SWITCH, "/api/v1/configmaps")
        await world.at(5)
        scale(world, 1)
        await world.at(6)

    _, world = guarded(act, cluster_alone)
    assert world.fired("ExecutionWorkloadAboveZero") == [(pytest.approx(5, abs=0.02), "Sev-0")]


def test_row_3_an_unknown_switch_with_execution_at_zero_is_sev_1_after_15_s_and_stays_so() -> None:
    async def act(world: Guarded) -> None:
        blind_to(world, SWITCH)
        await world.at(900)

    _, world = guarded(act, cluster_alone)
    assert world.fired("SourceUnavailable") == [(pytest.approx(15, abs=POLL), "Sev-1")]
    assert len(world.edges) == 1, world.edges


def test_row_4_halted_with_execution_unknown_is_sev_1_after_15_s_and_stays_so() -> None:
    async def act(world: Guarded) -> None:
        blind_to(world, *WORKLOADS)
        await world.at(900)

    _, world = guarded(act, cluster_alone)
    assert world.fired("SourceUnavailable") == [(pytest.approx(15, abs=POLL), "Sev-1")]
    assert len(world.edges) == 1, world.edges


@pytest.mark.parametrize("fault", [Down(), Hang(), Refuse(status=401, reason="Unauthorized"), Refuse(status=500)])
def test_row_5_both_unknown_is_sev_1_after_15_s_and_sev_0_after_5_minutes(fault: Down | Hang | Refuse) -> None:
    async def act(world: Guarded) -> None:
        world.floor.server.faults.inject(fault)
        await world.at(400)
        world.floor.server.faults.clear()
        await world.at(430)

    _, world = guarded(act, cluster_alone)
    assert world.fired("SourceUnavailable") == [(pytest.approx(15, abs=POLL), "Sev-1")]
    assert world.fired("ExecutionUnverifiable") == [(pytest.approx(300, abs=POLL), "Sev-0")]
    resolved = [edge.split() for edge in world.edges if " resolved " in edge]
    assert sorted(rule for _, rule, *_ in resolved) == ["ExecutionUnverifiable", "SourceUnavailable"]
    assert all(400 <= float(when) <= 403 for when, *_ in resolved), "resolved at the first clear look"
    assert len(world.edges) == 4, "one finding about the source, not one for each subject"


def test_row_5_both_unknown_after_an_unsafe_look_is_sev_0_at_once() -> None:
    async def act(world: Guarded) -> None:
        await world.at(10)
        flip(world, "0")
        await world.at(20)
        world.floor.server.faults.inject(Down())
        await world.at(30)

    _, world = guarded(act, cluster_alone)
    ((when, sev),) = world.fired("ExecutionUnverifiableAfterBreach")
    assert (sev, when) == ("Sev-0", pytest.approx(20, abs=POLL + 0.1))


def test_row_5_a_watchdog_that_has_never_seen_anything_is_not_fine() -> None:
    async def act(world: Guarded) -> None:
        await world.at(301)

    _, world = guarded(act, cluster_alone, sees=False, prepare=lambda world: world.floor.server.faults.inject(Down()))
    assert world.fired("SourceUnavailable") == [(pytest.approx(15, abs=0.1), "Sev-1")]
    assert world.fired("ExecutionUnverifiable") == [(pytest.approx(300, abs=0.1), "Sev-0")]


def test_only_a_breach_latches() -> None:
    async def act(world: Guarded) -> dict[str, str]:
        flip(world, "0")
        await world.at(5)
        flip(world, "1")
        world.floor.server.faults.inject(Down())
        await world.at(60)
        world.floor.server.faults.clear()
        await world.at(70)
        return {identity.rule: str(alert.state) for identity, alert in world.daemon.assessment.alerts.items()}

    states, _ = guarded(act, cluster_alone)
    assert states == {"KillSwitchNotHalted": "latched"}


def test_blind_time_does_not_resolve_a_breach() -> None:
    async def act(world: Guarded) -> dict[str, str]:
        scale(world, 1)
        await world.at(5)
        world.floor.server.faults.inject(Down())
        await world.at(3_600)
        return {identity.rule: str(alert.state) for identity, alert in world.daemon.assessment.alerts.items()}

    states, _ = guarded(act, cluster_alone)
    assert states["ExecutionWorkloadAboveZero"] == "firing"


def test_a_wall_clock_that_jumps_an_hour_back_changes_no_verdict_and_no_deadline() -> None:
    async def act(world: Guarded) -> None:
        world.floor.server.faults.inject(Hang())
        await world.at(7)
        world.clock.shift = timedelta(hours=-1)
        await world.at(20)

    _, world = guarded(act, cluster_alone)
    assert world.fired("SourceUnavailable") == [(pytest.approx(15, abs=POLL), "Sev-1")]
