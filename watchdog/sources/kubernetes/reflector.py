"""List, then watch, resume, relist: a collection as steps that miss nothing that the server still knows.

What the WATCH of a real API server does, and what each clause here answers to, is in the README of the kube-wire
recordings (points 1-5, 11-14, 24). It reads no clock: silence is the port's to notice. Where a history ends although it
had begun, the next list says why: what happened between the two was not seen (``trail``).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractContextManager, aclosing
from dataclasses import dataclass
from typing import Generic, TypeAlias

from watchdog.core.accounting import Version
from watchdog.ports import Kubernetes, KubernetesError, Unreachable
from watchdog.sources.kubernetes.lines import Bookmark, Deleted, Error
from watchdog.sources.kubernetes.listing import (
    LIST_TIMEOUT,
    PORTION,
    End,
    NotServed,
    Portions,
    Target,
    key_of,
    paged,
    streamed,
)
from watchdog.sources.kubernetes.objects import Meta, T
from watchdog.sources.kubernetes.resources import Key, head, revision

SILENCE = 70.0
"""Seconds: BOOKMARKs come every 60 s, also when busy; without one for longer, the connection is dead."""
MUTE = 3
"""WATCHes in a row that open and end without a line: a server (or a proxy before it) that answers and tells nothing."""
PAUSE = 0.1
"""Seconds between a WATCH that ended and the next."""


@dataclass(frozen=True, slots=True)
class Break:
    """Why a history ended: what came between it and the next list was not seen. ``reason`` is CamelCase."""

    reason: str
    explanation: str


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """Some objects of a list. ``began`` is what ``looking`` said when the look began."""

    objects: Sequence[T]
    began: int


@dataclass(frozen=True, slots=True)
class LookedOver:
    """The end of a list: what it covers and did not find is gone. ``gap``: the history that ended before it."""

    found: dict[Key, Version]
    revision: int
    began: int
    gap: Break | None


@dataclass(frozen=True, slots=True)
class Happened(Generic[T]):
    """``late``: it happened before the WATCH was opened, and more of that time may follow."""

    object: T
    deleted: bool
    late: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
    """A WATCH is resumed: we see again. Whether the server still knows what came between, its first line says."""


@dataclass(frozen=True, slots=True)
class Alive:
    """Nothing happened up to this revision, and the server has said so."""

    revision: int


@dataclass(frozen=True, slots=True)
class Lost:
    """The server no longer knows what came after the revision that the WATCH was to ``begin_at``: the history begins
    with the list before it."""

    gap: Break


Step: TypeAlias = Found[T] | LookedOver | Happened[T] | Opened | Alive | Lost


class Reflector(Generic[T]):
    """It outlives its streams: after a failure it resumes where it was, so that what happened meanwhile is seen too."""

    def __init__(self, target: Target[T], looking: Callable[[], AbstractContextManager[int]]) -> None:
        self.target: Target[T] = target
        self.looking = looking
        self.revision = ""  # the next WATCH begins here; empty: list first
        self.gap: Break | None = None  # why, if it once was not
        self.earlier = ""  # where the WATCH after the list that is under way begins instead
        self.reserve = ""  # that list's own revision, until the server has said a word of what came between
        self.newest = 0  # the server's own revision before the WATCH was opened
        self.mute = 0  # WATCHes in a row that opened and said nothing
        self.streaming = True  # until the server has shown that it does not serve streaming lists

    async def steps(self, kubernetes: Kubernetes) -> AsyncGenerator[Step[T], None]:
        """Never ends by itself. Raises ``KubernetesError`` and ``Unreachable``; call it again after that."""
        while True:
            if self.revision:
                await self._forget_a_lost_future(kubernetes)
            if not (resuming := bool(self.revision)):
                async with aclosing(self.look(kubernetes)) as look:
                    async for step in look:
                        yield step
            async with aclosing(self._watch(kubernetes, resuming)) as steps:
                async for step in steps:
                    yield step
            await asyncio.sleep(PAUSE)

    def distrust(self, gap: Break) -> None:
        """Ends the history from outside, also under an open WATCH (with its next line): somebody saw what it did not
        tell."""
        if self.revision:
            self.revision, self.gap, self.reserve = "", gap, ""

    def begin_at(self, earlier: int) -> None:
        """Said of a list at its end, before the next step is taken: the WATCH after it begins there, and what happened
        between the two is told as events."""
        self.earlier = str(earlier)

    async def _forget_a_lost_future(self, kubernetes: Kubernetes) -> None:
        """A revision beyond the server's own (etcd restored from a backup) would be answered by silence: list anew."""
        query = {"limit": "1", **self.target.selector}
        newest = head(await kubernetes.read(self.target.path, query, LIST_TIMEOUT)).metadata.resource_version
        if revision(newest) < revision(self.revision):
            self.distrust(lost_future(self.revision, newest))
        self.newest = revision(newest)

    async def look(self, kubernetes: Kubernetes) -> AsyncGenerator[Step[T], None]:
        """One whole list; a streaming one that turns out not to be served is begun anew in pages."""
        with self.looking() as began:
            if self.streaming:
                try:
                    async with aclosing(self._taken(streamed(kubernetes, self.target), began)) as steps:
                        async for step in steps:
                            yield step
                    return
                except NotServed:
                    self.streaming = False
            async with aclosing(self._taken(paged(kubernetes, self.target), began)) as steps:
                async for step in steps:
                    yield step

    async def _taken(self, portions: Portions[T], began: int) -> AsyncGenerator[Step[T], None]:
        found: dict[Key, Version] = {}
        async with aclosing(portions):
            async for portion in portions:
                if isinstance(portion, End):
                    yield LookedOver(found, revision(portion.revision), began, self.gap)
                    self._begin(portion.revision)
                elif isinstance(portion, Key):
                    found.pop(portion, None)
                else:
                    found |= {key_of(object_): version(object_.metadata) for object_ in portion}
                    yield Found(portion, began)

    def _begin(self, listed: str) -> None:
        self.revision, self.reserve = (self.earlier, listed) if self.earlier else (listed, "")
        self.newest, self.gap, self.earlier = revision(listed), None, ""

    async def _watch(self, kubernetes: Kubernetes, resuming: bool) -> AsyncGenerator[Step[T], None]:
        """Until a clean EOF, an ERROR after which to list anew, or distrust."""
        query = {
            "watch": "true", "allowWatchBookmarks": "true", "resourceVersion": self.revision, **self.target.selector
        }  # fmt: skip
        try:
            async with kubernetes.watch(self.target.path, query, SILENCE) as lines:
                if resuming:
                    yield Opened()
                told, self.mute = 0, self.mute + 1
                async for line in lines:
                    event = self.target.resource.line(line)
                    if isinstance(event, Error):
                        if self.reserve:
                            yield self._lost(reason_of(event), event.object.message)
                        else:
                            self._expired(event, fresh=not (resuming or told))
                        return
                    told, self.mute, self.reserve = told + 1, 0, ""
                    at = revision(event.object.metadata.resource_version)
                    if isinstance(event, Bookmark):
                        yield Alive(at)
                    else:
                        yield Happened(event.object, isinstance(event, Deleted), at < self.newest)
                    if not self.revision:
                        return
                    self.revision = str(at)
                    if told % PORTION == 0:
                        await asyncio.sleep(0)  # thousands of lines may lie in the buffer
            self._doubt_a_mute_server()
        except (Unreachable, KubernetesError) as error:
            self._doubt_a_mute_server()
            if _ends_a_history(error):
                if self.reserve:
                    yield self._lost(error.reason, error.message)
                    return
                self.distrust(Break(error.reason, error.message))
            raise

    def _lost(self, reason: str, message: str) -> Lost:
        """The WATCH goes on from the list that is there already."""
        self.revision, self.reserve = self.reserve, ""
        return Lost(Break(reason, message))

    def _doubt_a_mute_server(self) -> None:
        """It may break off before every event: list anew and look for oneself."""
        if self.mute >= MUTE:
            self.mute = 0
            self.distrust(Break("Muted", f"{MUTE} WATCHes in a row opened and ended without a line"))

    def _expired(self, error: Error, fresh: bool) -> None:
        """410 and every other ERROR: list anew; at once, unless the last list is what was refused."""
        status = error.object
        self.distrust(Break(reason_of(error), status.message))
        if fresh:
            raise KubernetesError(status.code, status.reason, status.message)


def reason_of(error: Error) -> str:
    return error.object.reason or f"Code{error.object.code}"


def lost_future(seen: str, newest: str) -> Break:
    return Break("LostFuture", f"the server is at revision {newest} and we had seen {seen}: restored from a backup")


def version(meta: Meta) -> Version:
    return Version(meta.uid, meta.generation or 0, revision(meta.resource_version))


def _ends_a_history(error: Unreachable | KubernetesError) -> bool:
    """A break of the connection does not, nor does silence (the server's own revision is asked for before the WATCH is
    resumed): what the server still knows is told. A line that we could not read does, for it would come again."""
    if isinstance(error, Unreachable):
        return error.reason in ("Undecodable", "LineTooLong", "NotJson")
    return error.status in (400, 410, 500, 504)
