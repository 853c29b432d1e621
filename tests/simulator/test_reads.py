from __future__ import annotations

import asyncio
import json

import pytest

from tests.simulator.client import SWITCH, SWITCHES, Api, config_map, deployment, names
from tests.virtual import in_virtual_time
from watchdog.simulator import kubectl
from watchdog.simulator.cluster import Cluster

ALL_CONFIG_MAPS = "/api/v1/configmaps"


@pytest.fixture
def many(cluster: Cluster) -> Cluster:
    kubectl.create(cluster, *(config_map(f"map-{number}", "bulk", n=str(number)) for number in range(5)))
    return cluster


async def test_a_list_item_carries_no_kind_and_an_object_does(api: Api) -> None:
    _, body = await api.get(SWITCHES)
    assert (body["kind"], body["apiVersion"]) == ("ConfigMapList", "v1")
    assert list(body["items"][0]) == ["metadata", "data"]
    _, one = await api.get(SWITCH)
    assert (one["kind"], one["apiVersion"], one["data"]) == ("ConfigMap", "v1", {"EXECUTION_HALTED": "1"})


async def test_a_list_in_a_namespace_that_does_not_exist_is_empty(api: Api, cluster: Cluster) -> None:
    status, body = await api.get("/api/v1/namespaces/no-such-namespace/pods")
    assert (status, body["items"], body["metadata"]) == (200, [], {"resourceVersion": str(cluster.revision)})


async def test_pages_show_one_consistent_snapshot(api: Api, many: Cluster) -> None:
    _, first = await api.get(ALL_CONFIG_MAPS, limit="2")
    kubectl.delete(many, "cm", "bulk", "map-3")
    kubectl.create(many, config_map("map-9", "bulk"))
    kubectl.set_data(many, "bulk", "map-2", n="changed")
    _, second = await api.get(ALL_CONFIG_MAPS, limit="3", **{"continue": first["metadata"]["continue"]})
    _, third = await api.get(ALL_CONFIG_MAPS, limit="3", **{"continue": second["metadata"]["continue"]})
    assert names(first) + names(second) + names(third) == [*(f"map-{n}" for n in range(5)), "agenttrader-kill-switch"]
    assert second["items"][0]["data"] == {"n": "2"}
    assert len({page["metadata"]["resourceVersion"] for page in (first, second, third)}) == 1
    assert [page["metadata"].get("remainingItemCount") for page in (first, second, third)] == [4, 1, None]
    assert "continue" not in third["metadata"]


async def test_with_a_selector_a_page_does_not_say_how_many_remain(api: Api, many: Cluster) -> None:
    _, body = await api.get(ALL_CONFIG_MAPS, limit="1", labelSelector="!nosuch")
    assert "continue" in body["metadata"] and "remainingItemCount" not in body["metadata"]


async def test_pages_of_one_namespace(api: Api, many: Cluster) -> None:
    path = "/api/v1/namespaces/bulk/configmaps"
    _, first = await api.get(path, limit="3")
    _, second = await api.get(path, limit="3", **{"continue": first["metadata"]["continue"]})
    assert names(first) + names(second) == [f"map-{n}" for n in range(5)]


async def test_a_continuation_that_is_too_old_is_410_and_offers_an_inconsistent_one(api: Api, many: Cluster) -> None:
    _, first = await api.get(ALL_CONFIG_MAPS, limit="2")
    kubectl.delete(many, "cm", "bulk", "map-3")
    many.forget_history()
    status, gone = await api.get(ALL_CONFIG_MAPS, limit="2", **{"continue": first["metadata"]["continue"]})
    assert (status, gone["reason"]) == (410, "Expired")
    _, rest = await api.get(ALL_CONFIG_MAPS, **{"continue": gone["metadata"]["continue"]})
    assert names(rest) == ["map-2", "map-4", "agenttrader-kill-switch"]


async def test_a_continuation_that_is_rubbish_is_a_bad_request(api: Api) -> None:
    for token in ("garbage", "e30", "bm90IGpzb24"):
        status, body = await api.get(ALL_CONFIG_MAPS, **{"continue": token})
        assert (status, body["reason"]) == (400, "BadRequest")
        assert body["message"].startswith("invalid continue token: continue key is not valid: ")


async def test_resource_version_zero_ignores_the_limit(api: Api, many: Cluster) -> None:
    _, body = await api.get(ALL_CONFIG_MAPS, limit="2", resourceVersion="0")
    assert len(body["items"]) == 6 and "continue" not in body["metadata"]


async def test_an_exact_revision_shows_the_past_until_it_is_forgotten(api: Api, cluster: Cluster) -> None:
    before = str(cluster.revision)
    kubectl.set_data(cluster, "trading-floor", "agenttrader-kill-switch", EXECUTION_HALTED="0")
    _, body = await api.get(SWITCHES, resourceVersion=before, resourceVersionMatch="Exact")
    assert body["items"][0]["data"] == {"EXECUTION_HALTED": "1"} and body["metadata"]["resourceVersion"] == before
    cluster.forget_history()
    status, gone = await api.get(SWITCHES, resourceVersion=before, resourceVersionMatch="Exact")
    assert (status, gone["message"]) == (410, "The resourceVersion for the provided list is too old.")


def test_a_revision_from_the_future_is_504_after_three_seconds(api: Api, cluster: Cluster) -> None:
    async def main() -> None:
        response = await api.send("GET", SWITCHES, {"resourceVersion": "1005285"})
        assert asyncio.get_running_loop().time() == pytest.approx(3.0)
        assert (response.status, response.headers["Retry-After"]) == (504, "1")
        assert isinstance(response.body, bytes)
        body = json.loads(response.body)
        assert body["message"] == f"Timeout: Too large resource version: 1005285, current: {cluster.revision}"
        assert body["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"

    in_virtual_time(main())


async def test_a_resource_version_that_is_no_number_is_500(api: Api) -> None:
    status, body = await api.get(SWITCHES, resourceVersion="abc")
    assert (status, "reason" in body) == (500, False)


async def test_one_object_can_be_selected_by_name(api: Api, many: Cluster) -> None:
    _, body = await api.get(ALL_CONFIG_MAPS, fieldSelector="metadata.name=agenttrader-kill-switch")
    assert names(body) == ["agenttrader-kill-switch"]


async def test_metadata_only(api: Api) -> None:
    accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    _, body = await api.call("GET", SWITCHES, accept=accept)
    assert (body["kind"], list(body["items"][0])) == (
        "PartialObjectMetadataList",
        ["kind", "apiVersion", "metadata"],
    )
    _, one = await api.call("GET", SWITCH, accept=accept.replace("List", ""))
    assert one["kind"] == "PartialObjectMetadata" and "data" not in one


async def test_the_scale_of_a_workload_leaves_zero_out(api: Api, cluster: Cluster) -> None:
    kubectl.create(cluster, deployment())
    record = kubectl.get(cluster, "deploy", "agenttrader", "execution-agent")
    _, scale = await api.get("/apis/apps/v1/namespaces/agenttrader/deployments/execution-agent/scale")
    assert (scale["kind"], scale["apiVersion"], scale["spec"]) == ("Scale", "autoscaling/v1", {})
    assert scale["status"] == {"replicas": 0, "selector": "app=execution-agent"}
    assert scale["metadata"]["uid"] == record.uid and scale["metadata"]["resourceVersion"] == str(record.revision)
