"""managedFields against the recordings of a real API server."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

from tests.simulator.client import AGENT, JSON_PATCH, MERGE, STRATEGIC, SWITCH, Api
from tests.simulator.stage import JSON, LAST_APPLIED, Recordings, Stage, blotted
from watchdog.simulator.controller import settle

APPLY = "application/apply-patch+yaml"
KUBECTL = "kubectl.1.33/v1.33.1 (linux/amd64) kubernetes/8adc0f0"


def managers(managed: list[JSON]) -> list[JSON]:
    return sorted(blotted(managed), key=lambda one: (one["manager"], one.get("subresource", "")))


async def test_a_config_maps_managers_are_the_recorded_ones(stage: Stage, recordings: Recordings) -> None:
    steps = recordings("managedfields-configmap")["steps"]
    api = Api(stage.api.server, KUBECTL)
    for step, value in zip(steps, ("1", "0", "0", "1", None), strict=True):
        if value is not None and step is not steps[0]:
            await api.patch(SWITCH, {"data": {"EXECUTION_HALTED": value}}, MERGE, fieldManager="kubectl-patch")
        _, body = await api.get(SWITCH)
        assert managers(body["metadata"]["managedFields"]) == managers(step["managedFields"]), step["step"]


async def applied_on_the_server(api: Api, manifest: JSON) -> None:
    """What ``kubectl apply --server-side --force-conflicts`` sends where it applied on the client before."""
    _, before = await api.get(AGENT)
    note = {"metadata": {"annotations": {LAST_APPLIED: before["metadata"]["annotations"][LAST_APPLIED]}}}
    head = {"apiVersion": "apps/v1", "kind": "Deployment"}
    await api.patch(AGENT, manifest, APPLY, fieldManager="kubectl", force="true")
    await api.patch(AGENT, {**head, **note}, APPLY, fieldManager="kubectl-last-applied")
    _, found = await api.get(AGENT)
    kept = [one for one in found["metadata"]["managedFields"] if one["manager"] != "kubectl-client-side-apply"]
    await api.patch(AGENT, [{"op": "replace", "path": "/metadata/managedFields", "value": kept}], JSON_PATCH)


async def test_a_deployments_managers_are_the_recorded_ones(stage: Stage, recordings: Recordings) -> None:
    api = Api(stage.api.server, KUBECTL)
    env = {"name": "execution-agent", "env": [{"name": "AGENT_MODE", "value": "LIVE"}]}
    template = {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "2026-11-23T15:48:24Z"}}}
    writes: list[tuple[str, Any, str, dict[str, str]]] = [
        (f"{AGENT}/scale", {"spec": {"replicas": 1}}, MERGE, {}),
        (f"{AGENT}/scale", {"spec": {"replicas": 0}}, MERGE, {}),
        (f"{AGENT}/scale", {"spec": {"replicas": 0}}, MERGE, {}),
        (AGENT, {"spec": {"template": {"spec": {"containers": [env]}}}}, STRATEGIC, {"fieldManager": "kubectl-set"}),
        (AGENT, {"metadata": {"annotations": {"x": "y"}}}, MERGE, {"fieldManager": "kubectl-annotate"}),
        (AGENT, {"metadata": {"labels": {"x": "y"}}}, MERGE, {"fieldManager": "kubectl-label"}),
        (AGENT, {"spec": {"replicas": 1}}, STRATEGIC, {"fieldManager": "kubectl-patch"}),
        (AGENT, {"spec": {"template": template}}, STRATEGIC, {"fieldManager": "kubectl-rollout"}),
    ]  # fmt: skip
    for step, (path, body, kind, query) in zip(
        recordings("managedfields-deployment")["steps"][1:], writes, strict=False
    ):
        await api.patch(path, body, kind, **query)
        settle(stage.cluster)
        _, found = await api.get(AGENT)
        assert found["metadata"]["generation"] == step["generation"], step["step"]
        ours, theirs = managers(found["metadata"]["managedFields"]), managers(step["managedFields"])
        # What the controller owns of the status depends on Pods that never ran when it was recorded.
        assert [one for one in ours if one.get("subresource") != "status"] == [
            one for one in theirs if one.get("subresource") != "status"
        ], step["step"]
        assert [one["manager"] for one in ours] == [one["manager"] for one in theirs], step["step"]


async def test_who_applies_on_the_server_is_recorded_until_another_changes_it(
    stage: Stage, recordings: Recordings
) -> None:
    api, python = Api(stage.api.server, KUBECTL), Api(stage.api.server, "Python/3.11 aiohttp/3.14.5")
    steps = {one["step"]: one for one in recordings("managedfields-deployment")["steps"]}
    after = recordings("get-deployment-after-scale-patches")["response"]["body"]
    manifest = json.loads(after["metadata"]["annotations"][LAST_APPLIED])
    manifest["metadata"].pop("annotations")
    await api.patch(AGENT, {"metadata": {"annotations": {"x": "y"}}}, MERGE, fieldManager="kubectl-annotate")
    await api.patch(AGENT, {"metadata": {"labels": {"x": "y"}}}, MERGE, fieldManager="kubectl-label")
    template = {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "2026-11-23T15:48:24Z"}}}
    await api.patch(AGENT, {"spec": {"replicas": 1, "template": template}}, STRATEGIC, fieldManager="kubectl-rollout")
    await applied_on_the_server(api, manifest)
    settle(stage.cluster)
    expected = steps["kubectl apply --server-side --force-conflicts (back to the manifest)"]
    assert await objects_managers(api) == without_status(expected["managedFields"])
    note = {"metadata": {"annotations": {LAST_APPLIED: "{}"}}}
    await api.patch(AGENT, note, STRATEGIC, fieldManager="kubectl-client-side-apply")
    assert await objects_managers(api) == without_status(steps["kubectl apply (client-side, again)"]["managedFields"])
    for replicas in (1, 1, 0):
        await python.patch(f"{AGENT}/scale", {"spec": {"replicas": replicas}})
    assert await objects_managers(api) == without_status(after["metadata"]["managedFields"])


async def objects_managers(api: Api) -> list[JSON]:
    return without_status((await api.get(AGENT))[1]["metadata"]["managedFields"])


def without_status(managed: list[JSON]) -> list[JSON]:
    return [one for one in managers(managed) if one.get("subresource") != "status"]


async def test_what_kubectl_sends_is_answered_as_recorded(stage: Stage, recordings: Recordings) -> None:
    sent = 0
    for command in recordings("kubectl-on-the-wire")["commands"]:
        kinds = [one["headers"] for one in command["requests"] if "curl_method" in one]
        for asked in command["requests"]:
            if asked.get("method") != "PATCH" or not asked.get("body"):
                continue
            (kind,) = [one.partition(": ")[2] for one in kinds.pop(0) if one.startswith("Content-Type")]
            path, _, query = asked["url"].partition("?")
            body = asked["body"].encode()
            response = await stage.api.send("PATCH", path, dict(parse_qsl(query)), body, content_type=kind)
            assert f"{response.status} OK" == asked["status"], command["command"]
            sent += 1
    assert sent >= 8


async def test_the_json_patch_of_a_replica_count_is_one_more_generation(stage: Stage) -> None:
    patch = [{"op": "replace", "path": "/spec/replicas", "value": 1}]
    _, body = await stage.api.patch(AGENT, patch, JSON_PATCH)
    assert body["metadata"]["generation"] == 2
