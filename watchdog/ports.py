"""The outside world as Protocols, and ``Ports``, which bundles them.

Adapters implement them for real; ``watchdog.simulator`` implements them in memory, so that the daemon's own code runs
whole in virtual time. Nothing here can write to the guarded platform: that is structural, not a promise.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from watchdog.core.accounting import Recollection
from watchdog.core.instant import Instant
from watchdog.core.vitals import Vitals


class Clock(Protocol):
    """The only clock. Waiting is plain ``asyncio``."""

    def now(self) -> Instant: ...


class KubernetesError(Exception):
    """The API server refused or failed: ``status`` is the HTTP (or in-stream) code, ``reason`` a Status' CamelCase
    reason."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}" if message else f"{status} {reason}")
        self.status, self.reason, self.message = status, reason, message


class Unreachable(Exception):
    """No (whole, understandable) answer: ``reason`` is CamelCase (Timeout, ConnectionRefused, BodyTooLarge, ...)."""

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(f"{reason}: {message}" if message else reason)
        self.reason, self.message = reason, message


Lines = AbstractAsyncContextManager[AsyncIterator[bytes]]


class Kubernetes(Protocol):
    """get, list, watch and review: a daemon that can only read.

    Paths are the API's (``/api/v1/namespaces/x/configmaps/y``). Bytes come as the server sent them: the sources decode
    only the fields that they need. Raises ``KubernetesError`` and ``Unreachable``.
    """

    async def read(self, path: str, query: Mapping[str, str], timeout: float) -> bytes:
        """GET an object, or one page of a list, whole, within ``timeout`` seconds."""
        ...

    def watch(self, path: str, query: Mapping[str, str], silence: float) -> Lines:
        """The lines of a WATCH (or streaming list), each whole. Ends on a clean EOF; ``Unreachable('Silent')`` when
        nothing came for ``silence`` seconds, ``Unreachable('HalfLine')`` when the stream broke inside a line."""
        ...

    async def review(self, path: str, body: bytes, timeout: float) -> bytes:
        """POST a SelfSubject*Review: the one request with a body, which asks what we may do and stores nothing.
        Any other path is refused with ``ValueError`` before anything is sent."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer. ``headers`` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Http(Protocol):
    """HTTP with a deadline and a bound on the body; redirects are never followed. Raises ``Unreachable``."""

    async def get(self, url: str, *, headers: Mapping[str, str], timeout: float, limit: int) -> Answer: ...

    async def post(
        self, url: str, body: bytes, *, headers: Mapping[str, str], timeout: float, limit: int
    ) -> Answer: ...


class Files(Protocol):
    """Small files. Raises ``OSError``."""

    async def read(self, path: str, limit: int) -> bytes:
        """The first ``limit`` bytes."""
        ...

    async def replace(self, path: str, content: bytes) -> None:
        """Writes the file anew, whole or not at all: who reads it sees the old content or the new."""
        ...


class Terminal(Protocol):
    """Where a person reads pages. Raises ``OSError``."""

    def write(self, text: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Document:
    """One answer of the status server."""

    body: bytes
    content_type: str = "application/json"
    status: int = 200


Page = Callable[[Mapping[str, str]], Document]
"""Renders a document, given the request's headers (lower-case names)."""


class StatusServer(Protocol):
    """Serves GET, and GET only, on pages that the outlets hang up."""

    def show(self, path: str, page: Page) -> None: ...


@dataclass(frozen=True, slots=True)
class Ports:
    """The outside world, as the daemon hands it to sources and outlets.

    ``kubernetes(kubeconfig, context)`` answers a client (both empty: in-cluster, else the default kubeconfig); it is
    closed with the daemon.
    """

    clock: Clock
    http: Http
    files: Files
    terminal: Terminal
    status: StatusServer
    kubernetes: Callable[[str, str], Kubernetes]
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels that every alert carries (``cluster``, ``environment``)."""
    vitals: Vitals = field(default_factory=Vitals)
    recollection: Recollection = field(default_factory=Recollection)
    """How far an earlier life of the daemon had seen; empty where nothing is known of one."""
