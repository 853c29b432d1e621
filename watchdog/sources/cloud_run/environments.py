"""Cloud Run's containers as the kubelet's. Their variables are literal, or come from Secret Manager: it is never read.

References ($(NAME)) and commands mean what they mean on Kubernetes (google/cloud/run/v2/k8s.min.proto). There are no
ConfigMaps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from watchdog.core.environment import Bearer, SecretKey, Unread, Variable, environment
from watchdog.core.facts import Unknown
from watchdog.core.modes import Place, Setting, settings
from watchdog.core.pod import Container, PodShape
from watchdog.core.switch import first_line, truthy
from watchdog.core.switch import paused as pauses
from watchdog.core.variables import WatchedVariable
from watchdog.core.wiring import executing
from watchdog.sources.cloud_run import api

NOBODY = Bearer("")


def _none(config_map: str) -> None:
    """Cloud Run has no ConfigMaps."""


def shape(service: str, containers: Iterable[api.Container]) -> PodShape:
    """A container without a name has the one that gcloud gives it."""
    return PodShape(
        tuple(
            Container(
                name=container.name or f"{service}-{number}",
                image=container.image,
                variables=tuple(map(_variable, container.env)),
                command=container.command,
                args=container.args,
            )
            for number, container in enumerate(containers, start=1)
        )
    )


def _variable(of: api.EnvVar) -> Variable:
    match of.valueSource:
        case None:
            return Variable(of.name, of.value)
        case api.ValueSource(secretKeyRef=api.SecretRef(secret=secret, version=version)):
            return Variable(of.name, of.value, SecretKey(secret.rpartition("/")[2], version))
    return Variable(of.name, of.value, Unread())


def told(of: PodShape, variables: Sequence[WatchedVariable]) -> Mapping[Place, Setting]:
    """What each container is told of the watched variables."""
    return dict(settings(of, NOBODY, lambda container: (_none,), variables, lambda *anywhere: False))


def paused(name: str, shapes: Iterable[PodShape]) -> tuple[bool | Unknown, str]:
    """Whether one container is told to pause, and what it is told. Unset is enabled (domain.md §6)."""
    values = [environment(container, NOBODY, _none).get(name) for of in shapes for container in of.containers]
    stated = [value for value in values if isinstance(value, str)]
    for text in filter(pauses, stated):
        return True, f"{name} is {first_line(text)}"
    for why in (value for value in values if isinstance(value, Unknown)):
        return why, str(why)
    return False, f"{name} is {first_line(stated[0]) or 'empty'}" if stated else f"{name} is not set"


def halted(names: Sequence[str], of: PodShape, executes: Callable[[str], bool]) -> tuple[bool | Unknown, str]:
    """Whether every container that executes is told by one of ``names`` that trading is halted; and what the worst of
    them is told. ``executes``: whether an image is an execution image."""
    return worst([_halted(names, container) for container in executing(of, executes)])


def worst(judged: Iterable[tuple[bool | Unknown, str]]) -> tuple[bool | Unknown, str]:
    return min(judged, key=lambda one: (one[0] is not False, one[0] is True))


def _halted(names: Sequence[str], container: Container) -> tuple[bool | Unknown, str]:
    made = environment(container, NOBODY, _none)
    values = {name: made.get(name) for name in names}
    said = {name: value for name, value in values.items() if isinstance(value, str)}
    for name in (name for name, value in said.items() if truthy(value)):
        return True, f"container {container.name}: {name} is {first_line(said[name])}"
    for why in (value for value in values.values() if isinstance(value, Unknown)):
        return why, str(why)
    told = "; ".join(f"{name} is {first_line(value) or 'empty'}" for name, value in said.items())
    return False, f"container {container.name}: " + (told or f"{' and '.join(names)} not set")
