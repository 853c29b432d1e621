"""Argo's Rollout controller: like a Deployment's, with a template of its own or that of a Deployment it refers to.

The new ReplicaSet comes up whole, then the old ones go down: canary steps and blue-green are left out.
"""

from __future__ import annotations

from typing import Any

from watchdog.simulator.history import Record
from watchdog.simulator.managed_fields import Author
from watchdog.simulator.reconcilers.owned import World, is_terminating, owner_reference, present, template_hash
from watchdog.simulator.reconcilers.recorder import record
from watchdog.simulator.resources import DEPLOYMENTS, REPLICA_SETS
from watchdog.simulator.selectors import label_selector_text

JSON = dict[str, Any]
_COMPONENT, _HASH = "rollouts-controller", "rollouts-pod-template-hash"
_AUTHOR = Author(_COMPONENT)


def reconcile_rollout(world: World, rollout: Record) -> float | None:
    if is_terminating(rollout):
        return None
    source = rollout.object["spec"].get("workloadRef")
    template = _referred(world, rollout, source) if source else rollout.object["spec"].get("template")
    if template is None:
        return world.pace.sync
    hash = template_hash(template)
    replica_sets = world.owned.children(rollout, REPLICA_SETS)
    current = next((one for one in replica_sets if one.object["metadata"]["labels"][_HASH] == hash), None)
    others = [one for one in replica_sets if one is not current]
    current = _rolled(world, rollout, current, others, template, hash)
    _write_status(world, rollout, current, [current, *others], hash)
    # A template that is referred to changes without a word to the Rollout.
    return world.pace.sync if source else None


def _referred(world: World, rollout: Record, reference: JSON) -> JSON | None:
    found = world.cluster.find(DEPLOYMENTS, rollout.namespace, reference["name"])
    return found.object["spec"]["template"] if found else None


def _replicas(rollout: Record) -> int:
    """Absent is 1: a custom resource has no defaults of its own."""
    return int(rollout.object["spec"].get("replicas", 1))


def _rolled(
    world: World, rollout: Record, current: Record | None, others: list[Record], template: JSON, hash: str
) -> Record:
    wanted = _replicas(rollout)
    if current is None:
        made = _replica_set(rollout, template, hash)
        current = world.cluster.create(REPLICA_SETS, rollout.namespace, made, _AUTHOR)
    before = current.object["spec"]["replicas"]
    if before != wanted:
        current = world.scale(current, wanted, _AUTHOR)
        said = f"Scaled {'up' if wanted > before else 'down'} ReplicaSet {current.name} from {before} to {wanted}"
        record(world, rollout, _COMPONENT, "ScalingReplicaSet", said)
    if (current.object["status"] or {}).get("readyReplicas", 0) >= wanted:
        for other in others:
            world.scale(other, 0, _AUTHOR)
    return current


def _replica_set(rollout: Record, template: JSON, hash: str) -> JSON:
    """It starts at zero, and is scaled."""
    metadata = template.get("metadata") or {}
    labels = {**(metadata.get("labels") or {}), _HASH: hash}
    identity = {"name": f"{rollout.name}-{hash}", "labels": labels, "ownerReferences": [owner_reference(rollout)]}
    selector = {"matchLabels": {**_match_labels(rollout, metadata), _HASH: hash}}
    spec = {"replicas": 0, "selector": selector, "template": {**template, "metadata": {**metadata, "labels": labels}}}
    return {"metadata": identity, "spec": spec}


def _match_labels(rollout: Record, template_metadata: JSON) -> JSON:
    selector = rollout.object["spec"].get("selector") or {"matchLabels": template_metadata.get("labels")}
    return dict(selector.get("matchLabels") or {})


def _write_status(world: World, rollout: Record, current: Record, replica_sets: list[Record], hash: str) -> None:
    def total(count: str) -> int:
        return sum((one.object["status"] or {}).get(count, 0) for one in replica_sets)

    wanted, available = _replicas(rollout), total("availableReplicas")
    counts = {
        "replicas": total("replicas"),
        "readyReplicas": total("readyReplicas"),
        "availableReplicas": available,
        "updatedReplicas": (current.object["status"] or {}).get("replicas", 0),
        "HPAReplicas": total("replicas"),
    }
    # Argo keeps the generation that it observed as text.
    status = present(counts) | {"observedGeneration": str(rollout.object["metadata"]["generation"])}
    status |= {"currentPodHash": hash, "phase": "Healthy" if available >= wanted else "Progressing"}
    status["selector"] = label_selector_text(rollout.object["spec"].get("selector") or {})
    if status["phase"] == "Healthy":
        status["stableRS"] = hash
    world.write_status(rollout, status, Author(_COMPONENT, "status"))
