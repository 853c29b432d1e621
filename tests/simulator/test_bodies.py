"""Bodies: protobuf, YAML, and fields that a type does not have."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.simulator.client import DEPLOYMENTS, SWITCHES, Api, config_map, deployment
from watchdog.simulator.errors import ApiError
from watchdog.simulator.protobuf import PROTOBUF_TYPE, decoded
from watchdog.simulator.schema import schema, unknown_fields, without_unknown

JSON = dict[str, Any]


def field(number: int, content: bytes | int) -> bytes:
    """One field as Protocol Buffers encode it; contents of fewer than 128 bytes."""
    key = number << 3 | (0 if isinstance(content, int) else 2)
    encoded = bytes([key]) if key < 128 else bytes([key & 0x7F | 0x80, key >> 7])
    return encoded + (bytes([content]) if isinstance(content, int) else bytes([len(content)]) + content)


def envelope(version: str, kind: str, content: bytes) -> bytes:
    head = field(1, version.encode()) + field(2, kind.encode())
    return b"k8s\x00" + field(1, head) + field(2, content)


METADATA = field(1, field(1, b"new") + field(3, b"trading-floor") + field(5, b""))
CONFIG_MAP = METADATA + field(2, field(1, b"EXECUTION_HALTED") + field(2, b"0")) + field(4, 1)


def test_a_config_map_is_decoded() -> None:
    assert decoded(envelope("v1", "ConfigMap", CONFIG_MAP)) == {
        "kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "new", "namespace": "trading-floor"},
        "data": {"EXECUTION_HALTED": "0"}, "immutable": True,
    }  # fmt: skip


def test_a_zero_that_is_a_pointer_is_a_value_and_another_is_absent() -> None:
    """``replicas`` may be nil, ``minReadySeconds`` may not: Go writes its zero all the same."""
    spec = field(1, 0) + field(5, 0) + field(7, 0)
    assert decoded(envelope("apps/v1", "Deployment", field(2, spec)))["spec"] == {"replicas": 0}


def test_what_is_inline_belongs_to_the_type_around_it() -> None:
    claim = field(1, b"v") + field(2, field(19, field(1, field(1, b"agenttrader-kill-switch")) + field(4, 1)))
    (volume,) = decoded(envelope("v1", "Pod", field(2, field(1, claim))))["spec"]["volumes"]
    assert volume == {"name": "v", "configMap": {"name": "agenttrader-kill-switch", "optional": True}}


def test_numbers_texts_times_and_bytes_are_as_json_has_them() -> None:
    probe = field(1, field(2, field(1, b"/") + field(2, field(1, 1) + field(3, b"http")))) + field(2, 7)
    other = field(1, field(2, field(2, field(1, 0) + field(2, 80))))
    quantity = field(1, field(1, b"cpu") + field(2, field(1, b"100m")))
    container = field(1, b"c") + field(10, probe) + field(11, other) + field(8, quantity)
    (made,) = decoded(envelope("v1", "Pod", field(2, field(2, container))))["spec"]["containers"]
    assert made["livenessProbe"] == {"httpGet": {"path": "/", "port": "http"}, "initialDelaySeconds": 7}
    assert (made["readinessProbe"]["httpGet"]["port"], made["resources"]) == (80, {"limits": {"cpu": "100m"}})
    secret = decoded(envelope("v1", "Secret", field(2, field(1, b"token") + field(2, b"s3"))))
    assert secret["data"] == {"token": base64.b64encode(b"s3").decode()}
    born = decoded(envelope("v1", "ConfigMap", field(1, field(8, field(1, 60)))))
    assert born["metadata"]["creationTimestamp"] == "1970-01-01T00:01:00Z"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"kind":"ConfigMap"}', 400),
        (envelope("v1", "ConfigMap", CONFIG_MAP)[:-3], 400),
        (envelope("v1", "ConfigMap", b"\x0b"), 400),
        (envelope("v1", "ConfigMap", field(1, field(1, b"\xff"))), 400),
        (envelope("v1", "Unheard", METADATA), 415),
    ],
)
def test_what_is_no_such_body_is_refused(body: bytes, code: int) -> None:
    with pytest.raises(ApiError) as refused:
        decoded(body)
    assert refused.value.code == code


async def test_a_protobuf_body_is_created_and_answered_in_json(api: Api) -> None:
    body = envelope("v1", "ConfigMap", CONFIG_MAP)
    status, made = await api.call("POST", SWITCHES, {}, body, content_type=PROTOBUF_TYPE)
    assert (status, made["data"], made["immutable"]) == (201, {"EXECUTION_HALTED": "0"}, True)


async def test_a_yaml_body_is_created(api: Api) -> None:
    status, made = await api.call("POST", SWITCHES, {}, b"metadata: {name: y}\ndata: {a: b}", content_type=YAML)
    assert (status, made["data"]) == (201, {"a": "b"})
    assert (await api.call("POST", SWITCHES, {}, b"a: [", content_type=YAML))[0] == 400


YAML = "application/yaml"


def test_an_unknown_field_is_found_however_deep() -> None:
    made = deployment()
    made["spec"]["template"]["spec"]["containers"][0]["env"].append({"name": "A", "valeu": "LIVE"})
    made["spec"]["template"]["metadata"]["lables"] = {}
    made["spec"]["stategy"] = {}
    assert sorted(unknown_fields(made)) == [
        "spec.stategy",
        "spec.template.metadata.lables",
        "spec.template.spec.containers[0].env[1].valeu",
    ]
    assert unknown_fields(without_unknown(made)) == []
    assert without_unknown(deployment()) == deployment()


def test_what_is_inline_in_the_table_is_known_where_json_has_it() -> None:
    made = deployment()
    spec = made["spec"]["template"]["spec"]
    spec["volumes"] = [{"name": "switch", "configMap": {"name": "agenttrader-kill-switch", "optional": True}}]
    spec["containers"][0]["livenessProbe"] = {"httpGet": {"path": "/", "port": 80}}
    assert unknown_fields(made) == []


async def test_an_unknown_field_is_dropped_with_a_warning_and_strictly_refused(api: Api) -> None:
    made = deployment("other")
    made["spec"]["replicsa"] = 3
    response = await api.send("POST", DEPLOYMENTS, {}, made)
    assert response.headers["Warning"] == '299 - "unknown field \\"spec.replicsa\\""'
    assert isinstance(response.body, bytes) and b"replicsa" not in response.body
    status, body = await api.call("POST", DEPLOYMENTS, {"fieldValidation": "Strict"}, made)
    assert (status, body["message"]) == (
        400,
        'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: unknown field '
        '"spec.replicsa"',
    )


def test_every_type_that_is_referred_to_is_listed() -> None:
    known = {"s", "i", "b", "d", "y", "time", "microtime", "intstr", "quantity", "raw", "any"}
    used = {field.type for fields in schema().values() for field in fields}
    assert used - known - schema().keys() == set()


async def test_a_config_map_has_no_other_fields(api: Api) -> None:
    wrong = {**config_map("x"), "stringData": {}}
    assert (await api.call("POST", SWITCHES, {"fieldValidation": "Strict"}, wrong))[0] == 400
