"""Texts with ``{{ kind.field }}`` in them: checked when they are read, filled when a page is written.

``{{ kind.field | duration }}`` shows a number of seconds as a person reads it (``1 h 0 min``), ``{{ kind.field |
percent }}`` a ratio (``8 %``): both with their unit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from watchdog.core.facts import Fact, Unknown
from watchdog.core.redaction import redacted_field
from watchdog.rules.schema import Path, did_you_mean, field_types, listed, problem

LONGEST_VALUE = 600

_FIELD = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_PATH = re.compile(r"\s*(\w+)\.(\w+)\s*(?:\|\s*(\w+)\s*)?")


class TemplateError(ValueError):
    """The text names what there is not, or is not closed."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A field, and in which form it is shown; empty: as it is."""

    path: Path
    form: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    parts: tuple[str | Shown, ...] = ()

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple(part.path for part in self.parts if isinstance(part, Shown))

    def filled(self, fact: Fact, globals_: Mapping[str, Fact | Unknown]) -> str:
        """The text about ``fact``, with nothing sensitive and no control character in it."""
        return "".join(part if isinstance(part, str) else _shown(part, fact, globals_) for part in self.parts)


EMPTY = Template()


def template(text: str, each: str) -> Template:
    """Raises ``TemplateError``, a clause."""
    pieces = _FIELD.split(" ".join(text.split()))
    parts = tuple(_field(piece, each) if odd % 2 else _plain(piece) for odd, piece in enumerate(pieces))
    return Template(tuple(part for part in parts if part))


def _field(inside: str, each: str) -> Shown:
    found = _PATH.fullmatch(inside)
    if found is None:
        raise TemplateError(f"'{{{{{inside}}}}}' is not a field; expected as in {{{{ {each}.field }}}}")
    path, form = Path(found[1], found[2]), found[3] or ""
    if wrong := problem(path, each) or _misshown(path, form):
        raise TemplateError(wrong)
    return Shown(path, form)


def _misshown(path: Path, form: str) -> str | None:
    """Why a field is not shown in this form."""
    if form and form not in FORMS:
        return f"there is no form '{form}'; expected {listed(FORMS)}{did_you_mean(form, FORMS)}"
    if form and field_types(path.name)[path.field] not in (int, float):
        return f"{path} is no number, and '{form}' is a form of numbers"
    return None


def _plain(text: str) -> str:
    if "{{" in text or "}}" in text:
        raise TemplateError("'{{' and '}}' do not match")
    return text


def _shown(part: Shown, fact: Fact, globals_: Mapping[str, Fact | Unknown]) -> str:
    about = fact if part.path.name == fact.KIND else globals_[part.path.name]
    value = about if isinstance(about, Unknown) else redacted_field(about, part.path.field)
    form = FORMS.get(part.form, said)
    return form(float(value)) if form is not said and isinstance(value, (int, float)) else said(value)


def duration(seconds: float) -> str:
    """The two largest units of it; up to two minutes in seconds. What is begun is not counted."""
    if abs(seconds) < 120:
        return f"{said(seconds)} s"
    minutes, rest = divmod(int(abs(seconds)), 60)
    hours, days = minutes // 60, minutes // 1_440
    sign = "-" if seconds < 0 else ""
    if days:
        return f"{sign}{days} d {hours % 24} h"
    if hours:
        return f"{sign}{hours} h {minutes % 60} min"
    return f"{sign}{minutes} min {rest} s" if rest else f"{sign}{minutes} min"


def percent(ratio: float) -> str:
    return f"{said(100 * ratio)} %"


FORMS: Mapping[str, Callable[[float], str]] = {"duration": duration, "percent": percent}


def said(value: object) -> str:
    """A value as a person reads it."""
    if isinstance(value, Unknown):
        return f"unknown ({value.reason})"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0") if value == 0 or abs(value) >= 1 else f"{value:.3g}"
    text = "".join(c if c.isprintable() else "\ufffd" for c in str(value)[: LONGEST_VALUE + 1])
    return text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + "…"
