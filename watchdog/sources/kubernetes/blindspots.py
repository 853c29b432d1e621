"""What the configuration leaves out of sight, told as such: silence about it is not safety."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence

from watchdog.core.facts import Blindspot, Subject
from watchdog.core.observation import Coverage, Facts
from watchdog.ports import Ports
from watchdog.sources import Stream
from watchdog.sources.kubernetes.inventory import Inventory

PERIOD = 5.0


def blind_spots(inventory: Inventory, namespaces: Sequence[str], watch: bool, nodes: bool) -> tuple[str, Stream]:
    """Asks nobody: what is referred to and not looked at is in the inventory."""
    told: dict[Subject, None] = {}

    async def looks(ports: Ports) -> AsyncGenerator[Facts, None]:
        while True:
            seen = {spot.subject: spot for spot in _found(inventory, namespaces, watch, nodes)}
            gone = tuple(subject for subject in told if subject not in seen)
            told.clear()
            told.update(dict.fromkeys(seen))
            yield Facts(tuple(seen.values()), gone)
            await asyncio.sleep(PERIOD)

    return "what is not looked at", Stream(Coverage(frozenset({Blindspot.KIND}), 6 * PERIOD), looks, 6 * PERIOD)


def _found(inventory: Inventory, namespaces: Sequence[str], watch: bool, nodes: bool) -> Iterator[Blindspot]:
    if namespaces:
        text = f"only {', '.join(namespaces)} are configured"
        yield Blindspot("namespace", "every other namespace", "NotSelected", text)
    if not nodes:
        yield Blindspot("kind", "nodes", "NotSelected", "whether nodes are ready or under pressure is not looked at")
    if not watch:
        text = "it counts no writes: two of them between two polls look like one, or like none"
        yield Blindspot("config_map", "every write between two polls", "PolledOnly", text)
    for key, who in inventory.unnamed_references():
        text = f"{who.kind} {who.namespace}/{who.name} takes its environment from it"
        yield Blindspot("config_map", f"{key.namespace}/{key.name}", "NotNamed", text)
