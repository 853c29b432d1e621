"""What is wrong with a configuration, in one sentence: file, key, what was expected, what was found."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from watchdog.core.redaction import hosts_only, is_sensitive, redacted

LONGEST = 120
"""Characters of what was found that are shown."""
NO_SUCH_KEY = ("extra_forbidden", "unexpected_keyword_argument")
NO_VALUE = ("missing", "missing_argument", "missing_positional_only_argument")
EXPECTED = {
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a smaller number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "string_type": "a text",
    "tuple_type": "a list",
    "list_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dataclass_type": "a mapping",
    "date_type": "a date, such as 2026-12-31",
    "date_parsing": "a date, such as 2026-12-31",
    "date_from_datetime_parsing": "a date, such as 2026-12-31",
    "date_from_datetime_inexact": "a date, such as 2026-12-31",
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than": "less than {lt:g}",
    "less_than_equal": "at most {le:g}",
    "literal_error": "{expected}",
    "enum": "{expected}",
    "too_long": "{max_length} values at most",
    "too_short": "{min_length} values at least",
}
"""By the type of a problem, as pydantic calls it: its own sentences speak of inputs, tuples and dataclasses."""
_UNION = re.compile(r"^[\w-]+\[.*\]$")
"""The part of a place that names no key, but the branch of a union."""
_CREDENTIALS = re.compile(r"(://)\S*@")


class ConfigError(Exception):
    """One clear sentence: file, key, what was expected, what was found. Exit code 2."""


def sentence(where: str, error: ValidationError, known: Mapping[str, Any]) -> str:
    """Every problem in one line. ``known``: the keys that there are, and the values that they have unless one is stated
    (of a section or stanza by itself: of what is within it, none)."""
    told = [_problem(where, dict(problem), known) for problem in error.errors()]
    return "; ".join(dict.fromkeys(told))


def one_line(error: Exception) -> str:
    return shown_text(" ".join(str(error).split()))


def no_such_key(key: str, known: Iterable[str]) -> str:
    """With the nearest ones, or else all."""
    names = list(known)
    near = get_close_matches(key.rpartition(".")[2], names, n=3)
    expected = " or ".join(near) if near else f"one of {', '.join(names)}" if names else ""
    return f"{key}: no such key" + (f", expected {expected}" if expected else "")


def shown(value: object, key: str = "") -> str:
    """What was found, without what is sensitive in it, on one line and short. ``key``: what it stands under."""
    if is_sensitive(key):
        return kind_of(value)
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        text = repr(shown_text(value))
    elif isinstance(value, date):
        text = value.isoformat()
    elif isinstance(value, (list, tuple, dict)):
        text = shown_text(repr(redacted(value)))
    else:
        text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def shown_text(text: str) -> str:
    """No credentials, and of a URL its host only: its path is often all that protects it."""
    return hosts_only(_CREDENTIALS.sub(r"\1[redacted]@", text))


def kind_of(value: object) -> str:
    """A value that must not be shown."""
    if value is None:
        return "nothing"
    kinds: tuple[tuple[type, str], ...] = (
        (bool, "true or false"),
        (str, "a text"),
        (list, "a list"),
        (dict, "a mapping"),
    )
    return next((told for kind, told in kinds if isinstance(value, kind)), f"a {type(value).__name__}")


def _problem(where: str, problem: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    place = [str(part) for part in problem["loc"] if not _UNION.match(str(part))]
    key, kind, found = ".".join(place), problem["type"], problem.get("input")
    start = f"{where}: {key}: " if key else f"{where}: "
    if kind in NO_SUCH_KEY:
        return f"{where}: {no_such_key(key, known if len(place) == 1 else ())}"
    if kind in NO_VALUE:
        return f"{start}expected a value, found nothing"
    if kind == "value_error":
        return start + _own(str(problem["msg"]), found, known if not place else {})
    expected = EXPECTED.get(kind, "").format_map(problem.get("ctx", {})) or f"a value that fits ({kind})"
    return f"{start}expected {expected}, found {shown(found, place[-1] if place else '')}"


def _own(message: str, found: object, unless_stated: Mapping[str, Any]) -> str:
    """A sentence of ours, and what was found under the keys that it names, where it does not say so itself."""
    message = shown_text(message.removeprefix("Value error, "))
    if "found" in message:
        return message
    if not isinstance(found, Mapping):
        return f"{message}, found {shown(found)}"
    values = {**unless_stated, **found}
    named = [key for key in values if re.search(rf"(?<![\w.]){re.escape(str(key))}(?!\w)", message)]
    told = " and ".join(f"{key} {shown(values[key], str(key))}" for key in named)
    return f"{message}, found {told}" if told else message
