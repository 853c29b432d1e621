"""Named curves as facts, and when a trend is unknown (core.trend)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

import watchdog.core.trend as trend_module
from watchdog.core.curve import ENOUGH, HOLE
from watchdog.core.facts import Fact, Metric, Subject, Trend, Unknown
from watchdog.core.known import Gone, Known
from watchdog.core.observation import Coverage, Facts, Observation, Point, Scope
from watchdog.core.posture import Posture
from watchdog.core.trend import trend_of

from .worlds import START, at, failed, saw

QUERY, OTHER = Scope("promql", "backlog"), Scope("promql", "rates")
EPOCH = START.timestamp()
LATE = 90.0
"""Seconds by which a sample is older than the look that saw it, as with a monitoring service."""

Curve = Callable[[float], float]


def metric(value: float | Unknown, sampled_at: float = 0.0, series: str = "trade-signals", age: float = LATE) -> Metric:
    return Metric("undelivered_messages", series, value, sampled_at, age, "critical", "")


def looked(seconds: float, value: float | Unknown, series: str = "trade-signals") -> Observation:
    return saw(seconds, QUERY, metric(value, EPOCH + seconds - LATE, series))


def posture() -> Posture:
    promises = {scope: Coverage(frozenset({"metric"}), 120.0) for scope in (QUERY, OTHER)}
    return Posture.initial(at(0), promises)


def after(curve: Curve, seconds: float, every: float = 60.0, begun: Posture | None = None) -> Posture:
    now = begun or posture()
    first = now.at.mono
    for n in range(int(seconds / every) + 1):
        now = now.updated(at(first + n * every), [looked(first + n * every, curve(n * every))])
    return now


def told(now: Posture, series: str = "trade-signals") -> Trend:
    fact = now.facts[trend_of(metric(0.0, series=series).subject)].fact
    assert isinstance(fact, Trend)
    return fact


def known(value: float | Unknown) -> float:
    assert not isinstance(value, Unknown), value
    return value


RANDOM = Random(4)
NOISE = [RANDOM.gauss(0, 1) for _ in range(1_000)]
CURVES: dict[str, Curve] = {
    "ages rapidly": lambda t: max(0.0, t - 1_200),
    "grows steadily": lambda t: 50 + 0.2 * t,
    "grows in wobbles": lambda t: 500 + 0.5 * t + 15 * NOISE[int(t / 15)],
    "saw-tooth": lambda t: t % 420,
    "drains slowly": lambda t: 60_000 - 10 * t,
    "drains fast": lambda t: 60_000 - 30 * t,
    "flat": lambda t: 700.0,
    "bursty but healthy": lambda t: 5_000.0 if t % 900 < 90 else 40 + NOISE[int(t / 15)],
    "step": lambda t: 100.0 if t < 600 else 9_000.0,
    "step down": lambda t: 9_000.0 if t < 600 else 100.0,
    "noise": lambda t: 200 + 40 * NOISE[int(t / 15)],
}


@pytest.mark.parametrize("every", [15.0, 60.0])
def test_what_ages_rapidly_is_seen_before_it_is_five_minutes_old(every: float) -> None:
    found = told(after(CURVES["ages rapidly"], 1_470, every))
    assert known(found.value) < 300
    assert known(found.slope_per_second) > 0.9
    assert known(found.rising_seconds) >= 180


@pytest.mark.parametrize("every", [15.0, 60.0])
@pytest.mark.parametrize(
    ("name", "rising"),
    [
        *(("grows steadily", 1_800), ("grows in wobbles", 1_800), ("saw-tooth", 0), ("drains slowly", 0)),
        *(("flat", 0), ("bursty but healthy", 0), ("step", 0), ("step down", 0), ("noise", 0)),
    ],
)
def test_for_how_long_a_curve_has_been_rising(name: str, rising: float, every: float) -> None:
    """Within one look of it; and what is healthy never rises for long."""
    now, most = posture(), 0.0
    for n in range(int(1_800 / every) + 1):
        now = now.updated(at(n * every), [looked(n * every, CURVES[name](n * every))])
        found = told(now).rising_seconds
        most = max(most, 0.0 if isinstance(found, Unknown) else found)
    assert known(told(now).rising_seconds) == pytest.approx(rising, abs=every) or (rising == 0 and most < 600)
    assert most < 600 or rising


@pytest.mark.parametrize("every", [15.0, 60.0])
def test_a_drain_says_when_it_is_over(every: float) -> None:
    slowly, fast = (told(after(CURVES[name], 1_200, every)) for name in ("drains slowly", "drains fast"))
    assert slowly.draining is True and fast.draining is True
    assert known(slowly.drain_seconds) == pytest.approx(4_800)
    assert known(fast.drain_seconds) == pytest.approx(800)
    assert slowly.explanation == "falls by 10 a second, at zero in 80 min"


@pytest.mark.parametrize("name", ["flat", "bursty but healthy", "step", "noise", "grows steadily", "grows in wobbles"])
def test_what_does_not_fall_does_not_drain(name: str) -> None:
    found = told(after(CURVES[name], 1_740))
    assert (found.draining, found.drain_seconds) == (False, Unknown("NotDraining"))


def test_what_is_drained_is_at_zero_and_drains_no_more() -> None:
    found = told(after(lambda t: max(0.0, 6_000 - 10 * t), 1_200))
    assert (found.value, found.draining, found.drain_seconds, found.rising_seconds) == (0.0, False, 0.0, 0.0)
    assert found.explanation == "neither rises nor falls"


def test_a_rise_ends_with_a_real_fall_and_begins_anew_after_it() -> None:
    now = after(lambda t: 100 + t, 1_200)
    assert known(told(now).rising_seconds) == 1_200
    assert told(now).explanation == "rises by 1 a second, for 20 min"
    now = after(lambda t: 300 + t, 240, begun=now.updated(at(1_260), [looked(1_260, 290.0)]))
    assert known(told(now).rising_seconds) == pytest.approx(240, abs=60)


def test_a_rise_that_stands_still_is_over_once_most_of_the_window_does() -> None:
    assert known(told(after(lambda t: 100 + min(t, 900), 960)).rising_seconds) == 960
    still = told(after(lambda t: 100 + min(t, 900), 1_140))
    assert (still.slope_per_second, still.rising_seconds) == (0.0, 0.0)
    assert still.explanation == "neither rises nor falls"
    assert told(after(lambda t: 100 + min(t, 900), 1_260)).rising_seconds == 0.0


# What is unknown


def test_few_samples_are_no_trend() -> None:
    few = told(after(CURVES["grows steadily"], 60 * (ENOUGH - 2)))
    assert (known(few.value), few.criticality) == (50 + 0.2 * 180, "critical")
    why = Unknown("TooFewSamples", "it takes 5 samples without a hole")
    assert (few.slope_per_second, few.rising_seconds, few.draining, few.drain_seconds) == (why,) * 4
    assert known(told(after(CURVES["grows steadily"], 60 * (ENOUGH - 1))).slope_per_second) == pytest.approx(0.2)


def test_a_value_that_is_unknown_makes_its_trend_unknown_for_the_same_reason_and_a_short_hole_is_none() -> None:
    now = after(CURVES["grows steadily"], 600)
    why = Unknown("NoSeries", "the query has no series 'trade-signals'")
    out = now.updated(at(660), [looked(660, why)])
    fact = told(out)
    assert {fact.value, fact.slope_per_second, fact.rising_seconds, fact.draining, fact.drain_seconds} == {why}
    again = told(out.updated(at(720), [looked(720, 194.0)]))
    assert known(again.rising_seconds) == 720


def test_nothing_is_said_across_a_hole() -> None:
    now = after(CURVES["grows steadily"], 600).updated(at(660), [looked(660, Unknown("NoSeries"))])
    again = now.updated(at(600 + HOLE + 1), [looked(600 + HOLE + 1, 230.2)])
    assert told(again).rising_seconds == Unknown("TooFewSamples", "it takes 5 samples without a hole")


@pytest.mark.parametrize(
    ("value", "sampled", "reason"),
    [
        (float("nan"), EPOCH, "OutOfRange"),
        (float("inf"), EPOCH, "OutOfRange"),
        (-1e19, EPOCH, "OutOfRange"),
        (1.0, float("nan"), "OutOfRange"),
        (1.0, EPOCH + 1_000, "FutureSample"),
    ],
)
def test_what_cannot_be_is_unknown_and_no_part_of_a_history(value: float, sampled: float, reason: str) -> None:
    now = after(CURVES["grows steadily"], 600)
    odd = now.updated(at(660), [saw(660, QUERY, metric(value, sampled))])
    assert getattr(told(odd).slope_per_second, "reason", "") == reason
    assert told(odd.updated(at(720), [looked(720, 194.0)])).rising_seconds == 720.0


def test_a_trend_is_as_unseen_as_its_metric() -> None:
    now = after(CURVES["grows steadily"], 600)
    subject = trend_of(metric(0.0).subject)
    assert isinstance(now.known(subject), Known)
    assert now.facts[subject].scope == QUERY
    assert now.updated(at(660), [failed(660, QUERY, "Timeout")]).known(subject) == Unknown("Timeout", "by the test")
    stale = now.updated(at(800), [])
    assert getattr(stale.known(subject), "reason", "") == "Stale"


def test_a_metric_that_another_look_vouches_for_takes_its_trend_with_it() -> None:
    promises = {QUERY: Coverage(frozenset({"metric"}), 120.0), OTHER: Coverage(frozenset({"metric"}), 60.0)}
    now = Posture.initial(at(0), promises).updated(at(0), [looked(0, 1.0)])
    now = now.updated(at(1), [saw(1, OTHER, metric(1.0, EPOCH - LATE))])
    assert now.facts[trend_of(metric(0.0).subject)].scope == OTHER


def test_a_metric_that_is_gone_has_no_trend_and_begins_anew() -> None:
    now = after(CURVES["grows steadily"], 600)
    gone = now.updated(at(660), [saw(660, QUERY, gone=[metric(0.0)])])
    subject = trend_of(metric(0.0).subject)
    assert subject not in gone.facts
    assert [c.states for c in gone.changes if c.subject == subject] == [(Gone(at(660)),)]
    assert (len(gone.trends.histories), len(now.trends.histories)) == (0, 1)
    assert isinstance(told(gone.updated(at(720), [looked(720, 1.0)])).slope_per_second, Unknown)


def test_a_look_that_brings_no_new_sample_changes_no_trend() -> None:
    now = after(CURVES["grows steadily"], 600)
    same = now.updated(at(615), [saw(615, QUERY, metric(170.0, EPOCH + 600 - LATE, age=LATE + 15))])
    assert told(same) == told(now)
    assert not [change for change in same.changes if change.subject.kind == "trend"]
    assert same.trends.histories == now.trends.histories


def test_a_sample_without_a_time_is_of_the_look_that_saw_it() -> None:
    now = posture()
    for n in range(ENOUGH):
        now = now.updated(at(60 * n), [saw(60 * n, QUERY, metric(60.0 * n))])
    assert told(now).slope_per_second == pytest.approx(1.0)


# The past


def begun(now: Posture, seconds: float, value: float, past: Iterable[Point], series: str = "trade-signals") -> Posture:
    fact = metric(value, EPOCH + seconds - LATE, series)
    return now.updated(
        at(seconds), [Observation(QUERY, at(seconds), Facts((fact,), past=((fact.subject, tuple(past)),)))]
    )


def test_a_trend_begins_with_what_a_source_can_learn_of_its_past() -> None:
    past = [Point(EPOCH - LATE - 60.0 * n, 1_000.0 - 60 * n) for n in range(30, 0, -1)]
    found = told(begun(posture(), 0, 1_000.0, past))
    assert known(found.slope_per_second) == pytest.approx(1.0)
    assert known(found.rising_seconds) == pytest.approx(1_800)


def test_a_past_closes_the_hole_that_an_outage_left() -> None:
    now = after(CURVES["grows steadily"], 600)
    past = [Point(EPOCH - LATE + t, CURVES["grows steadily"](t)) for t in range(0, 1_800, 60)]
    assert told(begun(now, 1_800, 410.0, past)).rising_seconds == 1_800.0


def test_a_past_is_never_newer_than_what_is_known_and_changes_nothing_that_was_seen() -> None:
    now = after(CURVES["flat"], 600)
    past = [Point(EPOCH - LATE + t, 9_000.0) for t in range(0, 1_200, 60)]
    assert told(begun(now, 660, 700.0, past)).slope_per_second == 0.0


def test_a_past_of_what_has_no_present_is_nothing() -> None:
    stray = Facts(past=((Subject("metric", (("metric", "x"), ("series", ""))), (Point(EPOCH, 1.0),)),))
    now = posture().updated(at(0), [Observation(QUERY, at(0), stray)])
    assert len(now.trends.histories) == 0
    assert not [subject for subject in now.facts if subject.kind == "trend"]


# Bounds and determinism


def test_the_number_of_histories_is_bounded_and_one_that_ends_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trend_module, "SERIES", 3)
    now = posture()
    for n in range(ENOUGH):
        now = now.updated(at(60 * n), [looked(60 * n, float(n), f"s{k}") for k in range(4)])
    assert len(now.trends.histories) == 3
    assert getattr(told(now, "s3").slope_per_second, "reason", "") == "TooManySeries"
    assert isinstance(told(now, "s0").slope_per_second, float)
    freed = now.updated(at(300), [saw(300, QUERY, gone=[metric(0.0, series="s0")]), looked(300, 1.0, "s3")])
    assert getattr(told(freed, "s3").slope_per_second, "reason", "") == "TooFewSamples"


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1e6)), min_size=1, max_size=40), st.integers(1, 7))
def test_a_trend_is_the_same_however_its_looks_fall_into_turns(
    values: Sequence[tuple[str, float]], together: int
) -> None:
    looks = [looked(30.0 * n, value, series) for n, (series, value) in enumerate(values)]
    one = posture()
    for look in looks:
        one = one.updated(look.at, [look])
    several = posture()
    for first in range(0, len(looks), together):
        turn = looks[first : first + together]
        several = several.updated(turn[-1].at, turn)
    assert one.trends.histories == several.trends.histories
    assert trends(one) == trends(several)


def trends(now: Posture) -> dict[Subject, tuple[Fact, Scope | None]]:
    return {subject: (known.fact, known.scope) for subject, known in now.facts.items() if subject.kind == "trend"}


def test_a_turn_that_saw_no_metric_touches_no_trend() -> None:
    now = after(CURVES["flat"], 600)
    assert now.updated(at(601), [saw(601, OTHER)]).trends is now.trends
