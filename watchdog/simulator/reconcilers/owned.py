"""What each reconciler is given: the store, who owns what, and how quick this cluster is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import msgspec

from watchdog.simulator.catalog import Catalog
from watchdog.simulator.cluster import Cluster
from watchdog.simulator.fates import Fates
from watchdog.simulator.history import Event, Record
from watchdog.simulator.managed_fields import Author
from watchdog.simulator.resources import NAMESPACES, Resource
from watchdog.simulator.scale import scale_of, scaled

JSON = dict[str, Any]
CONTROLLER, SCHEDULER, KUBELET = "kube-controller-manager", "kube-scheduler", "kubelet"
OBJECT_AUTHOR, STATUS_AUTHOR = Author(CONTROLLER), Author(CONTROLLER, "status")
_SAFE = "bcdfghjklmnpqrstvwxz2456789"


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: from a change to the controller's answer, from a Pod's creation until it runs, until one that was
    deleted is gone (never longer than its own grace period), and between two looks of an autoscaler at the demand."""

    settle: float = 0.012
    start: float = 1.0
    stop: float = 2.0
    sync: float = 15.0


USUAL_PACE = Pace()


@dataclass(slots=True)
class Owned:
    """The objects by the uid of their controller, kept up to date by events: no pass looks at the whole collection."""

    _by_owner: dict[str, dict[tuple[Resource, str], Record]] = field(default_factory=dict)

    def take(self, event: Event) -> None:
        if event.before is not None:
            for reference in event.before.object["metadata"].get("ownerReferences") or ():
                self._by_owner.get(reference["uid"], {}).pop((event.before.resource, event.before.key), None)
        if event.type == "DELETED":
            return
        for reference in event.after.object["metadata"].get("ownerReferences") or ():
            children = self._by_owner.setdefault(reference["uid"], {})
            children[event.after.resource, event.after.key] = event.after

    def children(self, owner: Record, resource: Resource | None = None) -> list[Record]:
        found = self._by_owner.get(owner.uid, {}).values()
        return sorted((one for one in found if resource in (None, one.resource)), key=lambda one: one.key)


@dataclass(slots=True)
class Timers:
    """How long ago something was first looked at. ``time`` is a monotonic clock."""

    time: Callable[[], float]
    _begun: dict[tuple[str, str], float] = field(default_factory=dict)

    def left(self, what: str, uid: str, seconds: float) -> float:
        """What is left of ``seconds`` since the first call; 0 when nothing is, and then the timer is forgotten."""
        now = self.time()
        left = self._begun.setdefault((what, uid), now) + seconds - now
        if left <= 0:
            del self._begun[what, uid]
        return max(left, 0.0)

    def forget(self, what: str, uid: str) -> None:
        self._begun.pop((what, uid), None)


@dataclass(frozen=True, slots=True)
class World:
    cluster: Cluster
    pace: Pace
    timers: Timers
    fates: Fates
    owned: Owned = field(default_factory=Owned)
    records_events: bool = True
    said: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def is_closing(self, namespace: str) -> bool:
        """Nothing new can be made in it."""
        found = self.cluster.find(NAMESPACES, "", namespace)
        return found is None or is_terminating(found)

    def write(self, record: Record, changes: JSON, author: Author = OBJECT_AUTHOR) -> Record:
        """Stores ``record`` with other top-level fields."""
        return self.cluster.update(record, {**record.object, **changes}, author)

    def write_status(self, record: Record, status: JSON, author: Author = STATUS_AUTHOR) -> Record:
        return self.write(record, {"status": status}, author)

    def scale(self, record: Record, replicas: int, author: Author = OBJECT_AUTHOR) -> Record:
        if record.object["spec"]["replicas"] == replicas:
            return record
        return self.write(record, {"spec": {**record.object["spec"], "replicas": replicas}}, author)

    def rescale(self, record: Record, replicas: int, manager: str) -> Record:
        """Through the scale subresource, as an autoscaler does."""
        wanted = {**scale_of(record), "spec": {"replicas": replicas}}
        return self.cluster.update(record, scaled(record, wanted), Author(manager, "scale"))


def owner_reference(owner: Record) -> JSON:
    return {
        "apiVersion": owner.resource.api_version,
        "kind": owner.resource.kind,
        "name": owner.name,
        "uid": owner.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def owners(catalog: Catalog, record: Record) -> list[tuple[Resource, str, str]]:
    """(type, key, uid) of each owner of a type that is served."""
    references = record.object["metadata"].get("ownerReferences") or ()
    known = [(catalog.by_kind.get((one["apiVersion"], one["kind"])), one) for one in references]
    return [(resource, resource.key(record.namespace, one["name"]), one["uid"]) for resource, one in known if resource]


def is_terminating(record: Record) -> bool:
    return "deletionTimestamp" in record.object["metadata"]


def is_ready(pod: Record) -> bool:
    conditions = (pod.object.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def template_hash(template: JSON) -> str:
    """Short, safe and the same for equal templates; not the algorithm of the real controllers."""
    digest = str(crc32(msgspec.json.encode(template, order="deterministic")))
    return "".join(_SAFE[ord(digit) % len(_SAFE)] for digit in digest)


def pod_of(template: JSON, owner: Record, labels: JSON, identity: JSON) -> JSON:
    """A Pod as a controller makes it. ``identity``: its name or generateName."""
    metadata = {**(template.get("metadata") or {}), **identity, "ownerReferences": [owner_reference(owner)]}
    metadata["labels"] = {**(metadata.get("labels") or {}), **labels}
    return {"metadata": metadata, "spec": template["spec"]}


def has_finished(pod: Record) -> bool:
    return (pod.object.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def present(counts: JSON) -> JSON:
    """Zero is absent (kube-wire README, point 15)."""
    return {name: count for name, count in counts.items() if count}
