"""What the data plane costs: ``watchdog run`` with the shipped configuration whole, and without what needs Google's
clients. Everything that it names is there: the simulated floor, the emulator, a metadata server.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from watchdog.core.instant import Instant
from watchdog.simulator.data_plane import TOPICS
from watchdog.simulator.pager import Pager
from watchdog.simulator.platform import trading_floor
from watchdog.simulator.scene import Addresses, adapted, served

from .. import emulator, metadata_server
from ..loopback import serving
from .processes import cpu_seconds, daemon, resident_megabytes
from .table import say

IDLE = 10.0
"""Seconds over which idle CPU is counted."""
PUBSUB = ("pubsub_subscriptions", "pubsub_dead_letters")


async def main(folder: Path) -> None:
    program = emulator.found()
    if program is None:
        say("the shipped configuration, whole", "no emulator here")
        return
    with emulator.emulating(program) as pubsub:
        async with platform(pubsub.address) as addresses:
            for named, sources in kinds(addresses, pubsub.address).items():
                await measured(folder, named, {**adapted(addresses), "sources": sources})


def kinds(addresses: Addresses, pubsub: str) -> Mapping[str, list[dict[str, Any]]]:
    """The sources with and without Google's clients, by what they are called in the table."""
    sources = [{**one, "endpoint": pubsub} if one["kind"] in PUBSUB else one for one in adapted(addresses)["sources"]]
    authorized = [{**one, "credentials": "google"} if "credentials" in one else one for one in sources]
    return {
        "without Google's clients": [one for one in sources if one["kind"] not in PUBSUB],
        "with Pub/Sub": sources,
        "with Pub/Sub and Google's credentials": authorized,
    }


async def measured(folder: Path, named: str, content: Mapping[str, Any]) -> None:
    config = folder / "cost.yaml"
    config.write_text(yaml.safe_dump(dict(content)))
    async with daemon(config, *(stanza["kind"] for stanza in content["sources"])) as (started, _, boot):
        say(f"the shipped configuration {named}: start to all seen", f"{boot * 1e3:.0f}", "<= 1000")
        before, since = cpu_seconds(started.pid), time.monotonic()
        await asyncio.sleep(IDLE)
        idle = (cpu_seconds(started.pid) - before) / (time.monotonic() - since)
        say("   memory; idle CPU, of one core", f"{resident_megabytes(started.pid):.0f} MB; {idle:.1%}")


@asynccontextmanager
async def platform(pubsub: str) -> AsyncIterator[Addresses]:
    floor = trading_floor(lambda: datetime.now(UTC))
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        addresses = await enter(served(floor, Pager(lambda: Instant(datetime.now(UTC), time.monotonic()))))
        world = await enter(emulator.world(pubsub))
        world.project = "agenttrader"
        for topic in TOPICS:
            backoff = {"minimumBackoff": "10s", "maximumBackoff": "600s"}
            await world.lane(topic, retryPolicy=backoff, ackDeadlineSeconds=60)
        server = (await enter(serving(metadata_server.answers))).removeprefix("http://")
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name in ("GCE_METADATA_HOST", "GCE_METADATA_IP"):
            patch.setenv(name, server)
        running = asyncio.create_task(floor.run())
        stack.callback(running.cancel)
        yield addresses
