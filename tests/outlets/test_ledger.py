"""The ledger: in order, whole, and still so after whatever a disk or a crash does."""

from __future__ import annotations

import asyncio
import errno
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest

from tests.core.worlds import ABOVE_ZERO, KILL_SWITCH, START, SWITCHES, WORKLOADS, World, at, saw, switch, workload
from tests.fakes import HandClock, Outside
from watchdog.core.alert import Edge, EdgeKind, State
from watchdog.core.assessment import Assessment
from watchdog.core.delivery import Deliveries, Delivery
from watchdog.core.facts import Excursion, OperatorEntry, Unknown
from watchdog.core.instant import Instant
from watchdog.core.observation import Coverage, Scope
from watchdog.core.report import Accepted, Hearing, ReadBack, Recalled
from watchdog.core.table import Table
from watchdog.outlets import Batch, Missed, Receipt
from watchdog.outlets.ledger import QUIET, Ledger
from watchdog.outlets.metrics import ledger as metrics
from watchdog.ports import Ports
from watchdog.proof.chain import Entry, Head, check, digest, line
from watchdog.simulator.journal import MemoryJournal

DAY, NEXT = "2026-11-23.jsonl", "2026-11-24.jsonl"
OPERATORS = Scope("operator", "")
COVERAGE = {
    SWITCHES: Coverage(frozenset({"kill_switch"}), 5.0),
    WORKLOADS: Coverage(frozenset({"workload"}), 5.0),
    OPERATORS: Coverage(frozenset({"operator_entry"}), 5.0),
}
NOTE = OperatorEntry("note-1", "note", "", "ops@example", "deploy", "2026-11-23T15:00:00Z", "", "")


@dataclass
class Disk(MemoryJournal):
    """A disk that a test can break, and that remembers which writes were to last."""

    synced: list[bytes] = field(default_factory=list)
    broken: OSError | None = None
    hangs: bool = False

    async def append(self, segment: str, data: bytes, *, sync: bool) -> None:
        if self.hangs:
            await asyncio.sleep(1e9)
        if self.broken is not None:
            raise self.broken
        await super().append(segment, data, sync=sync)
        if sync:
            self.synced.append(data)


@dataclass
class Life:
    """One life of a ledger on a disk."""

    disk: Disk = field(default_factory=Disk)
    boot: str = "b1"
    clock: HandClock = field(default_factory=HandClock)
    outlet: Ledger = field(default_factory=lambda: Ledger("/ledger"))
    outside: Outside = field(init=False)

    def __post_init__(self) -> None:
        self.outside = Outside(clock=self.clock)
        self.ports: Ports = replace(self.outside.ports(), journal=lambda path: self.disk, boot=self.boot)

    async def publish(self, *turns: Assessment, missed: Missed | None = None, last: bool = False) -> Sequence[Receipt]:
        edges = tuple(edge for turn in turns for edge in turn.edges)
        return await self.outlet.publish(Batch(turns[-1], edges, missed=missed, last=last), self.ports)

    def after(self, boot: str = "b2", seconds: float = 0.0) -> Life:
        """The next life, on the same disk."""
        clock = HandClock(self.clock.wall + timedelta(seconds=seconds), 1_000.0)
        return Life(self.disk, boot, clock)

    def lines(self) -> list[bytes]:
        return [line for name in sorted(self.disk.content) for line in bytes(self.disk.content[name]).splitlines(True)]

    def entries(self) -> list[dict[str, Any]]:
        """Of a chain that is whole."""
        run = check(self.lines())
        assert run.difference is None, run.difference
        return [json.loads(line) for line in self.lines()]

    def kinds(self) -> list[str]:
        return [entry["kind"] for entry in self.entries()]


def world() -> World:
    return World(KILL_SWITCH, ABOVE_ZERO, coverage=dict(COVERAGE))


def flipped(world: World, *seconds: float) -> Iterator[Assessment]:
    """The switch is off at the first, on at the next, off ..."""
    for number, second in enumerate(seconds):
        yield world.turn(second, saw(second, SWITCHES, switch(number % 2 == 1)))


def edged(level: Assessment, count: int) -> Assessment:
    """With many edges, each of its own."""
    edge = level.edges[0]
    return replace(level, edges=tuple(Edge(edge.kind, edge.alert, at(n), order=n) for n in range(count)))


