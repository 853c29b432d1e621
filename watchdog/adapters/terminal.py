"""The terminal on which a person reads pages."""

from __future__ import annotations

import errno
import os
import select

CHUNK = 512
"""Bytes that a terminal which says that it is writable takes without blocking (a pipe takes 4,096)."""


class Terminal:
    """Writes to a file descriptor, by default standard output, and never waits for it.

    A terminal that is stopped (Ctrl-S) or a pipe that nobody reads would block a plain ``print`` for ever, and with it
    the event loop: the pager must not wait for the terminal. Raises ``BlockingIOError`` instead, ``BrokenPipeError``
    when nobody reads any more, and other ``OSError``.
    """

    def __init__(self, descriptor: int = 1) -> None:
        self._descriptor = descriptor
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)

    def write(self, text: str) -> None:
        rest = text.encode("utf-8", "replace")
        while rest:
            if not self._poll.poll(0):
                raise BlockingIOError(errno.EAGAIN, "the terminal takes no more text just now")
            rest = rest[os.write(self._descriptor, rest[:CHUNK]) :]
