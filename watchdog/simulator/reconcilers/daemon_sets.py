"""The DaemonSet controller: one Pod on each node that the template's nodeSelector matches, be that none."""

from __future__ import annotations

from typing import Any

from watchdog.simulator.history import Record
from watchdog.simulator.reconcilers.nodes import Place, pinned_to, pinning, places, takes
from watchdog.simulator.reconcilers.owned import (
    OBJECT_AUTHOR,
    World,
    is_ready,
    is_terminating,
    pod_of,
    present,
    template_hash,
)
from watchdog.simulator.reconcilers.recorder import record
from watchdog.simulator.resources import PODS

JSON = dict[str, Any]
_HASH, _COMPONENT = "controller-revision-hash", "daemonset-controller"


def reconcile_daemon_set(world: World, daemon_set: Record) -> float | None:
    if is_terminating(daemon_set):
        return None
    spec = daemon_set.object["spec"]
    wanted = [place for place in places(world) if takes(place, spec["template"]["spec"])]
    pods = [pod for pod in world.owned.children(daemon_set, PODS) if not is_terminating(pod)]
    hash = template_hash(spec["template"])
    _write_status(world, daemon_set, len(wanted), pods, hash)
    placed = {pinned_to(pod.object["spec"]) for pod in world.owned.children(daemon_set, PODS)}
    for place in wanted:
        if place.name not in placed:
            _make(world, daemon_set, place, hash)
    _trim(world, daemon_set, [place.name for place in wanted], pods, hash)
    return None


def _make(world: World, daemon_set: Record, place: Place, hash: str) -> None:
    made = pod_of(
        daemon_set.object["spec"]["template"], daemon_set, {_HASH: hash}, {"generateName": f"{daemon_set.name}-"}
    )
    made["spec"] = {**made["spec"], "affinity": pinning(place.name)}
    pod = world.cluster.create(PODS, daemon_set.namespace, made, OBJECT_AUTHOR)
    record(world, daemon_set, _COMPONENT, "SuccessfulCreate", f"Created pod: {pod.name}")


def _trim(world: World, daemon_set: Record, wanted: list[str], pods: list[Record], hash: str) -> None:
    """Pods on nodes that no longer match go; then, one at a time, those of an older template."""
    surplus = [pod for pod in pods if pinned_to(pod.object["spec"]) not in wanted]
    stale = [pod for pod in pods if pod not in surplus and pod.object["metadata"]["labels"].get(_HASH) != hash]
    rolls = daemon_set.object["spec"]["updateStrategy"]["type"] == "RollingUpdate"
    others_ready = all(is_ready(pod) for pod in pods if pod not in stale)
    for pod in surplus + (stale[:1] if rolls and others_ready else []):
        world.cluster.delete(pod)
        record(world, daemon_set, _COMPONENT, "SuccessfulDelete", f"Deleted pod: {pod.name}")


def _write_status(world: World, daemon_set: Record, desired: int, pods: list[Record], hash: str) -> None:
    ready = sum(map(is_ready, pods))
    updated = sum(pod.object["metadata"]["labels"].get(_HASH) == hash for pod in pods)
    status: JSON = {
        "currentNumberScheduled": min(len(pods), desired),
        "numberMisscheduled": max(len(pods) - desired, 0),
        "desiredNumberScheduled": desired,
        "numberReady": ready,
        "observedGeneration": daemon_set.object["metadata"]["generation"],
    }
    counts = {"updatedNumberScheduled": updated, "numberAvailable": ready, "numberUnavailable": max(desired - ready, 0)}
    world.write_status(daemon_set, status | present(counts))
