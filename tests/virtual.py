"""Runs a test's coroutine whole in virtual time: on a loop that jumps instead of waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from watchdog.simulator.virtual_time import VirtualLoop

T = TypeVar("T")


def in_virtual_time(main: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
