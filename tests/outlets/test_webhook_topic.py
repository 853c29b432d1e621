"""A Pub/Sub topic as a receiver, on the real emulator."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from tests.alerts import T0, alert, fired, level
from tests.emulator import World
from tests.outlets.hooks import (
    Hook,
    called,
    receiver,
)
from watchdog.adapters.pubsub import GrpcPubSub
from watchdog.core.notice import fingerprint, labels_of
from watchdog.outlets import Batch
from watchdog.ports import Unreachable
from watchdog.simulator.pubsub import Broker, InMemoryPubSub


async def test_a_topic_carries_the_same_body_with_what_can_be_filtered_by(pubsub: World) -> None:
    topic = await pubsub.topic("pages")
    subscription = await pubsub.subscription("pager", topic)
    client, hook = GrpcPubSub(pubsub.address, None), Hook()
    try:
        async with called(hook) as direct, receiver(timeout=10.0, topic=topic, endpoint=pubsub.address) as told:
            told.ports = replace(told.ports, pubsub=lambda endpoint: client)
            await client.topic_exists(topic, 30)  # the first call imports its library
            (receipt,) = await told(alert(), edges=[fired(alert())])
            await direct(alert(), edges=[fired(alert())])
    finally:
        await client.close()
    assert receipt.accepted and len(receipt.reports) == 1
    (received,) = await pubsub.pull(subscription)
    message = received["message"]
    assert base64.b64decode(message["data"]) == hook.heard[0].raw
    assert message["attributes"] == {
        "fingerprint": fingerprint(labels_of(alert(), {"cluster": "prod"})),
        "status": "firing",
        "sev": "0",
        "idempotency_key": hook.heard[0].headers["idempotency-key"],
    }


async def test_a_topic_that_is_missing_is_tried_again_until_it_is_there(pubsub: World) -> None:
    name = pubsub.name("topics", "pages")
    client = GrpcPubSub(pubsub.address, None)
    try:
        async with receiver(timeout=10.0, topic=name, endpoint=pubsub.address) as told:
            told.ports = replace(told.ports, pubsub=lambda endpoint: client)
            await client.topic_exists(name, 30)
            (receipt,) = await told(alert(), edges=[fired(alert())])
            assert not receipt.accepted and receipt.explanation.startswith("NotFound")
            await pubsub.topic("pages")
            (receipt,) = await told(alert(), edges=[fired(alert())])
            assert receipt.accepted
    finally:
        await client.close()


@pytest.mark.parametrize(
    ("fault", "found"), [("", "NotFound"), ("Unavailable", "Unavailable"), ("PermissionDenied", "")]
)
async def test_a_topic_that_is_not_there_is_found_before_the_first_page(fault: str, found: str) -> None:
    """Who may publish need not be allowed to look."""
    broker = Broker(lambda: T0.wall)
    async with receiver(topic="projects/agents/topics/pages") as told:
        ports = replace(told.ports, pubsub=lambda endpoint: InMemoryPubSub(broker))
        if fault:
            broker.fail(fault)
        try:
            await told.part.publish(Batch(level(), (), True), ports)
            said = ""
        except Unreachable as error:
            said = error.reason
        assert said == found
        broker.recover()
        broker.create_topic("projects/agents/topics/pages")
        assert await told.part.publish(Batch(level(), (), True), ports) == []
