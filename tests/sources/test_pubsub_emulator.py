"""The Pub/Sub sources as the daemon runs them, under supervision, on the real emulator and on what no emulator does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import grpc
import pytest

from tests.emulator import Emulator, Lane, World, world
from tests.fakes import Outside
from tests.grpc_server import Refusal, refusing
from tests.proxy import Mode, proxied
from watchdog.adapters.clock import SystemClock
from watchdog.adapters.pubsub import GrpcPubSub
from watchdog.core.facts import DeadLetters, Fact, Metric, Subscription, Unknown
from watchdog.core.observation import Facts, Observation, Scope
from watchdog.sources import Source
from watchdog.sources.pubsub_backlog import Measured, PubSubBacklog
from watchdog.sources.pubsub_dead_letters import PubSubDeadLetters, Tap
from watchdog.sources.pubsub_subscriptions import Declared, PubSubSubscriptions
from watchdog.supervision import Inbox, watch_over_stream

PATIENCE = 15.0
"""Seconds for what is due in a second or two."""
RECOVERY = 5.0
"""Seconds after a service's return within which it must be seen again."""


@dataclass
class Seen:
    """What supervision made of one source."""

    inbox: Inbox = field(default_factory=Inbox)
    waiting: list[Observation] = field(default_factory=list)

    async def until(self, wanted: Callable[[Observation], bool], within: float = PATIENCE) -> Observation:
        """The next observation that is wanted; those before it are passed over."""
        async with asyncio.timeout(within):
            while True:
                while self.waiting:
                    if wanted(observation := self.waiting.pop(0)):
                        return observation
                await self.inbox.something_new_or(within)
                self.waiting.extend(self.inbox.drain())

    async def fact(self, kind: type[Fact], within: float = PATIENCE) -> Any:
        def tells(observation: Observation) -> bool:
            return isinstance(observation.facts, Facts) and any(isinstance(f, kind) for f in observation.facts.seen)

        facts = (await self.until(tells, within)).facts
        assert isinstance(facts, Facts)
        return next(fact for fact in facts.seen if isinstance(fact, kind))

    async def unknown(self, within: float = PATIENCE) -> Unknown:
        facts = (await self.until(lambda observation: isinstance(observation.facts, Unknown), within)).facts
        assert isinstance(facts, Unknown)
        return facts

    async def sight(self, within: float = RECOVERY) -> None:
        await self.until(lambda observation: isinstance(observation.facts, Facts), within)


@contextlib.asynccontextmanager
async def watched(source: Source, address: str) -> AsyncIterator[Seen]:
    """``source`` in its daemon: each of its streams supervised."""
    seen, client = Seen(), GrpcPubSub(address, None)
    ports = replace(Outside(clock=SystemClock()).ports(), pubsub=lambda endpoint: client)
    streams = [
        asyncio.create_task(watch_over_stream(Scope(source.name, part), stream, ports, seen.inbox))
        for part, stream in source.streams().items()
    ]
    try:
        yield seen
    finally:
        for stream in streams:
            stream.cancel()
        await asyncio.gather(*streams, return_exceptions=True)
        await client.close()


def dead_letters(lane: Lane, tap: str = "", topic: str = "") -> PubSubDeadLetters:
    taps = (Tap(topic or lane.dead_letter_topic, tap or lane.tap),)
    return PubSubDeadLetters("dead letters", lane.project, taps, poll_seconds=2.0, timeout=1.0, stale_after=10.0)


def subscriptions(lane: Lane) -> PubSubSubscriptions:
    declared = (Declared(lane.subscription.rpartition("/")[2], lane.topic, "critical"),)
    return PubSubSubscriptions(
        "subscriptions", lane.project, declared, poll_interval=0.5, timeout=1.0, stale_after=10.0
    )


def backlog(lane: Lane) -> PubSubBacklog:
    measured = (Measured(lane.subscription.rpartition("/")[2]),)
    return PubSubBacklog("backlog", lane.project, measured, poll_interval=0.5, timeout=1.5, stale_after=10.0)


SOURCES: dict[str, Callable[[Lane], Source]] = {
    "dead letters": dead_letters,
    "subscriptions": subscriptions,
    "backlog": backlog,
}


async def test_a_message_refused_five_times_is_told_with_topic_source_and_count(pubsub: World) -> None:
    lane = await pubsub.lane()
    async with watched(dead_letters(lane), pubsub.address) as seen:
        await seen.sight()
        await pubsub.poison(lane, b'{"symbol": "SPY"}', kind="order", api_key="hunter2")
        told: DeadLetters = await seen.fact(DeadLetters)
    assert (told.topic, told.subscription) == (lane.dead_letter_topic, "trade-signals-sub")
    assert (told.count, told.recent, told.project) == (1, 1, lane.project)
    assert "kind=order" in told.sample and "CloudPubSubDeadLetterSourceDeliveryCount=5" in told.sample
    assert "17 bytes" in told.sample and "SPY" in told.sample and "hunter2" not in told.sample
    assert told.oldest < told.newest


