"""The controllers, in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from tests.simulator.client import deployment, stateful_set
from tests.simulator.stories import AGENT, GAMMA, phases, played, pods, status
from watchdog.simulator import kubectl
from watchdog.simulator.cluster import Cluster, DeleteOptions
from watchdog.simulator.resources import DEPLOYMENTS, NAMESPACES, PODS, REPLICA_SETS, STATEFUL_SETS


def test_scaling_up_makes_pods_that_run_after_a_while() -> None:
    async def story(cluster: Cluster) -> None:
        kubectl.scale(cluster, "deploy", *AGENT, 2)
        assert status(cluster, DEPLOYMENTS, AGENT)["observedGeneration"] == 1  # it lags behind (point 9)
        await asyncio.sleep(0.1)
        assert phases(cluster, AGENT[0]) == ["Pending", "Pending"]
        expected = {"replicas": 2, "updatedReplicas": 2, "unavailableReplicas": 2}
        base = {"observedGeneration": 2, "terminatingReplicas": 0}
        assert status(cluster, DEPLOYMENTS, AGENT) == base | expected
        await asyncio.sleep(1.2)
        assert phases(cluster, AGENT[0]) == ["Running", "Running"]
        expected = {"replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2}
        assert status(cluster, DEPLOYMENTS, AGENT) == base | expected

    played(story, deployment())


def test_a_pod_carries_its_owner_its_labels_and_its_template() -> None:
    async def story(cluster: Cluster) -> None:
        (pod,), (replica_set,) = pods(cluster, AGENT[0]), cluster.records(REPLICA_SETS, AGENT[0])
        metadata = pod.object["metadata"]
        assert metadata["ownerReferences"][0]["uid"] == replica_set.uid and metadata["ownerReferences"][0]["controller"]
        hash = replica_set.object["metadata"]["labels"]["pod-template-hash"]
        assert metadata["labels"] == {"app": "execution-agent", "pod-template-hash": hash}
        assert replica_set.name == f"execution-agent-{hash}" and pod.name.startswith(f"{replica_set.name}-")
        container, observed = pod.object["spec"]["containers"][0], pod.object["status"]["containerStatuses"][0]
        assert container["env"] == [{"name": "AGENT_MODE", "value": "OFF"}]
        assert observed["image"] == "execution-agent:1" and observed["imageID"].startswith("execution-agent:1@sha256:")

    played(story, deployment(replicas=1))


def test_scaling_down_leaves_pods_terminating_for_their_grace() -> None:
    async def story(cluster: Cluster) -> None:
        kubectl.scale(cluster, "deploy", *AGENT, 0)
        await asyncio.sleep(0.1)
        assert phases(cluster, AGENT[0]) == ["Terminating"]
        assert status(cluster, DEPLOYMENTS, AGENT) == {"observedGeneration": 2, "terminatingReplicas": 1}
        await asyncio.sleep(2.0)
        assert pods(cluster, AGENT[0]) == []
        assert status(cluster, DEPLOYMENTS, AGENT) == {"observedGeneration": 2, "terminatingReplicas": 0}

    played(story, deployment(replicas=1))


def test_a_pod_that_runs_nowhere_yet_is_gone_at_once() -> None:
    async def story(cluster: Cluster) -> None:
        seen: list[str] = []
        subscription = cluster.subscribe(PODS, lambda: None)
        kubectl.create(cluster, {"apiVersion": "v1", "kind": "Pod", **POD})
        assert kubectl.delete(cluster, "pod", "agenttrader", "p").gone
        seen = [event.type for event in subscription.events]
        assert seen == ["ADDED", "MODIFIED", "DELETED"]
        assert subscription.events[1].after.object["metadata"]["deletionGracePeriodSeconds"] == 0

    played(story, deployment())


POD = {
    "metadata": {"name": "p", "namespace": "agenttrader"},
    "spec": {"containers": [{"name": "c", "image": "i:1"}]},
}


def test_a_new_template_rolls_and_going_back_takes_the_old_replica_set_up_again() -> None:
    async def story(cluster: Cluster) -> None:
        kubectl.set_env(cluster, "deploy", *AGENT, AGENT_MODE="LIVE")
        await asyncio.sleep(0.1)
        assert sorted(phases(cluster, AGENT[0])) == ["Pending", "Running"]
        await asyncio.sleep(4)
        (pod,) = pods(cluster, AGENT[0])
        assert pod.object["spec"]["containers"][0]["env"] == [{"name": "AGENT_MODE", "value": "LIVE"}]
        kubectl.set_env(cluster, "deploy", *AGENT, AGENT_MODE="OFF")
        await asyncio.sleep(4)
        assert sorted(one.object["spec"]["replicas"] for one in cluster.records(REPLICA_SETS)) == [0, 1]
        assert cluster.get(DEPLOYMENTS, *AGENT).object["metadata"]["annotations"] == {
            "deployment.kubernetes.io/revision": "3"
        }
        assert cluster.get(DEPLOYMENTS, *AGENT).object["metadata"]["generation"] == 3

    played(story, deployment(replicas=1))


def test_a_recreated_deployment_never_runs_two_templates_at_once() -> None:
    async def story(cluster: Cluster) -> None:
        kubectl.set_env(cluster, "deploy", *AGENT, AGENT_MODE="LIVE")
        for _ in range(50):
            await asyncio.sleep(0.1)
            hashes = [pod.object["metadata"]["labels"]["pod-template-hash"] for pod in pods(cluster, AGENT[0])]
            assert len(hashes) <= 1
        assert phases(cluster, AGENT[0]) == ["Running"]

    played(story, deployment(replicas=1, strategy={"type": "Recreate"}))


def test_a_stateful_set_numbers_its_pods_and_starts_them_one_after_the_other() -> None:
    async def story(cluster: Cluster) -> None:
        kubectl.scale(cluster, "sts", *GAMMA, 3)
        await asyncio.sleep(0.5)
        assert [pod.name for pod in pods(cluster, GAMMA[0])] == ["gamma-strategy-0", "gamma-strategy-1"]
        await asyncio.sleep(2)
        assert phases(cluster, GAMMA[0]) == ["Running"] * 3
        kubectl.scale(cluster, "sts", *GAMMA, 1)
        await asyncio.sleep(0.5)
        assert phases(cluster, GAMMA[0]) == ["Running", "Running", "Terminating"]
        await asyncio.sleep(5)
        assert [pod.name for pod in pods(cluster, GAMMA[0])] == ["gamma-strategy-0"]

    played(story, stateful_set())


def test_a_stateful_set_says_what_runs_and_what_is_to_run() -> None:
    async def story(cluster: Cluster) -> None:
        before = status(cluster, STATEFUL_SETS, GAMMA)
        assert before["currentRevision"] == before["updateRevision"]
        expected = {
            "replicas": 1,
            "readyReplicas": 1,
            "currentReplicas": 1,
            "updatedReplicas": 1,
            "availableReplicas": 1,
        }
        assert {name: before[name] for name in expected} == expected
        kubectl.set_env(cluster, "sts", *GAMMA, AGENT_MODE="LIVE")
        await asyncio.sleep(0.1)
        during = status(cluster, STATEFUL_SETS, GAMMA)
        assert during["currentRevision"] == before["currentRevision"] != during["updateRevision"]
        assert "updatedReplicas" not in during
        await asyncio.sleep(5)
        after = status(cluster, STATEFUL_SETS, GAMMA)
        assert after["currentRevision"] == after["updateRevision"] == during["updateRevision"]
        (pod,) = pods(cluster, GAMMA[0])
        assert pod.object["spec"]["containers"][0]["env"] == [{"name": "AGENT_MODE", "value": "LIVE"}]
        kubectl.scale(cluster, "sts", *GAMMA, 0)
        await asyncio.sleep(5)
        expected = {"observedGeneration": 3, "replicas": 0, "availableReplicas": 0, "collisionCount": 0}
        shown = status(cluster, STATEFUL_SETS, GAMMA)
        assert {name: value for name, value in shown.items() if "Revision" not in name} == expected

    played(story, stateful_set())


def test_a_deleted_pod_is_made_again() -> None:
    async def story(cluster: Cluster) -> None:
        (old,) = pods(cluster, AGENT[0])
        kubectl.delete(cluster, "pod", AGENT[0], old.name, force=True)
        await asyncio.sleep(2)
        (new,) = pods(cluster, AGENT[0])
        assert new.uid != old.uid and new.object["status"]["phase"] == "Running"

    played(story, deployment(replicas=1))


@pytest.mark.parametrize("propagation", ["Background", "Foreground"])
def test_what_a_deployment_owned_goes_with_it(propagation: str) -> None:
    async def story(cluster: Cluster) -> None:
        record = cluster.get(DEPLOYMENTS, *AGENT)
        gone = cluster.delete(record, DeleteOptions(propagation=propagation)).gone
        assert gone is (propagation == "Background")
        await asyncio.sleep(3)
        left = [*cluster.records(DEPLOYMENTS), *cluster.records(REPLICA_SETS), *pods(cluster, AGENT[0])]
        assert left == []

    played(story, deployment(replicas=2))


def test_a_foreground_deletion_is_seen_to_wait() -> None:
    async def story(cluster: Cluster) -> None:
        subscription = cluster.subscribe(DEPLOYMENTS, lambda: None)
        cluster.delete(cluster.get(DEPLOYMENTS, *AGENT), DeleteOptions(propagation="Foreground"))
        await asyncio.sleep(5)
        seen = [(event.type, event.after.object["status"]["observedGeneration"]) for event in subscription.events]
        assert seen == [("MODIFIED", 1), ("MODIFIED", 2), ("DELETED", 2)]

    played(story, deployment())


def test_orphans_live_on() -> None:
    async def story(cluster: Cluster) -> None:
        cluster.delete(cluster.get(DEPLOYMENTS, *AGENT), DeleteOptions(propagation="Orphan"))
        await asyncio.sleep(3)
        assert cluster.records(DEPLOYMENTS) == []
        (replica_set,) = cluster.records(REPLICA_SETS)
        assert "ownerReferences" not in replica_set.object["metadata"]
        assert phases(cluster, AGENT[0]) == ["Running"]

    played(story, deployment(replicas=1))


def test_a_namespace_goes_last() -> None:
    async def story(cluster: Cluster) -> None:
        kubectl.delete(cluster, "ns", "", "agenttrader")
        await asyncio.sleep(1)
        assert cluster.get(NAMESPACES, "", "agenttrader").object["status"]["phase"] == "Terminating"
        assert phases(cluster, "agenttrader") == ["Terminating"]
        await asyncio.sleep(5)
        assert cluster.find(NAMESPACES, "", "agenttrader") is None
        assert cluster.records(DEPLOYMENTS) == [] and pods(cluster, "agenttrader") == []

    played(story, deployment(replicas=1))


def test_a_paused_deployment_does_not_roll() -> None:
    async def story(cluster: Cluster) -> None:
        kubectl.patch(cluster, "deploy", *AGENT, {"spec": {"paused": True}})
        kubectl.set_env(cluster, "deploy", *AGENT, AGENT_MODE="LIVE")
        await asyncio.sleep(5)
        assert len(cluster.records(REPLICA_SETS)) == 1
        assert status(cluster, DEPLOYMENTS, AGENT)["observedGeneration"] == 3

    played(story, deployment(replicas=1))


def test_what_is_not_ready_goes_first_and_then_the_youngest() -> None:
    async def story(cluster: Cluster) -> None:
        (old,) = pods(cluster, AGENT[0])
        kubectl.scale(cluster, "deploy", *AGENT, 2)
        await asyncio.sleep(0.5)
        kubectl.scale(cluster, "deploy", *AGENT, 1)
        await asyncio.sleep(5)
        assert pods(cluster, AGENT[0]) == [old]
        kubectl.scale(cluster, "deploy", *AGENT, 3)
        await asyncio.sleep(5)
        kubectl.scale(cluster, "deploy", *AGENT, 1)
        await asyncio.sleep(5)
        assert pods(cluster, AGENT[0]) == [old]

    played(story, deployment(replicas=1))


def test_what_keeps_changing_is_looked_at_all_the_same() -> None:
    async def story(cluster: Cluster) -> None:
        for number in range(100):
            kubectl.patch(cluster, "deploy", *AGENT, {"metadata": {"annotations": {"n": str(number)}}})
            await asyncio.sleep(0.005)
        object = cluster.get(DEPLOYMENTS, *AGENT).object
        assert object["metadata"]["generation"] - object["status"]["observedGeneration"] < 5

    played(story, deployment())


def test_a_settled_cluster_is_left_alone() -> None:
    async def story(cluster: Cluster) -> None:
        before = cluster.revision
        await asyncio.sleep(3600)
        assert cluster.revision == before

    played(story, deployment(replicas=2), stateful_set())


def test_the_same_story_gives_the_same_bytes() -> None:
    def bytes_of() -> list[bytes]:
        told: list[bytes] = []

        async def story(cluster: Cluster) -> None:
            kubectl.scale(cluster, "deploy", *AGENT, 3)
            await asyncio.sleep(5)
            told.extend(record.json for resource in (DEPLOYMENTS, PODS) for record in cluster.records(resource))

        played(story, deployment())
        return told

    assert bytes_of() == bytes_of() != []
