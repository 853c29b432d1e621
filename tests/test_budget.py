"""The section ``paging`` (watchdog.paging): what cannot keep the budget of detection is refused, in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.core.worlds import ABOVE_ZERO, WORKLOADS, at, saw, workload
from watchdog.config import Configuration, build, document
from watchdog.core import delivery
from watchdog.core.alert import Edge, EdgeKind
from watchdog.core.assessment import Assessment, assess
from watchdog.core.observation import Coverage, Observation
from watchdog.core.posture import Posture
from watchdog.core.report import Accepted
from watchdog.core.ruleset import RuleSet
from watchdog.refusal import ConfigError
from watchdog.simulator.scene import shipped

CONFIG = shipped()
LEAD = {"kind": "webhook", "receivers": [{"name": "lead", "url": "http://lead/", "when": "escalation"}]}
Content = dict[str, Any]


def content(paging: Content | None = None, *outlets: Content) -> Content:
    """What ships, with a section of its own."""
    found = document(CONFIG)
    alertmanager = [outlet for outlet in found["outlets"] if outlet["kind"] == "alertmanager"]
    return {**found, "outlets": [*alertmanager, *outlets], "paging": paging or {}}


def built(paging: Content | None = None, *outlets: Content, change: Callable[[Content], object] = id) -> Configuration:
    found = content(paging, *outlets)
    change(found)
    return build(CONFIG, found)


def refused(paging: Content | None = None, *outlets: Content, change: Callable[[Content], object] = id) -> str:
    with pytest.raises(ConfigError) as caught:
        built(paging, *outlets, change=change)
    return str(caught.value)


def kubernetes(**stanza: float) -> Callable[[Content], object]:
    return lambda found: found["sources"][0].update(stanza)


def test_the_defaults_keep_the_five_seconds_of_rts_6_to_the_last_tenth() -> None:
    assert built().late == ""
    assert refused({"turn": 0.2})


@pytest.mark.parametrize("path", [CONFIG, CONFIG.with_name("local.yaml")])
def test_what_ships_keeps_its_budget(path: Path) -> None:
    assert build(path, document(path)).late == ""


TOO_MUCH: dict[str, tuple[Content, Callable[[Content], object], str]] = {
    "fallback_after": ({"fallback_after": 2}, id, "fallback_after 2 = 6 s"),
    "poll_interval": ({}, kubernetes(poll_interval=3), "poll_interval 3 + request_timeout 1.5 x 1 (kubernetes)"),
    "request_timeout": ({}, kubernetes(request_timeout=2), "poll_interval 1 + request_timeout 2 x 1 (kubernetes)"),
    "turn": ({"turn": 1}, id, " + turn 1 + "),
    "post_timeout": ({}, lambda found: found["outlets"][0].update(timeout=5), "post_timeout (alertmanager) 2 + "),
    "the budget": ({"detection_budget": 4.9}, id, "= 5 s, found 4.9"),
}


@pytest.mark.parametrize("term", TOO_MUCH)
def test_whatever_breaks_the_budget_is_refused_with_every_figure_in_one_sentence(term: str) -> None:
    paging, change, told = TOO_MUCH[term]
    said = refused(paging, change=change)
    assert said.startswith(f"{CONFIG}: paging.detection_budget: expected at least poll_interval ")
    assert told in said
    assert "\n" not in said


def test_a_budget_that_cannot_be_kept_is_said_and_nothing_else_where_that_is_allowed() -> None:
    late = built({"fallback_after": 2, "over_budget": "warn"}).late
    assert late.endswith("fallback_after 2 = 6 s, found 5")


def test_a_slow_receiver_that_stands_in_counts_and_one_that_is_only_escalated_to_does_not() -> None:
    def webhook(when: str) -> Content:
        return {"kind": "webhook", "timeout": 3, "receivers": [{"name": "hook", "url": "http://x/", "when": when}]}

    assert "post_timeout (hook) 3 + " in refused(None, webhook("fallback"))
    assert "post_timeout (hook) 3 + " in refused(None, webhook("always"))
    assert built(None, webhook("escalation"))


def test_pages_go_around_where_there_is_an_alertmanager_or_somebody_who_stands_in_for_one() -> None:
    def only(*outlets: Content) -> bool:
        return build(CONFIG, {**content(), "outlets": list(outlets)}).plan.paging.peers

    hook = {"kind": "webhook", "receivers": [{"name": "hook", "url": "http://x/"}]}
    assert built().plan.paging.peers
    assert not only({"kind": "console"}, hook)
    assert only({"kind": "webhook", "receivers": [{"name": "hook", "url": "http://x/", "when": "fallback"}]})
    assert only({"kind": "alertmanager", "urls": ["dns+http://alertmanager:9093"]}), "none of it is found yet"


def test_the_terms_are_those_that_are_stated() -> None:
    stated = {"fallback_after": 0.5, "readback_within": 4, "escalation": [{"after": 60, "to": ["lead"]}]}
    expected = delivery.Paging({}, True, 0.5, 4.0, (delivery.Step(60.0, ("lead",)),))
    assert built(stated, LEAD).plan.paging == expected


WRONG: dict[str, tuple[Content, str]] = {
    "nobody of that name": ({"escalation": [{"after": 60, "to": ["boss"]}]}, "expected one of lead, found 'boss'"),
    "nobody who calls": ({"escalation": [{"after": 60, "to": ["alertmanager"]}]}, "expected one of lead, found"),
    "nobody at all": ({"escalation": [{"after": 60, "to": []}]}, "expected somebody to tell at each step"),
    "not in order": (
        {"escalation": [{"after": 60, "to": ["lead"]}, {"after": 30, "to": ["lead"]}]},
        "expected each step after the one before it",
    ),
    "twice": (
        {"escalation": [{"after": 60, "to": ["lead"]}, {"after": 60, "to": ["lead"]}]},
        "expected each step after the one before it",
    ),
    "at once": ({"escalation": [{"after": 0, "to": ["lead"]}]}, "paging.escalation.0.after: "),
    "no such key": ({"fallback": 1}, "paging.fallback: no such key"),
    "no such answer": ({"over_budget": "ignore"}, "paging.over_budget: "),
    "for ever": ({"detection_budget": float("inf")}, "paging.detection_budget: "),
    "no time at all": ({"fallback_after": 0}, "paging.fallback_after: "),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_refused_by_its_key(case: str) -> None:
    paging, told = WRONG[case]
    said = refused(paging, LEAD)
    assert told in said
    assert "paging." in said


def test_without_a_receiver_an_escalation_has_nobody() -> None:
    assert "expected a receiver of a webhook" in refused({"escalation": [{"after": 60, "to": ["lead"]}]})


class Turns:
    """``assess`` with terms of delivery: the hook between alerts and their deliveries."""

    def __init__(self) -> None:
        coverage = {WORKLOADS: Coverage(frozenset({"workload"}), 1_000.0)}
        terms = delivery.Paging(peers=True, escalation=(delivery.Step(60, ("lead",)),))
        self.level = Assessment.initial(Posture.initial(at(0), coverage), terms)
        self.rules = RuleSet.of([ABOVE_ZERO])

    def turn(self, seconds: float, *seen: Observation, reports: tuple[Accepted, ...] = ()) -> tuple[Edge, ...]:
        self.level = assess(self.level, self.level.posture.updated(at(seconds), seen), self.rules, reports)
        return self.level.edges


def test_the_turn_in_which_a_page_goes_around_is_due_and_its_edges_keep_their_order() -> None:
    turns = Turns()
    (fired,) = turns.turn(0, saw(0, WORKLOADS, workload(1)))
    assert turns.level.next_deadline() == 1.0
    (unheard,) = turns.turn(1)
    assert (unheard.kind, unheard.alert) == (EdgeKind.UNHEARD, fired.alert)
    assert unheard.alert.incident, "the incident that it is part of"
    edges = turns.turn(60, saw(60, WORKLOADS, workload(0)))
    assert [(edge.kind, edge.order) for edge in edges] == [(EdgeKind.LATCHED, 0), (EdgeKind.ESCALATED, 1)]
    assert edges[1].alert.latched, "as it is now"


def test_a_page_that_was_taken_makes_no_turn_due() -> None:
    turns = Turns()
    (fired,) = turns.turn(0, saw(0, WORKLOADS, workload(1)))
    assert fired.alert.told_at is not None
    turns.turn(0.1, reports=(Accepted(fired.alert.identity, "am-0", fired.alert.told_at.mono, at(0), at(0.1), True),))
    assert turns.turn(1.5) == ()
