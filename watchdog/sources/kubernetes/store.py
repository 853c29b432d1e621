"""Objects of one resource, and which of two looks at one of them is the newer.

Watch events and direct reads arrive in any order. A look that *began* after an object was last received is the truth
even if its revision is lower (etcd restored from a backup); one that began before and carries a lower one is late.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic

from watchdog.sources.kubernetes.objects import Object, T
from watchdog.sources.kubernetes.resources import Key, revision


@dataclass(frozen=True, slots=True)
class Held(Generic[T]):
    object: T | None  # None: it is gone
    revision: int
    received: int  # on the store's own count


class Store(Generic[T]):
    def __init__(self) -> None:
        self._held: dict[Key, Held[T]] = {}
        self._count = 0  # of what was received
        self._looks = 0  # that are under way
        self._gone: list[Key] = []  # kept until no look is under way that began before they went

    def get(self, key: Key) -> T | None:
        held = self._held.get(key)
        return None if held is None else held.object

    def __iter__(self) -> Iterator[Key]:
        return iter(self._held)

    @contextmanager
    def looking(self) -> Iterator[int]:
        """A look that lasts: what it says is compared with what was received since it began."""
        self._looks += 1
        try:
            yield self._count
        finally:
            self._looks -= 1
            if not self._looks:
                self._forget_what_is_gone()

    def _forget_what_is_gone(self) -> None:
        for key in self._gone:
            if key in self._held and self._held[key].object is None:
                del self._held[key]
        self._gone.clear()

    def is_late(self, object_: T) -> bool:
        """An event that is older than what a look has shown since: it happened all the same, and is over."""
        held = self._held.get(key_of(object_))
        return held is not None and held.revision > revision(object_.metadata.resource_version)

    def held(self, key: Key) -> tuple[T | None, int]:
        """What is held, and of which revision."""
        held = self._held[key]
        return held.object, held.revision

    def put(self, key: Key, object_: T | None, at_revision: int) -> None:
        """What an event said; ``None`` is deleted."""
        self._count += 1
        self._hold(key, object_, at_revision)

    def _hold(self, key: Key, object_: T | None, at_revision: int) -> None:
        if object_ is None and not self._looks:
            self._held.pop(key, None)
            return
        self._held[key] = Held(object_, at_revision, self._count)
        if object_ is None:
            self._gone.append(key)

    def differences(
        self, found: Mapping[Key, T], covered: Iterable[Key], began: int, at_revision: int | None
    ) -> list[tuple[Key, T | None, int]]:
        """What a look changes: ``found`` of the keys that it ``covered``, as of ``at_revision`` (``None``: unsaid)."""
        changes: list[tuple[Key, T | None, int]] = []
        for key, object_ in found.items():
            number = revision(object_.metadata.resource_version)
            if not self._is_newer(key, began, number) and self.get(key) != object_:
                changes.append((key, object_, number))
        missing = (key for key in covered if key not in found and self.get(key) is not None)
        changes.extend((key, None, at_revision or 0) for key in missing if not self._is_newer(key, began, at_revision))
        return changes

    def _is_newer(self, key: Key, began: int, at_revision: int | None) -> bool:
        held = self._held.get(key)
        return held is not None and held.received > began and (at_revision is None or held.revision > at_revision)


def key_of(object_: Object) -> Key:
    return Key(object_.metadata.namespace, object_.metadata.name)
