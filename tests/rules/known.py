"""Facts and globals for the tests of rules, and ``rules_of``, which reads one file of rules."""

from __future__ import annotations

from watchdog.core.facts import Core, Ingest, KillSwitch, Market, Mode, Safety, Unknown, Watchdog, Workload
from watchdog.core.ruleset import Globals, RuleSet
from watchdog.rules.load import load

GLOBALS: Globals = {
    "safety": Safety(True, True, False, False, ""),
    "market": Market("NYSE", True, "open", True, 3650),
    "core": Core(True, ""),
    "ingest": Ingest(False, "ingestion is not paused"),
    "watchdog": Watchdog(0, 0, ""),
}
FORBIDDEN = Unknown("Forbidden", "pods is forbidden")


def workload(
    desired: int | Unknown = 0, reported: int | Unknown = 0, live: int | Unknown = 0, execution: bool = True
) -> Workload:
    return Workload("agenttrader", "Deployment", "execution-agent", execution, "name", desired, reported, live)


def switch(halted: bool | Unknown = True, explanation: str = 'value "1"') -> KillSwitch:
    return KillSwitch("EXECUTION_HALTED", "config_map", "floor/kill-switch", halted, "1", explanation)


def mode(declared: str | Unknown = "OFF", variable: str = "AGENT_MODE", live: int | Unknown = 0) -> Mode:
    return Mode("floor", "StatefulSet", "gamma", "main", variable, declared, "", False, True, True, True, live)


ABOVE_ZERO = """
groups:
  - name: execution
    rules:
      - alert: AboveZero
        each: workload
        expr: workload.execution && workload.live > 0
        severity: 0
        unknown: {severity: 1, for: 15s}
        annotations: {summary: "{{ workload.workload }} runs {{ workload.live }}"}
"""


def rules_of(text: str = ABOVE_ZERO, runbooks: frozenset[str] | None = None) -> RuleSet:
    return load([("rules.yaml", text)], runbooks)
