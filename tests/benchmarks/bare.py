"""The floor below which nobody gets: a bare WATCH whose event is POSTed to Alertmanager at once. A process of its own.

python -m tests.benchmarks.bare API_URL ALERTMANAGER_URL
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta

import aiohttp

PATHS = ("/api/v1/configmaps", "/apis/apps/v1/deployments")


async def follow(session: aiohttp.ClientSession, api: str, path: str, alertmanager: str) -> None:
    async with session.get(f"{api}{path}") as listed:
        revision = (await listed.json())["metadata"]["resourceVersion"]
    query = {"watch": "true", "resourceVersion": revision}
    async with session.get(f"{api}{path}", params=query) as stream:
        async for line in stream.content:
            metadata = json.loads(line)["object"]["metadata"]
            now = datetime.now(UTC)
            labels = {
                "alertname": "Bare",
                "workload": metadata.get("name", ""),
                "revision": metadata["resourceVersion"],
            }
            alert = {"labels": labels, "startsAt": now.isoformat(), "endsAt": (now + timedelta(minutes=5)).isoformat()}
            async with session.post(f"{alertmanager}/api/v2/alerts", json=[alert]) as posted:
                await posted.read()


async def main() -> None:
    api, alertmanager = sys.argv[1:]
    session = aiohttp.ClientSession(read_bufsize=2**21, timeout=aiohttp.ClientTimeout(total=None))
    async with session, asyncio.TaskGroup() as group:
        for path in PATHS:
            group.create_task(follow(session, api, path, alertmanager))
        print("following", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
