"""A real Prometheus on an ephemeral port of 127.0.0.1: what it scrapes, and series that were recorded earlier."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from .loopback import serving

STARTS_WITHIN = 20.0
"""Seconds. It takes 0.1 on a quiet machine."""


@dataclass(frozen=True)
class Series:
    """A recorded one. ``points``: (Unix seconds, value)."""

    name: str
    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]

    def lines(self) -> Iterable[str]:
        labels = ",".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in self.labels.items())
        return (f"{self.name}{{{labels}}} {value!r} {at:.3f}" for at, value in self.points)


def openmetrics(recorded: Iterable[Series]) -> str:
    """The exposition that ``promtool tsdb create-blocks-from openmetrics`` reads: grouped by metric."""
    families = groupby(sorted(recorded, key=lambda series: series.name), lambda series: series.name)
    lines = [line for name, group in families for line in (f"# TYPE {name} unknown", *_merged(group))]
    return "\n".join([*lines, "# EOF", ""])


def _merged(group: Iterable[Series]) -> Iterable[str]:
    return (line for series in group for line in series.lines())


@dataclass
class Exporter:
    """What Prometheus scrapes: ``values`` by series ('backlog{subscription="s"}'), to be changed at will. A series that
    is taken out is stale at the next scrape."""

    target: str
    values: dict[str, float] = field(default_factory=dict)

    async def answer(self, _: bytes, writer: asyncio.StreamWriter) -> None:
        body = "".join(f"{series} {value!r}\n" for series, value in self.values.items()).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)


@contextlib.asynccontextmanager
async def exporting(**values: float) -> AsyncIterator[Exporter]:
    exporter = Exporter("", dict(values))
    async with serving(exporter.answer) as url:
        exporter.target = url.removeprefix("http://")
        yield exporter


def scraping(*targets: str, every: str = "200ms") -> dict[str, Any]:
    """A configuration that scrapes ``targets`` ('host:port')."""
    job = {"job_name": "test", "static_configs": [{"targets": list(targets)}]}
    return {"global": {"scrape_interval": every, "scrape_timeout": every}, "scrape_configs": [job] if targets else []}


@dataclass
class RealPrometheus:
    """One process at a time; its data, and from the first start on its port, stay over restarts."""

    binary: str
    folder: Path
    flags: Sequence[str] = ()  # e.g. '--query.lookback-delta=2s'
    url: str = ""
    _process: asyncio.subprocess.Process | None = None
    _log: asyncio.Task[bytes] | None = None

    def configure(self, content: Mapping[str, Any]) -> None:
        """Before the start, or a restart: a prometheus.yml."""
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump(dict(content)))

    async def backfill(self, promtool: str, recorded: Iterable[Series]) -> None:
        """Before the start: series that it will have recorded."""
        text = self.folder / "recorded.om"
        text.write_text(openmetrics(recorded))
        command = [promtool, "tsdb", "create-blocks-from", "openmetrics", str(text), str(self.folder / "data")]
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()

    async def start(self) -> None:
        """Returns once it answers queries."""
        address = self.url.removeprefix("http://") or "127.0.0.1:0"
        self._process = await asyncio.create_subprocess_exec(
            self.binary,
            f"--config.file={self.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            "--storage.tsdb.retention.time=100y",  # what was recorded long ago stays
            f"--web.listen-address={address}",
            *self.flags,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(STARTS_WITHIN):
            self.url = f"http://{await self._listening(self._process)}"
            await self._ready()

    async def _listening(self, process: asyncio.subprocess.Process) -> str:
        assert process.stderr is not None
        logged = b""
        while (found := re.search(rb'Listening on" address=(\S+)', logged)) is None:
            line = await process.stderr.readline()
            assert line, f"Prometheus did not start: {logged.decode()}"
            logged += line
        self._log = asyncio.create_task(process.stderr.read())  # so that its log never fills the pipe
        return found[1].decode().replace("[::]", "127.0.0.1")

    async def _ready(self) -> None:
        async with aiohttp.ClientSession() as session:
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(f"{self.url}/-/ready") as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(0.02)

    async def kill(self) -> None:
        """At once (SIGKILL); what it had is in its log on disk. Idempotent."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        if self._log is not None:
            await self._log
        self._process, self._log = None, None

    async def restart(self) -> None:
        """On the same data and the same port. Returns once it answers queries."""
        await self.kill()
        await self.start()

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """The result of an instant query, as in the API."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.url}/api/v1/query", params={"query": expression}) as answer,
        ):
            content = await answer.json()
        assert content["status"] == "success", content
        return list(content["data"]["result"])

    async def has(self, expression: str) -> list[dict[str, Any]]:
        """The result, once there is one: what an exporter says has been scraped."""
        async with asyncio.timeout(20):
            while not (result := await self.query(expression)):
                await asyncio.sleep(0.02)
        return result


@contextlib.asynccontextmanager
async def running(
    binary: str, folder: Path, config: Mapping[str, Any], *, flags: Sequence[str] = ()
) -> AsyncIterator[RealPrometheus]:
    """A running one, which begins to scrape five seconds later (its discovery's tick, which no flag changes). For
    recorded series, which are there at once, use ``prepared``, then ``backfill`` and ``start``."""
    async with prepared(binary, folder, config, flags=flags) as prometheus:
        await prometheus.start()
        yield prometheus


@contextlib.asynccontextmanager
async def prepared(
    binary: str, folder: Path, config: Mapping[str, Any], *, flags: Sequence[str] = ()
) -> AsyncIterator[RealPrometheus]:
    """One that does not run yet; ended when the context is left."""
    prometheus = RealPrometheus(binary, folder, flags)
    folder.mkdir(parents=True, exist_ok=True)
    prometheus.configure(config)
    try:
        yield prometheus
    finally:
        await prometheus.kill()
