"""Metrics by script: what each series is worth at which time, and when somebody who asks gets to see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

LOOKBACK = 300.0
"""Seconds for which Prometheus answers with the last sample of a series that has none since."""

Curve = Callable[[float], float]
"""The value at a time (epoch seconds)."""


class Sample(NamedTuple):
    at: float  # epoch seconds
    value: float


def steady(value: float) -> Curve:
    return lambda at: value


def line(since: float, value: float, per_second: float) -> Curve:
    """From ``value`` at ``since`` on; never below 0."""
    return lambda at: max(value + per_second * (at - since), 0.0)


@dataclass(slots=True)
class _Script:
    """Pieces, each from its time on; None: nobody samples the series."""

    pieces: list[tuple[float, Curve | None]] = field(default_factory=list)

    def at(self, time: float) -> float | None:
        curve = next((curve for begins, curve in reversed(self.pieces) if begins <= time), None)
        return None if curve is None else curve(time)


class Metrics:
    """``every``: seconds between two samples of a series; ``late``: seconds after which one can be seen. Cloud
    Monitoring samples once a minute and shows it minutes later (domain.md §7). A series is named by its metric and the
    values of its labels."""

    def __init__(self, now: Callable[[], datetime], *, every: float = 60.0, late: float = 120.0) -> None:
        self._now, self.every, self.late = now, every, late
        self._scripts: dict[str, dict[tuple[str, ...], _Script]] = {}

    def begin(self, metric: str, labels: tuple[str, ...], value: float) -> None:
        """A series that was so for ever."""
        self._scripts.setdefault(metric, {})[labels] = _Script([(float("-inf"), steady(value))])

    def value(self, metric: str, labels: tuple[str, ...]) -> float:
        """What it is now, whoever sees it. Raises ``KeyError``."""
        return self._scripts[metric][labels].at(self.time) or 0.0

    def put(self, metric: str, labels: tuple[str, ...], value: float) -> None:
        """From now on it is ``value``. Raises ``KeyError``, as all of these do, for a series that there is not."""
        self._from_now(metric, labels, steady(value))

    def slope(self, metric: str, labels: tuple[str, ...], per_second: float) -> None:
        """From now on it grows, ages or (below 0) drains at that rate."""
        self._from_now(metric, labels, line(self.time, self.value(metric, labels), per_second))

    def count(self, metric: str, labels: tuple[str, ...], number: float, seconds: float) -> None:
        """``number`` more happen now, and are counted for that long (PromQL's ``increase``)."""
        now, before = self.time, _Script([*self._scripts[metric][labels].pieces])
        self._from_now(metric, labels, lambda at: (before.at(at) or 0.0) + (number if at < now + seconds else 0.0))

    def stop(self, metric: str, labels: tuple[str, ...]) -> None:
        """No sample from now on, until the next ``put`` or ``slope``."""
        self._from_now(metric, labels, None)

    def samples(self, metric: str, at: float) -> Mapping[tuple[str, ...], Sample]:
        """What an instant query at that time sees of each series that has a sample then."""
        seen = {labels: self._seen(script, at) for labels, script in self._scripts.get(metric, {}).items()}
        return {labels: sample for labels, sample in seen.items() if sample is not None}

    def _seen(self, script: _Script, at: float) -> Sample | None:
        newest = (min(at, self.time - self.late) // self.every) * self.every
        while newest >= at - LOOKBACK:
            if (value := script.at(newest)) is not None:
                return Sample(newest, value)
            newest -= self.every
        return None

    def _from_now(self, metric: str, labels: tuple[str, ...], curve: Curve | None) -> None:
        self._scripts[metric][labels].pieces.append((self.time, curve))

    @property
    def time(self) -> float:
        """Epoch seconds."""
        return self._now().timestamp()
