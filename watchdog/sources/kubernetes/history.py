"""One collection, or one object by its name: its steps as facts, and what a break in them is worth.

Facts are never told in one piece of ten thousand: what a look found is told a portion at a time (``Facts.partial``),
and only its end is a look that succeeded.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Container, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import islice
from typing import Any, Generic

import msgspec

from watchdog.core.facts import Mark
from watchdog.core.instant import Instant
from watchdog.core.observation import Facts, Position, Scope
from watchdog.ports import Kubernetes, Ports
from watchdog.sources.kubernetes.afterwards import Afterwards
from watchdog.sources.kubernetes.listing import LIST_TIMEOUT, Target, key_of
from watchdog.sources.kubernetes.objects import Object, T
from watchdog.sources.kubernetes.reflector import (
    Alive,
    Break,
    Found,
    Happened,
    LookedOver,
    Lost,
    Opened,
    Reflector,
    Step,
    lost_future,
)
from watchdog.sources.kubernetes.resources import OPTIONAL, Key, Resource, head, revision
from watchdog.sources.kubernetes.telling import Telling
from watchdog.sources.kubernetes.trail import FIRST_LOOK, RESTARTED, Doubt, Sightings, Trail, Window

PORTION = 50
"""Owners whose facts are told before the event loop gets its turn."""
RELIST_EVERY = 600.0
HEARD = 1_000
"""Revisions of an object with a WATCH of its own that are remembered as told: two streams bring each of its events."""


@dataclass
class Ground:
    """What the streams of one source share."""

    telling: Telling
    afterwards: Afterwards
    sightings: Sightings = field(default_factory=Sightings)
    heard: dict[tuple[str, Key], dict[int, bytes]] = field(default_factory=dict)  # by object with a WATCH of its own
    first: dict[tuple[str, str], asyncio.Event] = field(default_factory=dict)

    def is_first(self, resource: Resource[Any], namespace: str) -> asyncio.Event:
        """Set once a collection has been looked at."""
        return self.first.setdefault((resource.plural, namespace), asyncio.Event())

    def is_told(self, resource: Resource[Any], object_: Object) -> bool:
        """Whether another WATCH has told this event. The revision alone does not tell: after a gap the numbers may be
        those of another history (etcd restored from a backup)."""
        told = self.heard.get((resource.plural, key_of(object_)))
        return bool(told and told.get(revision(object_.metadata.resource_version)) == _digest(object_))

    def note_told(self, resource: Resource[Any], object_: Object) -> None:
        told = self.heard.get((resource.plural, key_of(object_)))
        if told is not None:
            told[revision(object_.metadata.resource_version)] = _digest(object_)
            if len(told) > HEARD:
                del told[next(iter(told))]


def _digest(object_: Object) -> bytes:
    return blake2b(msgspec.json.encode(object_), digest_size=16).digest()


class History(Generic[T]):
    """``elsewhere``: objects that have a history of their own. ``polled``: looks, one after the other, and no WATCH."""

    def __init__(
        self, scope: Scope, target: Target[T], ground: Ground, elsewhere: Container[Key] = (), *, polled: bool = False
    ) -> None:
        self.target: Target[T] = target
        self.ground, self.polled = ground, polled
        store = ground.telling.inventory.store(target.resource)
        self.reflector: Reflector[T] = Reflector(target, store.looking)
        self.aside: Reflector[T] = Reflector(target, store.looking)
        self.trail = Trail(scope, target, ground.telling.guards, elsewhere)
        self.served = target.resource not in OPTIONAL  # until it is watched
        self.relisted: Instant | None = None
        self.reserve: tuple[LookedOver, Instant] | None = None  # the list before a WATCH that began before it

    # the history itself

    def recalled(self, ports: Ports) -> Facts:
        """How far an earlier life of the daemon had seen, before anything else is told."""
        self.trail.recall(ports.recollection)
        return self.trail.recalled() if self.trail.last is None else Facts(partial=True)

    async def watch(self, ports: Ports, kubernetes: Kubernetes) -> AsyncGenerator[Facts, None]:
        """Never ends by itself. Raises ``KubernetesError`` and ``Unreachable``."""
        self.served = True
        async with aclosing(self.reflector.steps(kubernetes)) as steps:
            async for facts in self._told(steps, ports):
                yield facts

    async def look(self, ports: Ports, kubernetes: Kubernetes) -> AsyncGenerator[Facts, None]:
        """Polling alone: one whole list, compared with the one before."""
        self.trail.recall(ports.recollection)
        async with aclosing(self.reflector.look(kubernetes)) as steps:
            async for facts in self._told(steps, ports):
                yield facts

    async def _told(self, steps: AsyncGenerator[Step[T], None], ports: Ports) -> AsyncGenerator[Facts, None]:
        telling, resource = self.ground.telling, self.target.resource
        async for step in steps:
            match step:
                case Opened():
                    yield Facts()
                case Alive(revision=at):
                    self.trail.heard(at, ports.clock.now())
                    yield Facts(position=self.trail.position)
                case Lost(gap=gap):
                    async for facts in self._begun_after_all(gap, ports):
                        yield facts
                case Happened(object=object_, deleted=deleted, late=late):
                    again = self.ground.is_told(resource, object_)
                    told = [] if again else telling.happened(resource, object_, deleted)
                    marks = self.trail.happened(object_, deleted, ports.clock.now(), late=late)
                    number = revision(object_.metadata.resource_version)
                    before = number if number <= self.reflector.newest else 0
                    for facts in told:
                        yield replace(unmarked(facts), late=before if facts.origin else 0)
                    if again or told or marks.seen or marks.gone:  # else nothing is told twice that comes again
                        yield replace(marks, position=self.trail.position)
                    self.ground.note_told(resource, object_)
                case Found(objects=objects, began=began):
                    yield part(telling.found(resource, objects, began, self._blind_since(ports)))
                case LookedOver():
                    async for facts in self._looked_over(step, ports):
                        yield facts

    async def _looked_over(self, step: LookedOver, ports: Ports) -> AsyncGenerator[Facts, None]:
        telling, target, now = self.ground.telling, self.target, ports.clock.now()
        blind_since = self._blind_since(ports)
        yield part(
            telling.looked_over(
                target.resource, self.covered(), step.found, step.began, step.revision, blind_since
            )
        )  # fmt: skip
        for owners in portions(telling.inventory.looked_at(target.resource, target.namespace, target.name)):
            yield part(telling.tell(owners))
            await asyncio.sleep(0)
        if not target.name:
            self.ground.is_first(target.resource, target.namespace).set()
        if earlier := 0 if self.polled or step.gap else self.trail.resumable(step.found, step.revision):
            self.reflector.begin_at(earlier)
            self.trail.resume(step.found)
            self.reserve = step, now
            yield Facts(revision=step.revision)
        else:
            async for facts in self._begun(step, ports, now):
                yield facts

    async def _begun(self, step: LookedOver, ports: Ports, now: Instant) -> AsyncGenerator[Facts, None]:
        """With this list, which was whole ``now``."""
        yield self._accounted(step, ports, now)
        self.trail.adopt(step.found, step.revision, now)
        async for marks in self.marks(dict.fromkeys([*self.trail.told, *step.found])):
            yield marks
        yield Facts(position=None if self.polled else self.trail.position)

    async def _begun_after_all(self, gap: Break, ports: Ports) -> AsyncGenerator[Facts, None]:
        assert self.reserve is not None
        step, listed = self.reserve
        why = f"{RESTARTED.explanation}, and what came meanwhile could not be told ({gap.reason}: {gap.explanation})"
        async for facts in self._begun(replace(step, gap=replace(RESTARTED, explanation=why)), ports, listed):
            yield facts

    async def marks(self, keys: Iterable[Key], *, sweep: bool = False) -> AsyncGenerator[Facts, None]:
        for some in portions(keys, 10 * PORTION):
            marks = self.trail.marks(some, sweep=sweep)
            if marks.seen or marks.gone:
                yield replace(marks, partial=True)
            await asyncio.sleep(0)

    def covered(self) -> list[Key]:
        if self.target.name:
            return [Key(self.target.namespace, self.target.name)]
        return self.ground.telling.covered(self.target.resource, self.target.namespace)

    # what a break is worth

    def _blind_since(self, ports: Ports) -> float | None:
        """Since when a list that is under way cannot say what passed: the wall second of the last word before it."""
        why = self.trail.why(self.reflector.gap, ports.recollection)
        if why is FIRST_LOOK or (why is None and not self.polled):
            return None
        return self.trail.window(why, ports.recollection, ports.clock.now()).began.timestamp()

    def _accounted(self, step: LookedOver, ports: Ports, now: Instant) -> Facts:
        why = self.trail.why(step.gap, ports.recollection) or self._pause(ports, now)
        if why is None and not self.polled:
            return Facts(partial=True)
        facts, doubts = list[Any](), list[Doubt]()
        window = self.trail.window(why, ports.recollection, now)
        if why is not None:
            facts.append(self.trail.gap(why, window))
        if why is not FIRST_LOOK:
            doubts = [*self._doubts(step, window, told_twice=why is None)]
        facts += [doubt.fact for doubt in doubts if not doubt.excludable]
        self.ground.afterwards.keep(facts, now)
        self.ground.afterwards.look_into(doubts)
        return Facts(tuple(facts), partial=True)

    def _doubts(self, step: LookedOver, window: Window, *, told_twice: bool) -> Iterator[Doubt]:
        """Between two polls, what a kind without a generation cannot say stays unsaid: each change would be a doubt
        (``source`` tells of it as a blind spot)."""
        for doubt in self.trail.doubts(step.found, window, self.ground.sightings):
            if not (doubt.excludable and told_twice):
                yield doubt

    def _pause(self, ports: Ports, now: Instant) -> Break | None:
        """Polls follow each other, or there is a gap."""
        last = self.trail.last
        if not self.polled or last is None or now.since(last) <= 2 * LIST_TIMEOUT:
            return None
        return Break("NotPolled", "no look succeeded meanwhile")

    # beside the history

    async def beside(self, ports: Ports, kubernetes: Kubernetes) -> AsyncGenerator[Facts, None]:
        """Asks whether the server still lists to us (permissions are checked when a WATCH begins, and not again), and
        every ten minutes for the whole collection: what the WATCH has not told heals, and it is trusted no more."""
        before = self.reflector.revision
        query = {"limit": "1", **self.target.selector}
        newest = head(await kubernetes.read(self.target.path, query, LIST_TIMEOUT)).metadata.resource_version
        if before and revision(newest) < revision(before):
            self.reflector.distrust(lost_future(before, newest))
        if missed := self.trail.missed():
            self.reflector.distrust(missed)
        settled = self.relisted is not None and self.trail.last is not None  # else an earlier life's marks are needed
        async for marks in self.marks([*self.trail.versions], sweep=settled):
            yield marks
        now = ports.clock.now()
        if self.relisted is None or not before:
            self.relisted = now  # the history begins with a list
        if now.since(self.relisted) >= RELIST_EVERY:
            self.relisted = now
            async for facts in self._relist(ports, kubernetes):
                yield facts

    async def _relist(self, ports: Ports, kubernetes: Kubernetes) -> AsyncGenerator[Facts, None]:
        telling, resource = self.ground.telling, self.target.resource
        self.trail.beside()
        self.aside.streaming = self.reflector.streaming
        async with aclosing(self.aside.look(kubernetes)) as steps:
            async for step in steps:
                match step:
                    case Found(objects=objects, began=began):
                        yield part(telling.found(resource, objects, began))
                    case LookedOver(found=found, began=began, revision=at):
                        yield part(telling.looked_over(resource, self.covered(), found, began, at))
                        self.trail.compared(found, at, ports.clock.now())

    # where the kind is not served

    def absent(self, now: Instant) -> Facts:
        """There can be no object of it, and no history."""
        self.served, self.reflector.revision, self.trail.versions = False, "", {}
        self.trail.position = None if self.polled else Position(0, now.wall)
        resource, inventory = self.target.resource, self.ground.telling.inventory
        self.ground.is_first(resource, self.target.namespace).set()
        inventory.looked_at(resource, self.target.namespace)
        with inventory.store(resource).looking() as began:
            facts = unmarked(self.ground.telling.looked_over(resource, self.covered(), (), began, None))
        marks = self.trail.marks([*self.trail.told])
        return replace(facts, gone=(*facts.gone, *marks.gone), position=self.trail.position)


def portions(keys: Iterable[Any], size: int = PORTION) -> Iterator[list[Any]]:
    rest = iter([*keys])
    while portion := list(islice(rest, size)):
        yield portion


def part(facts: Facts) -> Facts:
    return replace(unmarked(facts), partial=True)


def unmarked(facts: Facts) -> Facts:
    """Marks are told of the histories alone: a direct read knows what is, and not whether anything passed before."""
    if not any(isinstance(fact, Mark) for fact in facts.seen) and not any(s.kind == Mark.KIND for s in facts.gone):
        return facts
    seen = tuple(fact for fact in facts.seen if not isinstance(fact, Mark))
    return replace(facts, seen=seen, gone=tuple(s for s in facts.gone if s.kind != Mark.KIND))