async def recalled(life: Life) -> dict[str, Recalled]:
    return {each.alert.identity.rule: each for each in await life.outlet.recalled(life.ports)}


# what is written


async def test_a_life_opens_tells_every_edge_in_order_and_closes() -> None:
    life, turns = Life(), [*flipped(world(), 1, 2, 3)]
    assert await life.publish(*turns) == [Receipt("ledger", True, "it records")]
    await life.publish(replace(turns[-1], edges=()), last=True)
    await life.publish(replace(turns[-1], edges=()), last=True)
    assert life.kinds() == ["open", "alert.fired", "alert.latched", "alert.refired", "close"]
    first, fired = life.entries()[:2]
    assert first["body"]["boot"] == first["boot"] == "b1" and first["body"]["previous"] is None
    assert fired["body"]["alert"]["rule"] == "KillSwitchNotHalted"
    assert fired["body"]["at"] == "2026-11-23T15:00:01.000000Z" and fired["wall"] == "2026-11-23T15:00:00.000000Z"


async def test_nothing_new_writes_nothing_and_says_nothing() -> None:
    life, small = Life(), world()
    await life.publish(*flipped(small, 1))
    before = life.lines()
    for second in range(2, 100):
        assert await life.publish(small.turn(second)) == ()
    assert life.lines() == before


async def test_a_quiet_ledger_writes_down_what_stands_now_and_then_so_that_a_dead_disk_is_found() -> None:
    life, small = Life(), world()
    await life.publish(*flipped(small, 1))
    life.clock.pass_(QUIET)
    await life.publish(small.turn(2))
    assert life.kinds()[-1] == "checkpoint"
    life.clock.pass_(QUIET)
    life.disk.broken = OSError(errno.EROFS, "Read-only file system")
    with pytest.raises(OSError, match="Read-only"):
        await life.publish(small.turn(3))


async def test_pages_of_sev_0_and_1_are_on_the_disk_at_once() -> None:
    life, turns = Life(), [*flipped(world(), 1, 2)]
    await life.publish(turns[0])
    synced = len(life.disk.synced)
    await life.publish(turns[1])
    assert len(life.disk.synced) == synced + 1


async def test_what_begins_ends_and_rises_without_an_edge_is_told() -> None:
    """An unknown switch is pending for 15 s."""
    life, small = Life(), world()
    await life.publish(small.turn(1, saw(1, SWITCHES, switch(Unknown("NoKey")))))
    await life.publish(small.turn(2, saw(2, SWITCHES, switch())))
    states = [entry["body"] for entry in life.entries() if entry["kind"] == "alert.state"]
    assert [(body["alert"]["state"], body.get("ended")) for body in states] == [("pending", None), ("pending", True)]


async def test_an_alert_that_cannot_be_seen_for_a_while_fills_no_disk() -> None:
    life, small = Life(), world()
    await life.publish(*flipped(small, 1))
    before = life.lines()
    for second in range(2, 12, 2):
        await life.publish(small.turn(second, saw(second, SWITCHES, switch(Unknown("NoKey")))))
        await life.publish(small.turn(second + 1, saw(second + 1, SWITCHES, switch(False))))
    told = [json.loads(line)["body"]["alert"] for line in life.lines()[len(before) :]]
    assert {(alert["cause"], alert["state"]) for alert in told} == {("unverifiable", "pending")}


async def test_who_took_a_page_and_whether_it_is_heard_is_told_and_told_once() -> None:
    life, small = Life(), world()
    (level,) = flipped(small, 1)
    (identity,) = level.alerts
    alert = level.alerts[identity]
    took = Accepted(identity, "am-0", 1.0, at(1), at(1.5), peer=True)
    delivery = Delivery(
        alert, at(1), {"am-0": took}, {"am-0": ReadBack(identity, "am-0", Hearing.HEARD, "active", at(2))}
    )
    told = replace(level, deliveries=Deliveries(Table[Any, Any]().with_({identity: delivery})))
    await life.publish(told)
    again = replace(delivery, read_back={"am-0": ReadBack(identity, "am-0", Hearing.HEARD, "active", at(9))})
    await life.publish(replace(told, edges=(), deliveries=Deliveries(Table[Any, Any]().with_({identity: again}))))
    (entry,) = [entry for entry in life.entries() if entry["kind"] == "delivery"]
    assert entry["body"]["delivery"]["accepted"]["am-0"]["peer"] is True
    assert entry["body"]["read_back"]["am-0"]["hearing"] == "heard"
    after = (await recalled(life.after()))["KillSwitchNotHalted"]
    assert [one.receiver for one in after.accepted] == ["am-0"]


