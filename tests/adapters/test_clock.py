"""The system's clocks."""

from __future__ import annotations

import asyncio
from datetime import UTC

from watchdog.adapters.clock import SystemClock


async def test_the_wall_clock_is_utc_and_the_monotonic_one_is_the_loops() -> None:
    before = asyncio.get_running_loop().time()
    instant = SystemClock().now()
    assert instant.wall.tzinfo is UTC
    assert before <= instant.mono <= asyncio.get_running_loop().time()
