"""The scale table: a cluster of 20,000 objects, the naive ways of watching it beside ours, and what a change costs.

Three processes: the simulated API server, whoever watches it, and this one, which patches and takes the pages. It flips
at fixed instants, whether or not the page of the flip before has come: what is late makes nothing else late.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from . import scale_world as world
from .processes import cpu_seconds, module, process
from .scale_pages import Pages, taking_pages
from .table import p99, say, spread

QUIET_FLIPS, RELISTING_FLIPS, CHURN_FLIPS, NAIVE_FLIPS = 40, 200, 60, 40
RATE, CHURN_SECONDS = 3_000, 20.0
SIZES = (100, 1_000, 10_000)
COST_RATE, COST_SECONDS = 1_000, 4.0


@dataclass(frozen=True)
class Bench:
    """An API server with a world in it, and where the pages of whoever watches it arrive."""

    api: str
    pages: Pages
    session: aiohttp.ClientSession
    fresh: Iterator[int]  # switches that nobody has flipped yet, by their numbers

    async def control(self, what: str, **query: float) -> None:
        texts = {name: str(value) for name, value in query.items()}
        async with self.session.post(f"{self.api}/control/{what}", params=texts) as response:
            assert response.status == 202, await response.text()

    async def state(self) -> dict[str, Any]:
        async with self.session.get(f"{self.api}/control/state") as response:
            return dict(await response.json())

    async def flips(self, number: int, interval: float) -> list[float]:
        """Milliseconds from the answer of the PATCH that unlocks a switch to its page."""
        return await self._spaced([self._flip(next(self.fresh)) for _ in range(number)], interval)

    async def scalings(self, executors: Iterable[int], interval: float) -> list[float]:
        """The same, of execution workloads that are scaled up: their events come in line behind the churn's."""
        return await self._spaced([self._scale(number) for number in executors], interval)

    def last(self, executor: int) -> Iterable[Awaitable[float]]:
        """The same, of a workload and a Pod: what comes in line behind all that was written before."""
        pod = world.rogue_pod()
        path = f"/api/v1/namespaces/{world.FLOOR}/pods"
        return self._scale(executor), self._delay("POST", path, pod, pod["metadata"]["name"])

    async def _spaced(self, delays: list[Awaitable[float]], interval: float) -> list[float]:
        began = time.monotonic()

        async def at(number: int, delay: Awaitable[float]) -> float:
            await asyncio.sleep(began + number * interval - time.monotonic())
            return await delay

        return list(await asyncio.gather(*(at(number, delay) for number, delay in enumerate(delays))))

    async def _flip(self, number: int) -> float:
        name, key = f"switch-{number // world.KEYS}", world.switch_key(number)
        path = f"/api/v1/namespaces/{world.FLOOR}/configmaps/{name}"
        return await self._delay("PATCH", path, {"data": {key: "0"}}, key)

    async def _scale(self, number: int) -> float:
        path = f"/apis/apps/v1/namespaces/{world.FLOOR}/deployments/executor-{number}/scale"
        return await self._delay("PATCH", path, {"spec": {"replicas": 1}}, f"executor-{number}")

    async def _delay(self, method: str, path: str, body: Any, subject: str) -> float:
        content_type = {"Content-Type": f"application/{'merge-patch+' if method == 'PATCH' else ''}json"}
        async with self.session.request(method, self.api + path, json=body, headers=content_type) as response:
            assert response.status in (200, 201), await response.text()
            await response.read()
            answered = time.monotonic()
        return (await self.pages.wait_for(subject) - answered) * 1e3


@dataclass
class Watcher:
    """Whoever watches: what it took to hold everything, and what it makes of a flip while it lists everything anew."""

    pid: int
    boot: float  # seconds from the start of the process until it held everything
    cpu: float  # seconds, until then
    megabytes: float
    peak: float
    flips: list[float] = field(default_factory=list)


async def main(folder: Path) -> None:
    size = world.Size()
    say(f"{size.pods:,} Pods, {size.deployments:,} Deployments, {size.config_maps:,} ConfigMaps", "")
    async with bench(size) as ground:
        ours = await _ours(folder, ground)
        dicts = await _naively("dicts", ground)
        typed = await _naively("typed", ground)
    for name, naive in (("whole LISTs into dicts", dicts), ("whole LISTs into typed models", typed)):
        say(f"   the naive way, {name}: everything held", f"{naive.boot:.1f} s, {naive.boot / ours.boot:.1f}x ours")
        memory = f"{naive.peak:.0f} MB, {naive.peak / ours.peak:.1f}x ours"
        say("      its memory at the most", memory)
        say("      a flip while everything is listed anew", spread(naive.flips))
        say("      its p99 against ours", f"{p99(naive.flips) / p99(ours.flips):.0f}x ours")
    for objects in SIZES:
        microseconds, delays = await _cost_of_a_change(folder, world.Size.of(objects))
        figure = f"{microseconds:.0f} us; {spread(delays)}"
        say(f"a change with {objects:,} objects: CPU of the daemon; a flip's delay", figure, "flat")


async def _ours(folder: Path, ground: Bench) -> Watcher:
    async with watchdog(folder, ground) as ours:
        held = time.monotonic()
        figure = f"{ours.boot * 1e3:.0f}; {ours.cpu:.1f} s of CPU"
        say("start of the process to the first full verdict", figure, "<= 4000")
        say("   its memory then; at the most", f"{ours.megabytes:.0f} MB; {ours.peak:.0f} MB", "<= 160 MB")
        say("PATCH answered to page, a kill switch", spread(await ground.flips(QUIET_FLIPS, 0.05)))
        await _while_relisting(ground, ours, RELISTING_FLIPS, 0.05)
        say("   while everything is listed anew, again and again", spread(ours.flips), "p99 <= 25")
        say("      times that it was", f"{(await ground.state())['relists']}")
        await _under_churn(ground, ours)
        await asyncio.sleep(held + 60 - time.monotonic())
        ours.peak = memory(ours.pid, "VmHWM")
        figure = f"{memory(ours.pid, 'VmRSS'):.0f} MB; {ours.peak:.0f} MB"
        say("   memory a minute after the first verdict; at the most until then", figure, "<= 160 MB")
        return ours


