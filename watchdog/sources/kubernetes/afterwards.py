"""What can be learned of a doubt afterwards: who wrote the object (managedFields), what its controllers made in the
window (ReplicaSets, Pods), and what was said of it (Events, which are kept for about an hour).

It is asked beside the streams that told of the gap, so that no event waits for it, and each request has a deadline.
What was learned is told as the same subject. What the kind itself cannot decide (it counts no writes) is asked first
and told only if it stays in doubt: within a few seconds, whatever the server answers.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

import msgspec

from watchdog.core.facts import Fact, Subject
from watchdog.core.instant import Instant
from watchdog.core.observation import Facts
from watchdog.ports import Kubernetes, KubernetesError, Ports, Unreachable
from watchdog.sources.kubernetes.objects import Labels, Struct
from watchdog.sources.kubernetes.resources import PODS, REPLICA_SETS, decoder
from watchdog.sources.kubernetes.trail import Doubt, Window

KEPT = 3600.0
"""Seconds that a gap, and what was in doubt in it, is told."""
BOUND = 1_000
"""Gaps and doubts that are told at once, beyond which the oldest are over; and doubts that wait to be looked into."""
IDLE = 10.0
SKEW = timedelta(seconds=60)
"""By how much the API server's clock, which stamps managedFields, may differ from ours."""
SHOWN = 5
"""Of each kind of trace."""
EVENTS_PATH = "/api/v1/namespaces/{}/events"


class Entry(Struct, frozen=True):
    """Of ``metadata.managedFields``. It names a program, never a user (kube-wire, point 17)."""

    manager: str = ""
    operation: str = ""
    time: str | None = None
    subresource: str = ""
    fields_v1: dict[str, msgspec.Raw] | None = None

    @property
    def touches_state(self) -> bool:
        """Whether it owns anything but status and annotations."""
        fields, meta = self.fields_v1 or {}, (self.fields_v1 or {}).get("f:metadata")
        labels = meta is not None and b"f:labels" in bytes(meta)
        return self.subresource != "status" and (labels or any(name in fields for name in STATE))


STATE = ("f:data", "f:binaryData", "f:spec")


class WrittenMeta(Struct, frozen=True):
    name: str
    creation_timestamp: str = ""
    managed_fields: tuple[Entry, ...] | None = None


class Selecting(Struct, frozen=True):
    match_labels: Labels | None = None


class Spec(Struct, frozen=True):
    selector: Selecting | None = None


class Written(Struct, frozen=True):
    metadata: WrittenMeta
    spec: Spec | None = None


class Event(Struct, frozen=True):
    reason: str = ""
    message: str = ""
    last_timestamp: str | None = None
    event_time: str | None = None


_I = TypeVar("_I")


class Items(Struct, Generic[_I], frozen=True):
    items: tuple[_I, ...] | None = None


_object = decoder(Written, "an object")
_objects = decoder(Items[Written], "a list")
_events = decoder(Items[Event], "a list of events")


@dataclass(frozen=True, slots=True)
class Ask:
    """One question after the other about one doubt; what is not answered is said, too."""

    kubernetes: Kubernetes
    doubt: Doubt
    timeout: float

    async def object(self) -> Written | None:
        """Raises ``KubernetesError`` and ``Unreachable``."""
        return _object(await self.kubernetes.read(self.doubt.resource.path(*self.doubt.key), {}, self.timeout))  # type: ignore[no-any-return]

    async def traces(self, found: Written | None) -> AsyncGenerator[str, None]:
        window = self.doubt.window
        for entry in () if found is None else (found.metadata.managed_fields or ())[:SHOWN]:
            if entry.time is None or _within(entry.time, window):
                yield f"{entry.manager} wrote it ({_how(entry)})"
        async for made in self._made(found):
            yield made
        async for event in self._events():
            yield event

    async def _made(self, found: Written | None) -> AsyncGenerator[str, None]:
        """The ReplicaSets and Pods of its selector that are of that time."""
        selector = found.spec.selector if found is not None and found.spec is not None else None
        labels = ",".join(f"{k}={v}" for k, v in ((selector and selector.match_labels) or {}).items())
        for resource in (REPLICA_SETS, PODS) if labels else ():
            query = {"labelSelector": labels, "limit": "500"}
            made = _objects(await self._read(resource.path(self.doubt.key.namespace), query)).items or ()
            for one in [m for m in made if _within(m.metadata.creation_timestamp, self.doubt.window)][:SHOWN]:
                yield f"{resource.kind} {one.metadata.name} was created at {one.metadata.creation_timestamp}"

    async def _events(self) -> AsyncGenerator[str, None]:
        key, kind = self.doubt.key, self.doubt.resource.kind
        query = {"fieldSelector": f"involvedObject.kind={kind},involvedObject.name={key.name}", "limit": "500"}
        said = _events(await self._read(EVENTS_PATH.format(key.namespace), query)).items or ()
        for event in [e for e in said if _within(e.last_timestamp or e.event_time or "", self.doubt.window)][:SHOWN]:
            yield f"Event {event.reason}: {event.message[:80]}"

    async def _read(self, path: str, query: Mapping[str, str]) -> bytes:
        return await self.kubernetes.read(path, query, self.timeout)


