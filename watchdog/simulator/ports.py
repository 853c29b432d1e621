"""The project's ``Kubernetes`` and ``Http`` ports over simulated services, without sockets.

For tests in virtual time: the daemon's own code runs unchanged, and every byte is what the HTTP face would send.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar, cast
from urllib.parse import parse_qsl, urlsplit

from watchdog.adapters.kubernetes import REVIEWS, VERSION
from watchdog.adapters.kubernetes_wire import LineBuffer, date_of, refused
from watchdog.ports import Answer, Page, Unreachable
from watchdog.simulator.wire import JSON_TYPE, Request, Response, Service

_T = TypeVar("_T")
_B = TypeVar("_B", bytes, bytearray)
_AGENT = {"accept": "application/json", "user-agent": "watchdog/in-process"}


@dataclass(frozen=True, slots=True)
class InProcessKubernetes:
    """Raises what the adapter for real servers raises, with the same reasons and the same limits (bytes). ``token``: of
    whom it asks as; "" shows no credentials."""

    server: Service
    body_limit: int = 16 << 20
    line_limit: int = 32 << 20
    token: str = ""

    async def read(self, path: str, query: Mapping[str, str], timeout: float) -> bytes:
        request = Request("GET", path, query, self._headers)
        response, body = await _whole(self.server, request, timeout, self.body_limit)
        _refuse_all_but_json(response, body, 200)
        return body

    async def review(self, path: str, body: bytes, timeout: float) -> bytes:
        if path not in REVIEWS:
            raise ValueError(f"{path}: only SelfSubject*Reviews are ever posted")
        request = Request("POST", path, {}, {**self._headers, "content-type": JSON_TYPE}, body)
        response, reviewed = await _whole(self.server, request, timeout, self.body_limit)
        _refuse_all_but_json(response, reviewed, 201)
        return reviewed

    async def date(self, timeout: float) -> datetime:
        response, _ = await _whole(self.server, Request("GET", VERSION, {}, self._headers), timeout, self.body_limit)
        return date_of(response.headers.get("Date", ""))

    @asynccontextmanager
    async def watch(self, path: str, query: Mapping[str, str], silence: float) -> AsyncIterator[AsyncIterator[bytes]]:
        request = Request("GET", path, {**query, "watch": "true"}, self._headers)
        response = await _within(silence, _asked(self.server, request), "Silent")
        if isinstance(response.body, bytes):
            _refuse_all_but_json(response, response.body, 200)
            raise Unreachable("NotJson", "a whole answer where a WATCH was expected")
        async with aclosing(cast(AsyncGenerator[bytes, None], response.body)) as chunks:
            yield _lines(chunks, silence, self.line_limit)

    @property
    def _headers(self) -> Mapping[str, str]:
        return {**_AGENT, "authorization": f"Bearer {self.token}"} if self.token else _AGENT


@dataclass(frozen=True, slots=True)
class InProcessHttp:
    """``hosts``: what answers for a host (as in the URL, with its port, if any). Any other host does not resolve."""

    hosts: Mapping[str, Service] = field(default_factory=dict)

    async def get(self, url: str, *, headers: Mapping[str, str], timeout: float, limit: int) -> Answer:
        return await self._answer("GET", url, b"", headers, timeout, limit)

    async def post(self, url: str, body: bytes, *, headers: Mapping[str, str], timeout: float, limit: int) -> Answer:
        return await self._answer("POST", url, body, headers, timeout, limit)

    async def _answer(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], timeout: float, limit: int
    ) -> Answer:
        parts = urlsplit(url)
        service = self.hosts.get(parts.netloc)
        if service is None:
            raise Unreachable("DnsFailure", f"{parts.netloc} does not resolve")
        lower = {name.lower(): value for name, value in headers.items()}
        request = Request(method, parts.path or "/", dict(parse_qsl(parts.query)), lower, body)
        response, whole = await _whole(service, request, timeout, limit)
        shown = {
            "content-type": response.content_type,
            **{name.lower(): value for name, value in response.headers.items()},
        }
        return Answer(response.status, shown, whole)


class Nowhere:
    """The ports that nobody reads: a terminal, a status server, and files, of which there are none."""

    def write(self, text: str) -> None: ...

    def show(self, path: str, page: Page) -> None: ...

    async def read(self, path: str, limit: int) -> bytes:
        raise FileNotFoundError(path)

    async def replace(self, path: str, content: bytes) -> None: ...


async def _whole(service: Service, request: Request, timeout: float, limit: int) -> tuple[Response, bytes]:
    async def read() -> tuple[Response, bytes]:
        response = await _asked(service, request)
        return response, await _body(response, limit)

    return await _within(timeout, read(), "Timeout")


async def _asked(service: Service, request: Request) -> Response:
    try:
        return await service.answer(request)
    except ConnectionRefusedError as error:
        raise Unreachable("ConnectionRefused", str(error)) from None


async def _body(response: Response, limit: int) -> bytes:
    if isinstance(response.body, bytes):
        return _bounded(response.body, limit)
    body = bytearray()
    async with aclosing(cast(AsyncGenerator[bytes, None], response.body)) as parts:
        async for part in parts:
            body += part
            _bounded(body, limit)
    return bytes(body)


def _bounded(body: _B, limit: int) -> _B:
    if len(body) > limit:
        raise Unreachable("BodyTooLarge", f"more than {limit} bytes")
    return body


async def _within(seconds: float, awaited: Awaitable[_T], reason: str) -> _T:
    try:
        async with asyncio.timeout(seconds):
            return await awaited
    except TimeoutError:
        raise Unreachable(reason, f"nothing within {seconds:g} s") from None


async def _lines(chunks: AsyncGenerator[bytes, None], silence: float, limit: int) -> AsyncIterator[bytes]:
    """Each line, whole and with its end."""
    buffer = LineBuffer(limit)
    try:
        while chunk := await _within(silence, anext(chunks, b""), "Silent"):
            for line in buffer.lines(chunk):
                yield line
    except ConnectionResetError as error:
        raise buffer.broken(str(error)) from None
    buffer.ended()


def _refuse_all_but_json(response: Response, body: bytes, granted: int) -> None:
    if 300 <= response.status < 400:
        raise Unreachable("Redirected", f"to {response.headers.get('Location', 'nowhere')}")
    if response.status != granted:
        raise refused(response.status, body)
    if response.content_type != JSON_TYPE:
        raise Unreachable("NotJson", f"expected JSON, found {response.content_type}")
