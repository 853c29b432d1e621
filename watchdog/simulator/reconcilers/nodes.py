"""Where Pods can run: the Nodes that are stored, or one that is only thought of where none is; and what their kubelets
say of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from watchdog.simulator.fates import NODE
from watchdog.simulator.history import Record
from watchdog.simulator.managed_fields import Author
from watchdog.simulator.reconcilers.owned import KUBELET, World
from watchdog.simulator.resources import NODES

JSON = dict[str, Any]
_PRESSURES = {
    "MemoryPressure": (
        ("SufficientMemory", "sufficient memory available"),
        ("InsufficientMemory", "insufficient memory available"),
    ),
    "DiskPressure": (("NoDiskPressure", "no disk pressure"), ("DiskPressure", "disk pressure")),
    "PIDPressure": (("SufficientPID", "sufficient PID available"), ("InsufficientPID", "insufficient PID available")),
}
"""What a kubelet says without, and what it says under pressure."""


@dataclass(frozen=True, slots=True)
class Place:
    """A node that takes Pods."""

    name: str
    labels: JSON


def places(world: World) -> list[Place]:
    """Cordoned ones take none."""
    nodes = [one.object for one in world.cluster.records(NODES)]
    if not nodes:
        return [Place(NODE, {"kubernetes.io/hostname": NODE, "kubernetes.io/os": "linux"})]
    open_ = [one["metadata"] for one in nodes if not (one.get("spec") or {}).get("unschedulable")]
    return [Place(one["name"], one.get("labels") or {}) for one in open_]


def takes(place: Place, spec: JSON) -> bool:
    """``spec`` of a Pod. nodeSelector and the name that a DaemonSet pins its Pods to; other affinities are ignored."""
    wanted = spec.get("nodeSelector") or {}
    pinned = pinned_to(spec)
    return pinned in ("", place.name) and all(place.labels.get(key) == value for key, value in wanted.items())


def pinned_to(spec: JSON) -> str:
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    for term in required.get("nodeSelectorTerms") or ():
        for field in term.get("matchFields") or ():
            return str(field["values"][0])
    return ""


def pinning(name: str) -> JSON:
    """The affinity by which a DaemonSet's Pod goes to one node and to no other."""
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [name]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}


def reconcile_node(world: World, node: Record) -> None:
    """Its conditions; a kubelet that is not heard of leaves all of them unknown, as the node controller has it."""
    old = {one["type"]: one for one in (node.object.get("status") or {}).get("conditions") or ()}
    pressed, now = world.fates.pressed(node.name), world.cluster.now()
    conditions = [
        _lost(one, now) if "NotReady" in pressed else _said(one, pressed, now) for one in (*_PRESSURES, "Ready")
    ]
    kept = [_since(old.get(one["type"]), one) for one in conditions]
    world.write_status(node, {**(node.object.get("status") or {}), "conditions": kept}, Author(KUBELET, "status"))


def _since(old: JSON | None, new: JSON) -> JSON:
    return old if old is not None and (old["status"], old["reason"]) == (new["status"], new["reason"]) else new


def _said(type: str, pressed: list[str], now: str) -> JSON:
    if type == "Ready":
        return _condition(type, "True", "KubeletReady", "kubelet is posting ready status", now)
    reason, text = _PRESSURES[type][type in pressed]
    return _condition(type, str(type in pressed), f"KubeletHas{reason}", f"kubelet has {text}", now)


def _lost(type: str, now: str) -> JSON:
    return _condition(type, "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.", now)


def _condition(type: str, status: str, reason: str, message: str, now: str) -> JSON:
    times = {"lastHeartbeatTime": now, "lastTransitionTime": now}
    return {"type": type, "status": status, **times, "reason": reason, "message": message}
