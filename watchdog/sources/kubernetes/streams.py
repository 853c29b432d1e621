"""The streams of the source: what each looks at, what it carries, and for how long one look holds.

What a scope *provides* decides what is unknown while it fails (``core.posture``):
* the kill switches are known objects, each read directly: their reads provide them, and a failing WATCH of ConfigMaps
  does not make a switch unknown that is read every second (it tells of the switch all the same, and sooner);
* a copy of an execution workload may stand anywhere under any name: every look at workloads and Pods provides them;
* whatever holds environments, or is referred to by them, provides modes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from watchdog.core.observation import Coverage, Facts
from watchdog.core.selection import Named
from watchdog.ports import Kubernetes, KubernetesError, Ports, Unreachable
from watchdog.sources import Stream
from watchdog.sources.kubernetes import selectors
from watchdog.sources.kubernetes.inventory import Owner, SwitchesOf
from watchdog.sources.kubernetes.listing import LIST_TIMEOUT, Listing, paged
from watchdog.sources.kubernetes.objects import Selector, T
from watchdog.sources.kubernetes.reflector import SILENCE, Alive, Happened, Listed, Reflector
from watchdog.sources.kubernetes.resources import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    PODS,
    STATEFUL_SETS,
    WORKLOADS,
    Key,
    Resource,
    revision,
)
from watchdog.sources.kubernetes.store import key_of
from watchdog.sources.kubernetes.telling import Telling

WATCH_STALE = SILENCE + 5.0
WATCH_DEADLINE = SILENCE + 20.0

PROVIDES = {
    CONFIG_MAPS.plural: frozenset({"mode"}),
    DEPLOYMENTS.plural: frozenset({"workload", "mode"}),
    STATEFUL_SETS.plural: frozenset({"workload", "mode"}),
    PODS.plural: frozenset({"workload", "mode"}),
}
AFTER: dict[str, tuple[Resource[Any], ...]] = {
    DEPLOYMENTS.plural: (CONFIG_MAPS,),
    STATEFUL_SETS.plural: (CONFIG_MAPS,),
    PODS.plural: (DEPLOYMENTS, STATEFUL_SETS),
}
"""What is told first at the start, so that an environment is not unknown, nor a Pod without a workload, for a blink."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds."""

    poll_interval: float
    request_timeout: float
    stale_after: float

    @property
    def deadline(self) -> float:
        """Two requests and a pause, and some room for a busy machine."""
        return self.poll_interval + 2 * self.request_timeout + 2.0


