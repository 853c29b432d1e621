"""Sev-1 in market hours: the data plane stands still."""

from __future__ import annotations

from watchdog.simulator.data_plane import Lane
from watchdog.simulator.platform import Floor
from watchdog.simulator.scenarios.scenario import Expected, Scenario, Step

SIGNALS = Lane("trade-signals")
MINUTE = 60.0
BACKLOG, DEAD = "RUNBOOK.md", "docs/dlq_and_retries.md"


def stop_tick(floor: Floor) -> None:
    floor.market_data.stop()


def start_tick(floor: Floor) -> None:
    floor.market_data.start()


def stop_consumer(floor: Floor) -> None:
    floor.data.stop_consumer(SIGNALS)


def start_consumer(floor: Floor) -> None:
    floor.data.start_consumer(SIGNALS)


def poison(floor: Floor) -> None:
    floor.data.poison(SIGNALS, 12)


def drain(floor: Floor) -> None:
    floor.data.drain(SIGNALS)


OUTAGES = (
    Scenario(
        "stale-market-data",
        "the tick stops in market hours, and comes back",
        (
            Step(60.0, "the tick stops", stop_tick),
            Step(400.0, "the tick is back", start_tick),
        ),
        600.0,
        (Expected("MarketDataStale", 1, "docs/ops/runbooks/marketdata_stale.md", "resolved", (55.0, 80.0)),),
        virtual=True,
    ),
    Scenario(
        "backlog-ages",
        "a consumer stands still for 20 minutes: its oldest unacked message ages by the second",
        (
            Step(1 * MINUTE, "the consumer of trade-signals-sub stops", stop_consumer),
            Step(21 * MINUTE, "the consumer is back, and catches up", start_consumer),
        ),
        34 * MINUTE,
        (
            Expected("OldestUnackedAgesRapidly", 1, BACKLOG, "resolved", (4 * MINUTE, 9 * MINUTE)),
            Expected("OldestUnackedMessage", 2, BACKLOG, "resolved", (5 * MINUTE, 9 * MINUTE)),
            Expected("OldestUnackedMessage", 1, BACKLOG, "resolved", (15 * MINUTE, 20 * MINUTE)),
            Expected("BacklogRising", 2, BACKLOG, "resolved", (15 * MINUTE, 19 * MINUTE)),
        ),
        virtual=True,
    ),
    Scenario(
        "dead-letters",
        "twelve messages of trade-signals are poison to their consumer; somebody looks, and drains them",
        (
            Step(1 * MINUTE, "twelve messages are refused five times", poison),
            Step(6 * MINUTE, "somebody pulls and acks the dead letters", drain),
        ),
        20 * MINUTE,
        (
            Expected("DeadLettersArriving", 1, DEAD, "resolved", (0.0, 0.1)),
            Expected("DeadLettersMany", 1, DEAD, "resolved", (0.0, 4 * MINUTE)),
            Expected("DeadLettersUndrained", 2, DEAD, "resolved", (0.0, 4 * MINUTE)),
        ),
        virtual=True,
    ),
)
