"""The ReplicaSet controller: as many Pods as the spec says."""

from __future__ import annotations

from watchdog.simulator.history import Record
from watchdog.simulator.reconcilers.owned import OBJECT_AUTHOR, World, is_ready, is_terminating, pod_of, present
from watchdog.simulator.resources import PODS


def reconcile_replica_set(world: World, replica_set: Record) -> float | None:
    if is_terminating(replica_set):
        return None
    pods = _active(world, replica_set)
    _write_status(world, replica_set, pods)
    wanted = replica_set.object["spec"]["replicas"]
    for _ in range(wanted - len(pods)):
        identity = {"generateName": f"{replica_set.name}-"}
        made = pod_of(replica_set.object["spec"]["template"], replica_set, {}, identity)
        world.cluster.create(PODS, replica_set.namespace, made, OBJECT_AUTHOR)
    for pod in sorted(pods, key=_dispensable)[: max(len(pods) - wanted, 0)]:
        world.cluster.delete(pod)
    return None


def _active(world: World, replica_set: Record) -> list[Record]:
    return [pod for pod in world.owned.children(replica_set, PODS) if not is_terminating(pod)]


def _dispensable(pod: Record) -> tuple[bool, int]:
    """Pods that are not ready go first, and of the others the youngest."""
    return is_ready(pod), -pod.revision


def _write_status(world: World, replica_set: Record, pods: list[Record]) -> None:
    ready = sum(map(is_ready, pods))
    terminating = len(world.owned.children(replica_set, PODS)) - len(pods)
    status = {"replicas": len(pods), "observedGeneration": replica_set.object["metadata"]["generation"]}
    counts = {"fullyLabeledReplicas": len(pods), "readyReplicas": ready, "availableReplicas": ready}
    world.write_status(replica_set, status | present(counts) | {"terminatingReplicas": terminating})
