"""Events: what the controllers say that they did, kept for an hour (kube-apiserver's ``--event-ttl``)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from watchdog.simulator.history import Record
from watchdog.simulator.managed_fields import Author
from watchdog.simulator.reconcilers.owned import CONTROLLER, World
from watchdog.simulator.resources import EVENTS

JSON = dict[str, Any]
KEPT = timedelta(hours=1)


def record(world: World, about: Record, component: str, reason: str, message: str, type: str = "Normal") -> None:
    """Says it, or counts it once more. The ``source`` of an Event names a program, never a user."""
    namespace = about.namespace or "default"
    if not world.records_events or world.is_closing(namespace):
        return
    author, now = Author(CONTROLLER if component.endswith("controller") else component), world.cluster.now()
    name = world.said.get((about.uid, reason, message), "")
    if found := world.cluster.find(EVENTS, namespace, name):
        again = {"count": found.object["count"] + 1, "lastTimestamp": now}
        world.cluster.update(found, {**found.object, **again}, author)
        return
    said = {"reason": reason, "message": message, "type": type, "count": 1, "source": {"component": component}}
    times = {"firstTimestamp": now, "lastTimestamp": now, "eventTime": None}
    reporting = {"reportingComponent": component, "reportingInstance": ""}
    name = f"{about.name}.{world.cluster.revision:016x}"
    new = {"metadata": {"name": name}, "involvedObject": _reference(about), **said, **times, **reporting}
    world.cluster.create(EVENTS, namespace, new, author)
    world.said[about.uid, reason, message] = name


def _reference(about: Record) -> JSON:
    reference: JSON = {"kind": about.resource.kind, "apiVersion": about.resource.api_version}
    metadata = about.object["metadata"]
    named = {field: metadata[field] for field in ("namespace", "name", "uid", "resourceVersion") if field in metadata}
    return reference | named


def reconcile_event(world: World, event: Record) -> float | None:
    """Returns the seconds until it expires, and removes one that has."""
    last = event.object.get("lastTimestamp") or event.object["metadata"]["creationTimestamp"]
    left = datetime.fromisoformat(last) + KEPT - datetime.fromisoformat(world.cluster.now())
    if left > timedelta():
        return left.total_seconds()
    world.cluster.delete(event)
    return None
