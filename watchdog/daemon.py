"""The imperative shell: wires, turns, shuts down. The only TaskGroups are here.

One turn: take what is new, bring the posture up to date, assess, hand the assessment to the outboxes. Nothing else.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import structlog

from watchdog.adapters.clock import SystemClock
from watchdog.adapters.files import LocalFiles
from watchdog.adapters.google import GoogleCredentials
from watchdog.adapters.http import AioHttp, WebClients
from watchdog.adapters.journal import FolderJournals
from watchdog.adapters.names import SystemNames
from watchdog.adapters.pubsub import PubSubClients
from watchdog.adapters.status_server import AioStatusServer
from watchdog.adapters.terminal import Terminal
from watchdog.core.assessment import Assessment, assess
from watchdog.core.delivery import Paging
from watchdog.core.facts import Receiver, Unknown
from watchdog.core.observation import Coverage, Facts, Observation, Scope
from watchdog.core.posture import Posture
from watchdog.core.ruleset import RuleSet
from watchdog.outbox import OrderedOutbox
from watchdog.outlets import Outlet
from watchdog.outlets.log import Log
from watchdog.ports import Document, Kubernetes, Page, Ports, StatusServer
from watchdog.sources import Source, Stream
from watchdog.supervision import (
    FIRST_TURN_WITHIN,
    RECEIPTS,
    Inbox,
    Outbox,
    recall,
    recollected,
    watch_over_outlet,
    watch_over_parts,
    watch_over_stream,
)

if TYPE_CHECKING:
    from watchdog.adapters.kubernetes import KubernetesClients

SHORTEST_WAIT = 0.001
"""Seconds. A loop may wake a little before a deadline: what is not due yet must not make it turn for ever."""
LIVE_WITHIN = 15.0
"""Seconds without a turn after which /livez fails. A turn is due every two seconds at the latest, whatever happens."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What this daemon watches, by which rules, and whom it tells."""

    sources: tuple[Source, ...]
    outlets: tuple[Outlet, ...]
    rules: RuleSet
    drain_seconds: float = 10.0
    paging: Paging = field(default_factory=Paging)
    streams: Mapping[Scope, Stream] = field(init=False)
    receivers: tuple[Outlet, ...] = field(init=False)

    def __post_init__(self) -> None:
        streams = {Scope(s.name, part): stream for s in self.sources for part, stream in s.streams().items()}
        object.__setattr__(self, "streams", streams)
        told = (*self.outlets, Log())  # what happens to an alert is logged, whatever else is configured
        object.__setattr__(self, "receivers", tuple(part for outlet in told for part in outlet.parts()))

    def coverage(self) -> Mapping[Scope, Coverage]:
        """What the sources promise."""
        return {scope: stream.coverage for scope, stream in self.streams.items()}


