"""YAML whose mappings remember where they stand, so that every refusal names file, line and key.

Everything is read by hand from the node tree: a key that nobody asked for, a value of another type or a key given twice
is a problem, and all problems of a file are found in one pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import yaml

from watchdog.rules.schema import did_you_mean, listed

LARGEST = 1 << 20
"""Characters of a file."""

DEEPEST = 32

_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml, where the wheel has it
_KIND = {"str": "text", "int": "a number", "float": "a number", "bool": "yes or no", "null": "nothing"}
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Stanza:
    """One mapping. Its readers answer a harmless value where they found a problem; ``problems`` then is not empty."""

    file: str
    where: str  # "group execution, rule KillSwitchNotHalted"
    node: yaml.MappingNode
    problems: list[str]

    @property
    def place(self) -> str:
        return f"{self.file}:{self.node.start_mark.line + 1}"

    def named(self, where: str) -> Stanza:
        return replace(self, where=where)

    def within(self, where: str) -> Stanza:
        return self.named(", ".join(filter(None, (self.where, where))))

    def refuse(self, key: str, what: str) -> None:
        """Notes a problem with ``key`` (or with the whole, where it is empty)."""
        node = self._value(key)
        line = (node or self.node).start_mark.line + 1
        self.problems.append(": ".join(filter(None, (f"{self.file}:{line}", self.where, key, what))))

    def only(self, *known: str) -> None:
        """Refuses every other key, and a key that is given twice."""
        seen: set[str] = set()
        for key, _ in self.node.value:
            name = str(key.value)
            if name in seen:
                self.refuse(name, "is given twice")
            elif name not in known:
                self.refuse("", f"unknown key '{name}'{did_you_mean(name, known)}; expected {listed(known)}")
            seen.add(name)

    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(str(key.value) for key, _ in self.node.value))

    def is_mapping(self, key: str) -> bool:
        return isinstance(self._value(key), yaml.MappingNode)

    def has(self, key: str) -> bool:
        return self._value(key) is not None

    def required(self, *keys: str) -> bool:
        """Whether all are there; notes those that are not."""
        missing = [key for key in keys if not self.has(key)]
        for key in missing:
            self.refuse(key, "is missing")
        return not missing

    def text(self, key: str, default: str = "") -> str:
        return self._scalar(key, "str", "text", default)

    def flag(self, key: str, default: bool = False) -> bool:
        return self._scalar(key, "bool", "true or false", str(default)).lower() in ("true", "yes", "on")

    def number(self, key: str, known: Sequence[int], default: int = 0) -> int:
        value = self._scalar(key, "int", listed(map(str, known)), str(default))
        if value in map(str, known):
            return int(value)
        self.refuse(key, f"expected {listed(map(str, known))}, got {value}")
        return default

    def choice(self, key: str, known: Sequence[str]) -> str:
        """One of ``known``, the first by default (which may be empty, and then may not be written)."""
        value = self.text(key, known[0])
        if value in known and (value or not self.has(key)):
            return value
        self.refuse(key, f"expected {listed(filter(None, known))}, got '{value}'{did_you_mean(value, known)}")
        return known[0]

    def seconds(self, key: str, default: float = 0.0) -> float:
        """A duration as Prometheus writes it."""
        node = self._value(key)
        if node is None:
            return default
        if isinstance(node, yaml.ScalarNode) and (value := seconds(node.value)) is not None:
            return value
        self.refuse(key, f"expected a duration such as 15s, 5m or 1h30m, got {_said(node)}")
        return default

    def stanza(self, key: str) -> Stanza | None:
        node = self._value(key)
        if isinstance(node, yaml.MappingNode):
            return replace(self, node=node).within(key)
        if node is not None:
            self.refuse(key, f"expected a mapping, got {_said(node)}")
        return None

    def stanzas(self, key: str, what: str) -> Iterator[Stanza]:
        """The mappings of a list; ``what`` is what one is called."""
        for number, node in enumerate(self._list(key), start=1):
            if isinstance(node, yaml.MappingNode):
                yield replace(self, node=node).within(f"{what} {number}")
            else:
                self.refuse(key, f"{what} {number}: expected a mapping, got {_said(node)}")

    def texts(self, key: str) -> tuple[str, ...]:
        nodes = self._list(key)
        for node in nodes:
            if not _is(node, "str"):
                self.refuse(key, f"expected texts, got {_said(node)}")
        return tuple(str(node.value) for node in nodes if _is(node, "str"))

    def plain(self, key: str) -> str | int | float | bool | None:
        """Whatever one scalar says; a text that is not quoted may say a number."""
        node = self._value(key)
        if isinstance(node, yaml.ScalarNode) and node.tag.rpartition(":")[2] in _KIND:
            value: str | int | float | bool | None = yaml.SafeLoader("").construct_object(node)
            return value
        self.refuse(key, f"expected a plain value, got {_said(node) if node else 'nothing'}")
        return None

    def _list(self, key: str) -> list[yaml.Node]:
        node = self._value(key)
        if node is None or isinstance(node, yaml.SequenceNode):
            return [] if node is None else list(node.value)
        self.refuse(key, f"expected a list, got {_said(node)}")
        return []

    def _scalar(self, key: str, kind: str, expected: str, default: str) -> str:
        node = self._value(key)
        if node is None:
            return default
        if _is(node, kind):
            return str(node.value)
        hint = "; put it in quotes" if kind == "str" and isinstance(node, yaml.ScalarNode) and node.value else ""
        self.refuse(key, f"expected {expected}, got {_said(node)}{hint}")
        return default

    def _value(self, key: str) -> yaml.Node | None:
        return next((value for name, value in self.node.value if name.value == key), None)


def seconds(text: str) -> float | None:
    """``15s``, ``1h30m``, ``500ms``, ``0`` in seconds; ``None`` if it is no duration."""
    found = _DURATION.fullmatch(text)
    if text == "0":
        return 0.0
    if not text or found is None:
        return None
    days, hours, minutes, whole, milli = (int(part or 0) for part in found.groups())
    return days * 86400 + hours * 3600 + minutes * 60 + whole + milli / 1000


def parsed(file: str, text: str, problems: list[str]) -> Stanza | None:
    """The file's mapping; ``None`` (and a problem) if it is none, is malformed, too large or nested too deeply."""
    if len(text) > LARGEST:
        problems.append(f"{file}: is larger than {LARGEST // 1024} KiB")
        return None
    try:
        node = _Loader(text).get_single_node() if _is_tame(file, text, problems) else None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problems.append(f"{file}:{line}: is not YAML: {error.problem}")
        return None
    except (yaml.YAMLError, UnicodeError) as error:
        problems.append(f"{file}: is not YAML: {' '.join(str(error).split())}")
        return None
    if isinstance(node, yaml.MappingNode):
        return Stanza(file, "", node, problems)
    if not any(problem.startswith(f"{file}:") for problem in problems):
        problems.append(f"{file}: expected a mapping, got {_said(node) if node else 'an empty file'}")
    return None


def _is_tame(file: str, text: str, problems: list[str]) -> bool:
    """No alias (a few of them unfold to gigabytes) and no depth that a recursive reader could not take."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            problems.append(f"{file}:{line}: an alias (*{event.anchor}) is not read here; write it out")
            return False
        if depth > DEEPEST:
            problems.append(f"{file}:{line}: is nested more than {DEEPEST} deep")
            return False
    return True


def _is(node: yaml.Node, kind: str) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == f"tag:yaml.org,2002:{kind}"


def _said(node: yaml.Node) -> str:
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    kind = _KIND.get(node.tag.rpartition(":")[2], node.tag)
    return f"{kind} ('{node.value}')" if node.value else kind
