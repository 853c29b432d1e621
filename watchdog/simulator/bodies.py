"""What the body of a write says: JSON, YAML or protobuf, of the type that the path names, with no unknown fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import yaml

from watchdog.simulator.errors import ApiError, bad_request, unsupported_media_type
from watchdog.simulator.protobuf import PROTOBUF_TYPE
from watchdog.simulator.resources import Resource
from watchdog.simulator.schema import type_of, unknown_fields, without_unknown
from watchdog.simulator.validation import check_shape
from watchdog.simulator.wire import Request

JSON = dict[str, Any]
YAML_TYPE, APPLY_TYPE = "application/yaml", "application/apply-patch+yaml"
_OBJECT_TYPES = ("application/json", YAML_TYPE, PROTOBUF_TYPE, "")
_SAFE_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def object_of(resource: Resource, request: Request) -> tuple[JSON, Mapping[str, str]]:
    """The object of a POST or PUT, and headers with warnings. Raises ApiError 400 and 415."""
    if request.content_type not in _OBJECT_TYPES:
        raise unsupported_media_type()
    object = yaml_of(request.body) if request.content_type == YAML_TYPE else request.json()
    check_shape(object)
    check_kind(resource, object)
    return checked(resource, object, request)


def yaml_of(body: bytes) -> Any:
    """Raises ApiError 400."""
    try:
        return yaml.load(body, _SAFE_LOADER)
    except (yaml.YAMLError, ValueError) as error:
        raise bad_request(f"error decoding YAML: {error}") from None


def check_kind(resource: Resource, object: JSON) -> None:
    kind, version = object.get("kind", resource.kind), object.get("apiVersion", resource.api_version)
    if (kind, version) != (resource.kind, resource.api_version):
        raise bad_request(f"the API version in the data ({version}, {kind}) does not match the expected API version")


def checked(resource: Resource, object: JSON, request: Request) -> tuple[JSON, Mapping[str, str]]:
    """The object without fields that its type does not have, and a Warning header for them; ApiError 400 with
    fieldValidation=Strict."""
    object = {"kind": resource.kind, "apiVersion": resource.api_version, **object}
    listed = type_of(resource.api_version, resource.kind)
    paths = unknown_fields(object) if listed else _unknown_at_the_top(resource, object)
    if not paths:
        return object, {}
    kept = without_unknown(object) if listed else {name: value for name, value in object.items() if name not in paths}
    unknown = [f'unknown field "{path}"' for path in paths]
    validation = request.query.get("fieldValidation", "Warn")
    if validation == "Strict":
        raise _strict(resource, ", ".join(unknown))
    if validation == "Ignore":
        return kept, {}
    return kept, {"Warning": ", ".join(f"299 - {msgspec.json.encode(text).decode()}" for text in unknown)}


def _unknown_at_the_top(resource: Resource, object: JSON) -> list[str]:
    known = ("kind", "apiVersion", "metadata", *resource.fields)
    return [name for name in object if name not in known]


def _strict(resource: Resource, unknown: str) -> ApiError:
    version = f'{resource.kind} in version "{resource.version}"'
    return bad_request(f"{version} cannot be handled as a {resource.kind}: strict decoding error: {unknown}")
