"""The ``scale`` subresource: autoscaling/v1 Scale, in which zero replicas are absent (kube-wire README, point 15)."""

from __future__ import annotations

from typing import Any

from watchdog.simulator.history import Record
from watchdog.simulator.selectors import label_selector_text
from watchdog.simulator.validation import check_shape, check_types

JSON = dict[str, Any]
_SHOWN = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


def scale_of(record: Record) -> JSON:
    """Same uid and resourceVersion as the workload."""
    metadata, spec, status = record.object["metadata"], record.object["spec"], record.object.get("status") or {}
    replicas = spec.get("replicas", 1)
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {field: metadata[field] for field in _SHOWN if field in metadata},
        "spec": {"replicas": replicas} if replicas else {},
        "status": {"replicas": status.get("replicas", 0), "selector": label_selector_text(spec.get("selector") or {})},
    }


def scaled(record: Record, scale: JSON) -> JSON:
    """The workload with the replicas of ``scale``. Raises ApiError 422."""
    check_shape(scale)
    check_types({**scale, "kind": "Scale", "metadata": scale.get("metadata") or {"name": record.name}})
    replicas = (scale.get("spec") or {}).get("replicas") or 0
    version = (scale.get("metadata") or {}).get("resourceVersion", "")
    metadata = {**record.object["metadata"], "resourceVersion": version}
    return {**record.object, "metadata": metadata, "spec": {**record.object["spec"], "replicas": replicas}}
