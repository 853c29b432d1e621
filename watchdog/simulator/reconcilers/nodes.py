"""Where Pods can run: the Nodes that are stored, or one that is only thought of where none is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from watchdog.simulator.reconcilers.owned import World
from watchdog.simulator.resources import NODES

JSON = dict[str, Any]
NODE = "simulated-node-1"


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
