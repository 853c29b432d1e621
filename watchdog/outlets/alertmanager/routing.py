"""Where Alertmanager sends an alert, told from its own configuration (``config.original`` of /api/v2/status). Pure.

The walk is that of its dispatcher (github.com/prometheus/alertmanager, dispatch/route.go): the deepest routes whose
matchers all match, the first at each level unless it says ``continue``. What only Alertmanager can know raises
``Underivable``, and is never taken for a way to somebody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import yaml

from watchdog.outlets.alertmanager.intervals import Underivable, any_contains

LIMIT = 1 << 20
"""Characters: a tenth of them takes some 60 ms, once for each change."""
_Loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # every scalar a text: 08:00 is no number of minutes
_TERM = re.compile(
    r"""\s*(?P<name>"(?:[^"\\]|\\.)*"|[^\s{}!=~,"\\]+)\s*(?P<op>=~|!~|!=|=)\s*(?P<value>"(?:[^"\\]|\\.)*"|[^",]*?)\s*(?:,|$)"""
)
_ESCAPED = re.compile(r"\\([\\\"n])")
_OTHER_IN_RE2 = re.compile(r"\[\[:|\\[pPzQEC]|\(\?[a-zA-Z]*U|\(\?<")
_REPEATED_GROUP = re.compile(r"\)[*+{]")
"""RE2 takes it in linear time; backtracking might take for ever."""


@dataclass(frozen=True, slots=True)
class Destination:
    """One receiver that an alert goes to. ``muted``: how it is held back now ('by time interval nights'); empty: it
    is not."""

    receiver: str
    muted: str = ""


@dataclass(frozen=True, slots=True)
class Routing:
    """One configuration of an Alertmanager."""

    document: Mapping[str, Any]

    @classmethod
    def parsed(cls, text: str) -> Routing:
        """Raises ``Underivable``."""
        if len(text) > LIMIT:
            raise Underivable(f"its configuration is longer than {LIMIT} characters")
        try:
            document = yaml.load(text, _Loader)
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            raise Underivable(f"its configuration is no YAML: {error}") from None
        if not isinstance(document, dict) or not isinstance(document.get("route"), dict):
            raise Underivable("its configuration has no route")
        return cls(document)

    def tells(self, receiver: str) -> bool:
        """Whether it has an integration. Raises ``Underivable`` for a receiver that is not there."""
        for found in _dicts(self.document.get("receivers")):
            if found.get("name") == receiver:
                return any(key.endswith("_configs") and bool(value) for key, value in found.items())
        raise Underivable(f"its configuration has no receiver {receiver!r}")

    def destinations(self, labels: Mapping[str, str], receivers: Sequence[str], now: datetime) -> list[Destination]:
        """Of an alert that it says goes to ``receivers``; ``now`` by its clock. Raises ``Underivable``."""
        if not any(_times(route) for route in _routes(self.document["route"])):
            return [Destination(receiver) for receiver in receivers]
        found = [
            Destination(str(route.get("receiver") or inherited), self._muted(route, now))
            for route, inherited in _leaves(self.document["route"], labels, "")
        ]
        if (led := {one.receiver for one in found}) != set(receivers):
            raise Underivable(f"its routes lead to {_names(led)}, it says {_names(receivers)}")
        return found

    def _muted(self, route: Mapping[str, Any], now: datetime) -> str:
        active, mute = _texts(route.get("active_time_intervals")), _texts(route.get("mute_time_intervals"))
        if active and not any(self._is_in(name, now) for name in active):
            return f"outside of time interval {_names(active)}"
        return next((f"by time interval {name}" for name in mute if self._is_in(name, now)), "")

    def _is_in(self, name: str, now: datetime) -> bool:
        named = [*_dicts(self.document.get("time_intervals")), *_dicts(self.document.get("mute_time_intervals"))]
        for found in named:
            if found.get("name") == name:
                return any_contains(_dicts(found.get("time_intervals")), now)
        raise Underivable(f"its configuration has no time interval {name!r}")


def _leaves(
    route: Mapping[str, Any], labels: Mapping[str, str], inherited: str, top: bool = True
) -> Iterator[tuple[Mapping[str, Any], str]]:
    """The routes that take the alert, each with the receiver that it inherits."""
    if not top and not _takes(route, labels):
        return
    receiver, below = str(route.get("receiver") or inherited), False
    for child in _dicts(route.get("routes")):
        leaves = list(_leaves(child, labels, receiver, top=False))
        yield from leaves
        below = below or bool(leaves)
        if leaves and child.get("continue") != "true":
            return
    if not below:
        yield route, inherited


def _takes(route: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """One matcher that does not match decides, whatever cannot be said of the others."""
    unsaid: Underivable | None = None
    for name, op, value in _matchers(route):
        try:
            if not _matches(labels.get(name, ""), op, value):
                return False
        except Underivable as error:
            unsaid = error
    if unsaid is not None:
        raise unsaid
    return True


def _matchers(route: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for key, op in (("match", "="), ("match_re", "=~")):
        for name, value in (route.get(key) or {}).items():
            yield name, op, value
    for line in _texts(route.get("matchers")):
        yield from terms(line)


def terms(line: str) -> Iterator[tuple[str, str, str]]:
    """``name op value`` of one text: '{a="b", c!~"d|e"}', or without braces or quotes. Raises ``Underivable``."""
    rest = line.strip().removeprefix("{").removesuffix("}").strip()
    while rest:
        term = _TERM.match(rest)
        if term is None:
            raise Underivable(f"the matcher {line!r} is not understood")
        yield _unquoted(term["name"]), term["op"], _unquoted(term["value"])
        rest = rest[term.end() :].strip()


def _unquoted(text: str) -> str:
    bare = text[1:-1] if text.startswith('"') else text
    return _ESCAPED.sub(lambda found: "\n" if found[1] == "n" else found[1], bare)


def _matches(found: str, op: str, value: str) -> bool:
    """An absent label is an empty one; a regular expression must match the whole."""
    equal = _fits(value, found) if op.endswith("~") else found == value
    return equal is not op.startswith("!")


def _fits(pattern: str, found: str) -> bool:
    if _OTHER_IN_RE2.search(pattern) or _REPEATED_GROUP.search(pattern):
        raise Underivable(f"the regular expression {pattern!r} is not understood here")
    try:
        return re.fullmatch(pattern, found, re.ASCII) is not None
    except (re.error, RecursionError, OverflowError):
        raise Underivable(f"the regular expression {pattern!r} is not understood here") from None


def _routes(route: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield route
    for child in _dicts(route.get("routes")):
        yield from _routes(child)


def _times(route: Mapping[str, Any]) -> bool:
    return bool(route.get("mute_time_intervals") or route.get("active_time_intervals"))


def _dicts(value: Any) -> Sequence[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else ()


def _texts(value: Any) -> Sequence[str]:
    """A list of texts; one text alone stands for itself."""
    return [value] if isinstance(value, str) and value else [str(item) for item in value] if value else ()


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(set(names)))
