"""A folder of daily segments, appended to: each request runs in a thread of its own, at most one at a time.

A disk that hangs costs one thread, and never the event loop nor the process's exit. Until that request comes back, the
next ones are refused at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

_T = TypeVar("_T")

SEGMENT = re.compile(r"\d{4}-\d{2}-\d{2}\.jsonl")
LOCK = "lock"


class FolderJournal:
    """``ports.Journal`` in a folder, which is made if it is not there."""

    def __init__(self, path: str) -> None:
        self._folder = Path(path)
        self._lock: int | None = None
        self._busy = False

    async def segments(self) -> Sequence[str]:
        return await self._in_a_thread(self._segments)

    async def read(self, segment: str, offset: int, limit: int) -> bytes:
        return await self._in_a_thread(lambda: read_at(self._path(segment), offset, limit))

    async def append(self, segment: str, data: bytes, *, sync: bool) -> None:
        await self._in_a_thread(lambda: self._append(self._path(segment), data, sync))

    async def size(self, segment: str) -> int:
        return await self._in_a_thread(lambda: self._size(self._path(segment)))

    async def cut(self, segment: str, size: int) -> None:
        await self._in_a_thread(lambda: self._cut(self._path(segment), size))

    async def close(self) -> None:
        """Lets another process in. What still hangs is left to itself."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    # in the thread

    def _segments(self) -> Sequence[str]:
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._lock is not None and not self._is_here(self._lock):
            os.close(self._lock)
            self._lock = None
        if self._lock is None:
            self._lock = locked(self._folder / LOCK)
        return names(self._folder)

    def _path(self, segment: str) -> Path:
        if not SEGMENT.fullmatch(segment):
            raise OSError(errno.EINVAL, "not the name of a segment", segment)
        return self._folder / segment

    def _append(self, path: Path, data: bytes, sync: bool) -> None:
        self._held()
        new = not path.exists()
        with _opened(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT) as number:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(number, rest) :]
            if sync:
                os.fsync(number)
        if new:  # its name too is to survive a loss of power
            with _opened(self._folder, os.O_RDONLY | os.O_DIRECTORY) as number:
                os.fsync(number)

    def _cut(self, path: Path, size: int) -> None:
        self._held()
        with _opened(path, os.O_WRONLY) as number:
            os.ftruncate(number, size)
            os.fsync(number)

    def _size(self, path: Path) -> int:
        with contextlib.suppress(FileNotFoundError):
            return path.stat().st_size
        return 0

    def _held(self) -> None:
        """Nobody writes who does not hold the lock; a folder that was taken away and put back is another's."""
        if self._lock is None:
            raise OSError(errno.ENOLCK, "the journal is not open", str(self._folder))
        if not self._is_here(self._lock):
            raise OSError(errno.ESTALE, "the folder is not the one that was opened", str(self._folder))

    def _is_here(self, lock: int) -> bool:
        try:
            here, held = (self._folder / LOCK).stat(), os.fstat(lock)
        except FileNotFoundError:
            return False
        return (here.st_dev, here.st_ino) == (held.st_dev, held.st_ino)

    # to the thread and back

    async def _in_a_thread(self, act: Callable[[], _T]) -> _T:
        if self._busy:
            raise TimeoutError(errno.ETIMEDOUT, "an earlier request has not come back", str(self._folder))
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[_T] = loop.create_future()
        self._busy = True
        name = f"journal {self._folder}"
        threading.Thread(target=self._act, args=(loop, act, answer), name=name, daemon=True).start()
        return await answer

    def _act(self, loop: asyncio.AbstractEventLoop, act: Callable[[], _T], answer: asyncio.Future[_T]) -> None:
        try:
            outcome: _T | OSError = act()
        except OSError as error:
            outcome = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(self._settle, answer, outcome)

    def _settle(self, answer: asyncio.Future[_T], outcome: _T | OSError) -> None:
        self._busy = False
        if answer.cancelled():  # nobody waits any more
            return
        if isinstance(outcome, OSError):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)


class FolderJournals:
    """The journals of one process, one a folder."""

    def __init__(self) -> None:
        self._journals: dict[str, FolderJournal] = {}

    def __call__(self, path: str) -> FolderJournal:
        return self._journals.setdefault(path, FolderJournal(path))

    async def close(self) -> None:
        for journal in self._journals.values():
            await journal.close()


def names(folder: Path) -> list[str]:
    """The segments in a folder, oldest first: by their names, which are days. Raises ``OSError``."""
    return sorted(entry.name for entry in folder.iterdir() if SEGMENT.fullmatch(entry.name))


def read_at(path: Path, offset: int, limit: int) -> bytes:
    """Raises ``OSError``."""
    with _opened(path, os.O_RDONLY) as number:
        content = b""
        while len(content) < limit and (part := os.pread(number, limit - len(content), offset + len(content))):
            content += part
        return content


def locked(path: Path) -> int:
    """The descriptor that holds the lock until it is closed. Raises ``OSError``."""
    number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(number)
        if isinstance(error, BlockingIOError):
            raise BlockingIOError(errno.EWOULDBLOCK, "another process holds this journal", str(path)) from None
        raise
    return number


@contextlib.contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    number = os.open(path, flags | os.O_CLOEXEC, 0o600)
    try:
        yield number
    finally:
        os.close(number)
