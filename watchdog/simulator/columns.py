"""The columns of each kind, as a real API server has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from watchdog.simulator import cells
from watchdog.simulator.history import Record
from watchdog.simulator.resources import Resource

JSON = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """``wide`` ones show only with ``-o wide``."""

    name: str
    cell: Callable[[Record, datetime], Any]
    type: str = "string"
    wide: bool = False

    @property
    def definition(self) -> JSON:
        form = "name" if self.name == "Name" else ""
        return {"name": self.name, "type": self.type, "format": form, "description": "", "priority": int(self.wide)}


def columns_of(resource: Resource) -> tuple[Column, ...]:
    """Those of a custom resource are what its definition says (additionalPrinterColumns)."""
    if resource.custom:
        return _NAME, *(_printed(*column) for column in resource.columns or _AGE_PATH)
    return _COLUMNS.get(resource.kind, _DEFAULT)


def _printed(name: str, type: str, path: str) -> Column:
    cell = cells.at(*path.removeprefix(".").split("."))
    return Column(name, cells.age) if type == "date" else Column(name, cell, type)


_NAME, _AGE = Column("Name", cells.name), Column("Age", cells.age)
_DEFAULT = (_NAME, _AGE)
_WIDE = (Column("Containers", cells.container_names, wide=True), Column("Images", cells.images, wide=True))
_SELECTOR = Column("Selector", cells.selector, wide=True)


def _count(name: str, *path: str) -> Column:
    return Column(name, cells.at(*path, default=0), "integer")


_COLUMNS: Mapping[str, tuple[Column, ...]] = {
    "ConfigMap": (_NAME, Column("Data", cells.data_keys, "integer"), _AGE),
    "Secret": (_NAME, Column("Type", cells.at("type")), Column("Data", cells.data_keys, "integer"), _AGE),
    "Namespace": (_NAME, Column("Status", cells.at("status", "phase")), _AGE),
    "Pod": (
        _NAME,
        Column("Ready", cells.ready_containers),
        Column("Status", cells.pod_status),
        Column("Restarts", cells.restarts),
        _AGE,
        Column("IP", cells.at("status", "podIP", default="<none>"), wide=True),
        Column("Node", cells.at("spec", "nodeName", default="<none>"), wide=True),
        Column("Nominated Node", cells.at("status", "nominatedNodeName", default="<none>"), wide=True),
        Column("Readiness Gates", cells.at("none", default="<none>"), wide=True),
    ),
    "Deployment": (
        _NAME,
        Column("Ready", cells.ready_of_desired),
        _count("Up-to-date", "status", "updatedReplicas"),
        _count("Available", "status", "availableReplicas"),
        _AGE,
        *_WIDE,
        _SELECTOR,
    ),
    "ReplicaSet": (
        _NAME,
        _count("Desired", "spec", "replicas"),
        _count("Current", "status", "replicas"),
        _count("Ready", "status", "readyReplicas"),
        _AGE,
        *_WIDE,
        _SELECTOR,
    ),
    "StatefulSet": (_NAME, Column("Ready", cells.ready_of_desired), _AGE, *_WIDE),
    "Service": (
        _NAME,
        Column("Type", cells.at("spec", "type", default="ClusterIP")),
        Column("Cluster-IP", cells.at("spec", "clusterIP", default="<none>")),
        Column("External-IP", cells.at("none", default="<none>")),
        Column("Port(s)", cells.ports),
        _AGE,
    ),
    "ReplicationController": (
        _NAME,
        _count("Desired", "spec", "replicas"),
        _count("Current", "status", "replicas"),
        _count("Ready", "status", "readyReplicas"),
        _AGE,
        *_WIDE,
    ),
    "DaemonSet": (
        _NAME,
        _count("Desired", "status", "desiredNumberScheduled"),
        _count("Current", "status", "currentNumberScheduled"),
        _count("Ready", "status", "numberReady"),
        _count("Up-to-date", "status", "updatedNumberScheduled"),
        _count("Available", "status", "numberAvailable"),
        Column("Node Selector", cells.node_selector),
        _AGE,
        *_WIDE,
        _SELECTOR,
    ),
    "Job": (
        _NAME,
        Column("Status", cells.job_status),
        Column("Completions", cells.completions),
        Column("Duration", cells.since("status", "startTime")),
        _AGE,
        *_WIDE,
        _SELECTOR,
    ),
    "CronJob": (
        _NAME,
        Column("Schedule", cells.at("spec", "schedule")),
        Column("Timezone", cells.at("spec", "timeZone", default="<none>")),
        Column("Suspend", cells.suspended),
        Column("Active", cells.active_jobs, "integer"),
        Column("Last Schedule", cells.since("status", "lastScheduleTime")),
        _AGE,
    ),
    "HorizontalPodAutoscaler": (
        _NAME,
        Column("Reference", cells.scale_target),
        Column("Targets", cells.targets),
        Column("MinPods", cells.at("spec", "minReplicas", default="<unset>")),
        Column("MaxPods", cells.at("spec", "maxReplicas"), "integer"),
        _count("Replicas", "status", "currentReplicas"),
        _AGE,
    ),
    "Event": (
        Column("Last Seen", cells.since("lastTimestamp")),
        Column("Type", cells.at("type")),
        Column("Reason", cells.at("reason")),
        Column("Object", cells.involved),
        Column("Message", cells.at("message")),
        Column("Name", cells.name, wide=True),
    ),
    "Node": (_NAME, Column("Status", cells.node_status), Column("Roles", cells.at("none", default="<none>")), _AGE),
    "ServiceAccount": (_NAME, Column("Secrets", lambda _, __: 0, "integer"), _AGE),
    "CustomResourceDefinition": (_NAME, Column("Created At", cells.at("metadata", "creationTimestamp"), "date")),
}
_AGE_PATH = (("Age", "date", ".metadata.creationTimestamp"),)
