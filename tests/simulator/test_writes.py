from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.client import (
    AGENT,
    DEPLOYMENTS,
    JSON_PATCH,
    MERGE,
    STRATEGIC,
    SWITCH,
    SWITCHES,
    Api,
    config_map,
    deployment,
    names,
)
from watchdog.simulator import kubectl
from watchdog.simulator.cluster import Cluster


@pytest.fixture(autouse=True)
def _execution_agent(cluster: Cluster) -> None:
    kubectl.create(cluster, deployment())


async def test_what_is_created_is_completed_by_the_server(api: Api) -> None:
    status, body = await api.call("POST", SWITCHES, {}, {"metadata": {"generateName": "x-"}, "data": {"a": "b"}})
    assert status == 201
    assert body["metadata"]["name"].startswith("x-") and len(body["metadata"]["name"]) == 7
    assert (body["kind"], body["metadata"]["namespace"]) == ("ConfigMap", "trading-floor")
    assert body["metadata"]["creationTimestamp"] == "2026-11-23T15:47:36Z"


async def test_a_workload_without_replicas_has_one(api: Api) -> None:
    made = deployment("other")
    del made["spec"]["replicas"]
    _, body = await api.call("POST", DEPLOYMENTS, {}, made)
    assert body["spec"]["replicas"] == 1
    container = body["spec"]["template"]["spec"]["containers"][0]
    assert (container["imagePullPolicy"], container["terminationMessagePolicy"]) == ("IfNotPresent", "File")


async def test_an_empty_value_of_a_variable_is_absent(api: Api) -> None:
    env = {"env": [{"name": "EMPTY", "value": ""}], "name": "execution-agent"}
    patch = {"spec": {"template": {"spec": {"containers": [env]}}}}
    _, body = await api.patch(AGENT, patch, STRATEGIC)
    assert {"name": "EMPTY"} in body["spec"]["template"]["spec"]["containers"][0]["env"]


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (config_map("agenttrader-kill-switch"), 409, "AlreadyExists"),
        (config_map("Bad_Name"), 422, "Invalid"),
        ({"metadata": {}}, 422, "Invalid"),
        (config_map("x", "agenttrader"), 400, "BadRequest"),
        (deployment(), 400, "BadRequest"),
        ({"metadata": {"name": "x"}, "data": {"a": 1}}, 422, "Invalid"),
        (["no object"], 400, "BadRequest"),
        ({"metadata": "none"}, 400, "BadRequest"),
        (b"{", 400, "BadRequest"),
    ],
)
async def test_what_cannot_be_created_is_refused(api: Api, body: Any, status: int, reason: str) -> None:
    answered, said = await api.call("POST", SWITCHES, {}, body)
    assert (answered, said["reason"], said["code"]) == (status, reason, status)


@pytest.mark.parametrize(
    "change",
    [
        {"spec": {"template": {"spec": {"containers": []}}}},
        {"spec": {"selector": {"matchLabels": {"app": "another"}}}},
        {"spec": {"template": {"metadata": {"labels": {"app": "another"}}}}},
        {"spec": {"replicas": -1}},
        {"spec": {"replicas": "one"}},
        {"spec": {"replicas": True}},
        {"spec": None},
    ],
)
async def test_a_workload_that_makes_no_sense_is_refused(api: Api, change: dict[str, Any]) -> None:
    status, body = await api.patch(AGENT, change)
    assert (status, body["reason"]) == (422, "Invalid")


async def test_a_body_of_another_kind_is_an_unsupported_media_type(api: Api) -> None:
    for kind in ("application/cbor", "text/plain"):
        status, body = await api.call("POST", SWITCHES, {}, b"{}", content_type=kind)
        assert (status, body["reason"]) == (415, "UnsupportedMediaType")


async def test_a_patch_must_say_what_kind_it_is(api: Api) -> None:
    status, body = await api.patch(SWITCH, {"data": {"x": "y"}}, "application/json")
    assert (status, body["message"]) == (415, "415: Unsupported Media Type")


@pytest.mark.parametrize(
    ("kind", "patch"),
    [
        (MERGE, {"spec": {"replicas": 1}}),
        (STRATEGIC, {"spec": {"replicas": 1}}),
        (JSON_PATCH, [{"op": "replace", "path": "/spec/replicas", "value": 1}]),
    ],
)
async def test_each_kind_of_patch_scales(api: Api, kind: str, patch: Any) -> None:
    status, body = await api.patch(AGENT, patch, kind)
    assert (status, body["spec"]["replicas"], body["metadata"]["generation"]) == (200, 1, 2)


