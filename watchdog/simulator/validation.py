"""What an API server refuses to store. Thin: what a person gets wrong with kubectl, and what would break us."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from watchdog.simulator.errors import ApiError, Cause, bad_request, invalid
from watchdog.simulator.resources import Resource
from watchdog.simulator.schedule import parsed
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
    template = _template(resource, object)
    path = f"{resource.template}.spec.containers" if resource.template else "spec.containers"
    if not ((template or {}).get("spec") or {}).get("containers"):
        raise _refused(resource, object, Cause(path, "Required value", "FieldValueRequired"))
    if resource.group == "batch":
        _check_restart_policy(resource, object, template["spec"].get("restartPolicy"))
    if resource.kind == "CronJob":
        _check_schedule(resource, object, str(object["spec"].get("schedule", "")))
    if resource.group == "apps":
        _check_selector(resource, object, template)


def _template(resource: Resource, object: JSON) -> JSON:
    found: Any = object if resource.template else {"spec": object.get("spec")}
    for name in resource.template.split(".") if resource.template else ():
        found = (found or {}).get(name)
    return found or {}


def _check_selector(resource: Resource, object: JSON, template: JSON) -> None:
    selector = (object.get("spec") or {}).get("selector")
    if not selector:
        raise _refused(resource, object, Cause("spec.selector", "Required value", "FieldValueRequired"))
    labels = (template.get("metadata") or {}).get("labels") or {}
    if not from_label_selector(selector)({"metadata": {"labels": labels}}):
        text = f"Invalid value: {msgspec.json.encode(labels).decode()}: `selector` does not match template `labels`"
        raise _refused(resource, object, Cause("spec.template.metadata.labels", text))


def _check_restart_policy(resource: Resource, object: JSON, policy: Any) -> None:
    if policy in ("Never", "OnFailure"):
        return
    path, known = f"{resource.template}.spec.restartPolicy", '"OnFailure", "Never"'
    cause = Cause(path, f"Required value: valid values: {known}", "FieldValueRequired")
    if policy:
        cause = Cause(path, f'Unsupported value: "{policy}": supported values: {known}', "FieldValueNotSupported")
    raise _refused(resource, object, cause)


def _check_schedule(resource: Resource, object: JSON, schedule: str) -> None:
    try:
        parsed(schedule)
    except ValueError as error:
        raise _refused(resource, object, Cause("spec.schedule", f'Invalid value: "{schedule}": {error}')) from None


def check_immutable(resource: Resource, old: JSON, new: JSON, subresource: str = "") -> None:
    """A ConfigMap or Secret with ``immutable: true``, a workload's selector, a Job's template, and nearly all of a
    Pod's spec. Raises ApiError 422."""
    forbidden = "Forbidden: field is immutable when `immutable` is set"
    for field in ("immutable", "data", "binaryData") if old.get("immutable") else ():
        if old.get(field) != new.get(field):
            raise _refused(resource, new, Cause(field, forbidden, "FieldValueForbidden"))
    for field in _FIXED.get(resource.kind, ("selector",) if resource.group == "apps" else ()):
        if old["spec"].get(field) != new["spec"].get(field):
            text = f"Invalid value: {msgspec.json.encode(new['spec'].get(field)).decode()}: field is immutable"
            raise _refused(resource, new, Cause(f"spec.{field}", text))
    if resource.kind == "Pod" and subresource == "" and _settled(old["spec"]) != _settled(new["spec"]):
        raise _refused(resource, new, Cause("spec", _POD_FORBIDDEN, "FieldValueForbidden"))


_FIXED: Mapping[str, tuple[str, ...]] = {"Job": ("selector", "template", "completions")}
_POD_FORBIDDEN = (
    "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing "
    "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
_UNSETTLED = ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds")


def _settled(spec: JSON) -> JSON:
    """What of a Pod's spec never changes once it is stored."""
    kept = {name: value for name, value in spec.items() if name not in _UNSETTLED}
    for field in ("containers", "initContainers"):
        if field in spec:
            kept[field] = [{**one, "image": "", "imagePullPolicy": ""} for one in spec[field]]
    return kept


def _refused(resource: Resource, object: JSON, cause: Cause) -> ApiError:
    return invalid(resource.kind, resource.group, object["metadata"]["name"], [cause])


def _undecodable(object: JSON, target: str, value: Any) -> ApiError:
    kind = {str: "string", bool: "bool", int: "number", float: "number", list: "array"}.get(type(value), "object")
    text = msgspec.json.encode(msgspec.json.encode({"apiVersion": object["apiVersion"], **object}).decode()).decode()
    message = f"Invalid value: {text}: json: cannot unmarshal {kind} into Go struct field {target}"
    return invalid("", "", "", [Cause("patch", message)])
