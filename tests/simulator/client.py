"""A small client of the transport-free API server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from watchdog.simulator.wire import Request, Response, Service

JSON = dict[str, Any]
NOW = datetime(2026, 11, 23, 15, 47, 36, tzinfo=UTC)
SWITCHES = "/api/v1/namespaces/trading-floor/configmaps"
SWITCH = f"{SWITCHES}/agenttrader-kill-switch"
DEPLOYMENTS = "/apis/apps/v1/namespaces/agenttrader/deployments"
AGENT = f"{DEPLOYMENTS}/execution-agent"
MERGE, STRATEGIC, JSON_PATCH = (
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/json-patch+json",
)


def deployment(name: str = "execution-agent", replicas: int = 0, **more: Any) -> JSON:
    container = {"name": name, "image": f"{name}:1", "env": [{"name": "AGENT_MODE", "value": "OFF"}]}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template, **more}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "agenttrader"},
        "spec": spec,
    }


def stateful_set(name: str = "gamma-strategy", replicas: int = 1, **more: Any) -> JSON:
    made = deployment(name, replicas, serviceName=name, **more)
    return {**made, "kind": "StatefulSet", "metadata": {"name": name, "namespace": "trading-floor"}}


def config_map(name: str, namespace: str = "trading-floor", **data: str) -> JSON:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": data,
    }


@dataclass(frozen=True, slots=True)
class Api:
    """Each call answers (status, decoded body)."""

    server: Service
    agent: str = "pytest/1.0"

    async def send(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: Any = None, **headers: str
    ) -> Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()} | {"user-agent": self.agent}
        encoded = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.server.answer(Request(method, path, query or {}, named, encoded))

    async def call(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: Any = None, **headers: str
    ) -> tuple[int, JSON]:
        response = await self.send(method, path, query, body, **headers)
        assert isinstance(response.body, bytes)
        return response.status, json.loads(response.body)

    async def get(self, path: str, **query: str) -> tuple[int, JSON]:
        return await self.call("GET", path, query)

    async def patch(self, path: str, body: Any, kind: str = MERGE, **query: str) -> tuple[int, JSON]:
        return await self.call("PATCH", path, query, body, content_type=kind)

    async def stream(self, path: str, **query: str) -> AsyncGenerator[bytes, None]:
        response = await self.send("GET", path, {"watch": "true", **query})
        assert response.status == 200 and not isinstance(response.body, bytes), response
        return cast(AsyncGenerator[bytes, None], response.body)

    async def events(self, path: str, **query: str) -> list[JSON]:
        """All events until the stream ends: give it a ``timeoutSeconds``."""
        return [event async for event in _events(await self.stream(path, **query))]

    async def collect(self, into: list[JSON], path: str, **query: str) -> asyncio.Task[None]:
        """Watches in the background."""
        stream, take = await self.stream(path, **query), into.append

        async def run() -> None:
            async for event in _events(stream):
                take(event)

        task = asyncio.create_task(run(), name=f"watch {path}")
        await asyncio.sleep(0)
        return task


async def _events(chunks: AsyncGenerator[bytes, None]) -> AsyncIterator[JSON]:
    async with aclosing(chunks):
        async for chunk in chunks:
            assert chunk.endswith(b"\n")
            for line in chunk.splitlines():
                yield json.loads(line)


def types(events: list[JSON]) -> list[str]:
    return [event["type"] for event in events]


def names(body: JSON) -> list[str]:
    return [item["metadata"]["name"] for item in body["items"]]
