"""The kill switch as the platform's own reader sees it: a file, as a rule a mounted ConfigMap. domain.md §3."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from watchdog.core.facts import KillSwitch
from watchdog.core.instant import Instant
from watchdog.core.observation import Coverage, Facts, Sees
from watchdog.core.switch import first_line, halted
from watchdog.ports import Files, Ports
from watchdog.sources import Look, Source, Stream

LIMIT = 4096
"""Bytes that are read; a first line that is longer is not truthy."""


@dataclass(frozen=True)
class FlagFile(Source):
    """``switch``: the name of the kill switch that the file carries. ``required: false``: the file may be absent, and
    then says nothing."""

    name: str
    path: str
    switch: str
    required: bool = True
    poll_interval: float = 1.0
    stale_after: float = 5.0

    def __post_init__(self) -> None:
        if not self.path.startswith("/"):
            raise ValueError(f"path: expected an absolute path, found {self.path!r}")
        if not self.switch:
            raise ValueError("switch: expected the name of a kill switch, such as EXECUTION_HALTED")
        if not 0 < self.poll_interval < self.stale_after:
            raise ValueError("poll_interval: expected more than 0 and less than stale_after")

    def worst_look(self) -> Look:
        return Look(self.poll_interval)

    def streams(self) -> Mapping[str, Stream]:
        sees = Sees("file", self.path, subject=self._fact("", False, "").subject)
        coverage = Coverage(frozenset({KillSwitch.KIND}), self.stale_after, sees=(sees,))
        return {"": Stream(coverage, self._looks, deadline=self.stale_after)}

    async def _looks(self, ports: Ports) -> AsyncIterator[Facts]:
        """Raises ``OSError`` where the file could not be read, which is not the same as that there is none."""
        while True:
            began = ports.clock.now()
            yield self._seen(await _content(ports.files, self.path), began)
            await asyncio.sleep(self.poll_interval)

    def _seen(self, content: bytes | None, at: Instant) -> Facts:
        if content is not None:
            unread = len(content) == LIMIT and b"\n" not in content
            text = content.decode("utf-8", "replace") + ("…" if unread else "")
            return Facts((self._fact(first_line(text), *halted(text)),), at=at)
        absent = self._fact("", False, "the file does not exist")
        return Facts((absent,), at=at) if self.required else Facts(gone=(absent.subject,), at=at)

    def _fact(self, value: str, halted: bool, explanation: str) -> KillSwitch:
        return KillSwitch(self.switch, "file", self.path, halted, value, explanation)


async def _content(files: Files, path: str) -> bytes | None:
    """What the file holds; ``None``: there is none.

    The kubelet replaces a mounted ConfigMap by moving the symlink ``..data`` and then deleting the old folder: a look
    that had followed the old link finds nothing for a moment. Only what is absent twice in a row is absent.
    """
    for _ in range(2):
        try:
            return await files.read(path, LIMIT)
        except FileNotFoundError:
            continue
    return None
