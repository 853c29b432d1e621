"""The little of OpenAPI without which kubectl refuses to ``apply``, ``create -f`` and ``replace``."""

from __future__ import annotations

from typing import Any

from watchdog.simulator.catalog import Catalog
from watchdog.simulator.errors import PageNotFound
from watchdog.simulator.resources import Resource
from watchdog.simulator.wire import Response, answer

JSON = dict[str, Any]
_V2_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
_ANYTHING = "x-kubernetes-preserve-unknown-fields"


def openapi(segments: list[str], catalog: Catalog) -> Response:
    """``/openapi/v2`` (an empty protobuf message), ``/openapi/v3`` (the index) and one document a group."""
    match segments:
        case ["v2"]:
            return Response(200, b"", _V2_TYPE)
        case ["v3"]:
            paths = [_path(group, version) for group, version in catalog.by_group_version]
            hash = f"?hash={len(catalog.served)}"
            return answer(200, {"paths": {path: {"serverRelativeURL": f"/openapi/v3/{path}{hash}"} for path in paths}})
        case ["v3", "api", version]:
            return answer(200, _document("", version, catalog))
        case ["v3", "apis", group, version]:
            return answer(200, _document(group, version, catalog))
    raise PageNotFound("/".join(segments))


def _path(group: str, version: str) -> str:
    return f"apis/{group}/{version}" if group else f"api/{version}"


def _document(group: str, version: str, catalog: Catalog) -> JSON:
    resources = catalog.by_group_version.get((group, version))
    if resources is None:
        raise PageNotFound(f"{group}/{version}")
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.36.2-simulated"},
        "paths": {_object_path(one): {"patch": _patch(one)} for one in resources.values()},
        "components": {"schemas": {_schema_name(one): _schema(one) for one in resources.values()}},
    }


def _object_path(resource: Resource) -> str:
    namespace = "/namespaces/{namespace}" if resource.namespaced else ""
    return f"/{_path(resource.group, resource.version)}{namespace}/{resource.plural}/{{name}}"


def _identity(resource: Resource) -> JSON:
    return {"group": resource.group, "version": resource.version, "kind": resource.kind}


def _patch(resource: Resource) -> JSON:
    parameter = {"name": "fieldValidation", "in": "query", "schema": {"type": "string", "uniqueItems": True}}
    answers = {"200": {"description": "OK"}}
    return {"parameters": [parameter], "responses": answers, "x-kubernetes-group-version-kind": _identity(resource)}


def _schema_name(resource: Resource) -> str:
    return f"io.k8s.api.{(resource.group or 'core').partition('.')[0]}.{resource.version}.{resource.kind}"


def _schema(resource: Resource) -> JSON:
    return {"type": "object", _ANYTHING: True, "x-kubernetes-group-version-kind": [_identity(resource)]}
