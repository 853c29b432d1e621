"""Where each metric is heading: facts that follow from the course of its values. domain.md §7.

A trend is as unseen as its metric: the scope that keeps the one fresh keeps the other. A value that is unknown makes
all of it unknown, for the same reason; its history stays, and goes on if the hole is short (``core.curve.HOLE``).
Costs what changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from watchdog.core.curve import ENOUGH, History, Shape, begun, recorded, shape, sound
from watchdog.core.facts import Metric, Subject, Trend, Unknown
from watchdog.core.instant import Instant
from watchdog.core.known import Change, Gone, Known, State
from watchdog.core.observation import Point
from watchdog.core.table import Table

SERIES = 1_000
"""Metrics that have a history. One more has none, and its trend is unknown, until one of them is gone."""

AHEAD = 300.0
"""Seconds that a sample may lie in the future of the look that saw it: clocks differ, and no more than that."""

NOT_DRAINING = Unknown("NotDraining")
"""Of what does not fall: there is no time at which it would be at zero."""

Past: TypeAlias = Iterable[tuple[Subject, tuple[Point, ...]]]
"""``core.observation.Facts.past``."""


def trend_of(metric: Subject) -> Subject:
    """Under which the trend of a metric is known."""
    return Subject(Trend.KIND, metric.labels)


@dataclass(frozen=True, slots=True)
class Trends:
    histories: Table[Subject, History] = field(default_factory=Table)

    def after(
        self, changes: Iterable[Change], past: Past, facts: Table[Subject, Known], at: Instant
    ) -> tuple[Trends, Mapping[Subject, list[State]]]:
        """The same after these changes, and the trends that are otherwise than in ``facts``: what is known ``at``."""
        states = {change.subject: change.states for change in changes if change.subject.kind == Metric.KIND}
        pasts: dict[Subject, list[Point]] = {}
        for subject, points in past:
            pasts.setdefault(subject, []).extend(points)
        touched = tuple(dict.fromkeys((*states, *pasts)))
        if not touched:
            return self, {}
        trends = Trends(self.histories.with_(self._histories(touched, states, pasts)))
        told = {trend_of(subject): trends._told(subject, facts, at) for subject in touched}
        return trends, {trend: [state] for trend, state in told.items() if state is not None}

    def _histories(
        self,
        touched: Iterable[Subject],
        states: Mapping[Subject, tuple[State, ...]],
        pasts: Mapping[Subject, list[Point]],
    ) -> Mapping[Subject, History | None]:
        after, room = dict[Subject, History | None](), SERIES - len(self.histories)
        for subject in touched:
            held = self.histories.get(subject, ())
            history = begun(_continued(held, states.get(subject, ())), pasts.get(subject, ()))
            if held or (history and room > 0):
                after[subject] = history or None
                room -= bool(history) - bool(held)
        return after

    def _told(self, metric: Subject, facts: Table[Subject, Known], at: Instant) -> State | None:
        known, before = facts.get(metric), facts.get(trend_of(metric))
        if known is None:
            return None if before is None else Gone(at)
        now = Known(_trend(known, self.histories.get(metric, ())), known.since, known.scope)
        return now if before is None or (before.fact, before.scope) != (now.fact, now.scope) else None


def _continued(history: History, states: Iterable[State]) -> History:
    for state in states:
        point = _point(state) if isinstance(state, Known) else None
        history = () if point is None else history if isinstance(point, Unknown) else recorded(history, point)
    return history


def _point(known: Known) -> Point | Unknown:
    """What one state of a metric adds to its history, or why nothing."""
    assert isinstance(known.fact, Metric)
    value, looked = known.fact.value, known.since.wall.timestamp()
    if isinstance(value, Unknown):
        return value
    point = Point(known.fact.sampled_at or looked, value)
    if not sound(point):
        return Unknown("OutOfRange", "not a finite number of sensible size")
    if point.at > looked + AHEAD:
        return Unknown("FutureSample", f"its sample is {point.at - looked:.0f} s ahead of the clock")
    return point


def _trend(known: Known, history: History) -> Trend:
    metric, point, found = known.fact, _point(known), shape(history)
    assert isinstance(metric, Metric)
    about = (metric.metric, metric.series, metric.criticality)
    if isinstance(point, Unknown):
        return Trend(*about, point, point, point, point, point, str(point))
    if found is None:
        why = _too_few(history)
        return Trend(*about, point.value, why, why, why, why, str(why))
    drain: float | Unknown = NOT_DRAINING if found.drain_seconds is None else found.drain_seconds
    draining = found.drain_seconds is not None and point.value > 0
    return Trend(*about, point.value, found.slope, found.rising_seconds, draining, drain, _said(found, draining))


def _too_few(history: History) -> Unknown:
    if not history:
        return Unknown("TooManySeries", f"{SERIES} other metrics have a history already")
    return Unknown("TooFewSamples", f"it takes {ENOUGH} samples without a hole")


def _said(found: Shape, draining: bool) -> str:
    if found.rising_seconds:
        return f"rises by {found.slope:.3g} a second, for {found.rising_seconds / 60:.0f} min"
    if draining and found.drain_seconds is not None:
        return f"falls by {-found.slope:.3g} a second, at zero in {found.drain_seconds / 60:.0f} min"
    return "neither rises nor falls"
