"""Objects of one resource, and which of two looks at one of them is the newer.

Watch events and direct reads arrive in any order. A look that *began* after an object was last received is the truth
even if its revision is lower (etcd restored from a backup); one that began before and carries a lower one is late.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager
from typing import Generic, NamedTuple, TypeVar

from watchdog.sources.kubernetes.kept import Kept
from watchdog.sources.kubernetes.resources import Key

K = TypeVar("K", bound=Kept)


class Held(NamedTuple, Generic[K]):
    object: K | None  # None: it is gone
    revision: int
    received: int  # on the store's own count


class Store(Generic[K]):
    def __init__(self) -> None:
        self._held: dict[Key, Held[K]] = {}
        self._count = 0  # of what was received
        self._looks = 0  # that are under way
        self._gone: list[Key] = []  # kept until no look is under way that began before they went

    def get(self, key: Key) -> K | None:
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

    def is_late(self, key: Key, at_revision: int) -> bool:
        """An event that is older than what a look has shown since: it happened all the same, and is over."""
        held = self._held.get(key)
        return held is not None and held.revision > at_revision

    def held(self, key: Key) -> tuple[K | None, int]:
        """What is held, and of which revision."""
        held = self._held[key]
        return held.object, held.revision

    def holds(self, key: Key, at_revision: int) -> bool:
        """Just this state of it, and no newer one."""
        held = self._held.get(key)
        return held is not None and held.object is not None and held.revision == at_revision

    def put(self, key: Key, object_: K | None, at_revision: int) -> None:
        """What an event said; ``None`` is deleted."""
        self._count += 1
        if object_ is None and not self._looks:
            self._held.pop(key, None)
            return
        self._held[key] = Held(object_, at_revision, self._count)
        if object_ is None:
            self._gone.append(key)

    def differs(self, key: Key, object_: K, began: int) -> bool:
        """Whether a look that found this object says something that is newer than what is held."""
        held = self._held.get(key)
        if held is None:
            return True
        if self._is_newer(held, began, object_.version.revision):
            return False
        return held.object != object_ or held.object.version != object_.version

    def missing(
        self, covered: Iterable[Key], found: Container[Key], began: int, at_revision: int | None
    ) -> Iterator[Key]:
        """Of the keys that a look ``covered``, those that are gone, as of ``at_revision`` (``None``: unsaid)."""
        for key in [key for key in covered if key not in found]:
            held = self._held.get(key)
            if held is None or held.object is None:
                continue
            if not self._is_newer(held, began, at_revision):
                yield key

    @staticmethod
    def _is_newer(held: Held[K], began: int, at_revision: int | None) -> bool:
        return held.received > began and (at_revision is None or held.revision > at_revision)
