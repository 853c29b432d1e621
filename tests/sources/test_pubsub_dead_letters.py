"""Dead letters through a tap: each is told before it is acknowledged, and nothing but a tap is ever pulled from."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.pubsub import DEAD, DRAIN, PROJECT, SUBSCRIPTION, TAP, TOPIC, Change, Lane, with_a_lane
from tests.virtual import in_virtual_time
from watchdog.core.facts import DeadLetters
from watchdog.core.observation import Facts
from watchdog.ports import Letter, Unreachable
from watchdog.simulator.pubsub import HANGING
from watchdog.sources.pubsub_dead_letters import PubSubDeadLetters, Tap

TAPS = (Tap("signals-sub.dlq", "watchdog-tap.signals-sub.dlq"),)


def source(**more: Any) -> PubSubDeadLetters:
    return PubSubDeadLetters("dead letters", **({"project": PROJECT, "taps": TAPS} | more))


def looking(lane: Lane, of: PubSubDeadLetters | None = None) -> AsyncIterator[Facts]:
    (stream,) = (of or source()).streams().values()
    return stream.looks(lane.ports)


async def told(looks: AsyncIterator[Facts]) -> DeadLetters:
    """The next letters."""
    async for facts in looks:
        for fact in facts.seen:
            assert isinstance(fact, DeadLetters)
            return fact
    raise AssertionError("it ended")


async def refused(looks: AsyncIterator[Facts]) -> Unreachable:
    """What it raises at last; within an hour, which is virtual."""
    async with asyncio.timeout(3600):
        with pytest.raises(Unreachable) as caught:
            async for _ in looks:
                pass
    return caught.value


@with_a_lane
async def test_a_letter_is_told_with_its_topic_source_and_count(lane: Lane) -> None:
    looks = looking(lane)
    lane.forward()
    seen = await told(looks)
    assert (seen.project, seen.topic, seen.subscription) == (PROJECT, "signals-sub.dlq", "signals-sub")
    assert (seen.count, seen.recent, seen.window_seconds) == (1, 1, 600.0)
    assert seen.sample.startswith("6 bytes that begin 'poison'")


@with_a_lane
async def test_a_letter_that_comes_while_the_tap_is_quiet_is_told_at_once(lane: Lane) -> None:
    looks = looking(lane)
    await anext(looks)
    asyncio.get_running_loop().call_later(3.0, lane.forward)
    assert (await told(looks)).count == 1
    assert lane.now == 3.0


@with_a_lane
async def test_a_letter_is_told_before_it_is_acknowledged(lane: Lane) -> None:
    looks = looking(lane)
    lane.forward()
    await told(looks)
    assert lane.broker.undelivered(TAP) == 1
    await anext(looks)
    assert lane.broker.undelivered(TAP) == 0
    assert lane.broker.undelivered(DRAIN) == 1  # whose copy is not ours


@with_a_lane
async def test_a_letter_whose_ack_was_lost_comes_again_and_counts_once(lane: Lane) -> None:
    of, lane.port.failing_acks = source(), 1
    looks = looking(lane, of)
    lane.forward()
    await told(looks)
    assert (await refused(looks)).reason == "Unavailable"
    again = looking(lane, of)  # as supervision begins it anew
    lane.forward()  # a second one
    seen = await told(again)
    assert seen.count == 2
    while lane.now < 25:  # the lease of the first ends after 10 s
        assert not [fact for fact in (await anext(again)).seen if isinstance(fact, DeadLetters) and fact.count > 2]
    assert lane.broker.undelivered(TAP) == 0


@with_a_lane
async def test_a_quiet_tap_is_looked_at_again_and_again(lane: Lane) -> None:
    looks = looking(lane)
    for second in (0, 10, 20, 30):
        assert (await anext(looks)).seen == () and lane.now == second


@with_a_lane
async def test_the_window_slides_while_nothing_arrives(lane: Lane) -> None:
    looks = looking(lane, source(window_seconds=60.0))
    lane.forward(3)
    assert (await told(looks)).recent == 3
    seen = await told(looks)
    assert (seen.recent, seen.count) == (0, 3) and 60 <= lane.now <= 75


@with_a_lane
async def test_many_letters_are_told_in_one_look(lane: Lane) -> None:
    looks = looking(lane)
    lane.forward(250)
    assert [(await told(looks)).count for _ in range(3)] == [100, 200, 250]


@with_a_lane
async def test_two_replicas_on_one_tap_see_each_letter_once_between_them(lane: Lane) -> None:
    one, other = looking(lane), looking(lane)
    await anext(one), await anext(other)
    lane.forward(150)
    first, second = await told(one), await told(other)
    assert (first.count, second.count) == (100, 50)


# --- what is no tap


WRONG: dict[str, tuple[Change, str]] = {
    "another topic": (lambda s: replace(s, topic=TOPIC), "is a subscription on"),
    "no label": (lambda s: replace(s, labels={}), "does not carry the label watchdog=tap"),
    "another label": (lambda s: replace(s, labels={"watchdog": "drain"}), "does not carry the label watchdog=tap"),
    "a deleted topic": (lambda s: replace(s, topic="_deleted-topic_"), "has lost its topic"),
    "detached": (lambda s: replace(s, detached=True), "is detached"),
    "pushed": (lambda s: replace(s, push_endpoint="https://example.com/"), "is pushed elsewhere"),
    "filtered": (lambda s: replace(s, filter='attributes.kind = "order"'), "has a filter"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_no_tap_is_never_pulled_from(wrong: str) -> None:
    async def main() -> None:
        lane = Lane()
        lane.forward()
        lane.broker.update(TAP, WRONG[wrong][0])
        error = await refused(looking(lane))
        assert error.reason == "NotATap" and WRONG[wrong][1] in error.message
        assert lane.port.pulled == []

    in_virtual_time(main())


@pytest.mark.parametrize("consumer", [SUBSCRIPTION, DRAIN])
def test_a_consumers_subscription_is_never_pulled_from_even_when_it_is_configured(consumer: str) -> None:
    async def main() -> None:
        lane = Lane()
        lane.forward()
        lane.broker.publish(TOPIC, b"live")
        error = await refused(looking(lane, source(taps=(Tap(DEAD, consumer),))))
        assert error.reason == "NotATap" and lane.port.pulled == []
        (letter,) = lane.broker.deliver(consumer, 10)
        assert lane.broker.attempts(consumer, letter.ack_id) == 1

    in_virtual_time(main())


@with_a_lane
async def test_a_tap_that_is_none_any_more_is_left_alone_within_one_poll(lane: Lane) -> None:
    looks = looking(lane)
    await anext(looks)
    asyncio.get_running_loop().call_later(1.0, lane.broker.update, TAP, lambda s: replace(s, labels={}))
    assert (await refused(looks)).reason == "NotATap"
    assert len(lane.port.pulled) == 1 and lane.now == 10.0


@with_a_lane
async def test_it_is_checked_also_while_letters_keep_coming(lane: Lane) -> None:
    """No pull is empty then."""

    async def flood() -> None:
        while True:
            lane.forward()
            await asyncio.sleep(0.5)

    flooding = asyncio.create_task(flood())
    asyncio.get_running_loop().call_later(1.0, lane.broker.update, TAP, lambda s: replace(s, labels={}))
    assert (await refused(looking(lane))).reason == "NotATap"
    assert lane.now <= 31.0
    flooding.cancel()


COMMAND = (
    "gcloud pubsub subscriptions create projects/agenttrader/subscriptions/watchdog-tap.signals-sub.dlq "
    "--topic=projects/agenttrader/topics/signals-sub.dlq --labels=watchdog=tap --ack-deadline=10 "
    "--message-retention-duration=7d --expiration-period=never"
)


@with_a_lane
async def test_a_tap_that_does_not_exist_is_unknown_with_the_command_that_creates_it(lane: Lane) -> None:
    lane.broker.delete_subscription(TAP)
    error = await refused(looking(lane))
    assert error.reason == "NotFound" and error.message.endswith(f"create it with: {COMMAND}")
    assert lane.port.pulled == []


@with_a_lane
async def test_a_tap_that_disappears_while_it_is_pulled_from_is_unknown_with_the_command(lane: Lane) -> None:
    looks = looking(lane)
    await anext(looks)
    asyncio.get_running_loop().call_later(1.0, lane.broker.delete_subscription, TAP)
    error = await refused(looks)
    assert error.reason == "NotFound" and error.message.endswith(COMMAND) and lane.now == 1.0


# --- faults


@pytest.mark.parametrize("reason", ["PermissionDenied", "ResourceExhausted", "Unauthenticated", "Unavailable"])
@pytest.mark.parametrize("when", [0.0, 4.0])
def test_a_service_that_refuses_is_unknown_at_once_with_its_reason(reason: str, when: float) -> None:
    async def main() -> None:
        lane = Lane()
        looks = looking(lane)
        if when:
            await anext(looks)
        asyncio.get_running_loop().call_later(when, lane.broker.fail, reason)
        await asyncio.sleep(0)
        assert (await refused(looks)).reason == reason
        assert lane.now == when

    in_virtual_time(main())


@with_a_lane
async def test_a_service_that_falls_silent_is_unknown_within_a_poll_and_a_timeout(lane: Lane) -> None:
    looks = looking(lane)
    await anext(looks)
    lane.broker.fail(HANGING)
    assert (await refused(looks)).reason == "Timeout"
    assert lane.now <= 15.0


@with_a_lane
async def test_an_empty_pull_alone_proves_no_life(lane: Lane) -> None:
    """A connection that swallows all ends a long poll as a quiet tap does."""

    async def empty(tap: str, most: int, timeout: float) -> Sequence[Letter]:
        await asyncio.sleep(timeout)
        return ()

    looks = looking(lane)
    await anext(looks)
    lane.port.pull = empty  # type: ignore[method-assign]
    lane.broker.fail(HANGING)
    assert (await refused(looks)).reason == "Timeout" and lane.now == 15.0


@with_a_lane
async def test_pulls_that_end_empty_at_once_do_not_spin(lane: Lane) -> None:
    async def nothing(tap: str, most: int, timeout: float) -> Sequence[Letter]:
        lane.port.pulled.append(tap)
        assert len(lane.port.pulled) <= 51, "it spins"
        return ()

    lane.port.pull = nothing  # type: ignore[method-assign]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(10):
            await refused(looking(lane))
    assert len(lane.port.pulled) > 10


@with_a_lane
async def test_one_tap_that_fails_hides_no_other(lane: Lane) -> None:
    both = source(taps=(Tap("other.dlq", "watchdog-tap.other.dlq"), *TAPS))
    other, ours = both.streams().values()
    lane.forward()
    with pytest.raises(Unreachable, match="NotFound"):
        await anext(other.looks(lane.ports))
    assert (await told(ours.looks(lane.ports))).count == 1


# --- the stanza


@pytest.mark.parametrize(
    ("stanza", "complaint"),
    [
        ({"taps": ()}, "taps: expected at least one"),
        ({"taps": TAPS * 2}, "a topic of its own"),
        ({"taps": (TAPS[0], Tap("other.dlq", TAPS[0].tap))}, "a tap of its own"),
        ({"project": "Agent Trader"}, "project: expected"),
        ({"poll_seconds": 0.0}, "above 0"),
        ({"window_seconds": 86_401.0}, "^window_seconds: expected at most a day"),
        ({"endpoint": "http://localhost:8085"}, "^endpoint: expected host:port, found 'http://localhost:8085'$"),
        ({"stale_after": 20.0}, "stale_after: expected more"),
    ],
)
def test_a_stanza_that_cannot_be_is_refused_in_one_sentence(stanza: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        source(**stanza)


@pytest.mark.parametrize("name", ["", "ab", "a b c", "projects/p/topics", "9abc", "x" * 300])
def test_a_name_that_pub_sub_would_refuse_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="expected a topic's and a subscription's name"):
        Tap(name, "watchdog-tap")
