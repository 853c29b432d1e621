"""The floor's messages: what is said of a lane is done to its Pub/Sub and measured by its metrics, both."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from tests.virtual import in_virtual_time
from watchdog.simulator.data_plane import AGE, ARRIVED, DEAD, LANES, UNDELIVERED, DataPlane, Lane, subscription
from watchdog.simulator.platform import trading_floor
from watchdog.simulator.pubsub import InMemoryPubSub
from watchdog.simulator.scene import known
from watchdog.simulator.services import OPS_UI
from watchdog.simulator.switchboard import SWITCHES, Switchboard
from watchdog.simulator.wire import Request

SIGNALS = LANES[-1]


@dataclass
class World:
    at: datetime = datetime(2026, 11, 23, 15, tzinfo=UTC)
    data: DataPlane = field(init=False)

    def __post_init__(self) -> None:
        self.data = DataPlane(lambda: self.at)

    def measured(self, metric: str, label: str) -> float:
        return self.data.metrics.value(metric, (label,))


def test_every_series_of_the_floor_is_asked_for_by_a_shipped_query_and_the_other_way_round() -> None:
    world = World()
    for query in known().values():
        assert world.data.metrics.samples(query.metric, world.at.timestamp()), query.metric


def test_poison_ends_at_drain_and_tap_and_is_measured_until_it_is_drained() -> None:
    async def story(world: World) -> None:
        world.data.poison(SIGNALS, 3)
        letters = await InMemoryPubSub(world.data.broker).pull(subscription(SIGNALS.tap), 10, 1.0)
        assert [letter.attributes["CloudPubSubDeadLetterSourceSubscription"] for letter in letters] == [
            "trade-signals-sub"
        ] * 3
        assert world.data.broker.undelivered(subscription(SIGNALS.subscription)) == 0
        assert world.measured(DEAD, SIGNALS.drain) == 3
        world.data.drain(SIGNALS)
        assert (world.measured(DEAD, SIGNALS.drain), world.data.broker.undelivered(subscription(SIGNALS.drain))) == (
            0.0, 0,
        )  # fmt: skip

    in_virtual_time(story(World()))


def test_dead_letters_are_counted_for_ten_minutes_each() -> None:
    world, measured = World(), []
    for minutes, letters in ((0, 3), (5, 2), (4, 0), (2, 0), (5, 0)):
        world.at += timedelta(minutes=minutes)
        if letters:
            world.data.poison(SIGNALS, letters)
        measured.append(world.measured(ARRIVED, SIGNALS.subscription))
    assert measured == [3, 5, 5, 2, 0]


def test_without_a_policy_poison_stays_with_its_consumer() -> None:
    world = World()
    world.data.forget_dead_letters(SIGNALS)
    world.data.poison(SIGNALS)
    assert world.data.broker.undelivered(subscription(SIGNALS.subscription)) == 1
    assert world.measured(DEAD, SIGNALS.drain) == 0
    world.data.remember_dead_letters(SIGNALS)
    assert world.data.broker.shape(subscription(SIGNALS.subscription)).max_delivery_attempts == 5


def test_a_consumer_that_stands_still_lets_its_messages_age_and_pile_up() -> None:
    world = World()
    world.data.stop_consumer(SIGNALS, rate=5.0, waiting=60.0)
    world.at += timedelta(seconds=100)
    assert world.measured(AGE, SIGNALS.subscription) == 160
    assert world.measured(UNDELIVERED, SIGNALS.subscription) == 800
    assert world.measured(AGE, Lane("market-ticks").subscription) == 1
    world.data.start_consumer(SIGNALS)
    assert (world.measured(AGE, SIGNALS.subscription), world.measured(UNDELIVERED, SIGNALS.subscription)) == (1, 0)


@pytest.mark.parametrize("path", SWITCHES)
async def test_every_switch_does_something_and_says_so(path: str) -> None:
    floor = trading_floor(lambda: datetime(2026, 11, 23, 15, tzinfo=UTC))
    answer = await Switchboard(floor).answer(Request("POST", path))
    assert (answer.status, answer.body) == (200, b'{"done":"%s"}\n' % path.encode())
    assert (await Switchboard(floor).answer(Request("GET", path))).status == 404


async def test_the_switches_are_those_of_the_floor() -> None:
    floor = trading_floor(lambda: datetime(2026, 11, 23, 15, tzinfo=UTC))
    board = Switchboard(floor)
    for path in ("/poison/flood", "/consumer/stop", "/errors/raise", "/ops-ui/stop"):
        await board.answer(Request("POST", path))
    metrics = floor.data.metrics
    assert metrics.value(DEAD, (SIGNALS.drain,)) == 12
    assert metrics.value(AGE, (SIGNALS.subscription,)) == 3600
    assert metrics.value("error_ratio_5xx", ("market-ingest",)) == 0.08
    assert not floor.services.runs(OPS_UI)
    for path in ("/drain", "/consumer/start", "/errors/clear", "/ops-ui/start"):
        await board.answer(Request("POST", path))
    assert metrics.value(DEAD, (SIGNALS.drain,)) == metrics.value("error_ratio_5xx", ("market-ingest",)) == 0
    assert metrics.value(AGE, (SIGNALS.subscription,)) == 1
    assert floor.services.runs(OPS_UI)
