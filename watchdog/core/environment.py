"""The effective environment of a container, as the kubelet computes it (``makeEnvironmentVariables``). domain.md §4.

``env`` beats ``envFrom``, a later entry beats an earlier one, ``$(VAR)`` expands to what stands before it and
``$$(VAR)`` does not. A Secret is never read. What we cannot see is ``Unknown``, and stays so through every expansion.
Two things that the kubelet does are left out because no watched variable can come from them: service links, and that
older kubelets skip the keys of an ``envFrom`` that are no C identifiers.

What runs now, and what the next start would get, are two environments: ``core.started`` says which ConfigMaps a
running container was started with, and the same function is asked with those.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from watchdog.core.facts import Unknown
from watchdog.core.quantity import in_units_of

if TYPE_CHECKING:  # a container is made of the entries that are defined here
    from watchdog.core.pod import Container


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
class ResourcePath:
    """``valueFrom.resourceFieldRef``: a limit or request of this container (``container`` empty) or of another."""

    resource: str  # limits.cpu
    container: str = ""
    divisor: str = ""  # empty or zero is 1


@dataclass(frozen=True, slots=True)
class Unread:
    """A ``valueFrom`` that we do not compute (``fileKeyRef``, one that is newer than we are)."""


Origin: TypeAlias = ConfigMapKey | SecretKey | FieldPath | ResourcePath | Unread


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
    uid: str = ""
    service_account: str = ""
    node: str = ""


@dataclass(frozen=True, slots=True)
class Perhaps(Unknown):
    """Why a key of a ConfigMap that is not there may have been: it is no more than a doubt where ``envFrom`` takes all
    keys, as about a Secret's."""


ConfigMaps: TypeAlias = Callable[[str], Mapping[str, str | Unknown] | Unknown | None]
"""A ConfigMap's data by its name: ``None`` if it does not exist, ``Unknown`` if it is not in sight; so may a single key
be."""


@dataclass(frozen=True, slots=True)
class Blind:
    """An ``envFrom`` whose contents we do not see: it may set any name with its prefix, or just that one."""

    prefix: str
    why: Unknown
    exact: bool = False

    def covers(self, name: str) -> bool:
        return name == self.prefix if self.exact else name.startswith(self.prefix)


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
        return next((source.why for source in after if source.covers(name)), None)


def environment(container: Container, bearer: Bearer, config_maps: ConfigMaps) -> Environment:
    """The environment that a container would be started with."""
    being = _Being(container, bearer, config_maps)
    for source in container.bulk:
        being.take_all(source)
    for variable in container.variables:
        being.take(variable)
    return being.environment()


def needed(container: Container, names: Iterable[str]) -> frozenset[str]:
    """The names that the values of ``names`` depend on, themselves among them: through ``$(X)`` in a value, and through
    ``$(X)``, ``$X`` and ``${X}`` in the command and what it refers to. No other entry of ``env`` need be kept."""
    literals: dict[str, list[str]] = {}
    for variable in container.variables:
        literals.setdefault(variable.name, []).append(variable.value)
    found = dict.fromkeys(names)
    queue = [*found, *(n for word in container.command + container.args for n in _mentioned(word))]
    while queue:
        name = queue.pop()
        found[name] = None
        mentioned = (n for value in literals.pop(name, ()) for n in _mentioned(value))
        queue.extend(n for n in mentioned if n not in found)
    return frozenset(found)


def _mentioned(text: str) -> Iterable[str]:
    if "$" not in text:
        return ()
    closed = text[: text.rfind(")") + 1]
    return [match[2] for match in _REFERENCE.finditer(closed) if match[2]] + _PARAMETER.findall(text)


class _Being:
    """An environment in the making; it lives no longer than the call."""

    def __init__(self, container: Container, bearer: Bearer, config_maps: ConfigMaps) -> None:
        self.container, self.bearer, self.config_maps = container, bearer, config_maps
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
            if isinstance(value, Perhaps):
                self.blind.append(Blind(source.prefix + key, value, exact=True))
            else:
                self._set(source.prefix + key, value, (source.config_map, key))

    def _contents(self, source: Bulk) -> Mapping[str, str | Unknown] | Unknown:
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
            case ResourcePath():
                return _resource(origin, self.container, self.bearer)
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
        """One reference that is unknown makes the whole unknown."""
        unknown: list[Unknown] = []

        def marked(why: Unknown) -> str:
            unknown.append(why)
            return ""

        text = expanded(text, self.environment(), marked)
        return unknown[0] if unknown else text


LONGEST = 1 << 16
"""Characters that the references of one value may expand to: nine values that each name the one before ten times would
make a billion."""
TOO_LONG = Unknown("TooLong", f"its references expand to more than {LONGEST} characters")


def expanded(text: str, environment: Environment, marked: Callable[[Unknown], str]) -> str:
    """Every ``$(NAME)`` replaced, and what is unknown by what ``marked`` makes of it. ``$$`` is ``$``; a name that is
    not set stays as it stands (the rules of ``k8s.io/kubernetes/third_party/forked/golang/expansion``)."""

    room = LONGEST

    def replaced(match: re.Match[str]) -> str:
        nonlocal room
        if match[1] == "$":
            return "$"
        value = environment.covered_by(match[2]) or environment.get(match[2])
        if isinstance(value, Unknown):
            return marked(value)
        room -= len(value or "")
        if room < 0:
            return marked(TOO_LONG)
        return match[0] if value is None else value

    if "$" not in text:
        return text
    end = text.rfind(")") + 1  # beyond it nothing is looked for again and again: a text may be a megabyte
    return _REFERENCE.sub(replaced, text[:end]) + text[end:].replace("$$", "$")


_REFERENCE = re.compile(r"\$(\$|\(([^)]*)\))")
_PARAMETER = re.compile(r"\$\{?[#!]?([A-Za-z_]\w*)")
_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['(.*)'\]", re.DOTALL)


def _field(path: str, bearer: Bearer) -> str | Unknown:
    """A label or annotation that is not there is the empty string, as the kubelet has it. What is decided only later
    (a template's Pod name, a node, an address) is not known."""
    if subscript := _SUBSCRIPT.fullmatch(path):
        return (bearer.labels if subscript[1] == "labels" else bearer.annotations).get(subscript[2], "")
    known = {
        "metadata.namespace": bearer.namespace,
        "metadata.name": bearer.name,
        "metadata.uid": bearer.uid,
        "spec.serviceAccountName": bearer.service_account or "default",
        "spec.nodeName": bearer.node,
    }
    return known.get(path) or Unknown("NotResolved", f"the field {path} is not resolved here")


def _resource(origin: ResourcePath, container: Container, bearer: Bearer) -> str | Unknown:
    """A limit that is not set is what the node can allocate, which we do not see. A request that is not set is 0 in a
    Pod; in a template the API server may still default it, from the limit or a LimitRange."""
    stated = dict(container.limits).get(origin.resource)
    if stated is None and bearer.name and origin.resource.startswith("requests."):
        stated = "0"
    amount = None
    if stated is not None and origin.container in ("", container.name):
        amount = in_units_of(stated, origin.divisor, milli=origin.resource.endswith(".cpu"))
    return amount or Unknown("NotResolved", f"the resource {origin.resource} is not resolved here")


def _from_secret(secret: str) -> Unknown:
    return Unknown("FromSecret", f"it comes from Secret {secret}, and Secrets are never read")


def _missing(config_map: str, key: str = "") -> Unknown:
    what = f"key {key} of ConfigMap {config_map}" if key else f"ConfigMap {config_map}"
    return Unknown("Missing", f"the container cannot start: {what} does not exist")