async def test_the_consumers_subscription_and_its_delivery_attempts_are_untouched(pubsub: World) -> None:
    lane = await pubsub.lane()
    async with watched(dead_letters(lane), pubsub.address) as seen:
        await seen.sight()
        await pubsub.poison(lane)  # each of its five attempts is asserted there
        await seen.fact(DeadLetters)
        await pubsub.publish(lane.topic, b"live")
        await seen.sight()
        await seen.sight()
    (received,) = await pubsub.pull(lane.subscription)
    assert received["deliveryAttempt"] == 1
    assert len(await pubsub.pull(lane.drain, 10, waiting=False)) == 1  # the drain's copy is the drain's


async def test_what_was_told_is_acknowledged_on_the_tap(pubsub: World) -> None:
    lane = await pubsub.lane()
    client = GrpcPubSub(pubsub.address, None)
    async with watched(dead_letters(lane), pubsub.address) as seen:
        await seen.sight()
        await pubsub.publish(lane.dead_letter_topic)
        await seen.fact(DeadLetters)
        await seen.sight()  # the look after it: the ack is done
    assert await client.oldest_unacked_seconds(lane.tap, 5.0) < 0.005
    await client.close()


async def test_a_tap_that_is_missing_is_unknown_with_a_command_and_seen_once_it_is_created(pubsub: World) -> None:
    lane = await pubsub.lane(tap=False)
    async with watched(dead_letters(lane), pubsub.address) as seen:
        missing = await seen.unknown()
        assert missing.reason == "NotFound"
        assert f"gcloud pubsub subscriptions create {lane.tap} --topic={lane.dead_letter_topic} " in missing.message
        await pubsub.subscription(lane.tap.rpartition("/")[2], lane.dead_letter_topic, labels={"watchdog": "tap"})
        await seen.sight()
        await pubsub.poison(lane)
        assert (await seen.fact(DeadLetters)).count == 1


@pytest.mark.parametrize("of", ["subscription", "drain"])
async def test_what_is_not_our_tap_is_never_pulled_from(pubsub: World, of: str) -> None:
    """A consumer's own subscription (with the label, but on another topic), and a drain (without the label)."""
    lane = await pubsub.lane()
    marked = await pubsub.subscription("marked", lane.topic, labels={"watchdog": "tap"}, deadLetterPolicy={
        "deadLetterTopic": lane.dead_letter_topic, "maxDeliveryAttempts": 5})  # fmt: skip
    victim = marked if of == "subscription" else lane.drain
    await pubsub.publish(lane.topic if of == "subscription" else lane.dead_letter_topic)
    async with watched(dead_letters(lane, victim), pubsub.address) as seen:
        for _ in range(3):
            assert (await seen.unknown()).reason == "NotATap"
    (received,) = await pubsub.pull(victim, waiting=False)  # it is under lease to nobody
    assert received.get("deliveryAttempt", 1) == 1


async def test_a_subscription_is_seen_as_it_is_and_as_it_becomes(pubsub: World) -> None:
    lane = await pubsub.lane()
    async with watched(subscriptions(lane), pubsub.address) as seen:
        first: Subscription = await seen.fact(Subscription)
        assert (first.delivering, first.topic, first.drift) == (True, "trade-signals", "")
        assert first.dead_letters_sound is False and "no retry policy" in first.explanation
        await pubsub.delete(lane.topic)
        await seen.until(lambda o: _told(o).delivering is False and "deleted" in _told(o).explanation)
        await pubsub.delete(lane.subscription)
        await seen.until(lambda o: _told(o).delivering is False and _told(o).explanation == "it does not exist")


async def test_a_sound_subscription_is_sound_until_its_dead_letter_topic_is_drained_by_nobody(pubsub: World) -> None:
    lane = await pubsub.lane()
    await pubsub.delete(lane.subscription)
    await pubsub.subscription("trade-signals-sub", lane.topic, deadLetterPolicy={
        "deadLetterTopic": lane.dead_letter_topic, "maxDeliveryAttempts": 5,
    }, retryPolicy={"minimumBackoff": "10s", "maximumBackoff": "600s"})  # fmt: skip
    async with watched(subscriptions(lane), pubsub.address) as seen:
        assert (await seen.fact(Subscription)).dead_letters_sound is True
        await pubsub.delete(lane.drain)
        await seen.until(lambda o: "nobody reads" in _told(o).explanation)
        await pubsub.delete(lane.dead_letter_topic)
        await seen.until(lambda o: "does not exist" in _told(o).explanation)


