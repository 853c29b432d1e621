"""The streams of the source: what each looks at, what it carries, and for how long one look holds.

What a scope *provides* decides what is unknown while it fails (``core.posture``):
* the kill switches are known objects, each read directly: their reads provide them, and a failing WATCH of ConfigMaps
  does not make a switch unknown that is read every second (it tells of the switch all the same, and sooner);
* a copy of an execution workload may stand anywhere under any name: every look at workloads and Pods provides them;
* whatever holds environments, or is referred to by them, provides modes.

Objects that are known by name have a WATCH of their own beside the collection's, so that their events wait for no list.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from watchdog.core.facts import Subject
from watchdog.core.observation import Coverage, Facts, Scope, Sees
from watchdog.core.selection import Named
from watchdog.ports import Kubernetes, KubernetesError, Ports, Unreachable
from watchdog.sources import Stream
from watchdog.sources.kubernetes import selectors
from watchdog.sources.kubernetes.afterwards import Afterwards
from watchdog.sources.kubernetes.guarded import Guarded
from watchdog.sources.kubernetes.history import Ground, History, part, unmarked
from watchdog.sources.kubernetes.inventory import Owner, SwitchesOf
from watchdog.sources.kubernetes.listing import LIST_TIMEOUT, End, Target, key_of, paged
from watchdog.sources.kubernetes.objects import Selector, T
from watchdog.sources.kubernetes.permissions import title
from watchdog.sources.kubernetes.reflector import SILENCE
from watchdog.sources.kubernetes.resources import (
    CONFIG_MAPS,
    CRON_JOBS,
    EVERY,
    NODES,
    OPTIONAL,
    PODS,
    ROLLOUTS,
    SCALERS,
    WORKLOADS,
    Key,
    Resource,
    revision,
)
from watchdog.sources.kubernetes.seen import keys_seen, named_seen, seen_by
from watchdog.sources.kubernetes.served import once_served
from watchdog.sources.kubernetes.telling import Telling

WATCH_STALE = SILENCE + 5.0
WATCH_DEADLINE = SILENCE + 20.0
ASIDE_STALE = 300.0
FIRST_PROBE, PROBE = 5.0, 60.0
"""Seconds: so late at most it is noticed that an open WATCH would not be opened again."""

PROVIDES: Mapping[str, frozenset[str]] = {
    CONFIG_MAPS.plural: frozenset({"mode"}),
    **{resource.plural: frozenset({"workload", "mode", "wiring"}) for resource in (*WORKLOADS.values(), PODS)},
    **{resource.plural: frozenset({"workload", "mode", "wiring", "latent"}) for resource in (CRON_JOBS, ROLLOUTS)},
    **{resource.plural: frozenset({"latent"}) for resource in SCALERS.values()},
    NODES.plural: frozenset(),
}


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


@dataclass
class Wall:
    """The wall clock, which is there once the first stream has been handed the ports."""

    ports: Ports | None = None

    def now(self) -> float:
        assert self.ports is not None
        return self.ports.clock.now().wall.timestamp()


@dataclass
class Cluster:
    """The streams' common ground: one client, one inventory. ``source``: its name."""

    source: str
    connector: Callable[[Ports], Kubernetes]
    guarded: Guarded
    pace: Pace
    histories: list[History[Any]] = field(default_factory=list)
    elsewhere: dict[str, dict[Key, None]] = field(default_factory=dict)  # what has a WATCH of its own, by kind
    bodies: dict[tuple[str, Key], tuple[bytes, int]] = field(default_factory=dict)  # as last read, and its revision
    read: dict[Owner, int] = field(default_factory=dict)  # the telling that its direct read told last
    _wall: Wall = field(default_factory=Wall)
    _blind: dict[Subject, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.telling = Telling(self.guarded, self._wall.now)
        self.ground = Ground(self.telling, Afterwards(self.connect, self.pace.request_timeout))

    def connect(self, ports: Ports) -> Kubernetes:
        self._wall.ports = ports
        return self.connector(ports)

    # the histories

    def watched(self, resource: Resource[T], namespace: str, name: str = "") -> tuple[str, Stream]:
        """A collection, or one object of it by its name."""
        target = Target(resource, namespace, name)
        history = self._history(f"watch {target}", target)
        if not name or (resource is CONFIG_MAPS and Key(namespace, name) not in self._reads()):
            sees = self._sees(resource, namespace, name)
            coverage = Coverage(PROVIDES[resource.plural], WATCH_STALE, quiet=True, sees=sees)
        else:
            coverage = Coverage(frozenset(), WATCH_STALE, quiet=True)
        return f"watch {target}", Stream(coverage, lambda ports: self._watch(ports, history), WATCH_DEADLINE)

    def listed(self, resource: Resource[T], namespace: str, name: str = "") -> tuple[str, Stream]:
        """Polling alone: the whole collection, again and again."""
        target = Target(resource, namespace, name)
        history = self._history(f"list {target}", target, polled=True)
        waiting = resource in OPTIONAL  # for its definition: it says so once a minute
        stale, deadline = (WATCH_STALE, WATCH_DEADLINE) if waiting else (self.pace.stale_after, 3 * LIST_TIMEOUT)
        coverage = Coverage(PROVIDES[resource.plural], stale, sees=self._sees(resource, namespace, name))
        return f"list {target}", Stream(coverage, lambda ports: self._list(ports, history), deadline)

    def _history(self, part: str, target: Target[T], *, polled: bool = False) -> History[T]:
        key = Key(target.namespace, target.name)
        of_kind = self.elsewhere.setdefault(target.resource.plural, {})
        if target.name:
            of_kind[key] = None
            self.ground.heard[target.resource.plural, key] = {}
        elsewhere: Mapping[Key, None] = {} if target.name else of_kind
        history = History(Scope(self.source, part), target, self.ground, elsewhere, polled=polled)
        self.histories.append(history)
        return history

    def _reads(self) -> list[Key]:
        """The ConfigMaps that are read directly."""
        return [Key(carrier.namespace, carrier.config_map) for carrier in self.guarded.switches]

    def _sees(self, resource: Resource[Any], namespace: str, name: str) -> tuple[Sees, ...]:
        if name:
            return named_seen(resource, namespace, name)
        if resource is NODES:
            return (Sees("kind", title(resource.group, resource.plural)),)
        bears = resource not in SCALERS.values()
        return seen_by(resource, namespace, [v.name for v in self.guarded.variables] if bears else [])

    async def _watch(self, ports: Ports, history: History[Any]) -> AsyncGenerator[Facts, None]:
        kubernetes = self.connect(ports)
        yield history.recalled(ports)
        await self._after(history)
        looks = history.watch(ports, kubernetes)
        if history.target.resource in OPTIONAL:
            resource = history.target.resource
            absent = partial(self._absent, ports, history)
            looks = once_served(kubernetes, resource, absent, lambda: history.watch(ports, kubernetes))
        async with aclosing(looks):
            async for facts in looks:
                yield facts

    @staticmethod
    def _absent(ports: Ports, history: History[Any]) -> Facts:
        return history.absent(ports.clock.now())

    async def _after(self, history: History[Any]) -> None:
        """Whatever a fact is made of is told before it at the start, so that an environment is not unknown, nor a Pod
        without a workload, for a blink. What is not seen does not hold up what is."""
        target = history.target
        before = EVERY[: 0 if target.name or target.resource is NODES else EVERY.index(target.resource)]
        others = [one.target for one in self.histories if not one.target.name]
        try:
            async with asyncio.timeout(self.pace.request_timeout):
                for other in [other for other in others if other.namespace == target.namespace]:
                    if other.resource in before:
                        await self.ground.is_first(other.resource, other.namespace).wait()
        except TimeoutError:
            pass

    async def _list(self, ports: Ports, history: History[Any]) -> AsyncGenerator[Facts, None]:
        kubernetes = self.connect(ports)

        async def looks() -> AsyncGenerator[Facts, None]:
            async for facts in self._polled(ports, lambda: history.look(ports, kubernetes)):
                yield facts

        seen = looks()
        if history.target.resource in OPTIONAL:
            seen = once_served(kubernetes, history.target.resource, partial(self._absent, ports, history), looks)
        async with aclosing(seen):
            async for facts in seen:
                yield facts

    # beside them

    def aside(self) -> tuple[str, Stream]:
        """Every minute whether each list is still allowed, every ten minutes the list itself."""
        return "list beside the watches", Stream(
            Coverage(frozenset(), ASIDE_STALE), self._aside, PROBE + 3 * LIST_TIMEOUT
        )

    async def _aside(self, ports: Ports) -> AsyncGenerator[Facts, None]:
        """One that fails hides no other; it is the whole that is unknown then."""
        kubernetes, pause = self.connect(ports), FIRST_PROBE
        while True:
            failed: list[KubernetesError | Unreachable] = []
            for history in [history for history in self.histories if history.served and not history.polled]:
                try:
                    async with aclosing(history.beside(ports, kubernetes)) as looks:
                        async for facts in looks:
                            yield replace(facts, partial=True)
                except (KubernetesError, Unreachable) as error:
                    failed.append(error)
            if failed:
                raise failed[0]
            yield Facts()
            await asyncio.sleep(pause)
            pause = PROBE

    def afterwards(self) -> tuple[str, Stream]:
        coverage = Coverage(frozenset(), 6 * LIST_TIMEOUT)
        return "what is learned of gaps", Stream(coverage, self.ground.afterwards.looks, 3 * LIST_TIMEOUT)

    # reading directly

    def guarded_config_map(self, namespace: str, name: str) -> tuple[str, Stream]:
        key = Key(namespace, name)
        carriers = [c for c in self.guarded.switches if (c.namespace, c.config_map) == key]
        coverage = Coverage(frozenset({"kill_switch"}), self.pace.stale_after, sees=keys_seen(carriers))
        return f"read ConfigMap {namespace}/{name}", Stream(
            coverage, lambda ports: self._polled(ports, lambda: self._read_config_map(ports, key)), self.pace.deadline
        )

    def guarded_workload(self, who: Named) -> tuple[str, Stream]:
        last: list[Selector] = []
        coverage = Coverage(frozenset({"workload", "mode"}), self.pace.stale_after)
        return f"read {who.kind} {who.namespace}/{who.name} and its Pods", Stream(
            coverage,
            lambda ports: self._polled(ports, lambda: self._read_workload(ports, who, last)),
            self.pace.deadline,
        )

    async def _polled(
        self, ports: Ports, look: Callable[[], AsyncGenerator[Facts, None]]
    ) -> AsyncGenerator[Facts, None]:
        """A look every ``poll_interval``, measured from the beginning of the last. One that succeeds is stamped with
        its beginning; what it finds on its way, with when it was found."""
        while True:
            began = ports.clock.now()
            async with aclosing(look()) as looks:
                async for facts in looks:
                    if not facts.partial or facts.seen or facts.gone:
                        yield facts if facts.partial else replace(facts, at=began)
            await asyncio.sleep(max(0.0, self.pace.poll_interval - ports.clock.now().since(began)))

    async def _read_config_map(self, ports: Ports, key: Key) -> AsyncGenerator[Facts, None]:
        async for facts in self._read(ports, CONFIG_MAPS, key):
            yield facts
        waited = self.telling.inventory.looked_at(CONFIG_MAPS, *key)
        yield self._told(SwitchesOf(key), waited)

    async def _read_workload(self, ports: Ports, who: Named, last: list[Selector]) -> AsyncGenerator[Facts, None]:
        """The workload, then its Pods; those of a workload that is gone by the selector that it last had."""
        async for facts in self._read(ports, WORKLOADS[who.kind], Key(who.namespace, who.name)):
            yield facts
        workload = self.telling.inventory.workload(who)
        if workload is not None and workload.selector is not None:
            last[:] = [workload.selector]
        for selector in last:
            async for facts in self._read_pods(ports, who.namespace, selector):
                yield facts
        waited = self.telling.inventory.looked_at(PODS, who.namespace, f"{who.kind}/{who.name}")
        yield self._told(who, waited)

    def _told(self, owner: Owner, waited: Iterable[Owner]) -> Facts:
        """Its facts, unless nobody has told others since this read last did: the look that succeeds says so."""
        if self.read.get(owner) == self.telling.telling_of(owner) and not waited:
            return Facts()
        facts = unmarked(self.telling.tell({owner: None, **dict.fromkeys(waited)}))
        self.read[owner] = self.telling.telling_of(owner)
        return facts

    async def _read(self, ports: Ports, resource: Resource[T], key: Key) -> AsyncGenerator[Facts, None]:
        began_at, store = ports.clock.now().wall, self.telling.inventory.store(resource)
        with store.looking() as began:
            body = await _get(self.connect(ports), resource, key, self.pace.request_timeout)
            last = self.bodies.get((resource.kind, key))
            if body is None:
                yield part(self.telling.looked_over(resource, [key], [], began, None))
                return
            found = None
            if last is None or last[0] != body:
                found = _decoded(resource, key, body)
                last = self.bodies[resource.kind, key] = body, revision(found.metadata.resource_version)
            self.ground.sightings.note(resource, key, last[1], began_at, ports.clock.now().wall)
            if found is not None or not store.holds(key, last[1]):
                yield part(self.telling.found(resource, [found or _decoded(resource, key, body)], began))

    async def _read_pods(self, ports: Ports, namespace: str, selector: Selector) -> AsyncGenerator[Facts, None]:
        query, timeout = {"labelSelector": selectors.query(selector)}, self.pace.request_timeout
        target, seen = Target(PODS, namespace), dict[Key, None]()
        with self.telling.inventory.store(PODS).looking() as began:
            async with aclosing(paged(self.connect(ports), target, query, timeout)) as portions:
                async for portion in portions:
                    if isinstance(portion, End):
                        held = self.telling.inventory.pods_matching(namespace, selector)
                        covered = [Key(pod.named.namespace, pod.named.name) for pod in held]
                        number = revision(portion.revision)
                        yield part(self.telling.looked_over(PODS, covered, seen, began, number))
                    elif not isinstance(portion, Key):
                        seen |= {key_of(pod): None for pod in portion}
                        yield part(self.telling.found(PODS, portion, began))


async def _get(kubernetes: Kubernetes, resource: Resource[T], key: Key, timeout: float) -> bytes | None:
    """The object, or nothing if the API server itself says that there is no such object: that is a look that succeeded.
    A 404 from anybody else (a proxy, a path that is not served) is not."""
    try:
        return await kubernetes.read(resource.path(*key), {}, timeout)
    except KubernetesError as error:
        if error.status == 404 and error.reason == "NotFound" and f'"{key.name}" not found' in error.message:
            return None
        raise


def _decoded(resource: Resource[T], key: Key, body: bytes) -> T:
    found = resource.object(body)
    if key_of(found) != key:
        raise Unreachable("Undecodable", f"expected {resource.kind} {key.namespace}/{key.name}, found another object")
    return found
