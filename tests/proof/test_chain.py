"""The hash chain: what it notices."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256

import pytest

from watchdog.proof.chain import (
    GENESIS,
    Entry,
    Head,
    NotAnEntry,
    Run,
    begins_at,
    check,
    digest,
    line,
    microseconds,
    parse,
)


def chain(count: int) -> list[bytes]:
    lines, head = [], Head()
    for number in range(count):
        entry = Entry(head.seq + 1, "2026-11-24T10:00:00.000000Z", 10, "b", "alert.fired", {"n": number}, head.digest)
        lines.append(line(entry))
        head = Head(entry.seq, digest(lines[-1]))
    return lines


def test_a_line_is_canonical_json_and_bears_the_sha_256_of_the_line_before_without_its_newline() -> None:
    first, second = chain(2)
    assert first == (
        b'{"body":{"n":0},"boot":"b","kind":"alert.fired","mono":10,"prev":"' + b"0" * 64 + b'","seq":1,'
        b'"wall":"2026-11-24T10:00:00.000000Z"}\n'
    )
    assert json.loads(second)["prev"] == sha256(first[:-1]).hexdigest() == digest(first) == digest(first[:-1])
    assert json.loads(first)["prev"] == GENESIS


def test_a_line_is_read_as_it_was_written_and_is_ascii_whatever_it_says() -> None:
    entry = Entry(1, "w", 0, "b", "operator", {"why": "café \U0001f600 \ud800\n\x1b"}, GENESIS)
    assert parse(line(entry)) == entry
    assert line(entry).isascii() and line(entry).count(b"\n") == 1


def test_a_number_that_json_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        line(Entry(1, "w", 0, "b", "k", {"x": float("nan")}, GENESIS))


def test_a_whole_run_ends_at_its_last_entry() -> None:
    lines = chain(5)
    assert check(lines) == Run(Head(5, digest(lines[-1])), 5)
    assert check(lines[2:], begins_at(parse(lines[2]))) == Run(Head(5, digest(lines[-1])), 3)


LINES = chain(4)
CHANGED = LINES[1].replace(b'"n":1', b'"n":7')
VIOLATIONS = [
    ("a changed entry", [LINES[0], CHANGED, *LINES[2:]], 3, f"expected prev {digest(CHANGED)}, found"),
    ("an entry taken out", [LINES[0], *LINES[2:]], 2, "expected seq 2, found 3"),
    ("the first taken out", LINES[1:], 1, "expected seq 1, found 2"),
    ("two exchanged", [LINES[0], LINES[2], LINES[1], LINES[3]], 2, "expected seq 2, found 3"),
    ("one twice", [LINES[0], LINES[0]], 2, "expected seq 2, found 1"),
    ("half a line", [LINES[0], LINES[1][:30] + b"\n"], 2, "not JSON"),
    ("an empty line", [LINES[0], b"\n"], 2, "not JSON"),
    ("another object", [b"{}\n"], 1, "expected an object with body"),
    ("nested without end", [b"[" * 100_000 + b"\n"], 1, "not JSON"),
    ("bytes that are no text", [b"\xff\xfe\n"], 1, "not JSON"),
    ("a truth for a number", [LINES[0].replace(b'"seq":1', b'"seq":true')], 1, "seq: expected int, found bool"),
    ("a body that is a list", [LINES[0].replace(b'{"n":0}', b"[]")], 1, "body: expected an object, found list"),
]


@pytest.mark.parametrize(("lines", "number", "why"), [v[1:] for v in VIOLATIONS], ids=[v[0] for v in VIOLATIONS])
def test_the_first_difference_is_named(lines: list[bytes], number: int, why: str) -> None:
    found = check([*lines, *LINES]).difference
    assert found is not None and found.line == number and why in found.why
    assert str(found).startswith(f"line {number}: ")


def test_no_line_that_is_none_raises_anything_else() -> None:
    for cut in range(len(LINES[0]) - 1):
        with pytest.raises(NotAnEntry):
            parse(LINES[0][:cut])


def test_a_wall_time_is_utc_to_the_microsecond() -> None:
    here = datetime(2026, 11, 24, 11, 0, 0, 1, tzinfo=timezone(timedelta(hours=1)))
    assert microseconds(here) == "2026-11-24T10:00:00.000001Z" == microseconds(here.astimezone(UTC))
