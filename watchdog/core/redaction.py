"""Nothing sensitive leaves the daemon: what a name says is secret is shown as ``[redacted]``. domain.md §9.

By name, not by looks: a value is hidden because of the key, variable or header that it stands under. Free text is best
effort.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields

from watchdog.core.facts import Fact, Unknown

REDACTED = "[redacted]"

_WORD = r"(?:secret|token|password|passwd|api[_\-]?key|private[_\-]?key|authorization)"
_SENSITIVE = re.compile(_WORD, re.IGNORECASE)
_SUSPICIOUS = re.compile(rf"{_WORD}|jwt|cookie|credential|\bauth|-----BEGIN|\beyJ[\w\-]{{8,}}", re.IGNORECASE)
_VALUE = r"(?:\"(?:[^\"\\]|\\.)*+\"?|'[^']*+'?|[^\s,;&}\]\"']++)"


def _after_name(start: str, separator: str, value: str) -> re.Pattern[str]:
    """A sensitive name, and its value. It looks ahead for the separator first, so that no text takes quadratic time."""
    name = rf"(?<![\w.\-])(?=[\w.\-]*+{separator})[\w.\-]*{_WORD}[\w.\-]*+"
    return re.compile(rf"({start}{name}{separator})(?!\[redacted\]){value}", re.IGNORECASE | re.MULTILINE)


_IN_TEXT: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b(bearer)\s+[\w.+/=~\-]{8,}", re.IGNORECASE), rf"\1 {REDACTED}"),
    (re.compile(r"(\bauthorization\s*:\s*)(?!\[redacted)[^\s\"'][^\"'\n]*", re.IGNORECASE), rf"\1{REDACTED}"),
    (re.compile(r"(://)[^/\s:@]*:[^/\s@]*@"), rf"\1{REDACTED}@"),
    (_after_name(r"[\"']", r"[\"']\s*:\s*", _VALUE), rf"\1{REDACTED}"),
    (_after_name(r"^[ \t]*+", r"[ \t]*:[ \t]+", r"\S.*$"), rf"\1{REDACTED}"),
    (_after_name("", "=", _VALUE), rf"\1{REDACTED}"),
)
_BEYOND_HOST = re.compile(r"(\bhttps?://[^/?#\s'\"]+)[/?#][^\s'\"]*", re.IGNORECASE)
_NAMING = ("name", "key", "variable")
"""Keys (and fields of facts) whose value names what stands beside it, as in a container's ``env``."""


def is_sensitive(name: str) -> bool:
    """Whether what stands under this name must not be shown."""
    return _SENSITIVE.search(name) is not None


def may_be_sensitive(text: str) -> bool:
    """Whether a text of unknown form, or the name of something, so much as mentions a secret, or looks like one."""
    return _SUSPICIOUS.search(text) is not None


def redacted(value: object, name: str = "") -> object:
    """``value`` without what is sensitive in it, at any depth; ``name`` is what it stands under."""
    if is_sensitive(name):
        return REDACTED
    if isinstance(value, str):
        return redacted_text(value)
    if isinstance(value, Mapping):
        return _redacted_mapping(value)
    if isinstance(value, (list, tuple)):
        return [redacted(part) for part in value]
    return value


def _redacted_mapping(value: Mapping[object, object]) -> dict[object, object]:
    named = any(is_sensitive(str(value.get(key, ""))) for key in _NAMING)
    return {k: REDACTED if named and k == "value" else redacted(v, str(k)) for k, v in value.items()}


def redacted_text(text: str) -> str:
    """Free text without ``password=...``, ``"token": "..."``, ``Authorization: ...`` and credentials in a URL."""
    for pattern, instead in _IN_TEXT:
        text = pattern.sub(instead, text)
    return text


def hosts_only(text: str) -> str:
    """A text whose URLs end with the host: the path of a webhook, or of a heartbeat, is often all that protects it."""
    return _BEYOND_HOST.sub(r"\1/…", redacted_text(text))


def redacted_field(fact: Fact, name: str) -> object:
    """One field of a fact, as it may be shown. Of a variable named like a secret, no text but its identity may."""
    value = getattr(fact, name)
    if isinstance(value, Unknown):
        return Unknown(value.reason, redacted_text(value.message))
    if name in fact.IDENTITY or not isinstance(value, str):
        return value
    about = any(is_sensitive(str(getattr(fact, naming, ""))) for naming in _NAMING)
    return REDACTED if about and value else redacted(value, name)


def redacted_fact(fact: Fact) -> dict[str, object]:
    """All fields of a fact in order, as they may be shown."""
    return {field.name: redacted_field(fact, field.name) for field in fields(fact)}
