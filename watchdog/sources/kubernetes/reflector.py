"""List, then watch, resume, relist: a collection as steps that miss nothing that the server still knows.

What the WATCH of a real API server does, and what each clause here answers to, is in the README of the kube-wire
recordings (points 1-5, 11-14, 24). It reads no clock: silence is the port's to notice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager, aclosing
from dataclasses import dataclass
from typing import Generic, TypeAlias

from watchdog.ports import Kubernetes, KubernetesError, Unreachable
from watchdog.sources.kubernetes.listing import LIST_TIMEOUT, Listing, NotServed, paged, streamed
from watchdog.sources.kubernetes.objects import Bookmark, Deleted, Error, T
from watchdog.sources.kubernetes.resources import Resource, head, revision

SILENCE = 70.0
"""Seconds: BOOKMARKs come every 60 s, also when busy; without one for longer, the connection is dead."""
MUTE = 3
"""WATCHes in a row that open and end without a line: a server (or a proxy before it) that answers and tells nothing."""
PAUSE = 0.1
"""Seconds between a WATCH that ended and the next."""


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """The whole collection. ``began`` is what ``looking`` said when the look began."""

    listing: Listing[T]
    began: int


@dataclass(frozen=True, slots=True)
class Happened(Generic[T]):
    object: T
    deleted: bool


@dataclass(frozen=True, slots=True)
class Alive:
    """Nothing happened, and the server has said so."""


Step: TypeAlias = Listed[T] | Happened[T] | Alive


class Reflector(Generic[T]):
    """It outlives its streams: after a failure it resumes where it was, so that what happened meanwhile is seen too."""

    def __init__(
        self, resource: Resource[T], namespace: str, looking: Callable[[], AbstractContextManager[int]]
    ) -> None:
        self.resource: Resource[T] = resource
        self.namespace, self.looking = namespace, looking
        self.path = resource.path(namespace)
        self.revision = ""  # the next WATCH begins here; empty: list first
        self.mute = 0  # WATCHes in a row that opened and said nothing
        self.streaming = True  # until the server has shown that it does not serve streaming lists

    async def steps(self, kubernetes: Kubernetes) -> AsyncGenerator[Step[T], None]:
        """Never ends by itself. Raises ``KubernetesError`` and ``Unreachable``; call it again after that."""
        while True:
            if self.revision:
                await self._forget_a_lost_future(kubernetes)
            if not (resuming := bool(self.revision)):
                with self.looking() as began:
                    listing = await self._list(kubernetes)
                    yield Listed(listing, began)
                    self.revision = listing.revision
            async with aclosing(self._watch(kubernetes, resuming)) as steps:
                async for step in steps:
                    yield step
            await asyncio.sleep(PAUSE)

    async def _forget_a_lost_future(self, kubernetes: Kubernetes) -> None:
        """A revision beyond the server's own (etcd restored from a backup) would be answered by silence: list anew."""
        newest = head(await kubernetes.read(self.path, {"limit": "1"}, LIST_TIMEOUT)).metadata.resource_version
        if revision(newest) < revision(self.revision):
            self.revision = ""

    async def _list(self, kubernetes: Kubernetes) -> Listing[T]:
        if self.streaming:
            try:
                return await streamed(kubernetes, self.resource, self.namespace)
            except NotServed:
                self.streaming = False
        return await paged(kubernetes, self.resource, self.namespace)

    async def _watch(self, kubernetes: Kubernetes, resuming: bool) -> AsyncGenerator[Step[T], None]:
        """Until a clean EOF, or an ERROR after which to list anew."""
        query = {"watch": "true", "allowWatchBookmarks": "true", "resourceVersion": self.revision}
        try:
            async with kubernetes.watch(self.path, query, SILENCE) as lines:
                if resuming:
                    yield Alive()
                fresh, self.mute = not resuming, self.mute + 1
                async for line in lines:
                    event = self.resource.line(line)
                    if isinstance(event, Error):
                        self._expired(event, fresh)
                        return
                    fresh, self.mute = False, 0
                    yield Alive() if isinstance(event, Bookmark) else Happened(event.object, isinstance(event, Deleted))
                    self.revision = event.object.metadata.resource_version
            self._doubt_a_mute_server()
        except (Unreachable, KubernetesError) as error:
            self._doubt_a_mute_server()
            if _ends_a_history(error):
                self.revision = ""
            raise

    def _doubt_a_mute_server(self) -> None:
        """It may break off before every event: list anew and look for oneself."""
        if self.mute >= MUTE:
            self.revision, self.mute = "", 0

    def _expired(self, error: Error, fresh: bool) -> None:
        """410 and every other ERROR: list anew; at once, unless the last list is what was refused."""
        self.revision = ""
        if fresh:
            raise KubernetesError(error.object.code, error.object.reason, error.object.message)


def _ends_a_history(error: Unreachable | KubernetesError) -> bool:
    """A break of the connection does not: the WATCH is resumed. Silence does, for the revision may be one from a future
    that is lost, and so does a line that we could not read."""
    if isinstance(error, Unreachable):
        return error.reason in ("Silent", "Undecodable", "LineTooLong", "NotJson")
    return error.status in (400, 410, 500, 504)
