"""An in-memory Kubernetes store: one revision counter, one sorted collection and one history for each resource type.

Synchronous and deterministic. What is stored is never changed in place: each write makes a new object that shares what
it did not touch, and encodes it once.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import msgspec

from watchdog.simulator.errors import already_exists, not_found
from watchdog.simulator.history import Event, History, Record, event_line
from watchdog.simulator.managed_fields import Author
from watchdog.simulator.resources import ALL, NAMESPACES, PODS, Resource
from watchdog.simulator.strategy import (
    NO_PRECONDITIONS,
    Preconditions,
    changed,
    check_deletion,
    created,
    in_order,
    marked_for_deletion,
)

JSON = dict[str, Any]
_NAME_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"


@dataclass(slots=True, eq=False)
class Subscription:
    """What happened to one resource type since it was opened, in order; ``wake`` is called on each event.

    ``overflowed``: the reader was too slow for ``limit`` events, and the rest are lost to it (point 11).
    """

    limit: int
    wake: Callable[[], None]
    events: deque[Event] = field(default_factory=deque)
    overflowed: bool = False

    def put(self, event: Event) -> None:
        if len(self.events) >= self.limit:
            self.overflowed = True
        else:
            self.events.append(event)
        self.wake()


@dataclass(slots=True)
class _Shelf:
    """One resource type."""

    history: History
    records: dict[str, Record] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    subscriptions: list[Subscription] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """``grace_seconds`` None: the object's own. ``propagation``: Background, Foreground or Orphan."""

    grace_seconds: int | None = None
    propagation: str = "Background"
    preconditions: Preconditions = NO_PRECONDITIONS
    dry_run: bool = False


USUAL_DELETION = DeleteOptions()


@dataclass(frozen=True, slots=True)
class Deletion:
    """``gone`` is False while a grace period or a finalizer keeps the object."""

    record: Record
    gone: bool