async def test_an_operator_s_words_are_told_when_they_appear_and_when_they_change() -> None:
    life, small = Life(), world()
    await life.publish(small.turn(1, saw(1, OPERATORS, NOTE)))
    await life.publish(small.turn(2, saw(2, OPERATORS, NOTE)))
    await life.publish(small.turn(3, saw(3, OPERATORS, replace(NOTE, why="rollback"))))
    said = [entry["body"]["why"] for entry in life.entries() if entry["kind"] == "operator"]
    assert said == ["deploy", "rollback"]
    assert b"rollback" in life.disk.synced[-1]


async def test_of_many_words_of_operators_only_the_new_one_is_told() -> None:
    """Some of them share a bucket of the table."""
    life, small = Life(), world()
    notes = [replace(NOTE, entry=f"note-{number}") for number in range(300)]
    await life.publish(small.turn(1, saw(1, OPERATORS, *notes)))
    await life.publish(small.turn(2, saw(2, OPERATORS, *(replace(note, why="rollback") for note in notes[:9]))))
    assert life.kinds().count("operator") == 309


async def test_a_number_that_json_does_not_know_holds_up_nothing() -> None:
    life, (level,) = Life(), flipped(world(), 1)
    broken = replace(level.edges[0], was=None, alert=replace(level.edges[0].alert, excursion=_endless()))
    await life.publish(replace(level, edges=(broken,)))
    (fired,) = [entry["body"] for entry in life.entries() if entry["kind"] == "alert.fired"]
    assert fired.keys() == {"unwritable"}


def _endless() -> Excursion:
    values = {one.name: float("inf") if one.type == "float" else "" for one in fields(Excursion)}
    return Excursion(**values)  # type: ignore[arg-type]


# what is missed


async def test_what_there_was_no_room_for_is_counted_and_what_stands_is_written_down_anew() -> None:
    life, turns = Life(), [*flipped(world(), 1, 2)]
    await life.publish(turns[0])
    now = replace(turns[1], edges=())
    await life.publish(replace(now, edges=turns[0].edges), missed=Missed(12, at(1), at(9)))
    assert life.kinds()[-3:] == ["alert.fired", "gap", "checkpoint"]
    gap, checkpoint = life.entries()[-2:]
    assert gap["body"] == {"edges": 12, "first": "2026-11-23T15:00:01.000000Z", "last": "2026-11-23T15:00:09.000000Z"}
    assert [alert["state"] for alert in checkpoint["body"]["alerts"]] == ["latched"], "the level counts"


async def test_a_gap_that_could_not_be_written_is_told_once_and_what_was_missed_since_in_another() -> None:
    life, (level,) = Life(), flipped(world(), 1)
    await life.publish(level)
    quiet, missed = replace(level, edges=()), Missed(3, at(2), at(3))
    life.disk.broken = OSError(errno.EIO, "Input/output error")
    with pytest.raises(OSError, match="Input/output"):
        await life.publish(quiet, missed=missed)
    life.disk.broken = None
    await life.publish(quiet, missed=replace(missed, count=5, last=at(7)))
    assert [e["body"]["edges"] for e in life.entries() if e["kind"] == "gap"] == [3, 2]


# what a disk does


@pytest.mark.parametrize("room", [0, 1, 50, 400, 1_500, 2_000, 2_500, 3_000])
async def test_a_full_disk_costs_no_entry_once_there_is_room_again(room: int) -> None:
    life, turns = Life(), [*flipped(world(), 1, 2, 3, 4)]
    life.disk.room = room
    with pytest.raises(OSError, match="No space left"):
        await life.publish(*turns)
    assert life.ports.vitals.ledger is not None and not life.ports.vitals.ledger.up
    life.disk.room = None
    await life.publish(*turns)
    assert life.kinds() == ["open", "alert.fired", "alert.latched", "alert.refired", "alert.latched"]
    assert life.ports.vitals.ledger.up


