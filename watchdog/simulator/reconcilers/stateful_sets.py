"""The StatefulSet controller: numbered Pods, one after the other, and a rolling update from the highest number down."""

from __future__ import annotations

from typing import Any

from watchdog.simulator.history import Record
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
_HASH, _COMPONENT = "controller-revision-hash", "statefulset-controller"


def reconcile_stateful_set(world: World, stateful_set: Record) -> float | None:
    if is_terminating(stateful_set):
        return None
    revision = f"{stateful_set.name}-{template_hash(stateful_set.object['spec']['template'])}"
    pods = {_ordinal(pod): pod for pod in world.owned.children(stateful_set, PODS)}
    _write_status(world, stateful_set, revision, list(pods.values()))
    settled = _filled(world, stateful_set, revision, pods) and _trimmed(world, stateful_set, pods)
    if settled and stateful_set.object["spec"]["updateStrategy"]["type"] == "RollingUpdate":
        _updated(world, revision, pods)
    return None


def _ordinal(pod: Record) -> int:
    return int(pod.name.rpartition("-")[2])


def _filled(world: World, stateful_set: Record, revision: str, pods: dict[int, Record]) -> bool:
    """Makes the Pods that are missing. True when each is there and ready."""
    parallel, complete = stateful_set.object["spec"]["podManagementPolicy"] == "Parallel", True
    for ordinal in range(stateful_set.object["spec"]["replicas"]):
        pod = pods.get(ordinal)
        if pod is None:
            _make(world, stateful_set, revision, ordinal)
        if pod is None or is_terminating(pod) or not is_ready(pod):
            complete = False
            if not parallel:
                return False
    return complete


def _make(world: World, stateful_set: Record, revision: str, ordinal: int) -> None:
    name = f"{stateful_set.name}-{ordinal}"
    index = {"apps.kubernetes.io/pod-index": str(ordinal), "statefulset.kubernetes.io/pod-name": name}
    pod = pod_of(stateful_set.object["spec"]["template"], stateful_set, {**index, _HASH: revision}, {"name": name})
    world.cluster.create(PODS, stateful_set.namespace, pod, OBJECT_AUTHOR)
    said = f"create Pod {name} in StatefulSet {stateful_set.name} successful"
    record(world, stateful_set, _COMPONENT, "SuccessfulCreate", said)


def _trimmed(world: World, stateful_set: Record, pods: dict[int, Record]) -> bool:
    """Removes Pods above the wanted number, the highest first and one at a time. True when none is left."""
    surplus = [
        pods[ordinal] for ordinal in sorted(pods, reverse=True) if ordinal >= stateful_set.object["spec"]["replicas"]
    ]
    if surplus and not is_terminating(surplus[0]):
        world.cluster.delete(surplus[0])
        said = f"delete Pod {surplus[0].name} in StatefulSet {stateful_set.name} successful"
        record(world, stateful_set, _COMPONENT, "SuccessfulDelete", said)
    return not surplus


def _updated(world: World, revision: str, pods: dict[int, Record]) -> None:
    stale = [
        pods[one] for one in sorted(pods, reverse=True) if pods[one].object["metadata"]["labels"][_HASH] != revision
    ]
    if stale and not any(map(is_terminating, pods.values())):
        world.cluster.delete(stale[0])


def _write_status(world: World, stateful_set: Record, revision: str, pods: list[Record]) -> None:
    ready = sum(is_ready(pod) for pod in pods)
    updated = sum(pod.object["metadata"]["labels"][_HASH] == revision for pod in pods)
    old = (stateful_set.object.get("status") or {}).get("currentRevision", revision)
    current = revision if updated == ready == stateful_set.object["spec"]["replicas"] else old  # an update ends so
    counts = {
        "readyReplicas": ready,
        "currentReplicas": updated if current == revision else len(pods) - updated,
        "updatedReplicas": updated,
    }
    status: JSON = {"observedGeneration": stateful_set.object["metadata"]["generation"], "replicas": len(pods)}
    revisions = {
        "currentRevision": current,
        "updateRevision": revision,
        "collisionCount": 0,
        "availableReplicas": ready,
    }
    world.write_status(stateful_set, status | present(counts) | revisions)
