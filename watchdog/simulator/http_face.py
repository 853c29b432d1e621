"""The HTTP face of a simulated service: aiohttp's low-level server, without router and middleware, on loopback."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import cast

from aiohttp import web

from watchdog.simulator.wire import Request, Response, Service


class HttpFace:
    """Serves ``service`` on 127.0.0.1. Stopping it is a server that is down; it can be started again on its port."""

    def __init__(self, service: Service, port: int = 0) -> None:
        """``port`` 0: any free one; it is known, and kept, after the first start."""
        self._service, self.port = service, port
        self._runner: web.ServerRunner | None = None
        self._site: web.TCPSite | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Raises OSError when the port is taken."""
        self._runner = web.ServerRunner(
            web.Server(self._serve, access_log=None, handler_cancellation=True), shutdown_timeout=0.1
        )
        await self._runner.setup()
        await self.accept()
        self.port = self._runner.addresses[0][1]

    async def accept(self) -> None:
        """Listens again after ``refuse``."""
        if self._runner and not self._site:
            self._site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
            await self._site.start()

    async def refuse(self) -> None:
        """New connections are refused, open ones live on: as a server after its SIGTERM does."""
        if self._site:
            await self._site.stop()
        self._site = None

    async def stop(self) -> None:
        """New connections are refused, open ones (watches too) are cut."""
        if self._runner:
            await self._runner.cleanup()
        self._runner = self._site = None

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        asked = Request(request.method, request.path, request.query, request.headers, await request.read())
        try:
            response = await self._service.answer(asked)
            if isinstance(response.body, bytes):
                return web.Response(status=response.status, body=response.body, headers=_headers(response))
            return await _stream(request, response, response.body)
        except ConnectionError:
            return _cut(request)


async def _stream(request: web.BaseRequest, response: Response, lines: AsyncIterator[bytes]) -> web.StreamResponse:
    stream = web.StreamResponse(status=response.status, headers=_headers(response))
    stream.enable_chunked_encoding()
    await stream.prepare(request)
    async with aclosing(cast(AsyncGenerator[bytes, None], lines)):
        async for line in lines:
            await stream.write(line)
    await stream.write_eof()
    return stream


def _headers(response: Response) -> dict[str, str]:
    return {"Content-Type": response.content_type, "Cache-Control": "no-cache, private", **response.headers}


def _cut(request: web.BaseRequest) -> web.StreamResponse:
    if request.transport:
        request.transport.abort()
    return web.Response()