async def test_what_was_written_although_it_was_said_to_have_failed_is_not_written_twice() -> None:
    """fsync fails, or the deadline passed while the disk was at it."""
    life, turns = Life(), [*flipped(world(), 1, 2)]
    await life.publish(turns[0])
    real = life.disk.append

    async def append(segment: str, data: bytes, *, sync: bool) -> None:
        await real(segment, data, sync=sync)
        raise OSError(errno.EIO, "Input/output error")

    life.disk.append = append  # type: ignore[method-assign]
    with pytest.raises(OSError, match="Input/output"):
        await life.publish(turns[1])
    life.disk.append = real  # type: ignore[method-assign]
    synced = len(life.disk.synced)
    await life.publish(turns[1])
    assert life.kinds()[-2:] == ["alert.fired", "alert.latched"]
    assert len(life.disk.synced) == synced + 1, "it is asked for to last again"


async def test_what_a_failed_write_left_is_cut_where_it_is_not_what_was_written() -> None:
    life, turns = Life(), [*flipped(world(), 1, 2)]
    await life.publish(turns[0])
    real = life.disk.append

    async def append(segment: str, data: bytes, *, sync: bool) -> None:
        await real(segment, data[:20] + b"\0" * 400, sync=sync)
        raise OSError(errno.EIO, "Input/output error")

    life.disk.append = append  # type: ignore[method-assign]
    with pytest.raises(OSError, match="Input/output"):
        await life.publish(turns[1])
    life.disk.append = real  # type: ignore[method-assign]
    await life.publish(turns[1])
    assert life.kinds()[-2:] == ["alert.fired", "alert.latched"]


async def test_a_disk_that_fails_again_and_again_leaves_a_whole_chain() -> None:
    """Whatever the size at which it does."""
    for step in range(2_000, 5_000, 171):
        life, small = Life(), world()
        turns = [*flipped(small, *range(1, 9))]
        for _ in range(50):
            life.disk.room = step
            try:
                await life.publish(*turns)
                break
            except OSError:
                continue
        else:
            raise AssertionError("it never comes to an end")
        assert life.kinds().count("alert.fired") == 1 and len(life.entries()) == 9


async def test_a_ledger_that_was_taken_away_goes_on_and_says_what_is_gone() -> None:
    life, turns = Life(), [*flipped(world(), 1, 2)]
    await life.publish(turns[0])
    life.disk.content.clear()
    life.disk.broken = OSError(errno.ESTALE, "the folder is not the one that was opened")
    with pytest.raises(OSError, match="folder"):
        await life.publish(turns[1])
    life.disk.broken = None
    records, lost = await life.publish(turns[1])
    assert records.accepted and not lost.accepted and lost.receiver == "ledger chain"
    assert lost.explanation.endswith("bytes that had been written are no longer there")
    kinds = [json.loads(line)["kind"] for line in life.lines()]
    assert kinds == ["alert.latched", "checkpoint", "gap"]
    assert (await recalled(life.after()))["KillSwitchNotHalted"].alert.state is State.LATCHED


# what a crash leaves


TORN = [b"{", b'{"body":{"alert"', b"\0" * 512, b"\xff\xfe garbage\nmore\n", b"\n", b'{"body":{}}\n']


@pytest.mark.parametrize("torn", TORN)
async def test_a_torn_end_is_cut_and_what_was_cut_is_told(torn: bytes) -> None:
    life, turns = Life(), [*flipped(world(), 1, 2)]
    await life.publish(*turns)
    life.disk.content[DAY] += torn
    after = life.after()
    assert await after.publish(turns[1]) == [Receipt("ledger", True, "it records")]
    repair, opened = after.entries()[3:5]
    assert repair["kind"] == "repair" and opened["kind"] == "open"
    assert repair["body"] == {"segment": DAY, "bytes": len(torn), "sha256": sha256(torn).hexdigest()}
    assert repair["seq"] == 4


async def test_a_whole_line_without_its_newline_is_torn() -> None:
    life, turns = Life(), [*flipped(world(), 1, 2)]
    await life.publish(*turns)
    del life.disk.content[DAY][-1:]
    after = life.after()
    await after.publish(turns[1])
    assert after.kinds()[2:4] == ["repair", "open"]