def _how(entry: Entry) -> str:
    what = entry.subresource or entry.operation
    return f"{what}, without a time" if entry.time is None else f"{what} at {entry.time}"


def _within(time: str, window: Window) -> bool:
    """Kubernetes' times are whole seconds."""
    at = instant(time)
    return at is not None and window.began - timedelta(seconds=1) <= at <= window.ended + timedelta(seconds=1)


def instant(time: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(time)
    except ValueError:
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def excluded(doubt: Doubt, found: Written) -> bool:
    """Whether managedFields show that nothing but status and annotations was written in the window.

    Whoever set a field last owns it, with the time of its last write: where every owner of a state that is there wrote
    before the window, no flip and back was in it. An owner without a time (``scale``) excludes nothing; nor is a write
    excluded that left no trace (a key that was removed again) unless another explains the new revision.
    """
    entries = found.metadata.managed_fields or ()
    owners = [entry for entry in entries if entry.touches_state]
    if doubt.fact.reason == "Appeared" and doubt.resource is PODS:  # nothing of a Pod that counts can be taken back
        return bool(owners) and all(entry.time == found.metadata.creation_timestamp for entry in owners)
    before = doubt.window.began - SKEW
    explained = any(_written(entry) >= before for entry in entries if not entry.touches_state)
    return explained and all(_written(entry) < before for entry in owners)


def _written(entry: Entry) -> datetime:
    return instant(entry.time or "") or datetime.max.replace(tzinfo=UTC)


class Afterwards:
    """The doubts that are to be looked into, and how long each is told."""

    def __init__(self, connect: Callable[[Ports], Kubernetes], timeout: float) -> None:
        self._connect, self._timeout = connect, timeout
        self._waiting: deque[Doubt] = deque()
        self._news = asyncio.Event()
        self._told: dict[Subject, Instant] = {}
        self._owed: tuple[Fact, ...] = ()  # while it looks into a doubt: what fails there must hide no doubt

    def keep(self, facts: Iterable[Fact], now: Instant) -> None:
        """They are told now, and for an hour."""
        self._told |= {fact.subject: now for fact in facts}

    def look_into(self, doubts: Iterable[Doubt]) -> None:
        """First those that nobody has told."""
        for doubt in doubts:
            (self._waiting.appendleft if doubt.excludable else self._waiting.append)(doubt)
        self._news.set()

    async def looks(self, ports: Ports) -> AsyncGenerator[Facts, None]:
        if self._owed:
            yield self._telling((*self._owed, *self._untold()), ports, partial=True)
        while True:
            yield Facts(gone=tuple(self._over(ports.clock.now())), partial=bool(self._waiting))
            self._news.clear()
            while self._waiting:
                if surplus := self._surplus():
                    yield self._telling(surplus, ports, partial=True)
                doubt = self._waiting.popleft()
                self._owed = (doubt.fact,)
                facts, answered = await self._looked_into(self._connect(ports), doubt)
                yield self._telling(facts if answered else (*facts, *self._untold()), ports)
            self._owed = ()
            await self._something_new()

    def _telling(self, facts: tuple[Fact, ...], ports: Ports, *, partial: bool = False) -> Facts:
        """They are owed until the next are: whoever listens may break off before he has taken them."""
        self._owed = facts
        self.keep(facts, ports.clock.now())
        return Facts(facts, partial=partial)

    def _surplus(self) -> tuple[Fact, ...]:
        """What is beyond the bound is not asked about: it is told at once, if it is not told already."""
        beyond = [self._waiting.pop() for _ in range(len(self._waiting) - BOUND)]
        return tuple(doubt.fact for doubt in beyond if doubt.excludable)

    def _untold(self) -> list[Fact]:
        """Where nothing is answered, what waits to be told is told at once."""
        untold: list[Fact] = [doubt.fact for doubt in self._waiting if doubt.excludable]
        self._waiting = deque(replace(doubt, excludable=False) for doubt in self._waiting)
        return untold

    async def _something_new(self) -> None:
        try:
            async with asyncio.timeout(IDLE):
                await self._news.wait()
        except TimeoutError:
            pass

    def _over(self, now: Instant) -> Iterator[Subject]:
        surplus = len(self._told) - BOUND
        for number, (subject, since) in enumerate([*self._told.items()]):
            if number < surplus or now.since(since) > KEPT:
                del self._told[subject]
                yield subject

    async def _looked_into(self, kubernetes: Kubernetes, doubt: Doubt) -> tuple[tuple[Fact, ...], bool]:
        """What is to be told of it, and whether the server answered."""
        traces, answered = list[str](), True
        ask = Ask(kubernetes, doubt, self._timeout)
        try:
            async with asyncio.timeout(2 * self._timeout):
                found = None if doubt.fact.reason == "Vanished" else await ask.object()
                if doubt.excludable and found is not None and excluded(doubt, found):
                    return (), True
                async for trace in ask.traces(found):
                    traces.append(trace)
        except KubernetesError as error:
            traces.append(f"more could not be learned ({error.reason})")
        except (Unreachable, TimeoutError) as error:
            reason, answered = getattr(error, "reason", "Timeout"), False
            traces.append(f"more could not be learned ({reason})")
        learned = "; ".join(traces) or "no field manager, ReplicaSet, Pod or Event of that time"
        return (replace(doubt.fact, learned=learned),), answered
