"""What the shape of a bounded history says (core.curve), whatever the values are."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import isfinite
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.core.curve import (
    ENOUGH,
    HOLE,
    LARGEST,
    LONGEST,
    SPAN,
    History,
    Shape,
    begun,
    recorded,
    shape,
    sound,
)
from watchdog.core.observation import Point

BEGAN = 1_795_000_000.0
Curve = Callable[[float], float]

VALUES = st.floats(-LARGEST, LARGEST) | st.sampled_from([0.0, 1.0, 5e-324, -5e-324, 1e-300])
STEPS = st.floats(0.0, 2 * HOLE) | st.sampled_from([0.0, 0.001, 15.0, HOLE])
SAMPLES = st.lists(st.tuples(STEPS, VALUES), min_size=1, max_size=60)


def points(samples: list[tuple[float, float]]) -> list[Point]:
    at, found = BEGAN, list[Point]()
    for step, value in samples:
        found.append(Point(at := at + step, value))
    return found


def taken(these: list[Point]) -> History:
    history: History = ()
    for point in these:
        history = recorded(history, point)
    return history


def sampled(curve: Curve, seconds: float, every: float) -> History:
    return taken([Point(BEGAN + n * every, curve(n * every)) for n in range(int(seconds / every) + 1)])


def shaped(curve: Curve, seconds: float, every: float = 60.0) -> Shape:
    found = shape(sampled(curve, seconds, every))
    assert found is not None
    return found


@given(SAMPLES)
def test_a_history_is_bounded_ascending_and_without_a_hole_and_ends_with_the_newest(
    samples: list[tuple[float, float]],
) -> None:
    given_ = points(samples)
    history = taken(given_)
    assert 0 < len(history) <= LONGEST
    assert history[-1].at - history[0].at <= SPAN
    assert all(0 < b.at - a.at <= HOLE + 0.001 for a, b in pairwise(history))
    assert history[-1].at == pytest.approx(max(point.at for point in given_), abs=0.001)


@given(SAMPLES)
def test_whatever_the_values_are_what_is_said_is_finite_and_of_one_mind(samples: list[tuple[float, float]]) -> None:
    history = taken(points(samples))
    found = shape(history)
    if found is None:
        assert len(history) < ENOUGH
        return
    assert isfinite(found.slope)
    assert 0 <= found.rising_seconds <= SPAN
    assert found.drain_seconds is None or 0 <= found.drain_seconds < float("inf")
    falls = found.drain_seconds is not None and history[-1].value > 0
    assert not (falls and found.rising_seconds)
    assert found.slope > 0 or found.rising_seconds == 0
    assert not falls or found.slope < 0


def test_samples_of_a_second_fill_the_whole_span_with_few_points() -> None:
    history = sampled(lambda t: t, SPAN, every=1.0)
    assert history[-1].at - history[0].at == SPAN
    assert len(history) < 100


@given(SAMPLES, SAMPLES)
def test_the_same_or_an_older_sample_adds_nothing(
    samples: list[tuple[float, float]], late: list[tuple[float, float]]
) -> None:
    history = taken(points(samples))
    for older in points(late):
        if older.at <= history[-1].at:
            assert recorded(history, older) is history


@given(SAMPLES, SAMPLES)
def test_a_past_goes_before_what_is_known_and_moves_none_of_it(
    samples: list[tuple[float, float]], earlier: list[tuple[float, float]]
) -> None:
    history, past = taken(points(samples)), [Point(p.at - 1_000.0, p.value) for p in points(earlier)]
    merged = begun(history, past)
    assert merged[-1] == history[-1]
    assert all(a.at < b.at for a, b in pairwise(merged))
    assert {p.at: p.value for p in merged}.items() <= {
        **{round(p.at, 3): p.value for p in past},
        **{p.at: p.value for p in history},
    }.items()
    assert len(merged) <= LONGEST


def test_a_past_reaches_as_far_back_as_it_has_no_hole() -> None:
    late = taken([Point(BEGAN + 3_000.0 + 60 * n, 1.0) for n in range(ENOUGH)])
    past = [Point(BEGAN + 60.0 * n, float(n)) for n in range(60)]
    assert begun(late, past)[0].at == BEGAN + 3_240.0 - SPAN
    assert begun(late, past[:40])[0].at == BEGAN + 3_000.0, "a hole is left"


def test_a_past_without_a_present_is_nothing_and_what_is_newer_than_the_present_is_not_taken() -> None:
    assert begun((), [Point(BEGAN, 1.0)]) == ()
    now = recorded((), Point(BEGAN, 1.0))
    assert begun(now, [Point(BEGAN + 1, 2.0), Point(BEGAN, 3.0)]) == now


def test_what_was_seen_of_a_moment_stands_whatever_is_learned_of_it_later() -> None:
    seen = sampled(lambda t: t, 600, every=60)
    assert begun(seen, [Point(point.at, -1.0) for point in seen]) == seen


def test_what_is_no_number_of_sensible_size_is_left_out_of_a_past() -> None:
    now = recorded((), Point(BEGAN, 1.0))
    bad = [Point(BEGAN - 60, float("nan")), Point(BEGAN - 60, 2e18), Point(float("-inf"), 1.0), Point(float("nan"), 1)]
    assert not any(map(sound, bad))
    assert begun(now, bad) == now


def test_a_hole_cuts_the_history_and_nothing_is_said_across_it() -> None:
    before = sampled(lambda t: t, 600, every=60)
    assert shape(before) is not None
    assert len(recorded(before, Point(BEGAN + 600 + HOLE, 0.0))) == len(before) + 1
    after = recorded(before, Point(BEGAN + 600 + HOLE + 1, 0.0))
    assert (len(after), shape(after)) == (1, None)


@given(VALUES)
def test_what_is_constant_neither_rises_nor_falls(value: float) -> None:
    found = shaped(lambda t: value, 600)
    assert (found.slope, found.rising_seconds) == (0.0, 0.0)
    assert found.drain_seconds == (0.0 if value <= 0 else None)


@given(st.floats(0.01, 1e6), st.floats(0.001, 1e3), st.sampled_from([15.0, 60.0, 100.0]))
def test_a_line_has_its_own_slope_and_rises_since_its_beginning(start: float, slope: float, every: float) -> None:
    found = shaped(lambda t: start + slope * t, 1_200, every)
    assert found.slope == pytest.approx(slope, rel=1e-6, abs=1e-6)
    rises = slope * (1_200 - every) > 0.02 * (start + slope * 1_200)
    if rises:
        assert found.rising_seconds == 1_200


@given(st.integers(0, 5), VALUES)
def test_one_outlier_moves_no_slope(where: int, outlier: float) -> None:
    line = [Point(BEGAN + 60 * n, 100.0 + 30.0 * n) for n in range(6)]
    line[where] = Point(line[where].at, outlier)
    found = shape(taken(line))
    assert found is not None
    assert found.slope == pytest.approx(0.5)


@pytest.mark.parametrize("where", range(3, 20))
@pytest.mark.parametrize("factor", [0.0, 10.0])
def test_one_odd_sample_does_not_end_a_rise(where: int, factor: float) -> None:
    def curve(t: float) -> float:
        return (100 + t) * (factor if t == where * 60 else 1.0)

    assert shaped(curve, 1_260).rising_seconds == 1_260


def test_rare_samples_take_longer_and_are_a_trend_too() -> None:
    assert shaped(lambda t: 100 + t, 2_610, every=290).rising_seconds == 2_610
    odd = shaped(lambda t: 100 + t if t < 2_610 else 100.0, 2_610, every=290)
    assert odd.slope == pytest.approx(1.0), "of more than the last two of them"


def test_wobbles_that_are_large_beside_what_it_rises_at_first_end_no_rise() -> None:
    steps = (0, 0, 60, 60)
    assert shaped(lambda t: 100 + 0.1 * t + steps[int(t // 60) % 4], 2_700).rising_seconds >= 2_580


def test_what_rises_after_a_standstill_has_been_rising_since_its_end() -> None:
    assert shaped(lambda t: 500.0 if t <= 540 else t - 40, 1_140).rising_seconds == pytest.approx(600, abs=60)


def test_a_dip_that_gives_back_little_ends_no_rise_and_one_that_gives_back_much_does() -> None:
    def dips(by: float) -> Curve:
        return lambda t: 100 + t - (by if 900 <= t < 1_080 else 0)

    assert shaped(dips(200), 1_500).rising_seconds == 1_500
    assert shaped(dips(500), 1_500).rising_seconds < 660


def test_what_falls_does_not_rise_however_little_it_has_given_back() -> None:
    found = shaped(lambda t: 2_000 - abs(1_800 - t), 2_040, every=15)
    assert found.rising_seconds == 0
    assert found.drain_seconds is not None


def test_a_change_of_less_than_a_hundredth_is_none() -> None:
    assert shaped(lambda t: 1_000 - 0.02 * t, 600).drain_seconds is None
    assert shaped(lambda t: 1_000 - 0.04 * t, 600).drain_seconds == pytest.approx(976 / 0.04)


@pytest.mark.parametrize("curve", [lambda t: 3_000 - t % 120, lambda t: 2_000 + 4 * (t % 600)])
def test_what_goes_up_and_down_does_not_drain(curve: Curve) -> None:
    history: History = ()
    drains = 0
    for n in range(400):
        history = recorded(history, Point(BEGAN + 15 * n, curve(15 * n)))
        found = shape(history)
        drains += found is not None and found.drain_seconds is not None
    assert drains <= 10


@pytest.mark.parametrize("every", [15.0, 30.0, 60.0])
@pytest.mark.parametrize("noise", ["normal", "even", "seldom", "few"])
def test_noise_is_no_trend(noise: str, every: float) -> None:
    random = Random(f"{noise} {every}")
    curves: dict[str, Curve] = {
        "normal": lambda t: random.gauss(200, 30),
        "even": lambda t: random.uniform(0, 100),
        "seldom": lambda t: random.expovariate(1 / 100),
        "few": lambda t: float(sum(random.random() < 0.01 for _ in range(100))),
    }
    history: History = ()
    found = list[Shape]()
    for n in range(600):
        history = recorded(history, Point(BEGAN + n * every, curves[noise](n)))
        found += filter(None, (shape(history),))
    assert max(one.rising_seconds for one in found) < 900
    assert sum(one.drain_seconds is not None and one.drain_seconds > 1_800 for one in found) <= len(found) / 200


@pytest.mark.parametrize("noise", [5, 20, 60])
def test_what_has_risen_and_stands_still_is_never_said_to_rise_by_less_than_nothing(noise: float) -> None:
    random, still, rose = Random(noise), 0, 0
    for _ in range(60):
        found = shaped(lambda t: 1_000 + min(t, 900) + random.gauss(0, noise), 900 + 15 * random.randrange(4, 40), 15.0)
        assert found.slope > 0 or found.rising_seconds == 0
        still, rose = still + (found.slope <= 0), rose + (found.rising_seconds > 0)
    assert still and rose, "both were seen"


@pytest.mark.parametrize("noise", [20, 40])
@pytest.mark.parametrize("every", [15.0, 60.0])
def test_a_rise_is_seen_through_noise_and_without_interruption(every: float, noise: float) -> None:
    random, rising = Random(1), list[float]()
    history: History = ()
    for n in range(int(2_700 / every)):
        history = recorded(history, Point(BEGAN + n * every, 1_000 + 0.5 * n * every + random.gauss(0, noise)))
        if n * every > 1_200:
            rising.append(n * every - getattr(shape(history), "rising_seconds", 0.0))
    assert max(rising) <= 150
