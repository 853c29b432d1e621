"""DaemonSets, ReplicaSets, ReplicationControllers and Rollouts, in virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.simulator.client import deployment
from tests.simulator.manifests import daemon_set, node, replica_set, replication_controller, rollout, template
from tests.simulator.stories import AGENT, events, phases, played, pods, status
from watchdog.simulator import kubectl
from watchdog.simulator.cluster import Cluster
from watchdog.simulator.custom import ARGO, ROLLOUTS, install
from watchdog.simulator.resources import DAEMON_SETS, REPLICA_SETS, REPLICATION_CONTROLLERS


def test_a_daemon_set_has_a_pod_on_the_one_node_there_is() -> None:
    async def story(cluster: Cluster) -> None:
        kubectl.create(cluster, daemon_set())
        await asyncio.sleep(0.5)
        assert status(cluster, DAEMON_SETS, AGENT) == {
            "currentNumberScheduled": 1, "numberMisscheduled": 0, "desiredNumberScheduled": 1, "numberReady": 0,
            "observedGeneration": 1, "updatedNumberScheduled": 1, "numberUnavailable": 1,
        }  # fmt: skip
        await asyncio.sleep(1)
        assert phases(cluster, AGENT[0]) == ["Running"]
        assert status(cluster, DAEMON_SETS, AGENT)["numberReady"] == 1

    played(story, deployment("other"))


def test_a_daemon_set_that_matches_no_node_runs_once_a_node_is_labelled() -> None:
    async def story(cluster: Cluster) -> None:
        kubectl.create(cluster, node("a"), node("b"), daemon_set(node_selector={"role": "trading"}))
        await asyncio.sleep(2)
        assert pods(cluster, AGENT[0]) == []
        assert status(cluster, DAEMON_SETS, AGENT)["desiredNumberScheduled"] == 0
        kubectl.patch(cluster, "node", "", "b", {"metadata": {"labels": {"role": "trading"}}})
        await asyncio.sleep(2)
        (pod,) = pods(cluster, AGENT[0])
        assert (pod.object["spec"]["nodeName"], phases(cluster, AGENT[0])) == ("b", ["Running"])
        kubectl.patch(cluster, "node", "", "b", {"metadata": {"labels": {"role": None}}})
        await asyncio.sleep(3)
        assert pods(cluster, AGENT[0]) == []

    played(story, deployment("other"))


def test_a_daemon_set_has_a_pod_on_each_node_and_rolls_them() -> None:
    async def story(cluster: Cluster) -> None:
        kubectl.create(cluster, node("a"), node("b"), daemon_set())
        await asyncio.sleep(2)
        assert sorted(pod.object["spec"]["nodeName"] for pod in pods(cluster, AGENT[0])) == ["a", "b"]
        kubectl.set_env(cluster, "ds", *AGENT, AGENT_MODE="LIVE")
        await asyncio.sleep(15)
        env = [pod.object["spec"]["containers"][0]["env"] for pod in pods(cluster, AGENT[0])]
        assert env == [[{"name": "AGENT_MODE", "value": "LIVE"}]] * 2
        assert status(cluster, DAEMON_SETS, AGENT)["numberReady"] == 2

    played(story, deployment("other"))


@pytest.mark.parametrize(
    ("made", "resource", "type"),
    [
        (replica_set(), REPLICA_SETS, "rs"),
        (replication_controller(), REPLICATION_CONTROLLERS, "rc"),
    ],
)
def test_a_replica_set_or_controller_of_its_own_scales(made: dict[str, Any], resource: Any, type: str) -> None:
    async def story(cluster: Cluster) -> None:
        kubectl.scale(cluster, type, *AGENT, 2)
        await asyncio.sleep(2)
        assert phases(cluster, AGENT[0]) == ["Running", "Running"]
        (owner,) = pods(cluster, AGENT[0])[0].object["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["uid"]) == (made["kind"], cluster.get(resource, *AGENT).uid)
        assert status(cluster, resource, AGENT)["readyReplicas"] == 2
        assert [one[0] for one in events(cluster, "execution-agent")] == ["SuccessfulCreate"] * 2
        kubectl.scale(cluster, type, *AGENT, 0)
        await asyncio.sleep(3)
        assert pods(cluster, AGENT[0]) == []

    played(story, made)


def test_a_pod_that_no_node_takes_waits_until_one_does() -> None:
    async def story(cluster: Cluster) -> None:
        kubectl.create(cluster, deployment("homeless", 1, template=template("homeless", nodeSelector={"gpu": "yes"})))
        await asyncio.sleep(3)
        (pod,) = pods(cluster, AGENT[0])
        (condition,) = pod.object["status"]["conditions"]
        assert (phases(cluster, AGENT[0]), condition["reason"]) == (["Pending"], "Unschedulable")
        kubectl.create(cluster, node("big", gpu="yes"))
        await asyncio.sleep(3)
        assert phases(cluster, AGENT[0]) == ["Running"]

    played(story, deployment("other"))


def test_a_rollout_is_unknown_until_its_definition_is_stored() -> None:
    async def story(cluster: Cluster) -> None:
        assert ROLLOUTS not in cluster.catalog.served
        install(cluster, ARGO)
        kubectl.create(cluster, rollout())
        await asyncio.sleep(2)
        assert "replicas" not in cluster.get(ROLLOUTS, *AGENT).object["spec"]
        assert phases(cluster, AGENT[0]) == ["Running"]  # an absent count is one
        shown = status(cluster, ROLLOUTS, AGENT)
        assert (shown["phase"], shown["observedGeneration"], shown["HPAReplicas"]) == ("Healthy", "1", 1)
        kubectl.scale(cluster, "ro", *AGENT, 0)
        await asyncio.sleep(3)
        assert pods(cluster, AGENT[0]) == []
        assert cluster.get(ROLLOUTS, *AGENT).object["metadata"]["generation"] == 2

    played(story, deployment("other"))


def test_a_rollout_takes_its_template_from_a_deployment_that_is_at_zero() -> None:
    async def story(cluster: Cluster) -> None:
        install(cluster, ARGO)
        selector = {"matchLabels": {"app": "execution-agent"}}
        reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "execution-agent"}
        kubectl.create(cluster, rollout("canary", replicas=1, workloadRef=reference, template=None, selector=selector))
        await asyncio.sleep(2)
        (pod,) = pods(cluster, AGENT[0])
        assert pod.object["spec"]["containers"][0]["name"] == "execution-agent"
        kubectl.set_env(cluster, "deploy", *AGENT, AGENT_MODE="LIVE")
        await asyncio.sleep(30)
        (pod,) = pods(cluster, AGENT[0])
        assert pod.object["spec"]["containers"][0]["env"] == [{"name": "AGENT_MODE", "value": "LIVE"}]

    played(story, deployment())


def test_what_a_definition_defined_goes_with_it() -> None:
    async def story(cluster: Cluster) -> None:
        install(cluster, ARGO)
        kubectl.create(cluster, rollout(replicas=1))
        await asyncio.sleep(2)
        kubectl.delete(cluster, "crd", "", "rollouts.argoproj.io")
        assert ROLLOUTS not in cluster.catalog.served and cluster.records(ROLLOUTS) == []

    played(story, deployment("other"))
