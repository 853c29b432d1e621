"""Discovery, as kubectl asks for it: legacy and aggregated (apidiscovery.k8s.io/v2), and the version."""

from __future__ import annotations

from typing import Any

from watchdog.simulator.catalog import Catalog
from watchdog.simulator.errors import PageNotFound
from watchdog.simulator.openapi import openapi
from watchdog.simulator.resources import SUBRESOURCE_VERBS, Resource
from watchdog.simulator.wire import Request, Response, answer

JSON = dict[str, Any]

VERSION: JSON = {
    "major": "1", "minor": "36", "emulationMajor": "1", "emulationMinor": "36", "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "35", "gitVersion": "v1.36.2-simulated", "gitCommit": "", "gitTreeState": "clean",
    "buildDate": "2026-08-21T00:00:00Z", "goVersion": "go1.26.6", "compiler": "gc", "platform": "linux/amd64",
}  # fmt: skip
_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_AGGREGATED_PARAMETERS = frozenset(_AGGREGATED.split(";"))
_KINDS = {
    "scale": {"group": "autoscaling", "version": "v1", "kind": "Scale"},
    "token": {"group": "authentication.k8s.io", "version": "v1", "kind": "TokenRequest"},
}
"""Of subresources that are another kind than their object."""
_VERBS = {"finalize": ["update"], "token": ["create"]}


def discover(request: Request, catalog: Catalog) -> Response | None:
    """The answer to a GET that is about the server and not about objects; None for a path that is about objects."""
    segments = [segment for segment in request.path.split("/") if segment]
    match segments:
        case ["version"]:
            return answer(200, VERSION)
        case ["openapi", *rest]:
            return openapi(rest, catalog)
        case ["api"] | ["apis"] if _wants_aggregated(request):
            return Response(200, answer(200, _aggregated(segments[0], catalog)).body, _AGGREGATED, {"Vary": "Accept"})
        case ["api"]:
            return answer(200, _API_VERSIONS)
        case ["apis"]:
            groups = [_group(name, versions) for name, versions in catalog.groups.items()]
            return answer(200, {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
        case ["apis", group] if group in catalog.groups:
            return answer(200, {"kind": "APIGroup", "apiVersion": "v1", **_group(group, catalog.groups[group])})
        case ["api", version]:
            return answer(200, _resource_list("", version, catalog))
        case ["apis", group, version]:
            return answer(200, _resource_list(group, version, catalog))
        case ["api" | "apis", *_]:
            return None
    raise PageNotFound(request.path)


def _wants_aggregated(request: Request) -> bool:
    offered = request.accept.replace(" ", "").split(",")
    return any(set(one.split(";")) >= _AGGREGATED_PARAMETERS for one in offered)


_API_VERSIONS: JSON = {
    "kind": "APIVersions",
    "versions": ["v1"],
    "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1:8001"}],
}


def _group(name: str, versions: list[str]) -> JSON:
    spelled = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": spelled, "preferredVersion": spelled[0]}


def _resource_list(group: str, version: str, catalog: Catalog) -> JSON:
    resources = catalog.by_group_version.get((group, version))
    if resources is None:
        raise PageNotFound(f"{group}/{version}")
    entries = [entry for resource in resources.values() for entry in (_entry(resource), *_subentries(resource))]
    head: JSON = {"kind": "APIResourceList"} | ({"apiVersion": "v1"} if group else {})
    return {**head, "groupVersion": f"{group}/{version}" if group else version, "resources": entries}


def _entry(resource: Resource) -> JSON:
    entry: JSON = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    return entry | _names(resource)


def _names(resource: Resource) -> JSON:
    names = {"shortNames": list(resource.short_names), "categories": list(resource.categories)}
    return {field: value for field, value in names.items() if value}


def _subentries(resource: Resource) -> list[JSON]:
    return [_subentry(resource, name) for name in resource.subresources]


def _subentry(resource: Resource, name: str) -> JSON:
    entry: JSON = {"name": f"{resource.plural}/{name}", "singularName": "", "namespaced": resource.namespaced}
    return {**entry, **_KINDS.get(name, {"kind": resource.kind}), "verbs": _subresource_verbs(name)}


def _subresource_verbs(name: str) -> list[str]:
    return _VERBS.get(name, list(SUBRESOURCE_VERBS))


def _aggregated(root: str, catalog: Catalog) -> JSON:
    groups = {"": ["v1"]} if root == "api" else catalog.groups
    items = [_aggregated_group(group, versions, catalog) for group, versions in groups.items()]
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}


def _aggregated_group(group: str, versions: list[str], catalog: Catalog) -> JSON:
    described = [
        {
            "version": version,
            "resources": [_described(one) for one in catalog.by_group_version[group, version].values()],
            "freshness": "Current",
        }
        for version in versions
    ]
    return {"metadata": {"name": group} if group else {}, "versions": described}


def _described(resource: Resource) -> JSON:
    entry: JSON = {
        "resource": resource.plural,
        "responseKind": {"group": "", "version": "", "kind": resource.kind},
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
        **_names(resource),
    }
    subresources = [_described_subresource(resource, name) for name in resource.subresources]
    return entry | ({"subresources": subresources} if subresources else {})


def _described_subresource(resource: Resource, name: str) -> JSON:
    own = {"group": "", "version": "", "kind": resource.kind}
    return {"subresource": name, "responseKind": _KINDS.get(name, own), "verbs": _subresource_verbs(name)}
