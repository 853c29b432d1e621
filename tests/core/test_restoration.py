"""What earlier lives and other replicas remember is taken over (core.restoration, core.assessment)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from watchdog.core import assessment
from watchdog.core.alert import (
    Acknowledgement,
    Alert,
    Cause,
    Description,
    EdgeKind,
    Identity,
    Policy,
    Rise,
    Seen,
    State,
)
from watchdog.core.assessment import Assessment, assess
from watchdog.core.facts import OperatorEntry, Subject
from watchdog.core.instant import Instant, rfc3339
from watchdog.core.known import Sight
from watchdog.core.notice import fingerprint, labels_of
from watchdog.core.observation import Coverage, Observation, Scope
from watchdog.core.report import Accepted, Recalled, Report
from watchdog.core.restoration import ENDED, RECEIVERS_WITHIN, looked_for, merged, together, unusable
from watchdog.core.ruleset import RuleSet
from watchdog.core.severity import Sev

from .worlds import ABOVE_ZERO, KILL_SWITCH, SWITCHES, WORKLOADS, World, at, failed, saw, switch, workload

IDENTITY = Identity("ExecutionAboveZero", workload().subject, Cause.BREACH)
OTHER = Identity("ExecutionAboveZero", workload(name="other").subject, Cause.BREACH)
SLOW = replace(ABOVE_ZERO, breach=Policy(Sev.SEV1, for_seconds=60))
UNLATCHED = replace(ABOVE_ZERO, breach=Policy(Sev.SEV1))
WAS = Description(dict(workload().subject.labels), {"summary": "as it was"})


def was(state: State = State.FIRING, since: float = -100, identity: Identity = IDENTITY, sev: Sev = Sev.SEV0) -> Alert:
    fired = None if state is State.PENDING else at(since)
    cleared = at(since + 5) if state is State.LATCHED else None
    return Alert(
        identity, "execution", state, sev, Seen.UNSEEN, at(since), fired, cleared, (), WAS, WAS,
        incident="20261123T1458Z-execution", told_at=fired,
    )  # fmt: skip


def recalled(alert: Alert, as_of: float = -10, origin: str = "memory", *, ended: bool = False) -> Recalled:
    return Recalled(alert, origin, at(as_of), ended)


class Life(World):
    """With reports; remembers every edge."""

    def __init__(self, *rules: object, coverage: dict[Scope, Coverage] | None = None) -> None:
        super().__init__(*rules, coverage=coverage)  # type: ignore[arg-type]
        self.told: list[str] = []

    def turn(self, seconds: float, *news: Observation | Report) -> Assessment:
        looks = [one for one in news if isinstance(one, Observation)]
        reports = [one for one in news if not isinstance(one, Observation)]
        posture = self.assessment.posture.updated(at(seconds), looks)
        self.assessment = assess(self.assessment, posture, self.rules, reports)
        self.told += [str(e.kind) for e in self.assessment.edges if e.kind is not EdgeKind.UNHEARD]
        return self.assessment

    def alert(self, identity: Identity = IDENTITY) -> Alert:
        return self.assessment.alerts[identity]


# what it is taken over as


def test_what_is_recalled_is_told_again_and_is_unseen_until_somebody_looks() -> None:
    life = Life(ABOVE_ZERO)
    life.turn(0, recalled(was()))
    assert life.told == ["restored"] and life.alert().seen is Seen.UNSEEN
    life.turn(1, saw(1, WORKLOADS, workload(1)))
    assert life.told == ["restored"] and (life.alert().seen, life.alert().fired_at) == (Seen.PRESENT, at(-100))


def test_it_goes_on_in_the_incident_that_it_was_part_of() -> None:
    life = Life(ABOVE_ZERO)
    life.turn(0, recalled(was()))
    assert life.alert().incident == "20261123T1458Z-execution" == life.assessment.incidents["execution"].id


def test_for_does_not_start_over() -> None:
    life = Life(SLOW)
    life.turn(0, recalled(was(State.PENDING, since=-50)))
    assert life.told == []
    life.turn(1, saw(1, WORKLOADS, workload(1)))
    life.turn(9, saw(9, WORKLOADS))
    assert life.states() == {"ExecutionAboveZero breach": "pending"}
    life.turn(10, saw(10, WORKLOADS))
    assert life.told == ["fired"] and life.alert().active_since == at(-50)


def test_nor_does_that_of_a_rise() -> None:
    rising = replace(
        ABOVE_ZERO, breach=Policy(Sev.SEV2, rises=(Rise(Sev.SEV0, 60.0),)), rises=lambda fact: (True,)
    )  # fmt: skip
    life = Life(rising)
    life.turn(0, recalled(replace(was(sev=Sev.SEV2), rising_since=(at(-59),))), saw(0, WORKLOADS, workload(1)))
    life.turn(1, saw(1, WORKLOADS))
    assert life.told == ["restored", "rose"]


def test_pending_that_is_over_is_over_without_a_word() -> None:
    life = Life(SLOW)
    life.turn(0, recalled(was(State.PENDING)))
    life.turn(1, saw(1, WORKLOADS, workload(0)))
    assert life.told == [] and life.states() == {}


def test_a_latch_holds_and_is_told_again() -> None:
    life = Life(ABOVE_ZERO)
    life.turn(0, recalled(was(State.LATCHED)))
    life.turn(1, saw(1, WORKLOADS, workload(0)))
    assert life.told == ["restored"] and life.states() == {"ExecutionAboveZero breach": "latched"}


def test_what_was_over_meanwhile_latches_where_its_rule_does_and_ends_where_it_does_not() -> None:
    for rule, expected in ((ABOVE_ZERO, ["restored", "latched"]), (UNLATCHED, ["restored", "resolved"])):
        life = Life(rule)
        life.turn(0, recalled(was(sev=Sev.SEV1)))
        life.turn(1, saw(1, WORKLOADS, workload(0)))
        assert life.told == expected


def test_what_went_and_came_in_the_first_look_is_judged_in_its_order() -> None:
    life = Life(ABOVE_ZERO)
    life.turn(0, recalled(was(State.LATCHED)), saw(0, WORKLOADS, workload(1)), saw(0, WORKLOADS, workload(0)))
    assert life.told == ["restored", "refired", "latched"]
    life = Life(ABOVE_ZERO)
    life.turn(0, recalled(was()), saw(0, WORKLOADS, workload(1)), saw(0, WORKLOADS, workload(0)))
    assert life.told == ["restored", "latched"], "it had never gone"


def test_while_nobody_can_look_it_stays_as_it_was() -> None:
    life = Life(ABOVE_ZERO)
    life.turn(0, recalled(was()), failed(0, WORKLOADS))
    life.turn(3600, failed(3600, WORKLOADS))
    assert life.states() == {"ExecutionAboveZero breach": "firing"}


def test_a_rule_that_there_is_no_more_has_no_alerts() -> None:
    for rule in (KILL_SWITCH, replace(ABOVE_ZERO, each="pause")):
        life = Life(rule)
        life.turn(0, recalled(was()))
        assert life.states() == {} and unusable(recalled(was()), life.rules)
    assert unusable(recalled(was()), RuleSet.of([ABOVE_ZERO])) == ""


def test_rises_are_those_of_the_rule_as_it_is_now() -> None:
    life = Life(ABOVE_ZERO)
    life.turn(0, recalled(replace(was(), rising_since=(at(-5), None))), saw(0, WORKLOADS, workload(1)))
    assert life.alert().rising_since == ()


def test_its_incident_began_when_it_fired_and_knows_who_had_acknowledged_it() -> None:
    life = Life(ABOVE_ZERO)
    life.turn(0, recalled(replace(was(), acknowledged=SAID)), recalled(replace(was(identity=OTHER), acknowledged=SAID)))
    incident = life.assessment.incidents["execution"]
    assert incident.opened_at == at(-100) and {said for _, said in incident.acknowledgements} == {SAID}
    assert {identity for identity, _ in incident.acknowledgements} == {IDENTITY, OTHER}


# acknowledgements


def entry(alert: Alert, through: float) -> OperatorEntry:
    said = rfc3339(at(through).wall)
    return OperatorEntry("e", "ack", "", "ann", "a test", said, fingerprint(labels_of(alert, {})), said)


OPERATORS = Scope("operator", "")
SPOKEN_TO = {
    WORKLOADS: Coverage(frozenset({"workload"}), 5.0),
    OPERATORS: Coverage(frozenset({"operator_entry"}), 5.0),
}
SAID = Acknowledgement("e", "ann", "a test", at(-50).wall, at(-50).wall)


def test_an_acknowledgement_holds_and_what_it_covers_does_not_latch() -> None:
    life = Life(ABOVE_ZERO)
    life.turn(0, recalled(replace(was(), acknowledged=SAID)), saw(0, WORKLOADS, workload(1)))
    assert life.alert().acknowledged == SAID
    life.turn(1, saw(1, WORKLOADS, workload(0)))
    assert life.told == ["restored", "resolved"]


def test_what_somebody_has_acknowledged_meanwhile_ends_once_he_is_heard() -> None:
    life = Life(ABOVE_ZERO, coverage=SPOKEN_TO)
    life.turn(0, recalled(was(State.LATCHED)), saw(0, WORKLOADS, workload(0)))
    life.turn(1, saw(1, OPERATORS, entry(was(), -50)))
    assert life.told == ["restored", "acknowledged", "resolved"]
    life.turn(2, recalled(was(State.LATCHED), as_of=-1, origin="alertmanager"))
    assert life.told == ["restored", "acknowledged", "resolved"], "what is older does not bring it back"


def test_an_acknowledgement_of_before_covers_no_page_of_after() -> None:
    life = Life(ABOVE_ZERO, coverage=SPOKEN_TO)
    life.turn(0, recalled(replace(was(), told_at=at(-20))), saw(0, OPERATORS, entry(was(), -50)))
    assert life.alert().acknowledged is None


# several memories


def test_of_several_memories_the_newest_counts_and_it_began_when_the_first_saw_it() -> None:
    life = Life(ABOVE_ZERO)
    life.turn(0, recalled(was(State.LATCHED, since=-90), as_of=-5), recalled(was(since=-100), as_of=-50))
    assert life.told == ["restored"]
    assert (life.alert().state, life.alert().active_since) == (State.LATCHED, at(-100))


def test_an_end_that_is_newer_than_what_is_open_wins_and_is_told() -> None:
    for first, second in ((-50, -20), (-20, -50)):
        life = Life(ABOVE_ZERO)
        both = [recalled(was(), as_of=-50), recalled(was(), as_of=-20, origin="ledger", ended=True)]
        life.turn(0, *(both if first < second else reversed(both)))
        assert life.states() == {} and life.told == ["resolved"]
        life.turn(1, recalled(was(), as_of=-30, origin="alertmanager"))
        assert life.states() == {} and life.told == ["resolved"], "nor does an older word come late"


def test_an_end_that_comes_late_ends_what_nobody_has_looked_for_yet_and_nothing_that_was_seen() -> None:
    life = Life(ABOVE_ZERO)
    life.turn(0, recalled(was(), as_of=-50))
    life.turn(1, recalled(was(), as_of=-20, ended=True))
    assert life.told == ["restored", "resolved"] and life.states() == {}
    life = Life(ABOVE_ZERO)
    life.turn(0, recalled(was(), as_of=-50), saw(0, WORKLOADS, workload(1)))
    life.turn(1, recalled(was(), as_of=-20, ended=True))
    assert life.states() == {"ExecutionAboveZero breach": "firing"}


def test_an_end_alone_is_nothing_to_tell_and_what_is_older_comes_too_late() -> None:
    life = Life(ABOVE_ZERO)
    life.turn(0, recalled(was(), as_of=-10, ended=True))
    life.turn(1, recalled(was(), as_of=-20))
    assert life.told == [] and life.states() == {}


def test_an_end_that_is_older_than_what_is_known_to_be_open_ends_nothing() -> None:
    life = Life(ABOVE_ZERO)
    life.turn(0, recalled(was(), as_of=-10))
    life.turn(1, recalled(was(), as_of=-20, ended=True))
    assert life.states() == {"ExecutionAboveZero breach": "firing"}


@pytest.mark.parametrize("first", [State.FIRING, State.LATCHED])
def test_while_nobody_has_looked_the_newest_memory_counts_whenever_it_comes(first: State) -> None:
    newest = State.LATCHED if first is State.FIRING else State.FIRING
    for ages in ((-50, -20), (-20, -50)):
        life = Life(ABOVE_ZERO)
        states = dict(zip(sorted(ages), (first, newest), strict=True))
        for turn, age in enumerate(ages):
            life.turn(turn, recalled(was(states[age]), as_of=age))
        assert life.alert().state is newest and life.told == ["restored"]


def test_what_it_said_at_first_is_what_the_first_of_them_saw() -> None:
    early = replace(was(since=-100), onset=Description({}, {"summary": "at first"}), rising_since=(at(-90), at(-5)))
    late = replace(was(since=-50), rising_since=(at(-40), None))
    for pair in ((early, late), (late, early)):
        assert merged(*pair).onset.annotations == {"summary": "at first"}
    assert merged(early, late).rising_since == (at(-90), None)


def test_there_are_bounds_to_what_is_taken_over_but_for_sev_0(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assessment, "BOUND", 0)
    life = Life(UNLATCHED, coverage=SPOKEN_TO)
    life.turn(0, recalled(was(sev=Sev.SEV1)), recalled(was(identity=OTHER)))
    assert list(life.assessment.alerts) == [OTHER]


def test_what_began_again_after_its_end_is_open() -> None:
    life = Life(ABOVE_ZERO)
    life.turn(0, recalled(was(since=-100), as_of=-50, ended=True), recalled(was(since=-40), as_of=-20))
    assert life.told == ["restored"] and life.alert().active_since == at(-40)


def test_recalled_late_it_latches_or_ends_at_once() -> None:
    for rule, expected in ((ABOVE_ZERO, ["restored", "latched"]), (UNLATCHED, ["restored", "resolved"])):
        life = Life(rule)
        life.turn(0, saw(0, WORKLOADS, workload(0)))
        life.turn(4, recalled(was(sev=Sev.SEV1)))
        assert life.told == expected


def test_what_both_know_is_one_alert_that_goes_on_and_a_page_of_this_life_is_covered_by_no_older_word() -> None:
    """Whether it was over in between, the older memory cannot know."""
    life = Life(ABOVE_ZERO)
    life.turn(0, saw(0, WORKLOADS, workload(1)))
    life.turn(4, recalled(replace(was(), acknowledged=SAID)))
    found = life.alert()
    assert life.told == ["fired"] and found.seen is Seen.PRESENT
    assert (found.active_since, found.fired_at, found.told_at) == (at(-100), at(-100), at(0))
    assert found.acknowledged is None


def test_what_waits_for_its_for_here_and_was_open_there_is_open() -> None:
    life = Life(SLOW)
    life.turn(0, saw(0, WORKLOADS, workload(1)))
    life.turn(1, recalled(was(sev=Sev.SEV1)))
    assert life.told == ["restored"] and life.alert().state is State.FIRING


def test_a_page_of_this_life_is_covered_by_no_acknowledgement_of_before() -> None:
    """It rose, or it had been over: a new page."""
    before = replace(was(sev=Sev.SEV1), acknowledged=SAID)
    risen = merged(before, replace(was(since=0), sev=Sev.SEV0))
    assert (risen.told_at, risen.acknowledged) == (at(0), None)
    again = merged(replace(was(State.LATCHED), acknowledged=SAID), was(since=0))
    assert (again.told_at, again.acknowledged) == (at(0), None)
    assert merged(was(sev=Sev.SEV0), was(since=0, sev=Sev.SEV1)).sev is Sev.SEV0, "a Sev only rises"


def test_who_took_the_page_is_known_of_this_page_alone() -> None:
    taken = (Accepted(IDENTITY, "pager", -100.0, at(-100), at(-99), peer=False),)
    one, other = replace(recalled(was(since=-100)), accepted=taken), recalled(was(since=-98), as_of=-5)
    [(found, _)] = together([one, other], RuleSet.of([ABOVE_ZERO])).values()
    assert [a.told_at for a in found.accepted] == [found.alert.told_at and found.alert.told_at.mono]
    later = replace(was(since=-100), told_at=at(-20))
    [(found, _)] = together([one, recalled(later, as_of=-5)], RuleSet.of([ABOVE_ZERO])).values()
    assert found.accepted == () and found.alert.told_at == at(-20), "it fired again since"
    risen = recalled(replace(was(since=-100), told_at=at(-98)), as_of=-5)
    [(found, _)] = together(
        [replace(one, alert=was(since=-100, sev=Sev.SEV1)), risen], RuleSet.of([ABOVE_ZERO])
    ).values()
    assert found.accepted == (), "it rose since"


def test_what_a_life_before_knew_of_the_delivery_is_known_to_this_one() -> None:
    taken = (Accepted(IDENTITY, "pager", -100.0, at(-100), at(-99), peer=False),)
    life = Life(ABOVE_ZERO)
    life.turn(0, replace(recalled(was()), accepted=taken, escalated=1))
    delivery = life.assessment.deliveries.of[IDENTITY]
    assert list(delivery.accepted) == ["pager"] and delivery.escalated == 1


def test_only_the_newest_ends_are_kept() -> None:
    life = Life(UNLATCHED)
    for number in range(ENDED + 5):
        life.turn(
            number, saw(number, WORKLOADS, workload(1, f"w{number}")), saw(number, WORKLOADS, workload(0, f"w{number}"))
        )
    ended = [identity.subject.labels[-1][1] for identity in life.assessment.restoration.ended]
    assert ended == [f"w{number}" for number in range(5, ENDED + 5)]


# what is not there any more


def test_what_is_not_there_any_more_ends_once_everybody_who_could_tell_has_looked() -> None:
    life = Life(ABOVE_ZERO)
    life.turn(0, recalled(was()))
    life.turn(1, saw(1, SWITCHES, switch()), failed(1, WORKLOADS))
    assert life.states() == {"ExecutionAboveZero breach": "firing"}
    life.turn(2, saw(2, WORKLOADS))
    assert life.told[-1] == "latched" and life.states() == {"ExecutionAboveZero breach": "latched"}


def test_it_ends_where_its_rule_does_not_latch() -> None:
    life = Life(UNLATCHED)
    life.turn(0, recalled(was(sev=Sev.SEV1)), saw(0, WORKLOADS))
    assert life.told == ["restored", "resolved"]
    assert not life.assessment.restoration.waiting


def seen(scopes: Mapping[Scope, frozenset[str]], looked: frozenset[Scope]) -> dict[Scope, Sight]:
    return {s: Sight(Coverage(kinds, 5.0), at(0), at(1) if s in looked else None) for s, kinds in scopes.items()}


A, B = Scope("a", ""), Scope("b", "")


@pytest.mark.parametrize(
    ("subject", "told_by"),
    [
        (Subject("workload", (("workload", "x"),)), "workload"),
        (Subject("trend", (("metric", "m"), ("series", ""))), "metric"),
        (Subject("agreement", (("setting", "s"),)), "kill_switch"),
        (Subject("agreement", (("setting", "s"),)), "self_report"),
        (Subject("excursion", (("of", "mode"), ("subject_name", "x"))), "mode"),
    ],
)
def test_what_is_derived_is_told_of_by_those_who_tell_what_it_follows_from(subject: Subject, told_by: str) -> None:
    scopes = {A: frozenset({told_by}), B: frozenset({"endpoint"})}
    assert looked_for(subject, seen(scopes, frozenset({A})), at(2))
    assert not looked_for(subject, seen(scopes, frozenset({B})), at(2))


def test_what_nobody_could_tell_of_any_more_ends_once_all_have_looked() -> None:
    subject, scopes = Subject("cloud_run", (("service", "x"),)), {A: frozenset({"workload"}), B: frozenset({"mode"})}
    assert not looked_for(subject, seen(scopes, frozenset({A})), at(2))
    assert looked_for(subject, seen(scopes, frozenset({A, B})), at(2))
    assert not looked_for(subject, {}, at(2))


def test_a_source_is_not_there_any_more_if_the_configuration_does_not_name_it() -> None:
    scopes = {A: frozenset({"workload"})}
    assert looked_for(Subject("source", (("source", "gone"),)), seen(scopes, frozenset()), at(2))
    assert not looked_for(Subject("source", (("source", "a"),)), seen(scopes, frozenset({A})), at(2))


def test_of_a_receiver_that_was_told_nothing_yet_nobody_has_said_anything() -> None:
    subject, scopes = Subject("receiver", (("receiver", "r"),)), {A: frozenset({"receiver"})}
    assert not looked_for(subject, seen(scopes, frozenset({A})), at(RECEIVERS_WITHIN - 1))
    assert looked_for(subject, seen(scopes, frozenset({A})), at(RECEIVERS_WITHIN))


def test_what_an_instant_of_this_process_is_does_not_matter_to_what_holds() -> None:
    """A machine that has just started: everything that is recalled lies before its monotonic clock's zero."""
    life = Life(SLOW)
    life.turn(0, recalled(replace(was(State.PENDING), active_since=Instant(at(-1e6).wall, -1e6))))
    life.turn(1, saw(1, WORKLOADS, workload(1)))
    assert life.told == ["fired"]
