"""The switch that pauses ingestion on purpose, as a mounted file (``INGEST_ENABLED_FILE``). domain.md §6.

It explains stale data and excuses none. That the file cannot be read is a fact too: then it is unknown whether
ingestion is paused.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from watchdog.core.facts import Pause, Unknown
from watchdog.core.observation import Coverage, Facts, Sees
from watchdog.core.switch import first_line, paused
from watchdog.ports import Files, Ports
from watchdog.sources import Source, Stream

LIMIT = 4096
"""Bytes that are read."""


@dataclass(frozen=True)
class PauseFile(Source):
    """``required: false``: a file that is missing pauses nothing, as a variable that is not set; ``true``: whether
    ingestion is paused is then unknown."""

    name: str
    path: str
    switch: str = "INGEST_ENABLED"
    required: bool = False
    poll_interval: float = 5.0
    stale_after: float = 20.0

    def __post_init__(self) -> None:
        if not self.path.startswith("/"):
            raise ValueError(f"path: expected an absolute path, found {self.path!r}")
        if not self.switch:
            raise ValueError("switch: expected the name of a switch, such as INGEST_ENABLED")
        if not 0 < self.poll_interval < self.stale_after:
            raise ValueError("poll_interval: expected more than 0 and less than stale_after")

    def streams(self) -> Mapping[str, Stream]:
        subject = Pause(self.switch, "file", self.path, False, "").subject
        sees = Sees("pause", f"{self.switch}: {self.path}", subject=subject, field="paused")
        coverage = Coverage(frozenset({Pause.KIND}), self.stale_after, sees=(sees,))
        return {"": Stream(coverage, self._looks, deadline=self.stale_after)}

    async def _looks(self, ports: Ports) -> AsyncIterator[Facts]:
        while True:
            began = ports.clock.now()
            says, explanation = await self._look(ports.files)
            yield Facts((Pause(self.switch, "file", self.path, says, explanation),), at=began)
            await asyncio.sleep(self.poll_interval)

    async def _look(self, files: Files) -> tuple[bool | Unknown, str]:
        try:
            content = await _content(files, self.path)
        except OSError as error:
            why = Unknown(type(error).__name__, error.strerror or str(error))
            return why, str(why)
        if content is None:
            missing = "the file does not exist"
            return (Unknown("Missing", missing) if self.required else False), missing
        text = content.decode("utf-8", "replace")
        return paused(text), f"{self.switch} is {first_line(text) or 'empty'}"


async def _content(files: Files, path: str) -> bytes | None:
    """``None``: there is none, twice in a row. The kubelet swaps the folder of a mounted ConfigMap, and a look that had
    followed the old link finds nothing for a moment."""
    for _ in range(2):
        try:
            return await files.read(path, LIMIT)
        except FileNotFoundError:
            continue
    return None
