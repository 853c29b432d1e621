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


class TooOld(Exception):
    """The window no longer reaches back to that revision. ``floor`` is the oldest one that it does."""

    def __init__(self, floor: int) -> None:
        super().__init__(floor)
        self.floor = floor


class History:
    """The last ``window`` events of one resource type. ``floor``: the revision that it begins after."""

    def __init__(self, window: int, floor: int) -> None:
        self._events: deque[Event] = deque(maxlen=window)
        self._floor = floor

    def append(self, event: Event) -> None:
        if len(self._events) == self._events.maxlen:
            self._floor = self._events[1].revision - 1 if len(self._events) > 1 else event.revision - 1
        self._events.append(event)

    def forget(self, revision: int) -> None:
        """As an API server's restart does: even what is five writes old is then too old (point 2)."""
        self._events.clear()
        self._floor = revision

    def since(self, revision: int) -> list[Event]:
        """The events after ``revision``, oldest first. Raises TooOld."""
        if revision < self._floor:
            raise TooOld(self._floor)
        newest_first = takewhile(lambda event: event.revision > revision, reversed(self._events))
        return list(newest_first)[::-1]

    def rewound(self, current: Mapping[str, Record], revision: int) -> dict[str, Record]:
        """The collection as it was at ``revision``. Raises TooOld."""
        past = dict(current)
        for event in reversed(self.since(revision)):
            if event.before is None:
                past.pop(event.after.key, None)
            else:
                past[event.after.key] = event.before
        return past
