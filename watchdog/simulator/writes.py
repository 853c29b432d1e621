"""POST, PUT, PATCH and DELETE."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from watchdog.simulator.cluster import Cluster, DeleteOptions, Deletion
from watchdog.simulator.errors import ApiError, bad_request, unsupported_media_type
from watchdog.simulator.history import Record
from watchdog.simulator.patches import json_patched, merged
from watchdog.simulator.reads import selector
from watchdog.simulator.resources import Resource
from watchdog.simulator.scale import scale_of, scaled
from watchdog.simulator.strategic import strategically_merged
from watchdog.simulator.strategy import Preconditions
from watchdog.simulator.validation import check_shape
from watchdog.simulator.views import View
from watchdog.simulator.wire import Request, Response, Target, answer

JSON = dict[str, Any]

_PATCHES: Mapping[str, Callable[[JSON, Any], Any]] = {
    "application/merge-patch+json": merged,
    "application/json-patch+json": json_patched,
    "application/strategic-merge-patch+json": strategically_merged,
}


def create(cluster: Cluster, target: Target, request: Request, view: View) -> Response:
    object, warnings = _decoded(target.resource, request)
    namespace = target.namespace
    named = (object.get("metadata") or {}).get("namespace", namespace)
    if target.resource.namespaced and named != namespace:
        message = "the namespace of the provided object does not match the namespace sent on the request"
        raise bad_request(message)
    record = cluster.create(target.resource, namespace, object, request.author(), dry_run=request.dry_run)
    return Response(201, view.one(record), view.content_type, warnings)


def replace(cluster: Cluster, target: Target, request: Request, view: View) -> Response:
    record = cluster.get(target.resource, target.namespace, target.name)
    if target.subresource == "scale":
        return _rescaled(cluster, record, request.json(), request)
    object, warnings = _decoded(target.resource, request)
    after = cluster.update(record, object, request.author(target.subresource), dry_run=request.dry_run)
    return Response(200, view.one(after), view.content_type, warnings)


def patch(cluster: Cluster, target: Target, request: Request, view: View) -> Response:
    apply = _PATCHES.get(request.content_type)
    if apply is None:
        raise unsupported_media_type()
    record = cluster.get(target.resource, target.namespace, target.name)
    body = request.json()
    if target.subresource == "scale":
        return _rescaled(cluster, record, apply(scale_of(record), body), request)
    new = apply(record.object, body)
    check_shape(new)
    warnings = _unknown_fields(target.resource, new, request)
    after = cluster.update(record, new, request.author(target.subresource), dry_run=request.dry_run)
    return Response(200, view.one(after), view.content_type, warnings)


def _rescaled(cluster: Cluster, record: Record, scale: JSON, request: Request) -> Response:
    after = cluster.update(record, scaled(record, scale), request.author("scale"), dry_run=request.dry_run)
    return answer(200, scale_of(after))


def delete(cluster: Cluster, target: Target, request: Request, view: View) -> Response:
    record = cluster.get(target.resource, target.namespace, target.name)
    deletion = cluster.delete(record, _delete_options(request))
    marked = "deletionTimestamp" in deletion.record.object["metadata"]
    return Response(200, view.one(deletion.record), view.content_type) if marked else answer(200, _deleted(deletion))


def delete_collection(cluster: Cluster, target: Target, request: Request, view: View) -> Response:
    options, matches = _delete_options(request), selector(target, request.query)
    records = cluster.records(target.resource, target.namespace)
    records = [record for record in records if matches is None or matches(record.object)]
    for record in records:
        cluster.delete(record, options)
    kind, version = target.resource.kind, target.resource.api_version
    return Response(
        200, view.many(records, kind, version, {"resourceVersion": str(cluster.revision)}), view.content_type
    )


def _deleted(deletion: Deletion) -> JSON:
    resource = deletion.record.resource
    group = {"group": resource.group} if resource.group else {}
    details = {"name": deletion.record.name, **group, "kind": resource.plural, "uid": deletion.record.uid}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def _delete_options(request: Request) -> DeleteOptions:
    body = request.json() if request.body else {}
    check_shape(body)
    grace = body.get("gracePeriodSeconds", request.query.get("gracePeriodSeconds"))
    wanted = body.get("preconditions") or {}
    return DeleteOptions(
        None if grace is None else int(grace),
        body.get("propagationPolicy") or request.query.get("propagationPolicy") or "Background",
        Preconditions(wanted.get("uid") or "", wanted.get("resourceVersion") or ""),
        request.dry_run or body.get("dryRun") == ["All"],
    )


def _decoded(resource: Resource, request: Request) -> tuple[JSON, Mapping[str, str]]:
    """The object of a body, and headers with warnings. Raises ApiError 400 and 415."""
    if request.content_type not in ("application/json", ""):
        raise unsupported_media_type()  # protobuf and YAML bodies
    object = request.json()
    check_shape(object)
    kind, version = object.get("kind", resource.kind), object.get("apiVersion", resource.api_version)
    if (kind, version) != (resource.kind, resource.api_version):
        raise bad_request(f"the API version in the data ({version}, {kind}) does not match the expected API version")
    return object, _unknown_fields(resource, object, request)


def _unknown_fields(resource: Resource, object: JSON, request: Request) -> Mapping[str, str]:
    """A Warning header, or ApiError 400 with fieldValidation=Strict. Only the top level is known."""
    known = ("kind", "apiVersion", "metadata", *resource.fields)
    unknown = [f'unknown field "{field}"' for field in object if field not in known]
    validation = request.query.get("fieldValidation", "Warn")
    if not unknown or validation == "Ignore":
        return {}
    if validation == "Strict":
        raise _strict(resource, ", ".join(unknown))
    return {"Warning": ", ".join(f"299 - {msgspec.json.encode(text).decode()}" for text in unknown)}


def _strict(resource: Resource, unknown: str) -> ApiError:
    version = f'{resource.kind} in version "{resource.version}"'
    return bad_request(f"{version} cannot be handled as a {resource.kind}: strict decoding error: {unknown}")
