"""The naive ways to watch a large cluster, in a process of their own: each collection as one LIST, into what a parser
or a client library makes of it. Prints a line once it holds everything, and goes on until it is ended.

python -m tests.benchmarks.scale_naive dicts|typed API_URL ALERTMANAGER_URL

Everything else is done as well as it can be: the kill switches have a WATCH each, their pages are POSTed at once, and
an event is never decoded into more than dicts.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import aiohttp

from . import scale_world as world

JSON = dict[str, Any]
PODS, DEPLOYMENTS, CONFIG_MAPS = "/api/v1/pods", "/apis/apps/v1/deployments", "/api/v1/configmaps"
Listing = Callable[[str], Awaitable[tuple[list[Any], str]]]
"""The objects of a collection, and the revision that they are of."""


class Dicts:
    def __init__(self, session: aiohttp.ClientSession, api: str) -> None:
        self._session, self._api = session, api

    async def __call__(self, path: str) -> tuple[list[Any], str]:
        async with self._session.get(f"{self._api}{path}") as response:
            listed = json.loads(await response.read())
        return listed["items"], listed["metadata"]["resourceVersion"]


class Typed:
    """kubernetes-asyncio's models."""

    def __init__(self, api: str) -> None:
        from kubernetes_asyncio import client

        connection = client.ApiClient(client.Configuration(host=api))
        core, apps = client.CoreV1Api(connection), client.AppsV1Api(connection)
        self._lists: dict[str, Callable[[], Awaitable[Any]]] = {
            PODS: core.list_pod_for_all_namespaces,
            DEPLOYMENTS: apps.list_deployment_for_all_namespaces,
            CONFIG_MAPS: core.list_config_map_for_all_namespaces,
        }

    async def __call__(self, path: str) -> tuple[list[Any], str]:
        listed = await self._lists[path]()
        return listed.items, listed.metadata.resource_version


class Naive:
    def __init__(self, session: aiohttp.ClientSession, listing: Listing, api: str, alertmanager: str) -> None:
        self._session, self._listing, self._api, self._alertmanager = session, listing, api, alertmanager
        self.held: dict[str, dict[tuple[str, str], Any]] = {}
        self.complete = asyncio.Event()

    async def follow(self, path: str) -> None:
        """List, watch, and list anew when that revision is too old."""
        while True:
            items, revision = await self._listing(path)
            self.held[path] = {_key(item): item for item in items}
            del items
            if len(self.held) == 3:
                self.complete.set()
            async for type, object in self._watch(path, {"resourceVersion": revision}):
                if type == "ERROR":
                    break
                self.held[path][_key(object)] = object

    async def follow_switch(self, name: str) -> None:
        query, paged = {"fieldSelector": f"metadata.name={name}"}, set[str]()
        async for _, object in self._watch(f"/api/v1/namespaces/{world.FLOOR}/configmaps", query):
            for key, value in object["data"].items():
                if value != "1" and key not in paged:
                    paged.add(key)
                    await self._page(key)

    async def _watch(self, path: str, query: dict[str, str]) -> AsyncIterator[tuple[str, JSON]]:
        async with self._session.get(f"{self._api}{path}", params={"watch": "true", **query}) as stream:
            async for line in stream.content:
                event = json.loads(line)
                yield event["type"], event["object"]

    async def _page(self, switch: str) -> None:
        alert = {"labels": {"alertname": "Naive", "switch": switch}, "startsAt": datetime.now(UTC).isoformat()}
        async with self._session.post(f"{self._alertmanager}/api/v2/alerts", json=[alert]) as posted:
            await posted.read()


def _key(object: Any) -> tuple[str, str]:
    if isinstance(object, dict):
        return object["metadata"]["namespace"], object["metadata"]["name"]
    return object.metadata.namespace, object.metadata.name


async def main() -> None:
    way, api, alertmanager = sys.argv[1:]
    timeout = aiohttp.ClientTimeout(total=None)
    async with (
        aiohttp.ClientSession(read_bufsize=2**21, timeout=timeout) as session,
        asyncio.TaskGroup() as group,
    ):
        listing: Listing = Typed(api) if way == "typed" else Dicts(session, api)
        naive = Naive(session, listing, api, alertmanager)
        for path in (CONFIG_MAPS, DEPLOYMENTS, PODS):
            group.create_task(naive.follow(path))
        for number in range(world.SWITCHES):
            group.create_task(naive.follow_switch(f"switch-{number}"))
        await naive.complete.wait()
        print("complete", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
