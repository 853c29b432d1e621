"""How far an earlier life had seen: what is written, and what can be read of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.core.worlds import KILL_SWITCH, START, SWITCHES, WORKLOADS, World, at, saw, switch, workload
from tests.fakes import HandClock, Outside
from watchdog.core.accounting import Recollection
from watchdog.core.facts import Mark
from watchdog.core.observation import Facts, Observation, Position, Scope
from watchdog.outlets import Batch
from watchdog.outlets.memory import LIMIT, Memory
from watchdog.ports import Ports

PATH = "/memory.json"
MARK = Mark("trading-floor", "ConfigMap", "agenttrader-kill-switch", "uid", 0, 41)
OTHER = replace(MARK, name="other", revision=7)
OUTLET = Memory(PATH)
NOW = START + timedelta(seconds=10)


def outside(content: bytes | OSError | None = None, before: Recollection | None = None) -> tuple[Outside, Ports]:
    world = Outside(clock=HandClock(NOW, 10.0))
    if content is not None:
        world.files.content[PATH] = content
    return world, replace(world.ports(), recollection=before or Recollection())


def seen(*, workloads: bool = True) -> Batch:
    """The switches were looked at after 3 s, the workloads (if at all) after 4."""
    world = World(KILL_SWITCH)
    world.turn(3, saw(3, SWITCHES, switch(), MARK))
    return Batch(world.turn(4, saw(4, WORKLOADS, workload())) if workloads else world.turn(4))


async def written(batch: Batch, before: Recollection | None = None) -> bytes:
    world, ports = outside(before=before)
    assert await OUTLET.publish(batch, ports) == ()
    content = world.files.content[PATH]
    assert isinstance(content, bytes)
    return content


async def test_what_is_written_is_what_is_read() -> None:
    _, ports = outside(await written(seen()))
    found = await OUTLET.recollection(ports)
    assert found.marks == {MARK.subject: MARK}
    assert found.looked == {SWITCHES: START + timedelta(seconds=3), WORKLOADS: START + timedelta(seconds=4)}


async def test_what_this_life_has_not_looked_at_stays_as_it_was_left() -> None:
    gone, long_ago = Scope("kubernetes", "no more"), START - timedelta(hours=1)
    before = Recollection({WORKLOADS: long_ago, SWITCHES: long_ago, gone: long_ago}, {OTHER.subject: OTHER})
    _, ports = outside(await written(seen(workloads=False), before))
    found = await OUTLET.recollection(ports)
    assert found.looked == {SWITCHES: START + timedelta(seconds=3), WORKLOADS: long_ago}
    assert set(found.marks) == {MARK.subject, OTHER.subject}
    _, ports = outside(await written(seen(), before))
    assert set((await OUTLET.recollection(ports)).marks) == {MARK.subject}, "all was seen again"


def followed(*positions: Position | None) -> Batch:
    """The switches were looked at after each second that passed, and this was said of how far their history goes."""
    world = World(KILL_SWITCH)
    for second, position in enumerate(positions, 1):
        world.turn(second, Observation(SWITCHES, at(second), Facts((MARK,), position=position)))
    return Batch(world.turn(9))


async def test_of_a_history_its_last_word_is_remembered_and_not_the_last_look() -> None:
    """An open WATCH without a line is a look that succeeded, and says nothing of what passed."""
    _, ports = outside(await written(followed(Position(41, START), None, None)))
    found = await OUTLET.recollection(ports)
    assert found.looked == {SWITCHES: START} and found.revisions == {SWITCHES: 41}
    _, ports = outside(await written(followed(Position(41, START), Position(43, START + timedelta(seconds=2)))))
    found = await OUTLET.recollection(ports)
    assert found.looked == {SWITCHES: START + timedelta(seconds=2)} and found.revisions == {SWITCHES: 43}


async def test_what_follows_no_history_has_no_revision() -> None:
    for position in (None, Position(0, START)):
        _, ports = outside(await written(followed(position)))
        found = await OUTLET.recollection(ports)
        assert list(found.looked) == [SWITCHES] and found.revisions == {}


async def test_the_revision_of_what_this_life_has_not_looked_at_stays_as_it_was_left() -> None:
    before = Recollection({WORKLOADS: START, SWITCHES: START}, {}, {WORKLOADS: 40, SWITCHES: 40})
    _, ports = outside(await written(seen(workloads=False), before))
    assert (await OUTLET.recollection(ports)).revisions == {WORKLOADS: 40}


async def test_a_memory_of_before_revisions_were_remembered_is_one_all_the_same() -> None:
    old = json.dumps([[*SWITCHES, START.isoformat()]])
    _, ports = outside(changed(await written(seen()), {"looked": json.loads(old)}))
    found = await OUTLET.recollection(ports)
    assert found.looked == {SWITCHES: START} and found.revisions == {}


def changed(content: bytes, change: dict[str, Any]) -> bytes:
    return json.dumps({**json.loads(content), **change}).encode()


@pytest.mark.parametrize(
    "content",
    [
        FileNotFoundError(2, "No such file or directory"),
        PermissionError(13, "Permission denied"),
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"version":1,"written":"2026-11-23T15:00:00Z","looked":[],"marks":[["a"]]}',
        b'{"version":1,"written":"yesterday","looked":[],"marks":[]}',
        b'{"version":1,"written":"2026-11-23T15:00:00","looked":[],"marks":[]}',
    ],
)
async def test_what_cannot_be_read_is_no_memory(content: bytes | OSError) -> None:
    _, ports = outside(content)
    assert await OUTLET.recollection(ports) == Recollection()


@pytest.mark.parametrize(
    ("content", "level"),
    [(None, "info"), (PermissionError(13, "Permission denied"), "warning"), (b"{", "warning")],
)
async def test_a_file_that_cannot_be_used_is_worth_a_warning_and_none_is_not(
    content: bytes | OSError | None, level: str
) -> None:
    _, ports = outside(content)
    with capture_logs() as lines:
        assert await OUTLET.recollection(ports) == Recollection()
    assert [line["log_level"] for line in lines] == [level]


async def test_another_version_and_a_memory_from_the_future_are_none() -> None:
    good = await written(seen())
    ahead = (NOW + timedelta(seconds=90)).isoformat()
    for bad in ({"version": 2}, {"written": ahead}, {"looked": [["kubernetes", "switches", ahead]]}, {"more": 1}):
        _, ports = outside(changed(good, bad))
        assert await OUTLET.recollection(ports) == Recollection(), bad
    _, ports = outside(changed(good, {"written": (NOW + timedelta(seconds=30)).isoformat()}))
    assert (await OUTLET.recollection(ports)).marks, "another node's clock may be a little ahead"


async def test_a_torn_file_is_no_memory() -> None:
    content = await written(seen())
    for length in range(0, len(content), 7):
        _, ports = outside(content[:length])
        assert await OUTLET.recollection(ports) == Recollection()
    assert len(content) < LIMIT
