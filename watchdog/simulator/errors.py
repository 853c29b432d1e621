"""Refusals, worded as the recorded API server words them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from watchdog.simulator.resources import Resource

JSON = dict[str, Any]


class ApiError(Exception):
    """A refusal that becomes a ``Status`` body: ``code`` is the HTTP status, ``reason`` its CamelCase reason."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        details: JSON | None = None,
        *,
        metadata: JSON | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code} {reason}: {message}")
        self.code, self.reason, self.message, self.details = code, reason, message, details
        self.metadata, self.headers = metadata or {}, headers or {}

    @property
    def status(self) -> JSON:
        """The ``Status`` object, its fields in the server's order; absent ones are left out."""
        body: JSON = {"kind": "Status", "apiVersion": "v1", "metadata": self.metadata, "status": "Failure"}
        body["message"] = self.message
        body |= {"reason": self.reason} if self.reason else {}
        body |= {"details": self.details} if self.details is not None else {}
        return body | {"code": self.code}


class PageNotFound(Exception):
    """No such group or path: a plain-text 404, not a Status (kube-wire README, point 19)."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One field that is invalid. ``reason`` as in a Status: FieldValueInvalid, FieldValueForbidden, ..."""

    field: str
    message: str
    reason: str = "FieldValueInvalid"

    @property
    def body(self) -> JSON:
        return {"reason": self.reason, "message": self.message, "field": self.field}


def _details(resource: Resource, name: str) -> JSON:
    group = {"group": resource.group} if resource.group else {}
    return {"name": name} | group | {"kind": resource.plural}


def not_found(resource: Resource, name: str) -> ApiError:
    return ApiError(404, "NotFound", f'{resource.qualified} "{name}" not found', _details(resource, name))


def unknown_resource() -> ApiError:
    return ApiError(404, "NotFound", "the server could not find the requested resource", {})


def already_exists(resource: Resource, name: str) -> ApiError:
    return ApiError(409, "AlreadyExists", f'{resource.qualified} "{name}" already exists', _details(resource, name))


def namespace_terminating(resource: Resource, namespace: str, name: str) -> ApiError:
    why = f"unable to create new content in namespace {namespace} because it is being terminated"
    message = f"namespace {namespace} is being terminated"
    cause = {"reason": "NamespaceTerminating", "message": message, "field": "metadata.namespace"}
    details = _details(resource, name) | {"causes": [cause]}
    return ApiError(403, "Forbidden", f'{resource.qualified} "{name}" is forbidden: {why}', details)


def modified_meanwhile(resource: Resource, name: str) -> ApiError:
    message = (
        f'Operation cannot be fulfilled on {resource.qualified} "{name}": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )
    return ApiError(409, "Conflict", message, _details(resource, name))


def wrong_uid(resource: Resource, name: str, wanted: str, found: str) -> ApiError:
    message = (
        f'Operation cannot be fulfilled on {resource.kind} "{name}": the UID in the precondition ({wanted}) does not '
        f"match the UID in record ({found}). The object might have been deleted and then recreated"
    )
    return ApiError(409, "Conflict", message, {"name": name, "kind": resource.kind})


def invalid(kind: str, group: str, name: str, causes: Sequence[Cause]) -> ApiError:
    """422: ``kind`` and ``name`` may be empty, as they are for a patch that does not decode."""
    qualified = f"{kind}.{group}" if group else kind
    texts = [f"{cause.field}: {cause.message}" for cause in causes]
    listed = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    details: JSON = {key: value for key, value in (("name", name), ("group", group), ("kind", kind)) if value}
    details["causes"] = [cause.body for cause in causes]
    return ApiError(422, "Invalid", f'{qualified} "{name}" is invalid: {listed}', details)


def invalid_options(kind: str, field: str, message: str) -> ApiError:
    """422 for what a query says, such as ``PatchOptions``."""
    return invalid(kind, "meta.k8s.io", "", [Cause(field, message, "FieldValueRequired")])


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def rejected_patch() -> ApiError:
    """A JSON patch that does not apply (a failed ``test``, a missing path)."""
    return ApiError(422, "Invalid", "the server rejected our request due to an error in our request", {})


def unsupported_media_type() -> ApiError:
    return ApiError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})


def method_not_allowed() -> ApiError:
    message = "the server does not allow this method on the requested resource"
    return ApiError(405, "MethodNotAllowed", message, {})


def invalid_resource_version(text: str) -> ApiError:
    """500, and without a reason: recorded, however odd."""
    message = f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
    return ApiError(500, "", message)


def too_large_resource_version(wanted: int, current: int) -> ApiError:
    message = f"Timeout: Too large resource version: {wanted}, current: {current}"
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    details = {"causes": [cause], "retryAfterSeconds": 1}
    return ApiError(504, "Timeout", message, details, headers={"Retry-After": "1"})


def too_old_to_watch(wanted: int, floor: int) -> ApiError:
    """Sent inside the stream of a WATCH, never as an HTTP status (point 1)."""
    return ApiError(410, "Expired", f"too old resource version: {wanted} ({floor})")


def too_old_to_list() -> ApiError:
    return ApiError(410, "Expired", "The resourceVersion for the provided list is too old.")


def too_old_to_continue(inconsistent_token: str) -> ApiError:
    message = (
        "The provided continue parameter is too old to display a consistent list result. You can start a new list "
        "without the continue parameter, or use the continue token in this response to retrieve the remainder of the "
        "results. Continuing with the provided token results in an inconsistent list - objects that were created, "
        "modified, or deleted between the time the first chunk was returned and now may show up in the list."
    )
    return ApiError(410, "Expired", message, metadata={"continue": inconsistent_token})
