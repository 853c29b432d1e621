"""When time alone changes something: a persistent priority queue, so that waiting alerts cost a turn nothing.

A leftist heap (Crane, 1972) beside a table of what is in force: a date that was changed or dropped stays in the heap
until it comes up, and is then passed over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from watchdog.core.table import Table

K = TypeVar("K")


class _Node(NamedTuple):
    rank: int
    first: tuple[float, object]
    left: _Node | None
    right: _Node | None


def _merged(one: _Node | None, other: _Node | None) -> _Node | None:
    """Depth is at most the logarithm of the size."""
    if one is None or other is None:
        return one or other
    if other.first < one.first:
        one, other = other, one
    longer, shorter = one.left, _merged(one.right, other)
    if longer is None or (shorter is not None and longer.rank < shorter.rank):
        longer, shorter = shorter, longer
    return _Node(1 + (shorter.rank if shorter else 0), one.first, longer, shorter)


@dataclass(frozen=True)
class Agenda(Generic[K]):
    """Keys (ordered among themselves) and the monotonic second at which each is due."""

    dates: Table[K, float] = field(default_factory=Table)
    _heap: _Node | None = None

    def with_(self, key: K, due: float | None) -> Agenda[K]:
        """The agenda with ``key`` due at that second; ``None`` takes it off."""
        if self.dates.get(key) == due:
            return self
        heap = self._heap if due is None else _merged(self._heap, _Node(1, (due, key), None, None))
        return Agenda(self.dates.with_({key: due}), heap)

    def next_due(self) -> float | None:
        """At the latest when something is due; earlier where a date has since been changed."""
        return None if self._heap is None else self._heap.first[0]

    def taken(self, now: float) -> tuple[tuple[K, ...], Agenda[K]]:
        """What is due by ``now``, earliest first, and the agenda without it."""
        due, dates, heap = dict[K, None](), self.dates, self._heap
        while heap is not None and heap.first[0] <= now:
            second, key = heap.first
            if dates.get(key) == second:  # type: ignore[arg-type]
                due[key] = None  # type: ignore[index]
            heap = _merged(heap.left, heap.right)
        return tuple(due), Agenda(dates.with_(dict.fromkeys(due)), heap)
