"""Processes of a benchmark: started on loopback, ended by their id; and the webhook that stamps what it is called
with."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import socket
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


NAMING = ("workload", "location", "subscription")
"""Labels that name what a page is about; the first that it has counts."""


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
                self.called.setdefault(next((labels[name] for name in NAMING if name in labels), ""), now)
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


ELSEWHERE = ("http_health", "pubsub_subscriptions", "pubsub_dead_letters", "promql", "cloud_run", "http_up")
"""What the process of the floor does not serve."""


def configured(
    folder: Path, api: str, alertmanager: str, switches: Sequence[str], *, watch: bool = True,
    more: Sequence[dict[str, Any]] = (),
) -> Path:  # fmt: skip
    """A configuration file: the shipped one, on these addresses, with these switches besides its own, and ``more``
    sources."""
    from watchdog.simulator.scene import Addresses, adapted, kubeconfig

    content = adapted(Addresses(kubeconfig(folder, api), pager=alertmanager))
    content["sources"] = [stanza for stanza in content["sources"] if stanza["kind"] not in ELSEWHERE] + list(more)
    kubernetes, *_ = content["sources"]
    kubernetes["watch"] = watch
    kubernetes["kill_switches"] += [
        {"switch": "EXECUTION_HALTED", "namespace": "trading-floor", "config_map": name, "key": "EXECUTION_HALTED"}
        for name in switches
    ]
    path = folder / f"watchdog-{'watch' if watch else 'poll'}.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@contextlib.asynccontextmanager
async def daemon(config: Path, *sources: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str, float]]:
    """``watchdog run``: the process, its URL, and the seconds from its start until it sees these sources whole."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    text = config.read_text().replace("port: 0", f"port: {port}")
    config.write_text(text)
    url, began = f"http://127.0.0.1:{port}", time.monotonic()
    command = [str(Path(sys.executable).with_name("watchdog")), "run", "--config", str(config)]
    async with process(*command) as started, aiohttp.ClientSession() as session:
        async with asyncio.timeout(30):
            while not await _seen(session, url, sources):
                await asyncio.sleep(0.01)
        yield started, url, time.monotonic() - began


def resident_megabytes(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _seen(session: aiohttp.ClientSession, url: str, sources: Sequence[str]) -> bool:
    try:
        async with session.get(f"{url}/metrics") as response:
            lines = (await response.text()).splitlines()
    except aiohttp.ClientError:
        return False
    return all(f'watchdog_source_up{{source="{source}"}} 1.0' in lines for source in sources)