class Cluster:
    """The streams' common ground: one client, one inventory."""

    def __init__(self, connect: Callable[[Ports], Kubernetes], telling: Telling, pace: Pace) -> None:
        self.connect, self.telling, self.pace = connect, telling, pace
        self._first: dict[tuple[str, str], asyncio.Event] = {}

    # the streams

    def watched(self, resource: Resource[Any], namespace: str) -> tuple[str, Stream]:
        reflector = Reflector(resource, namespace, self.telling.inventory.store(resource).looking)
        coverage = Coverage(PROVIDES[resource.plural], WATCH_STALE, quiet=True)
        return _name("watch", resource, namespace), Stream(
            coverage, lambda ports: self._watch(self.connect(ports), reflector), WATCH_DEADLINE
        )

    def listed(self, resource: Resource[Any], namespace: str) -> tuple[str, Stream]:
        """Polling alone: the whole collection, again and again."""
        coverage = Coverage(PROVIDES[resource.plural], self.pace.stale_after)
        return _name("list", resource, namespace), Stream(
            coverage, lambda ports: self._poll(ports, lambda k: self._list(k, resource, namespace)), 3 * LIST_TIMEOUT
        )

    def guarded_config_map(self, namespace: str, name: str) -> tuple[str, Stream]:
        coverage = Coverage(frozenset({"kill_switch"}), self.pace.stale_after)
        return f"read ConfigMap {namespace}/{name}", Stream(
            coverage,
            lambda ports: self._poll(ports, lambda k: self._read_config_map(k, Key(namespace, name))),
            self.pace.deadline,
        )

    def guarded_workload(self, who: Named) -> tuple[str, Stream]:
        last: list[Selector] = []
        coverage = Coverage(frozenset({"workload", "mode"}), self.pace.stale_after)
        return f"read {who.kind} {who.namespace}/{who.name} and its Pods", Stream(
            coverage, lambda ports: self._poll(ports, lambda k: self._read_workload(k, who, last)), self.pace.deadline
        )

    # watching

    async def _watch(self, kubernetes: Kubernetes, reflector: Reflector[T]) -> AsyncGenerator[Facts, None]:
        resource, namespace = reflector.resource, reflector.namespace
        await self._after(resource, namespace)
        async with aclosing(reflector.steps(kubernetes)) as steps:
            async for step in steps:
                match step:
                    case Happened(object=object_, deleted=deleted):
                        for facts in self.telling.happened(resource, object_, deleted):
                            yield facts
                    case Alive():
                        yield Facts()
                    case Listed(listing=listing, began=began):
                        yield self.telling.tell(self._take(resource, namespace, listing, began))

    async def _after(self, resource: Resource[Any], namespace: str) -> None:
        try:
            async with asyncio.timeout(self.pace.request_timeout):
                for earlier in AFTER.get(resource.plural, ()):
                    await self._is_first(earlier, namespace).wait()
        except TimeoutError:
            pass  # what is not seen does not hold up what is

    def _is_first(self, resource: Resource[Any], namespace: str) -> asyncio.Event:
        return self._first.setdefault((resource.plural, namespace), asyncio.Event())

    def _take(self, resource: Resource[T], namespace: str, listing: Listing[T], began: int) -> dict[Owner, None]:
        covered = self.telling.covered(resource, namespace)
        touched = self.telling.looked(resource, listing.items, covered, began, revision(listing.revision))
        self._is_first(resource, namespace).set()
        return touched | self.telling.inventory.looked_at(resource, namespace)

    # polling

    async def _poll(
        self, ports: Ports, look: Callable[[Kubernetes], Awaitable[dict[Owner, None]]]
    ) -> AsyncGenerator[Facts, None]:
        """A look every ``poll_interval``, measured from the beginning of the last; stamped with its beginning."""
        kubernetes = self.connect(ports)
        while True:
            began = ports.clock.now()
            touched = await look(kubernetes)
            yield replace(self.telling.tell(touched), at=began)
            await asyncio.sleep(max(0.0, self.pace.poll_interval - ports.clock.now().since(began)))

    async def _list(self, kubernetes: Kubernetes, resource: Resource[T], namespace: str) -> dict[Owner, None]:
        with self.telling.inventory.store(resource).looking() as began:
            listing = await paged(kubernetes, resource, namespace, timeout=self.pace.request_timeout)
            return self._take(resource, namespace, listing, began)

    async def _read_config_map(self, kubernetes: Kubernetes, key: Key) -> dict[Owner, None]:
        touched: dict[Owner, None] = {SwitchesOf(key): None}
        touched |= await self._read(kubernetes, CONFIG_MAPS, key)
        return touched | self.telling.inventory.looked_at(CONFIG_MAPS, *key)

    async def _read_workload(self, kubernetes: Kubernetes, who: Named, last: list[Selector]) -> dict[Owner, None]:
        """The workload, then its Pods; those of a workload that is gone by the selector that it last had."""
        touched: dict[Owner, None] = {who: None}
        touched |= await self._read(kubernetes, WORKLOADS[who.kind], Key(who.namespace, who.name))
        if (workload := self.telling.inventory.workload(who)) is not None:
            last[:] = [workload.spec.selector]
        for selector in last:
            touched |= await self._read_pods(kubernetes, who.namespace, selector)
        self.telling.inventory.looked_at(PODS, who.namespace, f"{who.kind}/{who.name}")
        return touched

    async def _read(self, kubernetes: Kubernetes, resource: Resource[T], key: Key) -> dict[Owner, None]:
        with self.telling.inventory.store(resource).looking() as began:
            found = await _get(kubernetes, resource, key, self.pace.request_timeout)
            return self.telling.looked(resource, found, [key], began, None)

    async def _read_pods(self, kubernetes: Kubernetes, namespace: str, selector: Selector) -> dict[Owner, None]:
        query, timeout = selectors.query(selector), self.pace.request_timeout
        with self.telling.inventory.pods.looking() as began:
            listing = await paged(kubernetes, PODS, namespace, query, timeout)
            covered = [key_of(pod) for pod in self.telling.inventory.pods_matching(namespace, selector)]
            return self.telling.looked(PODS, listing.items, covered, began, revision(listing.revision))


async def _get(kubernetes: Kubernetes, resource: Resource[T], key: Key, timeout: float) -> tuple[T, ...]:
    """The object, or nothing if the API server itself says that there is no such object: that is a look that succeeded.
    A 404 from anybody else (a proxy, a path that is not served) is not."""
    try:
        found = resource.object(await kubernetes.read(resource.path(*key), {}, timeout))
    except KubernetesError as error:
        if error.status == 404 and error.reason == "NotFound" and f'"{key.name}" not found' in error.message:
            return ()
        raise
    if key_of(found) != key:
        raise Unreachable("Undecodable", f"expected {resource.kind} {key.namespace}/{key.name}, found another object")
    return (found,)


def _name(verb: str, resource: Resource[T], namespace: str) -> str:
    return f"{verb} {resource.plural} in {namespace}" if namespace else f"{verb} {resource.plural} everywhere"
