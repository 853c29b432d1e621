"""Texts with ``{{ kind.field }}`` in them: checked when they are read, filled when a page is written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from watchdog.core.facts import Fact, Unknown
from watchdog.core.redaction import redacted_field
from watchdog.rules.schema import Path, problem

LONGEST_VALUE = 200

_FIELD = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_PATH = re.compile(r"\s*(\w+)\.(\w+)\s*")


class TemplateError(ValueError):
    """The text names what there is not, or is not closed."""


@dataclass(frozen=True, slots=True)
class Template:
    parts: tuple[str | Path, ...] = ()

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple(part for part in self.parts if isinstance(part, Path))

    def filled(self, fact: Fact, globals_: Mapping[str, Fact | Unknown]) -> str:
        """The text about ``fact``, with nothing sensitive and no control character in it."""
        return "".join(part if isinstance(part, str) else _shown(part, fact, globals_) for part in self.parts)


EMPTY = Template()


def template(text: str, each: str) -> Template:
    """Raises ``TemplateError``, a clause."""
    pieces = _FIELD.split(" ".join(text.split()))
    parts = tuple(_path(piece, each) if odd % 2 else _plain(piece) for odd, piece in enumerate(pieces))
    return Template(tuple(part for part in parts if part))


def _path(inside: str, each: str) -> Path:
    found = _PATH.fullmatch(inside)
    if found is None:
        raise TemplateError(f"'{{{{{inside}}}}}' is not a field; expected as in {{{{ {each}.field }}}}")
    path = Path(*found.groups())
    if wrong := problem(path, each):
        raise TemplateError(wrong)
    return path


def _plain(text: str) -> str:
    if "{{" in text or "}}" in text:
        raise TemplateError("'{{' and '}}' do not match")
    return text


def _shown(path: Path, fact: Fact, globals_: Mapping[str, Fact | Unknown]) -> str:
    about = fact if path.name == fact.KIND else globals_[path.name]
    return said(about if isinstance(about, Unknown) else redacted_field(about, path.field))


def said(value: object) -> str:
    """A value as a person reads it."""
    if isinstance(value, Unknown):
        return f"unknown ({value.reason})"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0")
    text = "".join(c if c.isprintable() else "\ufffd" for c in str(value)[: LONGEST_VALUE + 1])
    return text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + "…"
