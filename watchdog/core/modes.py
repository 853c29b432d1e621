"""Containers' environments and commands -> the watched variables, declared and running. domain.md §4.

A name that is set from a Secret is unknown. An ``envFrom`` whose contents we do not see could set anything: what is
seen counts, and that something is not seen is a blind spot of the workload.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from watchdog.core import command
from watchdog.core.environment import Bearer, ConfigMaps, Environment, environment
from watchdog.core.facts import Mode, Unknown
from watchdog.core.pod import Container, PodShape
from watchdog.core.selection import Named
from watchdog.core.variables import WatchedVariable

SHOWN = 80
UNSET = None
FROM_SECRET = "FromSecret"
"""The reason of what ``core.environment`` does not read."""


class Setting(NamedTuple):
    """What one container makes of one variable. ``doubt`` is why it may be something else."""

    value: str | Unknown | None
    doubt: Unknown | None = None


NOTHING = Setting(UNSET)
Place: TypeAlias = tuple[str, int]
"""A container's name, and the number of a watched variable."""
Settings: TypeAlias = tuple[tuple[Place, Setting], ...]
Views: TypeAlias = Callable[[Container], Sequence[ConfigMaps]]
"""The ConfigMaps as a container may have read them: one view, or several between which nobody can tell."""


Told: TypeAlias = Callable[[WatchedVariable, tuple[str, str] | None, str | Unknown | None], bool]
"""Whether a variable's value, which is taken from that ConfigMap and key, is a kill switch's own to tell."""


def settings(
    shape: PodShape,
    bearer: Bearer,
    views: Views,
    variables: Sequence[WatchedVariable],
    told: Told,
) -> Settings:
    """Every watched variable that a container sets, or may set, but for what a kill switch has ``told``: else one flip
    were as many findings as there are containers."""
    found: dict[Place, Setting] = {}
    for container in shape.containers:
        if not (container.variables or container.bulk or container.command or container.args):
            continue
        made = [environment(container, bearer, view) for view in views(container)]
        for number, variable in enumerate(variables):
            for setting in (*_by_env(made, variable, told), *_by_command(container, made, variable)):
                place = container.name, number
                found[place] = _worse(variable, found[place], setting) if place in found else setting
    return tuple(found.items())


def _by_env(made: Sequence[Environment], variable: WatchedVariable, told: Told) -> Iterator[Setting]:
    """None where, in one of the views, the switch itself tells."""
    taken = [(one, one.get(variable.name)) for one in made]
    if not any(told(variable, one.taken_from.get(variable.name), value) for one, value in taken):
        settings = (Setting(value, one.covered_by(variable.name)) for one, value in taken)
        yield from (setting for setting in settings if setting != NOTHING)


def _by_command(container: Container, made: Sequence[Environment], variable: WatchedVariable) -> Iterator[Setting]:
    """Beside what ``env`` says: a command never hides that."""
    if container.command or container.args:
        alone = [variable.name] if isinstance(variable.unsafe, str) else []
        for one in made:
            for _, value, _ in command.settings(container, [variable.name], one, alone):
                if value is not None:
                    yield Setting(value)


def _worse(variable: WatchedVariable, one: Setting, other: Setting) -> Setting:
    value = max((one.value, other.value), key=lambda value: _badness(variable, value))
    return Setting(value, one.doubt or other.doubt)


@dataclass(frozen=True, slots=True)
class Variables:
    """One workload (or a Pod that no workload accounts for), as its modes are told."""

    named: Named
    execution: bool
    executing: Sequence[str]  # the names of the containers that have to state what is required
    declared: Mapping[Place, Setting]
    running: Sequence[Mapping[Place, Setting]] | Unknown  # of its live Pods, each once
    live: int | Unknown
    variables: Sequence[WatchedVariable]

    def modes(self) -> Iterator[Mode]:
        """One fact for each container and variable that is set somewhere, or had to be."""
        required = dict.fromkeys(self._required())
        for place in {**dict.fromkeys(self._places()), **required}:
            variable = self.variables[place[1]]
            if self.execution or not variable.execution_only:
                yield from self._mode(place, variable, place in required)

    def _places(self) -> Iterator[Place]:
        yield from self.declared
        for settings in () if isinstance(self.running, Unknown) else self.running:
            yield from settings

    def _required(self) -> Iterator[Place]:
        """Where an execution workload has to state a variable."""
        for container in self.executing if self.execution else ():
            yield from ((container, number) for number, v in enumerate(self.variables) if v.required_on_execution)

    def _mode(self, place: Place, variable: WatchedVariable, required: bool) -> Iterator[Mode]:
        declared, running = both = self.declared.get(place, NOTHING).value, self._running(place, variable)
        if not required and declared is UNSET and running is UNSET:
            return
        yield Mode(
            *self.named, place[0], variable.name, _text(declared), _text(running),
            unsafe=_any(_unsafe(variable, value) for value in both),
            listed=_negated(_any(_negated(_listed(variable, value)) for value in both)),
            stated=_any(_stated(value) for value in both),
            execution=self.execution,
            live=self.live,
        )  # fmt: skip

    def _running(self, place: Place, variable: WatchedVariable) -> str | Unknown | None:
        """The worst among the live Pods."""
        if isinstance(self.running, Unknown):
            return UNSET if self.declared.get(place, NOTHING).value is UNSET else self.running
        values = (self._of_a_pod(pod.get(place, NOTHING), variable) for pod in self.running)
        return max(values, key=lambda value: _badness(variable, value), default=UNSET)

    def _of_a_pod(self, setting: Setting, variable: WatchedVariable) -> str | Unknown | None:
        """A Secret of which all is taken is a finding of its own, one a workload (domain.md §4)."""
        doubt = None if setting.doubt is None or setting.doubt.reason == FROM_SECRET else setting.doubt
        doubtful = self.execution and doubt is not None and _unsafe(variable, setting.value) is False
        return doubt if doubtful else setting.value


def _unsafe(variable: WatchedVariable, value: str | Unknown | None) -> bool | Unknown:
    return value if isinstance(value, Unknown) else value is not UNSET and variable.is_unsafe(value)


def _listed(variable: WatchedVariable, value: str | Unknown | None) -> bool | Unknown:
    return value if isinstance(value, Unknown) else value is UNSET or variable.is_listed(value)


def _stated(value: str | Unknown | None) -> bool | Unknown:
    return value if isinstance(value, Unknown) else bool(value and value.strip())


def _text(value: str | Unknown | None) -> str | Unknown:
    return value if isinstance(value, Unknown) else (value or "").strip()[:SHOWN]


def _badness(variable: WatchedVariable, value: str | Unknown | None) -> tuple[int, str]:
    """Equally bad values in the order of their texts: two replicas of the daemon say the same."""
    if isinstance(value, Unknown):
        return (3, str(value))
    if value is UNSET:
        return (0, "")
    return (4 if variable.is_unsafe(value) else 1 if variable.is_listed(value) else 2, value)


def _any(values: Iterable[bool | Unknown]) -> bool | Unknown:
    """Kleene's *or*."""
    seen = list(values)
    if any(value is True for value in seen):
        return True
    return next((value for value in seen if isinstance(value, Unknown)), False)


def _negated(value: bool | Unknown) -> bool | Unknown:
    return value if isinstance(value, Unknown) else not value
