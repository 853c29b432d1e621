"""What is wrong with a configuration, in one sentence: file, key, what was expected, what was found."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from datetime import date
from difflib import get_close_matches
from typing import Any, get_args, get_type_hints

from pydantic import BaseModel, ValidationError

from watchdog.core.redaction import is_sensitive, redacted, redacted_text

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
_ENDLESS = re.compile(r"(\S{200})\S{100,}")
_CREDENTIALS = re.compile(r"(://)\S*@")
_BEYOND_HOST = re.compile(r"(\bhttps?://[^/?#\s'\"]+)[/?#][^\s'\"]+", re.IGNORECASE)


class ConfigError(Exception):
    """One clear sentence: file, key, what was expected, what was found. Exit code 2. It shows no credentials in a URL,
    and of a text without end its beginning."""

    def __init__(self, told: str) -> None:
        super().__init__(_ENDLESS.sub(r"\1…", without_credentials(told)))


def sentence(where: str, error: ValidationError, cls: type[Any]) -> str:
    """Every problem in one line. ``cls``: the dataclass, or pydantic model, whose keys these are."""
    told = dict[str, list[str]]()  # of the branches of a union, each says what it expects
    for problem in error.errors():
        place = [part for part in problem["loc"] if not _UNION.match(str(part))]
        start, end = _problem(place, dict(problem), keys(cls, place[:-1] if problem["type"] in NO_SUCH_KEY else place))
        told.setdefault(start, []).append(end)
    return f"{where}: " + "; ".join(f"{start}{_merged(ends)}" for start, ends in told.items())


def keys(cls: type[Any], place: Iterable[object] = ()) -> dict[str, Any]:
    """The keys that there are at a place within ``cls``, and what they are unless they are stated; nowhere: none."""
    for part in place:
        if isinstance(part, str):
            inner = _within(get_type_hints(cls).get(part)) if part in keys(cls) else None
            if inner is None:
                return {}
            cls = inner
    if issubclass(cls, BaseModel):
        return {name: field.get_default() for name, field in cls.model_fields.items()}
    return {field.name: None if field.default is MISSING else field.default for field in fields(cls) if field.init}


def _within(hint: Any) -> type[Any] | None:
    """The class whose keys stand under a key of this type."""
    if isinstance(hint, type) and (is_dataclass(hint) or issubclass(hint, BaseModel)):
        return hint
    return next(filter(None, map(_within, get_args(hint))), None)


def one_line(error: Exception) -> str:
    return without_credentials(" ".join(str(error).split()))


def no_such_key(key: str, known: Iterable[str]) -> str:
    names = list(known)
    return f"{key}: no such key" + (f", {one_of(names, key.rpartition('.')[2])}" if names else "")


def one_of(names: Sequence[str], found: object) -> str:
    """What was expected: the names nearest to what was found, or else all."""
    near = get_close_matches(found, names, n=3) if isinstance(found, str) else []
    return f"expected {' or '.join(near)}" if near else f"expected one of {', '.join(names)}"


def shown(value: object, key: str = "") -> str:
    """What was found, without what is sensitive in it, on one line and short. ``key``: what it stands under."""
    if is_sensitive(key):
        return kind_of(value)
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        text = repr(without_credentials(redacted_text(value)))
    elif isinstance(value, date):
        text = value.isoformat()
    elif isinstance(value, (list, tuple, dict)):
        text = without_credentials(repr(redacted(value)))
    else:
        text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def without_credentials(text: str) -> str:
    """Of a URL its host only: its path is often all that protects it."""
    return _BEYOND_HOST.sub(r"\1/…", _CREDENTIALS.sub(r"\1[redacted]@", text))


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


def _problem(place: Sequence[object], problem: Mapping[str, Any], known: Mapping[str, Any]) -> tuple[str, str]:
    """Where, and what is wrong there."""
    key, kind, found = ".".join(map(str, place)), problem["type"], problem.get("input")
    if kind in NO_SUCH_KEY:
        return "", no_such_key(key, known)
    start = f"{key}: " if key else ""
    if kind in NO_VALUE:
        return start, "expected a value, found nothing"
    if kind == "value_error":
        return start, _own(str(problem["msg"]), found, known)
    expected = EXPECTED.get(kind, "").format_map(problem.get("ctx", {})) or f"a value that fits ({kind})"
    return start, f"expected {expected}, found {shown(found, str(place[-1]) if place else '')}"


def _merged(ends: Sequence[str]) -> str:
    *others, last = dict.fromkeys(ends)
    found = ", found " + last.rpartition(", found ")[2]
    if not all(other.endswith(found) for other in others):
        return "; ".join([*others, last])
    return (
        " or ".join([*(other.removesuffix(found) for other in others), last.removeprefix("expected ")])
        if others
        else last
    )


def _own(message: str, found: object, unless_stated: Mapping[str, Any]) -> str:
    """A sentence of ours, and what was found under the keys that it names, where it does not say so itself."""
    message = without_credentials(message.removeprefix("Value error, "))
    if "found" in message:
        return message
    if not isinstance(found, Mapping):
        return f"{message}, found {shown(found)}"
    values = {**unless_stated, **found}
    named = [key for key in values if re.search(rf"(?<![\w.]){re.escape(str(key))}(?!\w)", message)]
    told = " and ".join(f"{key} {shown(values[key], str(key))}" for key in named)
    return f"{message}, found {told}" if told else message
