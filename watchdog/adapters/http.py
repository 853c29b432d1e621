"""HTTP by aiohttp, with a deadline and a bound on everything."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import TracebackType

import aiohttp

from watchdog.adapters.aio import FAULTS, unreachable, whole
from watchdog.ports import Answer, Unreachable

KEPT_SECONDS = 75.0
"""How long an idle connection is kept: longer than the alerts' renewal, so that a page never waits for a handshake."""


class AioHttp:
    """One session for all: connections are reused, redirects are not followed, cookies and proxy variables are ignored.

    Made and closed inside a running event loop.
    """

    def __init__(self) -> None:
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

    async def _answer(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], timeout: float, limit: int
    ) -> Answer:
        try:
            async with (
                asyncio.timeout(timeout),
                self._session.request(method, url, data=body, headers=headers, allow_redirects=False) as response,
            ):
                content = await whole(response, limit)
                return Answer(response.status, {k.lower(): v for k, v in response.headers.items()}, content)
        except TimeoutError:
            raise Unreachable("Timeout", f"no whole answer within {timeout:g} s") from None
        except FAULTS as error:
            raise unreachable(error) from None