async def test_a_resource_version_in_a_patch_is_a_precondition(api: Api) -> None:
    status, body = await api.patch(AGENT, {"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 1}})
    assert (status, body["reason"], body["details"]["group"]) == (409, "Conflict", "apps")


async def test_a_put_of_an_outdated_object_is_a_conflict(api: Api) -> None:
    _, old = await api.get(SWITCH)
    await api.patch(SWITCH, {"data": {"EXECUTION_HALTED": "0"}})
    status, body = await api.call("PUT", SWITCH, {}, old)
    assert (status, body["reason"]) == (409, "Conflict")
    del old["metadata"]["resourceVersion"]
    status, body = await api.call("PUT", SWITCH, {}, old)
    assert (status, body["data"]) == (200, {"EXECUTION_HALTED": "1"})


async def test_the_scale_is_patched_and_put(api: Api, cluster: Cluster) -> None:
    status, scale = await api.patch(f"{AGENT}/scale", {"spec": {"replicas": 2}})
    assert (status, scale["kind"], scale["spec"]) == (200, "Scale", {"replicas": 2})
    assert scale["metadata"]["resourceVersion"] == str(cluster.revision)
    status, scale = await api.call("PUT", f"{AGENT}/scale", {}, {**scale, "spec": {}})
    assert (status, scale["spec"]) == (200, {})
    _, body = await api.get(AGENT)
    assert (body["spec"]["replicas"], body["metadata"]["generation"]) == (0, 3)


async def test_a_scale_that_does_not_decode_is_refused_as_recorded(api: Api) -> None:
    status, body = await api.patch(f"{AGENT}/scale", {"spec": {"replicas": "one"}})
    assert status == 422
    assert body["message"].startswith(' "" is invalid: patch: Invalid value: "{\\"apiVersion\\":\\"autoscaling/v1\\"')
    end = "json: cannot unmarshal string into Go struct field ScaleSpec.spec.replicas of type int32"
    assert body["message"].endswith(end) and body["details"]["causes"][0]["field"] == "patch"


async def test_a_dry_run_stores_nothing(api: Api, cluster: Cluster) -> None:
    before = cluster.revision
    _, body = await api.patch(AGENT, {"spec": {"replicas": 1}}, dryRun="All")
    assert body["metadata"]["generation"] == 2
    status, made = await api.call("POST", SWITCHES, {"dryRun": "All"}, config_map("dry"))
    assert status == 201 and "resourceVersion" not in made["metadata"]
    assert (await api.call("DELETE", SWITCH, {"dryRun": "All"}))[0] == 200
    assert cluster.revision == before
    assert (await api.get(f"{SWITCHES}/dry"))[0] == 404


async def test_an_unknown_field_is_dropped_with_a_warning_or_refused(api: Api) -> None:
    patch = {"data": {}, "nosuchfield": 1}
    response = await api.send("PATCH", SWITCH, {}, patch, content_type=MERGE)
    assert response.headers["Warning"] == '299 - "unknown field \\"nosuchfield\\""'
    assert isinstance(response.body, bytes) and b"nosuchfield" not in response.body
    status, body = await api.patch(SWITCH, patch, fieldValidation="Strict")
    assert (status, "unknown field" in body["message"]) == (400, True)
    assert (
        "Warning"
        not in (await api.send("PATCH", SWITCH, {"fieldValidation": "Ignore"}, patch, content_type=MERGE)).headers
    )


async def test_a_deletion_answers_a_status(api: Api, cluster: Cluster) -> None:
    uid = kubectl.get(cluster, "cm", "trading-floor", "agenttrader-kill-switch").uid
    status, body = await api.call("DELETE", SWITCH)
    assert (status, body["status"]) == (200, "Success")
    assert body["details"] == {"name": "agenttrader-kill-switch", "kind": "configmaps", "uid": uid}
    assert (await api.get(SWITCH))[0] == 404


async def test_a_foreground_deletion_answers_the_object_and_waits(api: Api) -> None:
    status, body = await api.call("DELETE", AGENT, {}, {"propagationPolicy": "Foreground"})
    metadata = body["metadata"]
    assert (status, metadata["finalizers"], metadata["generation"]) == (200, ["foregroundDeletion"], 2)
    assert (await api.get(AGENT))[1]["metadata"]["deletionTimestamp"] == "2026-11-23T15:47:36Z"
    again, body = await api.call("DELETE", AGENT)
    assert (again, body["metadata"]["generation"]) == (200, 2)


async def test_the_last_finalizer_to_go_takes_the_object_along(api: Api) -> None:
    await api.patch(SWITCH, {"metadata": {"finalizers": ["example.com/hold"]}})
    await api.call("DELETE", SWITCH)
    assert (await api.get(SWITCH))[0] == 200
    status, body = await api.patch(SWITCH, {"metadata": {"finalizers": None}})
    assert (status, "finalizers" in body["metadata"]) == (200, False)
    assert (await api.get(SWITCH))[0] == 404


async def test_a_collection_is_deleted_by_a_selector(api: Api, cluster: Cluster) -> None:
    for name in ("a", "b"):
        kubectl.create(cluster, config_map(name))
        kubectl.patch(cluster, "cm", "trading-floor", name, {"metadata": {"labels": {"x": name}}})
    status, body = await api.call("DELETE", SWITCHES, {"labelSelector": "x=a"})
    assert (status, names(body)) == (200, ["a"])
    assert names((await api.get(SWITCHES))[1]) == ["agenttrader-kill-switch", "b"]


async def test_what_is_not_there_is_404(api: Api) -> None:
    status, body = await api.patch(f"{DEPLOYMENTS}/nope/scale", {"spec": {"replicas": 1}})
    assert (status, body["message"]) == (404, 'deployments.apps "nope" not found')
    assert body["details"] == {"name": "nope", "group": "apps", "kind": "deployments"}


async def test_an_unknown_group_is_plain_text_and_an_unknown_resource_a_status(api: Api) -> None:
    for path in ("/apis/nosuch.example.com/v1/things", "/nosuch", "/"):
        response = await api.send("GET", path)
        assert (response.status, response.body) == (404, b"404 page not found\n")
    for path in ("/apis/apps/v1/nosuchthings", f"{AGENT}/nosuch", "/api/v1/namespaces/x/namespaces/y"):
        status, body = await api.get(path)
        assert (status, body["details"]) == (404, {})


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "POST"])
async def test_a_method_that_an_object_does_not_have_is_405(api: Api, method: str) -> None:
    status, body = await api.call(method, SWITCH)
    assert (status, body["reason"]) == (405, "MethodNotAllowed")


