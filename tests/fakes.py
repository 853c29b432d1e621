"""The outside world in memory, for tests of one source or outlet: says what it is told, writes down what it hears."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from watchdog.core.instant import Instant
from watchdog.core.vitals import Vitals
from watchdog.ports import Answer, Document, Kubernetes, Page, Ports, Unreachable

START = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
"""A Monday, 10:00 in New York: the market is open."""


@dataclass
class HandClock:
    """Stands still until the test moves it; ``shift`` moves the wall clock alone."""

    wall: datetime = START
    mono: float = 0.0

    def now(self) -> Instant:
        return Instant(self.wall, self.mono)

    def pass_(self, seconds: float) -> None:
        self.wall, self.mono = self.wall + timedelta(seconds=seconds), self.mono + seconds

    def shift(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)


Reply = Answer | Unreachable | Callable[[str, bytes], Answer]


@dataclass
class ScriptedHttp:
    """Answers every request with ``reply`` (of its host, where ``by_host`` has one)."""

    reply: Reply = field(default_factory=lambda: Answer(200, {}, b""))
    by_host: dict[str, Reply] = field(default_factory=dict)
    requests: list[tuple[str, bytes]] = field(default_factory=list)

    async def get(self, url: str, *, headers: Mapping[str, str], timeout: float, limit: int) -> Answer:
        return self._answer(url, b"")

    async def post(self, url: str, body: bytes, *, headers: Mapping[str, str], timeout: float, limit: int) -> Answer:
        return self._answer(url, body)

    def _answer(self, url: str, body: bytes) -> Answer:
        self.requests.append((url, body))
        reply = self.by_host.get(url.split("/")[2], self.reply)
        if isinstance(reply, Unreachable):
            raise reply
        return reply if isinstance(reply, Answer) else reply(url, body)


@dataclass
class MemoryFiles:
    """Files by path; a value that is an ``OSError`` is raised, a list is used up one by one."""

    content: dict[str, bytes | OSError | list[bytes | OSError]] = field(default_factory=dict)

    async def read(self, path: str, limit: int) -> bytes:
        found = self.content.get(path, FileNotFoundError(2, "No such file or directory", path))
        if isinstance(found, list):
            found = found.pop(0)
        if isinstance(found, OSError):
            raise found
        return found[:limit]

    async def replace(self, path: str, content: bytes) -> None:
        self.content[path] = content


@dataclass
class RecordingTerminal:
    text: str = ""

    def write(self, text: str) -> None:
        self.text += text


@dataclass
class Board:
    """A status server without a socket."""

    pages: dict[str, Page] = field(default_factory=dict)

    def show(self, path: str, page: Page) -> None:
        self.pages[path] = page

    def get(self, path: str, **headers: str) -> Document:
        return self.pages[path](headers)


def no_kubernetes(kubeconfig: str, context: str) -> Kubernetes:
    raise AssertionError("this test has no cluster")


@dataclass
class Outside:
    """All of it, and the ``Ports`` that bundle it."""

    clock: Any = field(default_factory=HandClock)
    http: Any = field(default_factory=ScriptedHttp)
    files: MemoryFiles = field(default_factory=MemoryFiles)
    terminal: RecordingTerminal = field(default_factory=RecordingTerminal)
    status: Board = field(default_factory=Board)
    labels: dict[str, str] = field(default_factory=dict)
    vitals: Vitals = field(default_factory=Vitals)

    def ports(self) -> Ports:
        return Ports(
            self.clock, self.http, self.files, self.terminal, self.status, no_kubernetes, self.labels, self.vitals
        )
