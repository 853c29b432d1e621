"""Who asks (kube-wire README, points 13, 20, 21), in virtual time."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import timedelta

import pytest

from tests.simulator.access import READER, account, administrator, admit_reader, bearing, dismiss_reader, reader
from tests.simulator.client import NOW, SWITCH, SWITCHES, Api, config_map
from tests.virtual import in_virtual_time
from watchdog.simulator import kubectl
from watchdog.simulator.apiserver import ApiServer
from watchdog.simulator.authentication import claims_of
from watchdog.simulator.cluster import Cluster
from watchdog.simulator.errors import ApiError
from watchdog.simulator.outages import AT_ONCE


@pytest.fixture
def server(cluster: Cluster) -> ApiServer:
    admit_reader(cluster)
    return ApiServer(cluster)


def ticking() -> ApiServer:
    """Its time is the loop's."""
    loop = asyncio.get_running_loop()
    cluster = Cluster(lambda: NOW + timedelta(seconds=loop.time()))
    kubectl.create(cluster, config_map("agenttrader-kill-switch", EXECUTION_HALTED="1"))
    admit_reader(cluster)
    return ApiServer(cluster)


async def test_who_shows_no_credentials_is_an_administrator_unless_they_are_demanded(server: ApiServer) -> None:
    assert (await Api(server).get("/api/v1/secrets"))[0] == 200
    server.authentication.demanded = True
    status, body = await Api(server).get(SWITCHES)
    assert (status, body["reason"], body["details"]) == (403, "Forbidden", {"kind": "configmaps"})
    assert body["message"] == (
        'configmaps is forbidden: User "system:anonymous" cannot list resource "configmaps" in API group "" in the '
        'namespace "trading-floor"'
    )
    assert (await administrator(server).get("/api/v1/secrets"))[0] == 200


async def test_a_token_is_good_for_what_is_bound_to_its_service_account(server: ApiServer) -> None:
    api = reader(server)
    assert (await api.get(SWITCH))[0] == 200
    assert (await api.get("/api/v1/secrets"))[0] == 403


@pytest.mark.parametrize("token", ["x", "a.b.c", "..", "e30.e30.", "\u00e9.x"])
async def test_a_token_that_is_none_is_401_and_not_anonymous(server: ApiServer, token: str) -> None:
    for path in (SWITCHES, "/healthz"):
        response = await bearing(server, token).send("GET", path)
        assert response.status == 401
        assert not [name for name in response.headers if name.startswith("X-Kubernetes-Pf")]


async def test_a_token_that_was_tampered_with_is_401(server: ApiServer) -> None:
    header, claims, signature = server.authentication.issue(*READER).split(".")
    assert (await bearing(server, f"{header}.{claims[:-2]}AA.{signature}").get(SWITCH))[0] == 401


async def test_there_is_no_token_without_a_service_account(server: ApiServer) -> None:
    with pytest.raises(ApiError, match="404"):
        server.authentication.issue("trading-floor", "nobody")


async def test_a_token_is_of_one_service_account_and_not_of_its_name(server: ApiServer) -> None:
    api = reader(server)
    kubectl.delete(server.cluster, "sa", *READER)
    kubectl.create(server.cluster, account(*READER))
    assert (await api.get(SWITCH))[0] == 401
    assert (await reader(server).get(SWITCH))[0] == 200


async def test_a_token_says_whose_it_is_and_how_long_it_lasts(server: ApiServer) -> None:
    claims = claims_of(server.authentication.issue(*READER, 600))
    assert claims and claims["sub"] == "system:serviceaccount:trading-floor:watchdog-ro"
    assert claims["kubernetes.io"]["serviceaccount"]["name"] == READER[1]
    assert (claims["exp"] - claims["iat"], claims["iat"]) == (600, int(NOW.timestamp()))


async def test_two_tokens_are_never_the_same(server: ApiServer) -> None:
    first, second = (claims_of(server.authentication.issue(*READER)) for _ in range(2))
    assert first and second and first["jti"] != second["jti"]


