"""The ReplicaSet controller, and the older ReplicationController: as many Pods as the spec says."""

from __future__ import annotations

from watchdog.simulator.history import Record
from watchdog.simulator.reconcilers.owned import (
    OBJECT_AUTHOR,
    World,
    has_finished,
    is_ready,
    is_terminating,
    pod_of,
    present,
)
from watchdog.simulator.reconcilers.recorder import record
from watchdog.simulator.resources import PODS, REPLICA_SETS


def reconcile_replica_set(world: World, replica_set: Record) -> float | None:
    if is_terminating(replica_set):
        return None
    pods = _active(world, replica_set)
    _write_status(world, replica_set, pods)
    wanted = replica_set.object["spec"]["replicas"]
    for _ in range(wanted - len(pods)):
        identity = {"generateName": f"{replica_set.name}-"}
        made = pod_of(replica_set.object["spec"]["template"], replica_set, {}, identity)
        pod = world.cluster.create(PODS, replica_set.namespace, made, OBJECT_AUTHOR)
        record(world, replica_set, _component(replica_set), "SuccessfulCreate", f"Created pod: {pod.name}")
    for pod in sorted(pods, key=_dispensable)[: max(len(pods) - wanted, 0)]:
        world.cluster.delete(pod)
        record(world, replica_set, _component(replica_set), "SuccessfulDelete", f"Deleted pod: {pod.name}")
    return None


def _component(replica_set: Record) -> str:
    return "replicaset-controller" if replica_set.resource is REPLICA_SETS else "replication-controller"


def _active(world: World, replica_set: Record) -> list[Record]:
    return [pod for pod in world.owned.children(replica_set, PODS) if not is_terminating(pod) and not has_finished(pod)]


def _dispensable(pod: Record) -> tuple[bool, int]:
    """Pods that are not ready go first, and of the others the youngest."""
    return is_ready(pod), -pod.revision


def _write_status(world: World, replica_set: Record, pods: list[Record]) -> None:
    ready = sum(map(is_ready, pods))
    terminating = sum(map(is_terminating, world.owned.children(replica_set, PODS)))
    status = {"replicas": len(pods), "observedGeneration": replica_set.object["metadata"]["generation"]}
    counts = {"fullyLabeledReplicas": len(pods), "readyReplicas": ready, "availableReplicas": ready}
    more = {"terminatingReplicas": terminating} if replica_set.resource is REPLICA_SETS else {}
    world.write_status(replica_set, status | present(counts) | more)
