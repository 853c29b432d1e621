"""A real Alertmanager on an ephemeral port of 127.0.0.1, and the webhook that it calls."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .loopback import serving

CONFIG = """
route: {{receiver: page, group_by: ['...'], group_wait: 0s, group_interval: {group_interval}, repeat_interval: 5m}}
receivers: [{{name: page, webhook_configs: [{{url: '{webhook}/', send_resolved: true}}]}}]
"""


@dataclass
class RealAlertmanager:
    url: str
    called: list[dict[str, Any]] = field(default_factory=list)
    patience: float = 10.0  # seconds
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, body: dict[str, Any]) -> None:
        """One call of the webhook."""
        self.called.append(body)
        self._news.set()

    async def notified(self, status: str, **labels: str) -> dict[str, Any]:
        """The first alert of that status and those labels that the webhook was or will be called with."""
        async with asyncio.timeout(self.patience):
            while (found := self._found(status, labels)) is None:
                self._news.clear()
                await self._news.wait()
        return found

    def _found(self, status: str, labels: dict[str, str]) -> dict[str, Any] | None:
        alerts = [alert for call in self.called for alert in call["alerts"]]
        return next((a for a in alerts if a["status"] == status and labels.items() <= a["labels"].items()), None)


@contextlib.asynccontextmanager
async def running(
    binary: str, folder: Path, group_interval: str = "1s", content: str = CONFIG
) -> AsyncIterator[RealAlertmanager]:
    """``content``: its configuration, a template for the webhook's URL."""
    real = RealAlertmanager("")

    async def webhook(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        real.take(json.loads(request.partition(b"\r\n\r\n")[2]))

    async with serving(webhook) as url:
        config = folder / "alertmanager.yaml"
        config.write_text(content.format(webhook=url, group_interval=group_interval))
        async with _process(binary, config, folder) as real.url:
            yield real


@contextlib.asynccontextmanager
async def _process(binary: str, config: Path, folder: Path) -> AsyncIterator[str]:
    flags = [f"--config.file={config}", f"--storage.path={folder}", "--web.listen-address=127.0.0.1:0"]
    process = await asyncio.create_subprocess_exec(
        binary, *flags, "--cluster.listen-address=", stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    logged = b""
    reading = None
    try:
        async with asyncio.timeout(10):
            while (found := re.search(rb"Listening on.*address=(\S+)", logged)) is None:
                line = await process.stderr.readline()
                assert line, f"Alertmanager did not start: {logged.decode()}"
                logged += line
        reading = asyncio.create_task(process.stderr.read())  # so that its log never fills the pipe
        yield f"http://{found[1].decode()}"
    finally:
        process.terminate()
        await process.wait()
        if reading is not None:
            await reading
