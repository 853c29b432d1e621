"""The status server: GET, and GET only, on pages that others hang up."""

from __future__ import annotations

import asyncio
import os
from types import TracebackType

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from watchdog.ports import Document, Page

MOST_CONNECTIONS = 64
LIFETIME = 10.0
"""Seconds in which a connection must have sent its request and taken its answer."""

HEADERS = {
    "Cache-Control": "no-store",
    "Connection": "close",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Server": "agenttrader-watchdog",
    "X-Content-Type-Options": "nosniff",
}


class _Bounded(web.Server):
    """One request a connection, a bound on both the connections and the life of each: who is slow harms only himself.

    When there are too many, the oldest goes: a liveness probe, which takes a millisecond, always gets in.
    """

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        self._loop.call_later(LIFETIME, transport.abort)
        for oldest in self.connections[: -MOST_CONNECTIONS or None]:
            if oldest.transport is not None:
                oldest.transport.abort()


class AioStatusServer:
    """``async with AioStatusServer(host, port) as server``: listens, answers, and stops within a second."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._wanted_port, self.port = host, port, 0
        self._pages: dict[str, Page] = {}

    def show(self, path: str, page: Page) -> None:
        self._pages[path] = page

    @property
    def connections(self) -> int:
        return len(self._server.connections)

    async def __aenter__(self) -> AioStatusServer:
        """Raises ``OSError`` with one clear sentence when it cannot listen."""
        self._server = _Bounded(self._respond, access_log=None)
        self._runner = web.ServerRunner(self._server, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._wanted_port)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise OSError(f"cannot listen on {self._host}:{self._wanted_port}: {_why(error)}") from None
        self.port = int(self._runner.addresses[0][1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _respond(self, request: web.BaseRequest) -> web.StreamResponse:
        response = self._response(request)
        response.headers.update(HEADERS)
        response.force_close()
        return response

    def _response(self, request: web.BaseRequest) -> web.Response:
        if request.method != "GET":
            refusal = web.Response(status=405, text="This server only reads: GET is the only method.\n")
            refusal.headers["Allow"] = "GET"
            return refusal
        page = self._pages.get(request.path)
        if page is None:
            return web.Response(status=404, text=f"No such page; there are: {', '.join(sorted(self._pages))}\n")
        return _rendered(page({name.lower(): value for name, value in request.headers.items()}))


def _rendered(document: Document) -> web.Response:
    headers = {"Content-Type": document.content_type}
    return web.Response(status=document.status, body=document.body, headers=headers)


def _why(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