async def _while_relisting(ground: Bench, watcher: Watcher, number: int, interval: float) -> None:
    await ground.control("relist", seconds=number * interval)
    watcher.flips = await ground.flips(number, interval)
    while (await ground.state())["busy"]:
        await asyncio.sleep(0.05)


async def _under_churn(ground: Bench, ours: Watcher) -> None:
    before, since = cpu_seconds(ours.pid), time.monotonic()
    await ground.control("churn", rate=RATE, seconds=CHURN_SECONDS)
    interval = CHURN_SECONDS / CHURN_FLIPS
    switches, workloads = await asyncio.gather(
        ground.flips(CHURN_FLIPS, interval), ground.scalings(range(CHURN_FLIPS), interval)
    )
    while (state := await ground.state())["busy"]:
        await asyncio.sleep(0.002)
    behind = max(await asyncio.gather(*ground.last(CHURN_FLIPS)))
    busy = (cpu_seconds(ours.pid) - before) / (time.monotonic() - since)
    rate = f"{state['written'] / state['seconds']:.0f} a second"
    say(f"events for {CHURN_SECONDS:.0f} s; CPU of the daemon, of one core", f"{rate}; {busy:.0%}", ">= 3000 a second")
    say("   PATCH answered to page meanwhile, a kill switch", spread(switches))
    say("   an execution workload, in line with the events of the others", spread(workloads))
    say("   what it was behind with Pods or Deployments after the last event", f"{behind:.2f}")
    say("   streams that the server ended because the daemon was too slow", f"{state['overflows']}", "0")


async def _naively(way: str, ground: Bench) -> Watcher:
    command = (sys.executable, "-m", "tests.benchmarks.scale_naive", way, ground.api, ground.pages.url)
    began = time.monotonic()
    async with process(*command, output=True) as started:
        assert started.stdout is not None
        async with asyncio.timeout(90):
            await started.stdout.readline()
        naive = _watcher(started, began)
        await asyncio.sleep(0.5)
        await _while_relisting(ground, naive, NAIVE_FLIPS, 0.25)
        naive.peak = memory(naive.pid, "VmHWM")
        return naive


async def _cost_of_a_change(folder: Path, size: world.Size) -> tuple[float, list[float]]:
    """Microseconds of the daemon's CPU for each event of a moderate churn, and flips meanwhile."""
    async with bench(size) as ground, watchdog(folder, ground) as ours:
        await asyncio.sleep(1.0)
        before = cpu_seconds(ours.pid)
        await ground.control("churn", rate=COST_RATE, seconds=COST_SECONDS)
        delays = await ground.flips(20, COST_SECONDS / 20)
        while (state := await ground.state())["busy"]:
            await asyncio.sleep(0.01)
        return (cpu_seconds(ours.pid) - before) / state["written"] * 1e6, delays


@contextlib.asynccontextmanager
async def bench(size: world.Size) -> AsyncIterator[Bench]:
    arguments = map(str, (size.pods, size.deployments, size.config_maps))
    async with module("scale_server", *arguments) as api, taking_pages() as pages, aiohttp.ClientSession() as session:
        yield Bench(api, pages, session, iter(range(world.SWITCHES * world.KEYS)))


@contextlib.asynccontextmanager
async def watchdog(folder: Path, ground: Bench) -> AsyncIterator[Watcher]:
    """``watchdog run``, from when every scope of it has seen."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        str(Path(sys.executable).with_name("watchdog")),
        "run",
        "--config",
        str(_configured(folder, ground, port)),
    ]
    began = time.monotonic()
    async with process(*command) as started:
        async with asyncio.timeout(60):
            while started.returncode is None and not await _sees(ground.session, f"http://127.0.0.1:{port}/healthz"):
                await asyncio.sleep(0.05)
        yield _watcher(started, began)


def _watcher(started: asyncio.subprocess.Process, began: float) -> Watcher:
    assert started.returncode is None, "it ended by itself"
    pid = started.pid
    boot = time.monotonic() - began
    return Watcher(pid, boot, cpu_seconds(pid), memory(pid, "VmRSS"), memory(pid, "VmHWM"))


async def _sees(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as response:
            return response.status == 200 and bool((await response.json())["sources"]["kubernetes"]["up"])
    except (aiohttp.ClientError, KeyError):
        return False


def _configured(folder: Path, ground: Bench, port: int) -> Path:
    """The shipped configuration on these addresses, with the switches of the world besides its own."""
    from watchdog.simulator.scene import Addresses, adapted, kubeconfig

    content = adapted(Addresses(kubeconfig(folder, ground.api), pager=ground.pages.url))
    content["server"]["port"] = port
    content["sources"] = [stanza for stanza in content["sources"] if stanza["kind"] in ("kubernetes", "market_hours")]
    content["sources"][0]["kill_switches"] += [
        {"switch": key, "namespace": world.FLOOR, "config_map": f"switch-{number // world.KEYS}", "key": key}
        for number in range(world.SWITCHES * world.KEYS)
        if (key := world.switch_key(number))
    ]
    path = folder / "watchdog-scale.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def memory(pid: int, what: str) -> float:
    """Megabytes: VmRSS is what a process has now, VmHWM the most that it had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(what))
