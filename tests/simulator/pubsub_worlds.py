"""The simulator's Pub/Sub behind the same face as the emulator's, so that the same cases run against both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from watchdog.ports import PubSub, SubscriptionShape
from watchdog.simulator.pubsub import Broker, InMemoryPubSub, described

from ..emulator import World


def broker() -> Broker:
    return Broker(lambda: datetime.now(UTC))


@dataclass
class Simulated(World):
    """What publishers, consumers and administrators do, on a ``Broker``. Raises what it raises."""

    broker: Broker = field(default_factory=broker)

    async def topic(self, short: str) -> str:
        name = self.name("topics", short)
        self.broker.create_topic(name)
        return name

    async def subscription(self, short: str, topic: str, **more: Any) -> str:
        name = self.name("subscriptions", short)
        self.broker.create_subscription(shaped(name, topic, more))
        return name

    async def delete(self, name: str) -> None:
        if "/topics/" in name:
            self.broker.delete_topic(name)
        else:
            self.broker.delete_subscription(name)

    async def publish(self, topic: str, data: bytes = b"poison", **attributes: str) -> str:
        return self.broker.publish(topic, data, attributes)

    async def pull(self, subscription: str, most: int = 1, *, waiting: bool = True) -> list[dict[str, Any]]:
        while not (letters := self.broker.deliver(subscription, most)) and waiting:
            await self.broker.change(subscription)
        attempts = [self.broker.attempts(subscription, letter.ack_id) for letter in letters]
        return [{"ackId": one.ack_id, "deliveryAttempt": n} for one, n in zip(letters, attempts, strict=True)]

    async def nack(self, subscription: str, received: dict[str, Any]) -> None:
        self.broker.nack(subscription, [received["ackId"]])

    async def acknowledge(self, subscription: str, received: list[dict[str, Any]]) -> None:
        self.broker.acknowledge(subscription, [one["ackId"] for one in received])


def shaped(name: str, topic: str, said: Mapping[str, Any]) -> SubscriptionShape:
    """The fields of the API's JSON that these tests use."""
    policy, retry = said.get("deadLetterPolicy", {}), said.get("retryPolicy", {})
    return replace(
        described(name, topic),
        labels=said.get("labels", {}),
        ack_deadline_seconds=said.get("ackDeadlineSeconds", 10),
        retention_seconds=float(said.get("messageRetentionDuration", "604800s").removesuffix("s")),
        push_endpoint=said.get("pushConfig", {}).get("pushEndpoint", ""),
        dead_letter_topic=policy.get("deadLetterTopic", ""),
        max_delivery_attempts=policy.get("maxDeliveryAttempts", 0),
        minimum_backoff_seconds=_seconds(retry, "minimumBackoff"),
        maximum_backoff_seconds=_seconds(retry, "maximumBackoff"),
    )


def _seconds(said: Mapping[str, str], name: str) -> float | None:
    return float(said[name].removesuffix("s")) if name in said else None


@dataclass(frozen=True)
class Side:
    """One of the two: who acts on it, and the port that looks at it."""

    world: World
    port: PubSub


def simulated() -> Side:
    world = Simulated("", None)  # type: ignore[arg-type]  # it opens no connection
    return Side(world, InMemoryPubSub(world.broker))
