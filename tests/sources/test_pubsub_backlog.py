"""The age of the oldest unacked message by snapshot, as a metric with its own moment."""

from __future__ import annotations

from typing import Any

import pytest

from tests.pubsub import PROJECT, SUBSCRIPTION, TOPIC, Lane, with_a_lane
from tests.virtual import in_virtual_time
from watchdog.core.facts import Metric, Unknown
from watchdog.ports import Unreachable
from watchdog.simulator.pubsub import HANGING
from watchdog.simulator.virtual_time import START
from watchdog.sources.pubsub_backlog import Measured, PubSubBacklog

MEASURED = (Measured("signals-sub", "critical"),)


def source(**more: Any) -> PubSubBacklog:
    return PubSubBacklog("backlog", **({"project": PROJECT, "subscriptions": MEASURED} | more))


async def measured(lane: Lane) -> Metric:
    (stream,) = source().streams().values()
    (fact,) = await lane.one_look(stream)
    assert isinstance(fact, Metric)
    return fact


@with_a_lane
async def test_the_age_is_told_with_the_moment_of_the_measurement(lane: Lane) -> None:
    lane.broker.publish(TOPIC, b"live")
    (stream,) = source().streams().values()
    looks = stream.looks(lane.ports)
    await anext(looks)
    (fact,) = (await anext(looks)).seen
    assert fact == Metric(
        "oldest_unacked_by_snapshot_seconds", "signals-sub", 60.0, START.timestamp() + 60.0, 0.0, "critical",
        "oldest_unacked_by_snapshot_seconds of signals-sub is 60.0",
    )  # fmt: skip


@with_a_lane
async def test_nothing_unacked_is_zero_and_known(lane: Lane) -> None:
    assert (await measured(lane)).value == 0.0


@pytest.mark.parametrize("reason", ["NotFound", "PermissionDenied", "FailedPrecondition"])
def test_one_that_cannot_be_measured_is_unknown_and_never_zero(reason: str) -> None:
    async def main() -> None:
        lane = Lane()
        lane.broker.fail(reason, SUBSCRIPTION)
        fact = await measured(lane)
        assert isinstance(fact.value, Unknown) and fact.value.reason == reason
        assert isinstance(fact.age_seconds, Unknown) and fact.sampled_at == 0.0

    in_virtual_time(main())


@pytest.mark.parametrize("reason", ["Unavailable", "ResourceExhausted", "Unauthenticated", HANGING])
def test_a_service_that_is_down_is_a_source_that_does_not_see(reason: str) -> None:
    async def main() -> None:
        lane = Lane()
        lane.broker.fail(reason)
        with pytest.raises(Unreachable) as caught:
            await measured(lane)
        assert caught.value.reason == ("Timeout" if reason == HANGING else reason) and lane.now <= 6.0

    in_virtual_time(main())


@pytest.mark.parametrize(
    ("stanza", "complaint"),
    [
        ({"subscriptions": ()}, "subscriptions: expected at least one"),
        ({"subscriptions": MEASURED * 2}, "none twice"),
        ({"project": "?"}, "project: expected"),
        ({"poll_interval": 0.0}, "above 0"),
        ({"stale_after": 60.0}, "stale_after: expected more"),
    ],
)
def test_a_stanza_that_cannot_be_is_refused_in_one_sentence(stanza: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        source(**stanza)
