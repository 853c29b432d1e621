"""The start state: domain.md §3 to §5."""

from __future__ import annotations

import pytest

from tests.simulator.client import NOW
from watchdog.simulator.platform import Floor, trading_floor
from watchdog.simulator.resources import ALL, CONFIG_MAPS, DEPLOYMENTS, PODS, STATEFUL_SETS


@pytest.fixture
def floor() -> Floor:
    return trading_floor(lambda: NOW)


def test_the_switches_are_on(floor: Floor) -> None:
    switch = floor.cluster.get(CONFIG_MAPS, "trading-floor", "agenttrader-kill-switch")
    assert switch.object["data"] == {"EXECUTION_HALTED": "1"}
    safety = floor.cluster.get(CONFIG_MAPS, "trading-floor", "agenttrader-safety")
    assert safety.object["data"] == {"KILL_SWITCH": "true"}


def test_execution_is_at_zero_and_all_else_is_up(floor: Floor) -> None:
    workloads = [*floor.cluster.records(DEPLOYMENTS), *floor.cluster.records(STATEFUL_SETS)]
    ready = {one.name: one.object["status"].get("readyReplicas", 0) for one in workloads}
    assert ready == {one.name: one.object["spec"]["replicas"] for one in workloads}
    assert [name for name, count in ready.items() if count == 0] == ["execution-agent", "execution-engine"]
    assert len(ready) == 8
    assert {pod.object["status"]["phase"] for pod in floor.cluster.records(PODS)} == {"Running"}


def test_nothing_is_in_a_forbidden_mode(floor: Floor) -> None:
    modes = [
        variable["value"]
        for pod in floor.cluster.records(PODS)
        for container in pod.object["spec"]["containers"]
        for variable in container.get("env", ())
        if variable["name"] == "AGENT_MODE"
    ]
    assert sorted(set(modes)) == ["EVAL", "OBSERVE", "PAPER"]


def test_two_floors_are_alike_and_share_nothing() -> None:
    one, other = trading_floor(lambda: NOW), trading_floor(lambda: NOW)
    first = [record.json for resource in ALL for record in one.cluster.records(resource)]
    assert first == [record.json for resource in ALL for record in other.cluster.records(resource)]
    one.cluster.delete(one.cluster.get(CONFIG_MAPS, "trading-floor", "agenttrader-kill-switch"))
    assert other.cluster.find(CONFIG_MAPS, "trading-floor", "agenttrader-kill-switch")
