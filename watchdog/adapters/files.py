"""Small local files, read so that a file system that hangs cannot hang the daemon."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import stat
import threading


class LocalFiles:
    """Each read runs in a thread of its own, at most one for a path: one that never returns costs one thread, for ever.

    (A pool would do worse: a few hanging reads would fill it, and its threads would hold up the process's exit.)
    """

    def __init__(self) -> None:
        self._reading: dict[str, asyncio.Future[bytes]] = {}

    @property
    def reading(self) -> int:
        """How many reads have not come back."""
        return len(self._reading)

    async def read(self, path: str, limit: int) -> bytes:
        """The first ``limit`` bytes of a regular file. Raises ``OSError``."""
        if path in self._reading:
            raise TimeoutError(errno.ETIMEDOUT, "an earlier read has not come back", path)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bytes] = loop.create_future()
        self._reading[path] = answer
        threading.Thread(target=self._read, args=(loop, path, limit, answer), name=f"read {path}", daemon=True).start()
        return await answer

    def _read(self, loop: asyncio.AbstractEventLoop, path: str, limit: int, answer: asyncio.Future[bytes]) -> None:
        try:
            outcome: bytes | OSError = read_now(path, limit)
        except OSError as error:
            outcome = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(self._settle, path, answer, outcome)

    def _settle(self, path: str, answer: asyncio.Future[bytes], outcome: bytes | OSError) -> None:
        self._reading.pop(path, None)
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
