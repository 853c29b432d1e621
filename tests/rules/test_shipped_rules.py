"""The rules that we ship: their own tests pass, and a planted fault in any rule is caught by them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from watchdog.core.alert import Cause, Policy
from watchdog.core.facts import KINDS, Unknown
from watchdog.core.ruleset import RuleSet
from watchdog.core.severity import Sev
from watchdog.rules.cases import Case, cases
from watchdog.rules.load import load, read
from watchdog.rules.rule import Rule
from watchdog.rules.schema import field_types
from watchdog.rules.testing import Report, Run, run_tests

RULES = Path(__file__).parents[2] / "config" / "rules"
FILES = sorted(RULES.glob("*.yaml"))
TESTS = sorted((RULES / "tests").glob("*.yaml"))
SHIPPED = [rule for rule in load(read(FILES)).rules if isinstance(rule, Rule)]
HOME = {rule.name: file.name for file in FILES for rule in load(read([file])).rules if isinstance(rule, Rule)}
"""The file in which each stands: it may have more than one group, and its tests load all of it."""


@pytest.fixture(scope="module")
def report() -> Report:
    return run_tests(TESTS)


def test_the_tests_of_the_shipped_rules_pass(report: Report) -> None:
    assert report.failures == ()
    assert report.tests >= 3 * len(SHIPPED)


def can_be_unknown(rule: Rule) -> bool:
    """Whether a field that it touches may be Unknown by its declared type."""
    hints = {path: get_type_hints(KINDS[path.name])[path.field] for path in rule.expr.paths}
    return any(Unknown in get_args(hint) for hint in hints.values())


def test_every_shipped_rule_fires_in_its_tests_as_a_breach_and_where_it_can_as_unverifiable(
    report: Report,
) -> None:
    expected = {(rule.name, Cause.BREACH) for rule in SHIPPED}
    expected |= {(rule.name, Cause.UNVERIFIABLE) for rule in SHIPPED if can_be_unknown(rule)}
    assert report.fired == expected


def misjudged(policy: Policy) -> Policy:
    return replace(policy, severity=Sev.SEV2 if policy.severity is Sev.SEV3 else Sev(policy.severity + 1))


def forgetting(number: int) -> Callable[[Rule], Rule]:
    def fault(rule: Rule) -> Rule:
        rises, whens = rule.breach.rises, rule.whens
        kept = replace(rule.breach, rises=rises[:number] + rises[number + 1 :])
        return replace(rule, breach=kept, whens=whens[:number] + whens[number + 1 :])

    return fault


MOST_RISES = max(len(rule.breach.rises) for rule in SHIPPED)
FAULTS: dict[str, Callable[[Rule], Rule | None]] = {
    "is missing": lambda rule: None,
    "is worth something else": lambda rule: replace(rule, breach=misjudged(rule.breach)),
    "waits a second longer": lambda rule: replace(
        rule, breach=replace(rule.breach, for_seconds=rule.breach.for_seconds + 1)
    ),
    "latches where it did not and not where it did": lambda rule: replace(
        rule, breach=replace(rule.breach, latch=not rule.breach.latch)
    ),
    "waits a second longer for what it cannot see": lambda rule: replace(
        rule, unverifiable=replace(rule.unverifiable, for_seconds=rule.unverifiable.for_seconds + 1)
    ),
    "takes what it cannot see lightly": lambda rule: replace(
        rule, unverifiable=replace(rule.unverifiable, severity=Sev.SEV3, for_seconds=1e9)
    ),
    "keeps other hours": lambda rule: replace(rule, market_hours=not rule.market_hours),
    **{f"forgets rise {number}": forgetting(number) for number in range(MOST_RISES)},
}


def fails(rule: Rule, mutant: Rule | None, group: list[Case], others: list[Rule]) -> bool:
    rules = RuleSet.of([*others, *([] if mutant is None else [mutant])])
    return any(next(iter(Run(case, rules).failures()), None) for case in group)


def planted() -> list[tuple[Rule, str]]:
    def shows(rule: Rule, fault: str) -> bool:
        if "cannot see" in fault:
            return can_be_unknown(rule)
        if fault.startswith("forgets rise"):
            return int(fault.split()[-1]) < len(rule.breach.rises)
        if fault == "keeps other hours":
            return rule.group == "market_data" and rule.each == "endpoint"
        return True

    return [(rule, fault) for rule in SHIPPED for fault in FAULTS if shows(rule, fault)]


@pytest.mark.parametrize(
    ("rule", "fault"), planted(), ids=lambda value: value if isinstance(value, str) else value.name
)
def test_a_rule_with_a_planted_fault_fails_its_tests(rule: Rule, fault: str) -> None:
    file = RULES / "tests" / HOME[rule.name]
    named = sorted(cases(str(file), file.read_text(), []).cases, key=lambda case: not mentions(case, rule.name))
    others = [other for other in SHIPPED if HOME[other.name] == HOME[rule.name] and other is not rule]
    assert fails(rule, FAULTS[fault](rule), named, others)


def mentions(case: Case, alertname: str) -> bool:
    return any(one.alertname == alertname for step in case.steps for one in step.alerts or ())


@pytest.mark.parametrize("rule", SHIPPED, ids=lambda rule: rule.name)
def test_a_page_says_what_to_do_first_and_orders_no_change(rule: Rule) -> None:
    text = " ".join(part if isinstance(part, str) else "x" for part in rule.description.parts)
    assert "First: " in text
    for word in ("scale", "patch", "delete", "apply", "edit", "set env", "rollout", "annotate", "create", "replace"):
        assert f"kubectl {word}" not in text


def test_every_sev_0_rule_that_sees_a_breach_latches_and_is_always_active() -> None:
    worst = [rule for rule in SHIPPED if rule.breach.severity is Sev.SEV0]
    assert {rule.name for rule in worst if not rule.breach.latch} == {
        "ExecutionUnverifiable",
        "ExecutionUnverifiableAfterBreach",
    }
    assert not any(rule.market_hours for rule in worst)


def test_no_rule_over_many_subjects_reads_a_global_that_changes_often() -> None:
    """Else its every change would judge all of them again, and a turn's cost would grow with what is watched."""
    assert all(rule.reads <= {"market", "core", "ingest"} for rule in SHIPPED)
    assert field_types("market").keys() == {"calendar", "open", "explanation", "trading", "horizon_days"}
