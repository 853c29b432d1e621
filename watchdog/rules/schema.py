"""What a rule may name: the fact classes' fields, their types, and their values as an expression sees them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from functools import cache
from typing import NamedTuple, TypeAlias, get_args, get_type_hints

from watchdog.core.facts import GLOBALS, KINDS, Fact, Unknown

LONGEST_TEXT = 4096
"""Characters of a text field; a longer one is Unknown, for what is cut off could be what matters."""

LARGEST_FLOAT = 1e18
"""A larger one is Unknown: sums and products of facts then never reach infinity, whose comparisons say anything."""

_INT64 = range(-(2**63), 2**63)
_UNSPEAKABLE = re.compile("[\x00\ud800-\udfff]")

Plain: TypeAlias = bool | int | float | str


class Path(NamedTuple):
    """One field of one fact, as a rule writes it: ``workload.live``."""

    name: str
    field: str

    def __str__(self) -> str:
        return f"{self.name}.{self.field}"


@dataclass(frozen=True, slots=True)
class View:
    """A fact as an expression sees it: an unknown field is absent, and why is kept beside it."""

    values: Mapping[str, Plain]
    unknown: Mapping[str, Unknown]


def names(each: str) -> tuple[str, ...]:
    """The names that a rule over ``each`` may use: its own subject and the globals."""
    return tuple(dict.fromkeys((each, *GLOBALS)))


@cache
def field_types(kind: str) -> Mapping[str, type]:
    """The fields of a kind of fact in order, and the type of each once it is known."""
    hints = get_type_hints(KINDS[kind])
    return {field.name: _known_type(hints[field.name]) for field in fields(KINDS[kind])}


def _known_type(annotation: object) -> type:
    (known,) = (part for part in get_args(annotation) or (annotation,) if part is not Unknown)
    if known not in _READ:
        raise TypeError(f"a fact's field is bool, int, float or str, or Unknown; not {annotation}")
    return known  # type: ignore[no-any-return]


def problem(path: Path, each: str) -> str | None:
    """Why a rule over ``each`` may not read ``path``; ``None`` if it may."""
    if path.name not in names(each):
        return f"'{path.name}' is not declared; expected {listed(names(each))}{did_you_mean(path.name, names(each))}"
    known = tuple(field_types(path.name))
    if path.field not in known:
        has = listed(known, "and")
        return f"{path.name} has no field '{path.field}'{did_you_mean(path.field, known)} (it has {has})"
    return None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    close = get_close_matches(word, tuple(known), n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def listed(words: Iterable[str], last: str = "or") -> str:
    *most, final = words
    return f"{', '.join(most)} {last} {final}" if most else final


def view(fact: Fact) -> View:
    """``fact`` as flat values of exactly the declared types; whatever is not that is Unknown, never a guess."""
    values: dict[str, Plain] = {}
    unknown: dict[str, Unknown] = {}
    for name, reader in _readers(fact.KIND):
        value = getattr(fact, name)
        read = value if isinstance(value, Unknown) else reader(value)
        if isinstance(read, Unknown):
            unknown[name] = read
        else:
            values[name] = read
    return View(values, unknown)


@cache
def _readers(kind: str) -> tuple[tuple[str, Callable[[object], Plain | Unknown]], ...]:
    return tuple((name, _READ[held]) for name, held in field_types(kind).items())


def _wrong(value: object) -> Unknown:
    return Unknown("WrongType", f"{type(value).__name__} is not what this field holds")


def _bool(value: object) -> bool | Unknown:
    return value if type(value) is bool else _wrong(value)


def _int(value: object) -> int | Unknown:
    if type(value) is not int:
        return _wrong(value)
    return value if value in _INT64 else Unknown("OutOfRange", "more than 64 bits")


def _float(value: object) -> float | Unknown:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return _wrong(value)
    if abs(value) <= LARGEST_FLOAT:
        return float(value)
    return Unknown("OutOfRange", "not a finite number of sensible size")


def _str(value: object) -> str | Unknown:
    if not isinstance(value, str):
        return _wrong(value)
    if len(value) > LONGEST_TEXT:
        return Unknown("TooLong", f"{len(value)} characters, of which at most {LONGEST_TEXT} are judged")
    return str(value) if value.isprintable() else _UNSPEAKABLE.sub("\ufffd", value)


_READ: Mapping[type, Callable[[object], Plain | Unknown]] = {bool: _bool, int: _int, float: _float, str: _str}
