"""The HTTP face, over real sockets on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from tests.simulator.client import AGENT, MERGE, NOW, SWITCH, SWITCHES, config_map, deployment
from watchdog.simulator import kubectl, market_data
from watchdog.simulator.apiserver import ApiServer
from watchdog.simulator.cluster import Cluster
from watchdog.simulator.faults import Down, HalfLine, Html
from watchdog.simulator.http_face import HttpFace
from watchdog.simulator.wire import Service


@asynccontextmanager
async def served(service: Service) -> AsyncIterator[HttpFace]:
    face = HttpFace(service)
    await face.start()
    try:
        yield face
    finally:
        await face.stop()


@pytest.fixture
def server(cluster: Cluster) -> ApiServer:
    kubectl.create(cluster, deployment())
    return ApiServer(cluster)


@pytest.fixture
async def face(server: ApiServer) -> AsyncIterator[HttpFace]:
    async with served(server) as face:
        yield face


@pytest.fixture
async def http(face: HttpFace) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(face.url, read_bufsize=2**21) as session:
        yield session


async def until_watched(cluster: Cluster, watchers: int) -> None:
    async with asyncio.timeout(5):
        while cluster.watchers != watchers:
            await asyncio.sleep(0.001)


async def test_an_object_is_served_with_the_headers_of_an_api_server(http: aiohttp.ClientSession) -> None:
    async with http.get(SWITCH) as response:
        assert (response.status, response.headers["Content-Type"]) == (200, "application/json")
        assert response.headers["Cache-Control"] == "no-cache, private" and "Date" in response.headers
        assert (await response.json())["data"] == {"EXECUTION_HALTED": "1"}


async def test_a_refusal_keeps_its_headers(http: aiohttp.ClientSession) -> None:
    async with http.patch(SWITCH, json={"x": 1}, headers={"Content-Type": MERGE}) as response:
        assert (response.status, response.headers["Warning"]) == (200, '299 - "unknown field \\"x\\""')
    async with http.head(SWITCH) as response:
        assert (response.status, await response.read()) == (405, b"")


async def test_a_write_reaches_a_watch_as_one_line(http: aiohttp.ClientSession, cluster: Cluster) -> None:
    query = {"watch": "true", "resourceVersion": str(cluster.revision)}
    async with http.get(SWITCHES, params=query) as watch:
        assert watch.headers["Transfer-Encoding"] == "chunked"  # the headers come at once, without any event
        await until_watched(cluster, 1)
        async with http.patch(
            SWITCH, json={"data": {"EXECUTION_HALTED": "0"}}, headers={"Content-Type": MERGE}
        ) as done:
            patched = await done.json()
        line = await watch.content.readline()
        event = json.loads(line)
        assert (event["type"], event["object"]) == ("MODIFIED", patched)


async def test_a_client_that_leaves_is_forgotten(http: aiohttp.ClientSession, cluster: Cluster) -> None:
    async with http.get(SWITCHES, params={"watch": "true"}) as watch:
        await watch.content.readline()
        assert cluster.watchers == 1
    await until_watched(cluster, 0)


async def test_a_large_object_is_one_line(http: aiohttp.ClientSession, cluster: Cluster) -> None:
    kubectl.create(cluster, config_map("large", data="x" * 900_000))
    async with http.get(SWITCHES, params={"watch": "true", "fieldSelector": "metadata.name=large"}) as watch:
        assert len(await watch.content.readline()) > 900_000


async def test_stopping_refuses_new_connections_and_cuts_open_ones(
    face: HttpFace, http: aiohttp.ClientSession, cluster: Cluster
) -> None:
    port = face.port
    async with http.get(SWITCHES, params={"watch": "true"}) as watch:
        await watch.content.readline()
        await face.stop()
        with pytest.raises(aiohttp.ClientError):
            await watch.content.readline()
    with pytest.raises(aiohttp.ClientConnectorError):
        await http.get(SWITCH)
    await face.start()
    assert face.port == port and cluster.watchers == 0
    async with http.get(SWITCH) as response:
        assert response.status == 200


async def test_a_fault_cuts_connections_without_stopping(server: ApiServer, http: aiohttp.ClientSession) -> None:
    faults = server.faults
    async with http.get(SWITCHES, params={"watch": "true"}) as watch:
        await watch.content.readline()
        faults.inject(Down())
        with pytest.raises(aiohttp.ClientError):
            await watch.content.readline()
        with pytest.raises(aiohttp.ClientError):
            await http.get(SWITCH)
    faults.clear()
    async with http.get(SWITCH) as response:
        assert response.status == 200


async def test_half_a_line_and_a_page_come_over_the_wire(server: ApiServer, http: aiohttp.ClientSession) -> None:
    faults = server.faults
    faults.inject(HalfLine())
    async with http.get(SWITCHES, params={"watch": "true"}) as watch:
        half = await watch.content.read()
        assert half.startswith(b'{"type":"ADDED"') and not half.endswith(b"\n")
    faults.clear()
    faults.inject(Html())
    async with http.get(SWITCH) as response:
        assert response.content_type == "text/html"


async def test_a_slow_reader_is_cut_off_cleanly() -> None:
    cluster = Cluster(lambda: NOW, watch_buffer=50)
    kubectl.create(cluster, config_map("x", filler="y" * 100_000))
    async with (
        served(ApiServer(cluster)) as face,
        aiohttp.ClientSession(face.url) as http,
        http.get("/api/v1/configmaps?watch=true") as watch,
    ):
        await watch.content.readline()
        for number in range(200):
            kubectl.set_data(cluster, "trading-floor", "x", n=str(number))
            await asyncio.sleep(0)
        lines = (await watch.content.read()).splitlines(keepends=True)
    numbers = [json.loads(line)["object"]["data"]["n"] for line in lines]
    assert numbers == [str(number) for number in range(len(lines))]  # none is missing in between,
    assert len(lines) < 200  # but the last ones are, and nothing says so


@pytest.mark.parametrize("fault", [market_data.Endless(), market_data.Silence()])
async def test_what_never_ends_does_not_keep_the_server_from_stopping(fault: market_data.Fault) -> None:
    service = market_data.MarketData(lambda: NOW)
    service.fault = fault
    async with served(service) as face, aiohttp.ClientSession(face.url) as http:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), http.get("/healthz") as response:
                await response.read()
        service.fault = None
        async with http.get("/healthz") as response:
            assert (response.status, (await response.json())["ok"]) == (200, True)


async def test_the_path_is_decoded_and_the_query_too(http: aiohttp.ClientSession) -> None:
    async with http.get(f"{AGENT}?fieldSelector=metadata.name%3Dexecution-agent") as response:
        assert response.status == 200
    async with http.get("/api/v1/configmaps?labelSelector=a+in+(b,c)") as response:
        assert (await response.json())["items"] == []
