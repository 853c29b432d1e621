"""The scheduler and the kubelets: a Pod is placed, runs after a while, and is gone some time after its deletion."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from watchdog.simulator.cluster import DeleteOptions
from watchdog.simulator.history import Record
from watchdog.simulator.managed_fields import Author
from watchdog.simulator.reconcilers.owned import KUBELET, SCHEDULER, World, is_terminating

JSON = dict[str, Any]
NODE, NODE_ADDRESS = "simulated-node-1", "10.128.0.2"
_CONDITIONS = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")


def reconcile_pod(world: World, pod: Record) -> float | None:
    """Returns the seconds until this Pod wants another look."""
    if is_terminating(pod):
        return _stopped(world, pod)
    if not pod.object["spec"].get("nodeName"):
        pod = world.write(pod, {"spec": {**pod.object["spec"], "nodeName": NODE}}, Author(SCHEDULER, "binding"))
        conditions = [_condition("PodScheduled", world.cluster.now())]
        pod = world.write_status(pod, {**pod.object["status"], "conditions": conditions}, Author(SCHEDULER, "status"))
    if pod.object["status"]["phase"] != "Pending":
        return None
    if left := world.timers.left("start", pod.uid, world.pace.start):
        return left
    world.write_status(pod, running(pod.object, world.cluster.now()), Author(KUBELET, "status"))
    return None


def _stopped(world: World, pod: Record) -> float | None:
    grace = min(pod.object["metadata"]["deletionGracePeriodSeconds"], world.pace.stop)
    if left := world.timers.left("stop", pod.uid, grace):
        return left
    world.cluster.delete(pod, DeleteOptions(grace_seconds=0))
    return None


def running(pod: JSON, time: str) -> JSON:
    """The status of a Pod all of whose containers run and are ready."""
    return {
        **pod["status"],
        "phase": "Running",
        "conditions": [_condition(type, time) for type in _CONDITIONS],
        "hostIP": NODE_ADDRESS,
        "podIP": _address(pod["metadata"]["uid"]),
        "startTime": time,
        "containerStatuses": [
            _container_status(one, pod["metadata"]["uid"], time) for one in pod["spec"]["containers"]
        ],
    }


def _condition(type: str, time: str) -> JSON:
    return {"type": type, "status": "True", "lastProbeTime": None, "lastTransitionTime": time}


def _container_status(container: JSON, uid: str, time: str) -> JSON:
    image = container.get("image", "")
    return {
        "name": container["name"],
        "state": {"running": {"startedAt": time}},
        "lastState": {},
        "ready": True,
        "restartCount": 0,
        "image": image,
        "imageID": f"{image.partition('@')[0]}@sha256:{_digest(image)}",
        "containerID": f"containerd://{_digest(uid + container['name'])}",
        "started": True,
    }


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _address(uid: str) -> str:
    return f"10.4.{int(uid[:2], 16)}.{int(uid[2:4], 16)}"
