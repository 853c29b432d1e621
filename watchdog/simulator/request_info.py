"""What a request asks for in the terms of an authorizer, before anything is routed: so a resource that does not exist
can be forbidden (kube-wire README, point 19). The rules are those of k8s.io/apiserver's RequestInfo.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from watchdog.simulator.resources import NAMESPACES
from watchdog.simulator.wire import Request

_VERBS = {"POST": "create", "GET": "get", "HEAD": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_OF_A_COLLECTION = {"get": "list", "delete": "deletecollection"}
_NAMED = re.compile(r"(?:^|,)\s*metadata\.name\s*==?\s*([^\s,!=/%]+)\s*(?:,|$)")


@dataclass(frozen=True, slots=True)
class Attributes:
    """Either of a resource, or (``path``) of a URL that is none. ``namespace`` "" is the cluster scope."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def combined(self) -> str:
        """As a rule of RBAC spells it: ``deployments/scale``."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


def attributes(request: Request) -> Attributes:
    segments = [segment for segment in request.path.split("/") if segment]
    match segments:
        case ["api", _, *rest] if rest:
            return _of_resource("", rest, request)
        case ["apis", group, _, *rest] if rest:
            return _of_resource(group, rest, request)
    return Attributes(request.method.lower(), path=request.path)


def _of_resource(group: str, rest: list[str], request: Request) -> Attributes:
    verb = _VERBS.get(request.method, "")
    if rest[0] == "watch" and len(rest) > 1:  # the deprecated path
        verb, rest = "watch", rest[1:]
    namespace, rest = _namespace(rest)
    resource, name, subresource = (*rest, "", "")[:3]
    if not name and verb in _OF_A_COLLECTION:
        # A list or watch of one name is authorized as of that name: resourceNames can then allow it.
        name = _selected_name(request) if verb == "get" else ""
        verb = "watch" if verb == "get" and request.flag("watch") else _OF_A_COLLECTION[verb]
    return Attributes(verb, group, resource, subresource, namespace, name)


def _namespace(rest: list[str]) -> tuple[str, list[str]]:
    """``namespaces/x`` is a resource that counts as within itself."""
    if rest[0] != "namespaces" or len(rest) < 2:
        return "", rest
    inside = len(rest) > 2 and rest[2] not in NAMESPACES.subresources
    return rest[1], rest[2:] if inside else rest


def _selected_name(request: Request) -> str:
    found = _NAMED.search(request.query.get("fieldSelector", ""))
    return found[1] if found else ""
