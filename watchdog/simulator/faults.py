"""What can go wrong with an API server, switched on and off at run time by tests and demos.

Declarative: ``faults.inject(Hang(path="/api/v1/namespaces/trading-floor"))``, later ``faults.clear()``. An open WATCH
feels ``Down``, ``Hang``, ``HalfLine`` and ``Oversize`` once they are switched on; the others meet new requests only.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeVar

from watchdog.simulator.errors import ApiError
from watchdog.simulator.wire import Response, refusal


@dataclass(frozen=True, slots=True)
class Fault:
    """Meets requests under ``path`` (a prefix) with one of ``verbs`` (RBAC's: get, list, watch, ...; () is any)."""

    path: str = "/"
    verbs: tuple[str, ...] = ()

    def meets(self, verb: str, path: str) -> bool:
        return path.startswith(self.path) and (not self.verbs or verb in self.verbs)


@dataclass(frozen=True, slots=True)
class Down(Fault):
    """The connection is refused; an open one is reset."""


@dataclass(frozen=True, slots=True)
class Hang(Fault):
    """Never an answer; an open WATCH is silent, and goes on, late, once the fault is gone (point 24)."""


@dataclass(frozen=True, slots=True)
class Refuse(Fault):
    """An error status with a Status body."""

    status: int = 403
    reason: str = "Forbidden"
    message: str = "forbidden by a fault"


@dataclass(frozen=True, slots=True)
class Html(Fault):
    """200 and a page, as a captive portal or a misrouted ingress answers."""


@dataclass(frozen=True, slots=True)
class HalfLine(Fault):
    """What is next sent is cut in its middle, and then the stream ends cleanly."""


@dataclass(frozen=True, slots=True)
class Oversize(Fault):
    """Each object or list, and each line of a WATCH, carries that many bytes of padding."""

    bytes: int = 20_000_000


_Kind = TypeVar("_Kind", bound=Fault)


class Faults:
    """The faults that are on. The first that meets a request has it."""

    def __init__(self) -> None:
        self._active: tuple[Fault, ...] = ()
        self.listeners: list[Callable[[], None]] = []

    def inject(self, *faults: Fault) -> None:
        self._switch((*self._active, *faults))

    def clear(self, kind: type[Fault] = Fault) -> None:
        """Switches off every fault of ``kind``; by default all."""
        self._switch(tuple(fault for fault in self._active if not isinstance(fault, kind)))

    def find(self, verb: str, path: str, kind: type[_Kind]) -> _Kind | None:
        return next((fault for fault in self._active if isinstance(fault, kind) and fault.meets(verb, path)), None)

    async def before(self, verb: str, path: str) -> Response | None:
        """What a new request meets: an answer instead of the real one, or None. Raises ConnectionRefusedError."""
        if not self._active:
            return None
        await self._thawed(verb, path)
        if self.find(verb, path, Down):
            raise ConnectionRefusedError("the simulated API server is down")
        if refused := self.find(verb, path, Refuse):
            return refusal(ApiError(refused.status, refused.reason, refused.message))
        if self.find(verb, path, Html):
            return Response(
                200, b"<!doctype html><title>Sign in</title><p>Sign in to continue", "text/html; charset=utf-8"
            )
        return None

    def after(self, verb: str, path: str, response: Response) -> Response:
        """What becomes of a whole answer on its way."""
        if not self._active or not isinstance(response.body, bytes):
            return response
        body = self._padded(verb, path, response.body)
        if self.find(verb, path, HalfLine):
            body = body[: len(body) // 2]
        return Response(response.status, body, response.content_type, response.headers)

    async def during(self, path: str, chunks: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
        """What becomes of a WATCH on its way. An empty chunk is never sent: it asks whether a fault was switched on.
        Raises ConnectionResetError."""
        async with aclosing(chunks):
            async for chunk in chunks:
                await self._thawed("watch", path)
                if self.find("watch", path, Down):
                    raise ConnectionResetError("the simulated API server went down")
                if chunk and self.find("watch", path, HalfLine):
                    yield chunk[: len(chunk) // 2]
                    return
                if chunk:
                    yield self._padded("watch", path, chunk)

    def _padded(self, verb: str, path: str, body: bytes) -> bytes:
        fault = self.find(verb, path, Oversize)
        return b'{"padding":"' + b"x" * fault.bytes + b'",' + body[1:] if fault else body

    async def _thawed(self, verb: str, path: str) -> None:
        while self.find(verb, path, Hang) and not self.find(verb, path, Down):
            changed = asyncio.Event()
            self.listeners.append(changed.set)
            try:
                await changed.wait()
            finally:
                self.listeners.remove(changed.set)

    def wake(self) -> None:
        """Whatever waits looks again at what befalls it."""
        for listener in [*self.listeners]:
            listener()

    def _switch(self, faults: tuple[Fault, ...]) -> None:
        self._active = faults
        self.wake()