def _told(observation: Observation) -> Subscription:
    assert isinstance(observation.facts, Facts)
    (fact,) = observation.facts.seen
    assert isinstance(fact, Subscription)
    return fact


async def test_the_backlog_is_measured_on_the_real_thing(pubsub: World) -> None:
    lane = await pubsub.lane()
    await pubsub.publish(lane.topic)
    async with watched(backlog(lane), pubsub.address) as seen:
        first, second = await seen.fact(Metric), await seen.fact(Metric)
    assert first.series == "trade-signals-sub" and first.value < second.value and first.sampled_at < second.sampled_at
    (received,) = await pubsub.pull(lane.subscription)
    assert received["deliveryAttempt"] == 1


# --- faults


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (grpc.StatusCode.PERMISSION_DENIED, "PermissionDenied"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "ResourceExhausted"),
        (grpc.StatusCode.UNAUTHENTICATED, "Unauthenticated"),
        (grpc.StatusCode.NOT_FOUND, "NotFound"),
    ],
)
async def test_each_refusal_is_unknown_with_its_reason(kind: str, code: grpc.StatusCode, reason: str) -> None:
    """Of one subject where it may be that one's fault; else of the source."""
    lane = Lane("any-project", "signals", "signals-sub", "signals-sub.dlq", "signals-drain", "watchdog-tap")
    async with refusing(Refusal(code)) as address, watched(SOURCES[kind](lane), address) as seen:
        observation = await seen.until(lambda observation: True)
    one = kind != "dead letters" and reason in ("PermissionDenied", "NotFound")
    assert (isinstance(observation.facts, Facts), _reason(observation)) == (one, reason)


def _reason(observation: Observation) -> str:
    if isinstance(observation.facts, Unknown):
        return observation.facts.reason
    (fact,) = observation.facts.seen
    value = fact.value if isinstance(fact, Metric) else _told(observation).dead_letters_sound
    assert isinstance(value, Unknown)
    return value.reason


@pytest.mark.parametrize("kind", SOURCES)
async def test_a_black_hole_is_unknown_and_its_end_is_seen(pubsub: World, kind: str) -> None:
    lane = await pubsub.lane()
    async with proxied(pubsub.address) as proxy, watched(SOURCES[kind](lane), proxy.address) as seen:
        await seen.sight()
        await proxy.to(Mode.BLACK_HOLE)
        assert (await seen.unknown()).reason == "Timeout"
        await asyncio.sleep(2.0)  # the connection is given up, perhaps, and made anew
        seen.waiting.clear()
        await proxy.to(Mode.PASS)
        await seen.sight()


async def test_a_letter_that_came_in_the_dark_is_told_when_it_ends(pubsub: World) -> None:
    lane = await pubsub.lane()
    async with proxied(pubsub.address) as proxy, watched(dead_letters(lane), proxy.address) as seen:
        await seen.sight()
        await proxy.to(Mode.REFUSE)
        assert (await seen.unknown()).reason == "Unavailable"
        await pubsub.publish(lane.dead_letter_topic)
        await proxy.to(Mode.PASS)
        assert (await seen.fact(DeadLetters)).count == 1


async def test_a_service_that_is_killed_is_unknown_and_seen_again_within_seconds(own_emulator: Emulator) -> None:
    async with contextlib.AsyncExitStack() as stack:
        ours = await stack.enter_async_context(world(own_emulator.address))
        lane = await ours.lane()
        watching = [
            await stack.enter_async_context(watched(make(lane), own_emulator.address)) for make in SOURCES.values()
        ]
        for seen in watching:
            await seen.sight(PATIENCE)
        own_emulator.kill()
        for seen in watching:
            assert (await seen.unknown()).reason == "Unavailable"
        await own_emulator.restart()
        await ours.lane()  # its state died with it
        for seen in watching:
            seen.waiting.clear()
            await seen.sight()
        await ours.publish(lane.dead_letter_topic)
        assert (await watching[0].fact(DeadLetters)).count == 1


async def test_a_service_that_stands_still_is_unknown_and_seen_again_within_seconds(own_emulator: Emulator) -> None:
    async with world(own_emulator.address) as ours:
        lane = await ours.lane()
        async with watched(dead_letters(lane), own_emulator.address) as seen:
            await seen.sight(PATIENCE)
            own_emulator.stop()
            assert (await seen.unknown()).reason == "Timeout"
            own_emulator.cont()
            seen.waiting.clear()
            await seen.sight()
