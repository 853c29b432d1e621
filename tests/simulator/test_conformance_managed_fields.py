"""managedFields against the recordings of a real API server."""

from __future__ import annotations

from typing import Any

from tests.simulator.client import AGENT, JSON_PATCH, MERGE, STRATEGIC, SWITCH, Api
from tests.simulator.stage import JSON, Recordings, Stage, blotted
from watchdog.simulator.controller import settle

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


async def test_the_json_patch_of_a_replica_count_is_one_more_generation(stage: Stage) -> None:
    patch = [{"op": "replace", "path": "/spec/replicas", "value": 1}]
    _, body = await stage.api.patch(AGENT, patch, JSON_PATCH)
    assert body["metadata"]["generation"] == 2
