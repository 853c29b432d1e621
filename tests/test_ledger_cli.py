"""``watchdog ledger show|verify``: on ledgers that daemons left on a real disk."""

from __future__ import annotations

import asyncio
import errno
import json
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.core.worlds import KILL_SWITCH, SWITCHES, World, saw, switch
from tests.fakes import HandClock, Outside
from watchdog.adapters.journal import FolderJournal
from watchdog.cli import main
from watchdog.core.alert import Edge
from watchdog.outlets import Batch
from watchdog.outlets.ledger import Ledger


async def written(folder: Path, days: int = 2) -> None:
    """One flip a day."""
    journal, clock, world = FolderJournal(str(folder)), HandClock(), World(KILL_SWITCH)
    ports = replace(Outside(clock=clock).ports(), journal=lambda path: journal, boot="b")
    outlet = Ledger(str(folder))
    for day in range(days):
        for second in (1 + 10 * day, 2 + 10 * day):
            level = world.turn(second, saw(second, SWITCHES, switch(second % 2 == 0)))
            await outlet.publish(Batch(level, level.edges), ports)
        clock.wall += timedelta(days=1)
    await journal.close()


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    asyncio.run(written(tmp_path / "ledger"))
    return tmp_path / "ledger"


def segments(ledger: Path) -> list[Path]:
    return sorted(ledger.glob("*.jsonl"))


def test_a_ledger_that_nobody_touched_is_whole(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ledger", "verify", str(ledger)]) == 0
    assert capsys.readouterr().out.startswith("whole: 6 entries, the last is 6, SHA-256 ")
    assert main(["ledger", "verify", str(segments(ledger)[1])]) == 0, "a segment by itself, from its first line on"


def changed(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert content.count(old)
    path.write_bytes(content.replace(old, new, 1))


def test_what_was_changed_is_named_with_its_segment_and_line(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = segments(ledger)
    for path, old, new, where in (
        (first, b'"sev":0', b'"sev":1', f"{first.name}, line 3: expected prev "),
        (second, b'"seq":4', b'"seq":9', f"{second.name}, line 1: expected seq 4, found 9"),
        (second, b"\n", b"\n\n", f"{second.name}, line 2: not JSON"),
        (first, first.read_bytes().splitlines(True)[1], b"", f"{first.name}, line 2: expected seq 2, found 3"),
    ):
        before = path.read_bytes()
        changed(path, old, new)
        assert main(["ledger", "verify", str(ledger)]) == 1, where
        assert capsys.readouterr().out.startswith(f"VIOLATED: {where}")
        path.write_bytes(before)
    assert main(["ledger", "verify", str(ledger)]) == 0


def test_a_segment_that_was_taken_away_is_missed(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    segments(ledger)[0].unlink()
    assert main(["ledger", "verify", str(ledger)]) == 1
    assert f"{segments(ledger)[0].name}, line 1: expected seq 1, found 4" in capsys.readouterr().out


def test_a_torn_end_is_no_violation_and_not_whole_either(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = segments(ledger)
    with second.open("ab") as file:
        file.write(b'{"body"')
    assert main(["ledger", "verify", str(ledger)]) == 2
    assert "7 bytes at its end are no whole line" in capsys.readouterr().err
    with first.open("ab") as file:
        file.write(b'{"body"')
    assert main(["ledger", "verify", str(ledger)]) == 1, "another segment follows it"


def test_what_is_no_ledger_cannot_be_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "2026-11-24.jsonl").write_bytes(b"")
    for path in (tmp_path, tmp_path / "2026-11-24.jsonl", tmp_path / "nowhere"):
        assert main(["ledger", "verify", str(path)]) == 2
        assert "could not tell" in capsys.readouterr().err
    assert main(["ledger", "show", str(tmp_path / "nowhere")]) == 2


def test_entries_are_shown_a_line_each_and_as_they_are(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ledger", "show", str(ledger)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6 and lines[0].startswith("       1 2026-11-23T15:00:00.000000Z open ")
    assert "alert.fired        Sev-0 KillSwitchNotHalted kill_switch(" in lines[1]
    assert lines[1].endswith("firing: KillSwitchNotHalted breach at=2026-11-23T15:00:01.000000Z")
    assert main(["ledger", "show", "--json", str(ledger)]) == 0
    out = capsys.readouterr().out.encode()
    assert out == b"".join(path.read_bytes() for path in segments(ledger))


def test_no_entry_speaks_to_the_terminal(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with segments(ledger)[1].open("ab") as file:
        file.write(json.dumps({"body": {"alert": {"x": 1}, "why": "\x1b]0;x\x07"}}).encode() + b"\n\x1b[2J\n")
        file.write(b'{"body":{"why":"\\u001b[2J"},"boot":"","kind":"operator","mono":1,"prev":"","seq":1,"wall":""}\n')
    assert main(["ledger", "show", str(ledger)]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out and out.count("?? 2026-11-24.jsonl") == 2 and "why=\N{REPLACEMENT CHARACTER}[2J" in out


# real disks


KILLED = """
import asyncio, sys
from pathlib import Path
from tests.test_ledger_cli import written
asyncio.run(written(Path(sys.argv[1]), days=4_000))
"""


def test_whenever_it_is_killed_the_next_life_leaves_a_whole_ledger(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    for _ in range(2):
        with subprocess.Popen([sys.executable, "-c", KILLED, str(ledger)]) as writing:
            enough = size(ledger) + 30_000
            while size(ledger) < enough:
                assert writing.poll() is None
                time.sleep(0.005)
            writing.send_signal(signal.SIGKILL)
    asyncio.run(written(ledger, days=1))
    assert main(["ledger", "verify", str(ledger)]) == 0


def size(ledger: Path) -> int:
    return sum(path.stat().st_size for path in segments(ledger))


FULL = """
import asyncio, resource, sys
from tests.test_ledger_cli import filled
resource.setrlimit(resource.RLIMIT_FSIZE, (6_000, resource.RLIM_INFINITY))
asyncio.run(filled(sys.argv[1]))
"""


async def filled(folder: str) -> None:
    """In a process of its own: files may not grow any more, and then they may."""
    journal, clock, world = FolderJournal(folder), HandClock(), World(KILL_SWITCH)
    ports = replace(Outside(clock=clock).ports(), journal=lambda path: journal, boot="b")
    outlet, edges, refused = Ledger(folder), list[Edge](), 0
    for second in range(1, 30):
        level = world.turn(second, saw(second, SWITCHES, switch(second % 2 == 0)))
        edges += level.edges
        try:
            await outlet.publish(Batch(level, tuple(edges)), ports)
            edges.clear()
        except OSError as error:
            refused += 1
            assert error.errno == errno.EFBIG, error
        if refused == 5:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert refused == 5 and not edges


def test_a_disk_that_is_full_for_a_while_costs_no_entry(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], check=True, timeout=60)
    assert main(["ledger", "verify", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("whole: 30 entries"), "29 flips, and that it was opened"
