"""The daemon on the simulated trading floor: a scenario played to its end, or a floor to play with.

The configuration is the one that ships (``config/watchdog.yaml``); only the addresses are the simulator's, and the
pages go to a pager of our own besides the terminal.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from watchdog import config
from watchdog.core.alert import Edge, EdgeKind
from watchdog.core.assessment import Assessment
from watchdog.core.instant import Instant
from watchdog.core.notice import labels_of
from watchdog.daemon import Daemon, real_ports
from watchdog.ports import Clock, Page, Ports
from watchdog.simulator.http_face import HttpFace
from watchdog.simulator.pager import Pager
from watchdog.simulator.platform import Floor, trading_floor
from watchdog.simulator.ports import InProcessHttp, InProcessKubernetes
from watchdog.simulator.scenarios import Expected, Scenario, Step
from watchdog.simulator.virtual_time import VirtualClock, VirtualLoop
from watchdog.simulator.wire import Request, Response, answer

PAGER, MARKET_DATA = "pager.simulator", "marketdata.simulator"
SETTLED_WITHIN = 10.0


def shipped() -> Path:
    """``config/`` of the checkout, or of the installed package."""
    package = Path(__file__).parent.parent
    beside = package.parent / "config" / "watchdog.yaml"
    return beside if beside.exists() else package / "config" / "watchdog.yaml"


@dataclass(frozen=True, slots=True)
class Addresses:
    kubeconfig: str = ""
    market_data: str = f"http://{MARKET_DATA}"
    pager: str = f"http://{PAGER}"


def configuration(addresses: Addresses, *, port: int = 0, console: bool = False) -> config.Configuration:
    """The shipped configuration, adapted. Raises ``ConfigError``."""
    content = adapted(addresses)
    content["server"]["port"] = port
    content["outlets"] += [{"kind": "console", "color": sys.stdout.isatty()}] if console else []
    return config.build(shipped(), content)


def adapted(addresses: Addresses) -> dict[str, Any]:
    """The shipped configuration file with the simulator's addresses. Raises ``ConfigError``."""
    content = config.document(shipped())
    content["platform"] = {**content.get("platform", {}), "cluster": "simulator", "environment": "demo"}
    content["server"] = {"host": "127.0.0.1", "port": 0}
    content["sources"] = [_readdressed(stanza, addresses) for stanza in content["sources"]]
    content["outlets"] = [
        {"kind": "alertmanager", "urls": [addresses.pager]},
        {"kind": "metrics"},
        {"kind": "status_page"},
    ]
    return content


def _readdressed(stanza: dict[str, Any], addresses: Addresses) -> dict[str, Any]:
    if stanza["kind"] == "kubernetes":
        return {**stanza, "kubeconfig": addresses.kubeconfig}
    if stanza["kind"] == "http_health":
        served = [s for s in stanza["services"] if s["service"] == "marketdata-mcp-server"]
        return {**stanza, "services": [{**s, "url": f"{addresses.market_data}/healthz"} for s in served]}
    return stanza


# A scenario, to its end


@dataclass(frozen=True, slots=True)
class Paged:
    """One page: what it said, and how long after the step that caused it. Milliseconds."""

    alertname: str
    sev: int
    subject: str
    summary: str
    incident: str
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
        lines += [f"  missing: {sentence}" for sentence in self.missing]
        lines += [f"  unexpected: {sentence}" for sentence in self.unexpected]
        return "\n".join([*lines, f"  {len(self.pages)} pages, {'as it must be' if self.ok else 'NOT as it must be'}"])


@dataclass(slots=True)
class _Log:
    """Which step came last before each page."""

    step: Step | None = None
    stepped: Instant | None = None
    fired: list[tuple[Edge, Step | None, Instant | None]] = field(default_factory=list)

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
    clock = VirtualClock(asyncio.get_running_loop(), scenario.begins)
    floor, pager = trading_floor(lambda: clock.now().wall), Pager(clock.now)
    plan = configuration(Addresses())
    http = InProcessHttp({MARKET_DATA: floor.market_data, PAGER: pager})
    nowhere = Nowhere()
    ports = Ports(
        clock,
        http,
        nowhere,
        nowhere,
        nowhere,
        lambda kubeconfig, context: InProcessKubernetes(floor.server),
        plan.labels,
    )
    return await _act(scenario, floor, Daemon(plan.plan, ports), pager)


