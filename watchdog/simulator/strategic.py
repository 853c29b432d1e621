"""Strategic merge patch: lists of named things merge by their merge key.

Source: the API reference's ``patch strategy`` and ``patch merge key`` of each field, and the design proposal "preserve
order in strategic merge patch". ``kubectl patch --local --type strategic`` is the oracle that the tests compare with.
No function here changes its arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from watchdog.simulator.errors import ApiError, bad_request

JSON = dict[str, Any]
_DIRECTIVE, _RETAIN_KEYS = "$patch", "$retainKeys"
_ORDER, _DELETE_PRIMITIVES = "$setElementOrder/", "$deleteFromPrimitiveList/"

_MERGE_KEYS: Mapping[str, str] = {
    "conditions": "type", "containers": "name", "env": "name", "ephemeralContainers": "name", "hostAliases": "ip",
    "imagePullSecrets": "name", "initContainers": "name", "ownerReferences": "uid", "ports": "containerPort",
    "resourceClaims": "name", "schedulingGates": "name", "secrets": "name", "topologySpreadConstraints": "topologyKey",
    "volumeDevices": "devicePath", "volumeMounts": "mountPath", "volumes": "name",
}  # fmt: skip
_MERGED_PRIMITIVES = ("finalizers",)


def strategically_merged(target: JSON, patch: JSON) -> JSON:
    """Applies ``patch`` to ``target``, an object with its kind. Raises ApiError 400 for a patch that makes no sense."""
    keys = {**_MERGE_KEYS, "ports": "port"} if target.get("kind") == "Service" else _MERGE_KEYS
    return _merged(target, patch, keys)


def _merged(target: JSON, patch: JSON, keys: Mapping[str, str]) -> JSON:
    if _DIRECTIVE in patch:
        return _directed(patch)
    result = _retained(target, patch)
    for field in dict.fromkeys(_bare(name) for name in patch if name != _RETAIN_KEYS):
        _merge_field(result, patch, field, keys)
    return result


def _directed(patch: JSON) -> JSON:
    if patch[_DIRECTIVE] == "replace":
        return {key: value for key, value in patch.items() if key != _DIRECTIVE}
    if patch[_DIRECTIVE] == "delete":
        return {}
    raise bad_request(f"invalid patch type: {patch[_DIRECTIVE]}")


def _retained(target: JSON, patch: JSON) -> JSON:
    if _RETAIN_KEYS not in patch:
        return dict(target)
    return {key: value for key, value in target.items() if key in patch[_RETAIN_KEYS]}


def _bare(name: str) -> str:
    for prefix in (_ORDER, _DELETE_PRIMITIVES):
        name = name.removeprefix(prefix)
    return name


def _merge_field(result: JSON, patch: JSON, field: str, keys: Mapping[str, str]) -> None:
    if field in patch and patch[field] is None:
        result.pop(field, None)
        return
    if field in keys or field in _MERGED_PRIMITIVES:
        _merge_list(result, patch, field, keys)
    elif field in patch:
        result[field] = _value(result.get(field), patch[field], keys)


def _value(old: Any, new: Any, keys: Mapping[str, str]) -> Any:
    return _merged(old, new, keys) if isinstance(old, dict) and isinstance(new, dict) else _undirected(new)


def _undirected(new: Any) -> Any:
    """What is new is taken as it is, without nulls, and without what carries a directive (so the oracle)."""
    if isinstance(new, list):
        return [_undirected(item) for item in new if _directive(item) is None]
    return {} if _directive(new) else _verbatim(new, _undirected)


def _verbatim(new: Any, below: Callable[[Any], Any] | None = None) -> Any:
    """A new item of a list keeps even what it was to delete: only the directive itself is lost, when it is decoded."""
    below = below or _verbatim
    if isinstance(new, list):
        return [below(item) for item in new]
    if not isinstance(new, dict):
        return new
    return {key: below(value) for key, value in new.items() if not key.startswith("$") and value is not None}


def _merge_list(result: JSON, patch: JSON, field: str, keys: Mapping[str, str]) -> None:
    live, new, order = result.get(field), patch.get(field), patch.get(_ORDER + field)
    removed = patch.get(_DELETE_PRIMITIVES + field) or ()
    if live is None and new is None:
        return
    if any(not isinstance(one, list) for one in (live, new, order) if one is not None):
        raise bad_request(f"invalid JSON document: {field} is not a list")
    key = keys.get(field, "")
    live = [item for item in live or () if item not in removed]
    new = [item for item in new or () if item not in removed]
    live, new, merged = _items_merged(live, new, key, keys)
    result[field] = _ordered(merged, new if order is None else order, live, key)


def _items_merged(
    live: list[Any], new: list[Any], key: str, keys: Mapping[str, str]
) -> tuple[list[Any], list[Any], list[Any]]:
    """What of the live list stays, what the patch brings (without directives), and both merged."""
    deleted = [_identity(item, key) for item in new if _directive(item) == "delete"]
    live = [] if any(_directive(item) == "replace" for item in new) else live
    live = [item for item in live if not deleted or _identity(item, key) not in deleted]
    new = [item for item in new if not _directive(item)]
    merged = list(live)
    positions = {_identity(item, key): index for index, item in enumerate(merged)}
    for item in new:
        position = positions.setdefault(_identity(item, key), len(merged))
        if position == len(merged):
            merged.append(_verbatim(item))
        else:
            merged[position] = _value(merged[position], item, keys)
    return live, new, merged


def _directive(item: Any) -> Any:
    return item.get(_DIRECTIVE) if isinstance(item, dict) else None


def _identity(item: Any, key: str) -> Any:
    if not key:
        return item
    if not isinstance(item, dict) or key not in item:
        if _directive(item) == "replace":
            return None
        raise ApiError(500, "", f"map: {item} does not contain declared merge key: {key}")
    return item[key]


def _ordered(merged: Sequence[Any], wanted: Sequence[Any], live: Sequence[Any], key: str) -> list[Any]:
    """Named items in the wanted order; the others keep their place before those that they stood before."""
    rank = {_identity(item, key): index for index, item in enumerate(wanted)}
    place = {_identity(item, key): index for index, item in enumerate(live)}
    named = sorted((i for i in merged if _identity(i, key) in rank), key=lambda i: rank[_identity(i, key)])
    others = [item for item in merged if _identity(item, key) not in rank]
    result: list[Any] = []
    while others and named:
        here, there = place.get(_identity(others[0], key)), place.get(_identity(named[0], key))
        before = here is not None and there is not None and here < there
        result.append(others.pop(0) if before else named.pop(0))
    return result + others + named
