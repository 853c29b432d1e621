"""Small files, read so that nothing about them can hang or confuse the daemon."""

from __future__ import annotations

import asyncio
import fcntl
import os
import stat
import threading
from pathlib import Path

import pytest

from watchdog.adapters import files
from watchdog.adapters.files import LocalFiles, update_now


async def test_it_reads_at_most_the_limit(tmp_path: Path) -> None:
    (tmp_path / "flag").write_bytes(b"1\n" * 100)
    assert await LocalFiles().read(str(tmp_path / "flag"), 3) == b"1\n1"


async def test_a_missing_file_a_directory_and_a_dangling_link_are_os_errors(tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    for name in ("missing", "dangling"):
        with pytest.raises(FileNotFoundError):
            await LocalFiles().read(str(tmp_path / name), 10)
    with pytest.raises(OSError, match="not a regular file"):
        await LocalFiles().read(str(tmp_path), 10)


async def test_a_fifo_that_nobody_writes_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OSError, match="not a regular file"):
        async with asyncio.timeout(5):
            await LocalFiles().read(str(tmp_path / "fifo"), 10)


async def test_a_read_that_never_returns_costs_one_thread_and_hangs_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released, local, real = threading.Event(), LocalFiles(), files.read_now

    def read(path: str, limit: int) -> bytes:
        if path == "stuck":
            released.wait()
        return real(path, limit) if path != "stuck" else b"late"

    monkeypatch.setattr(files, "read_now", read)
    (tmp_path / "flag").write_bytes(b"1")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await local.read("stuck", 10)
    with pytest.raises(TimeoutError, match="an earlier request has not come back"):
        await local.read("stuck", 10)
    assert await local.read(str(tmp_path / "flag"), 10) == b"1"
    released.set()
    while local.reading:
        await asyncio.sleep(0.001)
    assert await local.read("stuck", 10) == b"late"


async def test_an_error_that_comes_when_nobody_waits_any_more_disturbs_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    released, local = threading.Event(), LocalFiles()

    def read(path: str, limit: int) -> bytes:
        released.wait()
        raise OSError("too late")

    monkeypatch.setattr(files, "read_now", read)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await local.read("stuck", 10)
    released.set()
    while local.reading:
        await asyncio.sleep(0.001)


async def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "memory.json"
    for content in (b"old" * 1_000_000, b"new"):
        await LocalFiles().replace(str(path), content)
        assert path.read_bytes() == content
    assert [entry.name for entry in tmp_path.iterdir()] == ["memory.json"]


async def test_a_write_that_fails_leaves_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "memory.json"
    path.write_bytes(b"old")

    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        await LocalFiles().replace(str(path), b"new")
    assert path.read_bytes() == b"old"
    with pytest.raises(FileNotFoundError):
        await LocalFiles().replace(str(tmp_path / "no" / "folder"), b"x")


def test_a_file_is_updated_by_one_process_at_a_time_and_keeps_who_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "entries.json"
    update_now(str(path), lambda before: before + b"a", 10)
    assert path.read_bytes() == b"a" and stat.S_IMODE(path.stat().st_mode) == 0o644
    path.chmod(0o640)
    with Path(f"{path}.lock").open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        waiting = threading.Thread(target=update_now, args=(str(path), lambda before: before + b"c", 10))
        waiting.start()
        waiting.join(0.05)
        assert waiting.is_alive()
        path.write_bytes(b"ab")
    waiting.join()
    assert path.read_bytes() == b"abc" and stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize("after", [b"x" * 11, ValueError("damaged")])
def test_an_update_that_fails_or_is_too_large_leaves_the_file_as_it_was(
    tmp_path: Path, after: bytes | Exception
) -> None:
    path = tmp_path / "entries.json"
    path.write_bytes(b"old")

    def change(before: bytes) -> bytes:
        if isinstance(after, Exception):
            raise after
        return after

    with pytest.raises((OSError, ValueError)):
        update_now(str(path), change, 10)
    with pytest.raises(OSError, match="more than 2 bytes"):
        update_now(str(path), lambda before: b"", 2)
    assert path.read_bytes() == b"old"
