"""The fields of the built-in types, as ``fields.txt`` lists them: for strict validation and for protobuf bodies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

JSON = dict[str, Any]
LIST, MAP, INLINE = "*", "%", "^"
_GROUPS: Mapping[str, str] = {
    "v1": "core", "apps/v1": "apps", "batch/v1": "batch", "autoscaling/v1": "autoscaling1",
    "autoscaling/v2": "autoscaling2", "authorization.k8s.io/v1": "authorization",
    "authentication.k8s.io/v1": "authentication", "rbac.authorization.k8s.io/v1": "rbac", "policy/v1": "policy",
}  # fmt: skip
_HEAD = ("kind", "apiVersion")


@dataclass(frozen=True, slots=True)
class Field:
    """``name`` is ``^`` for a type whose fields belong to the one around it. ``many``: "", LIST or MAP."""

    name: str
    number: int
    type: str
    many: str
    zero_counts: bool


@cache
def schema() -> Mapping[str, tuple[Field, ...]]:
    """The fields of each type, by its name: ``core.Container``."""
    text = files("watchdog.simulator").joinpath("fields.txt").read_text("utf-8")
    rows = (line.partition(": ") for line in text.splitlines() if not line.startswith("#"))
    return {name: tuple(_field(one) for one in rest.split(", ") if one) for name, _, rest in rows}


def _field(text: str) -> Field:
    name, number, type = text.split(" ")
    many = type[0] if type[0] in (LIST, MAP) else ""
    return Field(name.rstrip("!"), int(number), type.removeprefix(many), many, name.endswith("!"))


def type_of(api_version: str, kind: str) -> str:
    """The type's name here, or "" for one that is not listed."""
    name = "meta.DeleteOptions" if kind == "DeleteOptions" else f"{_GROUPS.get(api_version, '')}.{kind}"
    return name if name in schema() else ""


@cache
def _named(type: str) -> Mapping[str, Field]:
    """The fields as JSON has them: what is inline is dissolved."""
    return {field.name: field for field in _dissolved(type)}


def _dissolved(type: str) -> Iterator[Field]:
    for field in schema()[type]:
        yield from _dissolved(field.type) if field.name == INLINE else (field,)


def unknown_fields(object: JSON) -> list[str]:
    """The paths of what the type does not have: ``spec.template.spec.containers[0].nmae``. Of a type that is not
    listed, none."""
    type = type_of(object.get("apiVersion", ""), object.get("kind", ""))
    return [path for path in _unknown(type, object, "") if path not in _HEAD] if type else []


def _unknown(type: str, object: Any, at: str) -> Iterator[str]:
    for name, value in object.items() if isinstance(object, dict) else ():
        field, path = _named(type).get(name), f"{at}{name}"
        if field is None:
            yield path
        elif field.type in schema():
            for item, where in _items(field, value, path):
                yield from _unknown(field.type, item, f"{where}.")


def _items(field: Field, value: Any, path: str) -> list[tuple[Any, str]]:
    if field.many == LIST:
        return [(item, f"{path}[{index}]") for index, item in enumerate(value)] if isinstance(value, list) else []
    if field.many == MAP:
        return [(item, f"{path}.{key}") for key, item in value.items()] if isinstance(value, dict) else []
    return [(value, path)]


def without_unknown(object: JSON) -> JSON:
    """The object as a server stores it that was not asked to be strict."""
    type = type_of(object.get("apiVersion", ""), object.get("kind", ""))
    known = _known(type, {name: value for name, value in object.items() if name not in _HEAD})
    return {**{name: object[name] for name in _HEAD if name in object}, **known}


def _known(type: str, object: Any) -> Any:
    if not isinstance(object, dict) or type not in schema():
        return object
    return {name: _known_value(_named(type)[name], value) for name, value in object.items() if name in _named(type)}


def _known_value(field: Field, value: Any) -> Any:
    if field.many == LIST and isinstance(value, list):
        return [_known(field.type, item) for item in value]
    if field.many == MAP and isinstance(value, dict):
        return {key: _known(field.type, item) for key, item in value.items()}
    return _known(field.type, value)
