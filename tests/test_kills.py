"""kill -9 at any instant: what was worth a page is paged at least once, a latch and an acknowledgement hold, and
``for`` does not start over. Real processes, real HTTP, one file on a disk."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from watchdog import config
from watchdog.core.alert import Cause, EdgeKind, Identity, State
from watchdog.core.facts import Subject, Workload
from watchdog.core.instant import Instant, rfc3339
from watchdog.core.notice import fingerprint, labels_of
from watchdog.daemon import Daemon
from watchdog.simulator import kubectl, scene
from watchdog.simulator.faults import Down, Hang
from watchdog.simulator.http_face import HttpFace
from watchdog.simulator.pager import Pager
from watchdog.simulator.platform import Floor, trading_floor
from watchdog.simulator.virtual_time import VirtualClock
from watchdog.simulator.wire import Request, Response, answer

from .fakes import MemoryFiles
from .test_cli import free_port
from .virtual import in_virtual_time

RULE = "ExecutionWorkloadAboveZero"
LANES, ROUNDS = 3, 67  # each lane a floor, a disk and its daemons of its own
ACKNOWLEDGED_EVERY = 10
BLIP = 0.05
AGENT = ("deploy", "agenttrader", "execution-agent")


def now() -> Instant:
    return Instant(datetime.now(UTC), asyncio.get_running_loop().time())


@dataclass
class Webhook:
    """Is called directly; ``paged``: of which workloads, how often (``idempotency-key`` aside)."""

    paged: Counter[str] = field(default_factory=Counter)

    async def answer(self, request: Request) -> Response:
        for alert in json.loads(request.body)["alerts"]:
            if alert["status"] == "firing" and alert["labels"]["alertname"] == RULE:
                self.paged[alert["labels"]["workload"]] += 1
        await asyncio.sleep(0.03)  # time to die in
        return answer(200, {})


@dataclass
class Stage:
    """The floor on loopback, a pager, a webhook, and one daemon after the other on the same disk."""

    floor: Floor
    pager: Pager
    webhook: Webhook
    zygote: asyncio.subprocess.Process
    folder: Path
    url: str
    pid: int = 0
    entries: dict[str, Any] = field(default_factory=dict)

    async def start(self) -> None:
        assert self.zygote.stdin and self.zygote.stdout
        self.zygote.stdin.write(b"start\n")
        self.pid = int(await self.zygote.stdout.readline())

    async def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            while True:
                os.kill(self.pid, 0)
                await asyncio.sleep(0.002)

    async def alerts(self) -> list[dict[str, Any]]:
        """What the daemon of now says; raises while it does not answer."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/api/v1/alerts") as answer:
            answer.raise_for_status()
            return list((await answer.json())["alerts"])

    def paged(self, workload: str) -> bool:
        """By both ways."""
        labels = (delivery.labels for delivery in self.pager.deliveries)
        told = any((had.get("workload"), had["alertname"]) == (workload, RULE) for had in labels)
        return told and self.webhook.paged[workload] > 0

    def deploy(self, name: str) -> None:
        """The execution agent once more, at zero."""
        text = json.dumps(kubectl.get(self.floor.cluster, *AGENT).object)
        manifest = json.loads(text.replace('"app": "execution-agent"', f'"app": "{name}"'))
        manifest["metadata"] = {"name": name, "namespace": AGENT[1], "labels": manifest["metadata"]["labels"]}
        kubectl.create(self.floor.cluster, {**manifest, "status": {}})

    def scale(self, name: str, replicas: int) -> None:
        kubectl.scale(self.floor.cluster, "deploy", "agenttrader", name, replicas)

    def acknowledge(self, alert: dict[str, Any]) -> None:
        at = datetime.now(UTC).isoformat()
        said = {"verb": "ack", "by": "ann", "why": "a test", "at": at, "through": at, "alert": alert["fingerprint"]}
        self.entries[f"ack-{len(self.entries)}"] = said
        beside = self.folder / "operator.new"
        beside.write_text(json.dumps(self.entries))
        beside.replace(self.folder / "operator.json")


async def until(holds: Callable[[], bool], within: float, what: str) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + within
    while not holds():
        assert loop.time() < end, what
        await asyncio.sleep(0.005)


