"""HTTP by aiohttp, with a deadline and a bound on everything."""

from __future__ import annotations

import asyncio
import math
import os
import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import aiohttp

from watchdog.adapters.aio import FAULTS, sentence, unreachable, whole
from watchdog.adapters.files import LocalFiles
from watchdog.ports import Answer, Connection, Http, Unreachable

PLAIN = Connection()
LOOKED_AT_EVERY, READ_WITHIN = 30.0, 1.0
"""Seconds."""
Stamps = tuple[tuple[int, int, int], ...]

KEPT_SECONDS = 75.0
"""How long an idle connection is kept: longer than the alerts' renewal, so that a page never waits for a handshake."""


class TlsContext:
    """The context of a connection's files, which are looked at again every ``LOOKED_AT_EVERY`` seconds: certificates
    are renewed under a running process. While they cannot be read, the context of before holds."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._files = connection, LocalFiles()
        self._context: ssl.SSLContext | None = None
        self._stamps: Stamps = ()
        self._looked_at = -math.inf

    @property
    def configured(self) -> bool:
        return bool(self._connection.ca_file or self._connection.certificate_file)

    async def current(self) -> ssl.SSLContext:
        """Raises ``Unreachable``."""
        now, context = asyncio.get_running_loop().time(), self._context
        if context is not None and now - self._looked_at < LOOKED_AT_EVERY:
            return context
        self._looked_at = now
        try:
            self._stamps, self._context = read = await asyncio.wait_for(self._read(), READ_WITHIN)
        except OSError as error:  # TimeoutError is one
            if context is None:
                raise Unreachable("TlsFiles", sentence(error) or "they cannot be read in time") from None
            return context
        return read[1]

    async def _read(self) -> tuple[Stamps, ssl.SSLContext]:
        """In a thread, which costs nobody else anything if the file system hangs."""
        return await self._files.in_a_thread(self._connection.ca_file or self._connection.certificate_file, self._now)

    def _now(self) -> tuple[Stamps, ssl.SSLContext]:
        stamps = tuple(_stamp(path) for path in _files(self._connection))
        if self._context is not None and stamps == self._stamps:
            return stamps, self._context  # another one would make every connection anew
        context = ssl.create_default_context(cafile=self._connection.ca_file or None)
        if self._connection.certificate_file:
            context.load_cert_chain(self._connection.certificate_file, self._connection.key_file or None)
        return stamps, context


def _files(connection: Connection) -> tuple[str, ...]:
    files = (connection.ca_file, connection.certificate_file, connection.key_file)
    return tuple(file for file in files if file)


def _stamp(path: str) -> tuple[int, int, int]:
    """What changes when a file is written anew, or a symlink leads to another. Raises ``OSError``."""
    found = os.stat(path)  # noqa: PTH116
    return found.st_mtime_ns, found.st_ino, found.st_size


class AioHttp:
    """One session for all: connections are reused, redirects are not followed, cookies and proxy variables are ignored.

    Made and closed inside a running event loop.
    """

    def __init__(self, connection: Connection = PLAIN) -> None:
        self._connection = connection
        self._tls = TlsContext(connection)
        # No limit over all hosts: one that hangs must not make another wait for a connection.
        connector = aiohttp.TCPConnector(limit=0, limit_per_host=16, keepalive_timeout=KEPT_SECONDS)
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),  # the deadline is ours, below
            auto_decompress=False,  # a small answer must not unpack into a large one
            headers={"accept-encoding": "identity", "user-agent": "agenttrader-watchdog"},
            trust_env=False,
        )

    async def get(self, url: str, *, headers: Mapping[str, str], timeout: float, limit: int) -> Answer:
        return await self._answer("GET", url, None, headers, timeout, limit)

    async def post(self, url: str, body: bytes, *, headers: Mapping[str, str], timeout: float, limit: int) -> Answer:
        return await self._answer("POST", url, body, headers, timeout, limit)

    async def close(self) -> None:
        await self._session.close()

    async def __aenter__(self) -> AioHttp:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _options(self, url: str) -> dict[str, Any]:
        """What aiohttp is told of the connection. Raises ``Unreachable`` for files that are none."""
        options: dict[str, Any] = {}
        if self._connection.proxy:
            options["proxy"] = self._connection.proxy
        if self._connection.server_name and url.startswith("https:"):
            options["server_hostname"] = self._connection.server_name
        if self._tls.configured and url.startswith("https:"):
            options["ssl"] = await self._tls.current()
        return options

    async def _answer(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], timeout: float, limit: int
    ) -> Answer:
        try:
            async with asyncio.timeout(timeout):
                options = await self._options(url)
                async with self._session.request(
                    method, url, data=body, headers=headers, allow_redirects=False, **options
                ) as response:
                    content = await whole(response, limit)
                    return Answer(response.status, {k.lower(): v for k, v in response.headers.items()}, content)
        except TimeoutError:
            raise Unreachable("Timeout", f"no whole answer within {timeout:g} s") from None
        except FAULTS as error:
            raise unreachable(error) from None


class WebClients:
    """``ports.web``: one client a connection, made inside a running event loop with the first that asks for it."""

    def __init__(self) -> None:
        self._clients: dict[Connection, AioHttp] = {}

    def __call__(self, connection: Connection) -> Http:
        if connection not in self._clients:
            self._clients[connection] = AioHttp(connection)
        return self._clients[connection]

    async def close(self) -> None:
        for client in self._clients.values():
            await client.close()