async def test_wherever_a_life_is_cut_off_the_next_goes_on_without_a_gap_in_its_numbers() -> None:
    life, turns = Life(), [*flipped(world(), 1, 2, 3)]
    await life.publish(*turns)
    whole = bytes(life.disk.content[DAY])
    for size in range(0, len(whole), 13):
        cut = Life(Disk({DAY: bytearray(whole[:size])}), "b2")
        await cut.publish(turns[2])
        assert [entry["seq"] for entry in cut.entries()] == [*range(1, len(cut.entries()) + 1)]
        assert ("repair" in cut.kinds()) == (size > 0 and whole[size - 1 : size] != b"\n")


async def test_a_chain_that_is_broken_inside_stays_as_it_is_and_is_a_finding() -> None:
    life, turns = Life(), [*flipped(world(), 1, 2, 3)]
    await life.publish(*turns)
    before = bytes(life.disk.content[DAY]).replace(b'"kind":"open"', b'"kind":"OPEN"')
    for ending in (b"", b'{"half'):
        disk = Disk({DAY: bytearray(before + ending)})
        after = Life(disk, "b2")
        records, chain = await after.publish(turns[2])
        assert records == Receipt("ledger", True, "it records")
        assert (chain.receiver, chain.accepted) == ("ledger chain", False)
        assert chain.explanation.startswith(f"{DAY}, line 2: expected prev ")
        assert bytes(disk.content[DAY]).startswith(before + ending)
        assert bytes(disk.content[DAY])[len(before + ending) :].startswith(b"\n" if ending else b"{")
        said = [json.loads(line) for line in bytes(disk.content[DAY])[len(before + ending) :].splitlines() if line]
        assert [entry["kind"] for entry in said[:2]] == ["repair", "open"]
        assert said[0]["body"]["bytes"] == 0 and "line 2" in said[0]["body"]["broken"] and said[0]["seq"] == 5


async def test_what_is_broken_stays_as_it_is_when_a_write_behind_it_fails_too() -> None:
    life, turns = Life(), [*flipped(world(), 1, 2, 3)]
    await life.publish(*turns)
    before = bytes(life.disk.content[DAY]).replace(b'"kind":"open"', b'"kind":"OPEN"')
    after = Life(Disk({DAY: bytearray(before)}, room=700), "b2")
    with pytest.raises(OSError, match="No space left"):
        await after.publish(turns[2])
    after.disk.room = None
    await after.publish(turns[2])
    assert bytes(after.disk.content[DAY]).startswith(before)
    said = [json.loads(line)["kind"] for line in bytes(after.disk.content[DAY])[len(before) :].splitlines()]
    assert said[:2] == ["repair", "open"]


# days


async def test_a_new_day_is_a_new_segment_that_begins_with_what_stands() -> None:
    life, turns = Life(), [*flipped(world(), 1, 2, 3)]
    await life.publish(turns[0])
    life.clock.pass_(86_400)
    await life.publish(turns[1])
    assert sorted(life.disk.content) == [DAY, NEXT]
    assert life.kinds() == ["open", "alert.fired", "checkpoint", "alert.latched"]
    first = json.loads(bytes(life.disk.content[NEXT]).splitlines()[0])
    assert first["kind"] == "checkpoint" and len(first["body"]["alerts"]) == 1
    life.clock.shift(-86_400 * 3)
    await life.publish(turns[2])
    assert sorted(life.disk.content) == [DAY, NEXT], "a clock that steps back finds no older segment"
    assert life.kinds()[-1] == "alert.refired"


async def test_a_day_that_cannot_begin_begins_later_with_nothing_lost() -> None:
    life, turns = Life(), [*flipped(world(), 1, 2)]
    await life.publish(turns[0])
    life.clock.pass_(86_400)
    for room in (0, 100):
        life.disk.room = room
        with pytest.raises(OSError, match="No space left"):
            await life.publish(turns[1])
    life.disk.room = None
    await life.publish(turns[1])
    assert life.kinds()[-2:] == ["checkpoint", "alert.latched"]


# what is recalled


