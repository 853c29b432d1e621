"""managedFields, as the recordings show them (kube-wire README, point 17)."""

from __future__ import annotations

from typing import Any

from tests.simulator.client import AGENT, MERGE, SWITCH, Api, deployment
from watchdog.simulator import kubectl
from watchdog.simulator.cluster import Cluster

JSON = dict[str, Any]


def entries(object: JSON) -> dict[tuple[str, str], JSON]:
    return {(one["manager"], one.get("subresource", "")): one for one in object["metadata"].get("managedFields", [])}


def replicas_owners(object: JSON) -> list[tuple[str, str]]:
    found = entries(object).items()
    return [who for who, entry in found if "f:replicas" in entry["fieldsV1"].get("f:spec", {})]


def test_who_changes_a_field_takes_it_from_its_owner(cluster: Cluster) -> None:
    kubectl.set_data(cluster, "trading-floor", "agenttrader-kill-switch", EXECUTION_HALTED="0")
    found = entries(kubectl.get(cluster, "cm", "trading-floor", "agenttrader-kill-switch").object)
    assert found["kubectl-create", ""]["fieldsV1"] == {"f:data": {}}
    assert found["kubectl-patch", ""]["fieldsV1"] == {"f:data": {"f:EXECUTION_HALTED": {}}}


def test_who_changes_nothing_owns_nothing(cluster: Cluster) -> None:
    before = kubectl.get(cluster, "cm", "trading-floor", "agenttrader-kill-switch")
    assert kubectl.set_data(cluster, "trading-floor", "agenttrader-kill-switch", EXECUTION_HALTED="1") is before


def test_a_removed_field_has_no_owner(cluster: Cluster) -> None:
    kubectl.set_data(cluster, "trading-floor", "agenttrader-kill-switch", EXTRA="x")
    after = kubectl.set_data(cluster, "trading-floor", "agenttrader-kill-switch", EXTRA=None)
    assert list(entries(after.object)) == [("kubectl-create", "")]


def test_scaling_up_is_owned_through_scale_and_carries_no_time(cluster: Cluster) -> None:
    kubectl.create(cluster, deployment())
    object = kubectl.scale(cluster, "deploy", "agenttrader", "execution-agent", 1).object
    assert replicas_owners(object) == [("kubectl", "scale")]
    assert "time" not in entries(object)["kubectl", "scale"]
    assert object["metadata"]["managedFields"][0]["subresource"] == "scale"  # an entry without a time comes first


def test_scaling_to_zero_leaves_no_owner_of_the_replicas_at_all(cluster: Cluster) -> None:
    kubectl.create(cluster, deployment(replicas=1))
    object = kubectl.scale(cluster, "deploy", "agenttrader", "execution-agent", 0).object
    assert replicas_owners(object) == []


def test_setting_a_variable_owns_only_its_value(cluster: Cluster) -> None:
    kubectl.create(cluster, deployment())
    object = kubectl.set_env(cluster, "deploy", "agenttrader", "execution-agent", AGENT_MODE="LIVE").object
    container: JSON = {'k:{"name":"execution-agent"}': {"f:env": {'k:{"name":"AGENT_MODE"}': {"f:value": {}}}}}
    expected = {"f:spec": {"f:template": {"f:spec": {"f:containers": container}}}}
    assert entries(object)["kubectl-set", ""]["fieldsV1"] == expected


def test_a_new_variable_is_owned_whole(cluster: Cluster) -> None:
    kubectl.create(cluster, deployment())
    object = kubectl.set_env(cluster, "deploy", "agenttrader", "execution-agent", NEW="x").object
    spec = entries(object)["kubectl-set", ""]["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:containers"]
    env = spec['k:{"name":"execution-agent"}']["f:env"]
    assert env == {'k:{"name":"NEW"}': {".": {}, "f:name": {}, "f:value": {}}}


async def test_the_manager_is_what_the_query_says_or_else_the_program(api: Api) -> None:
    _, named = await api.patch(SWITCH, {"data": {"A": "1"}}, MERGE, fieldManager="somebody")
    _, unnamed = await api.patch(SWITCH, {"data": {"B": "1"}}, MERGE)
    assert ("somebody", "") in entries(named)
    assert ("pytest", "") in entries(unnamed)


async def test_times_are_whole_seconds(api: Api, cluster: Cluster) -> None:
    kubectl.create(cluster, deployment())
    _, object = await api.get(AGENT)
    assert entries(object)["kubectl-create", ""]["time"] == "2026-11-23T15:47:36Z"
