"""``as=Table``: the rows that ``kubectl get`` prints. Columns as a real API server has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from watchdog.simulator.cluster import Cluster
from watchdog.simulator.history import Event, Record
from watchdog.simulator.selectors import label_selector_text
from watchdog.simulator.views import MetadataOnly, View, Whole, partial
from watchdog.simulator.wire import encoded

JSON = dict[str, Any]


def view_for(accept: str, cluster: Cluster) -> View:
    """The view that an Accept header asks for first; what is not known is answered whole, in JSON."""
    best = accept.replace(" ", "").partition(",")[0]
    if "as=Table" in best:
        return Table(lambda: datetime.fromisoformat(cluster.now()))
    return MetadataOnly() if "as=PartialObjectMetadata" in best else Whole()


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


class Table:
    """One view for one request: a WATCH describes the columns only once, in its first event."""

    content_type = "application/json"

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now, self._described = now, False

    def one(self, record: Record) -> bytes:
        return encoded(self._table([record], {"resourceVersion": str(record.revision)}))

    def many(self, records: Sequence[Record], kind: str, api_version: str, metadata: JSON) -> bytes:
        return encoded(self._table(records, metadata, kind))

    def line(self, type: str, record: Record) -> bytes:
        table = self._table([record], {"resourceVersion": str(record.revision)})
        if self._described:
            table["columnDefinitions"] = None
        self._described = True
        return encoded({"type": type, "object": table})

    def event(self, event: Event) -> bytes:
        return self.line(event.type, event.after)

    def _table(self, records: Sequence[Record], metadata: JSON, kind: str = "") -> JSON:
        columns, now = COLUMNS.get(kind or records[0].resource.kind, _DEFAULT), self._now()
        rows = [{"cells": [column.cell(one, now) for column in columns], "object": partial(one)} for one in records]
        return {
            "kind": "Table",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": metadata,
            "columnDefinitions": [column.definition for column in columns],
            "rows": rows,
        }


def human_duration(seconds: float) -> str:
    """As kubectl shows an age: two units at most, and only one where the second no longer matters."""
    whole = int(max(seconds, 0))
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if whole < 120:
        return f"{whole}s"
    if minutes < 10:
        return f"{minutes}m{whole % 60}s" if whole % 60 else f"{minutes}m"
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    if hours < 192:
        return f"{days}d{hours % 24}h" if hours % 24 else f"{days}d"
    return f"{days}d" if days < 730 else f"{days // 365}y"


def _name(record: Record, _: datetime) -> str:
    return record.name


def _age(record: Record, now: datetime) -> str:
    born = datetime.fromisoformat(record.object["metadata"]["creationTimestamp"]).astimezone(UTC)
    return human_duration((now - born).total_seconds())


def _at(*path: str, default: Any = "") -> Callable[[Record, datetime], Any]:
    def cell(record: Record, _: datetime) -> Any:
        value: Any = record.object
        for field in path:
            value = value.get(field) if isinstance(value, dict) else None
        return default if value is None else value

    return cell


def _data_keys(record: Record, _: datetime) -> int:
    return len(record.object.get("data") or {}) + len(record.object.get("binaryData") or {})


def _ready_of_desired(record: Record, _: datetime) -> str:
    ready = (record.object.get("status") or {}).get("readyReplicas", 0)
    return f"{ready}/{record.object['spec'].get('replicas', 0)}"


def _containers(record: Record) -> list[JSON]:
    spec: JSON = record.object.get("spec") or {}
    return list((spec.get("template") or {}).get("spec", spec).get("containers") or ())


def _container_names(record: Record, _: datetime) -> str:
    return ",".join(one["name"] for one in _containers(record))


def _images(record: Record, _: datetime) -> str:
    return ",".join(one.get("image", "") for one in _containers(record))


def _selector(record: Record, _: datetime) -> str:
    return label_selector_text(record.object["spec"].get("selector") or {})


def _ready_containers(record: Record, _: datetime) -> str:
    statuses = (record.object.get("status") or {}).get("containerStatuses") or ()
    return f"{sum(bool(one.get('ready')) for one in statuses)}/{len(_containers(record))}"


def _pod_status(record: Record, _: datetime) -> str:
    if "deletionTimestamp" in record.object["metadata"]:
        return "Terminating"
    status = record.object.get("status") or {}
    return str(status.get("reason") or status.get("phase") or "Unknown")


def _restarts(record: Record, _: datetime) -> str:
    statuses = (record.object.get("status") or {}).get("containerStatuses") or ()
    return str(sum(one.get("restartCount", 0) for one in statuses))


def _ports(record: Record, _: datetime) -> str:
    ports = record.object["spec"].get("ports") or ()
    return ",".join(f"{one['port']}/{one.get('protocol', 'TCP')}" for one in ports) or "<none>"


_NAME, _AGE = Column("Name", _name), Column("Age", _age)
_DEFAULT = (_NAME, _AGE)
_WIDE = (Column("Containers", _container_names, wide=True), Column("Images", _images, wide=True))
_SELECTOR = Column("Selector", _selector, wide=True)


def _count(name: str, *path: str) -> Column:
    return Column(name, _at(*path, default=0), "integer")


COLUMNS: Mapping[str, tuple[Column, ...]] = {
    "ConfigMap": (_NAME, Column("Data", _data_keys, "integer"), _AGE),
    "Secret": (_NAME, Column("Type", _at("type")), Column("Data", _data_keys, "integer"), _AGE),
    "Namespace": (_NAME, Column("Status", _at("status", "phase")), _AGE),
    "Pod": (
        _NAME,
        Column("Ready", _ready_containers),
        Column("Status", _pod_status),
        Column("Restarts", _restarts),
        _AGE,
        Column("IP", _at("status", "podIP", default="<none>"), wide=True),
        Column("Node", _at("spec", "nodeName", default="<none>"), wide=True),
        Column("Nominated Node", _at("status", "nominatedNodeName", default="<none>"), wide=True),
        Column("Readiness Gates", _at("none", default="<none>"), wide=True),
    ),
    "Deployment": (
        _NAME,
        Column("Ready", _ready_of_desired),
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
    "StatefulSet": (_NAME, Column("Ready", _ready_of_desired), _AGE, *_WIDE),
    "Service": (
        _NAME,
        Column("Type", _at("spec", "type", default="ClusterIP")),
        Column("Cluster-IP", _at("spec", "clusterIP", default="<none>")),
        Column("External-IP", _at("none", default="<none>")),
        Column("Port(s)", _ports),
        _AGE,
    ),
}
