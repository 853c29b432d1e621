"""The messages of the trading floor: its topics, their consumers, and what monitoring measures of both. domain.md §7.

Nothing is published by itself: what flows is only measured. What is said of a lane is done and measured both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from watchdog.ports import SubscriptionShape, Unreachable
from watchdog.simulator.metrics import Metrics
from watchdog.simulator.pubsub import Broker, described

PROJECT = "projects/agenttrader"
TOPICS = ("system-events", "market-ticks", "market-bars-1m", "trade-signals")
STRATEGIES = ("strategy-engine", "gamma-strategy", "whale-strategy")
SERVICES = ("marketdata-mcp-server", "mission-control", *STRATEGIES)
INGEST = "market-ingest"
AGE, UNDELIVERED, DEAD = "oldest_unacked_seconds", "undelivered_messages", "dead_letter_backlog"
ARRIVED, ARRIVED_WITHIN = "dead_letters_arrived", 600.0  # seconds
FLOOD = "publish_rate_ratio"
RATIOS = ("error_ratio_5xx", "error_ratio_4xx")
ATTEMPTS = 5
POISON = {"schema": "unknown"}
"""Attributes of a message that no consumer can process."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One topic with its consumer's subscription and what takes its dead letters. Names are short."""

    topic: str

    @property
    def subscription(self) -> str:
        return f"{self.topic}-sub"

    @property
    def dead_letters(self) -> str:
        return f"{self.subscription}.dlq"

    @property
    def drain(self) -> str:
        return f"{self.dead_letters}-drain"

    @property
    def tap(self) -> str:
        return f"watchdog-tap.{self.dead_letters}"


LANES = tuple(Lane(topic) for topic in TOPICS)


def topic(name: str) -> str:
    return f"{PROJECT}/topics/{name}"


def subscription(name: str) -> str:
    return f"{PROJECT}/subscriptions/{name}"


class DataPlane:
    """``broker``: what is configured and held; ``metrics``: what is measured."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.broker, self.metrics = Broker(now), Metrics(now)
        for lane in LANES:
            _lay(lane, self.broker)
        for metric, labels, value in _measured():
            self.metrics.begin(metric, (labels,), value)

    def poison(self, lane: Lane, letters: int = 1) -> None:
        """Messages that their consumer refuses as often as it may: each becomes a dead letter at once, where the
        subscription has a policy that says so."""
        source, before = subscription(lane.subscription), self._held(lane.drain)
        for number in range(letters):
            body = b'{"signal":"?","token":"not-for-your-eyes","number":%d}' % number
            self.broker.publish(topic(lane.topic), body, POISON)
        for _ in range(ATTEMPTS + 1):  # the last one finds that it may not
            self.broker.nack(source, [letter.ack_id for letter in self.broker.deliver(source, 1_000)])
        dead = self._held(lane.drain) - before
        self.metrics.put(DEAD, (lane.drain,), self.metrics.value(DEAD, (lane.drain,)) + dead)
        self.metrics.count(ARRIVED, (lane.subscription,), dead, ARRIVED_WITHIN)

    def drain(self, lane: Lane) -> None:
        """Somebody has looked at the dead letters of a lane, and acked them."""
        with suppress(Unreachable):  # there is no drain any more
            letters = self.broker.deliver(subscription(lane.drain), 1_000)
            self.broker.acknowledge(subscription(lane.drain), [letter.ack_id for letter in letters])
        self.metrics.put(DEAD, (lane.drain,), 0.0)

    def stop_consumer(self, lane: Lane, rate: float = 5.0, waiting: float = 0.0) -> None:
        """Nobody takes what comes, ``rate`` messages a second; ``waiting``: how old the oldest is already (seconds)."""
        self.metrics.put(AGE, (lane.subscription,), waiting)
        self.metrics.slope(AGE, (lane.subscription,), 1.0)
        self.metrics.put(UNDELIVERED, (lane.subscription,), waiting * rate)
        self.metrics.slope(UNDELIVERED, (lane.subscription,), rate)

    def drain_slowly(self, lane: Lane, waiting: float, rate: float) -> None:
        """``waiting`` messages have piled up, and are worked off at ``rate`` a second."""
        self.metrics.put(UNDELIVERED, (lane.subscription,), waiting)
        self.metrics.slope(UNDELIVERED, (lane.subscription,), -rate)

    def start_consumer(self, lane: Lane) -> None:
        """It is back, and has caught up."""
        self.metrics.put(AGE, (lane.subscription,), 1.0)
        self.metrics.put(UNDELIVERED, (lane.subscription,), 0.0)

    def errors(self, service: str, ratio: float, metric: str = "error_ratio_5xx") -> None:
        """From now on that part of a service's answers are errors."""
        self.metrics.put(metric, (service,), ratio)

    def forget_dead_letters(self, lane: Lane) -> None:
        """Somebody clears the dead-letter policy: poison is redelivered for ever."""
        self.broker.update(
            subscription(lane.subscription), lambda shape: replace(shape, dead_letter_topic="", max_delivery_attempts=0)
        )

    def remember_dead_letters(self, lane: Lane) -> None:
        self.broker.update(subscription(lane.subscription), lambda shape: _consumed(lane))

    def _held(self, name: str) -> int:
        try:
            return self.broker.undelivered(subscription(name))
        except Unreachable:
            return 0


def _lay(lane: Lane, broker: Broker) -> None:
    broker.create_topic(topic(lane.topic))
    broker.create_topic(topic(lane.dead_letters))
    broker.create_subscription(_consumed(lane))
    broker.create_subscription(described(subscription(lane.drain), topic(lane.dead_letters)))
    tap = described(subscription(lane.tap), topic(lane.dead_letters))
    broker.create_subscription(replace(tap, labels={"watchdog": "tap"}))


def _consumed(lane: Lane) -> SubscriptionShape:
    return replace(
        described(subscription(lane.subscription), topic(lane.topic)),
        ack_deadline_seconds=60,
        dead_letter_topic=topic(lane.dead_letters),
        max_delivery_attempts=ATTEMPTS,
        minimum_backoff_seconds=10.0,
        maximum_backoff_seconds=600.0,
    )


def _measured() -> Iterator[tuple[str, str, float]]:
    """(metric, its label, value) on a day on which all is well."""
    for lane in LANES:
        yield from ((AGE, lane.subscription, 1.0), (UNDELIVERED, lane.subscription, 0.0), (DEAD, lane.drain, 0.0))
        yield from (("redelivery_ratio", lane.subscription, 0.0), ("publish_rate", lane.topic, 5.0))
        yield from ((FLOOD, lane.topic, 0.9), (ARRIVED, lane.subscription, 0.0))
    yield from ((ratio, INGEST, 0.0) for ratio in RATIOS)
    for service in SERVICES:
        yield "heartbeat_age_seconds", service, 15.0
    for strategy in STRATEGIES:
        yield "strategy_cycles_rate", strategy, 0.2
