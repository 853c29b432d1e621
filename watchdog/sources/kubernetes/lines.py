"""What the API server sends around objects: pages of a LIST, and the lines of a WATCH."""

from __future__ import annotations

from typing import Generic, TypeAlias

import msgspec

from watchdog.sources.kubernetes.objects import Labels, Struct, T


class ListMeta(Struct, frozen=True):
    resource_version: str
    continue_: str | None = msgspec.field(default=None, name="continue")


class Page(Struct, Generic[T], frozen=True):
    """One page of a LIST."""

    metadata: ListMeta
    items: tuple[T, ...] | None = None


class Head(Struct, frozen=True):
    """A list of which only the revision is asked."""

    metadata: ListMeta


class Added(Struct, Generic[T], frozen=True, tag_field="type", tag="ADDED"):
    object: T


class Modified(Struct, Generic[T], frozen=True, tag_field="type", tag="MODIFIED"):
    object: T


class Deleted(Struct, Generic[T], frozen=True, tag_field="type", tag="DELETED"):
    object: T


class BookmarkMeta(Struct, frozen=True):
    resource_version: str
    annotations: Labels | None = None


class Position(Struct, frozen=True):
    metadata: BookmarkMeta


class Bookmark(Struct, frozen=True, tag_field="type", tag="BOOKMARK"):
    object: Position

    @property
    def ends_initial_events(self) -> bool:
        return (self.object.metadata.annotations or {}).get("k8s.io/initial-events-end") == "true"


class Status(Struct, frozen=True):
    code: int = 0
    reason: str = ""
    message: str = ""


class Error(Struct, frozen=True, tag_field="type", tag="ERROR"):
    object: Status


Event: TypeAlias = Added[T] | Modified[T] | Deleted[T]
Line: TypeAlias = Added[T] | Modified[T] | Deleted[T] | Bookmark | Error
