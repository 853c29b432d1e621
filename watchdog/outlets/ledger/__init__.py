"""The ledger: everything that happened to alerts, their pages and operators' words, in the order in which it happened,
as a hash chain on a disk (``proof.chain``). Each replica keeps its own.

LAW: nothing is coalesced and nothing lost unsaid; paging never waits for it. What could not be kept is an entry
(``gap``), what a crash tore off is an entry (``repair``), and a disk that does not take it is a finding (rule
LedgerNotWritten). What was written stays as it is.

    account   what is new in an assessment, as entries to come
    standing  what entries say stands: replayed after a restart
    tail      the end that an earlier life left
    writer    appends to the chain, and finishes what was begun
"""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import structlog

from watchdog import __version__
from watchdog.core.assessment import Assessment
from watchdog.core.instant import Instant, from_rfc3339
from watchdog.core.record import recalled_of_all, recent
from watchdog.core.report import Recalled
from watchdog.core.vitals import Ledger as Vitals
from watchdog.core.vitals import Vitals as All
from watchdog.outlets import Batch, Outlet, Receipt
from watchdog.outlets.ledger import tail
from watchdog.outlets.ledger.account import Account, Draft
from watchdog.outlets.ledger.tail import Tail
from watchdog.outlets.ledger.writer import Begun, Writer
from watchdog.ports import Ports

PREFIX = "ledger"
"""Of the names of all ledgers: it is how rules know them among the receivers."""
QUIET = 300.0
"""Seconds without an entry after which a checkpoint is due: a disk that takes nothing is found before it is needed."""


@dataclass(slots=True)
class _Life:
    """What the ledger of one life of the daemon remembers."""

    turnstile: asyncio.Lock = field(default_factory=asyncio.Lock)
    under_way: tail.UnderWay = field(default_factory=dict)  # the reading of the tail, which may take a few attempts
    tail: Tail | None = None
    account: Account = field(default_factory=Account)
    writer: Writer | None = None
    lost: str = ""  # that something took away what had been written
    said: str | None = None  # what of the chain is not whole, as it was last said


@dataclass(frozen=True)
class Ledger(Outlet):
    """``path``: a folder on a volume that outlives the process, for this replica alone. ``buffer``: edges that wait for
    the disk at most. ``checkpoint_every``: entries after which what stands is written down anew."""

    path: str
    buffer: int = 10_000
    checkpoint_every: int = 1_000
    name: str = PREFIX
    every_turn: bool = field(init=False, default=True)  # what changes without an edge
    ordered: bool = field(init=False, default=True)
    at_stop: bool = field(init=False, default=True)
    near: bool = field(init=False, default=True)
    keeps: str = field(init=False, default="folder")
    _life: Any = field(init=False, repr=False, compare=False, default_factory=_Life)  # no part of the stanza

    def __post_init__(self) -> None:
        if not self.path.startswith("/"):
            raise ValueError("path: expected the absolute path of a folder")
        if not self.name.startswith(PREFIX):
            raise ValueError(f"name: expected one that begins with {PREFIX!r}, found {self.name!r}")
        if self.buffer < 1 or self.checkpoint_every < 1:
            raise ValueError("buffer, checkpoint_every: expected at least 1")

    async def recalled(self, ports: Ports) -> Sequence[Recalled]:
        """What stood with the last entry, and what had ended by then. Raises ``OSError``."""
        life: _Life = self._life
        async with life.turnstile:
            left = await self._left(life, ports)
        found, problems = _recalled(left, ports.clock.now())
        if problems:
            detail = f"{len(problems)} alerts, the first: {problems[0]}"
            structlog.get_logger().warning("what the ledger says stood cannot be used", path=self.path, detail=detail)
        return found

    async def publish(self, batch: Batch, ports: Ports) -> Sequence[Receipt]:
        """Raises ``OSError``. A first success, and a chain that is not whole, are said once."""
        life: _Life = self._life
        vitals = ports.vitals.ledger = ports.vitals.ledger or Vitals()
        written = False
        try:
            async with life.turnstile:
                writer = life.writer or await self._opened(life, batch.level, ports)
                await self._write(writer, life, batch, ports)
            written = True
        finally:
            vitals.up = written
        return _receipts(self.name, life)

    async def _left(self, life: _Life, ports: Ports) -> Tail:
        """What the life before left; read once."""
        if life.tail is None:
            life.tail = await tail.read(ports.journal(self.path), life.under_way)
            life.under_way.clear()
        return life.tail

    async def _opened(self, life: _Life, level: Assessment, ports: Ports) -> Writer:
        journal = ports.journal(self.path)
        found = await self._left(life, ports)
        if found.torn is not None:
            await journal.cut(found.segment, found.size)
        glue = b"\n" if found.broken and found.unfinished else b""
        life.account.held = dict(found.standing.alerts)
        life.account.first.extend(_opening(found, level, ports))
        place = (found.head, found.segment, found.size)
        life.writer = Writer(journal, ports.boot, *place, partial(_wrote, ports.vitals), glue)
        return life.writer

    async def _write(self, writer: Writer, life: _Life, batch: Batch, ports: Ports) -> None:
        now, account = ports.clock.now, life.account
        await writer.write(account.drafts(batch, now()), now, account.checkpoint)
        if writer.lost:
            life.lost = f"{writer.lost} bytes that had been written are no longer there"
            account.first.append(Draft("gap", {"edges": 0, "why": life.lost}, sync=True))
            account.checkpoint_due, writer.lost = True, 0
        if writer.since_checkpoint >= self.checkpoint_every or _quiet(writer, now()):
            account.checkpoint_due = True
        if batch.last and not account.closed:
            account.closed = True
            account.first.append(Draft("close", {}, sync=True))
        await writer.write(account.afterwards(), now, account.checkpoint)


