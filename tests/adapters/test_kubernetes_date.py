"""The API server's own time: whatever it answers, its ``Date`` counts."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.adapters.test_kubernetes import api
from tests.loopback import Answering, endless, hang, hang_up, not_http, whole
from tests.simulator.client import NOW
from watchdog.ports import Unreachable
from watchdog.simulator.apiserver import ApiServer
from watchdog.simulator.cluster import Cluster
from watchdog.simulator.faults import Down, Refuse
from watchdog.simulator.ports import InProcessKubernetes

DATE = "Date: Tue, 24 Nov 2026 03:52:44 GMT"
THEN = datetime(2026, 11, 24, 3, 52, 44, tzinfo=UTC)


@pytest.mark.parametrize(
    "status", ["200 OK", "302 Found", "401 Unauthorized", "403 Forbidden", "404 Not Found", "429 Too Many", "503 X"]
)  # fmt: skip
async def test_any_status_counts(status: str, tmp_path: Path) -> None:
    asked: list[bytes] = []

    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        asked.append(request)
        await whole(b"{}", status, DATE)(request, writer)

    async with api(tmp_path, answer) as client:
        assert await client.date(5) == THEN
    assert asked[0].startswith(b"GET /version HTTP/1.1\r\n")


FAULTS: dict[str, tuple[Answering, str]] = {
    "no date": (whole(b"{}"), "NoDate"),
    "no real date": (whole(b"{}", "200 OK", "Date: noon"), "NoDate"),
    "hangs": (hang, "Timeout"),
    "hangs up": (hang_up, "Disconnected"),
    "never ends": (endless, "BodyTooLarge"),
    "speaks no HTTP": (not_http, "NotHttp"),
}


@pytest.mark.parametrize(("answer", "reason"), FAULTS.values(), ids=FAULTS.keys())
async def test_no_date_is_unreachable_with_its_reason(answer: Answering, reason: str, tmp_path: Path) -> None:
    async with api(tmp_path, answer) as client:
        with pytest.raises(Unreachable) as raised:
            await client.date(0.2 if reason == "Timeout" else 5)
    assert raised.value.reason == reason


async def test_it_is_asked_again_over_the_same_connection(tmp_path: Path) -> None:
    connections = list[asyncio.StreamWriter]()

    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        await whole(b"{}", "200 OK", DATE)(request, writer)

    async with api(tmp_path, answer) as client:
        assert [await client.date(5) for _ in range(3)] == [THEN] * 3
    assert connections == connections[:1] * 3


async def test_the_simulators_clock_is_its_clusters_whatever_it_answers() -> None:
    cluster = Cluster(lambda: NOW)
    server = ApiServer(cluster)
    kubernetes = InProcessKubernetes(server)
    assert await kubernetes.date(1) == NOW.replace(microsecond=0)
    server.faults.inject(Refuse())
    assert await kubernetes.date(1) == NOW.replace(microsecond=0)
    server.faults.inject(Down())
    with pytest.raises(Unreachable, match="ConnectionRefused"):
        await kubernetes.date(1)
