"""What operators write for the watchdog to read: one JSON object an entry, and what is wrong with it. Pure.

``{"verb": "ack", "by": "ann", "why": "a drill of ours", "at": "2026-11-23T15:00:00Z", "alert": "9f1c...",
"through": "2026-11-23T14:59:58Z"}``; ``note`` has neither ``alert`` nor ``through``; ``drill`` has ``sev`` in their
place. Nothing proves who wrote it: ``by`` is as claimed. Whatever cannot be understood is a finding and acknowledges
nothing.

An entry is judged when it is first seen, and never again while it stays the same: one whose time lay in the future then
does not come to count when that time has come.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from watchdog.core.facts import Drill, Fact, OperatorEntry
from watchdog.core.instant import from_rfc3339

VERBS: Mapping[str, tuple[str, ...]] = {"ack": ("alert", "through"), "note": (), "drill": ("sev",)}
"""What each verb needs beside ``by``, ``why`` and ``at``."""
SAID_BY_ALL = ("verb", "by", "why", "at")
KEPT = 500
"""Entries that are told of; those beyond, the oldest, count for nothing, and that is a finding."""
BEYOND = "(beyond the newest)"
"""The entry under which it is told that there are more: no key of a ConfigMap reads so."""
DRILL_SECONDS = 60.0
LONGEST_ENTRY, LONGEST_NAME, LONGEST_REASON, LONGEST_TIME = 8_192, 128, 1_000, 64
"""Characters."""
AHEAD_OF_US, AHEAD_OF_ITSELF = 60.0, 5.0
"""Seconds that ``at`` may lie in the future of our clock, and ``through`` after ``at``: two clocks never agree."""
FIRST_YEAR = 2001
"""Before it nobody acknowledged anything; at the far ends of the calendar no time zone can be applied."""

_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")  # as a ConfigMap's (k8s.io/apimachinery, IsConfigMapKey)
_FINGERPRINT = re.compile(r"[0-9a-f]{16}")


class Malformed(ValueError):
    """Why an entry does not count: one clause."""


@dataclass(frozen=True, slots=True)
class Judged:
    """An entry as it was understood when it was first seen."""

    content: object  # as it was written
    told: OperatorEntry
    at: datetime | None = None  # None: it does not count
    sev: int = 0  # of drill


Fields = dict[str, Any]


def judged(before: Mapping[str, Judged], contents: Mapping[str, object], now: datetime) -> dict[str, Judged]:
    """All entries, by key: those that are as they were before, and the others as they are understood ``now``."""
    return {
        key: held if (held := before.get(key)) is not None and held.content == content else judge(key, content, now)
        for key, content in contents.items()
    }


def judge(key: str, content: object, now: datetime) -> Judged:
    """``content``: a JSON text, or an object that is decoded already."""
    fields: Fields = {}
    try:
        fields = _fields(key, content)
        at = _sound(fields, now)
    except Malformed as problem:
        return Judged(content, _told(key, fields, str(problem)))
    return Judged(content, _told(key, fields, ""), at, fields.get("sev", 0))


def facts_of(entries: Mapping[str, Judged], now: datetime) -> Sequence[Fact]:
    """What is told of the newest ``KEPT`` entries."""
    newest = sorted(entries.items(), key=_newest_first)
    told: list[Fact] = [one.told for _, one in newest[:KEPT]]
    told += (_drill(one, now) for _, one in newest[:KEPT] if one.at is not None and one.told.verb == "drill")
    if len(newest) > KEPT:
        problem = f"{len(newest) - KEPT} entries are beyond the newest {KEPT} and count for nothing"
        told.append(OperatorEntry(BEYOND, "", problem, "", "", "", "", ""))
    return told


def decoded(text: str) -> Fields:
    """A JSON object. Raises ``Malformed``; a key that stands twice is refused: the second would silently win."""
    try:
        content = json.loads(text, object_pairs_hook=_once)
    except Malformed:
        raise
    except (ValueError, RecursionError) as error:
        raise Malformed(f"it is no JSON ({getattr(error, 'msg', 'nested too deep, or a number too long')})") from None
    if not isinstance(content, dict):
        raise Malformed("it is no JSON object")
    return content


def _once(pairs: Iterable[tuple[str, Any]]) -> Fields:
    fields: Fields = {}
    for name, value in pairs:
        if name in fields:
            raise Malformed(f"{shown(name, 32)} stands in it twice")
        fields[name] = value
    return fields


def _fields(key: str, content: object) -> Fields:
    if not _KEY.fullmatch(key):
        raise Malformed("its key is none of a ConfigMap: letters, digits, '-', '_' and '.', at most 253")
    if isinstance(content, str):
        if len(content) > LONGEST_ENTRY:
            raise Malformed(f"it is longer than {LONGEST_ENTRY} characters")
        content = decoded(content)
    if not isinstance(content, dict):
        raise Malformed("it is no JSON object")
    return content


def _sound(fields: Fields, now: datetime) -> datetime:
    """When it was written. Raises ``Malformed``."""
    verb = fields.get("verb")
    if not isinstance(verb, str) or verb not in VERBS:
        raise Malformed(f"verb: expected one of {', '.join(VERBS)}, found {shown(verb, 32)}")
    unknown = [name for name in fields if name not in (*SAID_BY_ALL, *VERBS[verb])]
    if unknown:
        raise Malformed(f"{shown(unknown[0], 32)}: no part of an entry that says {verb}")
    _text(fields, "by", LONGEST_NAME)
    _text(fields, "why", LONGEST_REASON)
    at = _time(fields, "at")
    if (at - now).total_seconds() > AHEAD_OF_US:
        raise Malformed(f"at: lay {(at - now).total_seconds():.0f} s in the future of our clock when it was first seen")
    if verb == "ack":
        _acknowledging(fields, at)
    if verb == "drill" and (type(fields.get("sev")) is not int or not 0 <= fields["sev"] <= 3):
        raise Malformed(f"sev: expected a number from 0 to 3, found {shown(fields.get('sev'), 32)}")
    return at


def _acknowledging(fields: Fields, at: datetime) -> None:
    if not isinstance(fields.get("alert"), str) or not _FINGERPRINT.fullmatch(fields["alert"]):
        raise Malformed(f"alert: expected a fingerprint of 16 hex digits, found {shown(fields.get('alert'), 32)}")
    if (_time(fields, "through") - at).total_seconds() > AHEAD_OF_ITSELF:
        raise Malformed("through: later than the entry itself, which covers nothing that is yet to come")


def _text(fields: Fields, name: str, longest: int) -> None:
    value = fields.get(name)
    if not isinstance(value, str) or not value.strip():
        raise Malformed(f"{name}: missing or empty")
    if len(value) > longest:
        raise Malformed(f"{name}: longer than {longest} characters")
    if not value.isprintable():
        raise Malformed(f"{name}: has a character that cannot be shown (a line break, a control character)")


def _time(fields: Fields, name: str) -> datetime:
    value = fields.get(name)
    time = from_rfc3339(value) if isinstance(value, str) and len(value) <= LONGEST_TIME else None
    if time is None or time.year < FIRST_YEAR:
        raise Malformed(f"{name}: expected a time as in RFC 3339, found {shown(value, 40)}")
    return time


def shown(value: object, longest: int) -> str:
    """Of what was written as much as a line of text can bear."""
    text = value if isinstance(value, str) else "nothing" if value is None else type(value).__name__
    clean = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return clean if len(clean) <= longest else f"{clean[: longest - 1]}…"


def _told(key: str, fields: Fields, problem: str) -> OperatorEntry:
    def said(name: str, longest: int) -> str:
        return shown(fields[name], longest) if isinstance(fields.get(name), str) else ""

    verb = fields.get("verb")
    return OperatorEntry(
        shown(key, 253),
        verb if isinstance(verb, str) and verb in VERBS else "",
        problem,
        said("by", LONGEST_NAME),
        said("why", LONGEST_REASON),
        said("at", LONGEST_TIME),
        said("alert", 16),
        said("through", LONGEST_TIME),
    )


def _newest_first(entry: tuple[str, Judged]) -> tuple[float, str]:
    """Those that do not count come last: they push nobody's word out."""
    key, one = entry
    return 0.0 if one.at is None else -one.at.timestamp(), key


def _drill(entry: Judged, now: datetime) -> Drill:
    told, passed = entry.told, 0.0 if entry.at is None else (now - entry.at).total_seconds()
    return Drill(told.entry, 0 <= passed < DRILL_SECONDS, entry.sev, told.by, told.why, told.at)
