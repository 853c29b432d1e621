"""A small platform as a level: some of it safe, some unsafe, some out of sight."""

from __future__ import annotations

from tests.core.worlds import ABOVE_ZERO, KILL_SWITCH, SWITCHES, WORKLOADS, World, failed, saw, switch, workload
from watchdog.core.assessment import Assessment
from watchdog.core.facts import Blindspot, Endpoint, Fact, Gap, Market, Mode, Unknown, UnseenWrite
from watchdog.core.observation import Coverage, Scope

HEALTH = Scope("http_health", "marketdata")
MARKET = Scope("market_hours", "")
COVERAGE = {
    SWITCHES: Coverage(frozenset({"kill_switch"}), 5.0),
    WORKLOADS: Coverage(frozenset({"workload", "mode"}), 5.0),
    HEALTH: Coverage(frozenset({"endpoint"}), 20.0),
    MARKET: Coverage(frozenset({"market"}), 60.0),
}
AWAY = Unknown("Timeout", "no whole answer within 2 s")
ENDPOINT = Endpoint("marketdata", "http://m/healthz", False, str(AWAY), AWAY, AWAY, 60.0, AWAY, AWAY, False)


def mode(declared: str = "OBSERVE", workload: str = "strategy", live: int = 1, unsafe: bool = False) -> Mode:
    return Mode(
        "floor", "StatefulSet", workload, "main", "AGENT_MODE", declared, declared, unsafe, True, True, False, live
    )


def unsafe(*more: Fact) -> Assessment:
    """At 10 s: the switch is out of sight since 4 s, one execution workload runs, the market data does not answer."""
    world = World(KILL_SWITCH, ABOVE_ZERO, coverage=dict(COVERAGE))
    world.turn(0, saw(0, SWITCHES, switch()), saw(0, MARKET, Market("NYSE", True, "open until 16:00", True, 3650)))
    world.turn(4, failed(4, SWITCHES), saw(4, HEALTH, ENDPOINT))
    plain = workload(0, "mission-control", execution=False)
    return world.turn(10, saw(10, WORKLOADS, workload(1), plain, mode(), *more), failed(10, SWITCHES))


GAP = Gap("kubernetes", "watch", "2026-11-23T14:58:00.000Z", "2026-11-23T15:00:00.000Z", 120.0, "Expired", "compacted")
WRITE = UnseenWrite("floor", "ConfigMap", "<kill>", GAP.began, GAP.ended, "Rewritten", "revision 7 became 9", "Pod x")


def passed() -> Assessment:
    """At 10 s: it flipped twice, a gap lies behind it in which somebody wrote, and one kind is not observed."""
    world = World(KILL_SWITCH, ABOVE_ZERO)
    blind = Blindspot("kind", "rollouts.argoproj.io", "NotServed", "")
    world.turn(0, saw(0, SWITCHES, switch(), GAP, WRITE, blind), saw(0, WORKLOADS))
    world.turn(2, saw(1, WORKLOADS, workload(1)), saw(1.5, WORKLOADS, workload(0)))
    world.turn(6, saw(5, WORKLOADS, workload(2)), saw(5.25, WORKLOADS, workload(0)), saw(6, SWITCHES))
    return world.turn(10, saw(10, SWITCHES, switch(False)), saw(10, WORKLOADS))


def safe() -> Assessment:
    """At 1 s: everything is seen, and at rest."""
    world = World(KILL_SWITCH, ABOVE_ZERO)
    return world.turn(1, saw(1, SWITCHES, switch()), saw(1, WORKLOADS, workload(0)))
