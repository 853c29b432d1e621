"""The HorizontalPodAutoscaler's controller: between its bounds, and never up from zero."""

from __future__ import annotations

from typing import Any

from watchdog.simulator.history import Record
from watchdog.simulator.reconcilers.owned import CONTROLLER, World, is_terminating
from watchdog.simulator.reconcilers.recorder import record
from watchdog.simulator.resources import Resource

JSON = dict[str, Any]
_COMPONENT = "horizontal-pod-autoscaler"
_DISABLED = "scaling is disabled since the replica count of the target is zero"


def reconcile_autoscaler(world: World, autoscaler: Record) -> float | None:
    """Looks again every ``pace.sync``. ``Cluster.demand`` tells what the metrics ask for; untold, what there is."""
    if is_terminating(autoscaler):
        return None
    spec, target = autoscaler.object["spec"], scale_target(world, autoscaler, "scaleTargetRef")
    if target is None:
        return world.pace.sync
    current = int(target.object["spec"].get("replicas", 1))
    wanted = world.cluster.demand.get(demand_key(autoscaler), current)
    bounded = min(max(wanted, spec["minReplicas"]), spec["maxReplicas"]) if current else 0
    _write_status(world, autoscaler, target, current, bounded)
    if bounded != current:
        world.rescale(target, bounded, CONTROLLER)
        why = "below Spec.MinReplicas" if current < spec["minReplicas"] else "above target"
        said = f"New size: {bounded}; reason: Current number of replicas {why}"
        record(world, autoscaler, _COMPONENT, "SuccessfulRescale", said)
    return world.pace.sync


def scale_target(world: World, autoscaler: Record, field: str) -> Record | None:
    """What ``spec.<field>`` refers to; a ScaledObject may leave out kind and apiVersion of a Deployment."""
    reference = autoscaler.object["spec"][field]
    version, kind = reference.get("apiVersion") or "apps/v1", reference.get("kind") or "Deployment"
    resource: Resource | None = world.cluster.catalog.by_kind.get((version, kind))
    return world.cluster.find(resource, autoscaler.namespace, reference["name"]) if resource else None


def demand_key(autoscaler: Record) -> tuple[str, str, str]:
    return autoscaler.resource.kind, autoscaler.namespace, autoscaler.name


def _write_status(world: World, autoscaler: Record, target: Record, current: int, wanted: int) -> None:
    old, now = autoscaler.object.get("status") or {}, world.cluster.now()
    holds = ("True", "ValidMetricFound", "the HPA was able to calculate a replica count")
    active = holds if current else ("False", "ScalingDisabled", _DISABLED)
    conditions = [("AbleToScale", "True", "ReadyForNewScale", "recommended size matches current size")]
    conditions.append(("ScalingActive", *active))
    status: JSON = {"desiredReplicas": wanted, "currentMetrics": None}
    status["conditions"] = [_condition(old.get("conditions") or [], *one, now) for one in conditions]
    status |= {"currentReplicas": current} if current else {}
    scaled = {"lastScaleTime": now} if wanted != current else {}
    kept = {"lastScaleTime": old["lastScaleTime"]} if "lastScaleTime" in old else {}
    world.write_status(autoscaler, status | kept | scaled)


def _condition(old: list[JSON], type: str, status: str, reason: str, message: str, now: str) -> JSON:
    before = next((one for one in old if one["type"] == type and one["status"] == status), None)
    since = before["lastTransitionTime"] if before else now
    return {"type": type, "status": status, "lastTransitionTime": since, "reason": reason, "message": message}
