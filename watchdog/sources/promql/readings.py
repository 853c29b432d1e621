"""Samples -> metrics. Pure: the time is an argument."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from operator import attrgetter

from watchdog.core.facts import Metric, Unknown
from watchdog.core.observation import Point
from watchdog.ports import Unreachable
from watchdog.sources.promql.answer import SHOWN, Sample
from watchdog.sources.promql.stanza import Query

SKEW = 5.0
"""Seconds by which a sample may lie in the future of our clock, as for /healthz (domain.md §6)."""

Stamps = Mapping[tuple[str, float], float]
"""When the sample of a series was taken that was seen at an evaluation; both in epoch seconds."""


def readings(query: Query, samples: Iterable[Sample], stamps: Stamps | None, now: float) -> dict[str, Metric]:
    """The metrics by series. Without ``stamps`` the evaluation counts as the time at which a sample was taken."""
    by_name: dict[str, list[Sample]] = {}
    for name, sample in _named(query, samples):
        by_name.setdefault(name, []).append(sample)
    return {name: _reading(query, name, those, stamps, now) for name, those in by_name.items()}


def stamped(query: Query, samples: Iterable[Sample]) -> Stamps:
    """Of several for one series, the oldest."""
    stamps: dict[tuple[str, float], float] = {}
    for name, sample in _named(query, samples):
        if isinstance(sample.value, float):
            key = (name, sample.at)
            stamps[key] = min(sample.value, stamps.get(key, sample.value))
    return stamps


def points(query: Query, samples: Iterable[Sample], stamps: Stamps | None) -> dict[str, tuple[Point, ...]]:
    """The history of each series, each sample once, oldest first. What is no number, too small or without a time is
    left out."""
    series: dict[str, dict[float, Point]] = {}
    for name, sample in _named(query, samples):
        at = _taken(name, sample, stamps)
        if at is not None and isinstance(sample.value, float) and sample.value >= query.least:
            series.setdefault(name, {})[at] = Point(at, sample.value)
    return {name: tuple(sorted(those.values())) for name, those in series.items()}


def _named(query: Query, samples: Iterable[Sample]) -> Iterator[tuple[str, Sample]]:
    """Each sample with its series' name, which is made once for the many that follow each other."""
    for labels, those in groupby(samples, attrgetter("labels")):
        name = named(query, labels)
        for sample in those:
            yield name, sample


def named(query: Query, labels: Mapping[str, str]) -> str:
    """Raises ``Unreachable`` where a label is missing that is to name the series: they could not be told apart."""
    missing = [label for label in query.by if label not in labels]
    if missing:
        raise Unreachable("NoSuchLabel", f"a series has no label {missing[0]!r}, which is to name it")
    name = "/".join(labels[label] for label in query.by)
    return "".join(c if c.isprintable() else "?" for c in name[:SHOWN])


def unread(query: Query, series: str, why: Unknown) -> Metric:
    """A series of which nothing is known."""
    return _metric(query, series, why, 0.0, why)


def _reading(query: Query, series: str, those: list[Sample], stamps: Stamps | None, now: float) -> Metric:
    if len(those) > 1:
        return unread(query, series, Unknown("Ambiguous", f"{len(those)} series have this name"))
    taken = _taken(series, those[0], stamps)
    if taken is None:
        return unread(query, series, Unknown("NoSampleTime", "nothing says when it was sampled"))
    age, value = now - taken, those[0].value
    if age < -SKEW:
        value = Unknown("FutureSample", f"it was sampled {-age:.0f} s in the future of our clock")
    elif age > query.max_age and isinstance(value, float):
        value = Unknown("StaleSample", f"it was sampled {age:.0f} s ago, and at most {query.max_age:g} s are allowed")
    elif isinstance(value, float) and value < query.least:
        value = Unknown("OutOfRange", f"{value:.6g} is less than it can be, which is {query.least:g}")
    return _metric(query, series, value, taken, round(max(age, 0.0), 3))


def _taken(series: str, sample: Sample, stamps: Stamps | None) -> float | None:
    return sample.at if stamps is None else stamps.get((series, sample.at))


def _metric(query: Query, series: str, value: float | Unknown, taken: float, age: float | Unknown) -> Metric:
    what = f"{query.metric} of {series}" if series else query.metric
    said = f"is unknown: {value}" if isinstance(value, Unknown) else f"is {value:.6g}, sampled {age:.0f} s ago"
    criticality = query.criticality_of(series)
    return Metric(query.metric, series, value, taken, age, criticality, f"{what} {said}")