async def test_what_stood_with_the_last_entry_is_recalled_and_what_had_ended_too() -> None:
    life, small = Life(), world()
    turns = [
        small.turn(1, saw(1, SWITCHES, switch(False)), saw(1, WORKLOADS, workload(1))),
        small.turn(2, saw(2, WORKLOADS, workload(1), gone=[])),
    ]
    await life.publish(*turns)
    alert = next(a for i, a in turns[1].alerts.items() if i.rule == "ExecutionAboveZero")
    over = replace(small.turn(3), edges=(Edge(EdgeKind.RESOLVED, alert, at(3)),))
    over = replace(over, alerts=over.alerts.with_({alert.identity: None}))
    life.clock.pass_(3)
    await life.publish(over)
    after = life.after(seconds=10)
    found = await recalled(after)
    switched, ended = found["KillSwitchNotHalted"], found["ExecutionAboveZero"]
    assert not switched.ended and switched.origin == "ledger" and switched.alert.state is State.FIRING
    assert ended.ended and ended.as_of.wall == START + timedelta(seconds=3)
    assert switched.alert.fired_at == Instant(START + timedelta(seconds=1), 1_000 - 12), "by this process's clock"


async def test_what_was_pending_is_recalled_with_its_beginning() -> None:
    life, small = Life(), world()
    await life.publish(small.turn(1, saw(1, SWITCHES, switch(Unknown("NoKey")))))
    (found,) = (await recalled(life.after(seconds=5))).values()
    assert found.alert.state is State.PENDING and found.alert.active_since.wall == START + timedelta(seconds=1)


async def test_a_life_that_ends_before_it_has_taken_anything_over_leaves_behind_what_it_was_left() -> None:
    life, turns = Life(), [*flipped(world(), 1, 2)]
    await life.publish(*turns)
    second = life.after("b2", 60)
    await second.publish(world().turn(0.5))
    third = second.after("b3", 86_400)
    await third.publish(world().turn(0.5))  # with a new segment, and so a checkpoint
    assert (await recalled(third.after("b4", 60)))["KillSwitchNotHalted"].alert.state is State.LATCHED


async def test_what_this_life_did_not_take_over_does_not_stand_for_ever() -> None:
    life, turns = Life(), [*flipped(world(), 1, 2)]
    await life.publish(*turns)
    second, small = life.after("b2", 60), world()
    await second.publish(small.turn(0.5))
    second.clock.pass_(QUIET)
    await second.publish(small.turn(1))
    assert second.kinds()[-1] == "checkpoint"
    assert await recalled(second.after("b3")) == {}
    assert [e["body"]["alerts"] for e in second.entries() if e["kind"] == "checkpoint"][-1] == []


async def test_only_the_segments_that_are_needed_are_read() -> None:
    life, small = Life(), world()
    turns = [*flipped(small, *range(1, 6))]
    for turn in turns:
        await life.publish(turn)
        life.clock.pass_(86_400)
    asked, after = list[str](), life.after()
    real = life.disk.read

    async def read(segment: str, offset: int, limit: int) -> bytes:
        asked.append(segment)
        return await real(segment, offset, limit)

    life.disk.read = read  # type: ignore[method-assign]
    found = await recalled(after)
    assert {*asked} == {sorted(life.disk.content)[-1]} and len(life.disk.content) == 5
    assert found["KillSwitchNotHalted"].alert.state is State.FIRING


async def test_a_segment_whose_checkpoint_was_torn_off_is_read_with_the_one_before() -> None:
    life, turns = Life(), [*flipped(world(), 1, 2)]
    await life.publish(turns[0])
    for torn in (b"", b'{"body'):
        life.disk.content[NEXT] = bytearray(torn)
        assert (await recalled(life.after()))["KillSwitchNotHalted"].alert.state is State.FIRING


async def test_a_tail_that_takes_long_to_read_is_read_on_where_an_attempt_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("watchdog.outlets.ledger.tail.PORTION", 100)
    life, turns = Life(), [*flipped(world(), 1, 2)]
    await life.publish(*turns)
    after, real, reads = life.after(), life.disk.read, list[int]()

    async def read(segment: str, offset: int, limit: int) -> bytes:
        reads.append(offset)
        if len(reads) % 4 == 0:
            raise TimeoutError
        return await real(segment, offset, limit)

    life.disk.read = read  # type: ignore[method-assign]
    found = dict[str, Recalled]()
    while not found and len(reads) < 1_000:
        with suppress(TimeoutError):
            found = await recalled(after)
    assert len(reads) > 20 and found["KillSwitchNotHalted"].alert.state is State.LATCHED
    life.disk.read = real  # type: ignore[method-assign]
    await after.publish(replace(turns[1], edges=()))
    assert after.kinds()[3] == "open"


