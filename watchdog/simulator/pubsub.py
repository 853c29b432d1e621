"""Pub/Sub in memory: topics, subscriptions, leases, delivery attempts and dead letters, as the emulator has them.

What holds of both is held by the same cases (tests/simulator/test_pubsub.py). As there, a message that was delivered as
often as its policy allows is forwarded when its consumer next asks for messages. Nothing waits for a retry policy's
backoff: that is only described.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count

from watchdog.ports import Letter, SubscriptionShape, Unreachable

DELETED_TOPIC = "_deleted-topic_"
HANGING = "Hanging"
"""The fault of a service that takes a call and never answers."""
HEAD = 256
"""Bytes of a message that a letter shows."""


@dataclass(frozen=True, slots=True)
class Message:
    id: str
    published: datetime
    data: bytes
    attributes: Mapping[str, str]


@dataclass(slots=True)
class _Held:
    """A message on one subscription, until it is acked there."""

    message: Message
    free_at: float  # epoch seconds: from then on it may be delivered (again)
    attempts: int = 0
    ack_id: str = ""


@dataclass(slots=True)
class _Subscription:
    shape: SubscriptionShape
    held: list[_Held] = field(default_factory=list)


def described(name: str, topic: str) -> SubscriptionShape:
    """A subscription with the service's defaults; names are whole. Vary it with ``dataclasses.replace``."""
    return SubscriptionShape(name, topic, {}, "ACTIVE", False, 10, 604_800.0, "", "", 0, None, None, "")


class Broker:
    """The service itself. Raises ``Unreachable('NotFound')`` for a topic or subscription that does not exist.

    What changes it changes it at once, and wakes everyone who waits in ``change``.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now, self._numbers = now, count(1)
        self._topics: list[str] = []
        self._subscriptions: dict[str, _Subscription] = {}
        self._faults: dict[str, str] = {}
        self._changed = asyncio.Event()

    def create_topic(self, name: str) -> None:
        self._topics.append(name)

    def delete_topic(self, name: str) -> None:
        self._topics.remove(name)
        for held in self._subscriptions.values():
            if held.shape.topic == name:
                held.shape = replace(held.shape, topic=DELETED_TOPIC)
        self._wake()

    def create_subscription(self, shape: SubscriptionShape) -> None:
        self._subscriptions[shape.name] = _Subscription(shape)

    def update(self, name: str, change: Callable[[SubscriptionShape], SubscriptionShape]) -> None:
        """As ``gcloud pubsub subscriptions update``, or ``detach``."""
        found = self._found(name)
        found.shape = change(found.shape)
        self._wake()

    def delete_subscription(self, name: str) -> None:
        del self._subscriptions[self._found(name).shape.name]
        self._wake()

    def publish(self, topic: str, data: bytes, attributes: Mapping[str, str] | None = None) -> str:
        """The id of the message that every attached subscription of the topic now holds."""
        if topic not in self._topics:
            raise Unreachable("NotFound", f"{topic} does not exist")
        message = Message(str(next(self._numbers)), self._now(), data, attributes or {})
        for subscription in self._subscriptions.values():
            if subscription.shape.topic == topic and not subscription.shape.detached:
                subscription.held.append(_Held(message, 0.0))
        self._wake()
        return message.id

    def deliver(self, name: str, most: int) -> list[Letter]:
        """What may be delivered now, leased for the subscription's ack deadline."""
        found, letters = self._found(name), list[Letter]()
        if found.shape.detached:
            raise Unreachable("FailedPrecondition", f"{name} is detached")
        now = self._now().timestamp()
        for held in [held for held in found.held if held.free_at <= now]:
            if len(letters) < most and not self._forwarded(found, held):
                held.attempts, held.free_at = held.attempts + 1, now + found.shape.ack_deadline_seconds
                held.ack_id = f"{name}:{next(self._numbers)}"
                letters.append(_letter(held))
        return letters

    def acknowledge(self, name: str, ack_ids: Sequence[str]) -> None:
        found = self._found(name)
        found.held = [held for held in found.held if held.ack_id not in ack_ids]

    def nack(self, name: str, ack_ids: Sequence[str]) -> None:
        for held in self._found(name).held:
            held.free_at = 0.0 if held.ack_id in ack_ids else held.free_at
        self._wake()

    def attempts(self, name: str, ack_id: str) -> int:
        """How often the message was delivered that was last delivered so. Raises ``StopIteration`` once it is gone."""
        return next(held.attempts for held in self._found(name).held if held.ack_id == ack_id)

    def undelivered(self, name: str) -> int:
        """How many messages the subscription holds, those under way included."""
        return len(self._found(name).held)

    def oldest_unacked_seconds(self, name: str) -> float:
        published = [held.message.published for held in self._found(name).held]
        return (self._now() - min(published)).total_seconds() if published else 0.0

    def shape(self, name: str) -> SubscriptionShape:
        return self._found(name).shape

    @property
    def shapes(self) -> Sequence[SubscriptionShape]:
        return [subscription.shape for subscription in self._subscriptions.values()]

    @property
    def topics(self) -> Sequence[str]:
        return tuple(self._topics)

    def fail(self, reason: str, name: str = "") -> None:
        """From now on each call about ``name`` (a project, topic or subscription; empty: every call) fails so:
        Unavailable (it is down), PermissionDenied, NotFound, ResourceExhausted, or ``HANGING``."""
        self._faults[name] = reason
        self._wake()

    def recover(self, name: str = "") -> None:
        self._faults.pop(name, None)
        self._wake()

    def fault(self, name: str) -> str:
        """What is wrong with calls about ``name``; empty if nothing is."""
        return self._faults.get(name) or self._faults.get("", "")

    async def change(self, name: str = "") -> None:
        """Until something changes, or a lease on subscription ``name`` ends."""
        held = self._subscriptions[name].held if name in self._subscriptions else []
        ends = min((one.free_at for one in held), default=None)
        left = None if ends is None else max(ends - self._now().timestamp(), 0.0) + 0.001
        with suppress(TimeoutError):
            async with asyncio.timeout(left):
                await self._changed.wait()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _found(self, name: str) -> _Subscription:
        found = self._subscriptions.get(name)
        if found is None:
            raise Unreachable("NotFound", f"{name} does not exist")
        return found

    def _forwarded(self, source: _Subscription, held: _Held) -> bool:
        """Whether it went to the dead-letter topic; where there is none (any more), it is delivered for ever."""
        shape = source.shape
        if shape.dead_letter_topic not in self._topics or held.attempts < shape.max_delivery_attempts:
            return False
        self.publish(shape.dead_letter_topic, held.message.data, {**held.message.attributes, **_origin(shape, held)})
        source.held.remove(held)
        return True


