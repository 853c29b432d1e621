"""One rule: its word on a fact, and what its page says."""

from __future__ import annotations

from tests.rules.known import FORBIDDEN, GLOBALS, rules_of, workload
from watchdog.core.alert import Cause, Description
from watchdog.core.facts import Fact, Unknown
from watchdog.core.ruleset import Judgement
from watchdog.rules.rule import Rule

RISING = """
groups:
  - name: execution
    rules:
      - alert: AboveZero
        each: workload
        expr: workload.desired > 0
        severity: 2
        rise: [{severity: 1, when: workload.live > 0, for: 15s}, {severity: 0, for: 5m}]
        unknown: {severity: 1, for: 15s, whether: "{{ workload.workload }} is at zero"}
        labels: {team: trading}
        annotations:
          summary: "{{ workload.workload }} runs {{ workload.desired }}"
          description: "It runs. {{ workload.selected_by }}"
          runbook: ops/PRODUCTION_LOCK.md
"""


def rule() -> Rule:
    (only,) = rules_of(RISING).rules
    assert isinstance(only, Rule)
    return only


def described(fact: Fact, why: Unknown | None = None) -> Description:
    return rule().describe(fact, GLOBALS, Cause.UNVERIFIABLE if why else Cause.BREACH, why)


def test_the_condition_of_a_rise_is_judged_beside_the_breach() -> None:
    assert rule().judge(workload(desired=1, live=0), GLOBALS) == Judgement(True, (False, True))
    assert rule().judge(workload(desired=1, live=1), GLOBALS) == Judgement(True, (True, True))


def test_an_unknown_condition_of_a_rise_counts_as_true() -> None:
    assert rule().judge(workload(desired=1, live=FORBIDDEN), GLOBALS) == Judgement(True, (True, True))


def test_without_a_breach_nothing_rises() -> None:
    assert rule().judge(workload(desired=0, live=1), GLOBALS) == Judgement(False, (False, False))
    said = rule().judge(workload(desired=FORBIDDEN, live=1), GLOBALS)
    assert isinstance(said.verdict, Unknown)
    assert said.rises == (False, False)


def test_labels_are_the_static_ones_and_the_identity_and_never_change() -> None:
    labels = {"team": "trading", "namespace": "agenttrader", "kind": "Deployment", "workload": "execution-agent"}
    assert described(workload(desired=1)).labels == labels
    assert described(workload(desired=2)).labels == labels
    assert described(workload(desired=FORBIDDEN), FORBIDDEN).labels == labels


def test_a_breach_says_what_was_seen() -> None:
    assert described(workload(desired=1)).annotations == {
        "summary": "execution-agent runs 1",
        "description": "It runs. name",
        "runbook": "ops/PRODUCTION_LOCK.md",
    }


def test_what_cannot_be_verified_never_reads_as_a_breach_that_was_seen() -> None:
    said = described(workload(desired=FORBIDDEN), Unknown("Forbidden", "workload.desired: pods is forbidden"))
    assert said.annotations["summary"] == (
        "Cannot verify whether execution-agent is at zero: Forbidden (workload.desired: pods is forbidden)"
    )
    assert "runs" not in " ".join(said.annotations.values())
    assert "not seen to be unsafe, and it was not seen to be safe" in said.annotations["description"]
    assert said.annotations["runbook"] == "ops/PRODUCTION_LOCK.md"


def test_why_something_cannot_be_verified_shows_no_secret_and_no_control_character() -> None:
    said = described(workload(desired=FORBIDDEN), Unknown("Refused", "GET ?token=hunter2\x1b[2J {x}"))
    assert "hunter2" not in str(said)
    assert "\x1b" not in str(said)
