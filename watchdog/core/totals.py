"""What has happened since the daemon started, counted: for whoever draws a line over weeks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from watchdog.core.facts import Excursion, Gap, Subject, UnseenWrite
from watchdog.core.known import Change, Known
from watchdog.core.table import Table

N = TypeVar("N", int, float)


@dataclass(frozen=True, slots=True)
class Totals:
    excursions: Mapping[str, int] = field(default_factory=dict)  # begun, by the kind of fact
    gap_seconds: Mapping[str, float] = field(default_factory=dict)  # by source; parts that overlap add up
    unseen_writes: int = 0

    def after(self, changes: Iterable[Change], before: Table[Subject, Known]) -> Totals:
        """``before``: what was known before these changes. What is told again is not counted again."""
        totals = self
        for change in changes:
            if change.subject.kind in _COUNTED:
                totals = totals._counting(change, before.get(change.subject))
        return totals

    def _counting(self, change: Change, before: Known | None) -> Totals:
        facts = [state.fact for state in change.states if isinstance(state, Known)]
        if change.subject.kind == Excursion.KIND:
            return self._begun(facts, before)
        if before is not None or not facts:
            return self
        if isinstance(gap := facts[0], Gap):
            return replace(self, gap_seconds=_added(self.gap_seconds, gap.source, gap.seconds))
        return replace(self, unseen_writes=self.unseen_writes + 1)

    def _begun(self, facts: Iterable[object], before: Known | None) -> Totals:
        """Each has a number of its own."""
        begun, number = self.excursions, _number(before and before.fact)
        for fact in facts:
            if isinstance(fact, Excursion) and fact.count != number:
                begun, number = _added(begun, fact.of, 1), fact.count
        return replace(self, excursions=begun)


_COUNTED = frozenset({Excursion.KIND, Gap.KIND, UnseenWrite.KIND})


def _number(fact: object) -> int:
    return fact.count if isinstance(fact, Excursion) else 0


def _added(totals: Mapping[str, N], key: str, count: N) -> Mapping[str, N]:
    return {**totals, key: totals[key] + count if key in totals else count}
