"""The effective environment of a container, as the kubelet computes it (``makeEnvironmentVariables``). domain.md §4.

``env`` beats ``envFrom``, a later entry beats an earlier one, ``$(VAR)`` expands to what stands before it and
``$$(VAR)`` does not. A Secret is never read. What we cannot see is ``Unknown``, and stays so through every expansion.
Two things that the kubelet does are left out because no watched variable can come from them: service links, and that
older kubelets skip the keys of an ``envFrom`` that are no C identifiers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from watchdog.core.facts import Unknown


@dataclass(frozen=True, slots=True)
class ConfigMapKey:
    config_map: str
    key: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class SecretKey:
    secret: str
    key: str


@dataclass(frozen=True, slots=True)
class FieldPath:
    """``valueFrom.fieldRef``: a path into the Pod that bears the container."""

    path: str


@dataclass(frozen=True, slots=True)
class Unread:
    """A ``valueFrom`` that we do not compute (``resourceFieldRef``, ``fileKeyRef``, one that is newer than we are)."""


Origin: TypeAlias = ConfigMapKey | SecretKey | FieldPath | Unread


@dataclass(frozen=True, slots=True)
class Variable:
    """An entry of ``env``: a literal (``origin`` is None) or a reference."""

    name: str
    value: str = ""
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class Bulk:
    """An entry of ``envFrom``: all keys of one ConfigMap, or of one Secret."""

    config_map: str = ""
    secret: str = ""
    prefix: str = ""
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Bearer:
    """The Pod, or the template of Pods, that a ``fieldRef`` looks at. A template has no Pod name yet."""

    namespace: str
    name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


ConfigMaps = Callable[[str], Mapping[str, str] | Unknown | None]
"""A ConfigMap's data by its name: ``None`` if it does not exist, ``Unknown`` if it is not in sight."""


@dataclass(frozen=True, slots=True)
class Blind:
    """An ``envFrom`` whose contents we do not see: it may set any name with its prefix."""

    prefix: str
    why: Unknown


@dataclass(frozen=True, slots=True)
class Environment:
    """What is seen to be set, where from, and which names may have been set after it by what is not seen."""

    values: Mapping[str, str | Unknown]
    blind: tuple[Blind, ...] = ()
    settled: Mapping[str, int] = field(default_factory=dict)  # how many blind sources stand before a name's setting
    taken_from: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # ConfigMap and key that a name comes from

    def get(self, name: str) -> str | Unknown | None:
        """What is seen; ``None`` if nothing is. Where ``covered_by`` names a blind source it may be something else."""
        return self.values.get(name)

    def covered_by(self, name: str) -> Unknown | None:
        """Why the name may be set to something that we do not see."""
        after = self.blind[self.settled.get(name, 0) :]
        return next((source.why for source in after if name.startswith(source.prefix)), None)


def environment(
    variables: tuple[Variable, ...], bulk: tuple[Bulk, ...], bearer: Bearer, config_maps: ConfigMaps
) -> Environment:
    """The environment of one container."""
    being = _Being(bearer, config_maps)
    for source in bulk:
        being.take_all(source)
    for variable in variables:
        being.take(variable)
    return being.environment()


class _Being:
    """An environment in the making; it lives no longer than the call."""

    def __init__(self, bearer: Bearer, config_maps: ConfigMaps) -> None:
        self.bearer, self.config_maps = bearer, config_maps
        self.values: dict[str, str | Unknown] = {}
        self.blind: list[Blind] = []
        self.settled: dict[str, int] = {}
        self.taken_from: dict[str, tuple[str, str]] = {}

    def environment(self) -> Environment:
        return Environment(self.values, tuple(self.blind), self.settled, self.taken_from)

    def take_all(self, source: Bulk) -> None:
        data = self._contents(source)
        if isinstance(data, Unknown):
            self.blind.append(Blind(source.prefix, data))
            return
        for key, value in data.items():
            self._set(source.prefix + key, value, (source.config_map, key))

    def _contents(self, source: Bulk) -> Mapping[str, str] | Unknown:
        if source.secret:
            return _from_secret(source.secret)
        data = self.config_maps(source.config_map)
        if data is None:
            return {} if source.optional else _missing(source.config_map)
        return data

    def take(self, variable: Variable) -> None:
        """A literal wins over a reference beside it; an optional reference to nothing leaves what was set before."""
        origin = variable.origin
        if variable.value or origin is None:
            self._set(variable.name, self._expanded(variable.value), None)
        elif (value := self._resolved(origin)) is not None:
            place = (origin.config_map, origin.key) if isinstance(origin, ConfigMapKey) else None
            self._set(variable.name, value, place)

    def _set(self, name: str, value: str | Unknown, place: tuple[str, str] | None) -> None:
        self.values[name] = value
        self.settled[name] = len(self.blind)
        self.taken_from.pop(name, None)
        if place is not None:
            self.taken_from[name] = place

    def _resolved(self, origin: Origin) -> str | Unknown | None:
        match origin:
            case ConfigMapKey():
                return self._config_map_key(origin)
            case SecretKey(secret, _):
                return _from_secret(secret)
            case FieldPath(path):
                return _field(path, self.bearer)
            case Unread():
                return Unknown("NotResolved", "its valueFrom is of a kind that is not resolved here")

    def _config_map_key(self, origin: ConfigMapKey) -> str | Unknown | None:
        data = self.config_maps(origin.config_map)
        if isinstance(data, Unknown):
            return data
        if data is not None and origin.key in data:
            return data[origin.key]
        if origin.optional:
            return None
        return _missing(origin.config_map) if data is None else _missing(origin.config_map, origin.key)

    def _expanded(self, text: str) -> str | Unknown:
        """Every ``$(NAME)`` replaced; one reference that is unknown makes the whole unknown."""
        if "$" not in text:
            return text
        unknown: list[Unknown] = []

        def replaced(match: re.Match[str]) -> str:
            if match[1] == "$":
                return "$"
            value = self._referenced(match[2])
            if isinstance(value, Unknown):
                unknown.append(value)
            return match[0] if value is None or isinstance(value, Unknown) else value

        expanded = _REFERENCE.sub(replaced, text)
        return unknown[0] if unknown else expanded

    def _referenced(self, name: str) -> str | Unknown | None:
        so_far = self.environment()
        return so_far.covered_by(name) or so_far.get(name)


_REFERENCE = re.compile(r"\$(\$|\(([^)]*)\))")
_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['(.*)'\]", re.DOTALL)


def _field(path: str, bearer: Bearer) -> str | Unknown:
    """A label or annotation that is not there is the empty string, as the kubelet has it."""
    if subscript := _SUBSCRIPT.fullmatch(path):
        return (bearer.labels if subscript[1] == "labels" else bearer.annotations).get(subscript[2], "")
    if path == "metadata.namespace":
        return bearer.namespace
    if path == "metadata.name" and bearer.name:
        return bearer.name
    return Unknown("NotResolved", f"the field {path} is not resolved here")


def _from_secret(secret: str) -> Unknown:
    return Unknown("FromSecret", f"it comes from Secret {secret}, and Secrets are never read")


def _missing(config_map: str, key: str = "") -> Unknown:
    what = f"key {key} of ConfigMap {config_map}" if key else f"ConfigMap {config_map}"
    return Unknown("Missing", f"the container cannot start: {what} does not exist")