class Daemon:
    """One life of the watchdog. ``run`` returns once ``stop`` is set and the outboxes are drained, or their time is
    up."""

    def __init__(self, plan: Plan, ports: Ports) -> None:
        self.plan, self.ports, self.inbox = plan, ports, Inbox()
        self.outboxes = {
            outlet.name: OrderedOutbox(outlet.buffer) if outlet.ordered else Outbox() for outlet in plan.receivers
        }
        self.receivers = {outlet.name: outlet for outlet in plan.receivers}  # as of now: parts come and go
        self._tasks: dict[str, asyncio.Task[None]] = {}
        coverage = {**plan.coverage(), RECEIPTS: Coverage(frozenset({Receiver.KIND}), float("inf"))}
        paging = replace(plan.paging, labels=ports.labels)
        self.assessment = Assessment.initial(Posture.initial(ports.clock.now(), coverage), paging)
        self._expect()
        self.stop = asyncio.Event()
        self.log = structlog.get_logger()
        self.on_turn: Callable[[Assessment], None] = lambda assessment: None

    async def run(self) -> None:
        self.ports.status.show("/livez", lambda headers: self._livez())
        self.ports.status.show("/readyz", lambda headers: self._readyz())
        async with asyncio.TaskGroup() as outlets:
            recalling = self._recalling(outlets)
            self.ports = replace(self.ports, recollection=await recollected(self.plan.outlets, self.ports))
            for outlet in self.plan.receivers:
                self._publish_to(outlet, outlets)
            finding = [
                outlets.create_task(self._follow(outlet, outlets), name=f"parts of {outlet.name}")
                for outlet in self.plan.outlets
                if outlet.find_every is not None
            ]
            async with _looking(self.plan, self.ports, self.inbox):
                if near := [task for task, waited_for in recalling.items() if waited_for]:
                    await asyncio.wait(near, timeout=FIRST_TURN_WITHIN)
                await self._turns()
            for outlet in self.receivers.values():
                if outlet.at_stop:
                    self.outboxes[outlet.name].put_last(self.assessment)
            await self._drain()
            for task in (*finding, *self._tasks.values(), *recalling):
                task.cancel()

    def _publish_to(self, outlet: Outlet, group: asyncio.TaskGroup) -> None:
        publishing = watch_over_outlet(outlet, self.outboxes[outlet.name], self.ports, self.inbox, self.plan.rules)
        self._tasks[outlet.name] = group.create_task(publishing, name=f"outlet {outlet.name}")

    async def _follow(self, outlet: Outlet, group: asyncio.TaskGroup) -> None:
        """The parts of an outlet that come and go: who comes is told at once all that is open, who goes is no finding
        any more."""
        present: Mapping[str, Outlet] = {}
        async for found in watch_over_parts(outlet, self.ports, self.inbox):
            parts = {part.name: part for part in found if part.name in present or part.name not in self.receivers}
            for name in [name for name in present if name not in parts]:
                await self._drop(name)
            for name in [name for name in parts if name not in present]:
                self.receivers[name], self.outboxes[name] = parts[name], Outbox()
                self.outboxes[name].put(self.assessment, wake=True)
                self._publish_to(parts[name], group)
                recalling = recall(parts[name], self.ports, self.inbox, self.plan.rules)
                self._tasks[f"recall {name}"] = group.create_task(recalling, name=f"recall {name}")
            present = parts
            self._expect()

    def _expect(self) -> None:
        """Who is to hear of pages, as of now."""
        expected = tuple(e for outlet in self.receivers.values() if (e := outlet.expected()) is not None)
        self.assessment = replace(self.assessment, paging=replace(self.assessment.paging, expected=expected))

    async def _drop(self, name: str) -> None:
        for task in (name, f"recall {name}"):
            self._tasks.pop(task).cancel()
        del self.receivers[name], self.outboxes[name]
        gone = (Receiver(which, True, "").subject for which in (name, f"{name}/refused"))
        await self.inbox.put(Observation(RECEIPTS, self.ports.clock.now(), Facts(gone=tuple(gone))))

    def _recalling(self, group: asyncio.TaskGroup) -> dict[asyncio.Task[None], bool]:
        """A task for everybody who may remember an alert, and whether the first turn waits for it."""
        everybody: tuple[Source | Outlet, ...] = (*self.plan.sources, *self.plan.outlets, *self.plan.receivers)
        return {
            group.create_task(recall(who, self.ports, self.inbox, self.plan.rules), name=f"recall {who.name}"):
                isinstance(who, Outlet) and who.near
            for who in {id(who): who for who in everybody}.values()
        }  # fmt: skip

    async def _turns(self) -> None:
        await self.inbox.put(Observation(RECEIPTS, self.ports.clock.now(), Facts()))
        stopping = asyncio.create_task(self.stop.wait(), name="stop")
        stopping.add_done_callback(lambda _: self.inbox.wake())
        try:
            while not self.stop.is_set():
                due = self.assessment.next_deadline() - self.ports.clock.now().mono
                await self.inbox.something_new_or(max(due, SHORTEST_WAIT))
                self.turn()
        finally:
            stopping.cancel()

    def turn(self) -> None:
        """observation -> posture -> assessment -> outboxes."""
        at = self.ports.clock.now()
        posture = self.assessment.posture.updated(at, self.inbox.drain())
        self.assessment = assess(self.assessment, posture, self.plan.rules, self.inbox.reports())
        for outlet in self.receivers.values():
            self.outboxes[outlet.name].put(self.assessment, wake=outlet.every_turn)
        self.ports.vitals.turns.add(self.ports.clock.now().since(at))
        self.ports.vitals.last_turn = at
        self.on_turn(self.assessment)

    async def _drain(self) -> None:
        """Until everything is published, or the bound is reached."""
        try:
            async with asyncio.timeout(self.plan.drain_seconds):
                while self._left():
                    await asyncio.sleep(0.02)
        except TimeoutError:
            left = self._left()
            if unpaged := sorted(outlet.name for outlet in left if not outlet.at_stop):
                self.log.error("stopped with pages that nobody accepted", outlets=unpaged)
            if unkept := sorted(outlet.name for outlet in left if outlet.at_stop):  # they keep the end, and page nobody
                self.log.warning("stopped before the last state was kept", outlets=unkept)

    def _left(self) -> list[Outlet]:
        return [o for o in self.receivers.values() if o.waited_for and not self.outboxes[o.name].empty]

    @property
    def sees_everything(self) -> bool:
        """Every scope has answered, and holds."""
        posture = self.assessment.posture
        return all(sight.unknown(posture.at) is None for sight in posture.sights.values())

    def _livez(self) -> Document:
        last = self.ports.vitals.last_turn
        age = None if last is None else self.ports.clock.now().since(last)
        live = age is not None and age < LIVE_WITHIN
        message = "the loop turned" if live else "no turn yet" if age is None else f"no turn for {age:.0f} s"
        return _document(live, message, boot=self.ports.boot)

    def _readyz(self) -> Document:
        ready = self.ports.vitals.last_turn is not None
        return _document(ready, "a first turn is done" if ready else "no turn yet")


