"""A bounded history of one value, and what its shape says: how fast, rising since when, at zero when.

Points are what was sampled, on the sampler's clock, at most ``SPAN`` seconds of them. A hole longer than ``HOLE`` cuts
the history: nothing is ever said across a time that nobody saw. Few judgements are made of few points, and none is
moved by one of them: slopes are Theil and Sen's (the median over all pairs of points, which up to 29 % of outliers
leave where it is; one outlier at an end turns a line of least squares as far as it likes).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import isfinite, sqrt
from statistics import median

from watchdog.core.observation import Point

SPAN = 2_700.0
"""Seconds of history: longer than any time that a rule asks something to have been rising for. domain.md §7."""

RESOLUTION = 30.0
"""Seconds. A point is left out where its neighbours are closer than this, so that a history has a bounded length."""

LONGEST = int(2 * SPAN / RESOLUTION) + 2
"""Points of a history at most."""

HOLE = 300.0
"""Seconds between two samples that end what came before. Monitoring services sample every 60 s and lose some."""

WINDOW = 300.0
"""Seconds: "now". A slope is that of the newest WINDOW, or of the newest ENOUGH points where they are rarer."""

ENOUGH = 5
"""Points without which nothing is said: the fewest of which one outlier leaves the median of all slopes alone."""

FLAT = 0.01
"""A change of less than this part of the level is none."""

FALL = 18.0
"""A fall is told from noise where it is this many times the noise over the root of the number of points. This and the
next two were tried on noise of several kinds, sampled every 15 to 120 s: tests/core/test_curve.py."""

RISE = 8.0
"""A rise is told from noise where it is this many times the noise."""

WOBBLE = 6.0
"""Within this many times the noise a fall is a wobble."""

GIVEN_BACK = 1 / 3
"""A fall beyond it is real once this part of the rise is lost."""

NEVER = 7 * 86_400.0
"""Seconds. What would take longer to drain does not drain."""

LARGEST = 1e18
"""Of a value; ``rules.schema`` takes nothing larger either. No product or quotient of such values is infinite here."""

History = tuple[Point, ...]
"""Ascending in time, no two of the same millisecond."""


@dataclass(frozen=True, slots=True)
class Shape:
    slope: float  # per second, over the window
    rising_seconds: float  # 0 if it does not rise, which is whenever the slope is not above 0
    drain_seconds: float | None  # until it is at zero at this slope; 0 at zero; None if it does not fall


def sound(point: Point) -> bool:
    return isfinite(point.at) and abs(point.value) <= LARGEST


def recorded(history: History, point: Point) -> History:
    """The history with one newer point. The same sample again, or an older one, adds nothing."""
    at = round(point.at, 3)
    return history if history and at <= history[-1].at else bounded((*history, Point(at, point.value)))


def begun(history: History, past: Iterable[Point]) -> History:
    """The history with what was before it. Nothing newer than it is taken, and what it holds of a moment stands."""
    if not history:
        return history
    older = {(at := round(p.at, 3)): Point(at, p.value) for p in past if sound(p) and p.at < history[-1].at}
    points = older | {point.at: point for point in history}
    return bounded([points[at] for at in sorted(points)])


def bounded(points: Sequence[Point]) -> History:
    """The newest of these ascending points: within SPAN, after the last hole, and not closer than they need be."""
    newest, first = points[-1], len(points) - 1
    while first and points[first].at - points[first - 1].at <= HOLE and newest.at - points[first - 1].at <= SPAN:
        first -= 1
    kept = [points[first]]
    for point, following in pairwise(points[first + 1 :]):
        if following.at - kept[-1].at >= RESOLUTION:
            kept.append(point)
    return (*kept, newest) if first < len(points) - 1 else (newest,)


def shape(history: History) -> Shape | None:
    """``None``: too few points."""
    if len(history) < ENOUGH:
        return None
    window, noise = _window(history), _noise(history)
    slope = median((b.value - a.value) / (b.at - a.at) for a, b in combinations(window, 2))
    level = median(abs(point.value) for point in window)
    falls = -slope * (window[-1].at - window[0].at) > max(
        FLAT * level, FALL * max(noise, _scatter(window, slope)) / sqrt(len(window))
    )
    rising = _rising(_smooth(history), level, noise) if slope > 0.0 and not falls else 0.0
    return Shape(slope, rising, _drain(history[-1].value, slope, falls))


def _window(history: History) -> History:
    recent = tuple(point for point in history if history[-1].at - point.at <= WINDOW)
    return recent if len(recent) >= ENOUGH else history[-ENOUGH:]


def _noise(history: History) -> float:
    """The typical (median) distance of a point from the line between its neighbours."""
    return median(
        abs(b.value - a.value - (c.value - a.value) * ((b.at - a.at) / (c.at - a.at)))
        for a, b, c in zip(history, history[1:], history[2:], strict=False)
    )


def _scatter(window: History, slope: float) -> float:
    """The typical distance of a point from the line of this slope."""
    offsets = [point.value - slope * (point.at - window[0].at) for point in window]
    middle = median(offsets)
    return median(abs(offset - middle) for offset in offsets)


def _smooth(history: History) -> History:
    """Each point as the median of itself and its neighbours, the newest with the two before it, so that one odd sample
    is neither a peak nor a fall. A real fall is seen with its second sample."""
    inner = zip(history, history[1:], history[2:], strict=False)
    middle = [Point(b.at, median((a.value, b.value, c.value))) for a, b, c in inner]
    return (history[0], *middle, Point(history[-1].at, middle[-1].value))


def _rising(history: History, level: float, noise: float) -> float:
    """For how long it has been rising at the end: since its last low, its last real fall, or its last standstill of
    more than a window, whichever was the latest."""
    low = high = history[0]
    for point in history[1:]:
        fell = high.value - point.value > max(GIVEN_BACK * (high.value - low.value), WOBBLE * noise)
        if point.value <= low.value or fell or point.at - high.at > WINDOW:
            low = high = point
        elif point.value > high.value:
            high = point
    rises = high.value - low.value > max(FLAT * level, RISE * noise)
    return history[-1].at - low.at if rises else 0.0


def _drain(value: float, slope: float, falls: bool) -> float | None:
    if value <= 0.0:
        return 0.0
    seconds = value / -slope if falls else NEVER
    return seconds if seconds < NEVER else None
