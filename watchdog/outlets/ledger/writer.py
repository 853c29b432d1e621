"""Appends entries to the chain. What was begun is finished first: an entry keeps its number and its bytes, whatever
becomes of the write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from watchdog.core.instant import Instant
from watchdog.outlets.ledger.account import Draft
from watchdog.ports import Journal
from watchdog.proof.chain import Entry, Head, digest, line, microseconds

ENTRIES = 50
"""Of one write at most: a few milliseconds of work before it."""


@dataclass(frozen=True, slots=True)
class Begun:
    """One write. It is repeated until it is whole."""

    segment: str
    offset: int
    data: bytes
    kinds: tuple[str, ...]
    head: Head  # after it
    sync: bool
    at: Instant


@dataclass(slots=True)
class Writer:
    journal: Journal
    boot: str
    head: Head  # of what was begun
    segment: str
    size: int  # of it, with what was begun
    wrote: Callable[[Begun], None]
    glue: bytes = b""  # ends what another left unfinished
    since_checkpoint: int = 0
    last: Instant | None = None  # when it last wrote
    lost: int = 0  # bytes that something took away after they had been written
    _begun: Begun | None = None
    _failed: bool = False
    _carried: Draft | None = None

    async def write(
        self, drafts: Iterable[Draft], now: Callable[[], Instant], checkpoint: Callable[[], Iterator[Draft]]
    ) -> None:
        """All of them, in order, each new segment with a checkpoint before. Raises ``OSError``; then what was begun is
        finished by the next call, and the drafts that were not taken yet are still the caller's."""
        await self._finish()
        await self._roll(now, checkpoint)
        waiting = iter(drafts)
        for first in waiting:
            segment = max(self.segment, f"{microseconds(now().wall)[:10]}.jsonl")  # a clock may step back
            if segment != self.segment:
                self.segment, self.size, self._carried = segment, 0, first
                await self._roll(now, checkpoint)
            else:
                self._begin(_portion(first, waiting), now())
                await self._finish()

    async def _roll(self, now: Callable[[], Instant], checkpoint: Callable[[], Iterator[Draft]]) -> None:
        """A new segment's checkpoint, and then the entry that made it necessary."""
        if self._carried is None:
            return
        for part in checkpoint() if self.head.seq else ():  # what comes first of all begins with nothing
            self._begin([part], now())
            await self._finish()
        first, self._carried = self._carried, None
        self._begin([first], now())
        await self._finish()

    def _begin(self, drafts: list[Draft], at: Instant) -> None:
        lines = list[bytes]()
        for draft in drafts:
            lines.append(self._line(draft, at))
            self.head = Head(self.head.seq + 1, digest(lines[-1]))
        data, self.glue = self.glue + b"".join(lines), b""
        kinds, sync = tuple(draft.kind for draft in drafts), any(draft.sync for draft in drafts)
        self._begun = Begun(self.segment, self.size, data, kinds, self.head, sync, at)
        self.size += len(data)

    def _line(self, draft: Draft, at: Instant) -> bytes:
        place = (self.head.seq + 1, microseconds(at.wall), int(at.mono * 1e6), self.boot, draft.kind)
        try:
            return line(Entry(*place, draft.body, self.head.digest))
        except ValueError as error:  # a number that is not finite: one such entry must not hold up all others
            return line(Entry(*place, {"unwritable": str(error)}, self.head.digest))

    async def _finish(self) -> None:
        begun = self._begun
        if begun is None:
            return
        rest = await self._left(begun) if self._failed else begun.data
        self._failed = True
        await self.journal.append(begun.segment, rest, sync=begun.sync)
        self._failed, self._begun, self.last = False, None, begun.at
        self.wrote(begun)
        for kind in begun.kinds:
            self.since_checkpoint = 0 if kind == "checkpoint" else self.since_checkpoint + 1

    async def _left(self, begun: Begun) -> bytes:
        """What is still to be written. Whole lines that are there stay; what is torn is cut."""
        await self.journal.segments()  # takes the lock again, where the folder is another one now
        size = await self.journal.size(begun.segment)
        if size < begun.offset:
            self.lost += begun.offset - size
            self.size, self._begun = size + len(begun.data), replace(begun, offset=size)
            return begun.data
        if size == begun.offset:
            return begun.data
        whole = _common(await self.journal.read(begun.segment, begun.offset, len(begun.data)), begun.data)
        if size > begun.offset + whole:
            await self.journal.cut(begun.segment, begun.offset + whole)
        return begun.data[whole:]


def _portion(first: Draft, waiting: Iterator[Draft]) -> list[Draft]:
    """What is written at once: a part of a checkpoint is as much work as all else together."""
    portion = [first]
    while len(portion) < ENTRIES and portion[-1].kind != "checkpoint":
        if (draft := next(waiting, None)) is None:
            break
        portion.append(draft)
    return portion


def _common(there: bytes, data: bytes) -> int:
    """The bytes of the whole lines with which both begin."""
    whole = 0
    for one in data.splitlines(keepends=True):
        if there[whole : whole + len(one)] != one:
            break
        whole += len(one)
    return whole
