"""The Kubernetes API as bytes: GET an object, a page of a list, or the lines of a WATCH.

It only ever GETs, but for one question that the API takes as a POST and stores nowhere: what may I do?
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import aiohttp
from yarl import URL

from watchdog.adapters.aio import FAULTS, sentence, unreachable, whole
from watchdog.adapters.kubernetes_login import Login, Server, loader
from watchdog.adapters.kubernetes_wire import SHOWN, LineBuffer, date_of, refused
from watchdog.ports import Unreachable

BODY_LIMIT = 16 << 20
"""Bytes of a whole answer: no object of a real API server is larger than 3 MiB; a page of 500 seldom is 16."""
LINE_LIMIT = 32 << 20
"""Bytes of one line of a WATCH."""
BUFFER = 1 << 18
"""Bytes; twice as many may wait in each stream. No line has to fit, as it would if aiohttp cut the lines (kube-wire
README, point 25): a chunk is taken as it comes."""
CONNECT_TIMEOUT = 10.0
SLICE = 0.0005
"""Seconds of work on lines at a stretch. A page passes through some five tasks, and each waits for one slice of each
busy stream."""
REVIEWS = tuple(
    f"/apis/authorization.k8s.io/v1/{review}" for review in ("selfsubjectaccessreviews", "selfsubjectrulesreviews")
)
"""All that is ever POSTed. Spelled out and compared whole: no prefix, no normalisation."""
VERSION = "/version"
"""What anybody may ask, and costs the API server nothing."""
HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "agenttrader-watchdog"}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. Those of a WATCH, a GET and a review are all that there are."""

    method: Literal["GET", "POST"]
    path: str
    query: Mapping[str, str]
    body: bytes | None = None

    @property
    def granted(self) -> int:
        """The status of an answer: a review is answered by 201, and nothing was created (kube-wire, point 23)."""
        return 200 if self.method == "GET" else 201


