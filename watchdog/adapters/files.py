"""Small local files, read and written so that a file system that hangs cannot hang the daemon."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import stat
import threading
from collections.abc import Callable
from typing import Any, TypeVar

_T = TypeVar("_T")


class LocalFiles:
    """Each request runs in a thread of its own, at most one for a path: one that never returns costs one thread, for
    ever.

    (A pool would do worse: a few hanging reads would fill it, and its threads would hold up the process's exit.)
    """

    def __init__(self) -> None:
        self._busy: dict[str, asyncio.Future[Any]] = {}

    @property
    def reading(self) -> int:
        """How many requests have not come back."""
        return len(self._busy)

    async def read(self, path: str, limit: int) -> bytes:
        """The first ``limit`` bytes of a regular file. Raises ``OSError``."""
        return await self.in_a_thread(path, lambda: read_now(path, limit))

    async def replace(self, path: str, content: bytes) -> None:
        """Whole or not at all, and on the disk when it returns. Raises ``OSError``."""
        await self.in_a_thread(path, lambda: replace_now(path, content))

    async def in_a_thread(self, path: str, act: Callable[[], _T]) -> _T:
        """What ``act`` answers or raises (``OSError``); it may never come back."""
        if path in self._busy:
            raise TimeoutError(errno.ETIMEDOUT, "an earlier request has not come back", path)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[_T] = loop.create_future()
        self._busy[path] = answer
        threading.Thread(target=self._act, args=(loop, path, act, answer), name=f"file {path}", daemon=True).start()
        return await answer

    def _act(
        self, loop: asyncio.AbstractEventLoop, path: str, act: Callable[[], _T], answer: asyncio.Future[_T]
    ) -> None:
        try:
            outcome: _T | OSError = act()
        except OSError as error:
            outcome = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(self._settle, path, answer, outcome)

    def _settle(self, path: str, answer: asyncio.Future[_T], outcome: _T | OSError) -> None:
        self._busy.pop(path, None)
        if answer.cancelled():  # nobody waits any more
            return
        if isinstance(outcome, OSError):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)


def read_now(path: str, limit: int) -> bytes:
    """One ``open``: all that is read belongs to one version of the file, whatever a symlink is pointed at meanwhile."""
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # non-blocking: a FIFO would wait for a writer
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        return _up_to(number, limit)
    finally:
        os.close(number)


def _up_to(number: int, limit: int) -> bytes:
    content = b""
    while len(content) < limit and (part := os.read(number, limit - len(content))):
        content += part
    return content


def update_now(path: str, change: Callable[[bytes], bytes], limit: int) -> None:
    """Replaces a file (which may not be there yet: then it is empty) by what ``change`` makes of it, one process at a
    time; who may read it stays as it was. Raises ``OSError``, also for more than ``limit`` bytes before or after, and
    whatever ``change`` does: then it is as it was."""
    lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before, mode = b"", 0o644
        with contextlib.suppress(FileNotFoundError):
            mode = stat.S_IMODE(os.stat(path).st_mode)  # noqa: PTH116
            before = read_now(path, limit + 1)
        after = change(_at_most(before, limit, path))
        replace_now(path, _at_most(after, limit, path), mode)
    finally:
        os.close(lock)


def _at_most(content: bytes, limit: int, path: str) -> bytes:
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"more than {limit} bytes", path)
    return content


def replace_now(path: str, content: bytes, mode: int = 0o600) -> None:
    """Into a file beside it, to the disk, and then under its name."""
    beside = f"{path}.new"
    number = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(number, mode)
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(number, rest) :]
        os.fsync(number)
    finally:
        os.close(number)
    os.replace(beside, path)  # noqa: PTH105
