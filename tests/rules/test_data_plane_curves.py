"""Which findings the course of a metric brings with the rules that we ship: the right ones, and none on healthy curves
(domain.md §7). Samples are a minute apart and two minutes late, as a monitoring service's are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from watchdog.core.alert import Cause
from watchdog.core.assessment import Assessment, assess
from watchdog.core.facts import Market, Metric
from watchdog.core.instant import Instant
from watchdog.core.observation import Coverage, Facts, Observation, Scope
from watchdog.core.posture import Posture
from watchdog.rules.load import load, read

RULES = load(read([Path(__file__).parents[2] / "config" / "rules" / "data_plane.yaml"]))
BEGAN = Instant(datetime(2026, 1, 7, 15, 0, tzinfo=UTC), 0.0)
QUERY, CALENDAR = Scope("promql", "backlog"), Scope("market_hours", "")
COVERAGE = {QUERY: Coverage(frozenset({"metric"}), 120.0), CALENDAR: Coverage(frozenset({"market"}), 1e9)}
AGE, BACKLOG = "oldest_unacked_seconds", "undelivered_messages"
LATE = 120.0
Curve = Callable[[float], float]
Found = dict[str, tuple[float, int]]
RANDOM = Random(8)
NOISE = [RANDOM.gauss(0, 1) for _ in range(100)]


def found(metric: str, curve: Curve, seconds: float = 3_600, trading: bool = True) -> Found:
    """Each rule that fired: after how many seconds first, and the worst that it was worth."""
    market = Market("NYSE", trading, "", trading, 100)
    level = Assessment.initial(Posture.initial(BEGAN, COVERAGE))
    opened: Found = {}
    for second in range(0, int(seconds) + 1, 30):
        now, taken = BEGAN.plus(second), (second - LATE) // 60 * 60
        sample = Metric(metric, "s", curve(taken), BEGAN.wall.timestamp() + taken, second - taken, "critical", "")
        looks = [Observation(QUERY, now, Facts((sample,))), Observation(CALENDAR, now, Facts((market,)))]
        level = assess(level, level.posture.updated(now, looks), RULES)
        for edge in level.edges:
            if edge.alert.identity.cause is Cause.BREACH and edge.kind != "resolved":
                first, _ = opened.get(edge.alert.identity.rule, (float(second), 0))
                opened[edge.alert.identity.rule] = (first, int(edge.alert.sev))
    return opened


def test_what_ages_rapidly_is_critical_minutes_before_it_is_critically_old() -> None:
    def stalled(t: float) -> float:
        return 2 + max(0.0, t - 900)

    worth = found(AGE, stalled)
    assert {rule: sev for rule, (_, sev) in worth.items()} == {"OldestUnackedMessage": 1, "OldestUnackedAgesRapidly": 1}
    rapidly, _ = worth["OldestUnackedAgesRapidly"]
    assert 900 + 240 <= rapidly - LATE <= 900 + 600, "it is critically old 900 s after it began to age"
    assert {sev for _, sev in found(AGE, stalled, trading=False).values()} == {2}


def test_a_backlog_that_grows_is_a_warning_after_15_minutes_and_critical_after_30() -> None:
    def grows(t: float) -> float:
        return 40 + max(0.0, 5 * (t - 600)) + 3 * NOISE[int(t // 60) % 100]

    first, sev = found(BACKLOG, grows, 600 + LATE + 1_500)["BacklogRising"]
    assert first == pytest.approx(600 + 900 + LATE, abs=120)
    assert sev == 2
    assert found(BACKLOG, grows, 600 + LATE + 1_980)["BacklogRising"][1] == 1
    assert found(BACKLOG, grows, trading=False)["BacklogRising"][1] == 2


@pytest.mark.parametrize(("per_second", "expected"), [(10, {"BacklogDrainsSlowly"}), (60, set())])
def test_a_backlog_that_drains_slowly_is_told_from_one_that_drains_fast(per_second: int, expected: set[str]) -> None:
    assert found(BACKLOG, lambda t: max(0.0, 60_000 - per_second * t)).keys() == expected


HEALTHY: dict[str, tuple[str, Curve]] = {
    "flat": (BACKLOG, lambda t: 5_000),
    "bursty but healthy": (BACKLOG, lambda t: 20_000 if t % 1_200 < 180 else 30 + NOISE[int(t // 60) % 100]),
    "saw-tooth": (BACKLOG, lambda t: 4 * (t % 600)),
    "step": (BACKLOG, lambda t: 100 if t < 1_200 else 9_000),
    "step down": (BACKLOG, lambda t: 9_000 if t < 1_200 else 100),
    "noise": (BACKLOG, lambda t: 3_000 + 300 * NOISE[int(t // 60) % 100]),
    "a quiet evening": (BACKLOG, lambda t: 400 - t / 20),
    "acked every two minutes": (AGE, lambda t: t % 120),
    "young": (AGE, lambda t: 20 + 8 * NOISE[int(t // 60) % 100]),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_what_is_healthy_is_no_finding(name: str) -> None:
    assert found(*HEALTHY[name]) == {}
