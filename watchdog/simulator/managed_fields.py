"""metadata.managedFields: which program set which field, and when (kube-wire README, point 17).

Sets of fields are kept as the trees that are stored (``fieldsV1``): ``{"f:data": {".": {}, "f:KEY": {}}}``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

JSON = dict[str, Any]
_Path = tuple[str, ...]

KEYED: Mapping[str, tuple[str, ...]] = {
    "conditions": ("type",), "containers": ("name",), "env": ("name",), "ephemeralContainers": ("name",),
    "imagePullSecrets": ("name",), "initContainers": ("name",), "ownerReferences": ("uid",),
    "ports": ("containerPort", "protocol"), "volumeMounts": ("mountPath",), "volumes": ("name",),
}  # fmt: skip
ATOMIC = (
    "selector",
    "nodeSelector",
    "fieldRef",
    "configMapKeyRef",
    "secretKeyRef",
    "resourceFieldRef",
    "configMapRef",
)
SETS = ("finalizers",)
"""Lists of which each member has an owner of its own."""
_UNTRACKED = (
    "name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp",
    "deletionGracePeriodSeconds", "managedFields",
)  # fmt: skip
_SKELETON: Mapping[str, JSON] = {"ConfigMap": {}, "Namespace": {"spec": {}, "status": {}}}
# What an empty object of a workload already has in the server's own structs: setting them "adds" nothing.
_TEMPLATE: JSON = {"metadata": {}, "spec": {"containers": []}}
_WORKLOAD: JSON = {"spec": {"template": _TEMPLATE, "strategy": {}, "updateStrategy": {}}, "status": {}}
_POD: JSON = {"spec": {"containers": []}, "status": {}}


@dataclass(frozen=True, slots=True)
class Author:
    """Who writes: ``manager`` names a program, never a user. ``subresource`` is "", "status" or "scale".
    ``applied``: the fields that it names in a server-side apply; None: it updates."""

    manager: str
    subresource: str = ""
    applied: JSON | None = None

    @property
    def identity(self) -> tuple[str, str, str]:
        return "Update" if self.applied is None else "Apply", self.manager, self.subresource


def updated(
    kind: str, old: JSON | None, new: JSON, author: Author, time: str, managed: list[JSON] | None = None
) -> list[JSON]:
    """The managedFields of ``new``, which ``author`` made of ``old`` (None: created it) at ``time``. ``managed``: what
    they were before, by default those of ``old``."""
    before = old if old is not None else {"metadata": {}, **_skeleton(kind)}
    ignored = () if author.subresource == "status" else ("status",)  # it is the server that keeps or resets it
    changed = list(_changes(tracked(before, *ignored), tracked(new, *ignored), ()))
    managed = before["metadata"].get("managedFields") or [] if managed is None else managed
    if author.applied is not None:
        return _reapplied(managed, new["apiVersion"], author, changed, time)
    kept = [taken for entry in managed if (taken := _without(entry, changed))]
    own = next((entry for entry in kept if _identity(entry) == author.identity), None)
    fields = _owned(own["fieldsV1"] if own else {}, [path for path, present in changed if present])
    others = [entry for entry in kept if entry is not own]
    if not fields or (author.subresource == "scale" and not new["spec"].get("replicas")):
        return others
    return sorted([*others, _entry(new["apiVersion"], author, fields, time)], key=_order)


def _skeleton(kind: str) -> JSON:
    return _SKELETON.get(kind, _POD if kind == "Pod" else _WORKLOAD)


def _reapplied(
    managed: list[JSON], api_version: str, author: Author, changed: list[tuple[_Path, bool]], time: str
) -> list[JSON]:
    """Who applies owns what it names, and takes from the others what it changed. Recorded: an entry that changes
    nothing is given no time."""
    own = next((entry for entry in managed if _identity(entry) == author.identity), None)
    others = [taken for entry in managed if entry is not own and (taken := _without(entry, changed))]
    since = time if changed else (own or {}).get("time", "")
    return sorted([*others, _entry(api_version, author, author.applied or {}, since)], key=_order)


def _identity(entry: JSON) -> tuple[str, str, str]:
    return entry["operation"], entry["manager"], entry.get("subresource", "")


def _order(entry: JSON) -> tuple[str, str, str, str]:
    return entry["operation"], entry.get("time", ""), entry["manager"], entry.get("subresource", "")


def _entry(api_version: str, author: Author, fields: JSON, time: str) -> JSON:
    entry: JSON = {"manager": author.manager, "operation": author.identity[0], "apiVersion": api_version}
    if time and author.subresource != "scale":  # recorded: an entry that came through /scale carries no time
        entry["time"] = time
    entry |= {"fieldsType": "FieldsV1", "fieldsV1": fields}
    return entry | {"subresource": author.subresource} if author.subresource else entry


def tracked(object: JSON, *ignored: str) -> JSON:
    metadata = {key: value for key, value in (object.get("metadata") or {}).items() if key not in _UNTRACKED}
    ignored = ("kind", "apiVersion", *ignored)
    return {key: value for key, value in object.items() if key not in ignored} | {"metadata": metadata}


def _changes(old: JSON, new: JSON, at: _Path) -> Iterator[tuple[_Path, bool]]:
    """Each path that differs, and whether it is (still) there."""
    for name, value in new.items():
        if name not in old:
            yield from _added(name, value, (*at, f"f:{name}"))
        elif old[name] is not value and old[name] != value:
            yield from _differing(name, old[name], value, (*at, f"f:{name}"))
    for name in old:
        if name not in new:
            yield (*at, f"f:{name}"), False


def _differing(name: str, old: Any, new: Any, at: _Path) -> Iterator[tuple[_Path, bool]]:
    if name in KEYED and isinstance(old, list) and isinstance(new, list):
        yield from _item_changes(_by_key(name, old), _by_key(name, new), at)
    elif isinstance(old, dict) and isinstance(new, dict) and name not in ATOMIC:
        yield from _changes(old, new, at)
    else:
        yield at, True


def _item_changes(old: Mapping[str, Any], new: Mapping[str, Any], at: _Path) -> Iterator[tuple[_Path, bool]]:
    for key, item in new.items():
        if key not in old:
            yield from _added("", item, (*at, key))
        elif old[key] != item:
            yield from _differing("", old[key], item, (*at, key))
    for key in old:
        if key not in new:
            yield (*at, key), False


def _added(name: str, value: Any, at: _Path) -> Iterator[tuple[_Path, bool]]:
    yield at, True
    if isinstance(value, dict) and name not in ATOMIC:
        yield from _changes({}, value, at)
    elif name in KEYED and isinstance(value, list):
        yield from _item_changes({}, _by_key(name, value), at)


def _by_key(name: str, items: list[Any]) -> dict[str, Any]:
    return {item_key(name, item): item for item in items}


def item_key(name: str, item: JSON) -> str:
    return "k:" + msgspec.json.encode({field: item.get(field) for field in KEYED[name] if field in item}).decode()


def _owned(tree: JSON, paths: list[_Path]) -> JSON:
    for path in paths:
        tree = _with(tree, path)
    return tree


def _with(tree: JSON, path: _Path) -> JSON:
    """``tree`` with one more member. A member that has children says so by ``"."``."""
    head, rest = path[0], path[1:]
    below = tree.get(head)
    if rest:
        inner = {".": {}} if below == {} else below or {}
        return {**tree, head: _with(inner, rest)}
    return {**tree, head: {".": {}, **below} if below else {}}


def _without(entry: JSON, changed: list[tuple[_Path, bool]]) -> JSON | None:
    """``entry`` less what somebody else has changed; None once nothing is left."""
    tree: JSON = entry["fieldsV1"]
    for path, present in changed:
        tree = _less(tree, path, present)
    if tree is entry["fieldsV1"]:
        return entry
    return {**entry, "fieldsV1": tree} if tree else None


def _less(tree: JSON, path: _Path, present: bool) -> JSON:
    """``tree`` without one member, and without all below it when the field is gone."""
    head, rest = path[0], path[1:]
    below = tree.get(head)
    if below is None or (rest and not below):
        return tree
    left = (
        _less(below, rest, present) if rest else {name: one for name, one in below.items() if present and name != "."}
    )
    if not left:
        return {name: one for name, one in tree.items() if name != head}
    return {**tree, head: {} if left == {".": {}} else left}


def path_text(path: _Path) -> str:
    """As a conflict spells it: ``.spec.template.spec.containers[name="x"].image``."""
    return "".join(_step_text(step) for step in path)


def _step_text(step: str) -> str:
    form, _, rest = step.partition(":")
    if form != "k":
        return f".{rest}" if form == "f" else f"[={rest}]"
    keys = [f"{key}={msgspec.json.encode(value).decode()}" for key, value in msgspec.json.decode(rest).items()]
    return f"[{','.join(keys)}]"
