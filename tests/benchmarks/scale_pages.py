"""What stands in for Alertmanager: it takes every page at once, and notes when the first of each subject came."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import msgspec
from aiohttp import web

LATEST = 120.0
"""Seconds that a page is waited for."""


@dataclass
class Pages:
    url: str = ""
    came: dict[str, asyncio.Future[float]] = field(default_factory=dict)

    async def take(self, request: web.BaseRequest) -> web.StreamResponse:
        now = time.monotonic()
        for alert in msgspec.json.decode(await request.read() or b"[]"):
            labels = alert["labels"]
            came = self._of(labels.get("switch") or labels.get("workload") or "")
            if not came.done():
                came.set_result(now)
        return web.json_response({})

    async def wait_for(self, subject: str) -> float:
        """When its first page came (monotonic seconds). Raises TimeoutError."""
        return await asyncio.wait_for(asyncio.shield(self._of(subject)), LATEST)

    def _of(self, subject: str) -> asyncio.Future[float]:
        return self.came.setdefault(subject, asyncio.get_running_loop().create_future())


@contextlib.asynccontextmanager
async def taking_pages() -> AsyncIterator[Pages]:
    pages = Pages()
    runner = web.ServerRunner(web.Server(pages.take, access_log=None))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        pages.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield pages
    finally:
        await runner.cleanup()
