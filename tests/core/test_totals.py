"""What has happened since the start, counted (core.totals)."""

from __future__ import annotations

from dataclasses import replace

from watchdog.core.facts import Gap, UnseenWrite
from watchdog.core.totals import Totals

from .test_excursion import EVERYTHING, posture
from .worlds import at, saw, switch, workload

GAP = Gap("kubernetes", "watch pods", "2026-11-23T15:00:00.000Z", "2026-11-23T15:01:01.000Z", 61.5, "Expired", "")
WRITE = UnseenWrite("floor", "ConfigMap", "x", GAP.began, GAP.ended, "Rewritten", "its revision went on", "")


def test_excursions_are_counted_as_they_begin_by_kind_of_fact() -> None:
    flips = [saw(n, EVERYTHING, workload(n % 2), switch(n % 3 > 0)) for n in range(6)]
    assert posture().updated(at(9), flips).totals.excursions == {"workload": 3, "kill_switch": 2}


def test_the_same_excursion_is_counted_once_however_often_it_is_told() -> None:
    now = posture()
    for second in range(1, 5):
        now = now.updated(at(second), [saw(second, EVERYTHING, workload(second))])
    assert now.totals.excursions == {"workload": 1}


def test_gaps_and_unseen_writes_are_counted_once_also_after_they_are_gone() -> None:
    now = posture().updated(at(1), [saw(1, EVERYTHING, GAP, WRITE)])
    now = now.updated(at(2), [saw(2, EVERYTHING, GAP, replace(WRITE, learned="Pod x"))])
    now = now.updated(at(3), [saw(3, EVERYTHING, replace(GAP, ended="later", seconds=1.0), gone=[GAP, WRITE])])
    assert now.totals == Totals({}, {"kubernetes": 62.5}, 1)