async def test_a_uid_is_a_precondition_of_a_deletion(api: Api, cluster: Cluster) -> None:
    status, body = await api.call("DELETE", SWITCH, {}, {"preconditions": {"uid": "another"}})
    assert (status, body["reason"]) == (409, "Conflict")
    assert "the UID in the precondition (another) does not match the UID in record" in body["message"]
    uid = kubectl.get(cluster, "cm", "trading-floor", "agenttrader-kill-switch").uid
    assert (await api.call("DELETE", SWITCH, {}, {"preconditions": {"uid": uid}}))[0] == 200


async def test_a_config_map_without_its_last_key_has_no_data(api: Api) -> None:
    _, body = await api.patch(SWITCH, {"data": {"EXECUTION_HALTED": None}})
    assert "data" not in body


async def test_an_immutable_config_map_is_kept(api: Api) -> None:
    await api.patch(SWITCH, {"immutable": True})
    status, body = await api.patch(SWITCH, {"data": {"EXECUTION_HALTED": "0"}})
    assert (status, body["message"]) == (
        422,
        'ConfigMap "agenttrader-kill-switch" is invalid: data: Forbidden: field is immutable when `immutable` is set',
    )
    assert (await api.patch(SWITCH, {"immutable": False}))[0] == 422
    assert (await api.patch(SWITCH, {"metadata": {"labels": {"a": "b"}}}))[0] == 200


async def test_a_name_in_a_body_must_be_that_of_the_path(api: Api) -> None:
    status, body = await api.call("PUT", SWITCH, {}, config_map("another"))
    assert (status, "does not match the name on the URL" in body["message"]) == (400, True)


async def test_a_secret_is_opaque_and_what_is_written_as_text_is_kept_as_bytes(api: Api) -> None:
    path = "/api/v1/namespaces/trading-floor/secrets"
    _, body = await api.call("POST", path, {}, {"metadata": {"name": "s"}, "stringData": {"token": "s3"}})
    assert (body["type"], body["data"], "stringData" in body) == ("Opaque", {"token": "czM="}, False)
