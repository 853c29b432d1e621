"""``make bench``: prints one table. Milliseconds are this machine's; the ratios travel.

``python -m tests.benchmarks PART ...`` prints some of its parts alone: watch, data, scale.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from . import cost, dead_letters, incumbent, scale, turns
from .processes import Webhook, configured, cpu_seconds, daemon, module, resident_megabytes, webhook
from .table import say, spread

SWITCHES, REPLICAS, MODES = 50, 250, 200
BALLAST = 1_000
MERGE = {"Content-Type": "application/merge-patch+json"}
STRATEGIC = {"Content-Type": "application/strategic-merge-patch+json"}
NAMESPACE = "trading-floor"


@dataclass(frozen=True)
class Change:
    """One PATCH, and the label by which its page is known."""

    path: str
    body: dict[str, Any]
    headers: dict[str, str]
    label: str


def switch(number: int) -> Change:
    name = f"switch-{number}"
    path = f"/api/v1/namespaces/{NAMESPACE}/configmaps/{name}"
    return Change(path, {"data": {"EXECUTION_HALTED": "0"}}, MERGE, f"{NAMESPACE}/{name}")


def replicas(number: int) -> Change:
    path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/executor-{number}/scale"
    return Change(path, {"spec": {"replicas": 1}}, MERGE, f"executor-{number}")


def mode(number: int) -> Change:
    path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/strategy-{number}"
    containers = [{"name": "main", "env": [{"name": "AGENT_MODE", "value": "LIVE"}]}]
    return Change(path, {"spec": {"template": {"spec": {"containers": containers}}}}, STRATEGIC, f"strategy-{number}")


def changes(switches: int, replicas_: int, modes: int) -> list[Change]:
    """Interleaved, each on an object of its own."""
    kinds = (
        [switch(n) for n in range(switches)],
        [replicas(n) for n in range(replicas_)],
        [mode(n) for n in range(modes)],
    )
    return [change for n in range(max(map(len, kinds))) for kind in kinds for change in kind[n : n + 1]]


async def measure(api: str, pages: Webhook, wanted: Sequence[Change], bare: bool = False) -> list[float]:
    """Milliseconds from the PATCH's answer to the webhook, one change after the other."""
    taken = []
    async with aiohttp.ClientSession(api) as session:
        for change in wanted:
            async with session.patch(change.path, json=change.body, headers=change.headers) as response:
                assert response.status == 200, await response.text()
                await response.read()
                answered = time.monotonic()
            label = change.label.rpartition("/")[2] if bare else change.label
            taken.append((await pages.wait_for(label, 30.0) - answered) * 1e3)
            await asyncio.sleep(0.01)
    return taken


async def changing(folder: Path) -> None:
    ours = await watching(folder)
    floor = await bare(folder)
    theirs = await incumbent.measured(folder)
    await polling(folder)
    say("   a bare WATCH whose event is POSTed at once (the floor)", spread(floor))
    say("   Prometheus (1 s scrape, 1 s evaluation) on a perfect exporter", spread(theirs))
    ratio = statistics.median(theirs) / statistics.median(ours)
    say(
        "   ours against Prometheus; ours against the floor",
        f"{ratio:.0f}x faster; {_over(ours, floor):.1f}x the floor",
    )
    for subjects, microseconds, first in turns.measured((100, 1_000, 10_000)):
        say(
            f"a turn with {subjects:,} subjects (one changes); the first turn",
            f"{microseconds:.0f} us; {first:.0f} ms",
            "flat",
        )


async def data_plane(folder: Path) -> None:
    await dead_letters.main(folder)
    await cost.main(folder)


def _over(ours: Sequence[float], floor: Sequence[float]) -> float:
    return statistics.median(ours) / statistics.median(floor)


async def watching(folder: Path) -> list[float]:
    names = [f"switch-{n}" for n in range(SWITCHES)]
    async with (
        webhook(folder) as pages,
        module("floor", *map(str, (SWITCHES, REPLICAS, MODES, BALLAST))) as api,
        daemon(configured(folder, api, pages.url, names), "kubernetes") as (started, _, boot),
    ):
        say(
            f"start of the process to the first full verdict ({BALLAST:,} other workloads)",
            f"{boot * 1e3:.0f}",
            "<= 1000",
        )
        say("   its memory then", f"{resident_megabytes(started.pid):.0f} MB", "<= 80 MB")
        ours = await measure(api, pages, changes(SWITCHES, REPLICAS, MODES))
        say(
            f"PATCH answered to webhook called, {len(ours)} changes to distinct objects",
            spread(ours),
            "p50 <= 3, p99 <= 10",
        )
        say("   memory after them", f"{resident_megabytes(started.pid):.0f} MB", "<= 130 MB")
    async with (
        webhook(folder) as pages,
        module("floor", "0", "0", "0") as api,
        daemon(configured(folder, api, pages.url, []), "kubernetes") as (started, _, boot),
    ):
        say("start to the first full verdict, the trading floor alone", f"{boot * 1e3:.0f}", "<= 1000")
        before, since = cpu_seconds(started.pid), time.monotonic()
        await asyncio.sleep(15)
        idle = (cpu_seconds(started.pid) - before) / (time.monotonic() - since)
        say("   idle CPU, of one core", f"{idle:.1%}", "<= 3 %")
        say("   memory", f"{resident_megabytes(started.pid):.0f} MB", "<= 80 MB")
    return ours


async def bare(folder: Path) -> list[float]:
    async with (
        webhook(folder) as pages,
        module("floor", *map(str, (SWITCHES, REPLICAS, MODES, BALLAST))) as api,
        module("bare", api, pages.url),
    ):
        await asyncio.sleep(1.0)  # its watches open
        return await measure(api, pages, changes(SWITCHES, REPLICAS, MODES), bare=True)


async def polling(folder: Path) -> None:
    names = [f"switch-{n}" for n in range(20)]
    async with (
        webhook(folder) as pages,
        module("floor", "20", "0", "0") as api,
        daemon(configured(folder, api, pages.url, names, watch=False), "kubernetes"),
    ):
        taken = await measure(api, pages, changes(20, 0, 0))
        say("PATCH answered to webhook called, by polling alone (watch off)", f"max {max(taken):.0f}", "<= 2000")


PARTS: Mapping[str, Callable[[Path], Awaitable[None]]] = {"watch": changing, "data": data_plane, "scale": scale.main}


async def main(names: Sequence[str]) -> None:
    say("what", "measured (ms unless said)", "aim")
    for name in names or PARTS:
        with tempfile.TemporaryDirectory(prefix="watchdog-bench-") as folder:
            await PARTS[name](Path(folder))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
