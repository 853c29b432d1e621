"""The Deployment controller: one ReplicaSet for each template, and the status.

A rollout is simple: the new ReplicaSet comes up whole, then the old ones go down (``Recreate``: the other way round).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from watchdog.simulator.history import Record
from watchdog.simulator.reconcilers.owned import (
    OBJECT_AUTHOR,
    STATUS_AUTHOR,
    World,
    is_terminating,
    owner_reference,
    present,
    template_hash,
)
from watchdog.simulator.reconcilers.recorder import record
from watchdog.simulator.resources import PODS, REPLICA_SETS

JSON = dict[str, Any]
_HASH, _REVISION = "pod-template-hash", "deployment.kubernetes.io/revision"


def reconcile_deployment(world: World, deployment: Record) -> float | None:
    if is_terminating(deployment):
        return None
    replica_sets = world.owned.children(deployment, REPLICA_SETS)
    wanted = template_hash(deployment.object["spec"]["template"])
    current = next((one for one in replica_sets if one.object["metadata"]["labels"][_HASH] == wanted), None)
    others = [one for one in replica_sets if one is not current]
    if not deployment.object["spec"].get("paused"):
        current = _rolled(world, deployment, current, others, wanted)
    written = _write_status(world, deployment, current, others + ([current] if current else []))
    return _until_deadline(world, written, current) or None


def _rolled(world: World, deployment: Record, current: Record | None, others: list[Record], hash: str) -> Record | None:
    replicas = deployment.object["spec"]["replicas"]
    if deployment.object["spec"]["strategy"]["type"] == "Recreate" and _retire(world, deployment, others):
        return current
    if current is None:
        made = _replica_set(deployment, hash)
        current = world.cluster.create(REPLICA_SETS, deployment.namespace, made, OBJECT_AUTHOR)
        if replicas:
            _say(world, deployment, current, 0, replicas)
    current = _scaled(world, deployment, _revised(world, current, others), replicas)
    if (current.object["status"] or {}).get("readyReplicas", 0) >= replicas:
        _retire(world, deployment, others)
    return current


def _scaled(world: World, deployment: Record, replica_set: Record, replicas: int) -> Record:
    before, after = replica_set.object["spec"]["replicas"], world.scale(replica_set, replicas)
    if before != replicas:
        _say(world, deployment, replica_set, before, replicas)
    return after


def _say(world: World, deployment: Record, replica_set: Record, before: int, after: int) -> None:
    way = "up" if after > before else "down"
    said = f"Scaled {way} replica set {replica_set.name} from {before} to {after}"
    record(world, deployment, "deployment-controller", "ScalingReplicaSet", said)


def _retire(world: World, deployment: Record, replica_sets: list[Record]) -> bool:
    """Scales to zero; True while Pods of them are left."""
    for replica_set in replica_sets:
        _scaled(world, deployment, replica_set, 0)
    return any(world.owned.children(one, PODS) for one in replica_sets)


def _replica_set(deployment: Record, hash: str) -> JSON:
    spec, template = deployment.object["spec"], deployment.object["spec"]["template"]
    labels = {**(template["metadata"].get("labels") or {}), _HASH: hash}
    selector = {**spec["selector"], "matchLabels": {**(spec["selector"].get("matchLabels") or {}), _HASH: hash}}
    return {
        "metadata": {
            "name": f"{deployment.name}-{hash}",
            "labels": labels,
            "annotations": {"deployment.kubernetes.io/desired-replicas": str(spec["replicas"])},
            "ownerReferences": [owner_reference(deployment)],
        },
        "spec": {
            "replicas": spec["replicas"],
            "selector": selector,
            "template": {**template, "metadata": {**template["metadata"], "labels": labels}},
        },
    }


def _revision(replica_set: Record) -> int:
    return int((replica_set.object["metadata"].get("annotations") or {}).get(_REVISION, "0"))


def _revised(world: World, current: Record, others: list[Record]) -> Record:
    """The ReplicaSet of the current template carries the highest revision, also after a rollback."""
    highest = max(map(_revision, others), default=0)
    if _revision(current) > highest:
        return current
    metadata = current.object["metadata"]
    annotations = {**(metadata.get("annotations") or {}), _REVISION: str(highest + 1)}
    return world.write(current, {"metadata": {**metadata, "annotations": annotations}})


def _write_status(world: World, deployment: Record, current: Record | None, replica_sets: list[Record]) -> Record:
    def total(count: str) -> int:
        return sum((one.object["status"] or {}).get(count, 0) for one in replica_sets)

    desired, available = deployment.object["spec"]["replicas"], total("availableReplicas")
    counts = {
        "replicas": total("replicas"),
        "updatedReplicas": (current.object["status"] or {}).get("replicas", 0) if current else 0,
        "readyReplicas": total("readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(max(desired, total("replicas")) - available, 0),
    }
    status: JSON = {"observedGeneration": deployment.object["metadata"]["generation"], **present(counts)}
    status["terminatingReplicas"] = total("terminatingReplicas")
    status["conditions"] = _conditions(world, deployment, current, available >= desired)
    metadata = deployment.object["metadata"]
    if current:
        annotations = {**(metadata.get("annotations") or {}), _REVISION: str(_revision(current))}
        metadata = {**metadata, "annotations": annotations}
    # Through the status subresource: the revision's annotation then bumps no generation.
    return world.write(deployment, {"metadata": metadata, "status": status}, STATUS_AUTHOR)


def _conditions(world: World, deployment: Record, current: Record | None, available: bool) -> list[JSON]:
    reason = "MinimumReplicasAvailable" if available else "MinimumReplicasUnavailable"
    message = "Deployment has minimum availability." if available else "Deployment does not have minimum availability."
    wanted = [_condition("Available", available, reason, message)]
    if (
        current
        and (current.object["status"] or {}).get("availableReplicas", 0) >= deployment.object["spec"]["replicas"]
    ):
        done = f'ReplicaSet "{current.name}" has successfully progressed.'
        wanted.append(_condition("Progressing", True, "NewReplicaSetAvailable", done))
    elif current and not _made_progress(deployment, current):
        late = _until_deadline(world, deployment, current) == 0.0
        reason, said = (_LATE, "has timed out progressing.") if late else ("ReplicaSetUpdated", "is progressing.")
        wanted.append(_condition("Progressing", not late, reason, f'ReplicaSet "{current.name}" {said}'))
    old = (deployment.object.get("status") or {}).get("conditions") or []
    for condition in wanted:
        old = _with_condition(old, condition, world.cluster.now())
    return old


_LATE = "ProgressDeadlineExceeded"


def _until_deadline(world: World, deployment: Record, current: Record | None) -> float | None:
    """Seconds; 0 once the rollout is late, ``None`` where none is under way."""
    conditions = (deployment.object.get("status") or {}).get("conditions") or ()
    progress = next((one for one in conditions if one["type"] == "Progressing"), None)
    if progress is None or progress["reason"] == "NewReplicaSetAvailable":
        return None
    if current is None or f'"{current.name}"' not in progress["message"]:
        return None
    if progress["reason"] == _LATE:
        return 0.0
    since = datetime.fromisoformat(progress["lastUpdateTime"]).timestamp()
    return max(0.0, since + float(deployment.object["spec"]["progressDeadlineSeconds"]) - world.cluster.time())


def _made_progress(deployment: Record, current: Record) -> bool:
    """Scaling a ReplicaSet that was once available is no progress to speak of (``watch-deployment-scale-up-down``)."""
    conditions = (deployment.object.get("status") or {}).get("conditions") or ()
    return any(
        one["reason"] == "NewReplicaSetAvailable" and f'"{current.name}"' in one["message"] for one in conditions
    )


def _condition(type: str, holds: bool, reason: str, message: str) -> JSON:
    return {"type": type, "status": str(holds), "reason": reason, "message": message}


def _with_condition(conditions: list[JSON], new: JSON, time: str) -> list[JSON]:
    """A condition that changes moves to the end."""
    old = next((one for one in conditions if one["type"] == new["type"]), None)
    if old and all(old[field] == value for field, value in new.items()):
        return conditions
    since = old["lastTransitionTime"] if old and old["status"] == new["status"] else time
    times = {"lastUpdateTime": time, "lastTransitionTime": since}
    head = {field: new[field] for field in ("type", "status")}
    return [*(one for one in conditions if one is not old), {**head, **times, **new}]
