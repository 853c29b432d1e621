"""Custom resources are served from their definition's storing until its deletion, and not a moment longer."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.simulator.client import MERGE, NOW, STRATEGIC, Api, names
from tests.simulator.manifests import rollout, scaled_object
from tests.virtual import in_virtual_time
from watchdog.simulator import kubectl
from watchdog.simulator.apiserver import ApiServer
from watchdog.simulator.cluster import Cluster
from watchdog.simulator.custom import ARGO, KEDA, definition, install

JSON = dict[str, Any]
ROLLOUTS = "/apis/argoproj.io/v1alpha1/namespaces/agenttrader/rollouts"
ROLLOUT = f"{ROLLOUTS}/execution-agent"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


async def test_what_is_not_installed_is_an_unknown_group(api: Api) -> None:
    for path in (ROLLOUTS, "/apis/argoproj.io", "/apis/argoproj.io/v1alpha1", "/openapi/v3/apis/argoproj.io/v1alpha1"):
        response = await api.send("GET", path)
        assert (response.status, response.body) == (404, b"404 page not found\n")


async def test_a_definition_that_is_created_is_served_at_once(api: Api) -> None:
    status, made = await api.call("POST", DEFINITIONS, {}, definition(ARGO))
    assert status == 201
    assert [(one["type"], one["status"]) for one in made["status"]["conditions"]] == [
        ("NamesAccepted", "True"),
        ("Established", "True"),
    ]
    assert (await api.get(ROLLOUTS))[1]["kind"] == "RolloutList"
    assert "argoproj.io" in [one["name"] for one in (await api.get("/apis"))[1]["groups"]]
    listed = (await api.get("/apis/argoproj.io/v1alpha1"))[1]["resources"]
    assert [one["name"] for one in listed] == ["rollouts", "rollouts/scale", "rollouts/status"]
    aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    _, body = await api.call("GET", "/apis", accept=aggregated)
    assert "argoproj.io" in [one["metadata"]["name"] for one in body["items"]]
    _, index = await api.get("/openapi/v3")
    assert "apis/argoproj.io/v1alpha1" in index["paths"]


async def test_a_custom_resource_has_no_defaults_and_scales(api: Api, cluster: Cluster) -> None:
    install(cluster, ARGO)
    kubectl.create(cluster, rollout())
    _, body = await api.get(ROLLOUT)
    assert "replicas" not in body["spec"] and "status" not in body and body["metadata"]["generation"] == 1
    _, scale = await api.patch(f"{ROLLOUT}/scale", {"spec": {"replicas": 3}})
    assert (scale["kind"], scale["spec"]) == ("Scale", {"replicas": 3})
    _, body = await api.get(ROLLOUT)
    assert (body["spec"]["replicas"], body["metadata"]["generation"]) == (3, 2)
    _, body = await api.patch(ROLLOUT, {"metadata": {"annotations": {"a": "b"}}}, MERGE)
    assert body["metadata"]["generation"] == 2  # that of a Deployment would move


async def test_a_custom_kind_that_is_named_like_a_built_in_one_has_none_of_its_defaults(
    api: Api, cluster: Cluster
) -> None:
    made = json.loads(json.dumps(definition(ARGO)).replace("rollout", "job").replace('"Rollout', '"Job'))
    await api.call("POST", DEFINITIONS, {}, made)
    _, body = await api.call("POST", ROLLOUTS.replace("rollouts", "jobs"), {}, {"metadata": {"name": "x"}, "spec": {}})
    assert (body["kind"], body["spec"]) == ("Job", {})


async def test_a_strategic_patch_is_for_built_in_types_only(api: Api, cluster: Cluster) -> None:
    install(cluster, ARGO)
    kubectl.create(cluster, rollout())
    assert (await api.patch(ROLLOUT, {"spec": {"replicas": 0}}, STRATEGIC))[0] == 415


async def test_two_definitions_are_served_beside_each_other(api: Api, cluster: Cluster) -> None:
    install(cluster, ARGO, KEDA)
    kubectl.create(cluster, rollout(), scaled_object())
    assert names((await api.get("/apis/keda.sh/v1alpha1/scaledobjects"))[1]) == ["execution-agent"]
    await api.call("DELETE", f"{DEFINITIONS}/rollouts.argoproj.io")
    assert names((await api.get("/apis/keda.sh/v1alpha1/scaledobjects"))[1]) == ["execution-agent"]


def test_a_definition_that_is_deleted_takes_its_objects_along_and_ends_their_watches() -> None:
    async def main(cluster: Cluster, api: Api) -> list[JSON]:
        install(cluster, ARGO)
        kubectl.create(cluster, rollout())
        events: list[JSON] = []
        task = await api.collect(events, ROLLOUTS, timeoutSeconds="3000")
        await asyncio.sleep(1)
        await api.call("DELETE", f"{DEFINITIONS}/rollouts.argoproj.io")
        await asyncio.wait_for(task, 1)
        assert (await api.send("GET", ROLLOUTS)).status == 404
        install(cluster, ARGO)
        assert names((await api.get(ROLLOUTS))[1]) == []
        return events

    cluster = Cluster(lambda: NOW)
    kubectl.create(cluster, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "agenttrader"}})
    seen: list[JSON] = []

    async def run() -> None:
        seen.extend(await main(cluster, Api(ApiServer(cluster))))

    in_virtual_time(run())
    assert [one["type"] for one in seen] == ["ADDED", "DELETED"]


TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


async def test_its_table_is_what_its_definition_says(api: Api, cluster: Cluster) -> None:
    install(cluster, ARGO)
    kubectl.create(cluster, rollout(replicas=2))
    _, table = await api.call("GET", ROLLOUTS, accept=TABLE)
    columns = [one["name"] for one in table["columnDefinitions"]]
    assert columns == ["Name", "Desired", "Current", "Up-to-date", "Available", "Age"]
    assert table["rows"][0]["cells"][:2] == ["execution-agent", 2]


HPAS = "/apis/autoscaling/{}/namespaces/agenttrader/horizontalpodautoscalers"


async def test_an_autoscaler_is_the_same_object_in_both_versions(api: Api, cluster: Cluster) -> None:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"}
    spec = {"scaleTargetRef": target, "maxReplicas": 5, "targetCPUUtilizationPercentage": 60}
    status, made = await api.call("POST", HPAS.format("v1"), {}, {"metadata": {"name": "x"}, "spec": spec})
    assert (status, made["apiVersion"], made["spec"]["targetCPUUtilizationPercentage"]) == (201, "autoscaling/v1", 60)
    _, newer = await api.get(f"{HPAS.format('v2')}/x")
    assert (newer["apiVersion"], newer["spec"]["minReplicas"]) == ("autoscaling/v2", 1)
    assert newer["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 60
    assert newer["metadata"]["uid"] == made["metadata"]["uid"]
    _, patched = await api.patch(f"{HPAS.format('v1')}/x", {"spec": {"targetCPUUtilizationPercentage": 80}})
    assert patched["spec"]["targetCPUUtilizationPercentage"] == 80
    _, listed = await api.get(HPAS.format("v1"))
    assert (listed["apiVersion"], listed["items"][0]["spec"]["maxReplicas"]) == ("autoscaling/v1", 5)
    assert (await api.get("/apis/autoscaling"))[1]["preferredVersion"]["version"] == "v2"
    events = await api.events(HPAS.format("v1"), timeoutSeconds="1", resourceVersion="0")
    assert events[0]["object"]["apiVersion"] == "autoscaling/v1"


@pytest.mark.parametrize("path", ["/api/v1", "/apis/events.k8s.io/v1"])
async def test_an_event_is_the_same_object_in_both_groups(api: Api, path: str) -> None:
    involved = {"kind": "Pod", "name": "p", "namespace": "agenttrader"}
    event = {"metadata": {"name": "e"}, "involvedObject": involved, "reason": "R", "message": "M"}
    await api.call("POST", "/api/v1/namespaces/agenttrader/events", {}, event)
    _, found = await api.get(f"{path}/namespaces/agenttrader/events/e")
    about, said = ("involvedObject", "message") if path == "/api/v1" else ("regarding", "note")
    assert (found[about], found[said], found["reason"]) == (involved, "M", "R")
    assert len({"message", "note"} & found.keys()) == 1
    assert json.dumps(found).count('"M"') == 1
