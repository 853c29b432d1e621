"""Unit tests of rules: they pass for the right reason, and a wrong expectation is a good sentence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.rules.known import ABOVE_ZERO
from watchdog.core.alert import Cause
from watchdog.core.assessment import Assessment, assess
from watchdog.core.posture import Posture
from watchdog.core.ruleset import RuleSet
from watchdog.rules.load import RulesError
from watchdog.rules.testing import START, Report, run_tests

HEAD = """
rule_files: [rules.yaml]
facts:
  agent:
    workload: {namespace: a, kind: Deployment, workload: agent, execution: true, desired: 0, reported: 0, live: 0}
tests:
  - name: t
    timeline:
"""


def run(tmp_path: Path, *steps: str, head: str = HEAD) -> Report:
    (tmp_path / "rules.yaml").write_text(ABOVE_ZERO)
    (tmp_path / "test.yaml").write_text(head + "".join(f"      - {step}\n" for step in steps))
    return run_tests([tmp_path / "test.yaml"])


FIRES = "{at: 5s, see: {agent: {live: 1}}, alerts: [{alertname: AboveZero, sev: 0, state: firing, cause: breach}]}"


def test_what_is_expected_and_happens_passes(tmp_path: Path) -> None:
    report = run(tmp_path, "{at: 0s, see: {agent: {}}, alerts: []}", FIRES)
    assert report == Report(1, (), frozenset({("AboveZero", Cause.BREACH)}))
    assert report.ok


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("{at: 5s, see: {agent: {live: 1}}, alerts: []}", "at 5s: expected no more, got AboveZero Sev-0 firing breach"),
        ("{at: 5s, alerts: [{alertname: AboveZero, sev: 0}]}", "expected AboveZero Sev-0; got nothing"),
        (FIRES.replace("sev: 0", "sev: 1"), "expected AboveZero Sev-1 firing breach; got AboveZero Sev-0 firing"),
        (FIRES.replace("firing", "latched"), "expected AboveZero Sev-0 latched breach; got AboveZero Sev-0 firing"),
        (FIRES.replace("breach", "unverifiable"), "expected AboveZero Sev-0 firing unverifiable; got"),
        (FIRES.replace("sev: 0", "labels: {workload: x}"), "expected AboveZero firing breach {workload: x}; got"),
        (FIRES.replace("sev: 0", "summary: runs 2"), "expected AboveZero firing breach '…runs 2…'; got"),
        (FIRES.replace("AboveZero", "AbveZero"), "(there is no such rule; did you mean 'AboveZero'?)"),
    ],
)
def test_a_wrong_expectation_says_what_was_expected_and_what_was_got(tmp_path: Path, step: str, said: str) -> None:
    report = run(tmp_path, "{at: 0s, see: {agent: {}}}", step)
    assert not report.ok
    assert said in report.failures[0]
    assert report.failures[0].startswith(f"{tmp_path}/test.yaml:10: test 't', at 5s: ")


def test_one_expected_alert_does_not_stand_for_two(tmp_path: Path) -> None:
    (agent,) = (line for line in HEAD.splitlines() if "workload:" in line)
    other = agent.replace("workload: agent", "workload: other").replace("live: 0", "live: 1")
    head = HEAD.replace("tests:", f"  other:\n{other}\ntests:")
    report = run(tmp_path, FIRES.replace("{agent:", "{other: {}, agent:"), head=head)
    assert len(report.failures) == 1
    assert "expected no more" in report.failures[0]


def test_for_counts_in_virtual_time_to_the_second(tmp_path: Path) -> None:
    unknown = "{at: 0s, see: {agent: {live: {unknown: Forbidden, message: not so}}}, alerts: []}"
    fired = (
        "alerts: [{alertname: AboveZero, sev: 1, cause: unverifiable, summary: 'Forbidden (workload.live: not so)'}]"
    )
    assert run(tmp_path, unknown, "{at: 14s, alerts: []}", f"{{at: 15s, {fired}}}").ok
    assert not run(tmp_path, unknown, f"{{at: 14s, {fired}}}").ok


def test_a_pending_alert_may_be_expected_and_may_be_left_out(tmp_path: Path) -> None:
    unknown = "{at: 0s, see: {agent: {live: {unknown: Forbidden}}}, alerts: []}"
    assert run(tmp_path, unknown, "{at: 5s, alerts: [{alertname: AboveZero, state: pending}]}").ok
    assert not run(tmp_path, unknown, "{at: 5s, alerts: [{alertname: AboveZero}]}").ok


def test_a_source_that_fails_leaves_its_alerts_as_they_are(tmp_path: Path) -> None:
    lost = "{at: 10s, sight: {cluster: Timeout}, alerts: [{alertname: AboveZero, state: firing}]}"
    again = "{at: 20s, sight: {cluster/workload: seen}, see: {agent: {live: 0}}, alerts: []}"
    assert run(tmp_path, FIRES, lost, again).ok


def test_the_steps_of_one_instant_are_one_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[float] = []

    def counted(previous: Assessment, posture: Posture, rules: RuleSet) -> Assessment:
        turns.append(posture.at.since(START))
        return assess(previous, posture, rules)

    monkeypatch.setattr("watchdog.rules.testing.assess", counted)
    blip = FIRES.partition(", alerts")[0] + "}"
    report = run(tmp_path, blip, "{at: 5s, see: {agent: {live: 0}}, alerts: []}", "{at: 5s, alerts: []}")
    assert report == Report(1, (), frozenset({("AboveZero", Cause.BREACH)}))
    assert [turn for turn in turns if turn in (0.0, 5.0)] == [0.0, 5.0, 5.0]


def test_what_fires_and_ends_between_two_steps_has_fired(tmp_path: Path) -> None:
    unknown = "{at: 0s, see: {agent: {live: {unknown: Forbidden}}}}"
    report = run(tmp_path, unknown, "{at: 20s, see: {agent: {live: 0}}, alerts: []}")
    assert report == Report(1, (), frozenset({("AboveZero", Cause.UNVERIFIABLE)}))


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("{see: {agent: {}}}", "at: is missing"),
        ("{at: 5, alerts: []}", "expected a duration"),
        ("{at: 0s, see: {agnt: {}}}", "'agnt' is not among the facts of this file; did you mean 'agent'?"),
        ("{at: 0s, see: {agent: {lives: 1}}}", "unknown key 'lives'; did you mean 'live'?"),
        ("{at: 0s, see: {agent: {live: many}}}", "live: expected int, got 'many'"),
        ("{at: 0s, see: {agent: {live: {unknwn: X}}}}", "unknown: is missing"),
        ("{at: 0s, gone: [agnt]}", "gone: 'agnt' is not among the facts"),
        ("{at: 0s, sight: {clster: Timeout}}", "'clster' does not look"),
        ("{at: 0s, market: ajar}", "market: expected open, closed or opening"),
        ("{at: 0s, alerts: [{sev: 0}]}", "alertname: is missing"),
        (
            "{at: 0s, alerts: [{alertname: AboveZero, state: fired}]}",
            "expected pending, firing or latched, got 'fired'",
        ),
        ("{at: 0s, alert: []}", "unknown key 'alert'; did you mean 'alerts'?"),
        ("{at: 5s}\n      - {at: 4s}", "not before the step before"),
    ],
)
def test_a_malformed_test_is_one_clear_sentence(tmp_path: Path, step: str, said: str) -> None:
    with pytest.raises(RulesError) as refused:
        run(tmp_path, step)
    assert any(said in problem for problem in refused.value.problems), refused.value.problems


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("rule_files: [rules.yaml]", "", "rule_files: is missing"),
        ("rules.yaml", "missing.yaml", "missing.yaml: cannot be read"),
        ("live: 0}", "lives: 0}", "unknown key 'lives'"),
        ("live: 0}", "}", "live: is missing"),
        ("workload: agent", "x: agent", "workload: is missing"),
        ("    workload: {", "    safety: {", "agent: expected one of"),
    ],
)
def test_a_malformed_head_is_one_clear_sentence(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in HEAD
    with pytest.raises(RulesError) as refused:
        run(tmp_path, "{at: 0s}", head=HEAD.replace(old, new))
    assert any(said in problem for problem in refused.value.problems), refused.value.problems


NEW_KIND = """
import dataclasses, sys, typing
from watchdog.core import facts

