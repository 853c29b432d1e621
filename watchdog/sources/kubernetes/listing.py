"""A whole collection as of one revision, in small portions: as a streaming list where it is served, else in pages.

Delay of an event while 10,000 Pods are listed beside it: 5 ms streamed, 63 ms in pages, 1.4 s as one body. Between two
portions the event loop gets its turn, and no more than one of them is held.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, TypeAlias

import msgspec

from watchdog.ports import Kubernetes, KubernetesError, Unreachable
from watchdog.sources.kubernetes.lines import Bookmark, Deleted, Error, ListMeta
from watchdog.sources.kubernetes.objects import Object, Struct, T
from watchdog.sources.kubernetes.resources import Key, Resource, decoder

PORTION = 10
"""Objects. Decoding and indexing one takes up to 0.1 ms, and an event on its way passes through some five tasks: each
waits for one portion of each list that is under way."""
PAGE = 500
LIST_TIMEOUT = 10.0
LIST_SILENCE = 5.0
"""Seconds; an API server answers a streaming list within 3 s, or with an ERROR."""
NOTHING: Mapping[str, str] = {}
STREAMED = {
    "watch": "true",
    "sendInitialEvents": "true",
    "resourceVersionMatch": "NotOlderThan",
    "allowWatchBookmarks": "true",
}


@dataclass(frozen=True)
class Target(Generic[T]):
    """What is listed and watched: a collection of one namespace (empty: of the cluster), or one object of it by its
    name, which a field selector asks for so that RBAC can name it."""

    resource: Resource[T]
    namespace: str
    name: str = ""

    @property
    def path(self) -> str:
        return self.resource.path(self.namespace)

    @property
    def selector(self) -> Mapping[str, str]:
        return {"fieldSelector": f"metadata.name={self.name}"} if self.name else {}

    def covers(self, key: Key) -> bool:
        return self.namespace in ("", key.namespace) and self.name in ("", key.name)

    def __str__(self) -> str:
        if self.name:
            return f"{self.resource.kind} {self.namespace}/{self.name}"
        return f"{self.resource.plural} {f'in {self.namespace}' if self.namespace else 'everywhere'}"


@dataclass(frozen=True, slots=True)
class End:
    """The list is whole, as of this revision."""

    revision: str


Portions: TypeAlias = AsyncGenerator[list[T] | Key | End, None]
"""Portions of a list, an object at most once in each (a ``Key``: that one went meanwhile), and then its end; without an
end it is no list."""


class NotServed(Exception):
    """The server does not know streaming lists: it refused, or left out the mark at the end of the initial events."""


class RawPage(Struct, frozen=True):
    """A page whose items are decoded a portion at a time."""

    metadata: ListMeta
    items: tuple[msgspec.Raw, ...] | None = None


_raw_page = decoder(RawPage, "a list")


async def streamed(kubernetes: Kubernetes, target: Target[T]) -> Portions[T]:
    """Raises ``NotServed``, ``KubernetesError`` (an ERROR in the stream included) and ``Unreachable``."""
    try:
        async with aclosing(_until_marked(kubernetes, target)) as portions:
            async for portion in portions:
                yield portion
    except KubernetesError as error:
        if error.status in (400, 422):
            raise NotServed from None
        raise
    except Unreachable as error:
        if error.reason == "Silent":
            raise NotServed from None
        raise


async def _until_marked(kubernetes: Kubernetes, target: Target[T]) -> Portions[T]:
    """A change of an object that was already sent may come before the mark: each state is handed on by itself."""
    pending: dict[Key, T] = {}
    async with kubernetes.watch(target.path, {**STREAMED, **target.selector}, LIST_SILENCE) as lines:
        async for line in lines:
            match target.resource.line(line):
                case Bookmark(object=position) as bookmark:
                    if bookmark.ends_initial_events:
                        yield list(pending.values())
                        yield End(position.metadata.resource_version)
                        return
                case Error(object=status):
                    raise KubernetesError(status.code, status.reason, status.message)
                case event:
                    key = key_of(event.object)
                    if key in pending or len(pending) >= PORTION:
                        yield list(pending.values())
                        pending.clear()
                        await asyncio.sleep(0)
                    if isinstance(event, Deleted):
                        yield key
                    else:
                        pending[key] = event.object
    raise NotServed


async def paged(
    kubernetes: Kubernetes, target: Target[T], query: Mapping[str, str] = NOTHING, timeout: float = LIST_TIMEOUT
) -> Portions[T]:
    """Pages of 500; smaller ones from where 500 objects are too large a body. ``timeout`` seconds a page. Raises
    ``KubernetesError`` and ``Unreachable``."""
    limit, place = PAGE, dict[str, str]()
    while True:
        asked = {"limit": str(limit), **target.selector, **query, **place}
        try:
            page = _raw_page(await kubernetes.read(target.path, asked, timeout))
        except Unreachable as error:
            if error.reason != "BodyTooLarge" or limit == 1:
                raise
            limit = max(1, limit // 10)
            continue
        for portion in _portions(page.items or ()):
            yield [target.resource.object(raw) for raw in portion]
            await asyncio.sleep(0)
        if not page.metadata.continue_:
            yield End(page.metadata.resource_version)
            return
        place = {"continue": page.metadata.continue_}


def _portions(items: Sequence[msgspec.Raw]) -> Iterator[Sequence[msgspec.Raw]]:
    return (items[start : start + PORTION] for start in range(0, len(items), PORTION))


def key_of(object_: Object) -> Key:
    return Key(object_.metadata.namespace, object_.metadata.name)