def test_a_revoked_token_is_403_at_once_and_401_when_it_is_no_longer_cached() -> None:
    async def main() -> None:
        server = ticking()
        api = reader(server)
        assert (await api.get(SWITCH))[0] == 200
        dismiss_reader(server.cluster)
        statuses = []
        for _ in range(12):
            statuses.append((await api.get(SWITCH))[0])
            await asyncio.sleep(1)
        assert statuses == [403] * 10 + [401] * 2

    in_virtual_time(main())


def test_a_restart_forgets_the_tokens_that_were_good() -> None:
    async def main() -> None:
        server = ticking()
        api = reader(server)
        assert (await api.get(SWITCH))[0] == 200
        dismiss_reader(server.cluster)
        server.outages.restart(AT_ONCE)
        assert (await api.get(SWITCH))[0] == 401

    in_virtual_time(main())


def test_a_token_is_taken_for_a_minute_after_its_end() -> None:
    async def main() -> None:
        server = ticking()
        api = reader(server, 600)
        at = {599: 200, 601: 200, 658: 200, 672: 401}
        for second, status in at.items():
            await asyncio.sleep(second - asyncio.get_running_loop().time())
            assert (await api.get(SWITCH))[0] == status, second

    in_virtual_time(main())


def test_an_open_watch_outlives_binding_service_account_and_token() -> None:
    async def main() -> None:
        server = ticking()
        async with aclosing(await reader(server, 600).stream(SWITCHES)) as stream:
            await anext(stream)
            dismiss_reader(server.cluster)
            for number in range(3):
                await asyncio.sleep(400)
                kubectl.set_data(server.cluster, "trading-floor", "agenttrader-kill-switch", n=str(number))
                assert f'"n":"{number}"'.encode() in await anext(stream)

    in_virtual_time(main())


async def test_a_refused_watch_is_a_plain_403(server: ApiServer) -> None:
    status, body = await reader(server).get("/api/v1/secrets", watch="true")
    assert (status, body["kind"]) == (403, "Status")
    assert 'cannot watch resource "secrets"' in body["message"]


async def test_nobody_may_ask_for_the_version_and_for_health(server: ApiServer) -> None:
    server.authentication.demanded = True
    for path in ("/version", "/healthz", "/livez", "/readyz"):
        assert (await Api(server).send("GET", path)).status == 200
    for path in ("/version/x", "/healthz/ping", "/readyzz"):
        assert (await Api(server).send("GET", path)).status == 403
    status, body = await Api(server).get("/apis")
    assert (status, body["details"]) == (403, {})
    assert body["message"] == 'forbidden: User "system:anonymous" cannot get path "/apis"'
    assert (await reader(server).get("/apis"))[0] == 200


async def test_health_lists_its_checks_for_who_asks_for_them(server: ApiServer) -> None:
    response = await Api(server).send("GET", "/readyz", {"verbose": ""})
    assert isinstance(response.body, bytes)
    assert response.body.startswith(b"[+]ping ok\n") and response.body.endswith(b"\nreadyz check passed\n")
    assert (await Api(server).send("GET", "/readyz/nope")).status == 404


async def test_a_token_is_asked_for_over_the_wire(server: ApiServer) -> None:
    path = "/api/v1/namespaces/trading-floor/serviceaccounts/watchdog-ro/token"
    asked = {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "spec": {"expirationSeconds": 600}}
    status, body = await Api(server).call("POST", path, {}, asked)
    assert (status, body["status"]["expirationTimestamp"]) == (201, "2026-11-23T15:57:36Z")
    assert (await bearing(server, body["status"]["token"]).get(SWITCH))[0] == 200
    assert (await Api(server).call("GET", path))[0] == 405
    asked["spec"] = {"expirationSeconds": 599}
    assert (await Api(server).call("POST", path, {}, asked))[0] == 422
    assert (await Api(server).call("POST", path.replace("-ro", ""), {}, {**asked, "spec": {}}))[0] == 404
    assert (await reader(server).call("POST", path, {}, {**asked, "spec": {}}))[0] == 403
