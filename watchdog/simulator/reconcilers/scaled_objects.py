"""KEDA's operator: a ScaledObject takes its target up from zero once a trigger is active, and down again after a while.

A trigger lives outside the cluster: ``Cluster.demand`` tells how many replicas it asks for. No HPA is made: all counts
are set here.
"""

from __future__ import annotations

from typing import Any

from watchdog.simulator.history import Record
from watchdog.simulator.managed_fields import Author
from watchdog.simulator.reconcilers.autoscalers import demand_key, scale_target
from watchdog.simulator.reconcilers.owned import World, is_terminating
from watchdog.simulator.reconcilers.recorder import record

JSON = dict[str, Any]
KEDA = "keda-operator"
_PAUSED, _PAUSED_AT = "autoscaling.keda.sh/paused", "autoscaling.keda.sh/paused-replicas"


def reconcile_scaled_object(world: World, scaled_object: Record) -> float | None:
    """Looks again every ``spec.pollingInterval`` seconds (30), or every ``pace.sync`` where that is less."""
    if is_terminating(scaled_object):
        return None
    again = min(float(scaled_object.object["spec"].get("pollingInterval", 30)), world.pace.sync)
    target = scale_target(world, scaled_object, "scaleTargetRef")
    if target is None:
        return again
    demand = world.cluster.demand.get(demand_key(scaled_object), 0)
    current = int(target.object["spec"].get("replicas", 1))
    wanted = _wanted(world, scaled_object, current, demand)
    if wanted != current:
        world.rescale(target, wanted, KEDA)
        _say(world, scaled_object, target, current, wanted)
    _write_status(world, scaled_object, target, demand > 0)
    return again


def is_paused(scaled_object: Record) -> bool:
    """``paused`` counts by its value, ``paused-replicas`` by its being there."""
    annotations = scaled_object.object["metadata"].get("annotations") or {}
    return _PAUSED_AT in annotations or str(annotations.get(_PAUSED, "")).lower() in ("true", "1", "t")


def _wanted(world: World, scaled_object: Record, current: int, demand: int) -> int:
    spec, annotations = scaled_object.object["spec"], scaled_object.object["metadata"].get("annotations") or {}
    if is_paused(scaled_object):
        at = str(annotations.get(_PAUSED_AT, ""))
        return int(at) if at.isdigit() else current
    least, most = int(spec.get("minReplicaCount", 0)), int(spec.get("maxReplicaCount", 100))
    timer = ("cooldown", scaled_object.uid)
    if demand > 0:
        world.timers.forget(*timer)
        return min(max(demand, least, 1), most)
    idle = int(spec.get("idleReplicaCount", least))
    if current <= idle:
        return max(current, idle)
    return current if world.timers.left(*timer, float(spec.get("cooldownPeriod", 300))) else idle


def _say(world: World, scaled_object: Record, target: Record, current: int, wanted: int) -> None:
    kind = f"{target.resource.api_version}.{target.resource.kind} {target.namespace}/{target.name}"
    if current == 0:
        said = f"Scaled {kind} from 0 to {wanted}, triggered by a scaler"
        record(world, scaled_object, KEDA, "KEDAScaleTargetActivated", said)
    elif wanted == 0:
        said = f"Deactivated {kind} from {current} to 0"
        record(world, scaled_object, KEDA, "KEDAScaleTargetDeactivated", said)


def _write_status(world: World, scaled_object: Record, target: Record, active: bool) -> None:
    ready = {"status": "True", "reason": "ScaledObjectReady", "message": "ScaledObject is defined correctly"}
    paused = is_paused(scaled_object)
    conditions = [
        {"type": "Ready", **ready},
        {"type": "Active", "status": str(active), "reason": "ScalerActive" if active else "ScalerNotActive"},
        {"type": "Paused", "status": str(paused), "reason": "ScaledObjectPaused" if paused else "ScaledObjectUnpaused"},
    ]
    old = scaled_object.object.get("status") or {}
    status = {
        "conditions": conditions,
        "originalReplicaCount": old.get("originalReplicaCount", target.object["spec"].get("replicas", 1)),
        "scaleTargetKind": f"{target.resource.api_version}.{target.resource.kind}",
    }
    world.write_status(scaled_object, {**old, **status}, Author(KEDA, "status"))