def _quiet(writer: Writer, now: Instant) -> bool:
    return writer.last is not None and now.since(writer.last) >= QUIET


def _wrote(vitals: All, begun: Begun) -> None:
    vitals.head = (begun.head.seq, begun.head.digest)
    counts = vitals.ledger.entries if vitals.ledger is not None else {}
    for kind in begun.kinds:
        counts[kind] = counts.get(kind, 0) + 1


def _receipts(name: str, life: _Life) -> Sequence[Receipt]:
    """That it records, and what of the chain is not whole: said when it is new."""
    broken = "; ".join(filter(None, (life.tail.broken if life.tail else "", life.lost)))
    if broken == life.said:
        return ()
    life.said = broken
    records = Receipt(name, True, "it records")
    return [records, Receipt(f"{name} chain", False, broken)] if broken else [records]


def _opening(found: Tail, level: Assessment, ports: Ports) -> Iterator[Draft]:
    """What was found, and who goes on from there."""
    if found.torn is not None:
        body = {"segment": found.segment, "bytes": found.torn.size, "sha256": found.torn.sha256}
        yield Draft("repair", body, sync=True)
    if found.broken:
        yield Draft("repair", {"segment": found.segment, "bytes": 0, "broken": found.broken}, sync=True)
    last, paging = found.last, level.paging
    previous = None if last is None else {"boot": last.boot, "seq": last.seq, "wall": last.wall}
    terms = {
        "peers": paging.peers,
        "fallback_after": paging.fallback_after,
        "readback_within": paging.readback_within,
        "escalation": [{"after": step.after, "to": list(step.receivers)} for step in paging.escalation],
    }
    body = {
        "version": __version__,
        "python": platform.python_version(),
        "boot": ports.boot,
        "labels": dict(ports.labels),
        "sources": sorted({scope.source for scope in level.posture.sights}),
        "paging": terms,
        "previous": previous,
        "closed": last is not None and last.kind == "close",  # the life before ended in order
    }
    yield Draft("open", body, sync=True)


def _recalled(found: Tail, now: Instant) -> tuple[Sequence[Recalled], Sequence[str]]:
    """As of the last entry, and each that ended as of its end."""
    if found.last is None:
        return (), ()
    standing, problems = recalled_of_all(found.standing.alerts.values(), PREFIX, _instant(found.last.wall, now), now)
    over, more = list[Recalled](), list[str]()
    for record, at in found.standing.ended.values():
        ended, problem = recalled_of_all([record], PREFIX, _instant(at, now), now)
        over.extend(replace(one, ended=True) for one in ended)
        more.extend(problem)
    return [*over, *standing], [*problems, *more]


def _instant(wall: str, now: Instant) -> Instant:
    """What cannot be read is as old as can be told: it overrules nothing."""
    moment = from_rfc3339(wall)
    return Instant(now.wall, float("-inf")) if moment is None else recent(moment, now)