class Nowhere:
    """The ports that a scenario does not use."""

    def write(self, text: str) -> None: ...

    def show(self, path: str, page: Page) -> None: ...

    async def read(self, path: str, limit: int) -> bytes:
        raise FileNotFoundError(path)


async def _play_really(scenario: Scenario) -> Outcome:
    async with AsyncExitStack() as stack:
        clock = await stack.enter_async_context(real_ports("127.0.0.1", 0, {}))
        floor, pager = trading_floor(lambda: clock.clock.now().wall), Pager(clock.clock.now)
        addresses = await stack.enter_async_context(served(floor, pager))
        plan = configuration(addresses)
        ports = replace(clock, labels=plan.labels)
        return await _act(scenario, floor, Daemon(plan.plan, ports), pager)


@asynccontextmanager
async def served(floor: Floor, pager: Pager, api_port: int = 0, market_data_port: int = 0) -> AsyncIterator[Addresses]:
    """The floor on loopback, over real HTTP. Raises ``OSError`` when a port is taken."""
    faces = [HttpFace(floor.server, api_port), HttpFace(Switchboard(floor), market_data_port), HttpFace(pager)]
    with tempfile.TemporaryDirectory(prefix="watchdog-") as folder:
        try:
            for face in faces:
                await face.start()
            api, market_data, pages = (face.url for face in faces)
            yield Addresses(kubeconfig(Path(folder), api), market_data, pages)
        finally:
            for face in faces:
                await face.stop()


def kubeconfig(folder: Path, url: str) -> str:
    """A kubeconfig for an API server that asks for no credentials."""
    path = folder / "kubeconfig"
    path.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: simulator\n"
        f"clusters: [{{name: simulator, cluster: {{server: '{url}'}}}}]\n"
        "users: [{name: nobody, user: {}}]\n"
        "contexts: [{name: simulator, context: {cluster: simulator, user: nobody}}]\n"
    )
    return str(path)


async def _act(scenario: Scenario, floor: Floor, daemon: Daemon, pager: Pager) -> Outcome:
    log, clock = _Log(), daemon.ports.clock
    daemon.on_turn = log.note
    async with asyncio.TaskGroup() as group:
        controllers = group.create_task(floor.run(), name="controllers")
        watching = group.create_task(daemon.run(), name="daemon")
        await settled(daemon)
        began = clock.now()
        for step in scenario.steps:
            await asyncio.sleep(began.mono + step.at - clock.now().mono)
            log.step, log.stepped = step, clock.now()
            step.act(floor)
        await asyncio.sleep(began.mono + scenario.lasts - clock.now().mono)
        last = daemon.assessment
        daemon.stop.set()
        await watching
        controllers.cancel()
    lasted = clock.now().since(began)
    pages = tuple(_paged(edge, step, stepped or began, last, pager, daemon.ports) for edge, step, stepped in log.fired)
    return _outcome(scenario, pages, lasted)


async def settled(daemon: Daemon) -> None:
    """Until everything has been seen once. Raises ``TimeoutError``."""
    async with asyncio.timeout(SETTLED_WITHIN):
        while not daemon.sees_everything:
            await asyncio.sleep(0.01)


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
        step.says if step else "the start",
        _milliseconds(edge.at.since(since)),
        None if delivered is None else _milliseconds(delivered.since(since)),
        "resolved" if now is None else str(now.state),
    )


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1e3, 3)


def _outcome(scenario: Scenario, pages: tuple[Paged, ...], lasted: float) -> Outcome:
    missing = tuple(_said(e) for e in scenario.expects if not any(_meets(page, e) for page in pages))
    unexpected = tuple(f"{p.alertname} Sev-{p.sev}" for p in pages if not any(_same(p, e) for e in scenario.expects))
    kind = "virtual" if scenario.virtual else "real"
    return Outcome(scenario.name, scenario.does, kind, round(lasted, 3), 0.0, pages, missing, unexpected)


def _same(page: Paged, expected: Expected) -> bool:
    return (page.alertname, page.sev) == (expected.alertname, expected.sev)


def _meets(page: Paged, expected: Expected) -> bool:
    low, high = expected.detected_s or (0.0, float("inf"))
    in_time = low * 1e3 <= page.detected_ms <= high * 1e3
    return _same(page, expected) and page.ends == expected.ends and in_time and page.delivered_ms is not None


