"""An event loop whose selector jumps: a virtual day passes in seconds, and the same seed gives the same trace.

What waits on the loop waits in virtual time. It must not be mixed with sockets of another process or with threads: a
loop that has nothing left to wait for is a deadlock, and says so.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from watchdog.core.instant import Instant

START = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
"""A Monday, 10:00 in New York: the market is open."""


class Deadlock(RuntimeError):
    """Every task waits, and nothing is left that could wake one."""


class _JumpingSelector(selectors.BaseSelector):
    """Never waits: where a real selector would sleep, time jumps."""

    def __init__(self) -> None:
        self.now = 0.0
        self._keys: dict[Any, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        number = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        self._keys[fileobj] = key = selectors.SelectorKey(fileobj, number, events, data)
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Deadlock("every task waits for something that nothing will do")
        self.now += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """``loop.time()`` is virtual seconds since the loop was made."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


class VirtualClock:
    """A ``ports.Clock`` on a virtual loop. ``shift`` moves the wall clock alone, as NTP or an operator would."""

    def __init__(self, loop: asyncio.AbstractEventLoop, start: datetime = START) -> None:
        self._loop, self._start = loop, start
        self.shift = timedelta()

    def now(self) -> Instant:
        mono = self._loop.time()
        return Instant(self._start + timedelta(seconds=mono) + self.shift, mono)
