"""A cluster of two real Alertmanagers on 127.0.0.1 that can be killed, stopped and restarted empty, with the route that
conventions.md suggests for Sev-0; and what whoever is paged in the end has heard, and when.

A member that is not first in its cluster waits ``--cluster.peer-timeout`` for the one before it, and longer than that
for none: so long is a page late while a member is newly dead. Its default is 15 s; here it is ``PEER_TIMEOUT``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from .loopback import serving
from .test_cli import free_port

PEER_TIMEOUT = 0.5
CONFIG = """
route:
  receiver: nobody
  routes:
    - matchers: ['sev="0"']
      receiver: page
      group_by: ['...']
      group_wait: 0s
      group_interval: {group_interval}
      repeat_interval: 5m
receivers:
  - name: nobody
  - name: page
    webhook_configs: [{{url: '{webhook}/page', send_resolved: true}}]
"""


@dataclass(frozen=True)
class Heard:
    """One alert of one call. ``path``: /page came by way of Alertmanager, anything else directly."""

    at: float  # the loop's seconds
    path: str
    key: str  # the idempotency key of a direct call
    alert: dict[str, Any]

    @property
    def workload(self) -> str:
        return str(self.alert["labels"].get("workload", ""))


@dataclass
class Pager:
    """Whoever is paged."""

    url: str = ""
    heard: list[Heard] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        head, _, body = request.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        now, key = asyncio.get_running_loop().time(), headers.get("idempotency-key", "")
        self.heard += [Heard(now, first.split()[1], key, alert) for alert in json.loads(body)["alerts"]]
        self._news.set()

    async def first(self, workload: str, path: str = "", status: str = "firing", within: float = 20.0) -> Heard:
        """The first that was or will be heard of it (on that path)."""
        async with asyncio.timeout(within):
            while not (found := self.of(workload, path, status)):
                self._news.clear()
                await self._news.wait()
        return found[0]

    def of(self, workload: str, path: str = "", status: str = "firing") -> list[Heard]:
        return [
            one
            for one in self.heard
            if one.workload == workload and one.alert["status"] == status and one.path.startswith(path)
        ]


@dataclass
class Member:
    """One Alertmanager, always at the same addresses."""

    binary: str
    folder: Path
    config: Path
    port: int = field(default_factory=free_port)
    gossip: int = field(default_factory=free_port)
    others: tuple[int, ...] = ()
    process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self, *, empty: bool = False) -> None:
        """``empty``: it remembers nothing."""
        if empty:
            shutil.rmtree(self.folder, ignore_errors=True)
        here = f"127.0.0.1:{self.gossip}"
        flags = [
            f"--config.file={self.config}", f"--storage.path={self.folder}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            f"--cluster.listen-address={here}", f"--cluster.advertise-address={here}",
            f"--cluster.peer-timeout={PEER_TIMEOUT}s", "--cluster.gossip-interval=20ms", "--cluster.settle-timeout=2s",
            "--cluster.probe-interval=200ms", "--cluster.probe-timeout=100ms", "--cluster.reconnect-interval=500ms",
            *(f"--cluster.peer=127.0.0.1:{port}" for port in self.others),
        ]  # fmt: skip
        with (self.folder.parent / f"{self.folder.name}.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(self.binary, *flags, stdout=log, stderr=log)

    async def status(self) -> dict[str, Any]:
        """What it says of its cluster; empty while it says nothing."""
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{self.url}/api/v2/status") as answer:
                return dict((await answer.json())["cluster"])
        except (aiohttp.ClientError, ValueError):
            return {}

    async def settled(self, members: int) -> None:
        """It knows so many members, itself among them, and notifies."""
        async with asyncio.timeout(20):
            while (said := await self.status()).get("status") != "ready" or len(said.get("peers", [])) != members:
                await asyncio.sleep(0.05)

    def hang(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    async def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            await self.process.wait()
        self.process = None


@dataclass
class Alertmanagers:
    """The first has the first place: it notifies, and the second only where it did not."""

    members: tuple[Member, Member]
    pager: Pager

    async def start(self, *, empty: bool = False) -> None:
        for member in self.members:  # their names rise with time, and the lowest is the first
            await member.start(empty=empty)
            await asyncio.sleep(0.05)
        for member in self.members:
            await member.settled(2)


@contextlib.asynccontextmanager
async def clustered(binary: str, folder: Path, group_interval: str = "30s") -> AsyncIterator[Alertmanagers]:
    pager = Pager()
    async with serving(pager.answer) as pager.url:
        config = folder / "alertmanager.yaml"
        config.write_text(CONFIG.format(webhook=pager.url, group_interval=group_interval))
        first, second = (Member(binary, folder / name, config) for name in ("first", "second"))
        first.others, second.others = (second.gossip,), (first.gossip,)
        both = Alertmanagers((first, second), pager)
        try:
            await both.start()
            yield both
        finally:
            for member in both.members:
                await member.kill()


async def until(condition: Callable[[], bool], within: float = 20.0) -> None:
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.02)
