"""What a turn costs with many subjects of which one changes: the shipped rules, no I/O."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from watchdog.core.assessment import Assessment, assess
from watchdog.core.facts import Workload
from watchdog.core.instant import Instant
from watchdog.core.observation import Coverage, Facts, Observation, Scope
from watchdog.core.posture import Posture
from watchdog.core.ruleset import RuleSet
from watchdog.rules.load import load, read

from ..core.worlds import at

SCOPE = Scope("kubernetes", "workloads")
TURNS = 500
RULES = Path(__file__).parent.parent.parent / "config" / "rules"


def measured(sizes: Sequence[int]) -> Iterator[tuple[int, float, float]]:
    """(subjects, microseconds of a turn p50, milliseconds of the first turn)."""
    rules = load(read(sorted(RULES.glob("*.yaml"))))
    for subjects in sizes:
        yield subjects, *_measured(rules, subjects)


def _measured(rules: RuleSet, subjects: int) -> tuple[float, float]:
    posture = Posture.initial(at(0), {SCOPE: Coverage(frozenset({"workload"}), 1e9)})
    assessment, first = _turn(Assessment.initial(posture), rules, at(0), [_workload(n, 0) for n in range(subjects)])
    taken = []
    for turn in range(TURNS):
        changed = [_workload(turn % 90, turn + 1)]
        assessment, seconds = _turn(assessment, rules, at(turn * 0.001), changed)
        taken.append(seconds)
    return statistics.median(taken) * 1e6, first * 1e3


def _turn(before: Assessment, rules: RuleSet, now: Instant, facts: Sequence[Workload]) -> tuple[Assessment, float]:
    began = time.perf_counter()
    posture = before.posture.updated(now, [Observation(SCOPE, now, Facts(seen=tuple(facts)))])
    after = assess(before, posture, rules)
    return after, time.perf_counter() - began


def _workload(number: int, desired: int) -> Workload:
    return Workload("floor", "Deployment", f"w{number}", False, "", desired, desired, desired)
