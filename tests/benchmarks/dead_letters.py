"""A message that its consumer refuses five times, to the page: the real Pub/Sub emulator, ``watchdog run``, a real
Alertmanager, the webhook. Counted from the answer to the fifth nack: from then on the message is dead.

Beside it stands what is usual, an alert on Cloud Monitoring's count of what the dead-letter topic holds. That is
Google's, and not measured here; but its samples are 60 s apart (domain.md §7), which alone is 30 s in the median.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from .. import emulator
from ..emulator import Lane, World
from .processes import Webhook, configured, daemon, module, webhook
from .table import say, spread

TOPICS, CONSUMERS = 4, 60
"""As many dead-letter topics, and so taps, as in the shipped configuration; a consumer's first letter is a page."""


async def main(folder: Path) -> None:
    program = emulator.found()
    if program is None:
        say("the fifth nack answered to webhook called", "no emulator here")
        return
    with emulator.emulating(program) as pubsub:
        async with emulator.world(pubsub.address) as world:
            taken = await measured(folder, world)
    say(f"the fifth nack answered to webhook called, {len(taken)} consumers", spread(taken), "p50 <= 100")
    say("   an alert on Cloud Monitoring, by its 60 s samples alone (not measured)", "p50 >= 30000")


async def measured(folder: Path, world: World) -> list[float]:
    """Milliseconds, one poisoned consumer after the other."""
    lanes = [lane for number in range(TOPICS) for lane in await consumers(world, number)]
    async with webhook(folder) as pages, module("floor", "0", "0", "0") as api:
        config = configured(folder, api, pages.url, [], more=(tapping(world, lanes),))
        async with daemon(config, "kubernetes", "pubsub_dead_letters"):
            await until_paged(world, lanes[0], pages)  # what is done once is done
            return [await until_paged(world, lane, pages) for lane in lanes[1:]]


async def consumers(world: World, number: int) -> list[Lane]:
    """Consumers whose dead letters go to one topic."""
    first = await world.lane(f"topic-{number}")
    policy = {"deadLetterTopic": first.dead_letter_topic, "maxDeliveryAttempts": 5}
    lanes = [first]
    for other in range(1, CONSUMERS // TOPICS):
        topic = await world.topic(f"topic-{number}-{other}")
        named = await world.subscription(f"topic-{number}-{other}-sub", topic, deadLetterPolicy=policy)
        lanes.append(Lane(world.project, topic, named, first.dead_letter_topic, first.drain, first.tap))
    return lanes


def tapping(world: World, lanes: list[Lane]) -> dict[str, Any]:
    taps = {lane.tap: lane.dead_letter_topic for lane in lanes}
    named = [{"topic": topic.rpartition("/")[2], "tap": tap.rpartition("/")[2]} for tap, topic in taps.items()]
    return {"kind": "pubsub_dead_letters", "project": world.project, "endpoint": world.address, "taps": named}


async def until_paged(world: World, lane: Lane, pages: Webhook) -> float:
    dead = await world.poison(lane)
    paged = await pages.wait_for(lane.subscription.rpartition("/")[2], 30.0)
    await asyncio.sleep(0.05)
    return (paged - dead) * 1e3
