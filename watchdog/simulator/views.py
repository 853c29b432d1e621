"""How objects are shown to a client: whole, metadata only, or (in ``tables``) as the rows that kubectl prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from watchdog.simulator.history import Event, Record, event_line
from watchdog.simulator.wire import encoded

JSON = dict[str, Any]


class View(Protocol):
    """Encodes what is stored into what is sent."""

    content_type: str

    def one(self, record: Record) -> bytes: ...

    def many(self, records: Sequence[Record], kind: str, api_version: str, metadata: JSON) -> bytes: ...

    def line(self, type: str, record: Record) -> bytes:
        """A line of a WATCH for an event that a selector turned into ``type``, or for an initial ADDED."""
        ...

    def event(self, event: Event) -> bytes:
        """A line of a WATCH for an event just as it happened."""
        ...


class Whole:
    """The objects as they are: bytes that were encoded once, at the write."""

    content_type = "application/json"

    def one(self, record: Record) -> bytes:
        return record.json + b"\n"

    def many(self, records: Sequence[Record], kind: str, api_version: str, metadata: JSON) -> bytes:
        prefix = len(records[0].resource.prefix) if records else 0
        items = b",".join([b"{" + record.json[prefix:] for record in records])
        head = msgspec.json.encode({"kind": f"{kind}List", "apiVersion": api_version, "metadata": metadata})
        return head[:-1] + b',"items":[' + items + b"]}\n"

    def line(self, type: str, record: Record) -> bytes:
        return event_line(type, record)

    def event(self, event: Event) -> bytes:
        return event.line


class MetadataOnly:
    """``as=PartialObjectMetadata(List)``."""

    content_type = "application/json"

    def one(self, record: Record) -> bytes:
        return encoded(partial(record))

    def many(self, records: Sequence[Record], kind: str, api_version: str, metadata: JSON) -> bytes:
        head = {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata}
        return encoded({**head, "items": [partial(record) for record in records]})

    def line(self, type: str, record: Record) -> bytes:
        return encoded({"type": type, "object": partial(record)})

    def event(self, event: Event) -> bytes:
        return self.line(event.type, event.after)


def partial(record: Record) -> JSON:
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": record.object["metadata"]}
