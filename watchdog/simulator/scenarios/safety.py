"""Sev-0 at every hour, and what it means to see nothing."""

from __future__ import annotations

from watchdog.simulator import kubectl
from watchdog.simulator.cloud_run import ENGINE
from watchdog.simulator.faults import Down
from watchdog.simulator.platform import Floor
from watchdog.simulator.scenarios.scenario import Act, Expected, Scenario, Step

LOCK = "ops/PRODUCTION_LOCK.md"
KUBECTL_SCALE = "kubectl -n agenttrader scale deploy/execution-agent --replicas"
KUBECTL_SET_ENV = "kubectl -n trading-floor set env statefulset/gamma-strategy AGENT_MODE"


def scale(replicas: int) -> Act:
    return lambda floor: kubectl.scale(floor.cluster, "deploy", "agenttrader", "execution-agent", replicas)


def switch(value: str) -> Act:
    return lambda floor: kubectl.set_data(
        floor.cluster, "trading-floor", "agenttrader-kill-switch", EXECUTION_HALTED=value
    )


def mode(value: str) -> Act:
    return lambda floor: kubectl.set_env(floor.cluster, "sts", "trading-floor", "gamma-strategy", AGENT_MODE=value)


def instances(number: int) -> Act:
    return lambda floor: floor.cloud_run.set_manual(ENGINE, number)


def api_server_down(floor: Floor) -> None:
    floor.server.faults.inject(Down())


def api_server_up(floor: Floor) -> None:
    floor.server.faults.clear(Down)


SAFETY = (
    Scenario(
        "scale-up",
        "an execution workload is scaled to 1 and back",
        (
            Step(1.0, f"{KUBECTL_SCALE}=1", scale(1)),
            Step(3.0, f"{KUBECTL_SCALE}=0", scale(0)),
        ),
        8.0,
        (Expected("ExecutionWorkloadAboveZero", 0, LOCK, "latched"),),
    ),
    Scenario(
        "kill-switch",
        "the kill switch is flipped to 0 and back",
        (
            Step(1.0, "EXECUTION_HALTED: 1 -> 0", switch("0")),
            Step(2.0, "EXECUTION_HALTED: 0 -> 1", switch("1")),
        ),
        4.0,
        (Expected("KillSwitchNotHalted", 0, "docs/KILL_SWITCH.md", "latched"),),
    ),
    Scenario(
        "agent-mode",
        "a strategy is set to AGENT_MODE=LIVE and back",
        (
            Step(1.0, f"{KUBECTL_SET_ENV}=LIVE", mode("LIVE")),
            Step(3.0, f"{KUBECTL_SET_ENV}=PAPER", mode("PAPER")),
        ),
        8.0,
        (Expected("ForbiddenAgentMode", 0, LOCK, "latched"),),
    ),
    Scenario(
        "blip",
        "an execution workload goes 0 -> 1 -> 0 within 50 ms",
        (
            Step(1.0, "replicas: 0 -> 1", scale(1)),
            Step(1.05, "replicas: 1 -> 0", scale(0)),
        ),
        6.0,
        (Expected("ExecutionWorkloadAboveZero", 0, LOCK, "latched"),),
    ),
    Scenario(
        "cloud-run",
        "the execution engine on Cloud Run is given an instance, and loses it again",
        (
            Step(60.0, "gcloud run services update execution-engine --scaling=1", instances(1)),
            Step(120.0, "gcloud run services update execution-engine --scaling=0", instances(0)),
        ),
        180.0,
        (Expected("ExecutionWorkloadAboveZero", 0, LOCK, "latched", (0.0, 6.0)),),
        virtual=True,
    ),
    Scenario(
        "blind",
        "the API server goes away for six minutes",
        (
            Step(60.0, "the API server goes away", api_server_down),
            Step(420.0, "the API server is back", api_server_up),
        ),
        480.0,
        (
            Expected("SourceUnavailable", 1, LOCK, "resolved", (13.9, 15.1)),
            Expected("DataPlaneSourceUnavailable", 2, "RUNBOOK.md", "resolved", (58.9, 60.1)),
            Expected("ExecutionUnverifiable", 0, LOCK, "resolved", (298.9, 300.1)),
        ),
        virtual=True,
    ),
)
