"""``as=Table``: the rows that ``kubectl get`` prints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from watchdog.simulator.cluster import Cluster
from watchdog.simulator.columns import columns_of
from watchdog.simulator.history import Event, Record
from watchdog.simulator.resources import Resource
from watchdog.simulator.views import MetadataOnly, View, Whole, partial
from watchdog.simulator.wire import encoded

JSON = dict[str, Any]


def view_for(accept: str, cluster: Cluster, resource: Resource) -> View:
    """The view that an Accept header asks for first; what is not known is answered whole, in JSON."""
    best = accept.replace(" ", "").partition(",")[0]
    if "as=Table" in best:
        return Table(resource, lambda: datetime.fromisoformat(cluster.now()))
    return MetadataOnly() if "as=PartialObjectMetadata" in best else Whole()


class Table:
    """One view for one request: a WATCH describes the columns only once, in its first event."""

    content_type = "application/json"

    def __init__(self, resource: Resource, now: Callable[[], datetime]) -> None:
        self._resource, self._now, self._described = resource, now, False

    def one(self, record: Record) -> bytes:
        return encoded(self._table([record], {"resourceVersion": str(record.revision)}))

    def many(self, records: Sequence[Record], kind: str, api_version: str, metadata: JSON) -> bytes:
        return encoded(self._table(records, metadata))

    def line(self, type: str, record: Record) -> bytes:
        table = self._table([record], {"resourceVersion": str(record.revision)})
        if self._described:
            table["columnDefinitions"] = None
        self._described = True
        return encoded({"type": type, "object": table})

    def event(self, event: Event) -> bytes:
        return self.line(event.type, event.after)

    def _table(self, records: Sequence[Record], metadata: JSON) -> JSON:
        columns, now = columns_of(self._resource), self._now()
        rows = [{"cells": [column.cell(one, now) for column in columns], "object": partial(one)} for one in records]
        return {
            "kind": "Table",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": metadata,
            "columnDefinitions": [column.definition for column in columns],
            "rows": rows,
        }
