"""POST, PUT, PATCH and DELETE."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from watchdog.simulator.apply import applied, applied_author
from watchdog.simulator.bodies import APPLY_TYPE, check_kind, checked, object_of, yaml_of
from watchdog.simulator.cluster import Cluster, DeleteOptions, Deletion
from watchdog.simulator.errors import bad_request, unsupported_media_type
from watchdog.simulator.history import Record
from watchdog.simulator.patches import json_patched, merged
from watchdog.simulator.reads import selector
from watchdog.simulator.scale import scale_of, scaled
from watchdog.simulator.strategic import strategically_merged
from watchdog.simulator.strategy import Preconditions
from watchdog.simulator.validation import check_shape
from watchdog.simulator.versions import to_asked, to_stored
from watchdog.simulator.views import View
from watchdog.simulator.wire import Request, Response, Target, answer

JSON = dict[str, Any]

_PATCHES: Mapping[str, Callable[[JSON, Any], Any]] = {
    "application/merge-patch+json": merged,
    "application/json-patch+json": json_patched,
    "application/strategic-merge-patch+json": strategically_merged,
}


def create(cluster: Cluster, target: Target, request: Request, view: View) -> Response:
    object, warnings = object_of(target.asked, request)
    namespace = target.namespace
    named = (object.get("metadata") or {}).get("namespace", namespace)
    if target.resource.namespaced and named != namespace:
        message = "the namespace of the provided object does not match the namespace sent on the request"
        raise bad_request(message)
    object = to_stored(target.asked, object)
    record = cluster.create(target.resource, namespace, object, request.author(), dry_run=request.dry_run)
    return Response(201, view.one(record), view.content_type, warnings)


def replace(cluster: Cluster, target: Target, request: Request, view: View) -> Response:
    if target.subresource == "scale":
        record = cluster.get(target.resource, target.namespace, target.name)
        return _rescaled(cluster, record, request.json(), request)
    object, warnings = object_of(target.asked, request)
    _check_name(target, object)
    record = cluster.get(target.resource, target.namespace, target.name)
    object, author = to_stored(target.asked, object), request.author(target.subresource)
    after = cluster.update(record, object, author, dry_run=request.dry_run)
    return Response(200, view.one(after), view.content_type, warnings)


def patch(cluster: Cluster, target: Target, request: Request, view: View) -> Response:
    if request.content_type == APPLY_TYPE and target.subresource != "scale":
        return _apply(cluster, target, request, view)
    merge = _PATCHES.get(request.content_type)
    if merge is None or (target.resource.custom and merge is strategically_merged):
        raise unsupported_media_type()
    record = cluster.get(target.resource, target.namespace, target.name)
    body = request.json()
    if target.subresource == "scale":
        return _rescaled(cluster, record, merge(scale_of(record), body), request)
    new = merge(to_asked(target.asked, record.object), body)
    check_shape(new)
    new, warnings = checked(target.asked, new, request)
    author = request.author(target.subresource)
    after = cluster.update(record, to_stored(target.asked, new), author, dry_run=request.dry_run)
    return Response(200, view.one(after), view.content_type, warnings)


def _apply(cluster: Cluster, target: Target, request: Request, view: View) -> Response:
    config = yaml_of(request.body)
    check_shape(config)
    check_kind(target.asked, config)
    config, warnings = checked(target.asked, config, request)
    _check_name(target, config)
    config = to_stored(target.asked, config)
    author = applied_author(config, request.query.get("fieldManager", ""), target.subresource)
    record = cluster.find(target.resource, target.namespace, target.name)
    if record is None:
        named = {**config, "metadata": {**(config.get("metadata") or {}), "name": target.name}}
        made = cluster.create(target.resource, target.namespace, named, author, dry_run=request.dry_run)
        return Response(201, view.one(made), view.content_type, warnings)
    new = applied(record.object, config, author, force=request.flag("force"))
    new["metadata"] = {**new["metadata"], **_conditions(config)}
    after = cluster.update(record, new, author, dry_run=request.dry_run)
    return Response(200, view.one(after), view.content_type, warnings)


def _conditions(config: JSON) -> JSON:
    """uid and resourceVersion are preconditions where the configuration names them."""
    wanted = config.get("metadata") or {}
    return {"resourceVersion": "", **{name: wanted[name] for name in ("uid", "resourceVersion") if name in wanted}}


def _check_name(target: Target, object: JSON) -> None:
    name = (object.get("metadata") or {}).get("name", target.name)
    if name != target.name:
        message = f"the name of the object ({name}) does not match the name on the URL ({target.name})"
        raise bad_request(message)


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
