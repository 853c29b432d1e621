"""The imperative shell: wires, turns, shuts down. The only TaskGroups are here.

One turn: take what is new, bring the posture up to date, assess, hand the assessment to the outboxes. Nothing else.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from watchdog.adapters.kubernetes import KubernetesClients

from watchdog.adapters.clock import SystemClock
from watchdog.adapters.files import LocalFiles
from watchdog.adapters.http import AioHttp
from watchdog.adapters.status_server import AioStatusServer
from watchdog.adapters.terminal import Terminal
from watchdog.core.alert import Edge, EdgeKind
from watchdog.core.assessment import Assessment, RuleSet, assess
from watchdog.core.instant import Instant
from watchdog.core.observation import Coverage, Facts, Observation, Scope
from watchdog.core.posture import Posture
from watchdog.outlets import Outlet
from watchdog.ports import Document, Kubernetes, Ports
from watchdog.sources import Source, Stream
from watchdog.supervision import RECEIPTS, Inbox, Outbox, watch_over_outlet, watch_over_stream

LIVE_WITHIN = 15.0
"""Seconds without a turn after which /livez fails. A turn is due every two seconds at the latest, whatever happens."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What this daemon watches, by which rules, and whom it tells."""

    sources: tuple[Source, ...]
    outlets: tuple[Outlet, ...]
    rules: RuleSet
    drain_seconds: float = 10.0
    streams: Mapping[Scope, Stream] = field(init=False)

    def __post_init__(self) -> None:
        streams = {Scope(s.name, part): stream for s in self.sources for part, stream in s.streams().items()}
        object.__setattr__(self, "streams", streams)

    def coverage(self) -> Mapping[Scope, Coverage]:
        receipts = {RECEIPTS: Coverage(frozenset({"receiver"}), float("inf"))} if self.outlets else {}
        return {**{scope: stream.coverage for scope, stream in self.streams.items()}, **receipts}


class Daemon:
    """One life of the watchdog. ``run`` returns once ``stop`` is set and the outboxes are drained, or their time is
    up."""

    def __init__(self, plan: Plan, ports: Ports) -> None:
        self.plan, self.ports, self.inbox = plan, ports, Inbox()
        self.outboxes = {outlet.name: Outbox() for outlet in plan.outlets}
        self.assessment = Assessment.initial(Posture.initial(ports.clock.now(), plan.coverage()))
        self.stop = asyncio.Event()
        self.log = structlog.get_logger()
        self.on_turn: Callable[[Assessment], None] = lambda assessment: None

    async def run(self) -> None:
        self.ports.status.show("/livez", lambda headers: self._livez())
        self.ports.status.show("/readyz", lambda headers: self._readyz())
        async with asyncio.TaskGroup() as outlets:
            publishing = [
                outlets.create_task(
                    watch_over_outlet(outlet, self.outboxes[outlet.name], self.ports, self.inbox, self.plan.rules),
                    name=f"outlet {outlet.name}",
                )
                for outlet in self.plan.outlets
            ]
            async with self._looking():
                await self._turns()
            await self._drain()
            for task in publishing:
                task.cancel()

    @asynccontextmanager
    async def _looking(self) -> AsyncIterator[None]:
        """Every stream of every source, each a task of its own."""
        async with asyncio.TaskGroup() as group:
            looking = [
                group.create_task(watch_over_stream(scope, stream, self.ports, self.inbox), name=str(scope))
                for scope, stream in self.plan.streams.items()
            ]
            yield
            for task in looking:
                task.cancel()

    async def _turns(self) -> None:
        if self.plan.outlets:
            await self.inbox.put(Observation(RECEIPTS, self.ports.clock.now(), Facts()))
        stopping = asyncio.create_task(self.stop.wait(), name="stop")
        stopping.add_done_callback(lambda _: self.inbox.wake())
        while not self.stop.is_set():
            await self.inbox.something_new_or(self.assessment.next_deadline() - self.ports.clock.now().mono)
            self.turn()

    def turn(self) -> None:
        """observation -> posture -> assessment -> outboxes."""
        at = self.ports.clock.now()
        posture = self.assessment.posture.updated(at, self.inbox.drain())
        self.assessment = assess(self.assessment, posture, self.plan.rules)
        for outlet in self.plan.outlets:
            self.outboxes[outlet.name].put(self.assessment, wake=outlet.every_turn)
        self.ports.vitals.turns.add(self.ports.clock.now().since(at))
        self.ports.vitals.last_turn = at
        for edge in self.assessment.edges:
            self._log(edge)
        self.on_turn(self.assessment)

    async def _drain(self) -> None:
        """Until everything is published, or the bound is reached."""
        try:
            async with asyncio.timeout(self.plan.drain_seconds):
                while not all(outbox.empty for outbox in self.outboxes.values()):
                    await asyncio.sleep(0.02)
        except TimeoutError:
            left = sorted(name for name, outbox in self.outboxes.items() if not outbox.empty)
            self.log.error("stopped with pages that nobody accepted", outlets=left)

    @property
    def sees_everything(self) -> bool:
        """Every scope has answered, and holds."""
        posture = self.assessment.posture
        return all(sight.unknown(posture.at) is None for sight in posture.sights.values())

    def _livez(self) -> Document:
        last = self.ports.vitals.last_turn
        age = None if last is None else self.ports.clock.now().since(last)
        live = age is not None and age < LIVE_WITHIN
        return _document(live, "the loop turned" if live else f"no turn for {age} s")

    def _readyz(self) -> Document:
        ready = self.ports.vitals.last_turn is not None
        return _document(ready, "a first turn is done" if ready else "no turn yet")

    def _log(self, edge: Edge) -> None:
        alert = edge.alert
        say = self.log.info if edge.kind in (EdgeKind.RESOLVED, EdgeKind.LATCHED) else self.log.error
        say(
            f"alert {edge.kind}",
            alertname=alert.identity.rule,
            subject=str(alert.identity.subject),
            sev=int(alert.sev),
            cause=str(alert.identity.cause),
            incident=alert.incident,
            summary=alert.description.annotations.get("summary", ""),
        )


