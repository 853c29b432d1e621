"""The scheduler and the kubelets: a Pod is placed, runs after a while, and is gone some time after its deletion."""

from __future__ import annotations

from typing import Any

from watchdog.simulator.cluster import DeleteOptions
from watchdog.simulator.history import Record
from watchdog.simulator.kubelet import condition, unstarted, with_ephemeral
from watchdog.simulator.managed_fields import Author
from watchdog.simulator.reconcilers.containers import begun, lives
from watchdog.simulator.reconcilers.nodes import places, takes
from watchdog.simulator.reconcilers.owned import KUBELET, SCHEDULER, World, is_terminating
from watchdog.simulator.reconcilers.recorder import record

JSON = dict[str, Any]
RETRY = 5.0
"""Seconds after which the scheduler tries again to place a Pod that no node has taken."""


def reconcile_pod(world: World, pod: Record) -> float | None:
    """Returns the seconds until this Pod wants another look."""
    if is_terminating(pod):
        return _stopped(world, pod)
    if not pod.object["spec"].get("nodeName"):
        pod = _scheduled(world, pod)
    if not pod.object["spec"].get("nodeName"):
        return RETRY if world.fates.homeless(pod) else None
    if unstarted(pod.object):
        status = with_ephemeral(pod.object, world.cluster.now())
        pod = world.write_status(pod, status, Author(KUBELET, "status"))
    match pod.object["status"]["phase"]:
        case "Pending":
            return _to_start(world, pod) or begun(world, pod)
        case "Running":
            return lives(world, pod)
    return None


def _to_start(world: World, pod: Record) -> float:
    """What is left of the time that a start takes; one that could not pull its images has had it."""
    if pod.object["status"].get("containerStatuses"):
        return 0.0
    return world.timers.left("start", pod.uid, world.pace.start)


def _scheduled(world: World, pod: Record) -> Record:
    spec, status, now = pod.object["spec"], pod.object["status"], world.cluster.now()
    homeless = world.fates.homeless(pod)
    fitting = [] if homeless else [place for place in places(world) if takes(place, spec)]
    if not fitting:
        why = f"0/{len(places(world))} nodes are available: node(s) didn't match Pod's node affinity/selector."
        why = homeless or why
        refused = condition("PodScheduled", now, "False") | {"reason": "Unschedulable", "message": why}
        if any(one.get("reason") == "Unschedulable" for one in status.get("conditions") or ()):
            return pod
        record(world, pod, SCHEDULER, "FailedScheduling", why, "Warning")
        return world.write_status(pod, {**status, "conditions": [refused]}, Author(SCHEDULER, "status"))
    pod = world.write(pod, {"spec": {**spec, "nodeName": fitting[0].name}}, Author(SCHEDULER, "binding"))
    said = f"Successfully assigned {pod.namespace}/{pod.name} to {fitting[0].name}"
    record(world, pod, SCHEDULER, "Scheduled", said)
    scheduled = {**status, "conditions": [condition("PodScheduled", now)]}
    return world.write_status(pod, scheduled, Author(SCHEDULER, "status"))


def _stopped(world: World, pod: Record) -> float | None:
    grace = min(pod.object["metadata"]["deletionGracePeriodSeconds"], world.pace.stop)
    if left := world.timers.left("stop", pod.uid, grace):
        for container in pod.object["spec"]["containers"]:
            record(world, pod, KUBELET, "Killing", f"Stopping container {container['name']}")
        return left
    world.cluster.delete(pod, DeleteOptions(grace_seconds=0))
    return None
