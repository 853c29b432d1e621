"""What a write becomes before it is stored: the create, update and delete strategies of an API server. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from watchdog.simulator.defaults import stored_form
from watchdog.simulator.errors import modified_meanwhile, wrong_uid
from watchdog.simulator.managed_fields import Author, updated
from watchdog.simulator.resources import PODS, Resource
from watchdog.simulator.validation import check_immutable, check_name, check_types, check_workload

JSON = dict[str, Any]

_METADATA_ORDER = (
    "name", "generateName", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp",
    "deletionTimestamp", "deletionGracePeriodSeconds", "labels", "annotations", "ownerReferences", "finalizers",
    "managedFields",
)  # fmt: skip
_SERVER_OWNED = (
    "name", "generateName", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp",
    "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields",
)  # fmt: skip


_SCHEDULED = ("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady")
_FIRST_STATUS: Mapping[str, JSON] = {
    "Pod": {"phase": "Pending"},
    "DaemonSet": dict.fromkeys(_SCHEDULED, 0),
    "HorizontalPodAutoscaler": {"desiredReplicas": 0, "currentMetrics": None},
}


@dataclass(frozen=True, slots=True)
class Preconditions:
    """Of a DELETE: "" is no condition."""

    uid: str = ""
    resource_version: str = ""


NO_PRECONDITIONS = Preconditions()


def created(resource: Resource, object: JSON, identity: JSON, author: Author, time: str) -> JSON:
    """A new object as it is stored. ``identity``: the metadata that the server sets. Raises ApiError 422."""
    check_name(resource, identity["name"])
    sent = object.get("metadata") or {}
    metadata = {field: value for field, value in sent.items() if field not in _SERVER_OWNED or field == "generateName"}
    metadata |= {**identity, "generation": 1} if resource.generation else identity
    body = {field: object[field] for field in resource.fields if field in object}
    if "status" in resource.subresources and resource.kind != "Namespace":
        body["status"] = _FIRST_STATUS.get(resource.kind, {})
    if resource.custom:
        body.pop("status", None)
    _check_content(resource, {}, body, metadata)
    head = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}
    return _finished(resource, None, stored_form(resource, {**head, **body}), author, time)


def changed(resource: Resource, old: JSON, new: JSON, author: Author, time: str) -> JSON:
    """``new`` as it is stored over ``old``, or ``old`` itself when that changes nothing (point 7).

    A write of the object keeps the status, and a write of the status keeps the rest. Raises ApiError 409 and 422.
    """
    sent = new.get("metadata") or {}
    _check_preconditions(resource, old, sent)
    metadata = {field: value for field, value in sent.items() if field not in _SERVER_OWNED}
    metadata |= {field: old["metadata"][field] for field in _SERVER_OWNED if field in old["metadata"]}
    body = _body(resource, old, new, author.subresource)
    _check_content(resource, old, body, metadata)
    head = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}
    typed, managed = stored_form(resource, {**head, **body}), _managed(old, sent)
    if typed == old and author.applied is None and managed == _managed(old, {}):
        return old
    check_immutable(resource, old, typed, author.subresource)
    if author.subresource in ("", "scale") and _generation_moves(resource, old, typed):
        typed["metadata"] = {**typed["metadata"], "generation": old["metadata"]["generation"] + 1}
    finished = _finished(resource, old, typed, author, time, managed)
    return old if finished == old else finished


def _managed(old: JSON, sent: JSON) -> list[JSON]:
    """A client may write managedFields itself (``kubectl apply --server-side`` does); ``[{}]`` empties them."""
    found: list[JSON] = sent.get("managedFields") or old["metadata"].get("managedFields") or []
    return [] if found == [{}] else found


def marked_for_deletion(resource: Resource, old: JSON, at: str, grace: int, finalizers: list[str]) -> JSON:
    """``old`` with its deletionTimestamp, which bumps the generation (point 16); a shorter grace later does not."""
    metadata = {**old["metadata"], "deletionTimestamp": at, "deletionGracePeriodSeconds": grace}
    metadata |= {"finalizers": finalizers} if finalizers else {}
    if resource.generation and "deletionTimestamp" not in old["metadata"]:
        metadata["generation"] = old["metadata"]["generation"] + 1
    status = {"status": {**(old.get("status") or {}), "phase": "Terminating"}} if resource.kind == "Namespace" else {}
    return {**old, "metadata": in_order(metadata), **status}


def check_deletion(resource: Resource, old: JSON, preconditions: Preconditions) -> None:
    conditions = {"uid": preconditions.uid, "resourceVersion": preconditions.resource_version}
    _check_preconditions(resource, old, {key: value for key, value in conditions.items() if value})


def in_order(metadata: JSON) -> JSON:
    """The fields in the order in which the server writes them."""
    known = {field: metadata[field] for field in _METADATA_ORDER if field in metadata}
    return known | metadata


def _check_preconditions(resource: Resource, old: JSON, wanted: JSON) -> None:
    name, found = old["metadata"]["name"], old["metadata"]
    if wanted.get("uid") not in (None, "", found["uid"]):
        raise wrong_uid(resource, name, wanted["uid"], found["uid"])
    if wanted.get("resourceVersion") not in (None, "", found["resourceVersion"]):
        raise modified_meanwhile(resource, name)


def _body(resource: Resource, old: JSON, new: JSON, subresource: str) -> JSON:
    source = dict.fromkeys(resource.fields, new)
    if "status" in resource.subresources:
        source = {field: new if (field == "status") is (subresource == "status") else old for field in resource.fields}
    return {field: source[field][field] for field in resource.fields if field in source[field]}


def _generation_moves(resource: Resource, old: JSON, new: JSON) -> bool:
    if "spec" in resource.generation and old.get("spec") != new.get("spec"):
        return True
    watched = "annotations" in resource.generation
    return watched and old["metadata"].get("annotations") != new["metadata"].get("annotations")


def _check_content(resource: Resource, old: JSON, body: JSON, metadata: JSON) -> None:
    object = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata, **body}
    check_types(object)
    if (resource is PODS or resource.template) and (not old or body.get("spec") is not old["spec"]):
        check_workload(resource, object)


def _finished(
    resource: Resource, old: JSON | None, new: JSON, author: Author, time: str, managed: list[JSON] | None = None
) -> JSON:
    fields = updated(resource.kind, old, new, author, time, managed)
    others = {name: value for name, value in new["metadata"].items() if name != "managedFields"}
    metadata = {**others, "managedFields": fields} if fields else others
    return {**new, "metadata": in_order(metadata)}
