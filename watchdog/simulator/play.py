"""A scenario, played to its end beside the real daemon: which pages came, how fast, and whether they had to come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from watchdog.core.alert import Edge, EdgeKind
from watchdog.core.assessment import Assessment
from watchdog.core.instant import Instant
from watchdog.core.notice import labels_of
from watchdog.daemon import Daemon, real_ports
from watchdog.ports import Clock, Ports
from watchdog.simulator.pager import Pager
from watchdog.simulator.platform import Floor, trading_floor
from watchdog.simulator.scenarios import Expected, Scenario, Step
from watchdog.simulator.scene import Addresses, configured, in_process, pubsub, served
from watchdog.simulator.virtual_time import VirtualClock, VirtualLoop

SETTLED_WITHIN = 10.0


@dataclass(frozen=True, slots=True)
class Paged:
    """One page: what it said, and how long after the step that caused it. Milliseconds."""

    alertname: str
    sev: int
    subject: str
    summary: str
    incident: str
    runbook: str  # its path in the guarded platform's repository
    after: str  # the step that caused it
    detected_ms: float
    delivered_ms: float | None  # None: nobody took it
    ends: str  # what has become of the alert at the end


@dataclass(frozen=True, slots=True)
class Outcome:
    scenario: str
    does: str
    clock: str  # real | virtual
    lasted_seconds: float  # on that clock
    took_seconds: float  # by the clock on the wall
    pages: tuple[Paged, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not (self.missing or self.unexpected)

    def as_json(self) -> dict[str, Any]:
        return {"ok": self.ok, **asdict(self)}

    def text(self) -> str:
        """As a person reads it."""
        lines = [f"{self.scenario}: {self.does} ({self.lasted_seconds:g} s of {self.clock} time)"]
        for page in self.pages:
            told = "delivered to nobody" if page.delivered_ms is None else f"delivered after {page.delivered_ms:g} ms"
            lines.append(f"  Sev-{page.sev} {page.alertname}: {page.summary}")
            lines.append(f"        after '{page.after}': detected after {page.detected_ms:g} ms, {told}; {page.ends}")
            lines.append(f"        runbook {page.runbook}")
        lines += [f"  missing: {sentence}" for sentence in self.missing]
        lines += [f"  unexpected: {sentence}" for sentence in self.unexpected]
        return "\n".join([*lines, f"  {len(self.pages)} pages, {'as it must be' if self.ok else 'NOT as it must be'}"])


@dataclass(slots=True)
class _Log:
    """Which step came last before each page, and when."""

    clock: Clock
    step: Step | None = None
    stepped: Instant | None = None
    fired: list[tuple[Edge, Step | None, Instant | None]] = field(default_factory=list)

    def tell(self, step: Step) -> None:
        self.step, self.stepped = step, self.clock.now()

    def note(self, assessment: Assessment) -> None:
        for edge in assessment.edges:
            if edge.kind in (EdgeKind.FIRED, EdgeKind.ROSE):
                self.fired.append((edge, self.step, self.stepped))


def play(scenario: Scenario) -> Outcome:
    """Plays it to its end, in virtual time where it takes long, else over real HTTP on loopback."""
    began = time.monotonic()
    if scenario.virtual:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            outcome = runner.run(_play_virtually(scenario))
    else:
        outcome = asyncio.run(_play_really(scenario))
    return replace(outcome, took_seconds=round(time.monotonic() - began, 3))


async def _play_virtually(scenario: Scenario) -> Outcome:
    clock = VirtualClock(asyncio.get_running_loop())
    floor, pager = trading_floor(lambda: clock.now().wall), Pager(clock.now)
    configuration = configured(Addresses())
    ports = in_process(floor, pager, clock, configuration.labels)
    return await _act(scenario, floor, Daemon(configuration.plan, ports), pager)


async def _play_really(scenario: Scenario) -> Outcome:
    async with AsyncExitStack() as stack:
        ports = await stack.enter_async_context(real_ports("127.0.0.1", 0, {}))
        floor, pager = trading_floor(lambda: ports.clock.now().wall), Pager(ports.clock.now)
        configuration = configured(await stack.enter_async_context(served(floor, pager)))
        ports = replace(ports, labels=configuration.labels, pubsub=pubsub(floor))
        daemon = Daemon(configuration.plan, ports)
        return await _act(scenario, floor, daemon, pager)


async def _act(scenario: Scenario, floor: Floor, daemon: Daemon, pager: Pager) -> Outcome:
    clock = daemon.ports.clock
    log = _Log(clock)
    daemon.on_turn = log.note
    async with guarding(floor, daemon):
        began = clock.now()
        await perform(scenario.steps, floor, clock, log.tell)
        await asyncio.sleep(began.mono + scenario.lasts - clock.now().mono)
        last = daemon.assessment
    lasted = clock.now().since(began)
    pages = tuple(_paged(edge, step, stepped or began, last, pager, daemon.ports) for edge, step, stepped in log.fired)
    return _outcome(scenario, pages, lasted)


@asynccontextmanager
async def guarding(floor: Floor, daemon: Daemon, *, sees: bool = True) -> AsyncIterator[None]:
    """The controllers and the daemon: from when everything has been seen once (``sees``; else at once) until the daemon
    has stopped. Raises ``TimeoutError`` when not everything can be seen."""
    async with asyncio.TaskGroup() as group:
        controllers = group.create_task(floor.run(), name="controllers")
        watching = group.create_task(daemon.run(), name="daemon")
        if sees:
            await _settled(daemon)
        yield
        daemon.stop.set()
        await watching
        controllers.cancel()


async def _settled(daemon: Daemon) -> None:
    async with asyncio.timeout(SETTLED_WITHIN):
        while not daemon.sees_everything:
            await asyncio.sleep(0.01)


async def perform(steps: Sequence[Step], floor: Floor, clock: Clock, tell: Callable[[Step], None]) -> None:
    """Each step at its time, counted from now; ``tell`` hears of it just before."""
    began = clock.now()
    for step in steps:
        await asyncio.sleep(began.mono + step.at - clock.now().mono)
        tell(step)
        step.act(floor)


def _paged(edge: Edge, step: Step | None, since: Instant, last: Assessment, pager: Pager, ports: Ports) -> Paged:
    alert = edge.alert
    labels = labels_of(alert, ports.labels)
    delivered = next((d.at for d in pager.deliveries if d.labels == labels and d.at.mono >= edge.at.mono), None)
    now = last.alerts.get(alert.identity)
    return Paged(
        alert.identity.rule,
        int(alert.sev),
        str(alert.identity.subject),
        alert.description.annotations.get("summary", ""),
        alert.incident,
        alert.description.annotations.get("runbook", ""),
        step.says if step else "the start",
        _milliseconds(edge.at.since(since)),
        None if delivered is None else _milliseconds(delivered.since(since)),
        "resolved" if now is None else str(now.state),
    )


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1e3, 3)


def _outcome(scenario: Scenario, pages: tuple[Paged, ...], lasted: float) -> Outcome:
    missing = tuple(_said(e) for e in scenario.expects if not any(_meets(page, e) for page in pages))
    unexpected = tuple(f"{p.alertname} Sev-{p.sev}" for p in pages if not any(_meets(p, e) for e in scenario.expects))
    kind = "virtual" if scenario.virtual else "real"
    return Outcome(scenario.name, scenario.does, kind, round(lasted, 3), 0.0, pages, missing, unexpected)


def _meets(page: Paged, expected: Expected) -> bool:
    low, high = expected.detected_s or (0.0, float("inf"))
    in_time = low * 1e3 <= page.detected_ms <= high * 1e3
    shown = (page.alertname, page.sev, page.runbook, page.ends)
    wanted = (expected.alertname, expected.sev, expected.runbook, expected.ends)
    return shown == wanted and in_time and page.delivered_ms is not None


def _said(expected: Expected) -> str:
    low, high = expected.detected_s or (0.0, 0.0)
    within = f", detected within {low:g} to {high:g} s" if expected.detected_s else ""
    told = f"{expected.alertname} Sev-{expected.sev} delivered with {expected.runbook}"
    return f"{told}, and {expected.ends} at the end{within}"
