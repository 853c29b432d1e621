from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from tests.simulator.client import SWITCH, SWITCHES, Api
from tests.virtual import in_virtual_time
from watchdog.simulator import kubectl
from watchdog.simulator.apiserver import ApiServer
from watchdog.simulator.cluster import Cluster
from watchdog.simulator.faults import Down, Fault, HalfLine, Hang, Html, Oversize, Refuse


@pytest.fixture
def server(cluster: Cluster) -> ApiServer:
    return ApiServer(cluster)


def flip(cluster: Cluster, value: str) -> None:
    kubectl.set_data(cluster, "trading-floor", "agenttrader-kill-switch", EXECUTION_HALTED=value)


async def test_a_server_that_is_down_refuses_and_comes_back(server: ApiServer) -> None:
    server.faults.inject(Down())
    with pytest.raises(ConnectionRefusedError):
        await Api(server).get(SWITCH)
    server.faults.clear(Down)
    assert (await Api(server).get(SWITCH))[0] == 200


async def test_a_server_that_goes_down_resets_its_open_watches(server: ApiServer) -> None:
    async with aclosing(await Api(server).stream(SWITCHES)) as stream:
        await anext(stream)
        server.faults.inject(Down())
        with pytest.raises(ConnectionResetError):
            await anext(stream)


async def test_a_refusal_meets_only_the_paths_and_verbs_that_it_names(server: ApiServer) -> None:
    api = Api(server)
    server.faults.inject(Refuse(SWITCHES, ("list", "watch"), 401, "Unauthorized", "Unauthorized"))
    assert await api.get(SWITCHES) == await api.get(SWITCHES, watch="true")
    status, body = await api.get(SWITCHES)
    assert (status, body["code"], body["reason"]) == (401, 401, "Unauthorized")
    assert (await api.get(SWITCH))[0] == 200
    assert (await api.get("/api/v1/pods"))[0] == 200


async def test_an_open_watch_outlives_a_refusal(server: ApiServer, cluster: Cluster) -> None:
    async with aclosing(await Api(server).stream(SWITCHES)) as stream:
        await anext(stream)
        server.faults.inject(Refuse())
        flip(cluster, "0")
        assert b'"EXECUTION_HALTED":"0"' in await anext(stream)


def test_a_server_that_hangs_answers_late(server: ApiServer, cluster: Cluster) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with aclosing(await Api(server).stream(SWITCHES)) as stream:
            await anext(stream)
            server.faults.inject(Hang())
            loop.call_later(77, server.faults.clear)
            flip(cluster, "0")
            question = asyncio.create_task(Api(server).get(SWITCH))
            assert b"MODIFIED" in await anext(stream)
            assert loop.time() == pytest.approx(77)
            assert (await question)[0] == 200

    in_virtual_time(main())


def test_a_server_that_goes_down_while_it_hangs_is_down(server: ApiServer) -> None:
    async def main() -> None:
        server.faults.inject(Hang())
        question = asyncio.create_task(Api(server).get(SWITCH))
        await asyncio.sleep(1)
        server.faults.inject(Down())
        with pytest.raises(ConnectionRefusedError):
            await question

    in_virtual_time(main())


async def test_a_login_page_is_200_and_no_json(server: ApiServer) -> None:
    server.faults.inject(Html())
    response = await Api(server).send("GET", SWITCH)
    assert response.status == 200 and response.content_type.startswith("text/html")
    assert isinstance(response.body, bytes) and response.body.startswith(b"<!doctype html>")


async def test_half_a_line_ends_a_watch_and_cuts_an_answer(server: ApiServer, cluster: Cluster) -> None:
    async with aclosing(await Api(server).stream(SWITCHES)) as stream:
        await anext(stream)
        server.faults.inject(HalfLine())
        flip(cluster, "0")
        rest = [chunk async for chunk in stream]
        assert len(rest) == 1 and rest[0].startswith(b'{"type":"MODIFIED"') and not rest[0].endswith(b"\n")
    whole = kubectl.get(cluster, "cm", "trading-floor", "agenttrader-kill-switch").json + b"\n"
    assert (await Api(server).send("GET", SWITCH)).body == whole[: len(whole) // 2]


async def test_an_object_can_be_as_large_as_one_likes(server: ApiServer, cluster: Cluster) -> None:
    server.faults.inject(Oversize(bytes=1_000_000))
    _, body = await Api(server).get(SWITCH)
    assert len(body["padding"]) == 1_000_000 and body["data"] == {"EXECUTION_HALTED": "1"}
    async with aclosing(await Api(server).stream(SWITCHES)) as stream:
        assert len(await anext(stream)) > 1_000_000


def test_the_first_fault_that_meets_a_request_has_it() -> None:
    assert Fault("/api/v1", ("get",)).meets("get", "/api/v1/pods")
    assert not Fault("/api/v1", ("get",)).meets("list", "/api/v1/pods")
    assert not Fault("/api/v1", ("get",)).meets("get", "/apis/apps/v1")
    assert Fault().meets("patch", "/")
