"""The same objects in another version: HorizontalPodAutoscalers in autoscaling/v1, Events in events.k8s.io/v1."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from watchdog.simulator.history import Event, Record
from watchdog.simulator.resources import EVENTS_OF_THE_GROUP, HORIZONTAL_POD_AUTOSCALERS_V1, Resource
from watchdog.simulator.views import View

JSON = dict[str, Any]
_CPU, _CURRENT_CPU = "targetCPUUtilizationPercentage", "currentCPUUtilizationPercentage"
_EVENT_NAMES: Mapping[str, str] = {
    "involvedObject": "regarding", "message": "note", "source": "deprecatedSource", "count": "deprecatedCount",
    "firstTimestamp": "deprecatedFirstTimestamp", "lastTimestamp": "deprecatedLastTimestamp",
    "reportingComponent": "reportingController",
}  # fmt: skip


def to_stored(asked: Resource, object: JSON) -> JSON:
    """From the version ``asked`` to the one that is stored."""
    if asked.stored_as is None:
        return object
    head = {"kind": asked.stored_as.kind, "apiVersion": asked.stored_as.api_version}
    return {**_CONVERSIONS[asked][0](object), **head}


def to_asked(asked: Resource, object: JSON) -> JSON:
    """From the stored version to ``asked``."""
    if asked.stored_as is None:
        return object
    return {**object, "kind": asked.kind, "apiVersion": asked.api_version, **_CONVERSIONS[asked][1](object)}


def _autoscaler_to_v2(object: JSON) -> JSON:
    spec = {**(object.get("spec") or {})}
    cpu = spec.pop(_CPU, None)
    if cpu is not None:
        target = {"type": "Utilization", "averageUtilization": cpu}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    return {**object, "spec": spec}


def _autoscaler_to_v1(object: JSON) -> JSON:
    spec = {**object["spec"]}
    for metric in spec.pop("metrics", ()):
        resource = metric.get("resource") or {}
        if resource.get("name") == "cpu":
            spec[_CPU] = resource["target"].get("averageUtilization")
    status = object.get("status") or {}
    counts = ("currentReplicas", "desiredReplicas", "lastScaleTime", "observedGeneration")
    shown = {name: status[name] for name in counts if name in status}
    return {"spec": spec, "status": {"currentReplicas": 0, "desiredReplicas": 0, **shown}}


def _event_to_core(object: JSON) -> JSON:
    core = {new: old for old, new in _EVENT_NAMES.items()}
    return {core.get(name, name): value for name, value in object.items()}


def _event_to_group(object: JSON) -> JSON:
    return {_EVENT_NAMES.get(name, name): value for name, value in object.items() if name not in ("kind", "apiVersion")}


_Convert = Callable[[JSON], JSON]
_CONVERSIONS: Mapping[Resource, tuple[_Convert, _Convert]] = {
    HORIZONTAL_POD_AUTOSCALERS_V1: (_autoscaler_to_v2, _autoscaler_to_v1),
    EVENTS_OF_THE_GROUP: (_event_to_core, _event_to_group),
}


@dataclass(slots=True)
class InVersion:
    """Another view's objects in the version that the path names."""

    inner: View
    asked: Resource
    content_type: str = "application/json"

    def one(self, record: Record) -> bytes:
        return self.inner.one(self._shown(record))

    def many(self, records: Sequence[Record], kind: str, api_version: str, metadata: JSON) -> bytes:
        return self.inner.many([self._shown(one) for one in records], kind, self.asked.api_version, metadata)

    def line(self, type: str, record: Record) -> bytes:
        return self.inner.line(type, self._shown(record))

    def event(self, event: Event) -> bytes:
        return self.line(event.type, event.after)

    def _shown(self, record: Record) -> Record:
        object = to_asked(self.asked, record.object)
        ordered = {"kind": self.asked.kind, "apiVersion": self.asked.api_version, **object}
        if self.asked is EVENTS_OF_THE_GROUP:
            ordered = {name: value for name, value in ordered.items() if name not in _EVENT_NAMES}
        return Record(self.asked, record.key, ordered, record.revision, msgspec.json.encode(ordered))
