"""What a kubelet says of containers, what it does when it is told, and what a webhook changes before."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.simulator.client import deployment
from tests.simulator.manifests import pod
from tests.simulator.stories import AGENT, events, played, pods
from watchdog.simulator import kubectl, kubelet
from watchdog.simulator.cluster import Cluster
from watchdog.simulator.errors import ApiError
from watchdog.simulator.resources import EVENTS, PODS, Resource


def first_status(cluster: Cluster, field: str = "containerStatuses") -> dict[str, Any]:
    found: dict[str, Any] = cluster.get(PODS, *AGENT).object["status"][field][0]
    return found


def test_a_container_that_restarts_keeps_its_pod_and_has_a_new_start() -> None:
    async def story(cluster: Cluster) -> None:
        kubectl.create(cluster, pod())
        await asyncio.sleep(10)
        before, uid = first_status(cluster), cluster.get(PODS, *AGENT).uid
        kubelet.restart_container(cluster, *AGENT, exit_code=137)
        after = first_status(cluster)
        assert (after["restartCount"], cluster.get(PODS, *AGENT).uid) == (1, uid)
        assert after["state"]["running"]["startedAt"] > before["state"]["running"]["startedAt"]
        assert after["containerID"] != before["containerID"] and after["imageID"] == before["imageID"]
        ended = after["lastState"]["terminated"]
        assert (ended["exitCode"], ended["containerID"]) == (137, before["containerID"])

    played(story, deployment("other"))


def test_init_containers_are_through_and_native_sidecars_run() -> None:
    async def story(cluster: Cluster) -> None:
        init = [{"name": "once", "image": "i"}, {"name": "side", "image": "i", "restartPolicy": "Always"}]
        kubectl.create(cluster, pod(initContainers=init))
        await asyncio.sleep(2)
        states = [one["state"] for one in cluster.get(PODS, *AGENT).object["status"]["initContainerStatuses"]]
        assert states[0]["terminated"]["reason"] == "Completed" and "running" in states[1]

    played(story, deployment("other"))


def test_an_ephemeral_container_is_added_to_a_pod_that_runs() -> None:
    async def story(cluster: Cluster) -> None:
        kubectl.create(cluster, pod())
        await asyncio.sleep(2)
        kubelet.add_ephemeral_container(cluster, *AGENT, {"name": "debugger", "image": "busybox"})
        await asyncio.sleep(1)
        assert "running" in first_status(cluster, "ephemeralContainerStatuses")["state"]
        assert len(cluster.get(PODS, *AGENT).object["spec"]["containers"]) == 1

    played(story, deployment("other"))


def test_of_a_pod_that_runs_only_the_image_changes(cluster: Cluster) -> None:
    kubectl.create(cluster, pod())
    containers = cluster.get(PODS, *AGENT).object["spec"]["containers"]
    kubectl.patch(cluster, "pod", *AGENT, {"spec": {"containers": [{**containers[0], "image": "evil:2"}]}})
    assert cluster.get(PODS, *AGENT).object["spec"]["containers"][0]["image"] == "evil:2"
    with pytest.raises(ApiError, match="pod updates may not change fields other than"):
        kubectl.patch(cluster, "pod", *AGENT, {"spec": {"containers": [{**containers[0], "env": []}]}})


def test_a_webhook_changes_a_pod_before_it_is_stored() -> None:
    def injected(resource: Resource, object: dict[str, Any]) -> dict[str, Any]:
        if resource is not PODS:
            return object
        spec = object["spec"]
        env = [{"name": "AGENT_MODE", "value": "LIVE"}]
        return {**object, "spec": {**spec, "containers": [{**one, "env": env} for one in spec["containers"]]}}

    async def story(cluster: Cluster) -> None:
        cluster.admission.append(injected)
        kubectl.scale(cluster, "deploy", *AGENT, 1)
        await asyncio.sleep(2)
        (made,) = pods(cluster, AGENT[0])
        assert made.object["spec"]["containers"][0]["env"] == [{"name": "AGENT_MODE", "value": "LIVE"}]
        template = kubectl.get(cluster, "deploy", *AGENT).object["spec"]["template"]
        assert template["spec"]["containers"][0]["env"] == [{"name": "AGENT_MODE", "value": "OFF"}]

    played(story, deployment())


def test_a_controller_that_is_refused_tries_again() -> None:
    async def story(cluster: Cluster) -> None:
        refusing = [True]

        def webhook(resource: Resource, object: dict[str, Any]) -> dict[str, Any]:
            if resource is PODS and refusing[0]:
                raise ApiError(403, "Forbidden", "admission webhook denied the request")
            return object

        cluster.admission.append(webhook)
        kubectl.scale(cluster, "deploy", *AGENT, 1)
        await asyncio.sleep(60)
        assert pods(cluster, AGENT[0]) == []
        refusing[0] = False
        await asyncio.sleep(20)
        assert len(pods(cluster, AGENT[0])) == 1

    played(story, deployment())


def test_a_scaling_is_told_by_events_that_are_counted_and_kept_for_an_hour() -> None:
    async def story(cluster: Cluster) -> None:
        for replicas in (1, 0, 1, 0):
            kubectl.scale(cluster, "deploy", *AGENT, replicas)
            await asyncio.sleep(30)
        name = next(one for one in events(cluster, AGENT[1]))[1].split()[4]
        assert events(cluster, AGENT[1]) == [
            ("ScalingReplicaSet", f"Scaled up replica set {name} from 0 to 1", 2),
            ("ScalingReplicaSet", f"Scaled down replica set {name} from 1 to 0", 2),
        ]
        assert [one[0] for one in events(cluster, name)] == ["SuccessfulCreate", "SuccessfulDelete"] * 2
        about = [one for one in cluster.records(EVENTS) if one.object["involvedObject"]["kind"] == "Pod"]
        assert {one.object["reason"] for one in about} == {"Scheduled", "Started", "Killing"}
        await asyncio.sleep(3540)
        assert [one[2] for one in events(cluster, AGENT[1])] == [2, 2]
        await asyncio.sleep(61)
        assert cluster.records(EVENTS) == []

    played(story, deployment())
