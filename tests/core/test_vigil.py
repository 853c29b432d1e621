"""When the daemon may say that it keeps watch."""

from __future__ import annotations

from tests.core.worlds import ABOVE_ZERO, KILL_SWITCH, SWITCHES, WORKLOADS, World, at, failed, saw, switch, workload
from watchdog.core.facts import Unknown
from watchdog.core.vigil import fit


def test_it_is_fit_while_one_of_the_two_safety_facts_is_seen() -> None:
    world = World(KILL_SWITCH, ABOVE_ZERO)
    assert fit(world.turn(1, saw(1, SWITCHES, switch()), saw(1, WORKLOADS, workload(1))), at(1)) is None
    assert fit(world.turn(2, failed(2, SWITCHES)), at(2)) is None


def test_it_is_not_while_it_is_blind_and_is_again_once_it_sees() -> None:
    world = World(KILL_SWITCH, ABOVE_ZERO)
    world.turn(1, saw(1, SWITCHES, switch()), saw(1, WORKLOADS, workload(0)))
    blind = fit(world.turn(2, failed(2, SWITCHES), failed(2, WORKLOADS)), at(2))
    assert blind is not None and blind.reason == "Blind" and "halted" in blind.message
    assert fit(world.turn(3, saw(3, WORKLOADS)), at(3)) is None


def test_a_level_that_is_old_is_no_sign_of_life() -> None:
    level = World(KILL_SWITCH, ABOVE_ZERO).turn(1, saw(1, SWITCHES, switch()), saw(1, WORKLOADS))
    assert fit(level, at(16)) is None
    assert fit(level, at(16.1)) == Unknown("Stuck", "no turn for 15 s")


def test_before_the_first_look_it_is_not() -> None:
    assert fit(World(KILL_SWITCH, ABOVE_ZERO).assessment, at(0)) is not None
