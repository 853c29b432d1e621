"""The daemon's own code, its real ports and all that it depends on, each behind a proxy: the simulated floor over
HTTP, and the real Alertmanager, Prometheus and Pub/Sub emulator. What it lost and saw again is noted by its own clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from watchdog import config
from watchdog.adapters.clock import SystemClock
from watchdog.core.assessment import Assessment
from watchdog.core.facts import Endpoint, Fact, Receiver, SelfReport, Service, Unknown
from watchdog.core.posture import Posture
from watchdog.daemon import Daemon, real_ports
from watchdog.simulator import kubectl, scene
from watchdog.simulator.pager import Pager
from watchdog.simulator.platform import Floor, trading_floor

from . import alertmanager, metadata_server, prometheus
from .alertmanager import RealAlertmanager
from .emulator import Emulator, Lane, World
from .loopback import serving
from .prometheus import RealPrometheus, Series
from .proxy import Proxy, proxied

NAMESPACE, SWITCHES = "trading-floor", 120
PAUSE = 0.3
"""Seconds between two flips."""
POLL, TIMEOUT, STALE = 0.4, 1.5, 8.0
"""Seconds, of every source that is polled here."""
TIMING = {"poll_interval": POLL, "timeout": TIMEOUT, "stale_after": STALE}
OURS = ("pubsub_subscriptions", "pubsub_dead_letters", "pubsub_backlog", "promql")
"""Whose stanzas are made here."""


@dataclass(frozen=True)
class Components:
    """What a machine may have: paths of commands."""

    alertmanager: str
    prometheus: str
    promtool: str


@dataclass(frozen=True)
class Turned:
    """From ``at`` (the daemon's monotonic clock) on, a source did not see for ``reason``; empty: it saw again."""

    at: float
    source: str
    reason: str


@dataclass(frozen=True)
class Flip:
    """When a switch was flipped, and the seconds until its page was at the webhook."""

    at: float
    took: float


@dataclass
class Stage:
    """A running daemon, on a thread of its own. ``noted``: every change of what its sources see."""

    floor: Floor
    alertmanager: RealAlertmanager
    prometheus: RealPrometheus
    emulator: Emulator
    pubsub: World
    lane: Lane
    proxies: Mapping[str, Proxy]
    daemon: Daemon = field(init=False)
    noted: list[Turned] = field(default_factory=list)
    _now: dict[str, str] = field(default_factory=dict)
    _switches: Iterator[int] = field(default_factory=itertools.count)

    def now(self) -> float:
        return SystemClock().now().mono

    def note(self, assessment: Assessment) -> None:
        """One turn; in the daemon's thread."""
        found = troubles(assessment.posture)
        for source in dict.fromkeys((*self._now, *found)):
            if bool(found.get(source)) != bool(self._now.get(source)):
                self.noted.append(Turned(assessment.posture.at.mono, source, found.get(source, "")))
        self._now = found

    async def turned(self, source: str, *, lost: bool, since: float) -> Turned:
        """When a source was lost, or saw again, first after ``since``. Raises ``TimeoutError``."""
        async with asyncio.timeout(30):
            while (found := self._found(source, lost, since)) is None:
                await asyncio.sleep(0.02)
        return found

    def _found(self, source: str, lost: bool, since: float) -> Turned | None:
        those = (t for t in tuple(self.noted) if t.source == source and bool(t.reason) == lost and t.at >= since)
        return next(those, None)

    async def refused(self) -> None:
        """Returns once each Alertmanager has failed to take a page."""
        async with asyncio.timeout(30):
            while self._accepting() != [False, False]:
                await asyncio.sleep(0.02)

    def _accepting(self) -> list[bool]:
        """What takes pages of the peers themselves; not what reads back from them, nor the telephone."""
        facts = (known.fact for known in self.daemon.assessment.posture.facts.values())
        peers = [part.name for part in self.daemon.plan.receivers if part.awaited]
        return [fact.accepting for fact in facts if isinstance(fact, Receiver) and fact.receiver in peers]

    async def flip(self) -> Flip:
        """A kill switch that has not been touched yet is set to 'not halted', and pages through Alertmanager."""
        name, at = f"switch-{next(self._switches)}", self.now()
        kubectl.set_data(self.floor.cluster, NAMESPACE, name, EXECUTION_HALTED="0")
        labels = {"alertname": "KillSwitchNotHalted", "location": f"{NAMESPACE}/{name}"}
        await self.alertmanager.notified("firing", **labels)
        return Flip(at, self.now() - at)

    @contextlib.asynccontextmanager
    async def flipping(self) -> AsyncIterator[list[Flip]]:
        """One switch after the other, until the block ends."""
        flips, over = list[Flip](), asyncio.Event()

        async def go_on() -> None:
            while not over.is_set():
                flips.append(await self.flip())
                await asyncio.sleep(PAUSE)

        async with asyncio.TaskGroup() as group:
            group.create_task(go_on())
            try:
                yield flips
            finally:
                over.set()


def troubles(posture: Posture) -> dict[str, str]:
    """Why a source does not see what it looks at, by its name. A service that is down is a fact where its source says
    so, and a blind scope elsewhere."""
    found: dict[str, str] = {}
    for scope, sight in posture.sights.items():
        if problem := sight.unknown(posture.at):
            found.setdefault(scope.source, str(problem))
    for known in posture.facts.values():
        if known.scope is not None and (why := _down(known.fact)):
            found.setdefault(known.scope.source, why)
    return found


def _down(fact: Fact) -> str:
    if isinstance(fact, Endpoint) and not fact.fresh:
        return fact.explanation
    if isinstance(fact, SelfReport) and isinstance(fact.agent_mode, Unknown):
        return fact.explanation
    return fact.explanation if isinstance(fact, Service) and not fact.up else ""


@contextlib.asynccontextmanager
async def staged(components: Components, folder: Path, emulator: Emulator, pubsub: World) -> AsyncIterator[Stage]:
    """Everything, once everything has been seen."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        floor = trading_floor(lambda: datetime.now(UTC))
        kubectl.create(floor.cluster, *(_switch(number) for number in range(SWITCHES)))
        addresses = await enter(scene.served(floor, Pager(SystemClock().now)))
        real = await enter(alertmanager.running(components.alertmanager, _made(folder / "alertmanager")))
        measured = await enter(_recorded(components, _made(folder / "prometheus")))
        behind = {
            "market data": addresses.market_data,
            "services": addresses.services,
            "alertmanager": real.url,
            "its peer": real.url,
            "prometheus": measured.url,
            "pubsub": pubsub.address,
            "cloud run": addresses.cloud_run,
            "metadata": await enter(serving(metadata_server.answers)),
        }
        lane = await lay(pubsub)
        proxies = {name: await enter(proxied(url, forgets=True)) for name, url in behind.items()}
        content = _content(addresses, proxies, lane)
        stage = Stage(floor, real, measured, emulator, pubsub, lane, proxies)
        stack.enter_context(metadata_server.found_at(proxies["metadata"].address, folder))
        controllers = asyncio.create_task(floor.run())
        stack.callback(controllers.cancel)
        stage.daemon = await enter(elsewhere(config.build(scene.shipped(), content), stage.note))
        async with asyncio.timeout(20):
            while not stage.daemon.sees_everything:
                await asyncio.sleep(0.02)
        yield stage


@contextlib.asynccontextmanager
async def elsewhere(configuration: config.Configuration, note: Callable[[Assessment], None]) -> AsyncIterator[Daemon]:
    """It lives in a thread of its own: what blocks it stops neither the world nor who takes the time."""
    born: Future[tuple[Daemon, asyncio.AbstractEventLoop]] = Future()

    async def live() -> None:
        async with real_ports("127.0.0.1", 0, configuration.labels) as ports:
            daemon = Daemon(configuration.plan, ports)
            daemon.on_turn = note
            born.set_result((daemon, asyncio.get_running_loop()))
            await daemon.run()

    living = asyncio.create_task(asyncio.to_thread(asyncio.run, live()))
    first: list[asyncio.Future[Any]] = [living, asyncio.wrap_future(born)]
    await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
    if living.done():
        await living
    daemon, loop = born.result()
    try:
        yield daemon
    finally:
        loop.call_soon_threadsafe(daemon.stop.set)
        await living


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _switch(number: int) -> dict[str, Any]:
    metadata = {"name": f"switch-{number}", "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"EXECUTION_HALTED": "1"}}


@contextlib.asynccontextmanager
async def _recorded(components: Components, folder: Path) -> AsyncIterator[RealPrometheus]:
    """One series, which goes on into the future: no scrape needs to come first after a restart."""
    now = datetime.now(UTC).timestamp()
    series = Series("backlog", {"subscription": "trade-signals-sub"}, [(now + 5 * n, 1.0) for n in range(-12, 120)])
    async with prometheus.prepared(components.prometheus, folder, {}) as real:
        await real.backfill(components.promtool, [series])
        await real.start()
        yield real


async def lay(pubsub: World) -> Lane:
    """Also after a restart of the emulator, which forgets."""
    return await pubsub.lane(ackDeadlineSeconds=60)


# Configuration


def _content(addresses: scene.Addresses, proxies: Mapping[str, Proxy], lane: Lane) -> dict[str, Any]:
    """The shipped configuration, its addresses those of the proxies, and impatient."""
    through = replace(
        addresses,
        market_data=proxies["market data"].url,
        services=proxies["services"].url,
        cloud_run=proxies["cloud run"].url,
    )
    content = scene.adapted(through)
    peers = [proxies[name].url for name in ("alertmanager", "its peer")]
    content["outlets"][0] = {"kind": "alertmanager", "urls": peers}
    kept = [_impatient(stanza) for stanza in content["sources"] if stanza["kind"] not in OURS]
    content["sources"] = [*kept, *_stanzas(proxies, lane)]
    kubernetes = content["sources"][0]
    kubernetes |= {"poll_interval": 3, "stale_after": 12}  # a WATCH tells of the flips; these are many switches
    content["paging"] = {**content.get("paging", {}), "detection_budget": 7}  # of one that no WATCH would tell of
    named = ({"namespace": NAMESPACE, "config_map": f"switch-{n}"} for n in range(SWITCHES))
    switch = {"switch": "EXECUTION_HALTED", "key": "EXECUTION_HALTED"}
    kubernetes["kill_switches"] += [{**switch, **one} for one in named]
    return content


def _impatient(stanza: dict[str, Any]) -> dict[str, Any]:
    polls = "poll_interval" in stanza and "timeout" in stanza and stanza["kind"] != "clocks"  # slower by their nature
    return {**stanza, **TIMING} if polls else stanza


def _stanzas(proxies: Mapping[str, Proxy], lane: Lane) -> list[dict[str, Any]]:
    at = {"project": lane.project, "endpoint": proxies["pubsub"].address}
    subscription, topic, dead, tap = (
        name.rpartition("/")[2] for name in (lane.subscription, lane.topic, lane.dead_letter_topic, lane.tap)
    )
    subscribed = {"subscription": subscription, "topic": topic, "criticality": "critical", "dead_letter_topic": dead}
    query = {"metric": "undelivered_messages", "expr": "backlog", "by": ["subscription"], "max_age": 30}
    timeouts = {"timeout": TIMEOUT, "stale_after": STALE}
    return [
        {"kind": "pubsub_subscriptions", **at, "subscriptions": [subscribed], **TIMING},
        {"kind": "pubsub_dead_letters", **at, "taps": [{"topic": dead, "tap": tap}], "poll_seconds": 1, **timeouts},
        {"kind": "promql", "url": proxies["prometheus"].url, "credentials": "google", "queries": [query], **TIMING},
    ]
