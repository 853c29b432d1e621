"""Pub/Sub's port over gRPC: against the real emulator, and against servers that answer as no emulator does."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass

import grpc
import pytest

from tests.emulator import Emulator, World
from tests.grpc_server import Refusal, refusing
from tests.loopback import hang, serving
from tests.proxy import Mode, proxied
from watchdog.adapters import pubsub as adapter
from watchdog.adapters.pubsub import SNAPSHOT_PREFIX, GrpcPubSub, PubSubClients
from watchdog.adapters.pubsub_wire import HEAD
from watchdog.ports import Credentials, Unreachable

TIMEOUT = 5.0
SHORT = 0.5
GUARD = 10.0
"""Seconds within which a call with a deadline of ``SHORT`` ends even on a machine that is busy."""


@contextlib.asynccontextmanager
async def client(endpoint: str, credentials: Credentials | None = None) -> AsyncIterator[GrpcPubSub]:
    opened = GrpcPubSub(endpoint, credentials)
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture
async def ours(pubsub: World) -> AsyncIterator[GrpcPubSub]:
    async with client(pubsub.address) as opened:
        yield opened


async def refused(asked: Awaitable[object]) -> Unreachable:
    async with asyncio.timeout(GUARD):
        with pytest.raises(Unreachable) as caught:
            await asked
    return caught.value


# --- what is configured


async def test_a_subscription_is_described_whole(pubsub: World, ours: GrpcPubSub) -> None:
    topic, dead = await pubsub.topic("signals"), await pubsub.topic("dead")
    name = await pubsub.subscription(
        "signals-sub",
        topic,
        ackDeadlineSeconds=42,
        messageRetentionDuration="1800s",
        labels={"watchdog": "tap"},
        filter='attributes.kind = "order"',
        deadLetterPolicy={"deadLetterTopic": dead, "maxDeliveryAttempts": 7},
        retryPolicy={"minimumBackoff": "12.5s", "maximumBackoff": "300s"},
    )
    seen = await ours.subscription(name, TIMEOUT)
    assert (seen.name, seen.topic, seen.dead_letter_topic, seen.max_delivery_attempts) == (name, topic, dead, 7)
    assert (seen.minimum_backoff_seconds, seen.maximum_backoff_seconds) == (12.5, 300.0)
    assert (seen.ack_deadline_seconds, seen.retention_seconds, seen.labels) == (42, 1800.0, {"watchdog": "tap"})
    assert (seen.filter, seen.push_endpoint, seen.detached) == ('attributes.kind = "order"', "", False)


async def test_policies_that_are_absent_are_not_made_up(pubsub: World, ours: GrpcPubSub) -> None:
    seen = await ours.subscription(await pubsub.subscription("plain", await pubsub.topic("signals")), TIMEOUT)
    assert (seen.dead_letter_topic, seen.max_delivery_attempts) == ("", 0)
    assert (seen.minimum_backoff_seconds, seen.maximum_backoff_seconds) == (None, None)


async def test_a_push_endpoint_is_told(pubsub: World, ours: GrpcPubSub) -> None:
    pushed = {"pushEndpoint": "http://127.0.0.1:1/push"}
    name = await pubsub.subscription("pushed", await pubsub.topic("signals"), pushConfig=pushed)
    assert (await ours.subscription(name, TIMEOUT)).push_endpoint == "http://127.0.0.1:1/push"


async def test_a_deleted_topic_is_told_as_such(pubsub: World, ours: GrpcPubSub) -> None:
    lane = await pubsub.lane()
    assert await ours.topic_exists(lane.topic, TIMEOUT)
    await pubsub.delete(lane.topic)
    assert not await ours.topic_exists(lane.topic, TIMEOUT)
    assert (await ours.subscription(lane.subscription, TIMEOUT)).topic == "_deleted-topic_"


async def test_who_is_on_a_topic_is_listed(pubsub: World, ours: GrpcPubSub) -> None:
    lane = await pubsub.lane()
    assert sorted(await ours.topic_subscriptions(lane.dead_letter_topic, TIMEOUT)) == sorted([lane.drain, lane.tap])


async def test_what_does_not_exist_is_not_found(pubsub: World, ours: GrpcPubSub) -> None:
    missing = await refused(ours.subscription(pubsub.name("subscriptions", "none"), TIMEOUT))
    assert (missing.reason, missing.message) == ("NotFound", "Subscription does not exist")


async def test_all_pages_of_a_list_are_read(pubsub: World, ours: GrpcPubSub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "PAGE", 2)
    topic = await pubsub.topic("signals")
    names = [await pubsub.subscription(f"sub-{number}", topic) for number in range(5)]
    assert sorted(s.name for s in await ours.subscriptions(f"projects/{pubsub.project}", TIMEOUT)) == names
    assert sorted(await ours.topic_subscriptions(topic, TIMEOUT)) == names


async def test_a_list_beyond_the_bound_is_refused(
    pubsub: World, ours: GrpcPubSub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "PAGE", 2)
    monkeypatch.setattr(adapter, "MOST", 3)
    topic = await pubsub.topic("signals")
    for number in range(5):
        await pubsub.subscription(f"sub-{number}", topic)
    assert (await refused(ours.subscriptions(f"projects/{pubsub.project}", TIMEOUT))).reason == "TooMany"


# --- a tap


async def test_a_pull_that_waits_answers_as_soon_as_there_is_a_letter(pubsub: World, ours: GrpcPubSub) -> None:
    lane = await pubsub.lane()
    waiting = asyncio.create_task(ours.pull(lane.tap, 10, 60.0))  # a minute: it is not the deadline that ends it
    message_id = await pubsub.publish(lane.dead_letter_topic, b"x" * 1000, kind="order")
    async with asyncio.timeout(GUARD):
        (letter,) = await waiting
    assert (letter.message_id, letter.attributes, letter.size) == (message_id, {"kind": "order"}, 1000)
    assert letter.head == b"x" * HEAD
    assert letter.published.tzinfo is not None


async def test_a_quiet_tap_is_empty_and_no_fault(pubsub: World, ours: GrpcPubSub) -> None:
    lane = await pubsub.lane()
    assert await ours.pull(lane.tap, 10, 1.5) == []


async def test_what_is_acknowledged_is_no_longer_there(pubsub: World, ours: GrpcPubSub) -> None:
    lane = await pubsub.lane()
    await pubsub.publish(lane.dead_letter_topic)
    (letter,) = await ours.pull(lane.tap, 10, TIMEOUT)
    assert await ours.oldest_unacked_seconds(lane.tap, TIMEOUT) > 0
    await ours.acknowledge(lane.tap, [letter.ack_id], TIMEOUT)
    assert await ours.oldest_unacked_seconds(lane.tap, TIMEOUT) < 0.005
    assert await ours.oldest_unacked_seconds(lane.drain, TIMEOUT) > 0.005  # nobody else's copy was touched


async def test_who_only_looks_takes_nothing(pubsub: World) -> None:
    lane = await pubsub.lane()
    await pubsub.publish(lane.dead_letter_topic)
    clients = PubSubClients(nobody, takes=False)
    assert await clients(pubsub.address).pull(lane.tap, 10, 0.1) == ()
    await clients.close()
    assert len(await pubsub.pull(lane.tap, waiting=False)) == 1


# --- backlog by snapshot


async def snapshots(pubsub: World) -> list[str]:
    found = await pubsub.call("GET", f"projects/{pubsub.project}/snapshots")
    return [snapshot["name"].rpartition("/")[2] for snapshot in found.get("snapshots", [])]


async def test_the_age_of_the_oldest_unacked_message_is_measured_and_no_snapshot_stays(
    pubsub: World, ours: GrpcPubSub
) -> None:
    lane = await pubsub.lane()
    assert await ours.oldest_unacked_seconds(lane.subscription, TIMEOUT) < 0.5
    await pubsub.publish(lane.topic)
    await asyncio.sleep(1.0)
    await pubsub.publish(lane.topic)
    assert 1.0 <= await ours.oldest_unacked_seconds(lane.subscription, TIMEOUT) < GUARD
    assert await snapshots(pubsub) == []


async def test_a_measurement_disturbs_no_delivery(pubsub: World, ours: GrpcPubSub) -> None:
    lane = await pubsub.lane()
    await pubsub.publish(lane.topic)
    await ours.oldest_unacked_seconds(lane.subscription, TIMEOUT)
    (received,) = await pubsub.pull(lane.subscription)
    assert received["deliveryAttempt"] == 1


async def test_a_measurement_that_fails_leaves_no_snapshot(pubsub: World, ours: GrpcPubSub) -> None:
    missing = ours.oldest_unacked_seconds(pubsub.name("subscriptions", "none"), TIMEOUT)
    assert (await refused(missing)).reason == "NotFound"
    assert await snapshots(pubsub) == []


async def test_snapshots_that_a_crash_left_over_are_deleted_and_nobody_elses(pubsub: World, ours: GrpcPubSub) -> None:
    lane = await pubsub.lane()
    young = f"{SNAPSHOT_PREFIX}9999999999-a"
    for name in (f"{SNAPSHOT_PREFIX}1700000000-a", young, "before-the-migration", f"x{SNAPSHOT_PREFIX}1700000000-a"):
        await pubsub.call("PUT", pubsub.name("snapshots", name), {"subscription": lane.subscription})
    await ours.oldest_unacked_seconds(lane.subscription, TIMEOUT)
    assert sorted(await snapshots(pubsub)) == ["before-the-migration", young, f"x{SNAPSHOT_PREFIX}1700000000-a"]


# --- faults


TAP = "projects/any/subscriptions/watchdog-tap"
CALLS: dict[str, Callable[[GrpcPubSub], Awaitable[object]]] = {
    "GetSubscription": lambda c: c.subscription(TAP, TIMEOUT),
    "ListSubscriptions": lambda c: c.subscriptions("projects/any", TIMEOUT),
    "GetTopic": lambda c: c.topic_exists("projects/any/topics/dead", TIMEOUT),
    "ListTopicSubscriptions": lambda c: c.topic_subscriptions("projects/any/topics/dead", TIMEOUT),
    "Pull": lambda c: c.pull(TAP, 10, TIMEOUT),
    "Acknowledge": lambda c: c.acknowledge(TAP, ["a"], TIMEOUT),
    "Publish": lambda c: c.publish("projects/any/topics/pages", b"page", {"sev": "0"}, TIMEOUT),
}
REASONS = {
    grpc.StatusCode.PERMISSION_DENIED: "PermissionDenied",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "ResourceExhausted",
    grpc.StatusCode.UNAUTHENTICATED: "Unauthenticated",
    grpc.StatusCode.UNAVAILABLE: "Unavailable",
    grpc.StatusCode.INTERNAL: "Internal",
    grpc.StatusCode.CANCELLED: "Cancelled",
    grpc.StatusCode.UNKNOWN: "Unknown",
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("code", REASONS, ids=REASONS.values())
async def test_each_refusal_has_its_reason_and_is_not_tried_again_behind_our_back(
    code: grpc.StatusCode, call: str
) -> None:
    refusal = Refusal(code)
    async with refusing(refusal) as address, client(address) as ours:
        error = await refused(CALLS[call](ours))
    assert (error.reason, error.message) == (REASONS[code], "as the test wants it")
    assert [method for method, _ in refusal.calls] == [call]


@pytest.mark.parametrize("call", [name for name in CALLS if name != "GetTopic"])
async def test_not_found_is_a_reason_of_its_own(call: str) -> None:
    async with refusing(Refusal(grpc.StatusCode.NOT_FOUND)) as address, client(address) as ours:
        assert (await refused(CALLS[call](ours))).reason == "NotFound"


async def test_no_secret_of_a_refusal_is_passed_on() -> None:
    refusal = Refusal(grpc.StatusCode.UNAUTHENTICATED, "bad header Authorization: Bearer ya29.abcdefgh1234")
    async with refusing(refusal) as address, client(address) as ours:
        error = await refused(ours.subscription(TAP, TIMEOUT))
    assert "ya29" not in f"{error}" and error.reason == "Unauthenticated"


BLACK_HOLED: dict[str, Callable[[GrpcPubSub], Awaitable[object]]] = {
    "a read": lambda c: c.subscription(TAP, SHORT),
    "a list": lambda c: c.subscriptions("projects/any", SHORT),
    "a pull": lambda c: c.pull(TAP, 10, SHORT),
    "an ack": lambda c: c.acknowledge(TAP, ["a"], SHORT),
    "a publish": lambda c: c.publish("projects/any/topics/pages", b"page", {}, SHORT),
    "a measurement": lambda c: c.oldest_unacked_seconds(TAP, SHORT),
}


@pytest.mark.parametrize("call", BLACK_HOLED)
async def test_who_accepts_and_never_answers_is_a_timeout_and_not_quiet(call: str) -> None:
    async with serving(hang) as url, client(url.removeprefix("http://")) as ours:
        assert (await refused(BLACK_HOLED[call](ours))).reason == "Timeout"


async def test_nobody_there_is_told_before_the_deadline() -> None:
    async with serving(hang) as url:
        pass
    async with client(url.removeprefix("http://")) as ours:
        assert (await refused(ours.subscription(TAP, 600.0))).reason == "Unavailable"


async def test_a_service_that_dies_is_told_at_once_and_found_again(own_emulator: Emulator) -> None:
    async with client(own_emulator.address) as ours:
        with pytest.raises(Unreachable, match="NotFound"):
            await ours.subscription(TAP, TIMEOUT)
        waiting = asyncio.create_task(ours.pull(TAP, 10, 600.0))
        own_emulator.kill()
        assert (await refused(waiting)).reason in ("Unavailable", "NotFound")
        assert (await refused(ours.subscription(TAP, 600.0))).reason == "Unavailable"
        await own_emulator.restart()
        async with asyncio.timeout(5):
            assert await until_it_answers(ours) == "NotFound"


async def until_it_answers(ours: GrpcPubSub) -> str:
    while True:
        error = await refused(ours.subscription(TAP, 1.0))
        if error.reason not in ("Unavailable", "Timeout"):
            return error.reason
        await asyncio.sleep(0.05)


async def test_a_connection_that_is_swallowed_is_a_timeout_and_comes_back(pubsub: World) -> None:
    lane = await pubsub.lane()
    async with proxied(pubsub.address) as proxy, client(proxy.address) as ours:
        await ours.subscription(lane.tap, TIMEOUT)
        await proxy.to(Mode.BLACK_HOLE)
        assert (await refused(ours.subscription(lane.tap, SHORT))).reason == "Timeout"
        await proxy.to(Mode.PASS)
        async with asyncio.timeout(5):
            while True:
                with contextlib.suppress(Unreachable):
                    await ours.subscription(lane.tap, 1.0)
                    break
                await asyncio.sleep(0.05)


async def test_a_service_that_is_away_is_tried_every_second() -> None:
    """gRPC's own way is to wait longer and longer: up to two minutes, which then pass after the service's return."""
    async with proxied("127.0.0.1:1") as proxy, client(proxy.address) as ours:
        await proxy.to(Mode.RESET)
        async with asyncio.timeout(5):
            while proxy.accepted < 6:
                await refused(ours.subscription(TAP, SHORT))
                await asyncio.sleep(0.1)
        assert proxy.accepted >= 6


# --- who we are


def nobody() -> Credentials:
    raise AssertionError("an emulator knows no credentials")


@dataclass
class Word:
    """Credentials that answer so."""

    answer: str | Unreachable | None = "Bearer word"
    refusals: int = 0

    def refused(self) -> None:
        self.refusals += 1

    async def headers(self, timeout: float) -> Mapping[str, str]:
        if self.answer is None:
            await asyncio.Event().wait()
        if isinstance(self.answer, Unreachable):
            raise self.answer
        return {"Authorization": f"{self.answer}"}


async def test_each_call_says_who_we_are() -> None:
    refusal = Refusal(grpc.StatusCode.NOT_FOUND)
    async with refusing(refusal) as address, client(address, Word()) as ours:
        for call in CALLS.values():
            with contextlib.suppress(Unreachable):
                await call(ours)
    assert [metadata["authorization"] for _, metadata in refusal.calls] == ["Bearer word"] * len(CALLS)


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED])
async def test_who_is_not_accepted_asks_for_a_new_token_and_who_may_not_does_not(code: grpc.StatusCode) -> None:
    word = Word()
    async with refusing(Refusal(code)) as address, client(address, word) as ours:
        await refused(ours.subscription(TAP, TIMEOUT))
    assert word.refusals == (code is grpc.StatusCode.UNAUTHENTICATED)


async def test_credentials_that_hang_are_a_timeout_and_hold_up_nobody(pubsub: World) -> None:
    async with client(pubsub.address, Word(None)) as ours:
        assert (await refused(ours.subscription(TAP, SHORT))).reason == "Timeout"
        assert (await refused(ours.pull(TAP, 10, SHORT))).reason == "Timeout"


async def test_credentials_that_there_are_not_are_the_reason(pubsub: World) -> None:
    async with client(pubsub.address, Word(Unreachable("NoCredentials", "none here"))) as ours:
        assert (await refused(ours.pull(TAP, 10, TIMEOUT))).reason == "NoCredentials"


async def test_google_is_asked_with_credentials_and_an_emulator_without() -> None:
    asked: list[str] = []

    def credentials() -> Credentials:
        asked.append("credentials")
        return Word()

    clients = PubSubClients(credentials)
    assert clients("127.0.0.1:1") is clients("127.0.0.1:1") and asked == []
    assert clients("") is clients("") and asked == ["credentials"]
    await clients.close()


# --- what it costs


def said(script: str) -> str:
    """By a process of its own: what is imported there stays there."""
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()


def test_nothing_of_google_is_imported_before_it_is_used() -> None:
    loaded = "[m for m in sys.modules if m.split('.')[0] in ('google', 'grpc')]"
    assert said(f"import sys, watchdog.adapters.pubsub; print({loaded})") == "[]"


def test_of_the_library_only_the_clients_are_imported() -> None:
    heavy = "('google.cloud.pubsub_v1', 'google.cloud', 'opentelemetry.trace', 'opentelemetry.sdk')"
    script = f"import sys, watchdog.adapters.pubsub_grpc; print([m for m in {heavy} if m in sys.modules])"
    assert said(script) == "[]"
