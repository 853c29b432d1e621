"""``ports.Journal`` in memory: the disk of a daemon in virtual time."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class MemoryJournal:
    """It outlives whoever writes to it, as a disk does. ``room``: bytes until it is full; a write that does not fit
    leaves behind what did."""

    content: dict[str, bytearray] = field(default_factory=dict)
    room: int | None = None

    async def segments(self) -> Sequence[str]:
        return sorted(self.content)

    async def read(self, segment: str, offset: int, limit: int) -> bytes:
        if segment not in self.content:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", segment)
        return bytes(self.content[segment][offset : offset + limit])

    async def append(self, segment: str, data: bytes, *, sync: bool) -> None:
        fits = data if self.room is None else data[: self.room]
        self.content.setdefault(segment, bytearray()).extend(fits)
        if self.room is not None:
            self.room -= len(fits)
        if len(fits) < len(data):
            raise OSError(errno.ENOSPC, "No space left on device", segment)

    async def size(self, segment: str) -> int:
        return len(self.content.get(segment, b""))

    async def cut(self, segment: str, size: int) -> None:
        del self.content[segment][size:]

    async def close(self) -> None: ...