def _document(fine: bool, message: str, **more: str) -> Document:
    said = {"ok": fine, "message": message, **more}
    return Document(json.dumps(said).encode() + b"\n", status=200 if fine else 503)


@asynccontextmanager
async def real_ports(host: str, port: int, labels: Mapping[str, str]) -> AsyncIterator[Ports]:
    """The world itself, with a status server that listens. Raises ``OSError`` in one sentence when it cannot listen."""
    async with AsyncExitStack() as stack:
        status = await stack.enter_async_context(AioStatusServer(host, port))
        yield await _open(stack, status, labels)


@asynccontextmanager
async def looking_ports(labels: Mapping[str, str]) -> AsyncIterator[Ports]:
    """The world itself, for who looks and serves nothing. Dead letters stay where they are, for the daemon."""
    async with AsyncExitStack() as stack:
        yield await _open(stack, _Unserved(), labels, takes=False)


async def _open(stack: AsyncExitStack, status: StatusServer, labels: Mapping[str, str], *, takes: bool = True) -> Ports:
    http, clients = await stack.enter_async_context(AioHttp()), _LazyClients()
    stack.push_async_callback(clients.close)
    google = GoogleCredentials()
    pubsub = PubSubClients(lambda: google, takes=takes)
    stack.push_async_callback(pubsub.close)
    journals = FolderJournals()
    stack.push_async_callback(journals.close)
    names, web = SystemNames(), WebClients()
    stack.push_async_callback(web.close)
    return Ports(
        SystemClock(), http, LocalFiles(), Terminal(), status, clients, labels, pubsub=pubsub, google=lambda: google,
        names=lambda: names, web=web, journal=journals, boot=secrets.token_hex(8),
    )  # fmt: skip


class _Unserved:
    """Nobody asks."""

    def show(self, path: str, page: Page) -> None: ...


class _LazyClients:
    """Kubernetes clients, whose library is imported with the first of them."""

    def __init__(self) -> None:
        self._clients: KubernetesClients | None = None

    def __call__(self, kubeconfig: str, context: str) -> Kubernetes:
        from watchdog.adapters.kubernetes import KubernetesClients

        self._clients = self._clients or KubernetesClients()
        return self._clients(kubeconfig, context)

    async def close(self) -> None:
        if self._clients is not None:
            await self._clients.close()


async def one_look(plan: Plan, ports: Ports, within: float) -> Assessment:
    """Looks at everything once, and assesses it once: for ``watchdog check``. Nothing is published.

    Ends when every scope has answered or failed, or after ``within`` seconds (what is missing then is NeverObserved).
    """
    inbox, seen = Inbox(), list[Observation]()
    nothing_seen = Posture.initial(ports.clock.now(), plan.coverage())
    async with _looking(plan, ports, inbox):
        try:
            async with asyncio.timeout(within):
                while not _all_settled(plan, seen):
                    await inbox.something_new_or(within)
                    seen.extend(inbox.drain())
        except TimeoutError:
            pass
    return assess(Assessment.initial(nothing_seen), nothing_seen.updated(ports.clock.now(), seen), plan.rules)


@asynccontextmanager
async def _looking(plan: Plan, ports: Ports, inbox: Inbox) -> AsyncIterator[None]:
    """Every stream of every source, each a task of its own."""
    async with asyncio.TaskGroup() as group:
        looking = [
            group.create_task(watch_over_stream(scope, stream, ports, inbox), name=str(scope))
            for scope, stream in plan.streams.items()
        ]
        yield
        for task in looking:
            task.cancel()


def _all_settled(plan: Plan, seen: list[Observation]) -> bool:
    over = {o.scope for o in seen if isinstance(o.facts, Unknown) or not o.facts.partial}
    return over >= plan.streams.keys()