async def test_a_checkpoint_that_a_crash_interrupted_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchdog.outlets.ledger.account.PART", 1)
    life, small = Life(), world()
    await life.publish(small.turn(1, saw(1, SWITCHES, switch(False)), saw(1, WORKLOADS, workload(1))))
    life.clock.pass_(QUIET)
    await life.publish(small.turn(2))
    assert life.kinds()[-2:] == ["checkpoint", "checkpoint"]
    assert {*await recalled(life.after())} == {"KillSwitchNotHalted", "ExecutionAboveZero"}
    del life.disk.content[DAY][-10:]
    assert {*await recalled(life.after())} == {"KillSwitchNotHalted", "ExecutionAboveZero"}


async def test_an_entry_that_makes_no_sense_takes_nothing_with_it() -> None:
    life, turns = Life(), [*flipped(world(), 1)]
    await life.publish(*turns)
    head = Head(len(life.lines()), digest(life.lines()[-1]))
    for kind, body in (
        ("checkpoint", {}),
        ("alert.fired", {"alert": 7}),
        ("delivery", {"rule": 1}),
        ("alert.state", {}),
    ):
        written = line(Entry(head.seq + 1, "no time", 0, "b", kind, body, head.digest))
        life.disk.content[DAY] += written
        head = Head(head.seq + 1, digest(written))
    assert "KillSwitchNotHalted" in await recalled(life.after())


async def test_without_a_ledger_before_there_is_nothing_to_recall() -> None:
    assert await recalled(Life()) == {}


async def test_who_asks_while_the_journal_is_written_waits_for_his_turn() -> None:
    life, turns = Life(), [*flipped(world(), 1)]
    await asyncio.gather(life.publish(*turns), recalled(life))
    assert life.kinds() == ["open", "alert.fired"]


async def test_many_edges_are_written_in_portions_and_a_checkpoint_comes_every_so_often() -> None:
    life, (level,) = Life(outlet=Ledger("/ledger", checkpoint_every=300)), flipped(world(), 1)
    many = edged(level, 1_000)
    await life.publish(many)
    assert life.kinds()[1:1_001] == ["alert.fired"] * 1_000 and life.kinds()[-1] == "checkpoint"
    assert life.ports.vitals.head == (len(life.lines()), check(life.lines()).head.digest)


def samples(life: Life) -> dict[str, float]:
    found = [sample for family in metrics.families(life.ports.vitals) for sample in family.samples]
    return {f"{sample.name}{sample.labels.get('kind', '')}": sample.value for sample in found}


async def test_what_is_exported_says_how_the_ledger_is_and_nothing_where_there_is_none() -> None:
    life, (level,) = Life(), flipped(world(), 1)
    assert samples(life) == {}
    await life.publish(replace(level, edges=level.edges), missed=Missed(2, at(1), at(2)))
    kinds = {"open": 1, "alert.fired": 1, "gap": 1, "checkpoint": 1}
    entries = {f"watchdog_ledger_entries_total{kind}": float(count) for kind, count in kinds.items()}
    state = {"watchdog_ledger_up": 1.0, "watchdog_ledger_head_seq": 4.0, "watchdog_ledger_gaps_total": 1.0}
    assert samples(life) == entries | state
    life.disk.broken = OSError(errno.EROFS, "Read-only file system")
    life.clock.pass_(QUIET)
    with pytest.raises(OSError, match="Read-only"):
        await life.publish(replace(level, edges=()))
    assert samples(life)["watchdog_ledger_up"] == 0.0


def test_a_ledger_s_name_tells_rules_what_it_is() -> None:
    with pytest.raises(ValueError, match="begins with 'ledger'"):
        Ledger("/x", name="journal")
    with pytest.raises(ValueError, match="path"):
        Ledger("")
