"""What one API server serves: the built-in resource types, and those that its CustomResourceDefinitions add."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from watchdog.simulator.resources import ALL, REVIEWS, Resource

JSON = dict[str, Any]


class Catalog:
    """Until a type is served, its group, version and name are unknown to every part of the server."""

    def __init__(self) -> None:
        self._custom: dict[str, Resource] = {}
        self._index()

    def serve(self, name: str, resource: Resource) -> None:
        """``name``: of the CustomResourceDefinition."""
        self._custom[name] = resource
        self._index()

    def withdraw(self, name: str) -> Resource | None:
        """What is no longer served."""
        gone = self._custom.pop(name, None)
        self._index()
        return gone

    def _index(self) -> None:
        self.served: tuple[Resource, ...] = (*ALL, *self._custom.values())
        self.stored = tuple(one for one in self.served if one.stored_as is None)
        self.by_kind: Mapping[tuple[str, str], Resource] = {(one.api_version, one.kind): one for one in self.served}
        self.by_name: Mapping[str, Resource] = {name: one for one in reversed(self.stored) for name in _names(one)}
        self.by_group_version: Mapping[tuple[str, str], Mapping[str, Resource]] = _by_group_version(
            (*self.served, *REVIEWS)
        )
        self.groups: Mapping[str, list[str]] = _groups(self.by_group_version)


def _names(resource: Resource) -> tuple[str, ...]:
    return resource.plural, resource.singular, resource.kind, *resource.short_names


def _by_group_version(served: tuple[Resource, ...]) -> dict[tuple[str, str], dict[str, Resource]]:
    table: dict[tuple[str, str], dict[str, Resource]] = {}
    for resource in served:
        table.setdefault((resource.group, resource.version), {})[resource.plural] = resource
    return table


def _groups(by_group_version: Mapping[tuple[str, str], object]) -> dict[str, list[str]]:
    """The versions of each named group, the preferred one first."""
    groups: dict[str, list[str]] = {}
    for group, version in by_group_version:
        if group:
            groups.setdefault(group, []).append(version)
    return groups


def defined(crd: JSON) -> Resource:
    """The type that a CustomResourceDefinition defines, in its storage version (the only one served here)."""
    spec = crd["spec"]
    version = next(one for one in spec["versions"] if one.get("storage"))
    names, subresources = spec["names"], version.get("subresources") or {}
    properties = ((version.get("schema") or {}).get("openAPIV3Schema") or {}).get("properties") or {}
    fields = tuple(name for name in properties if name not in ("apiVersion", "kind", "metadata"))
    return Resource(
        spec["group"],
        version["name"],
        names["plural"],
        names.get("singular") or names["kind"].lower(),
        names["kind"],
        tuple(names.get("shortNames") or ()),
        spec.get("scope", "Namespaced") == "Namespaced",
        tuple(names.get("categories") or ()),
        tuple(name for name in ("scale", "status") if name in subresources),
        ("spec",),
        fields or ("spec", "status"),
        custom=True,
        columns=tuple(
            (one["name"], one["type"], one["jsonPath"]) for one in version.get("additionalPrinterColumns", ())
        ),
    )