async def eventually(stage: Stage, holds: Callable[[list[dict[str, Any]]], bool], within: float, what: str) -> None:
    """Of what the daemon says, once it answers."""
    loop = asyncio.get_running_loop()
    end = loop.time() + within
    while True:
        with contextlib.suppress(aiohttp.ClientError):
            if holds(await stage.alerts()):
                return
        assert loop.time() < end, what
        await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def staged(folder: Path, *rules: Path, ledger: bool = False) -> AsyncIterator[Stage]:
    floor = trading_floor(lambda: datetime.now(UTC))
    controllers = asyncio.create_task(floor.run())
    pager, port, webhook = Pager(now), free_port(), Webhook()
    async with contextlib.AsyncExitStack() as stack:
        addresses = await stack.enter_async_context(scene.served(floor, pager))
        face = HttpFace(webhook)
        await face.start()
        stack.push_async_callback(face.stop)
        content = scene.adapted(addresses)
        content["rules"] = [path for path in content["rules"] if path.endswith(("execution.yaml", "operators.yaml"))]
        content["rules"] += map(str, rules)
        content["server"] = {"host": "127.0.0.1", "port": port}
        content["sources"] = [stanza for stanza in content["sources"] if stanza["kind"] == "kubernetes"]
        content["sources"].append({"kind": "operator", "name": "operator", "file": str(folder / "operator.json")})
        content["outlets"] = [
            {"kind": "alertmanager", "urls": [addresses.pager]},
            {"kind": "status_page"},
            {"kind": "memory", "path": str(folder / "memory.json")},
            {"kind": "webhook", "receivers": [{"name": "called", "url": face.url}]},
            *([{"kind": "ledger", "path": str(folder / "ledger")}] if ledger else ()),
        ]
        (folder / "config.json").write_text(json.dumps(content))
        zygote = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.zygote", str(folder / "config.json"), str(folder / "log"),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert zygote.stdin and zygote.stdout
        assert await zygote.stdout.readline() == b"ready\n"
        try:
            yield Stage(floor, pager, webhook, zygote, folder, f"http://127.0.0.1:{port}")
        finally:
            zygote.stdin.close()
            await zygote.wait()
            controllers.cancel()


@pytest.mark.long
async def test_killed_at_any_instant_around_a_flip_it_pages_and_the_latch_and_the_acknowledgement_hold(
    tmp_path: Path,
) -> None:
    folders = [tmp_path / f"lane-{number}" for number in range(LANES)]
    for folder in folders:
        folder.mkdir()
    await asyncio.gather(*(a_lane(folder, random.Random(seed)) for seed, folder in enumerate(folders)))


async def a_lane(folder: Path, chance: random.Random) -> None:
    names = [f"execution-agent-{number}" for number in range(ROUNDS)]
    acknowledged: set[str] = set()
    async with staged(folder, ledger=folder.name == "lane-1") as stage:
        await stage.start()
        await until(lambda: (folder / "memory.json").exists(), 20, "it never began")
        for number, name in enumerate(names, 1):
            await a_round(stage, name, chance)
            await until(lambda: stage.paged(name), 10, f"{name} was not paged")  # noqa: B023
            if number % ACKNOWLEDGED_EVERY == 0:
                acknowledged |= await acknowledge_one(stage, acknowledged)
            kubectl.delete(stage.floor.cluster, "deploy", "agenttrader", name)
        held = await settled(stage, {*names} - acknowledged)
        assert {*names} - acknowledged <= {*held}, "a latch did not hold"
        assert not acknowledged & {*held}, "an acknowledgement did not hold"


async def settled(stage: Stage, expected: set[str]) -> dict[str, dict[str, Any]]:
    """Which Deployments' alerts are latched in the end; as soon as they are ``expected``."""
    held: dict[str, dict[str, Any]] = {}

    def as_expected(alerts: list[dict[str, Any]]) -> bool:
        held.clear()
        held.update(latched_in(alerts))
        return {*held} == expected

    with contextlib.suppress(AssertionError):
        await eventually(stage, as_expected, 15, "")
    return held