class KubernetesApi:
    """Implements ``ports.Kubernetes`` for one kubeconfig and context (both empty: in-cluster, else the default one).

    Made without I/O; closed inside the event loop that used it.
    """

    def __init__(self, kubeconfig: str = "", context: str = "") -> None:
        self._login = Login(loader(kubeconfig, context))
        self._sessions: dict[Server, aiohttp.ClientSession] = {}

    async def read(self, path: str, query: Mapping[str, str], timeout: float) -> bytes:
        return await self._whole(Asked("GET", path, query), timeout)

    async def review(self, path: str, body: bytes, timeout: float) -> bytes:
        """https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/self-subject-access-review-v1/"""
        if path not in REVIEWS:
            raise ValueError(f"{path}: only SelfSubject*Reviews are ever posted")
        return await self._whole(Asked("POST", path, {}, body), timeout)

    async def date(self, timeout: float) -> datetime:
        """RFC 9110 §6.6.1. A refusal bears a ``Date`` too, so any status counts. Raises ``Unreachable``."""
        try:
            async with asyncio.timeout(timeout):
                async with await self._answer(Asked("GET", VERSION, {}), aiohttp.ClientTimeout(total=None)) as response:
                    await whole(response, BODY_LIMIT)  # so that its connection serves again
        except TimeoutError:
            raise Unreachable("Timeout", f"no answer within {timeout:g} s") from None
        except FAULTS as error:
            raise unreachable(error) from None
        return date_of(response.headers.get("Date", ""))

    async def _whole(self, asked: Asked, timeout: float) -> bytes:
        try:
            async with asyncio.timeout(timeout), self._opened(asked, aiohttp.ClientTimeout(total=None)) as response:
                return await whole(response, BODY_LIMIT)
        except TimeoutError:
            raise Unreachable("Timeout", f"no whole answer within {timeout:g} s") from None
        except FAULTS as error:
            raise unreachable(error) from None

    @asynccontextmanager
    async def watch(
        self, path: str, query: Mapping[str, str], silence: float
    ) -> AsyncGenerator[AsyncIterator[bytes], None]:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT, sock_read=silence)
        async with AsyncExitStack() as opened:
            try:
                response = await opened.enter_async_context(self._opened(Asked("GET", path, query), timeout))
            except aiohttp.SocketTimeoutError:
                raise _silent(silence) from None
            except FAULTS as error:
                raise unreachable(error) from None
            yield _lines(response, silence)

    @asynccontextmanager
    async def _opened(
        self, asked: Asked, timeout: aiohttp.ClientTimeout
    ) -> AsyncGenerator[aiohttp.ClientResponse, None]:
        """What was asked for, in JSON. Once more with new credentials after a 401."""
        response = await self._answer(asked, timeout)
        if response.status == 401 and await self._login.renewed_after_401():
            response.close()
            response = await self._answer(asked, timeout)
        try:
            await _refuse_all_but_json(response, asked.granted)
            yield response
        finally:
            if response.content.at_eof():
                response.release()
            else:
                response.close()

    async def _answer(self, asked: Asked, timeout: aiohttp.ClientTimeout) -> aiohttp.ClientResponse:
        server, headers = await self._login.current()
        return await self._session(server).request(
            asked.method,
            URL(server.host + asked.path).with_query(dict(asked.query)),
            data=asked.body,
            headers=headers if asked.body is None else {**headers, "Content-Type": "application/json"},
            timeout=timeout,
            proxy=server.proxy,
            server_hostname=server.name,
            allow_redirects=False,
        )

    def _session(self, server: Server) -> aiohttp.ClientSession:
        """kubernetes-asyncio's connector (TLS, client certificates) under a session that trusts no environment."""
        if server not in self._sessions:
            pool = self._login.rest().pool_manager
            connector = pool.connector
            pool.detach()
            self._sessions[server] = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=HEADERS,
                auto_decompress=False,
                read_bufsize=BUFFER,
            )
        return self._sessions[server]

    async def close(self) -> None:
        await self._login.close()
        for session in self._sessions.values():
            await session.close()


class KubernetesClients:
    """``ports.Ports.kubernetes``: one client for each kubeconfig and context."""

    def __init__(self) -> None:
        self._clients: dict[tuple[str, str], KubernetesApi] = {}

    def __call__(self, kubeconfig: str, context: str) -> KubernetesApi:
        if (kubeconfig, context) not in self._clients:
            self._clients[kubeconfig, context] = KubernetesApi(kubeconfig, context)
        return self._clients[kubeconfig, context]

    async def close(self) -> None:
        for client in self._clients.values():
            await client.close()


async def _lines(response: aiohttp.ClientResponse, silence: float) -> AsyncGenerator[bytes, None]:
    """What lies in the buffer may keep its reader busy for a tenth of a second: others have their turn meanwhile."""
    buffer, now = LineBuffer(LINE_LIMIT), asyncio.get_running_loop().time
    try:
        while chunk := await response.content.readany():
            since = now()
            for line in buffer.lines(chunk):
                yield line
                if now() - since > SLICE:
                    await asyncio.sleep(0)
                    since = now()
    except aiohttp.SocketTimeoutError:
        raise _silent(silence) from None
    except (aiohttp.ClientError, OSError) as error:
        raise buffer.broken(sentence(error)) from None
    buffer.ended()


def _silent(seconds: float) -> Unreachable:
    return Unreachable("Silent", f"nothing came for {seconds:g} s")


async def _refuse_all_but_json(response: aiohttp.ClientResponse, granted: int) -> None:
    if 300 <= response.status < 400:
        raise Unreachable("Redirected", f"to {response.headers.get('Location', 'nowhere')[:SHOWN]}")
    if response.status != granted:
        raise refused(response.status, await whole(response, 1 << 20))
    if response.content_type != "application/json":
        raise Unreachable("NotJson", f"expected JSON, found {response.content_type or 'nothing'}")