def _document(fine: bool, message: str) -> Document:
    return Document(json.dumps({"ok": fine, "message": message}).encode() + b"\n", status=200 if fine else 503)


@asynccontextmanager
async def real_ports(host: str, port: int, labels: Mapping[str, str]) -> AsyncIterator[Ports]:
    """The world itself, with a status server that listens. Raises ``OSError`` in one sentence when it cannot listen."""
    async with AsyncExitStack() as stack:
        status = await stack.enter_async_context(AioStatusServer(host, port))
        http = await stack.enter_async_context(AioHttp())

        clients: list[KubernetesClients] = []

        def kubernetes(kubeconfig: str, context: str) -> Kubernetes:
            from watchdog.adapters.kubernetes import KubernetesClients  # imported only where a stanza needs it

            if not clients:
                clients.append(KubernetesClients())
                stack.push_async_callback(clients[0].close)
            return clients[0](kubeconfig, context)

        yield Ports(SystemClock(), http, LocalFiles(), Terminal(), status, kubernetes, labels)


async def one_look(plan: Plan, ports: Ports, within: float) -> Assessment:
    """Looks at everything once, and assesses it once: for ``watchdog check``.

    Ends when every scope has answered or failed, or after ``within`` seconds (what is missing then is NeverObserved).
    """
    inbox, seen = Inbox(), list[Observation]()
    assessment = Assessment.initial(Posture.initial(ports.clock.now(), plan.coverage()))

    async def collect() -> None:
        while not _all_settled(plan, seen):
            await inbox.something_new_or(within)
            seen.extend(inbox.drain())

    async with asyncio.TaskGroup() as group:
        looking = [
            group.create_task(watch_over_stream(s, st, ports, inbox), name=str(s)) for s, st in plan.streams.items()
        ]
        try:
            async with asyncio.timeout(within):
                await collect()
        except TimeoutError:
            pass
        for task in looking:
            task.cancel()
    at: Instant = ports.clock.now()
    return assess(assessment, assessment.posture.updated(at, seen), plan.rules)


def _all_settled(plan: Plan, seen: list[Observation]) -> bool:
    return {observation.scope for observation in seen} >= plan.streams.keys()