def _said(expected: Expected) -> str:
    within = (
        f", detected within {expected.detected_s[0]:g} to {expected.detected_s[1]:g} s" if expected.detected_s else ""
    )
    return f"{expected.alertname} Sev-{expected.sev} delivered, and {expected.ends} at the end{within}"


# A floor to play with


class ShiftedClock:
    """The time of a simulated world that began at ``start``; it passes as ours does."""

    def __init__(self, clock: Clock, start: datetime) -> None:
        self._clock, self._shift = clock, start - clock.now().wall

    def now(self) -> Instant:
        now = self._clock.now()
        return replace(now, wall=now.wall + self._shift)


INTRODUCTION = """\
The trading floor is simulated; the watchdog that guards it is the real one, with {config}.
  Kubernetes API   {api}
  status page      {status}
  market data      {market_data}/healthz
  watched          kill switches, AGENT_MODE and related variables, {workloads} workloads, market data
  market           {market}
Try, in another terminal:
  kubectl -s {api} -n agenttrader scale deploy/execution-agent --replicas=1
  kubectl -s {api} -n trading-floor patch configmap agenttrader-kill-switch \\
      --type merge -p '{{"data":{{"EXECUTION_HALTED":"0"}}}}'
  kubectl -s {api} -n trading-floor set env statefulset/gamma-strategy AGENT_MODE=LIVE
  curl -X POST {market_data}/tick/stop    # stale data pages in market hours only: --clock sets the time
Pages appear below; Ctrl-C ends.
"""


class Switchboard:
    """The market-data service, and two switches for a person to play with: POST /tick/stop and POST /tick/start."""

    def __init__(self, floor: Floor) -> None:
        self._market_data = floor.market_data

    async def answer(self, request: Request) -> Response:
        switch = {"/tick/stop": self._market_data.stop, "/tick/start": self._market_data.start}.get(request.path)
        if request.method != "POST" or switch is None:
            return await self._market_data.answer(request)
        switch()
        return answer(200, {"last_tick_epoch_seconds": self._market_data.last_tick})


async def serve(
    numbers: tuple[int, int, int], start: datetime | None, scenario: Scenario | None, stop: asyncio.Event
) -> None:
    """The floor and the daemon until ``stop``, with pages on the terminal. ``numbers`` are the ports of the API server,
    of market data and of the status page; ``start`` is the time of the simulated world (default: ours). Raises
    ``OSError`` when a port is taken, and ``ConfigError``."""
    api_port, market_data_port, status_port = numbers
    async with AsyncExitStack() as stack:
        ports = await stack.enter_async_context(real_ports("127.0.0.1", status_port, {}))
        ports = replace(ports, clock=ShiftedClock(ports.clock, start) if start else ports.clock)
        floor, pager = trading_floor(lambda: ports.clock.now().wall), Pager(ports.clock.now)
        addresses = await stack.enter_async_context(served(floor, pager, api_port, market_data_port))
        plan = configuration(addresses, port=status_port, console=True)
        daemon = Daemon(plan.plan, replace(ports, labels=plan.labels))
        async with asyncio.TaskGroup() as group:
            background = [group.create_task(floor.run(), name="controllers")]
            watching = group.create_task(daemon.run(), name="daemon")
            await settled(daemon)
            ports.terminal.write(_introduction(daemon, addresses, api_port, status_port))
            if scenario is not None:
                background.append(group.create_task(_perform(scenario, floor, ports), name="scenario"))
            await stop.wait()
            daemon.stop.set()
            await watching
            for task in background:
                task.cancel()


async def _perform(scenario: Scenario, floor: Floor, ports: Ports) -> None:
    began = ports.clock.now()
    for step in scenario.steps:
        await asyncio.sleep(began.mono + step.at - ports.clock.now().mono)
        ports.terminal.write(f"\n$ {step.says}\n")
        step.act(floor)


def _introduction(daemon: Daemon, addresses: Addresses, api_port: int, status_port: int) -> str:
    posture = daemon.assessment.posture
    market = posture.globally("market")
    return INTRODUCTION.format(
        config=shipped().relative_to(shipped().parent.parent),
        api=f"http://127.0.0.1:{api_port}",
        status=f"http://127.0.0.1:{status_port}/",
        market_data=addresses.market_data,
        workloads=sum(subject.kind == "workload" for subject in posture.facts),
        market=getattr(market, "explanation", "unknown"),
    )
