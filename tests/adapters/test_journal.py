"""The journal on a real disk: whole, kept for itself, and never waited for by the event loop."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from watchdog.adapters.journal import FolderJournal, FolderJournals

DAY = "2026-11-24.jsonl"


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[FolderJournal]:
    opened = FolderJournal(str(tmp_path / "ledger"))
    assert await opened.segments() == []
    yield opened
    await opened.close()


async def test_what_is_appended_is_at_the_end_and_is_read_from_any_place(journal: FolderJournal) -> None:
    await journal.append(DAY, b"one\n", sync=True)
    await journal.append(DAY, b"two\n", sync=False)
    assert await journal.read(DAY, 0, 100) == b"one\ntwo\n"
    assert await journal.read(DAY, 4, 2) == b"tw"
    assert await journal.size(DAY) == 8
    await journal.cut(DAY, 5)
    assert await journal.read(DAY, 0, 100) == b"one\nt"


async def test_segments_are_days_oldest_first_and_nothing_else_in_the_folder_is_one(
    journal: FolderJournal, tmp_path: Path
) -> None:
    for name in (DAY, "2025-01-01.jsonl", "2026-02-03.jsonl"):
        await journal.append(name, b"x\n", sync=False)
    (tmp_path / "ledger" / "notes.txt").write_text("")
    (tmp_path / "ledger" / "2026-11-24.jsonl.gz").write_text("")
    assert await journal.segments() == ["2025-01-01.jsonl", "2026-02-03.jsonl", DAY]
    with pytest.raises(OSError, match="not the name of a segment"):
        await journal.append("../elsewhere", b"x", sync=False)


async def test_a_second_process_is_kept_out_until_the_first_lets_go(journal: FolderJournal, tmp_path: Path) -> None:
    other = FolderJournal(str(tmp_path / "ledger"))
    with pytest.raises(OSError, match="another process holds this journal"):
        await other.segments()
    with pytest.raises(OSError, match="not open"):
        await other.append(DAY, b"x", sync=False)
    await journal.close()
    assert await other.segments() == []
    await other.close()


HOLDER = """
import asyncio, sys, time
from watchdog.adapters.journal import FolderJournal
asyncio.run(FolderJournal(sys.argv[1]).segments())
print("held", flush=True)
time.sleep(60)
"""


async def test_a_process_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        journal = FolderJournal(str(tmp_path))
        with pytest.raises(OSError, match="another process"):
            await journal.segments()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert await journal.segments() == []
    await journal.close()


async def test_a_disk_that_hangs_stops_neither_the_loop_nor_who_asks_next(
    journal: FolderJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs, real = threading.Event(), os.fsync

    def fsync(number: int) -> None:
        hangs.wait()
        real(number)

    monkeypatch.setattr(os, "fsync", fsync)
    waiting = asyncio.create_task(journal.append(DAY, b"one\n", sync=True))
    await asyncio.sleep(0)
    with pytest.raises(TimeoutError, match="an earlier request has not come back"):
        await journal.size(DAY)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    hangs.set()
    async with asyncio.timeout(10):
        while True:
            try:
                assert await journal.size(DAY) == 4
                break
            except TimeoutError:
                await asyncio.sleep(0.001)


HANGS = """
import asyncio, os, sys, time
from watchdog.adapters.journal import FolderJournals
os.fsync = lambda number: time.sleep(3600)
async def main():
    journals = FolderJournals()
    await journals(sys.argv[1]).segments()
    try:
        async with asyncio.timeout(0.1):
            await journals(sys.argv[1]).append("2026-11-24.jsonl", b"x", sync=True)
    except TimeoutError:
        print("hung", flush=True)
    await journals.close()
asyncio.run(main())
"""


def test_a_disk_that_hangs_does_not_hold_up_the_end_of_the_process(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", HANGS, str(tmp_path)], stdout=subprocess.PIPE, timeout=30, check=True)
    assert ended.stdout == b"hung\n"


async def test_of_a_write_that_breaks_off_a_part_may_be_there_and_it_is_said(
    journal: FolderJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write

    def write(number: int, data: bytes) -> int:
        if len(data) < 6:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(number, data[:5])

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(OSError, match="No space left"):
        await journal.append(DAY, b"0123456789", sync=False)
    assert await journal.read(DAY, 0, 100) == b"01234"


async def test_a_new_segment_s_name_is_on_the_disk_too(journal: FolderJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    synced, real = list[str](), os.fsync

    def fsync(number: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{number}").rpartition("/")[2])
        real(number)

    monkeypatch.setattr(os, "fsync", fsync)
    await journal.append(DAY, b"one\n", sync=True)
    await journal.append(DAY, b"two\n", sync=True)
    await journal.append(DAY, b"three\n", sync=False)
    assert synced == [DAY, "ledger", DAY]


async def test_a_folder_that_was_put_in_place_of_another_is_taken_anew(journal: FolderJournal, tmp_path: Path) -> None:
    await journal.append(DAY, b"one\n", sync=False)
    (tmp_path / "ledger").rename(tmp_path / "away")
    with pytest.raises(OSError, match="not the one that was opened"):
        await journal.append(DAY, b"two\n", sync=False)
    (tmp_path / "ledger").mkdir()
    with pytest.raises(OSError, match="not the one that was opened"):
        await journal.append(DAY, b"two\n", sync=False)
    assert await journal.segments() == []
    await journal.append(DAY, b"two\n", sync=False)
    assert await journal.read(DAY, 0, 9) == b"two\n"


async def test_a_folder_that_cannot_be_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        await FolderJournal(str(tmp_path / "file" / "ledger")).segments()


async def test_one_process_has_one_journal_of_a_folder(tmp_path: Path) -> None:
    journals = FolderJournals()
    assert journals(str(tmp_path)) is journals(str(tmp_path))
    await journals(str(tmp_path)).segments()
    await journals.close()
    again = FolderJournal(str(tmp_path))
    assert await again.segments() == []
    await again.close()
