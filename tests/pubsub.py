"""Pub/Sub in memory that writes down who was pulled from, for tests of one source; and the lane that they look at."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tests.fakes import Outside
from tests.virtual import in_virtual_time
from watchdog.core.facts import Fact
from watchdog.ports import Letter, Ports, SubscriptionShape, Unreachable
from watchdog.simulator.pubsub import Broker, InMemoryPubSub, described
from watchdog.simulator.virtual_time import VirtualClock
from watchdog.sources import Stream

PROJECT = "agenttrader"
SUBSCRIPTION = f"projects/{PROJECT}/subscriptions/signals-sub"
TOPIC = f"projects/{PROJECT}/topics/signals"
DEAD = f"projects/{PROJECT}/topics/signals-sub.dlq"
DRAIN = f"projects/{PROJECT}/subscriptions/signals-sub.dlq-drain"
TAP = f"projects/{PROJECT}/subscriptions/watchdog-tap.signals-sub.dlq"

Change = Callable[[SubscriptionShape], SubscriptionShape]


@dataclass
class Watched:
    """The port, as a source sees it. ``failing_acks``: so many acknowledgements are lost."""

    port: InMemoryPubSub
    pulled: list[str] = field(default_factory=list)
    failing_acks: int = 0

    async def subscription(self, name: str, timeout: float) -> SubscriptionShape:
        return await self.port.subscription(name, timeout)

    async def subscriptions(self, project: str, timeout: float) -> Sequence[SubscriptionShape]:
        return await self.port.subscriptions(project, timeout)

    async def topic_exists(self, name: str, timeout: float) -> bool:
        return await self.port.topic_exists(name, timeout)

    async def topic_subscriptions(self, topic: str, timeout: float) -> Sequence[str]:
        return await self.port.topic_subscriptions(topic, timeout)

    async def pull(self, tap: str, most: int, timeout: float) -> Sequence[Letter]:
        self.pulled.append(tap)
        return await self.port.pull(tap, most, timeout)

    async def acknowledge(self, tap: str, ack_ids: Sequence[str], timeout: float) -> None:
        if self.failing_acks:
            self.failing_acks -= 1
            raise Unreachable("Unavailable", "as the test wants it")
        await self.port.acknowledge(tap, ack_ids, timeout)

    async def publish(self, topic: str, data: bytes, attributes: Mapping[str, str], timeout: float) -> None:
        await self.port.publish(topic, data, attributes, timeout)

    async def oldest_unacked_seconds(self, subscription: str, timeout: float) -> float:
        return await self.port.oldest_unacked_seconds(subscription, timeout)


class Lane:
    """A sound subscription with its dead-letter topic, that one's drain, and our tap; in virtual time."""

    def __init__(self) -> None:
        clock = VirtualClock(asyncio.get_running_loop())
        self.broker = Broker(lambda: clock.now().wall)
        self.port = Watched(InMemoryPubSub(self.broker))
        self.ports: Ports = replace(Outside(clock=clock).ports(), pubsub=lambda endpoint: self.port)
        self.broker.create_topic(TOPIC)
        self.broker.create_topic(DEAD)
        sound = replace(
            described(SUBSCRIPTION, TOPIC),
            dead_letter_topic=DEAD,
            max_delivery_attempts=5,
            minimum_backoff_seconds=10.0,
            maximum_backoff_seconds=600.0,
        )
        self.broker.create_subscription(sound)
        self.broker.create_subscription(described(DRAIN, DEAD))
        self.broker.create_subscription(replace(described(TAP, DEAD), labels={"watchdog": "tap"}))

    @property
    def now(self) -> float:
        return self.ports.clock.now().mono

    def forward(self, number: int = 1, **attributes: str) -> None:
        """Dead letters of ``signals-sub``."""
        said = {"CloudPubSubDeadLetterSourceSubscription": "signals-sub", **attributes}
        for _ in range(number):
            self.broker.publish(DEAD, b"poison", said)

    async def one_look(self, stream: Stream) -> tuple[Fact, ...]:
        return (await anext(stream.looks(self.ports))).seen


def with_a_lane(test: Callable[[Lane], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """A test of a coroutine that gets a lane, in virtual time."""

    def run() -> None:
        async def whole() -> None:
            await test(Lane())

        in_virtual_time(whole())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run
