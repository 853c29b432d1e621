"""The in-process ports keep what ``watchdog.ports`` promises."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest

from tests.simulator.client import NOW, SWITCH, SWITCHES
from tests.virtual import in_virtual_time
from watchdog.ports import Http, Kubernetes, KubernetesError, Unreachable
from watchdog.simulator import kubectl, market_data
from watchdog.simulator.apiserver import ApiServer
from watchdog.simulator.cluster import Cluster
from watchdog.simulator.faults import Down, HalfLine, Hang, Html, Oversize, Refuse
from watchdog.simulator.market_data import MarketData
from watchdog.simulator.ports import InProcessHttp, InProcessKubernetes

HEALTH = "http://marketdata-mcp-server.trading-floor.svc.cluster.local/healthz"


@pytest.fixture
def server(cluster: Cluster) -> ApiServer:
    return ApiServer(cluster)


@pytest.fixture
def kubernetes(server: ApiServer) -> Kubernetes:
    return InProcessKubernetes(server, body_limit=100_000, line_limit=100_000)


@pytest.fixture
def service() -> MarketData:
    return MarketData(lambda: NOW + timedelta(seconds=0.5))


@pytest.fixture
def http(service: MarketData) -> Http:
    return InProcessHttp({"marketdata-mcp-server.trading-floor.svc.cluster.local": service})


async def test_an_object_is_read(kubernetes: Kubernetes) -> None:
    assert json.loads(await kubernetes.read(SWITCH, {}, 1.0))["data"] == {"EXECUTION_HALTED": "1"}
    assert json.loads(await kubernetes.read(SWITCHES, {"limit": "1"}, 1.0))["kind"] == "ConfigMapList"


async def test_a_refusal_says_its_status_and_reason(kubernetes: Kubernetes, server: ApiServer) -> None:
    with pytest.raises(KubernetesError) as missing:
        await kubernetes.read(f"{SWITCHES}/nope", {}, 1.0)
    assert (missing.value.status, missing.value.reason) == (404, "NotFound")
    with pytest.raises(KubernetesError) as nowhere:
        await kubernetes.read("/nowhere", {}, 1.0)
    assert (nowhere.value.status, nowhere.value.reason, nowhere.value.message) == (
        404,
        "NotAStatus",
        "404 page not found",
    )
    server.faults.inject(Refuse())
    with pytest.raises(KubernetesError) as refused:
        async with kubernetes.watch(SWITCHES, {}, 1.0):
            pass
    assert refused.value.status == 403


async def test_a_watch_gives_whole_lines(kubernetes: Kubernetes, cluster: Cluster) -> None:
    async with kubernetes.watch(SWITCHES, {}, 1.0) as lines:
        assert json.loads(await anext(lines))["type"] == "ADDED"
        kubectl.set_data(cluster, "trading-floor", "agenttrader-kill-switch", EXECUTION_HALTED="0")
        assert json.loads(await anext(lines))["type"] == "MODIFIED"
    assert cluster.watchers == 0


def test_a_clean_end_is_no_error(kubernetes: Kubernetes) -> None:
    async def main() -> None:
        async with kubernetes.watch(SWITCHES, {"timeoutSeconds": "30"}, 60.0) as lines:
            assert len([line async for line in lines]) == 1

    in_virtual_time(main())


def test_silence_is_noticed(kubernetes: Kubernetes, cluster: Cluster) -> None:
    async def main() -> None:
        async with kubernetes.watch(SWITCHES, {"resourceVersion": str(cluster.revision)}, 5.0) as lines:
            with pytest.raises(Unreachable, match="Silent"):
                await anext(lines)
        assert asyncio.get_running_loop().time() == pytest.approx(5.0)

    in_virtual_time(main())


def test_a_server_that_hangs_is_a_timeout(kubernetes: Kubernetes, server: ApiServer) -> None:
    async def main() -> None:
        server.faults.inject(Hang())
        with pytest.raises(Unreachable, match="Timeout"):
            await kubernetes.read(SWITCH, {}, 2.0)
        with pytest.raises(Unreachable, match="Silent"):
            async with kubernetes.watch(SWITCHES, {}, 2.0):
                pass
        assert asyncio.get_running_loop().time() == pytest.approx(4.0)

    in_virtual_time(main())


async def test_a_server_that_is_down_is_refused_and_cuts_its_watches(kubernetes: Kubernetes, server: ApiServer) -> None:
    async with kubernetes.watch(SWITCHES, {}, 1.0) as lines:
        await anext(lines)
        server.faults.inject(Down())
        with pytest.raises(Unreachable, match="Disconnected"):
            await anext(lines)
    with pytest.raises(Unreachable, match="ConnectionRefused"):
        await kubernetes.read(SWITCH, {}, 1.0)


async def test_half_a_line_is_not_a_line(kubernetes: Kubernetes, server: ApiServer) -> None:
    server.faults.inject(HalfLine())
    async with kubernetes.watch(SWITCHES, {}, 1.0) as lines:
        with pytest.raises(Unreachable, match="HalfLine"):
            await anext(lines)


async def test_what_is_too_large_is_not_read(kubernetes: Kubernetes, server: ApiServer) -> None:
    server.faults.inject(Oversize(bytes=200_000))
    with pytest.raises(Unreachable, match="BodyTooLarge"):
        await kubernetes.read(SWITCH, {}, 1.0)
    async with kubernetes.watch(SWITCHES, {}, 1.0) as lines:
        with pytest.raises(Unreachable, match="LineTooLong"):
            await anext(lines)


async def test_a_page_instead_of_a_stream_is_no_stream(kubernetes: Kubernetes, server: ApiServer) -> None:
    server.faults.inject(Html())
    with pytest.raises(Unreachable, match="NotJson"):
        async with kubernetes.watch(SWITCHES, {}, 1.0):
            pass


async def test_a_health_endpoint_is_asked(http: Http) -> None:
    answer = await http.get(HEALTH, headers={}, timeout=1.0, limit=10_000)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert json.loads(answer.body)["ok"] is True


async def test_a_host_that_nobody_answers_for_does_not_resolve(http: Http) -> None:
    with pytest.raises(Unreachable, match="DnsFailure"):
        await http.post("http://elsewhere/x", b"{}", headers={}, timeout=1.0, limit=10)


async def test_an_endless_body_is_too_large(http: Http, service: MarketData) -> None:
    service.fault = market_data.Endless()
    with pytest.raises(Unreachable, match="BodyTooLarge"):
        await http.get(HEALTH, headers={}, timeout=1.0, limit=10_000)


async def test_a_redirect_is_not_followed(http: Http, service: MarketData) -> None:
    service.fault = market_data.REDIRECT
    answer = await http.get(HEALTH, headers={}, timeout=1.0, limit=10_000)
    assert (answer.status, "location" in answer.headers) == (302, True)


def test_an_endpoint_that_hangs_is_a_timeout(http: Http, service: MarketData) -> None:
    service.fault = market_data.Silence()

    async def main() -> None:
        with pytest.raises(Unreachable, match="Timeout"):
            await http.get(HEALTH, headers={}, timeout=2.0, limit=10_000)
        assert asyncio.get_running_loop().time() == pytest.approx(2.0)

    in_virtual_time(main())