@dataclasses.dataclass(frozen=True, slots=True)
class Heartbeat(facts.Fact):
    KIND: typing.ClassVar[str] = "heartbeat"
    IDENTITY: typing.ClassVar[tuple[str, ...]] = ("service",)
    service: str
    age_seconds: float | facts.Unknown

facts.OBSERVED += (Heartbeat,)
facts.KINDS["heartbeat"] = Heartbeat
from watchdog.rules.testing import run_tests
report = run_tests(sys.argv[1:])
print(report.tests, *report.failures)
"""
NEW_KINDS_RULE = """
groups:
  - name: new
    rules:
      - alert: HeartbeatLost
        each: heartbeat
        expr: heartbeat.age_seconds > 10.0
        severity: 2
        unknown: {severity: 3, for: 15s}
        annotations: {summary: s, description: d}
"""
NEW_KINDS_TEST = """
rule_files: [rules.yaml]
facts:
  beat: {heartbeat: {service: s, age_seconds: 1.0}}
tests:
  - name: t
    timeline:
      - {at: 0s, see: {beat: {}}, alerts: []}
      - {at: 5s, see: {beat: {age_seconds: 11.0}}, alerts: [{alertname: HeartbeatLost, sev: 2, cause: breach}]}
      - {at: 6s, sight: {heartbeat: Timeout}, alerts: [{alertname: HeartbeatLost, sev: 2, state: firing}]}
"""


def test_a_new_kind_of_fact_is_a_class_and_its_name_in_observed_and_nothing_else(tmp_path: Path) -> None:
    """As the README says. In a process of its own, where the kind can be added before anybody reads the list."""
    (tmp_path / "rules.yaml").write_text(NEW_KINDS_RULE)
    (tmp_path / "test.yaml").write_text(NEW_KINDS_TEST)
    command = [sys.executable, "-c", NEW_KIND, str(tmp_path / "test.yaml")]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (told.stdout, told.stderr) == ("1\n", "")
