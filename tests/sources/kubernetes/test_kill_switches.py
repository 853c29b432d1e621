"""ConfigMap -> kill switch, and the order of events and direct reads. domain.md §3."""

from __future__ import annotations

import base64

import pytest

from tests.sources.kubernetes.scripted import config_map
from tests.sources.kubernetes.worlds import CONFIG_MAPS, World
from watchdog.core.facts import KillSwitch
from watchdog.core.observation import Facts
from watchdog.sources.kubernetes.resources import Key

HALTED, RUNNING = {"EXECUTION_HALTED": "1"}, {"EXECUTION_HALTED": "0"}
KEY = Key("trading-floor", "agenttrader-kill-switch")


def halted(told: Facts) -> list[bool]:
    return [fact.halted for fact in told.seen if isinstance(fact, KillSwitch) and isinstance(fact.halted, bool)]


@pytest.mark.parametrize(
    ("data", "explanation"),
    [
        (RUNNING, 'the value is "0"'),
        ({"EXECUTION_HALTED": ""}, "the value is empty"),
        ({"EXECUTION_HALTED": "\n1"}, "the value is empty"),
        ({"OTHER": "1"}, "the key EXECUTION_HALTED is missing"),
        ({}, "the key EXECUTION_HALTED is missing"),
        (None, "the key EXECUTION_HALTED is missing"),
    ],
)
def test_whatever_is_not_truthy_is_not_halted(data: dict[str, str] | None, explanation: str) -> None:
    world = World()
    world.event(config_map(5, data))
    assert world.switch.halted is False and world.switch.explanation == explanation


def test_a_truthy_value_is_halted() -> None:
    world = World()
    world.event(config_map(5, {"EXECUTION_HALTED": " TRUE\n"}))
    assert world.switch.halted is True and world.switch.value == "TRUE"


def test_binary_data_is_mounted_as_a_file_too() -> None:
    world = World()
    world.event(config_map(5, None) | {"binaryData": {"EXECUTION_HALTED": base64.b64encode(b"1\n").decode()}})
    assert world.switch.halted is True


def test_a_deleted_config_map_is_not_halted() -> None:
    world = World()
    world.event(config_map(5, HALTED))
    world.event(config_map(6, HALTED), deleted=True)
    assert world.switch.halted is False and world.switch.explanation == "the ConfigMap does not exist"


def test_a_carrier_that_is_not_required_has_a_fact_only_while_it_is_there() -> None:
    world = World()
    safety = config_map(5, {"KILL_SWITCH": "false"}, "agenttrader-safety")
    world.event(safety)
    assert [fact.halted for fact in world.of(KillSwitch) if fact.switch == "KILL_SWITCH"] == [False]
    world.event({**safety, "metadata": {**safety["metadata"], "resourceVersion": "6"}}, deleted=True)
    assert [fact for fact in world.of(KillSwitch) if fact.switch == "KILL_SWITCH"] == []


def test_a_flip_and_back_is_told_in_two_events_and_never_merged() -> None:
    world = World()
    world.event(config_map(5, HALTED))
    told = world.event(config_map(6, RUNNING)) + world.event(config_map(7, HALTED))
    assert [halted(facts) for facts in told] == [[False], [True]]


def test_a_read_that_began_before_an_event_does_not_undo_it() -> None:
    world = World()
    world.event(config_map(5, HALTED))
    with world.telling.inventory.store(CONFIG_MAPS).looking() as began:
        world.event(config_map(6, RUNNING))
        world.read(CONFIG_MAPS, KEY, config_map(5, HALTED), began)
        assert world.switch.halted is False
        world.read(CONFIG_MAPS, KEY, None, began)
        assert world.switch.value == "0", "a late 404 cannot be compared: the event counts"


def test_a_read_that_began_before_an_event_and_saw_more_counts() -> None:
    world = World()
    world.event(config_map(5, HALTED))
    with world.telling.inventory.store(CONFIG_MAPS).looking() as began:
        world.event(config_map(6, HALTED))
        world.read(CONFIG_MAPS, KEY, config_map(9, RUNNING), began)
    assert world.switch.halted is False


def test_a_read_that_began_before_a_deletion_does_not_bring_it_back() -> None:
    world = World()
    world.event(config_map(5, HALTED))
    with world.telling.inventory.store(CONFIG_MAPS).looking() as began:
        world.event(config_map(6, HALTED), deleted=True)
        world.read(CONFIG_MAPS, KEY, config_map(5, HALTED), began)
    assert world.switch.halted is False


def test_a_read_that_began_after_is_the_truth_even_if_its_revision_is_lower() -> None:
    world = World()
    world.event(config_map(500, HALTED))
    with world.telling.inventory.store(CONFIG_MAPS).looking() as began:
        world.read(CONFIG_MAPS, KEY, config_map(90, RUNNING), began)
    assert world.switch.halted is False


def test_an_event_that_a_read_overtook_happened_all_the_same() -> None:
    world = World()
    world.event(config_map(5, HALTED))
    with world.telling.inventory.store(CONFIG_MAPS).looking() as began:
        world.read(CONFIG_MAPS, KEY, config_map(7, HALTED), began)
    late = world.event(config_map(6, RUNNING))
    assert [halted(facts) for facts in late] == [[False], [True]]
    assert [halted(facts) for facts in world.event(config_map(7, HALTED))] == [[True]]


def test_a_deletion_that_a_read_overtook_happened_all_the_same() -> None:
    world = World()
    world.event(config_map(5, HALTED))
    with world.telling.inventory.store(CONFIG_MAPS).looking() as began:
        world.read(CONFIG_MAPS, KEY, config_map(9, HALTED), began)
    late = world.event(config_map(6, HALTED), deleted=True)
    assert [halted(facts) for facts in late] == [[False], [True]]


def test_a_list_says_what_is_gone() -> None:
    world = World()
    world.event(config_map(5, HALTED))
    world.listing(CONFIG_MAPS, [])
    assert world.switch.halted is False


def test_an_event_of_a_config_map_that_nobody_reads_tells_nothing() -> None:
    assert World().event(config_map(5, {"a": "b"}, "unrelated")) == []


def test_a_megabyte_is_not_kept() -> None:
    world = World()
    world.event(config_map(5, {"EXECUTION_HALTED": "1\n" + "x" * 900_000}))
    held = world.telling.inventory.store(CONFIG_MAPS).get(KEY)
    assert held is not None and len(held.data["EXECUTION_HALTED"]) == 257 and world.switch.halted is True


def test_tombstones_do_not_pile_up() -> None:
    world = World()
    with world.telling.inventory.store(CONFIG_MAPS).looking():
        world.event(config_map(5, HALTED))
        world.event(config_map(6, HALTED), deleted=True)
        assert list(world.telling.inventory.store(CONFIG_MAPS)) == [KEY]
    assert list(world.telling.inventory.store(CONFIG_MAPS)) == []


@pytest.mark.parametrize(
    "value", ["1" + " " * 300 + "0", "\x0c\n1" + " " * 300, "1" + " " * 300 + "0\nx", "\n" * 300 + "1"]
)
def test_a_long_value_is_read_as_the_platform_reads_the_whole_of_it(value: str) -> None:
    world = World()
    world.event(config_map(5, {"EXECUTION_HALTED": value}))
    assert world.switch.halted is False
