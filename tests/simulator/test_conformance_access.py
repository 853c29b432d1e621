"""Authentication, RBAC and reviews against the recordings of a real API server."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import pytest

from tests.simulator.access import READER, As, admit_reader, bearing, dismiss_reader, reader
from tests.simulator.client import NOW, SWITCH, SWITCHES
from tests.simulator.stage import JSON, Recordings, Stage, blotted, staged
from tests.virtual import in_virtual_time
from watchdog.simulator import kubectl
from watchdog.simulator.authentication import claims_of
from watchdog.simulator.cluster import Cluster
from watchdog.simulator.wire import Response

FLOW = ("X-Kubernetes-Pf-Flowschema-Uid", "X-Kubernetes-Pf-Prioritylevel-Uid")
AS_READER = (
    "error-403-get-scale",
    "error-403-list-secrets",
    "error-403-nonexistent-resource",
    "error-403-patch-configmap",
    "error-403-patch-scale",
    "error-403-watch",
    "selfsubjectaccessreview-allowed-watch-deployments",
    "selfsubjectaccessreview-denied-patch-configmap",
    "selfsubjectaccessreview-denied-patch-scale",
)
VENDORS = ["/.well-known", "/.well-known/*"]
"""What the recorded server, a vendor's build, lets everybody see besides."""


async def replayed(api: As, recording: JSON) -> Response:
    asked = recording["request"]
    headers = {name.lower(): value for name, value in asked.get("headers", {}).items()}
    named = As(api.server, "Python/3.11 aiohttp/3.14.5", (*api.headers, *headers.items()))
    return await named.send(asked["method"], asked["path"], asked.get("query", {}), asked.get("body"))


async def held(api: As, recording: JSON) -> Response:
    """That the answer is the recorded one: status, body to the byte but for what differs from run to run, headers."""
    recorded, response = recording["response"], await replayed(api, recording)
    assert isinstance(response.body, bytes)
    assert (response.status, response.content_type) == (recorded["status"], recorded["headers"]["Content-Type"])
    assert blotted(json.loads(response.body)) == blotted(recorded["body"])
    assert len(response.body) == recorded["body_bytes"]
    for name in FLOW:
        assert bool(response.headers.get(name)) is bool(recorded["headers"].get(name)), name
    return response


@pytest.mark.parametrize("name", AS_READER)
async def test_a_reader_is_answered_as_recorded(stage: Stage, recordings: Recordings, name: str) -> None:
    admit_reader(stage.cluster)
    await held(reader(stage.server), recordings(name))


async def test_a_reader_reads_as_recorded(stage: Stage, recordings: Recordings) -> None:
    admit_reader(stage.cluster)
    recording = recordings("rbac-read-200")
    response = await replayed(reader(stage.server), recording)
    assert isinstance(response.body, bytes)
    body, recorded = json.loads(response.body), recording["response"]["body"]  # which was trimmed
    assert (response.status, body["kind"], body["data"]) == (200, recorded["kind"], recorded["data"])
    assert body["metadata"]["name"] == recorded["metadata"]["name"] and all(response.headers[name] for name in FLOW)


async def test_a_bad_token_is_refused_as_recorded(stage: Stage, recordings: Recordings) -> None:
    await held(bearing(stage.server, "bad"), recordings("error-401-bad-token"))


async def test_nobody_in_particular_is_refused_as_recorded(stage: Stage, recordings: Recordings) -> None:
    stage.server.authentication.demanded = True
    await held(As(stage.server), recordings("error-403-anonymous"))


async def test_nobody_in_particular_sees_that_the_server_is_ready(stage: Stage, recordings: Recordings) -> None:
    """The checks of a smaller server, in the form and order of the recorded ones."""
    stage.server.authentication.demanded = True
    recorded = recordings("readyz-verbose-anonymous")["response"]
    response = await replayed(As(stage.server), recordings("readyz-verbose-anonymous"))
    assert isinstance(response.body, bytes)
    lines, theirs = response.body.decode().splitlines(), recorded["body"].splitlines()
    assert (response.status, response.content_type) == (200, recorded["headers"]["Content-Type"])
    assert lines == [line for line in theirs if line in lines] and lines[-1] == "readyz check passed"
    assert recorded["body"].endswith("passed\n") and response.body.endswith(b"passed\n")


def test_a_dismissed_reader_is_forbidden_and_then_unauthorized_as_recorded(recordings: Recordings) -> None:
    async def main() -> None:
        stage = ticking(recordings)
        api = reader(stage.server)
        assert (await api.get(SWITCH))[0] == 200
        dismiss_reader(stage.cluster)
        await asyncio.sleep(4)
        await held(api, recordings("error-403-just-after-revocation"))
        await asyncio.sleep(8)
        await held(api, recordings("error-401-deleted-serviceaccount"))

    in_virtual_time(main())


