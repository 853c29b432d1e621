"""The end of a ledger, as an earlier life left it: where the chain goes on, what is torn, and what stood.

The newest segment is read whole, in portions; an older one only where the newest holds no entry, or no checkpoint.
Nothing is changed here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from watchdog.outlets.ledger.standing import Standing
from watchdog.ports import Journal
from watchdog.proof.chain import Entry, Head, NotAnEntry, Run, begins_at, digest, parse

PORTION = 1 << 16
"""Bytes that are looked at between two breaths: a few milliseconds."""
LINE = 16 << 20
"""Bytes that a line may have. What is longer is none of ours."""
BACK = 7
"""Segments before the newest in which an entry, and a checkpoint, are looked for."""


@dataclass(frozen=True, slots=True)
class Torn:
    """What is at the end and is no whole entry."""

    size: int
    sha256: str


@dataclass(slots=True)
class Segment:
    """One segment as it is read."""

    name: str
    standing: Standing = field(default_factory=Standing)
    run: Run = field(default_factory=Run)
    first: Entry | None = None
    last: Entry | None = None
    head: Head = field(default_factory=Head)
    good: int = 0  # bytes up to which it is whole
    size: int = 0
    broken: bool = False  # entries follow the first difference
    _begun: bytes = b""
    _rest: Any = field(default_factory=sha256)

    def take(self, portion: bytes) -> None:
        self.size += len(portion)
        *lines, self._begun = (self._begun + portion).split(b"\n")
        for line in lines:
            self._line(line + b"\n")
        if len(self._begun) > LINE:
            self._overlong()

    @property
    def unfinished(self) -> bool:
        """It does not end with a newline."""
        return bool(self._begun)

    @property
    def torn(self) -> Torn | None:
        if self.broken or self.good == self.size:
            return None
        rest = self._rest.copy()
        rest.update(self._begun)
        return Torn(self.size - self.good, rest.hexdigest())

    def _line(self, line: bytes) -> None:
        entry = _entry(line)
        if entry is not None and self.first is None:
            self.first = entry
            self.run = self.run if self.run.difference else Run(begins_at(entry))
        self.run = self.run.after(line)
        if self.run.difference is None:
            self.good += len(line)
        else:
            self._rest.update(line)
            self.broken = self.broken or entry is not None
        if entry is not None:
            self.last, self.head = entry, Head(entry.seq, digest(line))
            self.standing.take(entry)

    def _overlong(self) -> None:
        self.run = self.run.after(b"a line that is too long")
        self._rest.update(self._begun)
        self._begun = b""


def _entry(line: bytes) -> Entry | None:
    try:
        return parse(line)
    except NotAnEntry:
        return None


@dataclass(frozen=True, slots=True)
class Tail:
    segment: str  # the newest; empty: there is none
    size: int  # its bytes that are whole
    head: Head
    standing: Standing
    last: Entry | None = None
    torn: Torn | None = None
    broken: str = ""  # where the chain of the newest segment first is not whole; it stays as it is
    unfinished: bool = False  # of a broken one: it does not end with a newline


UnderWay = dict[tuple[str, bool], Segment]
"""What was read so far, by its name and whether with those before it: who breaks off goes on from there."""


async def read(journal: Journal, under_way: UnderWay) -> Tail:
    """Raises ``OSError``."""
    names = list(await journal.segments())
    if not names:
        return Tail("", 0, Head(), Standing())
    newest = found = await _read(journal, under_way, names[-1])
    needed = [newest.name]
    for name in [*reversed(names[:-1])][:BACK]:
        if found.last is not None and found.standing.whole:
            break
        found = await _read(journal, under_way, name)
        needed.append(name)
    ends = found
    for name in [*reversed(needed)][1:]:
        later = await _read(journal, under_way, name, found.standing)
        ends = ends if later.last is None else later
    return _tail(newest, ends, found.standing)


def _tail(newest: Segment, ends: Segment, standing: Standing) -> Tail:
    broken = f"{newest.name}, {newest.run.difference}" if newest.broken else ""
    size = newest.size if newest.broken else newest.good
    return Tail(newest.name, size, ends.head, standing, ends.last, newest.torn, broken, newest.unfinished)


async def _read(journal: Journal, under_way: UnderWay, name: str, before: Standing | None = None) -> Segment:
    segment = under_way.setdefault((name, before is not None), Segment(name, before or Standing()))
    while portion := await journal.read(name, segment.size, PORTION):
        segment.take(portion)
    return segment
