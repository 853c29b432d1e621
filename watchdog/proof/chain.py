"""The ledger's hash chain: JSON lines, each of which bears the SHA-256 of the line before it.

What is hashed are the line's bytes without the newline that ends it, so that no canonical form needs to be argued
about; lines are written in one all the same (sorted keys, no spaces, ASCII). The first entry has ``seq`` 1 and bears
``GENESIS``.

A chain proves that nothing was changed, left out or put in *between* entries. That the newest were not taken away, or
the whole written anew, it cannot prove by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

GENESIS = "0" * 64
FIELDS = ("body", "boot", "kind", "mono", "prev", "seq", "wall")


class NotAnEntry(ValueError):
    """A line that is none of a ledger's; the message is a clause."""


@dataclass(frozen=True, slots=True)
class Entry:
    seq: int
    wall: str  # RFC 3339, UTC, microseconds
    mono: int  # microseconds of the writing life's monotonic clock
    boot: str  # which life wrote it
    kind: str
    body: Mapping[str, Any]
    prev: str


@dataclass(frozen=True, slots=True)
class Head:
    """How far a chain has come: the last entry's number, and its line's digest."""

    seq: int = 0
    digest: str = GENESIS


@dataclass(frozen=True, slots=True)
class Difference:
    """The first line that is not as the chain demands."""

    line: int  # from 1
    why: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.why}"


def microseconds(wall: datetime) -> str:
    """RFC 3339, UTC."""
    return wall.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def line(entry: Entry) -> bytes:
    """Its canonical JSON, and a newline. Raises ``ValueError`` for a number that is not finite."""
    text = json.dumps(asdict(entry), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.encode("ascii") + b"\n"


def digest(written: bytes) -> str:
    """The SHA-256 of a line, with or without its newline."""
    return sha256(written.removesuffix(b"\n")).hexdigest()


def parse(written: bytes) -> Entry:
    """Raises ``NotAnEntry``."""
    try:
        found = json.loads(written)
    except (ValueError, RecursionError) as error:
        raise NotAnEntry(f"not JSON: {error}") from None
    if not isinstance(found, dict) or tuple(sorted(found)) != FIELDS:
        raise NotAnEntry(f"expected an object with {', '.join(FIELDS)}")
    entry = Entry(**found)
    for name, kind in (("seq", int), ("wall", str), ("mono", int), ("boot", str), ("kind", str), ("prev", str)):
        if type(found[name]) is not kind:
            raise NotAnEntry(f"{name}: expected {kind.__name__}, found {type(found[name]).__name__}")
    if not isinstance(entry.body, dict):
        raise NotAnEntry(f"body: expected an object, found {type(entry.body).__name__}")
    return entry


def misplaced(head: Head, entry: Entry) -> str:
    """Why an entry does not follow ``head``; empty if it does."""
    if entry.seq != head.seq + 1:
        return f"expected seq {head.seq + 1}, found {entry.seq}"
    return "" if entry.prev == head.digest else f"expected prev {head.digest}, found {entry.prev}"


@dataclass(frozen=True, slots=True)
class Run:
    """A check that goes on, a line at a time: how far the chain is whole, or where it first is not."""

    head: Head = Head()
    lines: int = 0
    difference: Difference | None = None

    def after(self, written: bytes) -> Run:
        """One line more. What follows a difference is not looked at."""
        if self.difference is not None:
            return self
        try:
            entry = parse(written)
        except NotAnEntry as error:
            return self._but(str(error))
        why = misplaced(self.head, entry)
        return self._but(why) if why else Run(Head(entry.seq, digest(written)), self.lines + 1)

    def _but(self, why: str) -> Run:
        return replace(self, difference=Difference(self.lines + 1, why))


def check(lines: Iterable[bytes], head: Head = Head()) -> Run:
    """The check of a run of lines that follows ``head``."""
    run = Run(head)
    for written in lines:
        run = run.after(written)
    return run


def begins_at(entry: Entry) -> Head:
    """What the entry says came before it: for a run whose beginning is not at hand."""
    return Head(entry.seq - 1, entry.prev)
