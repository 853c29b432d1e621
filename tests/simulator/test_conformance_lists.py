"""Collections against the recordings of a real API server: what was applied then is applied, and listed again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.simulator.stage import JSON, LAST_APPLIED, Recordings, Stage, blotted
from watchdog.simulator.controller import settle

LISTS = ("list-configmaps-trading-floor", "list-rv0", "list-deployments-all", "list-statefulsets")
UNLIKE = ("status", "managedFields", "generation")
"""Of an object with Pods: there was neither scheduler nor kubelet, and it had been written to before."""


def applied(recording: JSON) -> list[JSON]:
    """Its items that a manifest made; the others are a controller's of that cluster."""
    items = recording["response"]["body"]["items"]
    return [item for item in items if LAST_APPLIED in item["metadata"].get("annotations", {})]


def put_on(stage: Stage, recording: JSON) -> None:
    for item in applied(recording):
        manifest = json.loads(item["metadata"]["annotations"][LAST_APPLIED])
        resource = stage.cluster.catalog.by_kind[manifest["apiVersion"], manifest["kind"]]
        if stage.cluster.find(resource, item["metadata"]["namespace"], item["metadata"]["name"]) is None:
            stage.apply(item)
    settle(stage.cluster)


def alike(item: JSON) -> Any:
    return {name: alike(one) if isinstance(one, dict) else one for name, one in item.items() if name not in UNLIKE}


@pytest.mark.parametrize("name", LISTS)
async def test_a_collection_is_listed_as_recorded(stage: Stage, recordings: Recordings, name: str) -> None:
    recording = recordings(name)
    put_on(stage, recording)
    status, body, content_type = await stage.replay(recording)
    recorded = recording["response"]["body"]
    assert (status, content_type) == (200, recording["response"]["headers"]["Content-Type"])
    assert (list(body)[:4], body["kind"]) == (list(recorded)[:4], recorded["kind"])
    assert list(body["metadata"]) == list(recorded["metadata"])
    assert [blotted(alike(item)) for item in body["items"]] == [blotted(alike(item)) for item in applied(recording)]
    assert [list(item) for item in body["items"]] == [list(item) for item in applied(recording)]


async def test_the_managers_of_config_maps_are_listed_as_recorded(stage: Stage, recordings: Recordings) -> None:
    recording = recordings("list-rv0")
    put_on(stage, recording)
    _, body, _ = await stage.replay(recording)
    assert [_managers(item) for item in body["items"]] == [_managers(item) for item in applied(recording)]


def _managers(item: JSON) -> Any:
    return blotted(item["metadata"]["managedFields"])


async def test_after_scaling_there_and_back_zero_is_absent_and_nobodys_as_recorded(
    stage: Stage, recordings: Recordings
) -> None:
    for name in ("patch-scale", "patch-scale-back"):
        await stage.replay(recordings(name))
        settle(stage.cluster)
    recording = recordings("get-deployment-after-scale-patches")
    _, body, _ = await stage.replay(recording)
    recorded = recording["response"]["body"]
    assert (list(body), body["spec"]["replicas"]) == (list(recorded), 0)
    observed = "observedGeneration"  # it had been written to before
    ours, theirs = (blotted({**one["status"], observed: 0}) for one in (body, recorded))
    for status in (ours, theirs):
        status["conditions"].sort(key=lambda one: str(one["type"]))
    assert ours == theirs
    for found in (body, recorded):
        entries = found["metadata"]["managedFields"]
        assert not [
            one
            for one in entries
            if one.get("subresource") == "scale" or "f:replicas" in one["fieldsV1"].get("f:spec", {})
        ]


async def test_the_versions_of_the_core_group_are_listed_as_recorded(stage: Stage, recordings: Recordings) -> None:
    _, body, content_type = await stage.replay(recordings("api"))
    recorded = recordings("api")["response"]
    assert content_type == recorded["headers"]["Content-Type"]
    where = "serverAddressByClientCIDRs"  # each server's own
    assert {**body, where: 0} == {**recorded["body"], where: 0}
    assert [list(one) for one in body[where]] == [list(one) for one in recorded["body"][where]]


ADMITTED = ("volumes", "volumeMounts", "tolerations", "preemptionPolicy", "nodeName")
"""What admission plugins and the scheduler write into a Pod: neither is simulated, the other was not recorded."""
HASHED = ("name", "generateName", "pod-template-hash")


async def test_a_pod_of_a_deployment_is_listed_as_recorded(stage: Stage, recordings: Recordings) -> None:
    put_on(stage, recordings("list-deployments-all"))
    _, body, _ = await stage.replay(recordings("list-pods"))
    (recorded,) = recordings("list-pods")["response"]["body"]["items"]
    (found,) = (pod for pod in body["items"] if pod["metadata"]["generateName"].startswith("agenttrader-ops-ui"))
    assert list(found) == list(recorded) and list(found["metadata"]) == list(recorded["metadata"])
    shared = (UNLIKE[:2], ADMITTED, HASHED)
    ours, theirs = (_without(one, sum(shared, ())) for one in (found, recorded))
    assert blotted(ours) == blotted(theirs)


def _without(value: Any, names: tuple[str, ...]) -> Any:
    if isinstance(value, list):
        return [_without(one, names) for one in value]
    if isinstance(value, dict):
        return {name: _without(one, names) for name, one in value.items() if name not in names}
    return value
