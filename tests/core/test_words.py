"""What operators say of an alert: what it covers, what it ends, and what it does not (core.words, through assess)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from watchdog.core.alert import Acknowledgement, EdgeKind, Policy, Rise
from watchdog.core.facts import Drill, OperatorEntry
from watchdog.core.instant import Instant, exact
from watchdog.core.notice import fingerprint, labels_of
from watchdog.core.observation import Coverage, Observation, Scope
from watchdog.core.severity import Sev

from .worlds import ABOVE_ZERO, START, WORKLOADS, World, at, saw, workload

OPERATORS = Scope("operator", "")
NEVER = 1e9
PROMISED = {
    WORKLOADS: Coverage(frozenset({"workload"}), NEVER),
    OPERATORS: Coverage(frozenset({OperatorEntry.KIND, Drill.KIND}), NEVER),
}
AGENT = fingerprint({
    "alertname": "ExecutionAboveZero", "severity": "critical", "sev": "0", "cause": "breach",
    "namespace": "floor", "kind": "Deployment", "workload": "execution-agent",
})  # fmt: skip


def world(policy: Policy | None = None) -> World:
    rule = ABOVE_ZERO if policy is None else replace(ABOVE_ZERO, breach=policy, rises=lambda fact: (fact.live > 0,))  # type: ignore[attr-defined]
    made = World(rule, coverage=PROMISED)
    made.turn(0, saw(0, WORKLOADS, workload(0)), saw(0, OPERATORS))
    return made


def word(through: float, entry: str = "ack-1", by: str = "ann", alert: str = AGENT, problem: str = "") -> OperatorEntry:
    when = exact(START + timedelta(seconds=through))
    return OperatorEntry(entry, "ack", problem, by, "a drill", when, alert, when)


def said(seconds: float, *words: OperatorEntry) -> Observation:
    return saw(seconds, OPERATORS, *words)


def ran(seconds: float, desired: int) -> Observation:
    return saw(seconds, WORKLOADS, workload(desired))


def blip(made: World, seconds: float = 10) -> None:
    made.turn(seconds, ran(seconds, 1), ran(seconds + 0.05, 0))


def kinds(made: World) -> list[str]:
    return [str(edge.kind) for edge in made.assessment.edges]


def test_the_fingerprint_by_which_it_is_named_is_that_of_its_labels() -> None:
    made = world()
    blip(made)
    [alert] = made.assessment.alerts.values()
    assert fingerprint(labels_of(alert, {})) == AGENT


def test_a_latched_alert_ends_by_acknowledgement_and_its_incident_names_who_why_and_when() -> None:
    made = world()
    blip(made)
    made.turn(600)
    assert made.states() == {"ExecutionAboveZero breach": "latched"}
    made.turn(700, said(700, word(600)))
    assert kinds(made) == ["acknowledged", "resolved"] and made.states() == {}
    incident = made.assessment.incidents["execution"]
    [(identity, acknowledged)] = incident.acknowledgements
    when = START + timedelta(seconds=600)
    assert (str(identity), acknowledged) == (
        "ExecutionAboveZero workload floor/Deployment/execution-agent",
        Acknowledgement("ack-1", "ann", "a drill", when, when),
    )
    assert not incident.open and [e.alert.acknowledged for e in made.assessment.edges] == [acknowledged] * 2


def test_a_firing_alert_stays_until_its_condition_ends_and_does_not_latch_then() -> None:
    made = world()
    made.turn(10, ran(10, 1))
    made.turn(20, said(20, word(15)))
    assert kinds(made) == ["acknowledged"] and made.states() == {"ExecutionAboveZero breach": "firing"}
    made.turn(30, ran(30, 0))
    assert kinds(made) == ["resolved"] and made.states() == {}


def test_what_is_acknowledged_is_not_acknowledged_again_turn_after_turn() -> None:
    made = world()
    made.turn(10, ran(10, 1))
    made.turn(20, said(20, word(15)))
    made.turn(30, ran(30, 2), said(30, word(15), word(25, entry="ack-2")))
    assert kinds(made) == []


def test_an_acknowledgement_covers_nothing_that_was_told_after_its_instant() -> None:
    made = world()
    made.turn(5, said(5, word(4)))
    blip(made)
    made.turn(20, said(20, word(9.99, entry="ack-2")))
    assert made.states() == {"ExecutionAboveZero breach": "latched"}
    made.turn(30, said(30, word(10, entry="ack-3")))
    assert made.states() == {}, "up to it, to the microsecond"


def test_whatever_an_operators_clock_says_nothing_is_covered_that_was_told_after_his_word_was_read() -> None:
    made = world()
    made.turn(5, said(5, word(65)))
    blip(made)
    made.turn(20, said(20, word(65)))
    made.turn(80, said(80))
    assert made.states() == {"ExecutionAboveZero breach": "latched"}
    made = world()
    made.turn(10, ran(10, 1), ran(10.05, 0), said(10.01, word(65)))
    assert made.states() == {"ExecutionAboveZero breach": "latched"}, "nor what is told in the same turn"


def test_of_several_the_one_that_reaches_furthest_counts_in_whichever_order_they_come() -> None:
    late = replace(word(20, "ack-3", "cy"), at=exact(START + timedelta(seconds=34)))
    words = [word(11, "ack-1", "ann"), word(30, "ack-2", "bob"), late]
    for order in (words, words[::-1]):
        made = world()
        blip(made)
        made.turn(35)
        made.turn(40, said(40, *order))
        [(_, acknowledged)] = made.assessment.incidents["execution"].acknowledgements
        assert acknowledged.by == "bob"


def test_a_page_after_the_acknowledgement_is_a_new_one_that_it_does_not_cover() -> None:
    made = world()
    blip(made)
    made.turn(20, said(20, word(15)))
    blip(made, 30)
    assert kinds(made) == ["fired", "latched"] and made.states() == {"ExecutionAboveZero breach": "latched"}
    made.turn(40, said(40, word(15), word(35, entry="ack-2")))
    assert kinds(made) == ["acknowledged", "resolved"]


def test_what_was_latched_and_fires_again_is_told_anew_and_its_old_acknowledgement_ends_nothing() -> None:
    made = world()
    blip(made)
    made.turn(30, ran(30, 1))
    assert kinds(made) == ["refired"]
    made.turn(35)
    made.turn(40, said(40, word(20)))
    assert kinds(made) == [] and made.states() == {"ExecutionAboveZero breach": "firing"}
    made.turn(50, said(50, word(20), word(30, entry="ack-2")))
    assert kinds(made) == ["acknowledged"]


def test_a_rise_after_the_acknowledgement_is_told_anew_and_latches_again() -> None:
    made = world(Policy(Sev.SEV1, latch=True, rises=(Rise(Sev.SEV0, 0.0),)))
    made.turn(10, ran(10, 1))
    [alert] = made.assessment.alerts.values()
    at_sev1 = fingerprint(labels_of(alert, {}))
    made.turn(20, said(20, word(15, alert=at_sev1)))
    assert kinds(made) == ["acknowledged"]
    made.turn(30, saw(30, WORKLOADS, replace(workload(1), live=1)))
    [alert] = made.assessment.alerts.values()
    assert kinds(made) == ["rose"] and alert.acknowledged is None and alert.told_at == at(30)
    made.turn(40, ran(40, 0))
    assert kinds(made) == ["latched"]
    made.turn(50, said(50, word(15, alert=at_sev1), word(25, "ack-2", alert=AGENT)))
    assert kinds(made) == [], "not by what was said before it rose"
    made.turn(60, said(60, word(30, "ack-3", alert=AGENT)))
    assert kinds(made) == ["acknowledged", "resolved"]


def test_an_entry_that_is_taken_away_gives_nothing_back_and_covers_nothing_more() -> None:
    made = world()
    blip(made)
    made.turn(20, said(20, word(15)))
    made.turn(30, saw(30, OPERATORS, gone=[word(15)]))
    assert made.states() == {} and kinds(made) == [] and made.assessment.words.by_alert == {}
    early = world()
    early.turn(10, ran(10, 1))
    early.turn(20, said(20, word(15)))
    early.turn(30, saw(30, OPERATORS, gone=[word(15)]))
    early.turn(40, ran(40, 0))
    assert early.states() == {}, "he knew"


def test_an_entry_that_does_not_count_acknowledges_nothing_and_takes_its_former_word_back() -> None:
    made = world()
    blip(made)
    made.turn(20, said(20, word(15, problem="why: missing or empty")))
    assert made.states() == {"ExecutionAboveZero breach": "latched"}
    made.turn(30, said(30, replace(word(15), verb="note")))
    assert made.states() == {"ExecutionAboveZero breach": "latched"}


def test_the_acknowledgement_of_one_alert_is_none_of_another() -> None:
    made = world()
    both = (workload(1), workload(1, "execution-engine"))
    made.turn(10, saw(10, WORKLOADS, *both))
    made.turn(20, said(20, word(15)))
    assert [(str(e.kind), dict(e.alert.identity.subject.labels)["workload"]) for e in made.assessment.edges] == [
        ("acknowledged", "execution-agent")
    ]


def test_a_replica_that_starts_later_holds_to_what_was_said_before_it_began() -> None:
    """The word is read with its first look; what it pages itself, later, is not covered by it."""
    made = World(ABOVE_ZERO, coverage=PROMISED)
    made.turn(1, ran(1, 0), said(1, word(-20)))
    [read] = made.assessment.words.by_alert[AGENT]
    assert read.said.through == START - timedelta(seconds=20)
    blip(made)
    assert made.states() == {"ExecutionAboveZero breach": "latched"}
    made.turn(30, said(30, word(-20), word(25, entry="ack-2")))
    assert kinds(made) == ["acknowledged", "resolved"]


def test_what_is_told_after_somebody_spoke_he_does_not_cover_though_the_wall_clock_steps_back_to_before_it() -> None:
    """And his later word, which reaches less far on that clock, does."""
    made = world()
    blip(made)
    made.turn(650)
    made.turn(700, said(700, word(600)))
    assert made.states() == {}

    def stepped(seconds: float) -> Instant:
        return replace(at(seconds), wall=at(seconds - 900).wall)

    there, gone = (replace(seen, at=stepped(1000)) for seen in (ran(1000, 1), ran(1000, 0)))
    made.assess(stepped(1000), there, gone)
    assert made.states() == {"ExecutionAboveZero breach": "latched"}
    made.assess(stepped(1100))
    made.assess(stepped(1101), replace(said(1101, word(600), word(200, "ack-2")), at=stepped(1101)))
    assert kinds(made) == ["acknowledged", "resolved"] and made.states() == {}


def test_each_of_several_pages_right_after_each_other_is_known_from_the_others() -> None:
    made, pages = world(), list[int]()
    for seconds in (11.0, 12.0, 13.0, 25.0):
        made.turn(seconds, ran(seconds, 1))
        pages += [edge.alert.again for edge in made.assessment.edges if edge.kind.page]
        made.turn(seconds + 0.1, ran(seconds + 0.1, 0))
    assert pages == [0, 1, 2, 0]
    assert [alert.again for alert in made.assessment.alerts.values()] == [0]


def test_a_page_that_comes_right_after_the_last_one_was_acknowledged_is_another() -> None:
    made = world()
    blip(made, 11)
    made.turn(12, said(12, word(11.5)))
    assert made.states() == {}
    blip(made, 13)
    assert [alert.again for alert in made.assessment.alerts.values()] == [1]


def test_of_two_that_begin_in_one_turn_the_second_is_another() -> None:
    made = world(Policy(Sev.SEV0, rises=(Rise(Sev.SEV0, 1e6),)))
    made.turn(12, ran(11, 1), ran(11.01, 0), ran(11.02, 1))
    assert [edge.alert.again for edge in made.assessment.edges if edge.kind.page] == [0, 1]


def test_words_that_are_read_again_unchanged_are_the_very_same() -> None:
    made = world()
    made.turn(10, said(10, word(5)))
    before = made.assessment.words
    made.turn(20, said(20, word(5)), ran(20, 1))
    assert made.assessment.words is before
    made.turn(30, said(30, OperatorEntry("note-1", "note", "", "ann", "lunch", "", "", "")))
    assert made.assessment.words is before


def test_an_acknowledgement_that_comes_in_the_turn_in_which_it_latches_ends_it_at_once() -> None:
    made = world()
    made.turn(10, ran(10, 1))
    made.turn(20, ran(20, 0), said(20, word(15)))
    assert [e.kind for e in made.assessment.edges] == [EdgeKind.LATCHED, EdgeKind.ACKNOWLEDGED, EdgeKind.RESOLVED]
