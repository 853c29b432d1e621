"""What an API server refuses to store. Thin: what a person gets wrong with kubectl, and what would break us."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from watchdog.simulator.errors import ApiError, Cause, bad_request, invalid
from watchdog.simulator.resources import Resource
from watchdog.simulator.selectors import from_label_selector

JSON = dict[str, Any]

_SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_BAD_NAME = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    f"end with an alphanumeric character (e.g. 'example.com', regex used for validation is '{_SUBDOMAIN}')"
)
_MAPS = ("metadata", "spec", "status", "data")


def check_shape(object: Any) -> None:
    """Raises ApiError 400 for a body that is no object, or whose parts are not."""
    if not isinstance(object, dict):
        raise bad_request("couldn't get version/kind; json parse error: the body is not an object")
    for field in _MAPS:
        if object.get(field) is not None and not isinstance(object[field], dict):
            raise bad_request(f"json: cannot unmarshal into Go struct field .{field}")


def check_name(resource: Resource, name: str) -> None:
    if not name:
        missing = Cause("metadata.name", "Required value: name or generateName is required", "FieldValueRequired")
        raise invalid(resource.kind, resource.group, "", [missing])
    if not re.fullmatch(_SUBDOMAIN, name) or len(name) > 253:
        cause = Cause("metadata.name", f'Invalid value: "{name}": {_BAD_NAME}')
        raise invalid(resource.kind, resource.group, name, [cause])


def check_types(object: JSON) -> None:
    """A number in a ConfigMap, a word for replicas. Raises ApiError 422, worded as for a patch that does not decode."""
    for value in (object.get("data") or {}).values():
        if not isinstance(value, str):
            raise _undecodable(object, f"{object['kind']}.data of type string", value)
    replicas = (object.get("spec") or {}).get("replicas")
    if replicas is None:
        return
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise _undecodable(object, f"{object['kind']}Spec.spec.replicas of type int32", replicas)
    if replicas < 0:
        cause = Cause("spec.replicas", f"Invalid value: {replicas}: must be greater than or equal to 0")
        group = "autoscaling" if object["kind"] == "Scale" else "apps"
        raise invalid(object["kind"], group, object["metadata"]["name"], [cause])


def check_workload(resource: Resource, object: JSON) -> None:
    """Pods and what makes them: containers, and a selector that matches the template. Raises ApiError 422."""
    spec = object.get("spec") or {}
    template = spec.get("template") if "scale" in resource.subresources else {"spec": spec}
    path = "spec.template.spec.containers" if "scale" in resource.subresources else "spec.containers"
    if not ((template or {}).get("spec") or {}).get("containers"):
        raise _refused(resource, object, Cause(path, "Required value", "FieldValueRequired"))
    if "scale" not in resource.subresources:
        return
    if not spec.get("selector"):
        raise _refused(resource, object, Cause("spec.selector", "Required value", "FieldValueRequired"))
    labels = ((template or {}).get("metadata") or {}).get("labels") or {}
    if not from_label_selector(spec["selector"])({"metadata": {"labels": labels}}):
        text = f"Invalid value: {msgspec.json.encode(labels).decode()}: `selector` does not match template `labels`"
        raise _refused(resource, object, Cause("spec.template.metadata.labels", text))


def check_immutable(resource: Resource, old: JSON, new: JSON) -> None:
    """A ConfigMap or Secret with ``immutable: true``, and a workload's selector. Raises ApiError 422."""
    forbidden = "Forbidden: field is immutable when `immutable` is set"
    for field in ("immutable", "data", "binaryData") if old.get("immutable") else ():
        if old.get(field) != new.get(field):
            raise _refused(resource, new, Cause(field, forbidden, "FieldValueForbidden"))
    if "scale" in resource.subresources and old["spec"]["selector"] != new["spec"]["selector"]:
        text = f"Invalid value: {msgspec.json.encode(new['spec']['selector']).decode()}: field is immutable"
        raise _refused(resource, new, Cause("spec.selector", text))


def _refused(resource: Resource, object: JSON, cause: Cause) -> ApiError:
    return invalid(resource.kind, resource.group, object["metadata"]["name"], [cause])


def _undecodable(object: JSON, target: str, value: Any) -> ApiError:
    kind = {str: "string", bool: "bool", int: "number", float: "number", list: "array"}.get(type(value), "object")
    text = msgspec.json.encode(msgspec.json.encode({"apiVersion": object["apiVersion"], **object}).decode()).decode()
    message = f"Invalid value: {text}: json: cannot unmarshal {kind} into Go struct field {target}"
    return invalid("", "", "", [Cause("patch", message)])
