"""Processes of a benchmark: started on loopback, ended by their id; and the webhook that stamps what it is called
with."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from ..alertmanager import running
from ..conftest import real

ROOT = Path(__file__).parent.parent.parent


@contextlib.asynccontextmanager
async def process(*command: str, output: bool = False) -> AsyncIterator[asyncio.subprocess.Process]:
    """Ends with the block. Its output is kept from the terminal, its errors are not."""
    started = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE if output else asyncio.subprocess.DEVNULL,
        limit=2**22,
    )
    try:
        yield started
    finally:
        with contextlib.suppress(ProcessLookupError):
            started.terminate()
        await started.wait()


@contextlib.asynccontextmanager
async def module(name: str, *arguments: str) -> AsyncIterator[str]:
    """``python -m tests.benchmarks.NAME``: its first line."""
    async with process(sys.executable, "-m", f"tests.benchmarks.{name}", *arguments, output=True) as started:
        assert started.stdout is not None
        yield (await started.stdout.readline()).decode().strip()


@dataclass
class Webhook:
    """Behind a real Alertmanager: when was it called with which label's value?"""

    url: str = ""  # Alertmanager's
    called: dict[str, float] = field(default_factory=dict)  # by the subject's label, the first time (monotonic seconds)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, body: dict[str, Any]) -> None:
        now = time.monotonic()
        for alert in body["alerts"]:
            labels = alert["labels"]
            if alert["status"] == "firing":
                if labels.get("alertname") == "KillSwitchNotWired":
                    continue  # the world's executors read no switch: that is paged at the start, and is not asked for
                self.called.setdefault(labels.get("workload") or labels.get("location", ""), now)
        self.news.set()

    async def wait_for(self, name: str, seconds: float) -> float:
        """When it was called with ``name``. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while name not in self.called:
                self.news.clear()
                await self.news.wait()
        return self.called[name]


@contextlib.asynccontextmanager
async def webhook(folder: Path) -> AsyncIterator[Webhook]:
    """A webhook behind a real Alertmanager that remembers nothing of another run."""
    binary = real("prometheus-alertmanager", "alertmanager", package="prometheus-alertmanager")
    stamping = Webhook()
    memory = Path(tempfile.mkdtemp(dir=folder))
    async with running(binary, memory, group_interval="30s") as alertmanager:
        alertmanager.take = stamping.take  # type: ignore[method-assign]
        stamping.url = alertmanager.url
        yield stamping


def configured(folder: Path, api: str, alertmanager: str, switches: Sequence[str], *, watch: bool = True) -> Path:
    """A configuration file: the shipped one, on these addresses, with these switches besides its own."""
    from watchdog.simulator.scene import Addresses, adapted, kubeconfig

    content = adapted(Addresses(kubeconfig(folder, api), pager=alertmanager))
    content["sources"] = [stanza for stanza in content["sources"] if stanza["kind"] != "http_health"]
    kubernetes, *_ = content["sources"]
    kubernetes["watch"] = watch
    kubernetes["kill_switches"] += [
        {"switch": "EXECUTION_HALTED", "namespace": "trading-floor", "config_map": name, "key": "EXECUTION_HALTED"}
        for name in switches
    ]
    path = folder / f"watchdog-{'watch' if watch else 'poll'}.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def resident_megabytes(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def metric(session: aiohttp.ClientSession, url: str, name: str) -> float | None:
    """The sum of a metric's samples on ``url``/metrics; None while there are none."""
    try:
        async with session.get(f"{url}/metrics") as response:
            lines = (await response.text()).splitlines()
    except aiohttp.ClientError:
        return None
    values = [float(line.rpartition(" ")[2]) for line in lines if line.startswith((name + "{", name + " "))]
    return sum(values) if values else None
