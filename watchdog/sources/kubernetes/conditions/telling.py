"""The stream that tells conditions. It asks nobody: all that it judges by is in the inventory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

from watchdog.core.facts import Condition, Pause
from watchdog.core.observation import Coverage, Facts
from watchdog.ports import Ports
from watchdog.sources import Stream
from watchdog.sources.kubernetes.conditions.concerns import Concerns

PAUSE = 0.2
"""Seconds from the first change to the judgement: what comes in a burst is judged once."""
PERIOD = 5.0
"""Seconds by which at most what begins or ends by time alone is told late."""
STALE_AFTER = 6 * PERIOD


def conditions(concerns: Concerns) -> tuple[str, Stream]:
    async def looks(ports: Ports) -> AsyncGenerator[Facts, None]:
        yield Facts()
        while True:
            now = ports.clock.now().wall.timestamp()
            for some in concerns.taken(now):
                facts = concerns.tell(some, now)
                if facts.seen or facts.gone:
                    yield facts
                await asyncio.sleep(0)
            yield Facts()
            await _rest(concerns)

    coverage = Coverage(frozenset({Condition.KIND, Pause.KIND}), STALE_AFTER)
    return "conditions of workloads", Stream(coverage, looks, STALE_AFTER)


async def _rest(concerns: Concerns) -> None:
    """Until something changes, or it is time to see what is due."""
    if not concerns.waiting:
        concerns.woken.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(PERIOD - PAUSE):
                await concerns.woken.wait()
    await asyncio.sleep(PAUSE)
