"""The outbox of an outlet that must hear of everything: every edge in its order, bounded, and an exact count of what
there was no room for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from watchdog.core.alert import Edge
from watchdog.core.assessment import Assessment
from watchdog.outlets import Batch, Missed


@dataclass(slots=True)
class OrderedOutbox:
    """What was taken stays here until it is settled, and comes again, first and in its order, if nobody took it.

    Beyond ``limit`` edges the newest are counted and not kept, and so are all that follow, until those before them are
    settled: what is missed is one run without a hole.
    """

    limit: int
    level: Assessment | None = None
    edges: list[Edge] = field(default_factory=list)  # those taken first
    missed: Missed | None = None  # after them
    taken: int = 0
    gap: Missed | None = None  # that was taken with them
    owed: Assessment | None = None  # the last level
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, assessment: Assessment, *, wake: bool) -> None:
        self.level = assessment
        for edge in assessment.edges:
            self._add(edge)
        if wake or assessment.edges:
            self.news.set()

    def _add(self, edge: Edge) -> None:
        if self.missed or self.gap or len(self.edges) >= self.limit:
            one = Missed(1, edge.at, edge.at)
            self.missed = one if self.missed is None else _run(self.missed, one)
        else:
            self.edges.append(edge)

    def put_last(self, assessment: Assessment) -> None:
        """The end of it: published once more before a shutdown."""
        self.level = self.owed = assessment
        self.news.set()

    async def take(self, renew_every: float | None) -> Batch:
        """The next batch, when there is something new. Nothing is renewed: what was told stands."""
        while self.level is None or not self.news.is_set():
            self.news.clear()
            await self.news.wait()
        self.news.clear()
        self.taken, self.gap, self.missed = len(self.edges), self.missed, None
        return Batch(self.level, tuple(self.edges), missed=self.gap, last=self.owed is not None)

    def settle(self, accepted: bool, level: Assessment | None = None) -> None:
        """The end of what was taken (with ``level``): accepted, or to be published again with what has come since."""
        if accepted:
            self.owed = None if level is self.owed else self.owed
            del self.edges[: self.taken]
        else:
            self.missed = _run(self.gap, self.missed) if self.gap and self.missed else self.gap or self.missed
        if not accepted or self.edges or self.missed:
            self.news.set()
        self.taken, self.gap = 0, None

    @property
    def empty(self) -> bool:
        return not (self.edges or self.missed or self.gap or self.owed)


def _run(earlier: Missed, later: Missed) -> Missed:
    return Missed(earlier.count + later.count, earlier.first, later.last)
