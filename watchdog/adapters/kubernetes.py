"""The Kubernetes API as bytes: GET an object, a page of a list, or the lines of a WATCH. It only ever GETs."""

from __future__ import annotations

import asyncio
import errno
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
from yarl import URL

from watchdog.adapters.kubernetes_login import Login, Server, loader
from watchdog.ports import KubernetesError, Unreachable

BODY_LIMIT = 16 << 20
"""Bytes of a whole answer: no object of a real API server is larger than 3 MiB; a page of 500 seldom is 16."""
LINE_LIMIT = 32 << 20
"""Bytes of one line of a WATCH."""
BUFFER = 1 << 21
"""aiohttp's default breaks on a ConfigMap of 900 kB (kube-wire/README.md, point 25)."""
CONNECT_TIMEOUT = 10.0
SHOWN = 200
HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "agenttrader-watchdog"}


class KubernetesApi:
    """Implements ``ports.Kubernetes`` for one kubeconfig and context (both empty: in-cluster, else the default one).

    Made without I/O; closed inside the event loop that used it.
    """

    def __init__(self, kubeconfig: str = "", context: str = "") -> None:
        self._login = Login(loader(kubeconfig, context))
        self._sessions: dict[Server, aiohttp.ClientSession] = {}

    async def read(self, path: str, query: Mapping[str, str], timeout: float) -> bytes:
        try:
            async with asyncio.timeout(timeout), self._get(path, query, aiohttp.ClientTimeout(total=None)) as response:
                return await _body(response, BODY_LIMIT)
        except TimeoutError:
            raise Unreachable("Timeout", f"no whole answer within {timeout:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _unreachable(error) from None

    @asynccontextmanager
    async def watch(
        self, path: str, query: Mapping[str, str], silence: float
    ) -> AsyncGenerator[AsyncIterator[bytes], None]:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT, sock_read=silence)
        async with AsyncExitStack() as opened:
            try:
                response = await opened.enter_async_context(self._get(path, query, timeout))
            except aiohttp.SocketTimeoutError:
                raise _silent(silence) from None
            except (aiohttp.ClientError, OSError, ValueError) as error:
                raise _unreachable(error) from None
            yield _lines(response, silence)

    @asynccontextmanager
    async def _get(
        self, path: str, query: Mapping[str, str], timeout: aiohttp.ClientTimeout
    ) -> AsyncGenerator[aiohttp.ClientResponse, None]:
        """A 200 in JSON. Once more with new credentials after a 401."""
        response = await self._answer(path, query, timeout)
        if response.status == 401 and await self._login.renewed_after_401():
            response.close()
            response = await self._answer(path, query, timeout)
        try:
            await _refuse_all_but_json(response)
            yield response
        finally:
            if response.content.at_eof():
                response.release()
            else:
                response.close()

    async def _answer(
        self, path: str, query: Mapping[str, str], timeout: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        server, headers = await self._login.current()
        return await self._session(server).get(
            URL(server.host + path).with_query(dict(query)),
            headers=headers,
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
    """Whole lines. The usual chunk is one line, and it is handed on as it came."""
    content, parts, held = response.content, list[bytes](), 0
    try:
        while chunk := await content.readany():
            begin = 0
            while (end := chunk.find(b"\n", begin) + 1) > 0:
                line = chunk[begin:end]
                yield b"".join([*parts, line]) if parts else line
                parts, held, begin = [], 0, end
            if begin < len(chunk):
                parts.append(chunk[begin:])
                held += len(parts[-1])
                if held > LINE_LIMIT:
                    raise Unreachable("LineTooLong", f"a line is longer than {LINE_LIMIT} bytes")
    except aiohttp.SocketTimeoutError:
        raise _silent(silence) from None
    except (aiohttp.ClientError, OSError) as error:
        raise Unreachable("HalfLine", "the stream broke inside a line") if parts else _unreachable(error) from None
    if parts:
        raise Unreachable("HalfLine", "the stream ended inside a line")


def _silent(seconds: float) -> Unreachable:
    return Unreachable("Silent", f"nothing came for {seconds:g} s")


async def _refuse_all_but_json(response: aiohttp.ClientResponse) -> None:
    if 300 <= response.status < 400:
        raise Unreachable("Redirected", f"to {response.headers.get('Location', 'nowhere')[:SHOWN]}")
    if response.status != 200:
        raise _refused(response.status, await _body(response, 1 << 20))
    if response.content_type != "application/json":
        raise Unreachable("NotJson", f"expected JSON, found {response.content_type or 'nothing'}")


async def _body(response: aiohttp.ClientResponse, limit: int) -> bytes:
    chunks, size = list[bytes](), 0
    async for chunk in response.content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            raise Unreachable("BodyTooLarge", f"the body is larger than {limit} bytes")
    return b"".join(chunks)


def _refused(status: int, body: bytes) -> KubernetesError:
    """The API server says why in a Status; a 404 in plain text, or a proxy's HTML, comes from somebody else."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    if isinstance(said, dict) and said.get("kind") == "Status":
        return KubernetesError(status, str(said.get("reason") or "Refused"), str(said.get("message") or "")[:SHOWN])
    return KubernetesError(status, "NotAStatus", " ".join(body[:SHOWN].decode(errors="replace").split()))


_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (aiohttp.InvalidURL, "InvalidUrl"),
    (aiohttp.ClientConnectorDNSError, "DnsFailure"),
    (aiohttp.ClientSSLError, "TlsFailure"),
    (aiohttp.ClientProxyConnectionError, "ProxyFailure"),
    (aiohttp.ClientConnectorError, "ConnectFailed"),
    (aiohttp.ServerTimeoutError, "Timeout"),
    (aiohttp.ServerDisconnectedError, "Disconnected"),
    (aiohttp.ClientPayloadError, "Disconnected"),
    (aiohttp.ClientResponseError, "NotHttp"),
    (OSError, "Disconnected"),
)


def _unreachable(error: Exception) -> Unreachable:
    if getattr(error, "errno", None) == errno.ECONNREFUSED:
        return Unreachable("ConnectionRefused", "nobody listens there")
    reason = next((reason for kind, reason in _REASONS if isinstance(error, kind)), type(error).__name__)
    return Unreachable(reason, " ".join(str(error).split())[:SHOWN])
