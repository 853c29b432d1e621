"""The ordered outbox: everything in its order, a bound, and an exact count beyond it; and pages that do not wait for
who keeps it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from watchdog.core.alert import Edge
from watchdog.core.assessment import Assessment
from watchdog.core.facts import Receiver
from watchdog.core.observation import Coverage, Facts
from watchdog.core.ruleset import RuleSet
from watchdog.daemon import Daemon, Plan
from watchdog.outbox import OrderedOutbox
from watchdog.outlets import Batch, Missed, Outlet, Receipt
from watchdog.outlets.ledger import Ledger
from watchdog.ports import Ports
from watchdog.proof.chain import check
from watchdog.simulator.journal import MemoryJournal
from watchdog.simulator.virtual_time import VirtualClock
from watchdog.sources import Source, Stream

from .core.worlds import ABOVE_ZERO, KILL_SWITCH, SWITCHES, World, at, saw, switch
from .virtual import in_virtual_time


def level(*seconds: float) -> Assessment:
    """With an edge of each of these instants."""
    world = World(KILL_SWITCH)
    turned = world.turn(1, saw(1, SWITCHES, switch(False)))
    edge = turned.edges[0]
    return replace(turned, edges=tuple(replace(edge, at=at(second)) for second in seconds))


async def taken(outbox: OrderedOutbox) -> list[float]:
    return [edge.at.mono for edge in (await outbox.take(None)).edges]


async def test_every_edge_comes_once_and_in_its_order() -> None:
    outbox = OrderedOutbox(10)
    outbox.put(level(1, 2), wake=False)
    outbox.put(level(2, 1), wake=False)
    assert await taken(outbox) == [1, 2, 2, 1]
    outbox.put(level(3), wake=False)
    outbox.settle(True)
    assert await taken(outbox) == [3]
    outbox.settle(True)
    assert outbox.empty


async def test_what_nobody_took_comes_first_again_the_very_same() -> None:
    outbox = OrderedOutbox(10)
    outbox.put(level(1, 2), wake=False)
    before = (await outbox.take(None)).edges
    outbox.put(level(3), wake=False)
    outbox.settle(False)
    after = (await outbox.take(None)).edges
    assert [edge.at.mono for edge in after] == [1, 2, 3]
    assert all(one is other for one, other in zip(before, after, strict=False))


async def test_beyond_the_bound_edges_are_counted_and_so_is_all_that_follows() -> None:
    outbox = OrderedOutbox(3)
    outbox.put(level(1, 2, 3, 4, 5), wake=False)
    batch = await outbox.take(None)
    assert [edge.at.mono for edge in batch.edges] == [1, 2, 3] and batch.missed == Missed(2, at(4), at(5))
    outbox.put(level(6), wake=False)
    outbox.settle(False)
    outbox.put(level(7), wake=False)
    assert (await outbox.take(None)).missed == Missed(4, at(4), at(7))
    outbox.put(level(8), wake=False)
    outbox.settle(True)
    batch = await outbox.take(None)
    assert (batch.edges, batch.missed) == ((), Missed(1, at(8), at(8))), "it came before the gap was settled"
    outbox.settle(True)
    outbox.put(level(9), wake=False)
    assert await taken(outbox) == [9]


async def test_memory_is_bounded_and_the_count_exact_whatever_happens() -> None:
    outbox, told, missed = OrderedOutbox(50), 0, 0
    for second in range(420):
        outbox.put(level(second, second), wake=True)
        if second % 7 == 0:
            batch = await outbox.take(None)
            accepted = second % 5 == 0
            told += len(batch.edges) if accepted else 0
            missed += batch.missed.count if accepted and batch.missed else 0
            outbox.settle(accepted)
        assert len(outbox.edges) <= 50
    batch = await outbox.take(None)
    assert told + missed + len(batch.edges) + (batch.missed.count if batch.missed else 0) == 840


async def test_the_last_level_is_owed_until_it_is_settled() -> None:
    outbox, last = OrderedOutbox(10), level()
    outbox.put_last(last)
    batch = await outbox.take(None)
    assert batch.last and not outbox.empty
    outbox.settle(False, batch.level)
    assert not outbox.empty and (await outbox.take(None)).last
    outbox.settle(True, last)
    assert outbox.empty


# beside pages


@dataclass
class Hanging(MemoryJournal):
    until: float = 0.0

    async def append(self, segment: str, data: bytes, *, sync: bool) -> None:
        while asyncio.get_running_loop().time() < self.until:
            await asyncio.sleep(1.0)
        await super().append(segment, data, sync=sync)


@dataclass
class Flips(Source):
    """The switch is off from second 10 on."""

    name: str = "kubernetes"

    def streams(self) -> dict[str, Stream]:
        return {"switches": Stream(Coverage(frozenset({"kill_switch"}), 5.0), self._looks, deadline=3.0)}

    async def _looks(self, ports: Ports) -> Any:
        while True:
            yield Facts(seen=(switch(ports.clock.now().mono < 10),))
            await asyncio.sleep(1.0)


@dataclass
class Pager(Outlet):
    name: str = "pager"
    heard: list[tuple[float, Edge]] = field(default_factory=list)

    async def publish(self, batch: Batch, ports: Ports) -> Sequence[Receipt]:
        self.heard.extend((ports.clock.now().mono, edge) for edge in batch.edges)
        return ()


class Nowhere:
    def show(self, path: str, page: object) -> None: ...


def lived(journal: MemoryJournal, seconds: float) -> tuple[Pager, Daemon]:
    """A daemon that pages and keeps a ledger, and is stopped after so many virtual seconds."""
    pager = Pager()

    async def main() -> Daemon:
        nowhere: Any = Nowhere()
        clock = VirtualClock(asyncio.get_running_loop())
        ports = Ports(
            clock, nowhere, nowhere, nowhere, nowhere, lambda *_: nowhere, journal=lambda path: journal, boot="b"
        )
        plan = Plan((Flips(),), (pager, Ledger("/ledger")), RuleSet.of([KILL_SWITCH, ABOVE_ZERO]))
        daemon = Daemon(plan, ports)
        asyncio.get_running_loop().call_later(seconds, daemon.stop.set)
        await daemon.run()
        return daemon

    return pager, in_virtual_time(main())


def receiver(daemon: Daemon, name: str) -> Receiver | None:
    facts = (known.fact for known in daemon.assessment.posture.facts.values())
    return next((fact for fact in facts if isinstance(fact, Receiver) and fact.receiver == name), None)


def test_a_page_does_not_wait_for_a_disk_that_hangs_and_the_disk_is_a_finding() -> None:
    journal = Hanging(until=1e9)
    pager, daemon = lived(journal, 60)
    assert [(when, str(edge.kind)) for when, edge in pager.heard] == [(10.0, "fired")]
    found = receiver(daemon, "ledger")
    assert found is not None and not found.accepting and "Timeout" in found.explanation
    assert not journal.content


def test_what_happened_while_the_disk_hung_is_in_the_ledger_once_it_comes_back() -> None:
    journal = Hanging(until=50.0)
    _, daemon = lived(journal, 120)
    (segment,) = journal.content.values()
    lines = bytes(segment).splitlines(True)
    run = check(lines)
    assert run.difference is None
    assert [line.count(b'"kind":"alert.fired"') for line in lines].count(1) == 1
    assert b'"kind":"open"' in lines[0] and b'"kind":"close"' in lines[-1]
    found = receiver(daemon, "ledger")
    assert found is not None and found.accepting
    assert daemon.ports.vitals.head == (run.head.seq, run.head.digest)


def test_the_same_life_leaves_the_same_ledger_byte_for_byte() -> None:
    journals = MemoryJournal(), MemoryJournal()
    for journal in journals:
        lived(journal, 400)
    assert journals[0].content == journals[1].content and journals[0].content


def test_the_next_life_takes_over_what_the_ledger_says_stood() -> None:
    journal = MemoryJournal()
    lived(journal, 20)
    _, daemon = lived(journal, 5)  # the switch is halted again, and the latch holds
    (alert,) = daemon.assessment.alerts.values()
    assert alert.latched and alert.fired_at is not None
    (segment,) = journal.content.values()
    lines = bytes(segment).splitlines(True)
    assert check(lines).difference is None
    assert sum(b'"kind":"alert.restored"' in line for line in lines) == 1
