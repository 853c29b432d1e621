"""The outside world as Protocols, and ``Ports``, which bundles them.

Adapters implement them for real; ``watchdog.simulator`` implements them in memory, so that the daemon's own code runs
whole in virtual time. Nothing here can write to the guarded platform: that is structural, not a promise.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

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

    async def date(self, timeout: float) -> datetime:
        """The API server's own time, of an answer's ``Date`` header: in whole seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer. ``headers`` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Connection:
    """How HTTP servers are reached where that is not plain: a certificate authority of their own, a certificate of
    ours, a name that their certificate bears, a proxy. Paths of files (PEM), which are read anew at times."""

    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""
    server_name: str = ""
    proxy: str = ""


class Http(Protocol):
    """HTTP with a deadline and a bound on the body; redirects are never followed. Raises ``Unreachable``."""

    async def get(self, url: str, *, headers: Mapping[str, str], timeout: float, limit: int) -> Answer: ...

    async def post(
        self, url: str, body: bytes, *, headers: Mapping[str, str], timeout: float, limit: int
    ) -> Answer: ...


@dataclass(frozen=True, slots=True)
class SubscriptionShape:
    """One Pub/Sub subscription as the service describes it; names are whole (``projects/P/subscriptions/S``)."""

    name: str
    topic: str  # '_deleted-topic_' once its topic is deleted
    labels: Mapping[str, str]
    state: str  # ACTIVE, RESOURCE_ERROR, ...
    detached: bool
    ack_deadline_seconds: int
    retention_seconds: float
    push_endpoint: str  # empty: it is pulled
    dead_letter_topic: str  # empty: it has no dead-letter policy
    max_delivery_attempts: int
    minimum_backoff_seconds: float | None  # None: it has no retry policy, and retries at once
    maximum_backoff_seconds: float | None
    filter: str


@dataclass(frozen=True, slots=True)
class Letter:
    """One message that was pulled, as far as it is looked at."""

    ack_id: str
    message_id: str
    published: datetime  # aware
    attributes: Mapping[str, str]
    size: int  # bytes of its data
    head: bytes  # the first of them


class PubSub(Protocol):
    """Reads what is configured, and empties a tap: a subscription of our own. Nothing else is ever pulled.

    Raises ``Unreachable`` with the gRPC code in CamelCase as its reason (NotFound, PermissionDenied, Unavailable,
    ResourceExhausted, Unauthenticated, ...), ``Timeout`` for a deadline; each call ends within ``timeout`` seconds.
    """

    async def subscription(self, name: str, timeout: float) -> SubscriptionShape: ...

    async def subscriptions(self, project: str, timeout: float) -> Sequence[SubscriptionShape]:
        """All of a project ('projects/P')."""
        ...

    async def topic_exists(self, name: str, timeout: float) -> bool: ...

    async def topic_subscriptions(self, topic: str, timeout: float) -> Sequence[str]:
        """The names of the subscriptions on a topic."""
        ...

    async def pull(self, tap: str, most: int, timeout: float) -> Sequence[Letter]:
        """At most ``most`` letters, as soon as there is one; empty when none came within ``timeout``."""
        ...

    async def acknowledge(self, tap: str, ack_ids: Sequence[str], timeout: float) -> None: ...

    async def publish(self, topic: str, data: bytes, attributes: Mapping[str, str], timeout: float) -> None:
        """Our own word to people who listen there: never to a topic of the guarded platform's."""
        ...

    async def oldest_unacked_seconds(self, subscription: str, timeout: float) -> float:
        """By a snapshot that is made and deleted: the one call that writes. Only where it was asked for."""
        ...


class Credentials(Protocol):
    """Who we are to Google's APIs."""

    async def headers(self, timeout: float) -> Mapping[str, str]:
        """The ``authorization`` header. Raises ``Unreachable`` when there is no valid token within ``timeout``."""
        ...

    def refused(self) -> None:
        """A server did not accept what ``headers`` answered: the next call asks for another."""
        ...


class Files(Protocol):
    """Small files. Raises ``OSError``."""

    async def read(self, path: str, limit: int) -> bytes:
        """The first ``limit`` bytes."""
        ...

    async def replace(self, path: str, content: bytes) -> None:
        """Writes the file anew, whole or not at all: who reads it sees the old content or the new."""
        ...


class Journal(Protocol):
    """A folder of segments that are only ever appended to. One process at a time. Raises ``OSError``.

    Nothing here waits for a disk on the event loop.
    """

    async def segments(self) -> Sequence[str]:
        """Their names, oldest first. The first call opens the folder, and keeps every other process out."""
        ...

    async def read(self, segment: str, offset: int, limit: int) -> bytes:
        """At most ``limit`` bytes from ``offset`` on; fewer only at its end."""
        ...

    async def append(self, segment: str, data: bytes, *, sync: bool) -> None:
        """All of it, at its end. ``sync``: it is on the disk when this returns. After a failure some of it may be
        there: ask for the segment's size before going on."""
        ...

    async def size(self, segment: str) -> int: ...

    async def cut(self, segment: str, size: int) -> None:
        """Takes away what is beyond ``size``: the torn end of a write that a crash interrupted."""
        ...

    async def close(self) -> None: ...


class Names(Protocol):
    """The domain name system. Raises ``Unreachable``."""

    async def addresses(self, host: str, timeout: float) -> Sequence[str]:
        """The IP addresses of a name, sorted; a name that has none is ``Unreachable('NameNotFound')``."""
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


def _nowhere(*address: object) -> Any:
    raise Unreachable("NotWired", "this process has no way there")


@dataclass(frozen=True, slots=True)
class Ports:
    """The outside world, as the daemon hands it to sources and outlets.

    ``kubernetes(kubeconfig, context)`` answers a client (both empty: in-cluster, else the default kubeconfig);
    ``pubsub(endpoint)`` one of Pub/Sub (empty: Google's, with the application's default credentials; 'host:port': an
    emulator, without any). Both are closed with the daemon.
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
    pubsub: Callable[[str], PubSub] = _nowhere
    google: Callable[[], Credentials] = _nowhere
    web: Callable[[Connection], Http] = _nowhere
    """HTTP over connections that are not plain; ``http`` is the plain one."""
    names: Callable[[], Names] = _nowhere
    journal: Callable[[str], Journal] = _nowhere
    """The journal in a folder."""
    boot: str = ""
    """Which life of the daemon this is: random, and new with every start."""
