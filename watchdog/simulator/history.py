"""What was stored, and the window of events that a WATCH can still be resumed in (the watch cache)."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from watchdog.simulator.resources import Resource

JSON = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """One stored version of an object. ``object`` is shared with every reader: never change it, in any depth.

    ``json`` is its encoding, made once for all lists, gets and watches.
    """

    resource: Resource
    key: str
    object: JSON
    revision: int
    json: bytes

    @property
    def namespace(self) -> str:
        return str(self.object["metadata"].get("namespace", ""))

    @property
    def name(self) -> str:
        return str(self.object["metadata"]["name"])

    @property
    def uid(self) -> str:
        return str(self.object["metadata"]["uid"])


@dataclass(frozen=True, slots=True)
class Event:
    """One change. ``after`` of a deletion is the last state with the deletion's own resourceVersion (point 8).

    ``line`` is what a WATCH without a selector sends.
    """

    type: str
    before: Record | None
    after: Record
    line: bytes

    @property
    def revision(self) -> int:
        return self.after.revision


def event_line(type: str, record: Record) -> bytes:
    return b'{"type":"%b","object":%b}\n' % (type.encode(), record.json)


@dataclass(frozen=True, slots=True)
class Backup:
    """What etcd held at one revision."""

    revision: int
    records: Mapping[Resource, Mapping[str, Record]]


class TooOld(Exception):
    """The window no longer reaches back to that revision. ``floor`` is the oldest one that it does."""

    def __init__(self, floor: int) -> None:
        super().__init__(floor)
        self.floor = floor


class History:
    """The last ``window`` events of one resource type. ``floor``: the revision that it begins after.

    A WATCH is served from the watch cache of the server alone; a LIST of the past from there, or else from etcd as far
    as that is not compacted (kube-wire README, point 2).
    """

    def __init__(self, window: int, floor: int) -> None:
        self._events: deque[Event] = deque(maxlen=window)
        self._floor = self._cached = floor
        self._compacted = 0

    def append(self, event: Event) -> None:
        if len(self._events) == self._events.maxlen:
            self._floor = self._events[1].revision - 1 if len(self._events) > 1 else event.revision - 1
        self._events.append(event)

    def forget(self, revision: int) -> None:
        """Neither the cache nor etcd goes back behind ``revision``."""
        self._events.clear()
        self._floor = self._cached = revision

    def empty_cache(self, revision: int) -> None:
        """As an API server's restart does: even what is five writes old is then too old for a WATCH."""
        self._cached = revision

    def compact(self, revision: int) -> None:
        """Of etcd: what the watch cache still holds is served all the same."""
        self._compacted = revision

    def since(self, revision: int) -> list[Event]:
        """The events after ``revision``, oldest first. Raises TooOld."""
        floor = max(self._floor, self._cached)
        if revision < floor:
            raise TooOld(floor)
        return self._after(revision)

    def _after(self, revision: int) -> list[Event]:
        newest_first = takewhile(lambda event: event.revision > revision, reversed(self._events))
        return list(newest_first)[::-1]

    def rewound(self, current: Mapping[str, Record], revision: int) -> dict[str, Record]:
        """The collection as it was at ``revision``. Raises TooOld."""
        if revision < max(self._floor, min(self._cached, self._compacted)):
            raise TooOld(self._floor)
        past = dict(current)
        for event in reversed(self._after(revision)):
            if event.before is None:
                past.pop(event.after.key, None)
            else:
                past[event.after.key] = event.before
        return past
