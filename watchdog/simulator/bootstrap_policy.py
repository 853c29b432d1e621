"""The roles and bindings that every API server has of its own accord.

They are evaluated as if they were stored, but not listed: a cluster then begins as empty as its tests want it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from watchdog.simulator.authentication import AUTHENTICATED, MASTERS, UNAUTHENTICATED

JSON = dict[str, Any]

_READ, _WRITE = ["get", "list", "watch"], ["create", "delete", "deletecollection", "patch", "update"]
_CORE = ["configmaps", "events", "pods", "pods/log", "pods/status", "serviceaccounts", "services"]
_APPS = [
    "daemonsets", "deployments", "deployments/scale", "replicasets", "replicasets/scale", "statefulsets",
    "statefulsets/scale",
]  # fmt: skip
_BATCH, _POLICY, _RBAC = ["cronjobs", "jobs"], ["poddisruptionbudgets"], ["rolebindings", "roles"]
_PUBLIC = ["/healthz", "/livez", "/readyz", "/version", "/version/"]
_DISCOVERY = [
    "/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*", "/readyz", "/version",
    "/version/",
]  # fmt: skip
_JWKS = [
    "/.well-known/openid-configuration", "/.well-known/openid-configuration/", "/openid/v1/jwks", "/openid/v1/jwks/",
]  # fmt: skip


def _rule(verbs: list[str], group: str, resources: list[str]) -> JSON:
    return {"verbs": verbs, "apiGroups": [group], "resources": resources}


def _urls(verbs: list[str], urls: list[str]) -> JSON:
    return {"verbs": verbs, "nonResourceURLs": urls}


def _on_workloads(verbs: list[str]) -> list[JSON]:
    groups = {"": _CORE, "apps": _APPS, "batch": _BATCH, "policy": _POLICY}
    return [_rule(verbs, group, resources) for group, resources in groups.items()]


_VIEW = [*_on_workloads(_READ), _rule(_READ, "", ["namespaces"])]
_EDIT = [*_VIEW, *_on_workloads(_WRITE), _rule([*_READ, *_WRITE], "", ["secrets"])]
_EDIT = [*_EDIT, _rule(["impersonate"], "", ["serviceaccounts"])]

ROLES: Mapping[str, list[JSON]] = {
    "cluster-admin": [_rule(["*"], "*", ["*"]), _urls(["*"], ["*"])],
    "system:basic-user": [
        _rule(["create"], "authorization.k8s.io", ["selfsubjectaccessreviews", "selfsubjectrulesreviews"]),
        _rule(["create"], "authentication.k8s.io", ["selfsubjectreviews"]),
    ],
    "system:public-info-viewer": [_urls(["get"], _PUBLIC)],
    "system:discovery": [_urls(["get"], _DISCOVERY)],
    "system:service-account-issuer-discovery": [_urls(["get"], _JWKS)],
    "view": _VIEW,
    "edit": _EDIT,
    "admin": [*_EDIT, _rule([*_READ, *_WRITE], "rbac.authorization.k8s.io", _RBAC)],
}
"""ClusterRoles by name; ``view``, ``edit`` and ``admin`` for the types that the simulator knows."""

_TO_GROUPS = {
    "cluster-admin": (MASTERS,),
    "system:basic-user": (AUTHENTICATED,),
    "system:public-info-viewer": (AUTHENTICATED, UNAUTHENTICATED),
    "system:discovery": (AUTHENTICATED,),
    "system:service-account-issuer-discovery": ("system:serviceaccounts",),
}


def _bindings() -> Iterator[JSON]:
    for role, groups in _TO_GROUPS.items():
        subjects = [{"kind": "Group", "name": group} for group in groups]
        yield {"metadata": {"name": role}, "roleRef": {"kind": "ClusterRole", "name": role}, "subjects": subjects}


BINDINGS: tuple[JSON, ...] = tuple(_bindings())
