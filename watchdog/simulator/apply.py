"""Server-side apply: one manager's fields are merged in, what it no longer names goes, and others' fields are defended.

Source: "Server-Side Apply" in the Kubernetes documentation; the messages of a conflict are the API server's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from watchdog.simulator.errors import ApiError, bad_request, invalid_options
from watchdog.simulator.managed_fields import ATOMIC, KEYED, SETS, Author, item_key, path_text, tracked

JSON = dict[str, Any]
_Path = tuple[str, ...]
_SELF = "."


@dataclass(frozen=True, slots=True)
class Conflict:
    """``manager``: an entry of managedFields."""

    manager: JSON
    path: _Path


def applied_author(config: JSON, manager: str, subresource: str) -> Author:
    """Who applies ``config``, and with it owns just its fields. Raises ApiError 400 and 422."""
    if not manager:
        raise invalid_options("PatchOptions", "fieldManager", "Required value: is required for apply patch")
    if (config.get("metadata") or {}).get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    tree = _tree("", tracked(config))
    return Author(manager, subresource, {name: below for name, below in tree.items() if below or name != "f:metadata"})


def applied(live: JSON, config: JSON, author: Author, *, force: bool) -> JSON:
    """``live`` with ``config`` applied. Raises ApiError 409 for fields that others own and that would change."""
    managers = live["metadata"].get("managedFields") or []
    own = next((one for one in managers if _is_own(one, author)), None)
    others = [one for one in managers if one is not own]
    wanted = author.applied or {}
    if not force and (conflicts := list(_conflicts(live, config, wanted, others))):
        raise _refused(conflicts)
    owned = {path for tree in (wanted, *(one["fieldsV1"] for one in others)) for path in _members(tree, ())}
    merged = _merged("", live, config)
    for path in _members(own["fieldsV1"], ()) if own else ():
        if not _is_owned(path, owned):
            merged = _without(merged, path)
    return dict(merged)


def _is_own(entry: JSON, author: Author) -> bool:
    return (entry["operation"], entry["manager"], entry.get("subresource", "")) == (
        "Apply",
        author.manager,
        author.subresource,
    )


def _tree(name: str, value: Any) -> JSON:
    """The fields of a configuration, as ``fieldsV1`` has them: its leaves, and the items of lists with keys."""
    if isinstance(value, dict) and name not in ATOMIC:
        return {f"f:{field}": _tree(field, below) for field, below in value.items() if below is not None}
    if name in KEYED and isinstance(value, list):
        return {item_key(name, item): {_SELF: {}, **_tree("", item)} for item in value}
    if name in SETS and isinstance(value, list):
        return {f"v:{msgspec.json.encode(item).decode()}": {} for item in value}
    return {}


def _members(tree: JSON, at: _Path) -> Iterator[_Path]:
    """The paths that an entry owns itself, the deepest first."""
    for name, below in tree.items():
        if name == _SELF:
            continue
        yield from _members(below, (*at, name))
        if not below or _SELF in below:
            yield (*at, name)


def _is_owned(path: _Path, owned: set[_Path]) -> bool:
    """Itself, or something below it."""
    return path in owned or any(one[: len(path)] == path for one in owned)


def _conflicts(live: JSON, config: JSON, wanted: JSON, others: Sequence[JSON]) -> Iterator[Conflict]:
    leaves = [path for path in _members(wanted, ()) if not path[-1].startswith(("k:", "v:"))]
    changed = [path for path in leaves if _at(live, path) != _at(config, path)]
    for entry in others:
        owned = set(_members(entry["fieldsV1"], ()))
        yield from (Conflict(entry, path) for path in changed if path in owned)


def _at(object: Any, path: _Path) -> Any:
    name = ""
    for step in path:
        if step.startswith("f:"):
            name = step[2:]
            object = object.get(name) if isinstance(object, dict) else None
        else:
            object = next((one for one in object or () if item_key(name, one) == step), None)
    return object


def _merged(name: str, live: Any, config: Any) -> Any:
    if isinstance(config, dict) and isinstance(live, dict) and name not in ATOMIC:
        changed = {key: _merged(key, live.get(key), value) for key, value in config.items() if value is not None}
        return {**live, **changed}
    if name in KEYED and isinstance(config, list) and isinstance(live, list):
        return _merged_items(name, live, config)
    if name in SETS and isinstance(config, list) and isinstance(live, list):
        return [*live, *(one for one in config if one not in live)]
    return config


def _merged_items(name: str, live: list[Any], config: list[Any]) -> list[Any]:
    new = {item_key(name, item): item for item in config}
    kept = [_merged("", item, new.pop(key)) if (key := item_key(name, item)) in new else item for item in live]
    return [*kept, *new.values()]


def _without(object: Any, path: _Path, name: str = "") -> Any:
    """``object`` less one member; a container that it leaves empty stays, and the defaults see to it."""
    step, rest = path[0], path[1:]
    if step.startswith("f:") and isinstance(object, dict):
        field = step[2:]
        if field not in object:
            return object
        if not rest:
            return {key: value for key, value in object.items() if key != field}
        return {**object, field: _without(object[field], rest, field)}
    if not isinstance(object, list):
        return object
    if step.startswith("v:"):
        return [one for one in object if f"v:{msgspec.json.encode(one).decode()}" != step]
    if not rest:
        return [one for one in object if item_key(name, one) != step]
    return [_without(one, rest) if item_key(name, one) == step else one for one in object]


def _refused(conflicts: list[Conflict]) -> ApiError:
    said = [(f"conflict with {_named(one.manager)}", path_text(one.path)) for one in conflicts]
    causes = [{"reason": "FieldManagerConflict", "message": message, "field": path} for message, path in said]
    return ApiError(409, "Conflict", _message(conflicts), {"causes": causes})


def _message(conflicts: list[Conflict]) -> str:
    if len(conflicts) == 1:
        only = conflicts[0]
        return f"Apply failed with 1 conflict: conflict with {_named(only.manager)}: {path_text(only.path)}"
    lines: dict[str, list[str]] = {}
    for one in conflicts:
        lines.setdefault(_named(one.manager), []).append(f"- {path_text(one.path)}")
    parts = [line for manager in sorted(lines) for line in (f"conflicts with {manager}:", *lines[manager])]
    return f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(parts)


def _named(entry: JSON) -> str:
    name = f'"{entry["manager"]}"'
    name += f' with subresource "{entry["subresource"]}"' if entry.get("subresource") else ""
    return f"{name} using {entry['apiVersion']}" if entry["operation"] == "Update" else name
