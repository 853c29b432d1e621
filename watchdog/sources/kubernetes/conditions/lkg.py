"""The last known good manifests, read again whenever their file changes. domain.md §9, §10."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from hashlib import blake2b

from watchdog.core.facts import Blindspot
from watchdog.core.observation import Coverage, Facts
from watchdog.ports import Ports
from watchdog.sources import Stream
from watchdog.sources.kubernetes.conditions.manifests import NoManifests, Pinned, Reading

LIMIT = 8 * 1024 * 1024
"""Bytes; what is longer is not judged by."""
PERIOD = 30.0
TIMEOUT = 10.0
STALE_AFTER = 150.0


def last_known_good(path: str, taken: Callable[[Pinned], None]) -> tuple[str, Stream]:
    """``taken`` is told what it pins, whenever that changes. While it cannot be read that is a blind spot, and what was
    read last still counts."""
    spot = Blindspot("last_known_good", path, "", "")

    async def looks(ports: Ports) -> AsyncGenerator[Facts, None]:
        last = b""
        while True:
            try:
                content = await _content(ports, path)
                if (digest := blake2b(content, digest_size=16).digest()) != last:
                    taken(await _pinned(content))
                    last = digest
                yield Facts(gone=(spot.subject,))
            except (OSError, NoManifests) as error:
                yield Facts((_unread(path, error),))
            await asyncio.sleep(PERIOD)

    return f"read {path}", Stream(Coverage(frozenset({Blindspot.KIND}), STALE_AFTER), looks, STALE_AFTER)


async def _content(ports: Ports, path: str) -> bytes:
    """Raises ``OSError``; a file system that hangs too (``TimeoutError``)."""
    async with asyncio.timeout(TIMEOUT):
        content = await ports.files.read(path, LIMIT + 1)
    if len(content) > LIMIT:
        raise NoManifests(f"it is longer than {LIMIT} bytes")
    return content


async def _pinned(content: bytes) -> Pinned:
    reading = Reading(content)
    for _ in reading.slices():
        await asyncio.sleep(0)
    return reading.pinned


def _unread(path: str, error: OSError | NoManifests) -> Blindspot:
    why = (error.strerror or str(error) or type(error).__name__) if isinstance(error, OSError) else str(error)
    reason = type(error).__name__ if isinstance(error, OSError) else "NoManifests"
    text = f"images are not compared with the last known good: {why}"
    return Blindspot("last_known_good", path, reason, text)
