from __future__ import annotations

import json

import pytest

from tests.simulator.client import Api

AGGREGATED = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"
)

GROUPS = {
    "apps": "v1",
    "events.k8s.io": "v1",
    "autoscaling": "v2",
    "batch": "v1",
    "policy": "v1",
    "rbac.authorization.k8s.io": "v1",
    "apiextensions.k8s.io": "v1",
    "authentication.k8s.io": "v1",
    "authorization.k8s.io": "v1",
}


async def test_the_groups_and_their_versions(api: Api) -> None:
    assert (await api.get("/api"))[1]["versions"] == ["v1"]
    groups = (await api.get("/apis"))[1]["groups"]
    assert {group["name"]: group["preferredVersion"]["version"] for group in groups} == GROUPS
    assert (await api.get("/apis/apps"))[1]["kind"] == "APIGroup"


@pytest.mark.parametrize("path", ["/api/v1", "/apis/apps/v1", "/apis/batch/v1"])
async def test_each_group_lists_its_resources(api: Api, path: str) -> None:
    _, body = await api.get(path)
    assert body["kind"] == "APIResourceList" and body["resources"]


async def test_get_all_finds_the_workloads_by_their_category(api: Api) -> None:
    found = [one for path in ("/api/v1", "/apis/apps/v1") for one in (await api.get(path))[1]["resources"]]
    assert {one["name"] for one in found if "all" in one.get("categories", ())} >= {
        "pods",
        "deployments",
        "replicasets",
        "statefulsets",
    }


async def test_aggregated_discovery_is_one_answer_a_root(api: Api) -> None:
    for root, expected in (("/api", [{}]), ("/apis", [{"name": group} for group in GROUPS])):
        response = await api.send("GET", root, accept=AGGREGATED)
        assert "as=APIGroupDiscoveryList" in response.content_type and "v=v2" in response.content_type
        assert isinstance(response.body, bytes)
        assert [item["metadata"] for item in json.loads(response.body)["items"]] == expected


async def test_a_client_that_knows_only_the_beta_gets_the_legacy_form(api: Api) -> None:
    old = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"
    _, body = await api.call("GET", "/apis", accept=old)
    assert body["kind"] == "APIGroupList"


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz", "/readyz/ping"])
async def test_health_is_plain_text(api: Api, path: str) -> None:
    response = await api.send("GET", path)
    assert (response.status, response.body, response.content_type) == (200, b"ok", "text/plain; charset=utf-8")


async def test_open_api_has_an_index_and_a_document_a_group(api: Api) -> None:
    _, index = await api.get("/openapi/v3")
    for path in index["paths"]:
        _, document = await api.get(f"/openapi/v3/{path}")
        kinds = [
            one["x-kubernetes-group-version-kind"][0]["kind"] for one in document["components"]["schemas"].values()
        ]
        assert len(kinds) == len(set(kinds)) > 0
    assert (await api.send("GET", "/openapi/v2")).body == b""


@pytest.mark.parametrize("path", ["/openapi/v4", "/openapi/v3/apis/nosuch/v1", "/apis/nosuch/v1", "/api/v2"])
async def test_what_is_not_described_is_not_found(api: Api, path: str) -> None:
    assert (await api.send("GET", path)).status == 404
