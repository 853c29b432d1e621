"""How subscriptions are configured: each thing that can be wrong is a fact, and what cannot be read is unknown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.pubsub import DEAD, DRAIN, PROJECT, SUBSCRIPTION, TAP, TOPIC, Change, Lane, with_a_lane
from tests.virtual import in_virtual_time
from watchdog.core.facts import Subscription, Unknown
from watchdog.ports import Unreachable
from watchdog.simulator.pubsub import HANGING, described
from watchdog.sources.pubsub_subscriptions import Declared, PubSubSubscriptions

DECLARED = Declared("signals-sub", "signals", "critical")


def source(**more: Any) -> PubSubSubscriptions:
    return PubSubSubscriptions("subscriptions", **({"project": PROJECT, "subscriptions": (DECLARED,)} | more))


async def seen(lane: Lane, of: PubSubSubscriptions | None = None) -> Subscription:
    (stream,) = (of or source()).streams().values()
    (fact,) = await lane.one_look(stream)
    assert isinstance(fact, Subscription)
    return fact


@with_a_lane
async def test_a_sound_subscription_has_nothing_wrong(lane: Lane) -> None:
    assert await seen(lane) == Subscription(
        PROJECT, "signals-sub", "critical", "signals", True, "signals-sub.dlq", True, "",
        "it is pulled from signals; dead letters go to signals-sub.dlq after 5 attempts",
    )  # fmt: skip


STOPPED: dict[str, tuple[Change, str]] = {
    "a deleted topic": (lambda s: replace(s, topic="_deleted-topic_"), "its topic was deleted"),
    "detached": (lambda s: replace(s, detached=True), "it is detached from its topic"),
    "an error": (lambda s: replace(s, state="RESOURCE_ERROR"), "its state is RESOURCE_ERROR"),
}


@pytest.mark.parametrize("how", STOPPED)
def test_what_does_not_deliver_says_why(how: str) -> None:
    async def main() -> None:
        lane = Lane()
        lane.broker.update(SUBSCRIPTION, STOPPED[how][0])
        fact = await seen(lane)
        assert fact.delivering is False and STOPPED[how][1] in fact.explanation

    in_virtual_time(main())


@with_a_lane
async def test_a_topic_that_is_deleted_is_seen_by_the_subscription_on_it(lane: Lane) -> None:
    lane.broker.delete_topic(TOPIC)
    fact = await seen(lane)
    assert fact.delivering is False and fact.topic == "_deleted-topic_"
    assert "topic is _deleted-topic_, declared signals" in str(fact.drift)


UNSOUND: dict[str, tuple[Change, str]] = {
    "no policy": (lambda s: replace(s, dead_letter_topic=""), "it has no dead-letter policy"),
    "too few attempts": (lambda s: replace(s, max_delivery_attempts=4), "maxDeliveryAttempts is 4, expected 5 to 10"),
    "too many attempts": (lambda s: replace(s, max_delivery_attempts=11), "maxDeliveryAttempts is 11"),
    "no retry policy": (lambda s: replace(s, minimum_backoff_seconds=None, maximum_backoff_seconds=None), "no retry"),
    "retried too soon": (lambda s: replace(s, minimum_backoff_seconds=9.9), "minimumBackoff is 9.9 s"),
    "retried too late": (lambda s: replace(s, maximum_backoff_seconds=601.0), "maximumBackoff is 601 s"),
}


@pytest.mark.parametrize("how", UNSOUND)
def test_a_policy_that_is_not_as_it_must_be_says_why(how: str) -> None:
    async def main() -> None:
        lane = Lane()
        lane.broker.update(SUBSCRIPTION, UNSOUND[how][0])
        fact = await seen(lane)
        assert fact.dead_letters_sound is False and UNSOUND[how][1] in fact.explanation
        assert fact.delivering is True and fact.drift == ""

    in_virtual_time(main())


@pytest.mark.parametrize(("attempts", "backoff"), [(5, (10.0, 600.0)), (10, (10.0, 10.0)), (7, (600.0, 600.0))])
def test_the_bounds_themselves_are_sound(attempts: int, backoff: tuple[float, float]) -> None:
    async def main() -> None:
        lane = Lane()
        lane.broker.update(
            SUBSCRIPTION,
            lambda s: replace(
                s,
                max_delivery_attempts=attempts,
                minimum_backoff_seconds=backoff[0],
                maximum_backoff_seconds=backoff[1],
            ),
        )
        assert (await seen(lane)).dead_letters_sound is True

    in_virtual_time(main())


@with_a_lane
async def test_a_dead_letter_topic_that_does_not_exist_is_told(lane: Lane) -> None:
    lane.broker.delete_topic(DEAD)
    fact = await seen(lane)
    assert fact.dead_letters_sound is False and "signals-sub.dlq does not exist" in fact.explanation


@with_a_lane
async def test_a_dead_letter_topic_that_only_our_tap_reads_is_drained_by_nobody(lane: Lane) -> None:
    lane.broker.delete_subscription(DRAIN)
    fact = await seen(lane)
    assert fact.dead_letters_sound is False and "nobody reads its dead-letter topic signals-sub.dlq" in fact.explanation


@with_a_lane
async def test_a_dead_letter_topic_that_nobody_reads_at_all_is_told(lane: Lane) -> None:
    lane.broker.delete_subscription(DRAIN)
    lane.broker.delete_subscription(TAP)
    assert (await seen(lane)).dead_letters_sound is False


@with_a_lane
async def test_a_drain_that_we_may_not_read_is_a_drain(lane: Lane) -> None:
    lane.broker.fail("PermissionDenied", DRAIN)
    assert (await seen(lane)).dead_letters_sound is True


DRIFTED: dict[str, tuple[Declared, str]] = {
    "topic": (replace(DECLARED, topic="orders"), "topic is signals, declared orders"),
    "ack deadline": (replace(DECLARED, ack_deadline_seconds=60), "ackDeadlineSeconds is 10, declared 60"),
    "retention": (replace(DECLARED, retention_seconds=600.0), "messageRetentionDuration is 604800, declared 600"),
    "push": (replace(DECLARED, push_endpoint="https://x/"), "pushEndpoint is empty, declared https://x/"),
    "filter": (replace(DECLARED, filter='attributes.x="y"'), 'filter is empty, declared attributes.x="y"'),
    "dead letters": (replace(DECLARED, dead_letter_topic="dlq"), "deadLetterTopic is signals-sub.dlq, declared dlq"),
}


@pytest.mark.parametrize("what", DRIFTED)
def test_drift_from_what_is_declared_says_both(what: str) -> None:
    async def main() -> None:
        declared, clause = DRIFTED[what]
        fact = await seen(Lane(), source(subscriptions=(declared,)))
        assert fact.drift == clause and fact.explanation == clause
        assert (fact.delivering, fact.dead_letters_sound) == (True, True)

    in_virtual_time(main())


@with_a_lane
async def test_what_is_declared_as_it_is_has_not_drifted(lane: Lane) -> None:
    declared = Declared("signals-sub", TOPIC, "critical", DEAD, 10, 604_800.0, "")
    assert (await seen(lane, source(subscriptions=(declared,)))).drift == ""


# --- what does not exist, what may not be read, and who does not answer


@with_a_lane
async def test_a_subscription_that_does_not_exist_is_known_not_to_deliver(lane: Lane) -> None:
    lane.broker.delete_subscription(SUBSCRIPTION)
    fact = await seen(lane)
    assert (fact.delivering, fact.explanation, fact.drift) == (False, "it does not exist", "")
    assert isinstance(fact.dead_letters_sound, Unknown)


@with_a_lane
async def test_a_subscription_that_disappears_while_we_look_is_a_finding(lane: Lane) -> None:
    (stream,) = source().streams().values()
    looks = stream.looks(lane.ports)
    await anext(looks)
    lane.broker.delete_subscription(SUBSCRIPTION)
    facts = await anext(looks)
    (fact,) = facts.seen
    assert isinstance(fact, Subscription) and fact.delivering is False and facts.gone == ()
    assert lane.now == 15.0


@with_a_lane
async def test_one_that_we_may_not_read_is_unknown_and_the_source_is_not(lane: Lane) -> None:
    lane.broker.fail("PermissionDenied", SUBSCRIPTION)
    fact = await seen(lane)
    assert isinstance(fact.delivering, Unknown) and fact.delivering.reason == "PermissionDenied"
    assert all(isinstance(value, Unknown) for value in (fact.topic, fact.dead_letters_sound, fact.drift))


@with_a_lane
async def test_where_none_of_several_may_be_read_the_source_does_not_see_until_one_may(lane: Lane) -> None:
    orders = f"projects/{PROJECT}/subscriptions/orders-sub"
    lane.broker.create_subscription(described(orders, TOPIC))
    both = source(subscriptions=(Declared("orders-sub", "signals"), DECLARED))
    other, ours = both.streams().values()
    lane.broker.fail("PermissionDenied")
    await lane.one_look(other)
    for stream in (ours, other, ours):
        with pytest.raises(Unreachable, match="PermissionDenied: no declared subscription may be read"):
            await lane.one_look(stream)
    lane.broker.recover()
    lane.broker.fail("PermissionDenied", SUBSCRIPTION)
    (read,) = await lane.one_look(other)
    (denied,) = await lane.one_look(ours)
    assert isinstance(read, Subscription) and read.delivering is True
    assert isinstance(denied, Subscription) and isinstance(denied.delivering, Unknown)


@with_a_lane
async def test_a_dead_letter_topic_that_we_may_not_read_makes_only_that_unknown(lane: Lane) -> None:
    lane.broker.fail("PermissionDenied", DEAD)
    fact = await seen(lane)
    assert isinstance(fact.dead_letters_sound, Unknown) and (fact.delivering, fact.drift) == (True, "")


@with_a_lane
async def test_what_is_known_to_be_wrong_is_wrong_whatever_else_is_unknown(lane: Lane) -> None:
    lane.broker.fail("PermissionDenied", DEAD)
    lane.broker.update(SUBSCRIPTION, lambda s: replace(s, max_delivery_attempts=50))
    assert (await seen(lane)).dead_letters_sound is False


@pytest.mark.parametrize("reason", ["Unavailable", "ResourceExhausted", "Unauthenticated", "Internal"])
@pytest.mark.parametrize("name", ["", SUBSCRIPTION, DEAD])
def test_a_service_that_is_down_is_a_source_that_does_not_see(reason: str, name: str) -> None:
    async def main() -> None:
        lane = Lane()
        lane.broker.fail(reason, name)
        with pytest.raises(Unreachable, match=reason):
            await seen(lane)

    in_virtual_time(main())


@with_a_lane
async def test_a_service_that_hangs_is_a_timeout(lane: Lane) -> None:
    lane.broker.fail(HANGING)
    with pytest.raises(Unreachable, match="Timeout"):
        await seen(lane)
    assert lane.now == 5.0


@with_a_lane
async def test_one_that_fails_hides_no_other(lane: Lane) -> None:
    both = source(subscriptions=(Declared("orders-sub", "orders"), DECLARED))
    lane.broker.fail("Internal", f"projects/{PROJECT}/subscriptions/orders-sub")
    other, ours = both.streams().values()
    with pytest.raises(Unreachable, match="Internal"):
        await lane.one_look(other)
    assert await lane.one_look(ours)


# --- by pattern


async def all_seen(lane: Lane, of: PubSubSubscriptions) -> dict[str, Subscription]:
    facts = await lane.one_look(list(of.streams().values())[-1])
    return {fact.subscription: fact for fact in facts if isinstance(fact, Subscription)}


@with_a_lane
async def test_what_matches_is_looked_at_too(lane: Lane) -> None:
    lane.broker.create_subscription(described(f"projects/{PROJECT}/subscriptions/orders-sub", TOPIC))
    lane.broker.create_subscription(described(f"projects/{PROJECT}/subscriptions/other", TOPIC))
    found = await all_seen(lane, source(subscriptions=(), matching=("*-sub",)))
    assert list(found) == ["orders-sub", "signals-sub"]
    assert found["signals-sub"].dead_letters_sound is True and found["orders-sub"].dead_letters_sound is False


@with_a_lane
async def test_what_is_declared_is_looked_at_once(lane: Lane) -> None:
    assert await all_seen(lane, source(matching=("signals-sub",))) == {}


@with_a_lane
async def test_who_reads_a_dead_letter_topic_needs_no_dead_letter_policy(lane: Lane) -> None:
    found = await all_seen(lane, source(matching=("*",)))
    assert [(name, fact.dead_letters_sound) for name, fact in found.items()] == [
        ("signals-sub.dlq-drain", True),
        ("watchdog-tap.signals-sub.dlq", True),
    ]


@with_a_lane
async def test_of_what_matches_too_a_dead_letter_topic_must_be_there_and_drained(lane: Lane) -> None:
    matching = source(subscriptions=(), matching=("signals-sub",))
    lane.broker.delete_subscription(DRAIN)
    assert "nobody reads" in (await all_seen(lane, matching))["signals-sub"].explanation
    lane.broker.delete_topic(DEAD)
    assert "does not exist" in (await all_seen(lane, matching))["signals-sub"].explanation


@with_a_lane
async def test_what_matched_and_disappears_is_a_finding_until_it_is_back(lane: Lane) -> None:
    matching = source(subscriptions=(), matching=("*-sub",))
    await all_seen(lane, matching)
    shape = lane.broker.shape(SUBSCRIPTION)
    lane.broker.delete_subscription(SUBSCRIPTION)
    for _ in range(2):
        gone = (await all_seen(lane, matching))["signals-sub"]
        assert gone.delivering is False and "exists no more" in gone.explanation
    lane.broker.create_subscription(shape)
    assert (await all_seen(lane, matching))["signals-sub"].delivering is True


@with_a_lane
async def test_more_matches_than_the_bound_are_no_look(lane: Lane) -> None:
    for number in range(501):
        lane.broker.create_subscription(described(f"projects/{PROJECT}/subscriptions/many-{number}", TOPIC))
    with pytest.raises(Unreachable, match="TooMany"):
        await all_seen(lane, source(subscriptions=(), matching=("many-*",)))


# --- the stanza


@pytest.mark.parametrize(
    ("stanza", "complaint"),
    [
        ({"subscriptions": ()}, "subscriptions: expected at least one"),
        ({"subscriptions": (DECLARED, DECLARED)}, "none twice"),
        ({"project": ""}, "project: expected"),
        ({"timeout": 0.0}, "above 0"),
        ({"stale_after": 20.0}, "stale_after: expected more"),
        ({"max_delivery_attempts": (10, 5)}, "^max_delivery_attempts: expected a least and a most"),
        ({"backoff_seconds": (0.0, 5.0)}, "^backoff_seconds: expected a least and a most"),
        ({"matching": ("*-sub", "")}, "^matching: expected patterns of names, none empty$"),
        ({"endpoint": "localhost"}, "^endpoint: expected host:port, found 'localhost'$"),
    ],
)
def test_a_stanza_that_cannot_be_is_refused_in_one_sentence(stanza: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        source(**stanza)


@pytest.mark.parametrize("seconds", [0, 9, 601, -10, "30", 10.5])
def test_an_ack_deadline_that_pub_sub_would_refuse_is_refused(seconds: Any) -> None:
    with pytest.raises(ValueError, match=r"^ack_deadline_seconds: expected a whole number, 10 to 600, found"):
        Declared("signals-sub", "signals", ack_deadline_seconds=seconds)


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan")])
def test_a_retention_of_nothing_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match=r"^retention_seconds: expected seconds above 0"):
        Declared("signals-sub", "signals", retention_seconds=seconds)


@pytest.mark.parametrize("seconds", [10, 600])
def test_the_ack_deadlines_at_the_bounds_are_taken(seconds: int) -> None:
    assert Declared("signals-sub", "signals", ack_deadline_seconds=seconds).ack_deadline_seconds == seconds


def test_a_name_that_pub_sub_would_refuse_is_refused() -> None:
    with pytest.raises(ValueError, match="expected the name"):
        Declared("signals sub", "signals")
