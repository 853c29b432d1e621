"""What can happen on the trading floor, and which pages it must bring: for the demo and for the end-to-end tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from watchdog.simulator import kubectl
from watchdog.simulator.faults import Down
from watchdog.simulator.platform import Floor

Act = Callable[[Floor], None]


@dataclass(frozen=True, slots=True)
class Step:
    at: float  # seconds after the start
    says: str  # what a person would have typed, or what happened
    act: Act


@dataclass(frozen=True, slots=True)
class Expected:
    """A page that must come, and what must have become of its alert at the end (latched, resolved or firing)."""

    alertname: str
    sev: int
    ends: str
    detected_s: tuple[float, float] | None = None  # in virtual time: the bounds of its detection, in seconds


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    does: str
    steps: tuple[Step, ...]
    lasts: float  # seconds
    expects: tuple[Expected, ...]
    virtual: bool = False  # in virtual time (from virtual_time.START on), because it takes minutes or a day


def scale(replicas: int) -> Act:
    return lambda floor: _only(kubectl.scale(floor.cluster, "deploy", "agenttrader", "execution-agent", replicas))


def switch(value: str) -> Act:
    return lambda floor: _only(
        kubectl.set_data(floor.cluster, "trading-floor", "agenttrader-kill-switch", EXECUTION_HALTED=value)
    )


def mode(value: str) -> Act:
    return lambda floor: _only(
        kubectl.set_env(floor.cluster, "sts", "trading-floor", "gamma-strategy", AGENT_MODE=value)
    )


def _only(_: object) -> None:
    """What kubectl answers is of no interest here."""


def stop_tick(floor: Floor) -> None:
    floor.market_data.stop()


def start_tick(floor: Floor) -> None:
    floor.market_data.start()


def api_server_down(floor: Floor) -> None:
    floor.server.faults.inject(Down())


def api_server_up(floor: Floor) -> None:
    floor.server.faults.clear(Down)


SCENARIOS: Mapping[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        Scenario("quiet", "a day on which nothing happens", (), 86_400.0, (), virtual=True),
        Scenario(
            "scale-up",
            "an execution workload is scaled to 1 and back",
            (
                Step(1.0, "kubectl -n agenttrader scale deploy/execution-agent --replicas=1", scale(1)),
                Step(3.0, "kubectl -n agenttrader scale deploy/execution-agent --replicas=0", scale(0)),
            ),
            8.0,
            (Expected("ExecutionWorkloadAboveZero", 0, "latched"),),
        ),
        Scenario(
            "kill-switch",
            "the kill switch is flipped to 0 and back",
            (
                Step(1.0, "EXECUTION_HALTED: 1 -> 0", switch("0")),
                Step(2.0, "EXECUTION_HALTED: 0 -> 1", switch("1")),
            ),
            4.0,
            (Expected("KillSwitchNotHalted", 0, "latched"),),
        ),
        Scenario(
            "agent-mode",
            "a strategy is set to AGENT_MODE=LIVE",
            (
                Step(
                    1.0,
                    "kubectl -n trading-floor set env statefulset/gamma-strategy AGENT_MODE=LIVE",
                    mode("LIVE"),
                ),
            ),
            3.0,
            (Expected("ForbiddenAgentMode", 0, "firing"),),
        ),
        Scenario(
            "blip",
            "an execution workload goes 0 -> 1 -> 0 within 50 ms",
            (
                Step(1.0, "replicas: 0 -> 1", scale(1)),
                Step(1.05, "replicas: 1 -> 0", scale(0)),
            ),
            6.0,
            (Expected("ExecutionWorkloadAboveZero", 0, "latched"),),
        ),
        Scenario(
            "stale-market-data",
            "the tick stops in market hours, and comes back",
            (
                Step(60.0, "the tick stops", stop_tick),
                Step(400.0, "the tick is back", start_tick),
            ),
            600.0,
            (Expected("MarketDataStale", 1, "resolved", (55.0, 80.0)),),
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
                Expected("SourceUnavailable", 1, "resolved", (13.9, 15.1)),
                Expected("ExecutionUnverifiable", 0, "resolved", (298.9, 300.1)),
            ),
            virtual=True,
        ),
    )
}