class Cluster:
    """The store. Every refusal is an ``ApiError``."""

    def __init__(
        self, now: Callable[[], datetime], seed: int = 0, *, window: int = 1024, watch_buffer: int = 4096
    ) -> None:
        """``now``: the wall clock (aware). ``window``: events that the watch cache of a resource type holds.
        ``watch_buffer``: events that a watcher may lag behind before its stream is ended."""
        self._now, self._random, self._watch_buffer = now, Random(seed), watch_buffer
        self.revision = 1
        self._shelves: Mapping[Resource, _Shelf] = {one: _Shelf(History(window, self.revision)) for one in ALL}

    def now(self, plus_seconds: float = 0) -> str:
        """As Kubernetes writes a time: whole seconds, UTC."""
        return (self._now().astimezone(UTC) + timedelta(seconds=plus_seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def find(self, resource: Resource, namespace: str, name: str) -> Record | None:
        return self._shelves[resource].records.get(resource.key(namespace, name))

    def get(self, resource: Resource, namespace: str, name: str) -> Record:
        record = self.find(resource, namespace, name)
        if record is None:
            raise not_found(resource, name)
        return record

    def records(self, resource: Resource, namespace: str = "") -> list[Record]:
        """The collection, in the order of a list; ``namespace`` "" is all of them."""
        shelf = self._shelves[resource]
        return [shelf.records[key] for key in _within(shelf.keys, namespace)]

    def records_at(self, resource: Resource, namespace: str, revision: int) -> list[Record]:
        """The collection as it was at a past revision. Raises ``history.TooOld``."""
        if revision >= self.revision:
            return self.records(resource, namespace)
        past = self._shelves[resource].history.rewound(self._shelves[resource].records, revision)
        return [past[key] for key in _within(sorted(past), namespace)]

    def since(self, resource: Resource, revision: int) -> list[Event]:
        """Raises ``history.TooOld``."""
        return self._shelves[resource].history.since(revision)

    def subscribe(self, resource: Resource, wake: Callable[[], None], limit: int = 0) -> Subscription:
        """``limit`` 0: the store's own ``watch_buffer``."""
        subscription = Subscription(limit or self._watch_buffer, wake)
        self._shelves[resource].subscriptions.append(subscription)
        return subscription

    def unsubscribe(self, resource: Resource, subscription: Subscription) -> None:
        self._shelves[resource].subscriptions.remove(subscription)

    @property
    def watchers(self) -> int:
        """Subscriptions that are open."""
        return sum(len(shelf.subscriptions) for shelf in self._shelves.values())

    def forget_history(self) -> None:
        """As an API server's restart does: no earlier revision can be watched or listed any more."""
        for shelf in self._shelves.values():
            shelf.history.forget(self.revision)

    def create(
        self, resource: Resource, namespace: str, object: JSON, author: Author, *, dry_run: bool = False
    ) -> Record:
        name = self._name(object.get("metadata") or {})
        if resource.namespaced and self.find(NAMESPACES, "", namespace) is None:
            raise not_found(NAMESPACES, namespace)
        if self.find(resource, namespace, name):
            raise already_exists(resource, name)
        identity = {"name": name, "uid": self._uid(), "resourceVersion": "", "creationTimestamp": self.now()}
        identity |= {"namespace": namespace} if resource.namespaced else {}
        new = created(resource, object, identity, author, self.now())
        return self._stored(resource, None, new, dry_run)

    def update(self, old: Record, new: JSON, author: Author, *, dry_run: bool = False) -> Record:
        """Stores ``new`` over ``old``. What changes nothing makes no revision and no event, and answers ``old``."""
        object = changed(old.resource, old.object, new, author, self.now())
        if object is old.object:
            return old
        if "deletionTimestamp" in object["metadata"] and not object["metadata"].get("finalizers"):
            keeps = object["metadata"].get("deletionGracePeriodSeconds") or (object.get("spec") or {}).get("finalizers")
            if not keeps and not dry_run:
                self._removed(old)
                return self._encoded(old.resource, object, self.revision, str(self.revision))
        return self._stored(old.resource, old, object, dry_run)

    def delete(self, old: Record, options: DeleteOptions = USUAL_DELETION) -> Deletion:
        check_deletion(old.resource, old.object, options.preconditions)
        if options.dry_run:
            return Deletion(old, gone=True)
        metadata, grace = old.object["metadata"], self._grace(old, options)
        finalizers = [*metadata.get("finalizers", ())]
        wanted = {"Foreground": FOREGROUND, "Orphan": ORPHAN}.get(options.propagation)
        finalizers += [wanted] if wanted and wanted not in finalizers else []
        kept = bool(grace or finalizers or old.resource is NAMESPACES)
        if "deletionTimestamp" in metadata and kept and grace >= metadata["deletionGracePeriodSeconds"]:
            return Deletion(old, gone=False)
        if kept or old.resource is PODS:
            marked = marked_for_deletion(old.resource, old.object, self.now(grace), grace, finalizers)
            old = self._stored(old.resource, old, marked, dry_run=False)
        return Deletion(old if kept else self._removed(old), gone=not kept)

    def _grace(self, record: Record, options: DeleteOptions) -> int:
        """Only a Pod that runs somewhere has one (``watch-pods-during-scale-1-0``)."""
        spec, phase = record.object.get("spec") or {}, (record.object.get("status") or {}).get("phase")
        if record.resource is not PODS or not spec.get("nodeName") or phase in ("Succeeded", "Failed"):
            return 0
        return int(spec["terminationGracePeriodSeconds"] if options.grace_seconds is None else options.grace_seconds)

    def _stored(self, resource: Resource, old: Record | None, object: JSON, dry_run: bool) -> Record:
        revision = self.revision + (not dry_run)
        shown = (old.revision if old else "") if dry_run else revision
        after = self._encoded(resource, object, revision, str(shown))
        if not dry_run:
            shelf = self._shelves[resource]
            if old is None:
                insort(shelf.keys, after.key)
            shelf.records[after.key] = after
            self._commit(shelf, "ADDED" if old is None else "MODIFIED", old, after)
        return after

    def _removed(self, old: Record) -> Record:
        """The event carries what was stored last, even the finalizer whose removal lets it go (as recorded)."""
        shelf = self._shelves[old.resource]
        after = self._encoded(old.resource, old.object, self.revision + 1, str(self.revision + 1))
        del shelf.records[old.key]
        del shelf.keys[bisect_left(shelf.keys, old.key)]
        self._commit(shelf, "DELETED", old, after)
        return after

    def _encoded(self, resource: Resource, object: JSON, revision: int, shown: str) -> Record:
        metadata = {**object["metadata"], "resourceVersion": shown}
        if not shown:
            del metadata["resourceVersion"]
        object = {**object, "metadata": in_order(metadata)}
        key = resource.key(metadata.get("namespace", ""), metadata["name"])
        return Record(resource, key, object, revision, msgspec.json.encode(object))

    def _commit(self, shelf: _Shelf, type: str, before: Record | None, after: Record) -> None:
        self.revision = after.revision
        event = Event(type, before, after, event_line(type, after))
        shelf.history.append(event)
        for subscription in shelf.subscriptions:
            subscription.put(event)

    def _name(self, metadata: JSON) -> str:
        if metadata.get("name") or not metadata.get("generateName"):
            return str(metadata.get("name") or "")
        return str(metadata["generateName"]) + "".join(self._random.choice(_NAME_LETTERS) for _ in range(5))

    def _uid(self) -> str:
        return str(UUID(int=self._random.getrandbits(128), version=4))


def _within(keys: list[str], namespace: str) -> list[str]:
    if not namespace:
        return keys
    # "0" is the character after "/"
    return keys[bisect_left(keys, f"{namespace}/") : bisect_left(keys, f"{namespace}0")]
