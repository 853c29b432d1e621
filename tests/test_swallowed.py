"""What would swallow a Sev-0 in a real Alertmanager (a silence, an inhibition, a mute time, a way to nobody) is found,
and the page arrives by the other path, saying why. The daemon is whole, and lives in real time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from dataclasses import replace as with_
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.alertmanager import running
from tests.fakes import MemoryFiles
from tests.loopback import serving
from tests.outlets.test_real_read_back import post, routed, silence
from watchdog import config
from watchdog.adapters.clock import SystemClock
from watchdog.adapters.http import AioHttp
from watchdog.daemon import Daemon
from watchdog.ports import Answer, Http, Ports
from watchdog.simulator import kubectl, scene
from watchdog.simulator.pager import Pager
from watchdog.simulator.platform import Floor, trading_floor
from watchdog.simulator.play import guarding

ALERT = "ExecutionWorkloadAboveZero"
TO_NOBODY = "{matchers: ['sev=\"0\"'], receiver: nobody}"
MUTED = "{matchers: ['sev=\"0\"'], mute_time_intervals: [always]}"


@dataclass
class Both:
    """The simulated floor without a socket, and everything else over one."""

    floor: Http
    real: Http

    async def get(self, url: str, *, headers: Mapping[str, str], timeout: float, limit: int) -> Answer:
        return await self._of(url).get(url, headers=headers, timeout=timeout, limit=limit)

    async def post(self, url: str, body: bytes, *, headers: Mapping[str, str], timeout: float, limit: int) -> Answer:
        return await self._of(url).post(url, body, headers=headers, timeout=timeout, limit=limit)

    def _of(self, url: str) -> Http:
        return self.real if "127.0.0.1" in url else self.floor


@dataclass
class Telephone:
    """The other path: why each Sev-0 came by it."""

    rang: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    async def answer(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        for alert in json.loads(request.partition(b"\r\n\r\n")[2])["alerts"]:
            if alert["labels"]["alertname"] == ALERT and "around" in alert["annotations"]:
                self.rang.put_nowait(alert["annotations"]["around"])
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def daemon(alertmanager: str, telephone: str, floor: Floor, http: Http) -> tuple[Daemon, Ports]:
    content = scene.adapted(scene.Addresses())
    stanza = [{"name": "telephone", "url": telephone, "when": "fallback"}]
    content["outlets"] = [{"kind": "alertmanager", "urls": [alertmanager]}, {"kind": "webhook", "receivers": stanza}]
    configuration = config.build(scene.shipped(), content)
    clock = SystemClock()
    ports = scene.in_process(floor, Pager(clock.now), clock, configuration.labels, MemoryFiles())
    ports = with_(ports, http=Both(ports.http, http))
    return Daemon(configuration.plan, ports), ports


@pytest.mark.parametrize(
    ("routes", "swallowed_by", "why"),
    [
        ("", "silence", "silenced by ops@example until 2030-01-02T03:04:00.000Z: deploy"),
        ("", "inhibition", "inhibited by Maintenance ("),
        (MUTED, "", "muted by time interval always"),
        (TO_NOBODY, "", "no integration: receiver nobody tells nobody"),
    ],
)
async def test_a_sev_0_that_would_be_swallowed_goes_around_and_says_why(
    routes: str, swallowed_by: str, why: str, alertmanager_binary: str, tmp_path: Path
) -> None:
    telephone = Telephone()
    floor = trading_floor(lambda: datetime.now(UTC))
    async with (
        running(alertmanager_binary, tmp_path, content=routed(routes)) as real,
        serving(telephone.answer) as phone,
        AioHttp() as http,
    ):
        watchdog, ports = daemon(real.url, phone, floor, http)
        async with guarding(floor, watchdog):
            if swallowed_by == "silence":
                await silence(ports, real.url, datetime(2030, 1, 2, 3, 4, tzinfo=UTC))
            if swallowed_by == "inhibition":
                labels = {"alertname": "Maintenance", **ports.labels}
                await post(ports, f"{real.url}/api/v2/alerts", [{"labels": labels}])
            kubectl.scale(floor.cluster, "deploy", "agenttrader", "execution-agent", 1)
            async with asyncio.timeout(5):
                assert why in await telephone.rang.get()
    assert telephone.rang.empty(), "once"
    assert not [call for call in real.called for a in call["alerts"] if a["labels"]["alertname"] == ALERT]
