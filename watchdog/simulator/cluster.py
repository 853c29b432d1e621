"""An in-memory Kubernetes store: one revision counter, one sorted collection and one history for each resource type.

Synchronous and deterministic. What is stored is never changed in place: each write makes a new object that shares what
it did not touch, and encodes it once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from random import Random
from sys import maxsize
from typing import Any
from uuid import UUID

import msgspec

from watchdog.simulator.catalog import Catalog, defined
from watchdog.simulator.errors import already_exists, namespace_terminating, not_found
from watchdog.simulator.history import Backup, Event, History, Record, event_line
from watchdog.simulator.managed_fields import Author
from watchdog.simulator.resources import CUSTOM_RESOURCE_DEFINITIONS, NAMESPACES, PODS, STORED, Resource
from watchdog.simulator.shelf import Shelf, within
from watchdog.simulator.strategy import (
    NO_PRECONDITIONS,
    Preconditions,
    changed,
    check_deletion,
    created,
    in_order,
    marked_for_deletion,
)
from watchdog.simulator.subscription import Subscription

JSON = dict[str, Any]
Admission = Callable[[Resource, JSON], JSON]
"""What a mutating webhook does to an object that is about to be created: the type and the object in, the object out."""
_NAME_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"


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
        self, now: Callable[[], datetime], seed: int = 0, *, window: int = 1024, watch_buffer: int = 4096,
        watch_room: int = 4_700_000,
    ) -> None:  # fmt: skip
        """``now``: the wall clock (aware). ``window``: events that the watch cache of a resource type holds.
        ``watch_buffer`` events, or ``watch_room`` bytes, may a watcher lag behind before its stream is ended."""
        self._now, self._random = now, Random(seed)
        self._watch_buffer, self._watch_room = watch_buffer, watch_room
        self.revision = 1
        self.catalog, self.admission = Catalog(), list[Admission]()
        self.demand: dict[tuple[str, str, str], int] = {}
        """(kind, namespace, name) of an autoscaler: the replicas that its metrics or triggers ask for."""
        self._window = window
        self._shelves = {one: Shelf(History(window, self.revision)) for one in STORED}

    def date(self) -> str:
        """The wall clock, as HTTP writes it."""
        return format_datetime(self._now().astimezone(UTC), usegmt=True)

    def now(self, plus_seconds: float = 0) -> str:
        """As Kubernetes writes a time: whole seconds, UTC."""
        return (self._now().astimezone(UTC) + timedelta(seconds=plus_seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def time(self) -> float:
        """Seconds since the epoch, by the same clock."""
        return self._now().timestamp()

    def find(self, resource: Resource, namespace: str, name: str) -> Record | None:
        return self._shelf(resource).records.get(resource.key(namespace, name))

    def get(self, resource: Resource, namespace: str, name: str) -> Record:
        record = self.find(resource, namespace, name)
        if record is None:
            raise not_found(resource, name)
        return record

    def records(self, resource: Resource, namespace: str = "") -> list[Record]:
        """The collection, in the order of a list; ``namespace`` "" is all of them."""
        return self._shelf(resource).within(namespace)

    def records_at(self, resource: Resource, namespace: str, revision: int) -> list[Record]:
        """The collection as it was at a past revision. Raises ``history.TooOld``."""
        if revision >= self.revision:
            return self.records(resource, namespace)
        past = self._shelf(resource).history.rewound(self._shelf(resource).records, revision)
        return [past[key] for key in within(sorted(past), namespace)]

    def changes(self, *resources: Resource) -> tuple[int, ...]:
        """The same as before where nothing of them has changed."""
        return tuple(self._shelf(resource).changes for resource in resources)

    def since(self, resource: Resource, revision: int) -> list[Event]:
        """Raises ``history.TooOld``."""
        return self._shelf(resource).history.since(revision)

    def subscribe(self, resource: Resource, wake: Callable[[], None], limit: int = 0) -> Subscription:
        """``limit``: events, of any size; 0: the store's own ``watch_buffer`` and ``watch_room``."""
        room = maxsize if limit else self._watch_room
        subscription = Subscription(limit or self._watch_buffer, room, wake)
        self._shelf(resource).subscriptions.append(subscription)
        return subscription

    def unsubscribe(self, resource: Resource, subscription: Subscription) -> None:
        self._shelf(resource).subscriptions.remove(subscription)

    @property
    def watchers(self) -> int:
        """Subscriptions that are open."""
        return sum(len(shelf.subscriptions) for shelf in self._shelves.values())

    def forget_history(self) -> None:
        """No earlier revision can be watched or listed any more: a restart, long after etcd was compacted."""
        for shelf in self._shelves.values():
            shelf.history.forget(self.revision)

    def empty_watch_cache(self) -> None:
        """As an API server's restart does: no earlier revision can be watched any more (point 2)."""
        for shelf in self._shelves.values():
            shelf.history.empty_cache(self.revision)

    def compact(self) -> None:
        """etcd forgets what was before now; the watch cache does not."""
        for shelf in self._shelves.values():
            shelf.history.compact(self.revision)

    def backup(self) -> Backup:
        """A snapshot of etcd."""
        return Backup(self.revision, {resource: dict(shelf.records) for resource, shelf in self._shelves.items()})

    def restore(self, backup: Backup) -> None:
        """Everything is as it was, the revision too: nobody is told, and the same revisions are given out again."""
        self.revision = backup.revision
        for resource, shelf in self._shelves.items():
            shelf.records = dict(backup.records.get(resource, {}))
            shelf.keys = sorted(shelf.records)
            shelf.changes += 1
            shelf.history.forget(self.revision)
        self.catalog = Catalog()
        for crd in self.records(CUSTOM_RESOURCE_DEFINITIONS):
            self.catalog.serve(crd.name, defined(crd.object))

    def create(
        self, resource: Resource, namespace: str, object: JSON, author: Author, *, dry_run: bool = False
    ) -> Record:
        name = self._name(object.get("metadata") or {})
        if resource.namespaced:
            self._check_namespace(resource, namespace, name)
        if self.find(resource, namespace, name):
            raise already_exists(resource, name)
        identity = {"name": name, "uid": self._uid(), "resourceVersion": "", "creationTimestamp": self.now()}
        identity |= {"namespace": namespace} if resource.namespaced else {}
        for admitted in self.admission:
            object = admitted(resource, object)
        new = created(resource, object, identity, author, self.now())
        return self._stored(resource, None, new, dry_run)

    def put(self, resource: Resource, object: JSON) -> Record:
        """Stores an object just as it is, unchecked, over what has its name: for worlds of many thousand objects, and
        for thousands of writes a second."""
        metadata = object["metadata"]
        old = self.find(resource, metadata.get("namespace", ""), metadata["name"])
        return self._stored(resource, old, object, dry_run=False)

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
            shelf = self._shelf(resource)
            shelf.put(after)
            self._commit(shelf, "ADDED" if old is None else "MODIFIED", old, after)
        return after

    def _removed(self, old: Record) -> Record:
        """The event carries what was stored last, even the finalizer whose removal lets it go (as recorded)."""
        if old.resource is CUSTOM_RESOURCE_DEFINITIONS:
            self._undefine(old)
        shelf = self._shelf(old.resource)
        after = self._encoded(old.resource, old.object, self.revision + 1, str(self.revision + 1))
        shelf.take(old.key)
        self._commit(shelf, "DELETED", old, after)
        return after

    def _encoded(self, resource: Resource, object: JSON, revision: int, shown: str) -> Record:
        metadata = {**object["metadata"], "resourceVersion": shown}
        if not shown:
            del metadata["resourceVersion"]
        object = {**object, "metadata": in_order(metadata)}
        key = resource.key(metadata.get("namespace", ""), metadata["name"])
        return Record(resource, key, object, revision, msgspec.json.encode(object))

    def _commit(self, shelf: Shelf, type: str, before: Record | None, after: Record) -> None:
        self.revision = after.revision
        if after.resource is CUSTOM_RESOURCE_DEFINITIONS and type != "DELETED":
            self.catalog.serve(after.name, defined(after.object))
        shelf.tell(Event(type, before, after, event_line(type, after)))

    def _shelf(self, resource: Resource) -> Shelf:
        """One for each type, also before its CustomResourceDefinition is there: a controller may wait for it."""
        shelf = self._shelves.get(resource)
        if shelf is None:
            shelf = self._shelves[resource] = Shelf(History(self._window, self.revision))
        return shelf

    def _check_namespace(self, resource: Resource, namespace: str, name: str) -> None:
        found = self.find(NAMESPACES, "", namespace)
        if found is None:
            raise not_found(NAMESPACES, namespace)
        if "deletionTimestamp" in found.object["metadata"]:
            raise namespace_terminating(resource, namespace, name)

    def _undefine(self, crd: Record) -> None:
        """Its objects go first, whatever their finalizers; who watches them sees a clean EOF."""
        gone = self.catalog.withdraw(crd.name)
        for record in self.records(gone) if gone else ():
            self._removed(record)
        if gone:
            self._shelf(gone).close()

    def _name(self, metadata: JSON) -> str:
        if metadata.get("name") or not metadata.get("generateName"):
            return str(metadata.get("name") or "")
        return str(metadata["generateName"]) + "".join(self._random.choice(_NAME_LETTERS) for _ in range(5))

    def _uid(self) -> str:
        return str(UUID(int=self._random.getrandbits(128), version=4))