def latched_in(alerts: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Those of our Deployments, by name."""
    ours = [a for a in alerts if a["alertname"] == RULE and a["labels"]["kind"] == "Deployment" and a["latched"]]
    return {a["labels"]["workload"]: a for a in ours}


async def a_round(stage: Stage, name: str, chance: random.Random) -> None:
    """A flip, and a death at some instant around it."""
    lasts, dies_after = chance.random() < 0.5, chance.uniform(0.0, 0.6)
    flips_after, stays_dead = chance.uniform(0.1, 0.3), chance.choice((0.0, 0.0, 0.1))
    stage.deploy(name)

    async def flip() -> None:
        await asyncio.sleep(flips_after)
        stage.scale(name, 1)
        await asyncio.sleep(chance.uniform(0.3, 0.6) if lasts else BLIP)
        stage.scale(name, 0)

    async def die() -> None:
        await asyncio.sleep(dies_after)
        await stage.kill()
        await asyncio.sleep(stays_dead)
        await stage.start()

    await asyncio.gather(flip(), die())


async def acknowledge_one(stage: Stage, already: set[str]) -> set[str]:
    """One that is latched, right before the next death."""
    found: dict[str, dict[str, Any]] = {}

    def latched(alerts: list[dict[str, Any]]) -> bool:
        found.update(latched_in(alerts))
        return any(name not in already for name in found)

    await eventually(stage, latched, 20, "nothing is latched")
    name = min(name for name in found if name not in already)
    stage.acknowledge(found[name])
    return {name}


SLOW = """
groups:
  - name: slow
    rules:
      - alert: Slow
        each: workload
        expr: "workload.execution && workload.desired > 0"
        severity: 1
        for: 6s
        unknown: {severity: 2, for: 1h, whether: it is above zero}
        annotations: {summary: "above zero for six seconds", description: "a test", runbook: ops/PRODUCTION_LOCK.md}
"""
LIVES = 10  # of a second each


@pytest.mark.long
async def test_for_does_not_start_over_however_often_it_dies(tmp_path: Path) -> None:
    """It never lives as long as the ``for``."""
    rule = tmp_path / "slow.yaml"
    rule.write_text(SLOW)
    async with staged(tmp_path, rule) as stage:
        await stage.start()
        await until(lambda: (tmp_path / "memory.json").exists(), 20, "it never began")
        stage.scale(AGENT[2], 1)
        for _ in range(LIVES):
            await asyncio.sleep(1)
            await stage.kill()
            await stage.start()
        await until(lambda: any(d.labels["alertname"] == "Slow" for d in stage.pager.deliveries), 3, "it starts over")


# in virtual time


@dataclass
class Deaths:
    """One floor, one disk, one pager, and one daemon after the other, in virtual time."""

    floor: Floor
    clock: VirtualClock
    pager: Pager
    files: MemoryFiles = field(default_factory=MemoryFiles)
    told: list[str] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def life(self, *, sees: bool = True) -> AsyncIterator[Daemon]:
        """Ended at once, whatever it was about to do."""
        content = scene.adapted(scene.Addresses())
        content["rules"] = [path for path in content["rules"] if path.endswith("execution.yaml")]
        content["sources"] = [stanza for stanza in content["sources"] if stanza["kind"] == "kubernetes"]
        content["sources"].append({"kind": "operator", "name": "operator", "file": "/operator.json"})
        content["outlets"] = [content["outlets"][0], {"kind": "memory", "path": "/memory.json"}]
        configuration = config.build(scene.shipped(), content)
        ports = scene.in_process(self.floor, self.pager, self.clock, configuration.labels, self.files)
        daemon = Daemon(configuration.plan, ports)
        daemon.on_turn = lambda level: self.told.extend(
            str(e.kind) for e in level.edges if e.alert.identity == IDENTITY and e.kind is not EdgeKind.UNHEARD
        )
        running = asyncio.create_task(daemon.run())
        while sees and not daemon.sees_everything:
            await asyncio.sleep(0.1)
        yield daemon
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    def acknowledge(self, daemon: Daemon) -> None:
        """What the daemon says now."""
        at = rfc3339(self.clock.now().wall)
        said = {"verb": "ack", "by": "ann", "why": "a test", "at": at, "through": at}
        said["alert"] = fingerprint(labels_of(daemon.assessment.alerts[IDENTITY], daemon.ports.labels))
        self.files.content["/operator.json"] = json.dumps({"ack-1": said}).encode()


IDENTITY = Identity(
    RULE,
    Subject("workload", tuple(zip(Workload.IDENTITY, (AGENT[1], "Deployment", AGENT[2]), strict=True))),
    Cause.BREACH,
)


def died(act: Callable[[Deaths], Awaitable[None]]) -> None:
    async def main() -> None:
        clock = VirtualClock(asyncio.get_running_loop())
        floor = trading_floor(lambda: clock.now().wall)
        controllers = asyncio.create_task(floor.run())
        await act(Deaths(floor, clock, Pager(clock.now)))
        controllers.cancel()

    in_virtual_time(main())


@pytest.mark.parametrize("after", [0.0, 0.01, 0.049, 0.05, 0.051, 0.06, 0.1, 0.3, 1.0, 4.0, 30.0])
def test_a_blip_is_paged_at_whatever_instant_the_daemon_dies_and_stays_latched_through_every_life(after: float) -> None:
    async def act(deaths: Deaths) -> None:
        async def blip() -> None:
            for replicas in (1, 0):
                kubectl.scale(deaths.floor.cluster, *AGENT, replicas)
                await asyncio.sleep(BLIP)

        async with deaths.life():
            await asyncio.sleep(3)
            blipping = asyncio.create_task(blip())
            await asyncio.sleep(after)
        await blipping
        for _ in range(2):
            async with deaths.life() as daemon:
                await asyncio.sleep(2)
                assert daemon.assessment.alerts[IDENTITY].latched
        assert any(d.labels["alertname"] == RULE for d in deaths.pager.deliveries)
        assert "resolved" not in deaths.told and deaths.told[-1] == "restored"

    died(act)


def test_what_was_open_and_has_ended_while_nobody_lived_latches() -> None:
    async def act(deaths: Deaths) -> None:
        async with deaths.life():
            kubectl.scale(deaths.floor.cluster, *AGENT, 1)
            await asyncio.sleep(1)
        kubectl.scale(deaths.floor.cluster, *AGENT, 0)
        deaths.floor.cluster.forget_history()  # nothing tells of it but what is remembered
        await asyncio.sleep(60)
        async with deaths.life() as daemon:
            await asyncio.sleep(1)
            assert daemon.assessment.alerts[IDENTITY].latched
        assert deaths.told == ["fired", "restored", "latched"]

    died(act)


def test_what_is_restored_is_told_again_at_once() -> None:
    async def act(deaths: Deaths) -> None:
        async with deaths.life():
            kubectl.scale(deaths.floor.cluster, *AGENT, 1)
            await asyncio.sleep(1)
        forgetful = deaths.pager = Pager(deaths.clock.now)
        began = deaths.clock.now()
        async with deaths.life():
            await asyncio.sleep(2)
        [paged] = [
            d for d in forgetful.deliveries if d.labels["alertname"] == RULE and d.labels["kind"] == "Deployment"
        ]
        assert paged.at.since(began) < 1.0

    died(act)


def test_while_the_server_cannot_be_seen_what_was_open_stays_open_and_is_told() -> None:
    async def act(deaths: Deaths) -> None:
        async with deaths.life():
            kubectl.scale(deaths.floor.cluster, *AGENT, 1)
            await asyncio.sleep(1)
        deaths.floor.server.faults.inject(Down())
        async with deaths.life(sees=False) as daemon:
            await asyncio.sleep(30)
            assert daemon.assessment.alerts[IDENTITY].state is State.FIRING
        async with deaths.life(sees=False) as daemon:
            await asyncio.sleep(1)
            assert daemon.assessment.alerts[IDENTITY].state is State.FIRING, "nor does a life that saw nothing forget"

    died(act)


async def flip(deaths: Deaths) -> None:
    for replicas in (1, 0):
        kubectl.scale(deaths.floor.cluster, *AGENT, replicas)
        await asyncio.sleep(3)


@pytest.mark.parametrize("after", [0.0, 0.3, 3.0])
@pytest.mark.parametrize("flips_again", [False, True])
def test_a_watch_that_tells_only_now_of_what_is_acknowledged_pages_nothing_and_of_what_came_later_pages(
    after: float, flips_again: bool
) -> None:
    """In the life that paged no WATCH spoke, so the next goes on from before it."""

    async def act(deaths: Deaths) -> None:
        async with deaths.life():
            await asyncio.sleep(3)
        deaths.floor.server.faults.inject(Hang("/apis/apps/v1/deployments", ("watch",)))
        async with deaths.life(sees=False) as daemon:
            await asyncio.sleep(3)
            await flip(deaths)
            assert daemon.assessment.alerts[IDENTITY].latched
            deaths.acknowledge(daemon)
            await asyncio.sleep(after)
        deaths.floor.server.faults.clear()
        told = len(deaths.told)
        if flips_again:
            await flip(deaths)
        for _ in range(2):
            async with deaths.life() as daemon:
                await asyncio.sleep(3)
                alert = daemon.assessment.alerts.get(IDENTITY)
        assert (alert is not None and alert.latched) is flips_again
        if flips_again or after >= 1:  # else it died before it had written down that it was acknowledged
            assert ("fired" in deaths.told[told:] or "refired" in deaths.told[told:]) is flips_again

    died(act)


@pytest.mark.parametrize("after", [0.0, 0.5, 0.99, 1.0, 1.01, 1.5, 4.0, 30.0])
def test_an_acknowledgement_holds_at_whatever_instant_after_it_the_daemon_dies(after: float) -> None:
    async def act(deaths: Deaths) -> None:
        async with deaths.life() as daemon:
            for replicas in (1, 0):
                kubectl.scale(deaths.floor.cluster, *AGENT, replicas)
                await asyncio.sleep(3)
            deaths.acknowledge(daemon)
            await asyncio.sleep(after)
        for _ in range(2):
            async with deaths.life() as daemon:
                await asyncio.sleep(3)
                assert IDENTITY not in daemon.assessment.alerts
        assert {kind: deaths.told.count(kind) for kind in ("fired", "refired", "resolved")} == {
            "fired": 1, "refired": 0, "resolved": 1,
        }  # fmt: skip

    died(act)
