"""A small platform as a level: some of it safe, some unsafe, some out of sight."""

from __future__ import annotations

from tests.core.worlds import ABOVE_ZERO, KILL_SWITCH, START, SWITCHES, WORKLOADS, World, failed, saw, switch, workload
from watchdog.core.assessment import Assessment
from watchdog.core.facts import (
    Blindspot,
    Condition,
    DeadLetters,
    Endpoint,
    Fact,
    Gap,
    Heartbeat,
    Market,
    Metric,
    Mode,
    Pause,
    Service,
    Subscription,
    Unknown,
    UnseenWrite,
)
from watchdog.core.observation import Coverage, Observation, Scope

PUBSUB, PROMQL, SERVICES = Scope("pubsub", ""), Scope("promql", "backlog"), Scope("ops_status", "")
HEALTH = Scope("http_health", "marketdata")
MARKET = Scope("market_hours", "")
COVERAGE = {
    SWITCHES: Coverage(frozenset({"kill_switch"}), 5.0),
    WORKLOADS: Coverage(frozenset({"workload", "mode"}), 5.0),
    HEALTH: Coverage(frozenset({"endpoint"}), 20.0),
    MARKET: Coverage(frozenset({"market"}), 60.0),
}
DATA_PLANE = {
    PUBSUB: Coverage(frozenset({"subscription", "dead_letters"}), 60.0),
    PROMQL: Coverage(frozenset({"metric"}), 60.0),
    SERVICES: Coverage(frozenset({"service", "heartbeat", "pause", "condition"}), 60.0),
    MARKET: Coverage(frozenset({"market"}), 600.0),
}
NO_SERIES = Unknown("NoSeries", "it was there")
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


def measured(metric: str, series: str, value: float | Unknown, at_second: float = 0.0) -> Metric:
    return Metric(metric, series, value, START.timestamp() + at_second, 2.5, "critical", f"{metric} of {series}")


def flowing(blind: bool = False, *more: Fact) -> Assessment:
    """At 300 s: a backlog has been rising since 0 s, letters arrive, one service is down and ingestion is paused;
    ``blind``: Pub/Sub and the metrics have been out of sight since."""
    world = World(coverage=dict(DATA_PLANE))
    for second in range(0, 301, 30):
        backlog = measured("undelivered_messages", "signals-sub", 100.0 + second, second)
        age = measured("oldest_unacked_seconds", "signals-sub", NO_SERIES)
        world.turn(second, saw(second, PROMQL, backlog, age), saw(second, SERVICES, *_services()), _told(second, *more))
    if not blind:
        return world.assessment
    return world.turn(310, failed(310, PROMQL), failed(310, PUBSUB), failed(310, SERVICES), failed(310, MARKET))


def _services() -> list[Fact]:
    up = Service("mission-control", "http://mc", "important", True, True, "OK", 1.0, 2.0, "it answers")
    down = Service("strategy", "http://s", "important", False, False, "", AWAY, AWAY, "Timeout")
    return [
        up,
        down,
        Heartbeat("strategy", "floor/beat", "important", False, True, 42.0, 180.0, ""),
        Heartbeat("ops-cron", "floor/cron", "optional", False, False, Unknown("Never"), 180.0, ""),
        Pause("INGEST_ENABLED", "file", "/x", True, "INGEST_ENABLED is 0"),
        *(Condition("floor", "Deployment", name, "CrashLoop", "optional", 1, "") for name in ("a", "b")),
        Condition("", "Node", "n1", "MemoryPressure", "important", 0, ""),
    ]


def _told(second: float, *more: Fact) -> Observation:
    flows = Subscription("p", "signals-sub", "critical", "signals", True, "signals.dlq", True, "", "")
    gone = Subscription("p", "ticks-sub", "critical", AWAY, False, AWAY, AWAY, AWAY, "NotFound")
    letters = DeadLetters("p", "signals.dlq", "signals-sub", 7, 3, 600.0, 0.3, "", "", "64 bytes")
    market = Market("NYSE", True, "open until 16:00", False, 100)
    return saw(second, PUBSUB, flows, gone, letters, market, *more)
