"""The rules of one turn (core.assessment): the fail-closed ladder, order, blindness, the full pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from hypothesis import given
from hypothesis import strategies as st

import watchdog.core.assessment as module
from watchdog.core.alert import Policy, Rise
from watchdog.core.assessment import FULL_PASS_SECONDS, Assessment, assess
from watchdog.core.facts import Fact, Market, Subject, Unknown, Watchdog
from watchdog.core.known import Known
from watchdog.core.observation import Coverage, Scope
from watchdog.core.posture import Posture
from watchdog.core.ruleset import Globals, Judgement, RuleSet
from watchdog.core.severity import Sev
from watchdog.core.table import BUCKETS, Table

from .worlds import (
    ABOVE_ZERO,
    KILL_SWITCH,
    SWITCHES,
    WORKLOADS,
    PlainRule,
    World,
    above_zero,
    at,
    failed,
    saw,
    switch,
    workload,
)


def test_zero_one_zero_between_two_turns_fires_and_is_latched() -> None:
    world = World(ABOVE_ZERO)
    world.turn(0, saw(0, WORKLOADS, workload(0)))
    world.turn(1, saw(0.5, WORKLOADS, workload(1)), saw(0.55, WORKLOADS, workload(0)))
    assert world.edges() == ["ExecutionAboveZero breach fired Sev-0", "ExecutionAboveZero breach latched Sev-0"]


def test_a_flip_counts_although_the_source_was_lost_right_after_it() -> None:
    world = World(ABOVE_ZERO)
    world.turn(0, saw(0, WORKLOADS, workload(0)))
    world.turn(1, saw(0.5, WORKLOADS, workload(1)), failed(0.6, WORKLOADS))
    assert world.edges() == ["ExecutionAboveZero breach fired Sev-0"]


def test_an_outage_of_a_source_leaves_its_subjects_alerts_as_they_are() -> None:
    world = World(ABOVE_ZERO, KILL_SWITCH)
    world.turn(0, saw(0, WORKLOADS, workload(1)), saw(0, SWITCHES, switch()))
    world.turn(1, failed(1, WORKLOADS), failed(1, SWITCHES))
    world.turn(600)
    assert world.states() == {"ExecutionAboveZero breach": "firing"}


def test_what_is_unknown_of_one_subject_is_unverifiable_after_its_for() -> None:
    world = World(KILL_SWITCH)
    world.turn(0, saw(0, SWITCHES, switch(Unknown("Forbidden"))))
    for second in range(4, 15, 4):
        world.turn(second, saw(second, SWITCHES))
    assert world.states() == {"KillSwitchNotHalted unverifiable": "pending"}
    world.turn(15, saw(15, SWITCHES))
    assert world.edges() == ["KillSwitchNotHalted unverifiable fired Sev-1"]
    world.turn(16, saw(16, SWITCHES, switch(True)))
    assert world.edges() == ["KillSwitchNotHalted unverifiable resolved Sev-1"], "unknown never latches"


def test_unverifiable_that_becomes_a_breach_is_a_new_page_and_the_old_one_ends_after_it() -> None:
    world = World(KILL_SWITCH)
    world.turn(0, saw(0, SWITCHES, switch(Unknown("Forbidden"))))
    world.turn(15, saw(15, SWITCHES))
    world.turn(16, saw(16, SWITCHES, switch(False)))
    assert world.edges() == [
        "KillSwitchNotHalted breach fired Sev-0",
        "KillSwitchNotHalted unverifiable resolved Sev-1",
    ]


def test_unverifiable_stays_until_a_breach_that_must_wait_has_fired() -> None:
    world = World(replace(KILL_SWITCH, breach=Policy(Sev.SEV0, for_seconds=10)))
    world.turn(0, saw(0, SWITCHES, switch(Unknown("Forbidden"))))
    world.turn(15, saw(15, SWITCHES))
    world.turn(16, saw(16, SWITCHES, switch(False)))
    assert world.states() == {"KillSwitchNotHalted breach": "pending", "KillSwitchNotHalted unverifiable": "firing"}
    world.turn(20, saw(20, SWITCHES))
    world.turn(26, saw(26, SWITCHES))
    assert world.edges() == [
        "KillSwitchNotHalted breach fired Sev-0",
        "KillSwitchNotHalted unverifiable resolved Sev-1",
    ]


def test_a_pending_breach_neither_fires_nor_ends_while_unseen_and_goes_on_when_sight_returns() -> None:
    world = World(replace(ABOVE_ZERO, breach=Policy(Sev.SEV1, for_seconds=10)))
    world.turn(0, saw(0, WORKLOADS, workload(1)))
    world.turn(1, failed(1, WORKLOADS))
    for second in range(2, 30):
        world.turn(second)
    assert world.states() == {"ExecutionAboveZero breach": "pending"}
    world.turn(30, saw(30, WORKLOADS, workload(1)))
    world.turn(31, saw(31, WORKLOADS))
    assert world.states() == {"ExecutionAboveZero breach": "firing"}


def test_a_deleted_subject_ends_its_breach_and_the_latch_holds() -> None:
    world = World(ABOVE_ZERO)
    world.turn(0, saw(0, WORKLOADS, workload(1)))
    world.turn(1, saw(1, WORKLOADS, gone=[workload()]))
    assert world.states() == {"ExecutionAboveZero breach": "latched"}


def test_a_rule_that_raises_is_unknown_for_that_rule_alone() -> None:
    def broken(fact: Fact, globals_: Globals) -> bool | Unknown:
        raise ZeroDivisionError("planted")

    world = World(PlainRule("Broken", "workload", broken), ABOVE_ZERO)
    world.turn(0, saw(0, WORKLOADS, workload(1)))
    assert world.states() == {"Broken unverifiable": "pending", "ExecutionAboveZero breach": "firing"}
    judgement = world.assessment.judgements[workload().subject][0]
    assert judgement.verdict == Unknown("RuleFailed", "rule Broken raised ZeroDivisionError: planted")


def test_a_rise_is_a_second_page_of_the_same_alert() -> None:
    rule = replace(
        ABOVE_ZERO,
        breach=Policy(Sev.SEV2, rises=(Rise(Sev.SEV0, 0.0),)),
        rises=lambda fact: (getattr(fact, "desired", 0) > 1,),
    )
    world = World(rule)
    world.turn(0, saw(0, WORKLOADS, workload(1)))
    world.turn(1, saw(1, WORKLOADS, workload(2)))
    assert world.edges() == ["ExecutionAboveZero breach rose Sev-0"]


MARKET = Scope("market", "")


def market_world(rule: PlainRule) -> World:
    coverage = {
        WORKLOADS: Coverage(frozenset({"workload"}), 1e9),
        MARKET: Coverage(frozenset({"market"}), 1e9),
    }
    return World(rule, coverage=coverage)


IN_HOURS = replace(ABOVE_ZERO, breach=Policy(Sev.SEV1, for_seconds=30), reads=frozenset({"market"}), market_hours=True)


def test_outside_market_hours_an_in_hours_rule_does_not_begin_and_begins_afresh_at_the_bell() -> None:
    world = market_world(IN_HOURS)
    world.turn(0, saw(0, MARKET, Market("NYSE", False, "", False, 3650)), saw(0, WORKLOADS, workload(1)))
    world.turn(100)
    assert world.states() == {}
    world.turn(200, saw(200, MARKET, Market("NYSE", True, "", True, 3650)))
    assert world.states() == {"ExecutionAboveZero breach": "pending"}
    world.turn(229)
    assert world.states() == {"ExecutionAboveZero breach": "pending"}
    world.turn(230)
    assert world.states() == {"ExecutionAboveZero breach": "firing"}


def test_in_the_grace_after_the_bell_an_in_hours_rule_does_not_begin_and_counts_from_its_end() -> None:
    world = market_world(IN_HOURS)
    world.turn(0, saw(0, MARKET, Market("NYSE", True, "", False, 3650)), saw(0, WORKLOADS, workload(1)))
    world.turn(100)
    assert world.states() == {}
    world.turn(101, saw(101, MARKET, Market("NYSE", True, "", True, 3650)))
    world.turn(130)
    assert world.states() == {"ExecutionAboveZero breach": "pending"}
    world.turn(131)
    assert world.states() == {"ExecutionAboveZero breach": "firing"}


def test_an_unknown_market_counts_as_open() -> None:
    world = market_world(IN_HOURS)
    world.turn(0, saw(0, WORKLOADS, workload(1)))
    world.turn(30)
    assert world.states() == {"ExecutionAboveZero breach": "firing"}


def test_an_open_alert_goes_on_after_the_closing_bell_until_a_clear_look() -> None:
    world = market_world(IN_HOURS)
    world.turn(0, saw(0, MARKET, Market("NYSE", True, "", True, 3650)), saw(0, WORKLOADS, workload(1)))
    world.turn(30)
    world.turn(40, saw(40, MARKET, Market("NYSE", False, "", False, 3650)))
    assert world.states() == {"ExecutionAboveZero breach": "firing"}
    world.turn(41, saw(41, WORKLOADS, workload(0)))
    assert world.edges() == ["ExecutionAboveZero breach resolved Sev-1"] or world.states() == {
        "ExecutionAboveZero breach": "latched"
    }


def test_a_rule_that_reads_a_global_is_judged_again_when_the_global_changes() -> None:
    def breached(fact: Fact, globals_: Globals) -> bool | Unknown:
        market = globals_["market"]
        assert isinstance(market, Market)
        return market.open

    world = market_world(PlainRule("WhenOpen", "workload", breached, reads=frozenset({"market"})))
    world.turn(0, saw(0, MARKET, Market("NYSE", False, "", False, 3650)), saw(0, WORKLOADS, workload()))
    assert world.states() == {}
    world.turn(1, saw(1, MARKET, Market("NYSE", True, "", True, 3650)))
    assert world.edges() == ["WhenOpen breach fired Sev-0"]


def test_the_full_pass_finds_within_a_minute_what_the_turns_had_missed() -> None:
    world = World(ABOVE_ZERO, coverage={WORKLOADS: Coverage(frozenset({"workload"}), 1e9)})
    world.turn(0, saw(0, WORKLOADS, workload(1)))
    lost = Table[object, object]().with_({workload().subject: (Judgement(False),)})
    world.assessment = replace(world.assessment, judgements=lost, alerts=Table())  # type: ignore[arg-type]
    second = 0.0
    while second < FULL_PASS_SECONDS + 1 and not world.assessment.alerts:
        second += 1
        world.turn(second)
    assert world.states() == {"ExecutionAboveZero breach": "firing"}
    fact = world.assessment.posture.globally("watchdog")
    assert isinstance(fact, Watchdog)
    assert fact.disagreements == 1


class Noting(Table[Subject, Known]):
    """Notes which shares of the full pass are taken."""

    taken: ClassVar[list[int]] = []

    def bucket(self, number: int) -> Mapping[Subject, Known]:
        self.taken.append(number)
        return {}


def shares(start: float, *steps: float) -> tuple[list[int], Assessment]:
    """Those that are taken by turns at these intervals."""
    Noting.taken.clear()
    level, now = Assessment.initial(Posture(at(start), {})), start
    for step in steps:
        now += step
        level = assess(level, Posture(at(now), {}, facts=Noting()), RuleSet.of(()))
    return Noting.taken, level


@given(st.floats(0, 1e7), st.lists(st.floats(0.001, 20), min_size=1, max_size=60))
def test_the_full_pass_takes_every_share_in_turn_and_none_twice(start: float, steps: list[float]) -> None:
    taken, level = shares(start, *steps)
    expected = range(int(start // module.SHARE_SECONDS), int(level.at.mono // module.SHARE_SECONDS))
    assert taken == [number % BUCKETS for number in expected]


def test_after_a_pause_of_hours_the_full_pass_is_done_once() -> None:
    taken, level = shares(7.0, 36_000.0)
    assert sorted(taken) == list(range(BUCKETS))
    assert level.next_deadline() > level.at.mono


def test_the_full_pass_agrees_with_the_turns_and_changes_nothing() -> None:
    world = World(ABOVE_ZERO, KILL_SWITCH)
    world.turn(0, *(saw(0, WORKLOADS, workload(n % 2, f"w{n}")) for n in range(50)), saw(0, SWITCHES, switch()))
    before = dict(world.assessment.alerts)
    for second in range(1, 130):
        world.turn(second, saw(second, WORKLOADS), saw(second, SWITCHES))
        assert world.edges() == []
    assert dict(world.assessment.alerts) == before
    assert world.assessment.posture.globally("watchdog") == Watchdog(0, 0, "")


def test_one_incident_a_group_joins_escalates_and_resolves() -> None:
    sev2 = replace(KILL_SWITCH, breach=Policy(Sev.SEV2))
    world = World(sev2, replace(ABOVE_ZERO, breach=Policy(Sev.SEV0)))
    world.turn(0, saw(0, SWITCHES, switch(False)), saw(0, WORKLOADS, workload(0)))
    first = world.assessment.incidents["execution"]
    assert (first.sev, first.open, len(first.members)) == (Sev.SEV2, True, 1)
    world.turn(1, saw(1, WORKLOADS, workload(1)))
    joined = world.assessment.incidents["execution"]
    assert (joined.id, joined.sev, len(joined.members)) == (first.id, Sev.SEV0, 2)
    world.turn(2, saw(2, SWITCHES, switch(True)))
    assert world.assessment.incidents["execution"].open
    world.turn(3, saw(3, WORKLOADS, workload(0)))
    last = world.assessment.incidents["execution"]
    assert (last.id, last.open, last.sev) == (first.id, False, Sev.SEV0)
    assert (len(last.members), last.ended, [str(identity.subject) for identity in last.over]) == (
        0,
        2,
        ["kill_switch EXECUTION_HALTED/config_map/floor/kill-switch", "workload floor/Deployment/execution-agent"],
    )
    world.turn(4, saw(4, WORKLOADS, workload(1)))
    assert world.assessment.incidents["execution"].id != first.id


def test_an_incident_behind_a_latch_keeps_what_is_open_and_a_few_of_what_is_over() -> None:
    passing = replace(KILL_SWITCH, breach=Policy(Sev.SEV2))
    world = World(ABOVE_ZERO, passing)
    world.turn(0, saw(0, WORKLOADS, workload(1)))
    world.turn(1, saw(1, WORKLOADS, workload(0)))
    for number in range(2, 102):
        flips = [saw(number, SWITCHES, switch(halted, f"floor/{number}")) for halted in (False, True)]
        world.turn(number, *flips)
    incident = world.assessment.incidents["execution"]
    assert [identity.rule for identity in incident.members] == ["ExecutionAboveZero"]
    assert (incident.open, incident.ended, len(incident.over)) == (True, 100, 20)
    assert incident.over[-1].subject == switch(True, "floor/101").subject


def test_alerts_carry_the_id_of_their_incident() -> None:
    world = World(ABOVE_ZERO)
    world.turn(0, saw(0, WORKLOADS, workload(1)))
    assert [alert.incident for alert in world.assessment.alerts.values()] == ["20261123T150000Z-execution"]


def test_sev0_is_never_shed_and_what_is_shed_is_a_finding() -> None:
    low = replace(ABOVE_ZERO, name="Low", breach=Policy(Sev.SEV2))
    world, bound = World(ABOVE_ZERO, low), module.BOUND
    try:
        module.BOUND = 3
        world.turn(0, saw(0, WORKLOADS, *(workload(1, f"w{n}") for n in range(10))))
    finally:
        module.BOUND = bound
    fired = [identity.rule for identity in world.assessment.alerts]
    assert fired.count("ExecutionAboveZero") == 10
    fact = world.assessment.posture.globally("watchdog")
    assert isinstance(fact, Watchdog)
    assert fact.alerts_beyond_bound == 10 - fired.count("Low") > 0


def test_keep_firing_for_goes_on_after_a_blind_time_and_ends() -> None:
    world = World(replace(ABOVE_ZERO, breach=Policy(Sev.SEV2, keep_firing_for=15)))
    world.turn(0, saw(0, WORKLOADS, workload(1)))
    world.turn(1, saw(1, WORKLOADS, workload(0)))
    world.turn(5, failed(5, WORKLOADS))
    world.turn(16)
    assert world.states() == {"ExecutionAboveZero breach": "firing"}
    world.turn(30, saw(30, WORKLOADS, workload(0)))
    world.turn(31, saw(31, WORKLOADS))
    assert world.states() == {}


def test_alerts_that_wait_cost_a_blind_turn_nothing() -> None:
    judged = 0

    def counting(fact: Fact, globals_: Globals) -> bool | Unknown:
        nonlocal judged
        judged += 1
        return above_zero(fact, globals_)

    rule = PlainRule("Slow", "workload", counting, breach=Policy(Sev.SEV1, for_seconds=600))
    world = World(rule, coverage={WORKLOADS: Coverage(frozenset({"workload"}), 1e9)})
    world.turn(0, saw(0, WORKLOADS, *(workload(1, f"w{n}") for n in range(200))))
    world.turn(1, failed(1, WORKLOADS))
    before = judged
    for second in range(2, 32):
        world.turn(second)
    assert judged - before <= 200, "no more than the full pass, which is not done in half a minute"
    world.turn(700, saw(700, WORKLOADS))
    assert set(world.states().values()) == {"firing"}


def test_judging_again_what_is_kept_is_not_beyond_the_bound() -> None:
    bound = module.BOUND
    try:
        module.BOUND = 10
        world = World(replace(ABOVE_ZERO, breach=Policy(Sev.SEV2)))
        world.turn(0, saw(0, WORKLOADS, *(workload(1, f"w{n}") for n in range(8))))
        world.turn(1, saw(1, WORKLOADS, *(workload(2, f"w{n}") for n in range(10))))
    finally:
        module.BOUND = bound
    assert len(world.assessment.alerts) == 10
    assert world.assessment.posture.globally("watchdog") == Watchdog(0, 0, "")