def ticking(recordings: Recordings) -> Stage:
    loop = asyncio.get_running_loop()
    stage = staged(recordings, lambda: NOW + timedelta(seconds=loop.time()))
    admit_reader(stage.cluster)
    return stage


def flip(cluster: Cluster, value: str) -> None:
    kubectl.set_data(cluster, "trading-floor", "agenttrader-kill-switch", EXECUTION_HALTED=value)


def test_a_watch_survives_revocation_as_recorded(recordings: Recordings) -> None:
    async def main() -> None:
        stage = ticking(recordings)
        recording = recordings("watch-survives-revocation")
        query = {**recording["request"]["query"], "resourceVersion": str(stage.cluster.revision), "timeoutSeconds": "6"}
        events: list[JSON] = []
        task = await reader(stage.server).collect(events, recording["request"]["path"], **query)
        dismiss_reader(stage.cluster)
        for value in ("0", "1"):
            await asyncio.sleep(1)
            flip(stage.cluster, value)
        await task
        recorded = [one["event"] for one in recording["response"]["stream"]]
        assert [_told(event) for event in events] == [_told(event) for event in recorded]

    in_virtual_time(main())


def _told(event: JSON) -> tuple[str, Any]:
    return event["type"], event["object"]["data"]


def test_a_watch_outlives_its_token_as_recorded(recordings: Recordings) -> None:
    async def main() -> None:
        stage, recording = ticking(recordings), recordings("watch-outlives-its-token")
        loop, api = asyncio.get_running_loop(), reader(stage.server, 600)
        statuses: dict[int, list[float]] = {}
        async with aclosing(await api.stream(SWITCHES)) as stream:
            await anext(stream)
            while (second := loop.time()) < 700:
                flip(stage.cluster, str(second))
                assert await anext(stream)
                statuses.setdefault((await api.get(SWITCH))[0], []).append(second - 600)
                await asyncio.sleep(5)
        for poll in recording["polls_with_the_same_token"]:
            ours = statuses[poll["status"]]
            assert ours[0] == pytest.approx(poll["first_s_relative_to_exp"], abs=7)
            assert ours[-1] == pytest.approx(poll["last_s_relative_to_exp"], abs=7)
        assert list(statuses) == [200, 401]

    in_virtual_time(main())


def test_a_tokens_claims_are_the_recorded_ones(stage: Stage, recordings: Recordings) -> None:
    admit_reader(stage.cluster)
    recorded = recordings("serviceaccount-token-claims")["response"]["body"]
    claims = claims_of(stage.server.authentication.issue(*READER, recorded["exp"] - recorded["iat"]))
    times = ("exp", "iat", "nbf", "jti")
    assert claims and {**blotted(claims), **dict.fromkeys(times)} == {**blotted(recorded), **dict.fromkeys(times)}
    assert claims["exp"] - claims["iat"] == recorded["exp"] - recorded["iat"] and claims["nbf"] == claims["iat"]


async def test_a_token_is_requested_as_recorded(stage: Stage, recordings: Recordings) -> None:
    admit_reader(stage.cluster)
    asked = recordings("serviceaccount-token-claims")["request"]
    body = {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "spec": {"expirationSeconds": 600}}
    status, answered = await stage.api.call(asked["method"], asked["path"], {}, body)
    assert (status, claims_of(answered["status"]["token"]) is None) == (201, False)


async def test_one_is_told_who_one_is_as_recorded(stage: Stage, recordings: Recordings) -> None:
    admit_reader(stage.cluster)
    await held(reader(stage.server), recordings("selfsubjectreview"))


@pytest.mark.parametrize("name", ["selfsubjectrulesreview-admin", "selfsubjectrulesreview-readonly"])
async def test_rules_are_listed_as_recorded(stage: Stage, recordings: Recordings, name: str) -> None:
    """In any order: the recorded server's is that of a hash table."""
    admit_reader(stage.cluster)
    recording = recordings(name)
    api = As(stage.server) if name.endswith("admin") else reader(stage.server)
    response = await replayed(api, recording)
    assert isinstance(response.body, bytes)
    found, recorded = json.loads(response.body), recording["response"]["body"]
    recorded["status"]["nonResourceRules"] = [
        rule for rule in recorded["status"]["nonResourceRules"] if rule["nonResourceURLs"] != VENDORS
    ]
    for body in (found, recorded):
        for kind in ("resourceRules", "nonResourceRules"):
            body["status"][kind].sort(key=json.dumps)
    assert (response.status, list(found), found) == (201, list(recorded), recorded)
