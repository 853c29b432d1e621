"""``watchdog ledger show|verify``: what a ledger says, and whether anything in it was changed."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from watchdog.cli.usage import Commands, add_command, refuse
from watchdog.reports import Exit

if TYPE_CHECKING:
    from watchdog.proof.chain import Entry, Head, Run

LINE = 16 << 20
"""Bytes of a line at most."""


def add(commands: Commands) -> None:
    parser = commands.add_parser("ledger", help="read a ledger, and check its hash chain")
    inner = parser.add_subparsers(required=True, metavar="COMMAND")
    shown = add_command(inner, "show", show, "print its entries", "ledger show /var/lib/watchdog/ledger")
    shown.add_argument("--json", action="store_true", help="print its lines as they are")
    does = "check its hash chain: exit 0 whole, 1 violated, 2 could not tell"
    checked = add_command(inner, "verify", verify, does, "ledger verify /var/lib/watchdog/ledger")
    for each in (shown, checked):
        each.add_argument("path", type=Path, metavar="PATH", help="the ledger's folder, or one of its segments")


def show(options: argparse.Namespace) -> int:
    from watchdog.proof.chain import NotAnEntry, parse

    try:
        for segment in _segments(options.path):
            for number, line in enumerate(_lines(segment), 1):
                if options.json:
                    print(line.decode(errors="replace").rstrip("\n"))
                    continue
                try:
                    print(_text(parse(line)))
                except NotAnEntry as error:
                    print(f"?? {segment.name}, line {number}: {_printable(str(error))}")
    except BrokenPipeError:
        raise
    except OSError as error:
        return refuse(f"{options.path}: {error.strerror or error}")
    return Exit.FINE


def verify(options: argparse.Namespace) -> int:
    """A folder's first entry must be the ledger's first. A segment by itself is checked from its own first line on."""
    try:
        segments = _segments(options.path)
        found = _verified(segments, begins=options.path.is_dir())
    except OSError as error:
        return refuse(f"{options.path}: could not tell: {error.strerror or error}")
    if found.violated:
        print(f"VIOLATED: {found.violated}")
        return Exit.FINDING
    if found.untold or not found.entries:
        return refuse(f"{options.path}: could not tell: {found.untold or 'no entry of a ledger is there'}")
    print(f"whole: {found.entries} entries, the last is {found.head.seq}, SHA-256 {found.head.digest}")
    return Exit.FINE


@dataclass(frozen=True, slots=True)
class _Verified:
    entries: int
    head: Head
    violated: str = ""  # where and why
    untold: str = ""


def _verified(segments: list[Path], begins: bool) -> _Verified:
    from watchdog.proof.chain import Head, Run

    head, entries = Head(), 0
    for segment in segments:
        run, torn = _checked(segment, Run(head) if begins or entries else None)
        entries, head = entries + run.lines, run.head
        if run.difference is not None:
            return _Verified(entries, head, violated=f"{segment.name}, {run.difference}")
        where = f"{segment.name}, line {run.lines + 1}: {torn} bytes at its end are no whole line"
        if torn and segment is segments[-1]:
            return _Verified(entries, head, untold=f"{where} (torn, or being written just now)")
        if torn:
            return _Verified(entries, head, violated=where)
    return _Verified(entries, head)


def _checked(segment: Path, start: Run | None) -> tuple[Run, int]:
    """The check of one segment up to its first difference, and the bytes after its last newline."""
    from watchdog.proof.chain import NotAnEntry, Run, begins_at, parse

    run = start
    for line in _lines(segment):
        if not line.endswith(b"\n") and len(line) < LINE:
            return run or Run(), len(line)
        if run is None:
            with suppress(NotAnEntry):
                run = Run(begins_at(parse(line)))
        run = (run or Run()).after(line)
        if run.difference is not None:
            break
    return run or Run(), 0


def _segments(path: Path) -> list[Path]:
    from watchdog.adapters.journal import names

    return [path / name for name in names(path)] if path.is_dir() else [path]


def _lines(segment: Path) -> Iterator[bytes]:
    with segment.open("rb") as file:
        while line := file.readline(LINE):
            yield line


def _text(entry: Entry) -> str:
    return _printable(f"{entry.seq:>8} {entry.wall} {entry.kind:<18} {_told(entry.body)}".rstrip())


def _told(body: Mapping[str, Any]) -> str:
    """An alert in a line; what is not one, as it is."""
    alert = body.get("alert")
    if not isinstance(alert, dict):
        return _fields(body)
    try:
        labels = ", ".join(f"{name}={value}" for name, value in alert["subject"]["labels"])
        where = f"Sev-{alert['sev']} {alert['rule']} {alert['subject']['kind']}({labels}) {alert['state']}"
        told = f"{where}: {alert['description']['annotations'].get('summary', '')}"
    except (AttributeError, KeyError, TypeError, ValueError):
        return _fields(body)
    return f"{told} {_fields({name: value for name, value in body.items() if name != 'alert'})}"


def _fields(body: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={_short(value)}" for name, value in sorted(body.items()))


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 200 else f"{text[:200]}... ({len(text)} characters)"


def _printable(text: str) -> str:
    """What a terminal does not take for a command."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)
