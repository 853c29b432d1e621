"""How far a history is known without a gap, and what a list beside it says of it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.core.worlds import START, at
from tests.sources.kubernetes.scripted import config_map
from watchdog.core.accounting import Recollection, Version
from watchdog.core.facts import Mark
from watchdog.core.observation import Position, Scope
from watchdog.sources.kubernetes.listing import Target
from watchdog.sources.kubernetes.reflector import Break
from watchdog.sources.kubernetes.resources import CONFIG_MAPS, DEPLOYMENTS, Key, Resource
from watchdog.sources.kubernetes.trail import FIRST_LOOK, RESTARTED, Sightings, Trail, Window

SCOPE = Scope("kubernetes", "watch configmaps everywhere")
A, B, OTHER = (Key("floor", name) for name in ("a", "b", "unguarded"))
EXPIRED = Break("Expired", "too old")


def guards(resource: Resource[Any], key: Key) -> bool:
    return key != OTHER


def trail(**versions: int) -> Trail:
    """At 0 s a list showed these."""
    made = Trail(SCOPE, Target(CONFIG_MAPS, ""), guards)
    made.adopt({Key("floor", name): _version(name, revision) for name, revision in versions.items()}, 6, at(0))
    made.marks(made.versions)
    return made


def _version(name: str, revision: int) -> Version:
    return Version(f"uid-{name}", 0, revision)


def wire(name: str, revision: int) -> Any:
    object_ = config_map(revision, {}, name)
    object_["metadata"]["namespace"] = "floor"
    return CONFIG_MAPS.object(json.dumps(object_).encode())


def found(**versions: int) -> dict[Key, Version]:
    return {Key("floor", name): _version(name, revision) for name, revision in versions.items()}


@pytest.mark.parametrize(
    ("shown", "at_revision", "behind"),
    [
        ({"a": 5, "b": 6}, 9, False),
        ({"a": 7, "b": 6}, 9, True),  # written, and not told
        ({"a": 5}, 9, True),  # deleted, and not told
        ({"a": 5, "b": 6, "c": 8}, 9, True),  # created, and not told
        ({"a": 5, "b": 4}, 5, False),  # the list is of an earlier revision than what was told
        ({"a": 5}, 5, False),  # b was created after the list
    ],
)
def test_a_list_that_shows_what_was_not_told_ends_the_trust_unless_it_is_told_later(
    shown: dict[str, int], at_revision: int, behind: bool
) -> None:
    ours = trail(a=5, b=6)
    ours.beside()
    ours.compared(found(**shown), at_revision, at(600))
    assert (ours.missed() is not None) == behind
    assert (ours.agreed == at(600)) == (not behind)
    assert ours.missed() is None, "it is said once"


def test_what_was_on_its_way_is_no_miss() -> None:
    ours = trail(a=5, b=6)
    ours.beside()
    ours.compared(found(a=7), 9, at(600))
    ours.happened(wire("a", 7), False, at(601))
    ours.happened(wire("b", 8), True, at(601))
    assert ours.missed() is None


def test_what_went_while_the_list_was_under_way_is_no_miss() -> None:
    ours = trail(a=5, b=6)
    ours.beside()
    ours.happened(wire("b", 10), True, at(599))
    ours.compared(found(a=5, b=6), 9, at(600))
    assert ours.missed() is None and ours.agreed == at(600)


def test_a_window_begins_with_the_last_word_and_where_a_word_was_missed_with_the_last_list_that_agreed() -> None:
    ours = trail(a=5)
    ours.heard(7, at(50))
    assert ours.window(EXPIRED, Recollection(), at(60)) == Window(at(50).wall, at(60).wall, 10)
    assert ours.window(Break("Missed", ""), Recollection(), at(60)).seconds == 60


def test_a_wall_clock_that_steps_back_makes_no_window_of_negative_length() -> None:
    ours, later = trail(a=5), at(60)
    ours.heard(7, at(50))
    back = type(later)(later.wall - timedelta(hours=1), later.mono)
    window = ours.window(EXPIRED, Recollection(), back)
    assert window.seconds == 10 and window.began <= window.ended


def test_why_a_history_begins() -> None:
    fresh = Trail(SCOPE, Target(CONFIG_MAPS, ""), guards)
    remembered = Recollection({SCOPE: START})
    assert fresh.why(None, Recollection()) is FIRST_LOOK and fresh.why(None, remembered) is RESTARTED
    assert trail(a=5).why(None, remembered) is None and trail(a=5).why(EXPIRED, remembered) is EXPIRED


def test_only_what_an_earlier_life_knew_of_this_target_is_recalled() -> None:
    marks = [
        Mark("floor", "ConfigMap", "a", "uid-a", 0, 5),
        Mark("floor", "Deployment", "a", "uid", 3, 5),
        Mark("elsewhere", "ConfigMap", "a", "uid", 0, 5),
        Mark("floor", "ConfigMap", "b", "uid-b", 0, 6),
    ]
    ours = Trail(SCOPE, Target(CONFIG_MAPS, "floor"), guards, {B: None})
    ours.recall(Recollection({SCOPE: START}, {mark.subject: mark for mark in marks}))
    assert ours.versions == found(a=5), "another kind, another namespace, and what has a WATCH of its own are not"
    ours.recall(Recollection({SCOPE: START}, {}))
    assert ours.versions == found(a=5)


def resumed(**marks: int) -> Trail:
    """An earlier life had seen up to revision 10, and these."""
    ours = Trail(SCOPE, Target(CONFIG_MAPS, ""), guards)
    known = [Mark("floor", "ConfigMap", name, f"uid-{name}", 0, revision) for name, revision in marks.items()]
    ours.recall(Recollection({SCOPE: START}, {mark.subject: mark for mark in known}, {SCOPE: 10}))
    return ours


def test_what_an_earlier_life_had_left_is_told_again_as_it_was() -> None:
    facts = resumed(a=5).recalled()
    assert facts.partial and facts.position == Position(10, START)
    assert [(fact.name, fact.revision) for fact in facts.seen if isinstance(fact, Mark)] == [("a", 5)]


@pytest.mark.parametrize(
    ("shown", "at_revision", "resumable"),
    [
        ({"a": 5, "b": 6}, 10, 10),
        ({"a": 12, "b": 6}, 12, 10),  # written since: told as an event
        ({"a": 5}, 12, 10),  # deleted since: too
        ({"a": 5, "b": 6, "c": 9}, 12, 10),  # it was not guarded
        ({"a": 5, "b": 6}, 9, 0),  # the server's own revision is of before
        ({"a": 4, "b": 6}, 12, 0),  # it went back, and has gone on since: another history
        ({"a": 7, "b": 6}, 12, 0),
    ],
)
def test_a_history_goes_on_where_an_earlier_life_left_off_if_it_is_the_same(
    shown: dict[str, int], at_revision: int, resumable: int
) -> None:
    ours = resumed(a=5, b=6)
    assert ours.resumable(found(**shown), at_revision) == resumable
    assert trail(a=5).resumable(found(**shown), at_revision) == 0, "only at the beginning of a life"
    assert Trail(SCOPE, Target(CONFIG_MAPS, ""), guards).resumable(found(**shown), at_revision) == 0


def test_a_history_that_goes_on_begins_with_what_was_so_then() -> None:
    ours = resumed(a=5, b=6)
    ours.resume(found(a=12, c=9, unguarded=11))
    assert ours.versions == found(a=5, b=6, c=9)
    assert ours.last is None and ours.position == Position(10, START), "the list is no word of it"


def test_what_comes_late_says_nothing_of_the_time_until_now() -> None:
    ours = resumed(a=5)
    ours.happened(wire("a", 12), False, at(30), late=True)
    assert ours.position == Position(12, START) and ours.versions == found(a=12)
    assert ours.window(EXPIRED, Recollection(), at(40)).began == START
    ours.happened(wire("a", 20), False, at(31))
    assert ours.position == Position(20, at(31).wall)
    assert ours.window(EXPIRED, Recollection(), at(40)).seconds == 9


def test_a_mark_is_kept_until_a_sweep_although_nobody_guards_its_object() -> None:
    """At the start what guards it may not have been listed yet."""
    ours = resumed(a=5)
    ours.guards = lambda resource, key: False
    ours.happened(wire("a", 12), False, at(30), late=True)
    assert A in ours.told and [d.key for d in ours.doubts(found(a=14), Window(START, START, 1), Sightings())] == [A]
    assert ours.marks([A], sweep=True).gone and not ours.told


def test_what_is_not_guarded_is_never_in_doubt_and_what_was_guarded_is() -> None:
    ours = trail(a=5, unguarded=6)
    window = Window(START, START, 1.0)
    doubts = ours.doubts(found(a=7, unguarded=9), window, Sightings())
    assert [doubt.key for doubt in doubts] == [A]
    ours.guards = lambda resource, key: False
    assert [doubt.fact.reason for doubt in ours.doubts({}, window, Sightings())] == ["Vanished"]


def test_direct_reads_narrow_a_window_from_both_sides() -> None:
    window, reads = Window(at(0).wall, at(60).wall, 60), Sightings()
    for second, revision in ((10, 5), (20, 5), (21, 7), (22, 8), (23, 8)):
        reads.note(CONFIG_MAPS, A, revision, at(second).wall, at(second + 0.5).wall)
    before, after = _version("a", 5), _version("a", 8)
    assert reads.narrowed(window, CONFIG_MAPS, A, before, after) == Window(at(20).wall, at(22.5).wall, 2.5)
    assert reads.narrowed(window, CONFIG_MAPS, B, before, after) == window
    assert reads.narrowed(window, DEPLOYMENTS, A, before, after) == window
    for revision in range(100, 120):
        reads.note(CONFIG_MAPS, A, revision, at(50).wall, at(50).wall)
    assert reads.narrowed(window, CONFIG_MAPS, A, before, after) == window, "few are kept"