def _origin(shape: SubscriptionShape, held: _Held) -> dict[str, str]:
    """What the service adds to a dead letter. cloud.google.com/pubsub/docs/handling-failures."""
    _, project, _, name = shape.name.split("/")
    published = held.message.published.astimezone(UTC).isoformat(timespec="milliseconds")
    return {
        "CloudPubSubDeadLetterSourceDeliveryCount": str(held.attempts),
        "CloudPubSubDeadLetterSourceSubscription": name,
        "CloudPubSubDeadLetterSourceSubscriptionProject": project,
        "CloudPubSubDeadLetterSourceTopicPublishTime": published.replace("+00:00", "Z"),
    }


def _letter(held: _Held) -> Letter:
    said = held.message
    return Letter(held.ack_id, said.id, said.published, said.attributes, len(said.data), said.data[:HEAD])


@dataclass(frozen=True, slots=True)
class InMemoryPubSub:
    """The project's ``PubSub`` port on a ``Broker``, with the reasons of the adapter for real servers."""

    broker: Broker

    async def subscription(self, name: str, timeout: float) -> SubscriptionShape:
        await self._reached(name, timeout)
        return self.broker.shape(name)

    async def subscriptions(self, project: str, timeout: float) -> Sequence[SubscriptionShape]:
        await self._reached(project, timeout)
        return [shape for shape in self.broker.shapes if shape.name.startswith(f"{project}/")]

    async def topic_exists(self, name: str, timeout: float) -> bool:
        await self._reached(name, timeout)
        return name in self.broker.topics

    async def topic_subscriptions(self, topic: str, timeout: float) -> Sequence[str]:
        await self._reached(topic, timeout)
        return [shape.name for shape in self.broker.shapes if shape.topic == topic]

    async def pull(self, tap: str, most: int, timeout: float) -> Sequence[Letter]:
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._reached(tap, timeout)
                while not (letters := self.broker.deliver(tap, most)):
                    await self.broker.change(tap)
                    await self._reached(tap, timeout)
                return letters
        if self.broker.fault(tap) == HANGING:
            raise Unreachable("Timeout", f"no answer within {timeout:g} s")
        return ()

    async def acknowledge(self, tap: str, ack_ids: Sequence[str], timeout: float) -> None:
        await self._reached(tap, timeout)
        self.broker.acknowledge(tap, ack_ids)

    async def publish(self, topic: str, data: bytes, attributes: Mapping[str, str], timeout: float) -> None:
        await self._reached(topic, timeout)
        self.broker.publish(topic, data, attributes)

    async def oldest_unacked_seconds(self, subscription: str, timeout: float) -> float:
        await self._reached(subscription, timeout)
        return self.broker.oldest_unacked_seconds(subscription)

    async def _reached(self, name: str, timeout: float) -> None:
        """Returns when the service answers a call about ``name``."""
        try:
            async with asyncio.timeout(timeout):
                while (fault := self.broker.fault(name)) == HANGING:
                    await self.broker.change()
        except TimeoutError:
            raise Unreachable("Timeout", f"no answer within {timeout:g} s") from None
        if fault:
            raise Unreachable(fault, f"{name}: {fault}")
