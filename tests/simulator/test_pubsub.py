"""The simulator's Pub/Sub does what the real emulator does: each case runs against both. Below, what only it can do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.emulator import world
from tests.simulator.pubsub_worlds import Side, broker, simulated
from tests.virtual import in_virtual_time
from watchdog.adapters.pubsub import GrpcPubSub
from watchdog.ports import Letter, Unreachable
from watchdog.simulator.pubsub import DELETED_TOPIC, HANGING, Broker, InMemoryPubSub, described
from watchdog.simulator.virtual_time import VirtualClock

SOON, LONG = 0.5, 10.0


@pytest.fixture(params=["simulator", "emulator"])
async def side(request: pytest.FixtureRequest) -> AsyncIterator[Side]:
    if request.param == "simulator":
        yield simulated()
        return
    address = request.getfixturevalue("pubsub_emulator").address
    port = GrpcPubSub(address, None)
    async with world(address) as one:
        yield Side(one, port)
    await port.close()


async def test_a_subscription_is_described_as_it_was_made(side: Side) -> None:
    lane = await side.world.lane()
    retry, policy = {"minimumBackoff": "10s", "maximumBackoff": "600s"}, {"maxDeliveryAttempts": 7}
    name = await side.world.subscription(
        "whole",
        lane.topic,
        labels={"team": "floor"},
        ackDeadlineSeconds=60,
        messageRetentionDuration="86400s",
        deadLetterPolicy={"deadLetterTopic": lane.dead_letter_topic, **policy},
        retryPolicy=retry,
    )
    shape = await side.port.subscription(name, LONG)
    assert replace(shape, state="ACTIVE") == replace(  # the emulator states none
        described(name, lane.topic),
        labels={"team": "floor"},
        ack_deadline_seconds=60,
        retention_seconds=86_400.0,
        dead_letter_topic=lane.dead_letter_topic,
        max_delivery_attempts=7,
        minimum_backoff_seconds=10.0,
        maximum_backoff_seconds=600.0,
    )
    shape = await side.port.subscription(lane.drain, LONG)
    assert replace(shape, state="ACTIVE") == described(lane.drain, lane.dead_letter_topic)


async def test_the_subscriptions_of_a_project_and_of_a_topic_are_listed(side: Side) -> None:
    lane = await side.world.lane()
    project = f"projects/{lane.project}"
    listed = sorted(shape.name for shape in await side.port.subscriptions(project, LONG))
    assert listed == sorted([lane.subscription, lane.drain, lane.tap])
    assert sorted(await side.port.topic_subscriptions(lane.dead_letter_topic, LONG)) == sorted([lane.drain, lane.tap])
    assert await side.port.subscriptions("projects/of-nobody", LONG) == []


async def test_what_does_not_exist_is_not_found(side: Side) -> None:
    lane = await side.world.lane(tap=False)
    with pytest.raises(Unreachable, match="NotFound"):
        await side.port.subscription(lane.tap, LONG)
    with pytest.raises(Unreachable, match="NotFound"):
        await side.port.pull(lane.tap, 10, LONG)
    with pytest.raises(Unreachable, match="NotFound"):
        await side.port.acknowledge(lane.tap, ["any"], LONG)
    assert await side.port.topic_exists(lane.topic, LONG)
    assert not await side.port.topic_exists(side.world.name("topics", "missing"), LONG)


async def test_a_subscription_outlives_its_topic_and_delivers_nothing_new(side: Side) -> None:
    lane = await side.world.lane()
    await side.world.delete(lane.topic)
    assert (await side.port.subscription(lane.subscription, LONG)).topic == DELETED_TOPIC
    assert not await side.port.topic_exists(lane.topic, LONG)
    assert list(await side.port.pull(lane.subscription, 10, SOON)) == []


async def test_a_dead_letter_arrives_at_tap_and_drain_with_its_origin(side: Side) -> None:
    lane = await side.world.lane()
    waiting = asyncio.create_task(side.port.pull(lane.tap, 10, LONG))
    await side.world.poison(lane, b"bad", reason="schema")
    (letter,) = await waiting
    attributes = dict(letter.attributes)
    published = datetime.fromisoformat(attributes.pop("CloudPubSubDeadLetterSourceTopicPublishTime"))
    assert abs((published - datetime.now(UTC)).total_seconds()) < 60
    assert attributes == {
        "reason": "schema",
        "CloudPubSubDeadLetterSourceSubscription": "trade-signals-sub",
        "CloudPubSubDeadLetterSourceSubscriptionProject": lane.project,
        "CloudPubSubDeadLetterSourceDeliveryCount": "5",
    }
    assert (letter.size, letter.head) == (3, b"bad")
    assert letter.published.tzinfo is not None
    assert len(await side.world.pull(lane.drain)) == 1
    assert await side.world.pull(lane.subscription, waiting=False) == []


async def test_a_message_that_was_refused_four_times_is_no_dead_letter_yet(side: Side) -> None:
    lane = await side.world.lane()
    await side.world.publish(lane.topic)
    for attempt in range(1, 5):
        (received,) = await side.world.pull(lane.subscription)
        assert received["deliveryAttempt"] == attempt
        await side.world.nack(lane.subscription, received)
    (received,) = await side.world.pull(lane.subscription)
    await side.world.acknowledge(lane.subscription, [received])
    assert list(await side.port.pull(lane.tap, 10, SOON)) == []


async def test_where_the_dead_letter_topic_is_deleted_poison_is_delivered_for_ever(side: Side) -> None:
    lane = await side.world.lane()
    await side.world.delete(lane.dead_letter_topic)
    await side.world.publish(lane.topic)
    for attempt in range(1, 8):
        (received,) = await side.world.pull(lane.subscription)
        assert received["deliveryAttempt"] == attempt
        await side.world.nack(lane.subscription, received)
    assert (await side.port.subscription(lane.subscription, LONG)).dead_letter_topic == lane.dead_letter_topic


async def test_no_more_letters_come_than_were_asked_for(side: Side) -> None:
    lane = await side.world.lane()
    for _ in range(3):
        await side.world.publish(lane.dead_letter_topic)
    got: list[Letter] = []
    while len(got) < 3:
        letters = await side.port.pull(lane.tap, 2, LONG)
        assert 1 <= len(letters) <= 2
        got += letters
    assert len({letter.message_id for letter in got}) == 3


async def test_what_was_acked_does_not_come_again_and_an_ack_may_be_repeated(side: Side) -> None:
    lane = await side.world.lane()
    await side.world.publish(lane.dead_letter_topic)
    (letter,) = await side.port.pull(lane.tap, 10, LONG)
    await side.port.acknowledge(lane.tap, [letter.ack_id], LONG)
    await side.port.acknowledge(lane.tap, [letter.ack_id], LONG)
    assert list(await side.port.pull(lane.tap, 10, SOON)) == []
    assert len(await side.world.pull(lane.drain)) == 1, "its copy on another subscription is untouched"


async def test_a_pull_that_waits_for_a_subscription_that_is_deleted_ends(side: Side) -> None:
    lane = await side.world.lane()
    waiting = asyncio.create_task(side.port.pull(lane.tap, 10, 2.0))
    await asyncio.sleep(0.1)
    await side.world.delete(lane.tap)
    try:
        assert list(await waiting) == []
    except Unreachable as error:
        assert error.reason == "NotFound"
    with pytest.raises(Unreachable, match="NotFound"):
        await side.port.pull(lane.tap, 10, SOON)


async def test_what_is_published_arrives_whole_and_a_topic_that_is_not_there_takes_nothing(side: Side) -> None:
    lane = await side.world.lane()
    await side.port.publish(lane.dead_letter_topic, b"page", {"sev": "0", "status": "firing"}, LONG)
    (letter,) = await side.port.pull(lane.tap, 10, LONG)
    assert (letter.head, letter.size, letter.attributes) == (b"page", 4, {"sev": "0", "status": "firing"})
    with pytest.raises(Unreachable, match="NotFound"):
        await side.port.publish(f"{lane.topic}-none", b"page", {}, LONG)


async def test_the_age_of_the_oldest_unacked_message(side: Side) -> None:
    lane = await side.world.lane()
    assert await side.port.oldest_unacked_seconds(lane.subscription, LONG) < 0.5
    await side.world.publish(lane.topic)
    await asyncio.sleep(1.0)
    assert 0.9 < await side.port.oldest_unacked_seconds(lane.subscription, LONG) < 60


TAP, TOPIC = "projects/p/subscriptions/tap", "projects/p/topics/ticks"


def virtual_broker() -> tuple[Broker, InMemoryPubSub]:
    clock = VirtualClock(asyncio.get_running_loop())
    broker = Broker(lambda: clock.now().wall)
    broker.create_topic(TOPIC)
    broker.create_subscription(described(TAP, TOPIC))
    return broker, InMemoryPubSub(broker)


def test_a_pull_that_waits_wakes_at_once_and_its_silence_lasts_its_timeout() -> None:
    async def story() -> None:
        broker, port = virtual_broker()
        loop = asyncio.get_running_loop()
        loop.call_later(3.0, broker.publish, TOPIC, b"x")
        (letter,) = await port.pull(TAP, 10, 60.0)
        assert loop.time() == pytest.approx(3.0)
        await port.acknowledge(TAP, [letter.ack_id], 1.0)
        assert await port.pull(TAP, 10, 60.0) == ()
        assert loop.time() == pytest.approx(63.0)

    in_virtual_time(story())


def test_what_was_not_acked_comes_again_when_its_lease_ends() -> None:
    async def story() -> None:
        broker, port = virtual_broker()
        broker.publish(TOPIC, b"x")
        await port.pull(TAP, 10, 1.0)
        (again,) = await port.pull(TAP, 10, 60.0)
        assert asyncio.get_running_loop().time() == pytest.approx(10.0, abs=0.01)
        assert broker.attempts(TAP, again.ack_id) == 2

    in_virtual_time(story())


def test_two_who_pull_share_what_comes() -> None:
    async def story() -> list[list[Letter]]:
        broker, port = virtual_broker()
        waiting = [asyncio.create_task(port.pull(TAP, 10, 5.0)) for _ in range(2)]
        asyncio.get_running_loop().call_later(1.0, broker.publish, TOPIC, b"x")
        return [list(letters) for letters in await asyncio.gather(*waiting)]

    assert sorted(len(letters) for letters in in_virtual_time(story())) == [0, 1]


@pytest.mark.parametrize("reason", ["Unavailable", "PermissionDenied", "NotFound", "ResourceExhausted"])
def test_a_service_that_fails_ends_also_the_pull_that_waits_until_it_recovers(reason: str) -> None:
    async def story() -> None:
        broker, port = virtual_broker()
        loop = asyncio.get_running_loop()
        loop.call_later(3.0, broker.fail, reason)
        for call in (port.pull(TAP, 1, 60.0), port.subscription(TAP, 1.0), port.subscriptions("projects/p", 1.0),
                     port.topic_exists(TOPIC, 1.0), port.topic_subscriptions(TOPIC, 1.0),
                     port.acknowledge(TAP, [], 1.0), port.oldest_unacked_seconds(TAP, 1.0),
                     port.publish(TOPIC, b"x", {}, 1.0)):  # fmt: skip
            with pytest.raises(Unreachable) as refused:
                await call
            assert refused.value.reason == reason
            assert loop.time() == pytest.approx(3.0)
        broker.recover()
        assert (await port.subscription(TAP, 1.0)).name == TAP

    in_virtual_time(story())


def test_a_service_that_hangs_costs_each_call_its_deadline_and_answers_once_it_is_back() -> None:
    async def story() -> None:
        broker, port = virtual_broker()
        loop = asyncio.get_running_loop()
        broker.fail(HANGING)
        with pytest.raises(Unreachable, match="Timeout"):
            await port.subscription(TAP, 2.0)
        with pytest.raises(Unreachable, match="Timeout"):
            await port.pull(TAP, 1, 5.0)
        assert loop.time() == pytest.approx(7.0)
        loop.call_later(1.0, broker.recover)
        assert (await port.subscription(TAP, 2.0)).name == TAP
        assert loop.time() == pytest.approx(8.0)

    in_virtual_time(story())


def test_a_fault_of_one_subscription_is_nobody_elses() -> None:
    async def story() -> None:
        broker, port = virtual_broker()
        broker.create_subscription(described(f"{TAP}-2", TOPIC))
        broker.fail("PermissionDenied", TAP)
        with pytest.raises(Unreachable, match="PermissionDenied"):
            await port.subscription(TAP, 1.0)
        assert (await port.subscription(f"{TAP}-2", 1.0)).name == f"{TAP}-2"

    in_virtual_time(story())


def test_a_detached_subscription_says_so_and_is_not_pulled_from() -> None:
    """The emulator cannot detach: cloud.google.com/pubsub/docs/detach-subscriptions."""

    async def story() -> None:
        port = InMemoryPubSub(broker := virtual_broker()[0])
        broker.update(TAP, lambda shape: replace(shape, detached=True))
        broker.publish(TOPIC, b"x")
        assert (await port.subscription(TAP, 1.0)).detached
        assert broker.undelivered(TAP) == 0
        with pytest.raises(Unreachable, match="FailedPrecondition"):
            await port.pull(TAP, 1, 1.0)

    in_virtual_time(story())


def test_a_message_for_a_topic_that_does_not_exist_is_refused() -> None:
    with pytest.raises(Unreachable, match="NotFound"):
        broker().publish(TOPIC, b"x")
