"""Server-side apply, as the documentation tells it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.simulator.client import AGENT, SWITCH, SWITCHES, Api, config_map, deployment
from watchdog.simulator import kubectl
from watchdog.simulator.cluster import Cluster

JSON = dict[str, Any]
APPLY = "application/apply-patch+yaml"
NEW = f"{SWITCHES}/new"


async def apply(api: Api, path: str, config: JSON, manager: str = "ops", **query: str) -> tuple[int, JSON]:
    query = {"fieldManager": manager, **query} if manager else query
    return await api.patch(path, yaml.safe_dump(config).encode(), APPLY, **query)


def managed(body: JSON) -> dict[tuple[str, str], JSON]:
    return {(one["manager"], one["operation"]): one["fieldsV1"] for one in body["metadata"]["managedFields"]}


async def test_what_is_not_there_is_created_by_an_apply(api: Api) -> None:
    status, body = await apply(api, NEW, config_map("new", a="1"))
    assert (status, body["data"]) == (201, {"a": "1"})
    assert managed(body) == {("ops", "Apply"): {"f:data": {"f:a": {}}}}


async def test_the_same_apply_again_changes_nothing(api: Api, cluster: Cluster) -> None:
    await apply(api, NEW, config_map("new", a="1"))
    before = cluster.revision
    assert (await apply(api, NEW, config_map("new", a="1")))[0] == 200
    assert cluster.revision == before


async def test_an_apply_of_the_same_value_shares_it(api: Api) -> None:
    await apply(api, NEW, config_map("new", a="1"))
    status, body = await apply(api, NEW, config_map("new", a="1"), "others")
    assert (status, sorted(managed(body))) == (200, [("ops", "Apply"), ("others", "Apply")])
    status, body = await apply(api, NEW, config_map("new", b="2"))
    assert body["data"] == {"a": "1", "b": "2"}  # the others still name it
    status, body = await apply(api, NEW, config_map("new"), "others")
    assert body["data"] == {"b": "2"}


async def test_who_applies_what_is_there_already_is_given_no_time(api: Api) -> None:
    await apply(api, NEW, config_map("new", a="1"))
    _, body = await apply(api, NEW, config_map("new", a="1"), "others")
    assert {one["manager"]: "time" in one for one in body["metadata"]["managedFields"]} == {
        "ops": True,
        "others": False,
    }


async def test_a_conflict_names_each_manager_and_field(api: Api) -> None:
    await apply(api, NEW, config_map("new", a="1", b="2"))
    await api.patch(NEW, {"data": {"b": "3"}}, fieldManager="kubectl-patch")
    status, body = await apply(api, NEW, config_map("new", a="9", b="9"), "others")
    assert (status, body["reason"], body["code"]) == (409, "Conflict", 409)
    assert body["message"] == (
        "Apply failed with 2 conflicts: conflicts with \"kubectl-patch\" using v1:\n- .data.b\n"
        "conflicts with \"ops\":\n- .data.a"
    )  # fmt: skip
    causes = [(one["reason"], one["field"]) for one in body["details"]["causes"]]
    assert sorted(causes) == [("FieldManagerConflict", ".data.a"), ("FieldManagerConflict", ".data.b")]


async def test_who_forces_takes_the_field(api: Api) -> None:
    await apply(api, NEW, config_map("new", a="1"))
    status, body = await apply(api, NEW, config_map("new", a="2"), "others", force="true")
    assert (status, body["data"]) == (200, {"a": "2"})
    assert managed(body) == {("others", "Apply"): {"f:data": {"f:a": {}}}}


async def test_a_dry_apply_stores_nothing(api: Api, cluster: Cluster) -> None:
    before = cluster.revision
    config = config_map("agenttrader-kill-switch", EXECUTION_HALTED="0")
    _, body = await apply(api, SWITCH, config, dryRun="All", force="true")
    assert (body["data"], cluster.revision) == ({"EXECUTION_HALTED": "0"}, before)
    assert (await apply(api, NEW, config_map("new"), dryRun="All"))[0] == 201
    assert (await api.get(NEW))[0] == 404


async def test_a_list_with_keys_is_merged_item_by_item(api: Api, cluster: Cluster) -> None:
    kubectl.create(cluster, deployment())
    containers = [{"name": "execution-agent", "env": [{"name": "AGENT_MODE", "value": "LIVE"}]}]
    config = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "spec": {"template": {"spec": {"containers": containers}}},
    }
    _, body = await apply(api, AGENT, config)
    field = '.spec.template.spec.containers[name="execution-agent"].env[name="AGENT_MODE"].value'
    assert body["message"] == f'Apply failed with 1 conflict: conflict with "kubectl-create" using apps/v1: {field}'
    _, body = await apply(api, AGENT, config, force="true")
    (container,) = body["spec"]["template"]["spec"]["containers"]
    assert (container["image"], container["env"]) == ("execution-agent:1", containers[0]["env"])
    assert body["metadata"]["generation"] == 2
    containers[0]["env"] = [{"name": "OTHER", "value": "x"}]
    _, body = await apply(api, AGENT, config)
    (container,) = body["spec"]["template"]["spec"]["containers"]
    assert container["env"] == [{"name": "AGENT_MODE"}, {"name": "OTHER", "value": "x"}]  # the value was ours


@pytest.mark.parametrize(
    ("config", "query", "status", "said"),
    [
        ({**config_map("new")}, {"manager": ""}, 422, "fieldManager: Required value: is required for apply patch"),
        (
            {**config_map("new"), "metadata": {"name": "new", "managedFields": [{"manager": "x"}]}}, {}, 400,
            "metadata.managedFields must be nil",
        ),
        (config_map("other"), {}, 400, "does not match the name on the URL"),
        ({**config_map("new"), "dta": {}}, {"fieldValidation": "Strict"}, 400, 'unknown field "dta"'),
        (deployment("new"), {}, 400, "does not match the expected API version"),
    ],
)  # fmt: skip
async def test_what_cannot_be_applied_is_refused(
    api: Api, config: JSON, query: dict[str, str], status: int, said: str
) -> None:
    answered, body = await apply(api, NEW, config, **query)
    assert (answered, said in body["message"]) == (status, True)


async def test_a_stale_resource_version_is_a_precondition(api: Api) -> None:
    _, body = await apply(api, NEW, config_map("new", a="1"))
    stale = config_map("new", a="2")
    stale["metadata"] = {"name": "new", "resourceVersion": "1"}
    status, said = await apply(api, NEW, stale)
    assert (status, said["reason"]) == (409, "Conflict")
    stale["metadata"]["resourceVersion"] = body["metadata"]["resourceVersion"]
    assert (await apply(api, NEW, stale))[0] == 200


async def test_a_body_that_is_no_yaml_is_refused(api: Api) -> None:
    status, body = await api.patch(NEW, b"a: [", APPLY, fieldManager="ops")
    assert (status, body["reason"]) == (400, "BadRequest")


async def test_managed_fields_are_emptied_and_rewritten_by_who_asks(api: Api) -> None:
    _, body = await apply(api, NEW, config_map("new", a="1"))
    path = [{"op": "replace", "path": "/metadata/managedFields", "value": [{}]}]
    _, body = await api.patch(NEW, path, "application/json-patch+json", fieldManager="x")
    assert "managedFields" not in body["metadata"]
