"""Label and field selectors, as in the query of a list or a watch."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from watchdog.simulator.errors import bad_request
from watchdog.simulator.resources import Resource

JSON = dict[str, Any]
Matches = Callable[[JSON], bool]
_Requirement = Callable[[Mapping[str, str]], bool]

_SET_BASED = re.compile(r"^(?P<key>[^\s!=,()]+)\s+(?P<operator>in|notin)\s*\((?P<values>[^()]*)\)$")
_EQUALITY = re.compile(r"^(?P<key>[^\s!=,()]+)\s*(?P<operator>==|!=|=)\s*(?P<value>[^\s!=,()]*)$")
_EXISTENCE = re.compile(r"^(?P<not>!?)\s*(?P<key>[^\s!=,()]+)$")
_COMMA_OUTSIDE_PARENTHESES = re.compile(r",(?![^()]*\))")


def everything(_: JSON) -> bool:
    return True


def by_labels(text: str) -> Matches:
    """Parses a label selector (equality and set based). Raises ApiError 400."""
    if not text.strip():
        return everything
    requirements = [_requirement(term.strip()) for term in _COMMA_OUTSIDE_PARENTHESES.split(text)]
    return lambda object: all(holds(object["metadata"].get("labels") or {}) for holds in requirements)


def _requirement(term: str) -> _Requirement:
    if match := _SET_BASED.match(term):
        values = frozenset(value.strip() for value in match["values"].split(","))
        return _among(match["key"], values, match["operator"] == "in")
    if match := _EQUALITY.match(term):
        return _among(match["key"], frozenset([match["value"]]), match["operator"] != "!=")
    if match := _EXISTENCE.match(term):
        return _exists(match["key"], not match["not"])
    raise bad_request(f"unable to parse requirement: {term!r}")


def _among(key: str, values: frozenset[str], wanted: bool) -> _Requirement:
    # A label that is absent is not "in" anything, and so it is "notin" everything.
    return lambda labels: (key in labels and labels[key] in values) is wanted


def _exists(key: str, wanted: bool) -> _Requirement:
    return lambda labels: (key in labels) is wanted


def from_label_selector(selector: JSON) -> Matches:
    """The ``spec.selector`` of a workload: matchLabels and matchExpressions."""
    terms = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    terms += [_expression(one) for one in selector.get("matchExpressions") or ()]
    return by_labels(",".join(terms))


def _expression(one: JSON) -> str:
    key, operator, values = one["key"], one["operator"], ",".join(one.get("values") or ())
    texts = {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": key, "DoesNotExist": f"!{key}"}
    return str(texts[operator])


def label_selector_text(selector: JSON) -> str:
    """As ``Scale.status.selector`` spells it."""
    terms = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    return ",".join(terms + [_expression(one) for one in selector.get("matchExpressions") or ()])


def by_fields(resource: Resource, text: str) -> Matches:
    """Parses a field selector. Raises ApiError 400 for a field that this type cannot be selected by."""
    if not text.strip():
        return everything
    requirements = [_field_requirement(resource, term.strip()) for term in text.split(",")]
    return lambda object: all(holds(object) for holds in requirements)


def _field_requirement(resource: Resource, term: str) -> Matches:
    match = _EQUALITY.match(term)
    if not match:
        raise bad_request(f"invalid selector: '{term}'; can't understand '{term}'")
    path, value, equal = match["key"], match["value"], match["operator"] != "!="
    known = ("metadata.name", "metadata.namespace", *resource.selectable)
    if path not in known:
        listed = ", ".join(f'"{name}"' for name in known)
        raise bad_request(f'"{path}" is not a known field selector: only {listed}')
    if path == "metadata.name":  # by far the most frequent
        return lambda object: (object["metadata"]["name"] == value) is equal
    return lambda object: (_field(object, path.split(".")) == value) is equal


def _field(object: JSON, path: list[str]) -> str:
    value: Any = object
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return "" if value is None else str(value)
