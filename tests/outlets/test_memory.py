"""How far an earlier life had seen: what is written, and what can be read of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.core.worlds import ABOVE_ZERO, KILL_SWITCH, START, SWITCHES, WORKLOADS, World, at, saw, switch, workload
from tests.fakes import HandClock, Outside
from watchdog.core.accounting import Recollection
from watchdog.core.alert import Identity, Policy
from watchdog.core.delivery import Deliveries, Delivery
from watchdog.core.facts import Mark, Unknown
from watchdog.core.observation import Facts, Observation, Position, Scope
from watchdog.core.report import Accepted
from watchdog.core.severity import Sev
from watchdog.core.table import Table
from watchdog.outlets import Batch
from watchdog.outlets.memory import LIMIT, Memory
from watchdog.ports import Ports

PATH = "/memory.json"
MARK = Mark("trading-floor", "ConfigMap", "agenttrader-kill-switch", "uid", 0, 41)
OTHER = replace(MARK, name="other", revision=7)
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
    assert await Memory(PATH).publish(batch, ports) == ()
    content = world.files.content[PATH]
    assert isinstance(content, bytes)
    return content


async def test_what_is_written_is_what_is_read() -> None:
    _, ports = outside(await written(seen()))
    found = await Memory(PATH).recollection(ports)
    assert found.marks == {MARK.subject: MARK}
    assert found.looked == {SWITCHES: START + timedelta(seconds=3), WORKLOADS: START + timedelta(seconds=4)}


async def test_what_this_life_has_not_looked_at_stays_as_it_was_left() -> None:
    gone, long_ago = Scope("kubernetes", "no more"), START - timedelta(hours=1)
    before = Recollection({WORKLOADS: long_ago, SWITCHES: long_ago, gone: long_ago}, {OTHER.subject: OTHER})
    _, ports = outside(await written(seen(workloads=False), before))
    found = await Memory(PATH).recollection(ports)
    assert found.looked == {SWITCHES: START + timedelta(seconds=3), WORKLOADS: long_ago}
    assert set(found.marks) == {MARK.subject, OTHER.subject}
    _, ports = outside(await written(seen(), before))
    assert set((await Memory(PATH).recollection(ports)).marks) == {MARK.subject}, "all was seen again"


def followed(*positions: Position | None) -> Batch:
    """The switches were looked at after each second that passed, and this was said of how far their history goes."""
    world = World(KILL_SWITCH)
    for second, position in enumerate(positions, 1):
        world.turn(second, Observation(SWITCHES, at(second), Facts((MARK,), position=position)))
    return Batch(world.turn(9))


async def test_of_a_history_its_last_word_is_remembered_and_not_the_last_look() -> None:
    """An open WATCH without a line is a look that succeeded, and says nothing of what passed."""
    _, ports = outside(await written(followed(Position(41, START), None, None)))
    found = await Memory(PATH).recollection(ports)
    assert found.looked == {SWITCHES: START} and found.revisions == {SWITCHES: 41}
    _, ports = outside(await written(followed(Position(41, START), Position(43, START + timedelta(seconds=2)))))
    found = await Memory(PATH).recollection(ports)
    assert found.looked == {SWITCHES: START + timedelta(seconds=2)} and found.revisions == {SWITCHES: 43}


async def test_what_follows_no_history_has_no_revision() -> None:
    for position in (None, Position(0, START)):
        _, ports = outside(await written(followed(position)))
        found = await Memory(PATH).recollection(ports)
        assert list(found.looked) == [SWITCHES] and found.revisions == {}


async def test_the_revision_of_what_this_life_has_not_looked_at_stays_as_it_was_left() -> None:
    before = Recollection({WORKLOADS: START, SWITCHES: START}, {}, {WORKLOADS: 40, SWITCHES: 40})
    _, ports = outside(await written(seen(workloads=False), before))
    assert (await Memory(PATH).recollection(ports)).revisions == {WORKLOADS: 40}


async def test_a_memory_of_before_revisions_were_remembered_is_one_all_the_same() -> None:
    old = json.dumps([[*SWITCHES, START.isoformat()]])
    _, ports = outside(changed(await written(seen()), {"looked": json.loads(old)}))
    found = await Memory(PATH).recollection(ports)
    assert found.looked == {SWITCHES: START} and found.revisions == {}


def changed(content: bytes, change: dict[str, Any]) -> bytes:
    return json.dumps({**json.loads(content), **change}).encode()


@pytest.mark.parametrize(
    "content",
    [
        FileNotFoundError(2, "No such file or directory"),
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
    assert await Memory(PATH).recalled(ports) == ()
    assert await Memory(PATH).recollection(ports) == Recollection()


@pytest.mark.parametrize(("content", "level"), [(None, "info"), (b"{", "warning")])
async def test_a_file_that_cannot_be_used_is_worth_a_warning_and_none_is_not(
    content: bytes | OSError | None, level: str
) -> None:
    _, ports = outside(content)
    with capture_logs() as lines:
        assert await Memory(PATH).recollection(ports) == Recollection()
    assert [line["log_level"] for line in lines] == [level]


async def test_another_version_and_a_memory_from_the_future_are_none() -> None:
    good = await written(seen())
    ahead = (NOW + timedelta(seconds=90)).isoformat()
    for bad in ({"version": 3}, {"written": ahead}, {"looked": [["kubernetes", "switches", ahead]]}, {"more": 1}):
        _, ports = outside(changed(good, bad))
        assert await Memory(PATH).recollection(ports) == Recollection(), bad
    _, ports = outside(changed(good, {"written": (NOW + timedelta(seconds=30)).isoformat()}))
    assert (await Memory(PATH).recollection(ports)).marks, "another node's clock may be a little ahead"


async def test_a_torn_file_is_no_memory() -> None:
    content = await written(seen())
    for length in range(0, len(content), 7):
        _, ports = outside(content[:length])
        assert await Memory(PATH).recollection(ports) == Recollection()
    assert len(content) < LIMIT


# alerts


def firing() -> Batch:
    world = World(ABOVE_ZERO, KILL_SWITCH)
    return Batch(world.turn(4, saw(4, WORKLOADS, workload(1)), saw(4, SWITCHES, switch(Unknown("Forbidden")))))


async def test_what_is_open_and_what_is_pending_is_recalled_as_of_the_level_that_the_positions_are_of() -> None:
    _, ports = outside(await written(firing()))
    found = {r.alert.identity.rule: r for r in await Memory(PATH).recalled(ports)}
    states = {rule: str(r.alert.state) for rule, r in found.items()}
    assert states == {"ExecutionAboveZero": "firing", "KillSwitchNotHalted": "pending"}
    assert {r.as_of for r in found.values()} == {at(4)} and {r.origin for r in found.values()} == {"memory"}
    assert found["KillSwitchNotHalted"].alert.active_since == at(4)


def test_the_first_turn_waits_for_it() -> None:
    assert Memory(PATH).near


async def test_who_took_the_page_is_recalled() -> None:
    batch = firing()
    [alert] = [alert for alert in batch.level.alerts.values() if alert.open]
    taken = Accepted(alert.identity, "pager", 4.0, at(4), at(5), peer=False)
    deliveries = Table[Identity, Delivery]().with_({alert.identity: Delivery(alert, at(4), {"pager": taken})})
    _, ports = outside(await written(Batch(replace(batch.level, deliveries=Deliveries(deliveries)))))
    [recalled] = [r for r in await Memory(PATH).recalled(ports) if r.alert.open]
    assert recalled.accepted == (taken,)


async def test_a_page_that_nobody_took_is_recalled_although_the_alert_is_over() -> None:
    level = firing().level
    [alert] = [alert for alert in level.alerts.values() if alert.open]
    deliveries = Table[Identity, Delivery]().with_({alert.identity: Delivery(alert, at(4))})
    over = replace(level, alerts=level.alerts.with_({alert.identity: None}), deliveries=Deliveries(deliveries))
    _, ports = outside(await written(Batch(over)))
    assert alert.identity in {r.alert.identity for r in await Memory(PATH).recalled(ports) if not r.ended}


async def test_what_ended_is_recalled_as_over() -> None:
    world = World(replace(ABOVE_ZERO, breach=Policy(Sev.SEV1)))
    world.turn(3, saw(3, WORKLOADS, workload(1)))
    _, ports = outside(await written(Batch(world.turn(4, saw(4, WORKLOADS, workload(0))))))
    [recalled] = await Memory(PATH).recalled(ports)
    assert recalled.ended and recalled.as_of == at(4)


async def test_one_record_that_is_not_sound_costs_that_alert_alone() -> None:
    content = json.loads(await written(firing()))
    content["alerts"][0]["state"] = "on fire"
    _, ports = outside(json.dumps(content).encode())
    with capture_logs() as lines:
        assert len(await Memory(PATH).recalled(ports)) == 1
    assert [line["detail"] for line in lines] == ["state: expected one of pending, firing, latched"]


async def test_a_memory_that_knew_no_alerts_is_read_all_the_same() -> None:
    content = json.loads(await written(seen()))
    del content["alerts"]
    _, ports = outside(json.dumps(content | {"version": 1}).encode())
    memory = Memory(PATH)
    assert (await memory.recollection(ports)).marks and not await memory.recalled(ports)


async def test_what_an_earlier_life_left_is_not_overwritten_before_it_was_read() -> None:
    """For a minute: then this life's own memory is worth more."""
    left = await written(firing())
    world, ports = outside(PermissionError(13, "Permission denied"))
    memory = Memory(PATH)
    for ask in (memory.recollection, memory.recalled):
        with pytest.raises(PermissionError):
            await ask(ports)
    with pytest.raises(PermissionError):
        await memory.publish(seen(), ports)
    world.files.content[PATH] = left
    assert len(await memory.recalled(ports)) == 2
    await memory.publish(seen(), ports)
    assert world.files.content[PATH] != left
    world, ports = outside(PermissionError(13, "Permission denied"))
    with pytest.raises(PermissionError):
        await (memory := Memory(PATH)).publish(seen(), ports)
    world.clock.pass_(61)
    await memory.publish(seen(), ports)
    assert isinstance(world.files.content[PATH], bytes)
