from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from watchdog.simulator.errors import ApiError
from watchdog.simulator.patches import json_patched, merged
from watchdog.simulator.strategic import strategically_merged

# RFC 7386, appendix A.
RFC_7386 = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("target", "patch", "result"), RFC_7386)
def test_a_merge_patch_is_rfc_7386(target: Any, patch: Any, result: Any) -> None:
    before = deepcopy(target)
    assert merged(target, patch) == result
    assert target == before


def test_a_json_patch_changes_a_copy() -> None:
    target = {"spec": {"replicas": 0}}
    assert json_patched(target, [{"op": "replace", "path": "/spec/replicas", "value": 1}]) == {"spec": {"replicas": 1}}
    assert target == {"spec": {"replicas": 0}}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/spec/replicas", "value": 7},
        {"op": "remove", "path": "/nosuch/field"},
        {"op": "replace", "path": "spec", "value": 1},
        {"op": "nosuch", "path": "/spec"},
        {"op": "add", "path": "", "value": 1},
    ],
)
def test_a_json_patch_that_does_not_apply_is_422(operation: dict[str, Any]) -> None:
    with pytest.raises(ApiError, match="422 Invalid"):
        json_patched({"spec": {"replicas": 0}}, [operation])


def test_a_json_patch_is_a_list() -> None:
    with pytest.raises(ApiError, match="400 BadRequest"):
        json_patched({}, {"op": "add"})


def env(*pairs: tuple[str, str]) -> list[dict[str, Any]]:
    return [{"name": name, "value": value} for name, value in pairs]


def pod(*containers: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "Pod", "spec": {"containers": list(containers)}}


def test_set_env_changes_one_variable_and_keeps_the_order() -> None:
    live = pod({"name": "c", "env": env(("A", "1"), ("MODE", "OFF"), ("Z", "1"))})
    order = [{"name": name} for name in ("A", "MODE", "Z")]
    patch = pod({"name": "c", "env": env(("MODE", "LIVE")), "$setElementOrder/env": order})
    before = deepcopy(live)
    assert strategically_merged(live, patch) == pod({"name": "c", "env": env(("A", "1"), ("MODE", "LIVE"), ("Z", "1"))})
    assert live == before


def test_a_variable_is_deleted_by_name() -> None:
    live = pod({"name": "c", "env": env(("A", "1"), ("B", "2"))})
    patch = pod({"name": "c", "env": [{"name": "A", "$patch": "delete"}]})
    assert strategically_merged(live, patch) == pod({"name": "c", "env": env(("B", "2"))})


def test_a_new_item_goes_first_where_no_order_is_given() -> None:
    merged_pod = strategically_merged(pod({"name": "a"}), pod({"name": "b"}))
    assert merged_pod == pod({"name": "b"}, {"name": "a"})


def test_a_list_is_replaced_on_demand() -> None:
    live = pod({"name": "c", "env": env(("A", "1"))})
    patch = pod({"name": "c", "env": [{"$patch": "replace"}, {"name": "B", "value": "2"}]})
    assert strategically_merged(live, patch) == pod({"name": "c", "env": env(("B", "2"))})


def test_a_map_is_replaced_on_demand_and_retained_by_key() -> None:
    live = {"kind": "Deployment", "spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    retained = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    replaced = {"spec": {"strategy": {"$patch": "replace", "type": "Recreate"}}}
    for patch in (retained, replaced):
        assert strategically_merged(live, patch)["spec"] == {"strategy": {"type": "Recreate"}}


def test_finalizers_are_a_set() -> None:
    live = {"kind": "Pod", "metadata": {"finalizers": ["a", "b"]}}
    added = strategically_merged(live, {"metadata": {"finalizers": ["b", "c"]}})
    assert sorted(added["metadata"]["finalizers"]) == ["a", "b", "c"]
    removed = strategically_merged(live, {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}})
    assert removed["metadata"]["finalizers"] == ["b"]


def test_a_list_without_a_merge_key_is_replaced() -> None:
    live = {"kind": "Pod", "spec": {"tolerations": [{"key": "a"}, {"key": "b"}]}}
    assert strategically_merged(live, {"spec": {"tolerations": [{"key": "c"}]}})["spec"] == {
        "tolerations": [{"key": "c"}]
    }


def test_the_ports_of_a_service_merge_by_port_and_those_of_a_container_by_container_port() -> None:
    service = {"kind": "Service", "spec": {"ports": [{"port": 80, "name": "a"}]}}
    assert strategically_merged(service, {"spec": {"ports": [{"port": 80, "name": "b"}]}})["spec"]["ports"] == [
        {"port": 80, "name": "b"}
    ]
    live, patch = (
        pod({"name": "c", "ports": [{"containerPort": 1}]}),
        pod({"name": "c", "ports": [{"containerPort": 2}]}),
    )
    assert len(strategically_merged(live, patch)["spec"]["containers"][0]["ports"]) == 2


def test_directives_are_lost_where_there_is_nothing_to_merge_with() -> None:
    deleted = [{"name": "A", "$patch": "delete"}, {"name": "B", "value": "2"}]
    onto_an_item = strategically_merged(
        pod({"name": "c"}), pod({"name": "c", "env": deleted, "resources": {"limits": None}})
    )
    assert onto_an_item == pod({"name": "c", "env": env(("B", "2")), "resources": {}})
    # Recorded from kubectl 1.32: in a new item even what was to be deleted stays.
    as_a_new_item = strategically_merged(pod(), pod({"name": "c", "env": deleted, "$setElementOrder/env": []}))
    assert as_a_new_item == pod({"name": "c", "env": [{"name": "A"}, {"name": "B", "value": "2"}]})
    assert strategically_merged({"kind": "Pod"}, {"spec": {"$patch": "replace", "a": 1}}) == {"kind": "Pod", "spec": {}}


@pytest.mark.parametrize("patch", [{"spec": {"$patch": "nonsense"}}, {"spec": {"containers": "c"}}])
def test_a_patch_that_makes_no_sense_is_a_bad_request(patch: dict[str, Any]) -> None:
    with pytest.raises(ApiError, match="400 BadRequest"):
        strategically_merged(pod({"name": "c"}), patch)


def test_an_item_without_its_merge_key_is_refused() -> None:
    with pytest.raises(ApiError, match="does not contain declared merge key: name"):
        strategically_merged(pod({"name": "c"}), pod({"image": "x"}))
