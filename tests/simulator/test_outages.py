"""The API server going away and coming back (kube-wire README, points 1 to 3, 12, 22)."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import aiohttp
import pytest

from tests.simulator.access import admit_reader, reader
from tests.simulator.client import SWITCH, SWITCHES, Api, config_map, names, types
from tests.virtual import in_virtual_time
from watchdog.simulator import kubectl
from watchdog.simulator.apiserver import ApiServer
from watchdog.simulator.cluster import Cluster
from watchdog.simulator.faults import Hang
from watchdog.simulator.http_face import HttpFace
from watchdog.simulator.outages import AT_ONCE, Startup

JSON = dict[str, Any]


@pytest.fixture
def server(cluster: Cluster) -> ApiServer:
    admit_reader(cluster)
    return ApiServer(cluster)


def flip(server: ApiServer, value: str) -> None:
    kubectl.set_data(server.cluster, "trading-floor", "agenttrader-kill-switch", EXECUTION_HALTED=value)


def now() -> float:
    return asyncio.get_running_loop().time()


async def until(second: float) -> None:
    await asyncio.sleep(second - now())


def test_after_sigterm_connections_are_refused_and_a_watch_lives_for_a_minute(server: ApiServer) -> None:
    async def main() -> None:
        await asyncio.sleep(10)
        async with aclosing(await Api(server).stream(SWITCHES, resourceVersion=str(server.cluster.revision))) as stream:
            server.outages.sigterm()
            with pytest.raises(ConnectionRefusedError):
                await Api(server).get(SWITCH)
            asyncio.get_running_loop().call_later(59, flip, server, "0")  # by another server
            assert b'"EXECUTION_HALTED":"0"' in await anext(stream)
            assert [chunk async for chunk in stream] == []
            assert now() == pytest.approx(70)

    in_virtual_time(main())


def test_a_second_sigterm_does_not_prolong_a_watch(server: ApiServer) -> None:
    async def main() -> None:
        async with aclosing(await Api(server).stream(SWITCHES, resourceVersion=str(server.cluster.revision))) as stream:
            server.outages.sigterm()
            asyncio.get_running_loop().call_later(30, server.outages.sigterm)
            assert [chunk async for chunk in stream] == []
            assert now() == pytest.approx(60)

    in_virtual_time(main())


def test_a_watch_of_a_server_that_drains_goes_on_beside_its_successor(server: ApiServer) -> None:
    async def main() -> None:
        async with aclosing(await Api(server).stream(SWITCHES, resourceVersion=str(server.cluster.revision))) as stream:
            server.outages.sigterm()
            server.outages.start(AT_ONCE)
            assert (await Api(server).get(SWITCH))[0] == 200
            flip(server, "0")
            assert b'"EXECUTION_HALTED":"0"' in await anext(stream)
            assert [chunk async for chunk in stream] == []
            assert now() == pytest.approx(60)
        assert (await Api(server).get(SWITCH))[0] == 200

    in_virtual_time(main())


@pytest.mark.parametrize(("draining", "succeeded"), [(False, False), (True, False), (True, True)])
def test_after_sigkill_a_watch_is_reset_at_once(server: ApiServer, draining: bool, succeeded: bool) -> None:
    async def main() -> None:
        async with aclosing(await Api(server).stream(SWITCHES)) as stream:
            await anext(stream)
            if draining:
                server.outages.sigterm()
            if succeeded:
                server.outages.start(AT_ONCE)
            server.outages.sigkill()
            with pytest.raises(ConnectionResetError):
                await anext(stream)
            assert now() == 0.0
            with pytest.raises(ConnectionRefusedError):
                await Api(server).get(SWITCH)

    in_virtual_time(main())


def test_a_stopped_server_can_be_killed(server: ApiServer) -> None:
    async def main() -> None:
        async with aclosing(await Api(server).stream(SWITCHES)) as stream:
            await anext(stream)
            server.faults.inject(Hang())
            question = asyncio.create_task(Api(server).get(SWITCH))
            asyncio.get_running_loop().call_later(5, server.outages.sigkill)
            with pytest.raises(ConnectionResetError):
                await anext(stream)
            with pytest.raises(ConnectionRefusedError):
                await question
            assert now() == pytest.approx(5)

    in_virtual_time(main())


def test_a_restart_empties_the_watch_cache_and_not_etcd(server: ApiServer) -> None:
    async def main() -> None:
        kubectl.create(server.cluster, config_map("other"))
        _, page = await Api(server).get(SWITCHES, limit="1")
        old = server.cluster.revision
        flip(server, "0")
        server.outages.restart(AT_ONCE)
        (event,) = await Api(server).events(SWITCHES, resourceVersion=str(old))
        assert (event["type"], event["object"]["code"], now()) == ("ERROR", 410, 0.0)
        assert event["object"]["message"] == f"too old resource version: {old} ({server.cluster.revision})"
        status, body = await Api(server).get(SWITCHES, limit="1", **{"continue": page["metadata"]["continue"]})
        assert (status, body["metadata"]["resourceVersion"], names(body)) == (200, str(old), ["other"])
        exact = {"resourceVersion": str(old), "resourceVersionMatch": "Exact"}
        assert (await Api(server).get(SWITCHES, **exact))[1]["items"][0]["data"] == {"EXECUTION_HALTED": "1"}
        current = str(server.cluster.revision)
        assert await Api(server).events(SWITCHES, resourceVersion=current, timeoutSeconds="1") == []

    in_virtual_time(main())


def test_what_etcd_has_compacted_is_served_from_the_cache_until_a_restart(server: ApiServer) -> None:
    async def main() -> None:
        kubectl.create(server.cluster, config_map("other"))
        _, page = await Api(server).get(SWITCHES, limit="1")
        old = {"resourceVersion": str(server.cluster.revision)}
        more = {"limit": "1", "continue": page["metadata"]["continue"]}
        flip(server, "0")
        server.cluster.compact()
        assert types(await Api(server).events(SWITCHES, timeoutSeconds="1", **old)) == ["MODIFIED"]
        assert (await Api(server).get(SWITCHES, **more))[0] == 200
        assert (await Api(server).get(SWITCHES, resourceVersionMatch="Exact", **old))[0] == 200
        server.outages.restart(AT_ONCE)
        status, body = await Api(server).get(SWITCHES, **more)
        assert (status, body["reason"]) == (410, "Expired")
        inconsistent = {"limit": "1", "continue": body["metadata"]["continue"]}
        status, body = await Api(server).get(SWITCHES, **inconsistent)
        assert (status, names(body)) == (200, ["other"])
        status, body = await Api(server).get(SWITCHES, resourceVersionMatch="Exact", **old)
        assert (status, body["metadata"]) == (410, {})

    in_virtual_time(main())


def test_while_a_server_starts_a_403_is_no_lost_permission(server: ApiServer) -> None:
    async def main() -> None:
        api = reader(server)
        server.outages.restart(Startup(listens=0.1, authorizes=0.7, ready=1.8))
        with pytest.raises(ConnectionRefusedError):
            await api.get(SWITCH)
        await until(0.1)
        response = await api.send("GET", SWITCH)
        assert (response.status, _flow(response.headers)) == (403, ["", ""])
        assert (await Api(server).get(SWITCH))[0] == 200  # an administrator needs no RBAC
        ready = await Api(server).send("GET", "/readyz")
        assert ready.status == 500 and b"[-]informer-sync failed: reason withheld\n" in bytes(ready.body)  # type: ignore[arg-type]
        assert (await Api(server).send("GET", "/livez")).status == 200
        await until(0.7)
        response = await api.send("GET", SWITCH)
        assert response.status == 200 and all(_flow(response.headers))
        assert (await Api(server).send("GET", "/readyz")).status == 500
        await until(1.8)
        assert (await Api(server).send("GET", "/readyz")).body == b"ok"

    in_virtual_time(main())


async def test_a_403_of_a_server_that_runs_has_flow_control_headers(server: ApiServer) -> None:
    response = await reader(server).send("GET", "/api/v1/secrets")
    assert response.status == 403 and all(_flow(response.headers))
    assert (await reader(server).stream(SWITCHES)) and all(
        _flow((await reader(server).send("GET", SWITCHES, {"watch": "1"})).headers)
    )


def _flow(headers: Any) -> list[str]:
    return [headers[f"X-Kubernetes-Pf-{kind}-Uid"] for kind in ("Flowschema", "Prioritylevel")]


def test_after_a_restore_what_a_client_holds_is_from_the_future(server: ApiServer) -> None:
    async def main() -> None:
        cluster = server.cluster
        backup = cluster.backup()
        flip(server, "0")
        kubectl.create(cluster, config_map("later"))
        held = {"resourceVersion": str(cluster.revision)}
        server.outages.restore(backup, AT_ONCE)
        _, body = await Api(server).get(SWITCHES)
        assert (names(body), body["metadata"]) == (
            ["agenttrader-kill-switch"],
            {"resourceVersion": str(backup.revision)},
        )
        assert body["items"][0]["data"] == {"EXECUTION_HALTED": "1"}
        events: list[JSON] = []
        watching = await Api(server).collect(events, SWITCHES, allowWatchBookmarks="true", timeoutSeconds="100", **held)
        flip(server, "0")
        await watching
        assert events == [] and now() == pytest.approx(100)
        status, body = await Api(server).get(SWITCHES, **held)
        assert (status, body["details"]["causes"][0]["reason"]) == (504, "ResourceVersionTooLarge")
        assert now() == pytest.approx(103)
        streaming = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        (event,) = await Api(server).events(SWITCHES, **streaming, **held)
        assert (event["type"], event["object"]["code"]) == ("ERROR", 504)

    in_virtual_time(main())


def test_after_a_restore_a_watch_speaks_again_when_its_revision_is_passed(server: ApiServer) -> None:
    async def main() -> None:
        backup = server.cluster.backup()
        flip(server, "0")
        held = server.cluster.revision
        server.outages.restore(backup, AT_ONCE)
        async with aclosing(await Api(server).stream(SWITCHES, resourceVersion=str(held))) as stream:
            asyncio.get_running_loop().call_soon(flip, server, "2")  # the revision that it holds, with another content
            asyncio.get_running_loop().call_later(1, flip, server, "3")
            assert b'"EXECUTION_HALTED":"3"' in await anext(stream)

    in_virtual_time(main())


def test_a_restore_ends_open_watches(server: ApiServer) -> None:
    async def main() -> None:
        async with aclosing(await Api(server).stream(SWITCHES)) as stream:
            await anext(stream)
            server.outages.restore(server.cluster.backup())
            with pytest.raises(ConnectionResetError):
                await anext(stream)

    in_virtual_time(main())


def test_a_restored_cluster_serves_the_types_that_it_then_had(server: ApiServer) -> None:
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "rollouts.argoproj.io"},
        "spec": {
            "group": "argoproj.io",
            "names": {"plural": "rollouts", "kind": "Rollout"},
            "versions": [{"name": "v1alpha1", "served": True, "storage": True}],
        },
    }

    async def main() -> None:
        before = server.cluster.backup()
        kubectl.create(server.cluster, crd)
        after = server.cluster.backup()
        for backup, status in ((before, 404), (after, 200)):
            server.outages.restore(backup, AT_ONCE)
            assert (await Api(server).send("GET", "/apis/argoproj.io/v1alpha1/rollouts")).status == status

    in_virtual_time(main())


async def test_sigterm_and_restart_over_http(server: ApiServer) -> None:
    face = HttpFace(server)
    await face.start()
    async with aiohttp.ClientSession(face.url) as http:
        async with http.get(SWITCHES, params={"watch": "true"}) as watch:
            await watch.content.readline()
            server.outages.sigterm()
            await face.refuse()
            with pytest.raises(aiohttp.ClientConnectorError):
                await http.get(SWITCH)
            flip(server, "0")
            assert b'"EXECUTION_HALTED":"0"' in await watch.content.readline()
            server.outages.restart(AT_ONCE)
            await face.accept()
            with pytest.raises(aiohttp.ClientPayloadError):
                await watch.content.readline()
        async with http.get(SWITCH) as response:
            assert response.status == 200
    await face.stop()
