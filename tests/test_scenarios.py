"""What can happen to the platform, end to end: each scenario brings its pages, with Sev, runbook and resolution, and no
other. The rows are those of domain.md §2."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from watchdog.simulator.play import play
from watchdog.simulator.scenarios import SCENARIOS, Scenario

EXAMPLES = {
    "kill switch not halted": ("kill-switch", "KillSwitchNotHalted", 0),
    "AGENT_MODE is LIVE": ("agent-mode", "ForbiddenAgentMode", 0),
    "an execution workload above zero": ("scale-up", "ExecutionWorkloadAboveZero", 0),
    "for an instant": ("blip", "ExecutionWorkloadAboveZero", 0),
    "on Cloud Run": ("cloud-run", "ExecutionWorkloadAboveZero", 0),
    "neither safety fact can be seen": ("blind", "ExecutionUnverifiable", 0),
    "API server unreachable past its grace": ("blind", "SourceUnavailable", 1),
    "/healthz stale": ("stale-market-data", "MarketDataStale", 1),
    "oldest unacked message is critical": ("backlog-ages", "OldestUnackedMessage", 1),
    "oldest unacked message ages fast": ("backlog-ages", "OldestUnackedAgesRapidly", 1),
    "dead letters arrive": ("dead-letters", "DeadLettersArriving", 1),
    "dead letters are not drained": ("dead-letters", "DeadLettersUndrained", 2),
    "elevated error rate": ("elevated-errors", "ErrorRatio5xx", 2),
    "slow drain of a backlog": ("slow-drain", "BacklogDrainsSlowly", 2),
    "a crash loop on a non-critical workload": ("crash-loop", "CrashLoop", 2),
    "a missing dead-letter policy": ("missing-dead-letter-policy", "DeadLetterPolicyUnsound", 2),
    "Ops UI down while all else is healthy": ("ops-ui-down", "ServiceDown", 3),
    "Ops UI down in a larger incident": ("mission-control-down", "ServiceDown", 2),
    "a coverage gap that is known": ("coverage-gap", "CoverageGap", 3),
}
PLAYED = [scenario for scenario in SCENARIOS.values() if scenario.name != "quiet"]  # a day: tests/test_cli.py


@pytest.mark.parametrize("scenario", PLAYED, ids=lambda scenario: scenario.name)
def test_a_scenario_brings_its_pages_with_their_runbooks_and_no_other(scenario: Scenario) -> None:
    outcome = play(scenario)
    assert outcome.ok, outcome.text()
    assert {page.ends for page in outcome.pages} <= {"latched", "resolved"}, "each shows how it ends"
    for page in outcome.pages:
        assert page.delivered_ms is not None
        assert 0 <= page.detected_ms <= page.delivered_ms
    if scenario.name == "mission-control-down":
        assert len({page.incident for page in outcome.pages if page.alertname == "ServiceDown"}) == 1


@pytest.mark.parametrize(("name", "alertname", "sev"), EXAMPLES.values(), ids=EXAMPLES.keys())
def test_each_example_of_the_severity_table_has_a_scenario(name: str, alertname: str, sev: int) -> None:
    assert (alertname, sev) in [(expected.alertname, expected.sev) for expected in SCENARIOS[name].expects]


def test_a_page_that_nobody_expected_fails_a_scenario() -> None:
    outcome = play(replace(SCENARIOS["cloud-run"], expects=()))
    assert (outcome.ok, outcome.unexpected) == (False, ("ExecutionWorkloadAboveZero Sev-0",))


@pytest.mark.parametrize(
    "wrong", [{"sev": 1}, {"runbook": "RUNBOOK.md"}, {"ends": "resolved"}, {"detected_s": (6.0, 9.0)}], ids=str
)
def test_a_page_with_another_sev_runbook_end_or_time_fails_a_scenario(wrong: dict[str, Any]) -> None:
    (expected,) = SCENARIOS["cloud-run"].expects
    outcome = play(replace(SCENARIOS["cloud-run"], expects=(replace(expected, **wrong),)))
    assert (outcome.ok, len(outcome.missing), len(outcome.unexpected)) == (False, 1, 1)
