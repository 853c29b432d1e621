"""Requests and responses without a transport, and what a request addresses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from watchdog.simulator.catalog import Catalog
from watchdog.simulator.errors import ApiError, PageNotFound, bad_request, method_not_allowed, unknown_resource
from watchdog.simulator.managed_fields import Author
from watchdog.simulator.protobuf import PROTOBUF_TYPE, decoded
from watchdog.simulator.resources import NAMESPACES, Resource

JSON_TYPE, TEXT_TYPE = "application/json", "text/plain; charset=utf-8"
_COLLECTION_VERBS = {"GET": "list", "POST": "create", "DELETE": "deletecollection"}
_OBJECT_VERBS = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True, slots=True)
class Request:
    """``path`` is decoded; names of ``headers`` are lower case (or the mapping ignores case)."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def flag(self, name: str) -> bool:
        """A boolean of the query, in every spelling that Go's ``strconv.ParseBool`` takes."""
        return self.query.get(name) in ("1", "t", "T", "true", "TRUE", "True")

    @property
    def accept(self) -> str:
        return self.headers.get("accept", "")

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip()

    @property
    def dry_run(self) -> bool:
        return self.query.get("dryRun") == "All"

    def author(self, subresource: str = "") -> Author:
        """The field manager: what the query says, else the program's name (kube-wire README, point 17)."""
        program = self.headers.get("user-agent", "").partition("/")[0]
        return Author(self.query.get("fieldManager") or program or "unknown", subresource)

    def json(self) -> Any:
        """The body, decoded from JSON or protobuf. Raises ApiError 400 for what is neither, and 415."""
        if self.content_type == PROTOBUF_TYPE:
            return decoded(self.body)
        try:
            return msgspec.json.decode(self.body)
        except msgspec.DecodeError as error:
            raise bad_request(f"error decoding request body: {error}") from None


@dataclass(frozen=True, slots=True)
class Response:
    """``body`` is whole, or the lines of a WATCH as they come."""

    status: int
    body: bytes | AsyncIterator[bytes]
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)


class Service(Protocol):
    """Anything that answers requests: the API server, the market-data service."""

    async def answer(self, request: Request) -> Response: ...


def answer(status: int, object: Any, headers: Mapping[str, str] | None = None) -> Response:
    return Response(status, encoded(object), headers=headers or {})


def encoded(object: Any) -> bytes:
    """A JSON document as the server writes it: with a newline at its end."""
    return msgspec.json.encode(object) + b"\n"


def refusal(error: ApiError) -> Response:
    return answer(error.code, error.status, error.headers)


@dataclass(frozen=True, slots=True)
class Target:
    """What a path addresses, and what the method means there. ``verb`` is the verb of RBAC. ``resource`` is the type as
    it is stored, ``asked`` the version of it that the path names."""

    resource: Resource
    verb: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    other_version: Resource | None = None

    @property
    def asked(self) -> Resource:
        return self.other_version or self.resource


def target(request: Request, catalog: Catalog) -> Target:
    """Reads /api/v1/… and /apis/GROUP/VERSION/…. Raises PageNotFound, ApiError 404 and 405."""
    segments = [segment for segment in request.path.split("/") if segment]
    group, version, rest = _split(segments)
    resources = catalog.by_group_version.get((group, version))
    if resources is None:
        raise PageNotFound(request.path)
    watching = rest[:1] == ["watch"]
    namespace, rest = _namespace(rest[1:] if watching else rest)
    resource = resources.get(rest[0]) if rest else None
    if resource is None or len(rest) > 3 or (namespace and not resource.namespaced):
        raise unknown_resource()
    name, subresource = (*rest[1:], "", "")[:2]
    if subresource and subresource not in resource.subresources:
        raise unknown_resource()
    watching = watching or (request.method == "GET" and not name and request.flag("watch"))
    verb = _verb(request.method, name, subresource, watching)
    if verb not in (("create",) if subresource == "token" else resource.verbs):
        raise method_not_allowed()
    other = resource if resource.stored_as else None
    return Target(resource.stored_as or resource, verb, namespace, name, subresource, other)


def _split(segments: list[str]) -> tuple[str, str, list[str]]:
    match segments:
        case ["api", version, *rest]:
            return "", version, rest
        case ["apis", group, version, *rest]:
            return group, version, rest
    raise PageNotFound("/".join(segments))


def _namespace(rest: list[str]) -> tuple[str, list[str]]:
    """``namespaces/x/pods`` is in a namespace; ``namespaces/x`` and ``namespaces/x/status`` are about one."""
    about_one = len(rest) < 3 or rest[2] in NAMESPACES.subresources
    return ("", rest) if rest[:1] != ["namespaces"] or about_one else (rest[1], rest[2:])


def _verb(method: str, name: str, subresource: str, watching: bool) -> str:
    if watching:
        return "watch"
    about_one = name and subresource != "token"  # a token is POSTed for
    verb = (_OBJECT_VERBS if about_one else _COLLECTION_VERBS).get(method)
    if verb is None:
        raise method_not_allowed()
    return verb
