"""Every flip is a fact (core.excursion)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import watchdog.core.excursion as module
from watchdog.core.excursion import excursion_of
from watchdog.core.facts import Excursion, Fact, Mode, SelfReport, Unknown, Workload
from watchdog.core.known import Gone, Known
from watchdog.core.notice import annotations_of
from watchdog.core.observation import Coverage, Facts, Observation, Scope
from watchdog.core.posture import Posture
from watchdog.core.ruleset import Globals

from .worlds import ABOVE_ZERO, KILL_SWITCH, SWITCHES, WORKLOADS, World, at, failed, saw, switch, workload

EVERYTHING = Scope("kubernetes", "everything")
AWAY = Unknown("Timeout")


def posture() -> Posture:
    kinds = frozenset({"kill_switch", "workload", "mode", "self_report"})
    return Posture.initial(at(0), {EVERYTHING: Coverage(kinds, 1e9)})


def after(*states: tuple[float, Fact], turn: float = 60) -> Posture:
    """All of it in one turn."""
    return posture().updated(at(turn), [saw(seconds, EVERYTHING, fact) for seconds, fact in states])


def excursion(now: Posture, of: Fact) -> Excursion | None:
    known = now.facts.get(excursion_of(of.subject))
    assert known is None or isinstance(known.fact, Excursion)
    return known.fact if known is not None else None  # type: ignore[return-value]


def mode(declared: str | Unknown, running: str, unsafe: bool | Unknown, variable: str = "AGENT_MODE") -> Mode:
    return Mode("floor", "StatefulSet", "gamma", "main", variable, declared, running, unsafe, True, True, False, 1)


def report(agent_mode: str | Unknown = "OBSERVE", unsafe: bool | Unknown = False, executes: bool = False) -> SelfReport:
    return SelfReport("gamma", "http://gamma", agent_mode, unsafe, True, executes, "", "")


def test_a_flip_within_one_turn_is_told_with_its_instants_its_length_and_its_peak() -> None:
    now = after((1, workload(0)), (2, workload(3)), (2.25, workload(1)), (2.5, workload(0)))
    assert excursion(now, workload()) == Excursion(
        of="workload",
        subject_name="floor/Deployment/execution-agent",
        over=True,
        began="2026-11-23T15:00:02.000Z",
        ended="2026-11-23T15:00:02.500Z",
        seconds=0.5,
        peak="desired 3",
        began_by="",
        ended_by="",
        count=1,
    )


def test_the_peak_is_the_highest_of_each_count() -> None:
    first = Workload("floor", "Deployment", "execution-agent", True, "", 2, 0, AWAY)
    second = Workload("floor", "Deployment", "execution-agent", True, "", 0, 1, 5)
    found = excursion(after((1, first), (2, second)), first)
    assert found is not None
    assert (found.over, found.ended, found.peak) == (False, "", "desired 2, reported 1, live 5")


def test_every_step_of_every_excursion_of_a_turn_is_a_change() -> None:
    now = after(*((n, workload(n % 2)) for n in range(5)))
    (change,) = [c for c in now.changes if c.subject.kind == "excursion"]
    told = [
        (s.fact.count, s.fact.over) for s in change.states if isinstance(s, Known) and isinstance(s.fact, Excursion)
    ]
    assert told == [(1, False), (1, True), (2, False), (2, True)]


def test_what_is_told_again_is_no_step() -> None:
    less = Workload("floor", "Deployment", "execution-agent", True, "", 0, 1, 0)
    now = after((1, workload(1)), (2, less))
    again = now.updated(at(61), [saw(61, EVERYTHING, switch(), workload(1))])
    assert not [c for c in again.changes if c.subject.kind == "excursion"]
    assert excursion(again, workload()) == excursion(now, workload())


def test_an_excursion_that_lasts_over_turns_began_when_it_was_first_seen() -> None:
    now = after((1, workload(1))).updated(at(70), [saw(70, EVERYTHING, workload(0))])
    found = excursion(now, workload())
    assert found is not None and (found.began, found.seconds) == ("2026-11-23T15:00:01.000Z", 69.0)


def test_not_to_know_in_between_ends_no_excursion() -> None:
    now = after((1, workload(1)), (2, workload(AWAY)), (3, workload(1)), (4, workload(0)))
    found = excursion(now, workload())
    assert found is not None and (found.count, found.seconds) == (1, 3.0)


def test_not_to_know_begins_no_excursion() -> None:
    assert excursion(after((1, workload(AWAY)), (2, switch(AWAY))), workload()) is None


def test_a_subject_that_is_gone_is_over_when_that_was_seen() -> None:
    observed = [saw(1, EVERYTHING, workload(1)), Observation(EVERYTHING, at(3), Facts((), (workload().subject,)))]
    found = excursion(posture().updated(at(60), observed), workload())
    assert found is not None and (found.over, found.seconds) == (True, 2.0)


def test_it_names_the_writes_that_began_and_ended_it() -> None:
    states = [(1, workload(1), "Deployment a/x at 7"), (2, workload(2), "Deployment a/x at 8")]
    seen = [Observation(EVERYTHING, at(s), Facts((fact,), origin=by)) for s, fact, by in states]
    gone = Observation(EVERYTHING, at(3), Facts((), (workload().subject,), origin="Deployment a/x at 9"))
    found = excursion(posture().updated(at(3), [*seen, gone]), workload())
    assert found is not None and (found.began_by, found.ended_by) == ("Deployment a/x at 7", "Deployment a/x at 9")


def test_a_look_that_began_before_an_event_makes_no_negative_duration() -> None:
    found = excursion(after((2, workload(1)), (1.9, workload(0))), workload())
    assert found is not None and found.seconds == 0.0


@pytest.mark.parametrize(
    ("safe", "unsafe", "peak"),
    [
        (switch(True), switch(False), ""),
        (mode("OBSERVE", "OBSERVE", False), mode("LIVE", "OBSERVE", True), "declared LIVE, running OBSERVE"),
        (mode("A", "A", False, "X_TOKEN"), mode("B", "B", True, "X_TOKEN"), "declared [redacted], running [redacted]"),
        (report(), report("LIVE", True), "agent_mode LIVE"),
        (report(), report(AWAY, AWAY, True), "agent_mode Timeout, safe_to_execute true"),
        (workload(1, execution=False), workload(1), "desired 1"),
    ],
)
def test_each_safety_fact_has_excursions_in_its_own_words(safe: Fact, unsafe: Fact, peak: str) -> None:
    assert excursion(after((1, safe)), safe) is None
    found = excursion(after((1, safe), (2, unsafe), (3, safe)), safe)
    assert found is not None and (found.over, found.seconds, found.peak) == (True, 1.0, peak)


def test_different_unsafe_states_of_one_excursion_are_named_in_order_and_bounded() -> None:
    modes = [mode("LIVE", f"M{n}", True) for n in range(9)]
    found = excursion(after(*enumerate(modes)), modes[0])
    assert found is not None
    assert found.peak.split("; ") == [f"declared LIVE, running M{n}" for n in range(4)]


def test_over_ones_are_forgotten_oldest_first_and_those_that_go_on_never(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 3)
    names = [f"w{n}" for n in range(8)]
    now = posture().updated(at(1), [saw(1, EVERYTHING, *(workload(1, name) for name in names))])
    for number, name in enumerate(names[:6], start=2):
        now = now.updated(at(number), [saw(number, EVERYTHING, workload(0, name))])
    kept = [name for name in names if excursion(now, workload(0, name))]
    assert kept == ["w3", "w4", "w5", "w6", "w7"]
    assert [c.states for c in now.changes if c.subject == excursion_of(workload(0, "w2").subject)] == [(Gone(at(7)),)]


def test_one_that_goes_on_again_is_not_forgotten_as_an_old_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 1)
    first = after((1, workload(1, "a")), (2, workload(0, "a")), (3, workload(1, "a")))
    now = first.updated(at(70), [saw(s, EVERYTHING, workload(n, name)) for s, n, name in ((61, 1, "b"), (62, 0, "b"))])
    found = excursion(now, workload(0, "a"))
    assert found is not None and (found.over, found.count) == (False, 2)


STATES = st.lists(st.sampled_from([0, 1, 2, AWAY, None]), max_size=30)


@given(STATES, st.integers(1, 7))
def test_turns_that_are_cut_otherwise_tell_the_same(states: list[int | Unknown | None], size: int) -> None:
    looks = [
        saw(n, EVERYTHING, *([] if count is None else [workload(count)]), gone=[workload()] if count is None else [])
        for n, count in enumerate(states)
    ]
    cut = posture()
    for first in range(0, len(looks), size):
        cut = cut.updated(at(first + size), looks[first : first + size])
    whole = posture().updated(at(99), looks)
    assert excursion(cut, workload()) == excursion(whole, workload())
    assert cut.totals == whole.totals


def test_a_turn_without_safety_facts_costs_excursions_nothing() -> None:
    now = after(*((n, workload(1, f"w{n}")) for n in range(500)))
    assert now.updated(at(61), [saw(61, EVERYTHING)]).excursions is now.excursions


def test_a_latched_alert_tells_how_long_it_was_how_far_it_went_and_how_often() -> None:
    world = World(ABOVE_ZERO, KILL_SWITCH)
    world.turn(0, saw(0, WORKLOADS, workload(0)), saw(0, SWITCHES, switch()))
    world.turn(1, saw(0.5, WORKLOADS, workload(1)), saw(0.6, WORKLOADS, workload(0)))
    (alert,) = world.assessment.alerts.values()
    told = annotations_of(alert, "")
    assert told["summary"].endswith("ExecutionAboveZero breach; lasted 0.10 s (peak desired 1)")
    world.turn(2, saw(1.5, WORKLOADS, workload(2)), saw(1.81, WORKLOADS, workload(0)))
    (alert,) = world.assessment.alerts.values()
    told = annotations_of(alert, "")
    assert told["summary"] == (
        "Over, latched until acknowledged: ExecutionAboveZero breach; "
        "lasted 0.31 s (peak desired 2), 2 times since the start of the watchdog"
    )
    assert told["excursion"] == (
        "number 2: began 2026-11-23T15:00:01.500Z, ended 2026-11-23T15:00:01.810Z, lasted 0.31 s"
    )


def test_an_alert_that_is_there_again_does_not_tell_of_the_time_before() -> None:
    world = World(ABOVE_ZERO)
    world.turn(1, saw(0.5, WORKLOADS, workload(1)), saw(0.6, WORKLOADS, workload(0)))
    world.turn(2, saw(2, WORKLOADS, workload(1)), failed(2, SWITCHES))
    (alert,) = world.assessment.alerts.values()
    assert "excursion" not in annotations_of(alert, "")
    assert annotations_of(alert, "")["summary"] == "ExecutionAboveZero breach"


def test_an_alert_that_is_over_while_its_subject_is_not_yet_safe_tells_of_no_excursion() -> None:
    def many(fact: Fact, globals_: Globals) -> bool | Unknown:
        return isinstance(fact, Workload) and fact.desired == 2

    world = World(replace(ABOVE_ZERO, breached=many))
    world.turn(1, saw(0.5, WORKLOADS, workload(2)), saw(0.6, WORKLOADS, workload(1)))
    (alert,) = world.assessment.alerts.values()
    assert (alert.latched, alert.excursion) == (True, None)
