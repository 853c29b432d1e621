"""Stories of a cluster with controllers, told in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

from tests.simulator.client import NOW
from tests.virtual import in_virtual_time
from watchdog.simulator import kubectl
from watchdog.simulator.cluster import Cluster
from watchdog.simulator.controller import Controller, settle
from watchdog.simulator.history import Record
from watchdog.simulator.resources import EVENTS, PODS

AGENT, GAMMA = ("agenttrader", "execution-agent"), ("trading-floor", "gamma-strategy")
Story = Callable[[Cluster], Coroutine[Any, Any, None]]


def played(story: Story, *manifests: dict[str, Any]) -> None:
    """Plays ``story`` in virtual time, with controllers at their usual pace, on a cluster that has settled."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        cluster = Cluster(lambda: NOW + timedelta(seconds=loop.time()))
        kubectl.create(cluster, *manifests)
        settle(cluster)
        controllers = asyncio.create_task(Controller(cluster).run(), name="controllers")
        await asyncio.sleep(0.1)
        await story(cluster)
        controllers.cancel()

    in_virtual_time(main())


def status(cluster: Cluster, resource: Any, of: tuple[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = cluster.get(resource, *of).object["status"]
    return {name: value for name, value in found.items() if name != "conditions"}


def pods(cluster: Cluster, namespace: str) -> list[Record]:
    return cluster.records(PODS, namespace)


def phases(cluster: Cluster, namespace: str) -> list[str]:
    return [
        "Terminating" if "deletionTimestamp" in pod.object["metadata"] else pod.object["status"]["phase"]
        for pod in pods(cluster, namespace)
    ]


def events(cluster: Cluster, name: str) -> list[tuple[str, str, int]]:
    """(reason, message, count) of the Events about one object, in the order of their making."""
    found = [one.object for one in cluster.records(EVENTS) if one.object["involvedObject"]["name"] == name]
    return [(one["reason"], one["message"], one["count"]) for one in sorted(found, key=_made)]


def _made(event: dict[str, Any]) -> str:
    return str(event["metadata"]["name"].rpartition(".")[2])
