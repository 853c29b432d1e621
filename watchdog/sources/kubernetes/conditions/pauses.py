"""The switch that pauses ingestion, as the containers that run were given it. domain.md §6."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from watchdog.core.facts import Pause, Unknown
from watchdog.core.modes import Settings
from watchdog.core.selection import Named
from watchdog.core.switch import first_line, paused
from watchdog.sources.kubernetes.environments import Environments
from watchdog.sources.kubernetes.kept import ConfigMap, Pod
from watchdog.sources.kubernetes.resources import Key

CARRIER = "env"


def may_state(pod: Pod, environments: Environments) -> bool:
    """Whether one of its containers may be given the switch; an envFrom, where its ConfigMap holds it now."""
    names = environments.pause_names
    for container in pod.shape.containers if names else ():
        if any(variable.name in names for variable in container.variables):
            return True
        if any(name in word for word in container.command + container.args for name in names):
            return True
        for bulk in container.bulk:
            held = environments.inventory.config_map(Key(pod.named.namespace, bulk.config_map))
            keys = [name[len(bulk.prefix) :] for name in names if name.startswith(bulk.prefix)]
            if isinstance(held, ConfigMap) and any(key in held.data for key in keys):
                return True
    return False


def pauses(who: Named, running: Sequence[Settings], names: Sequence[str]) -> Iterator[Pause]:
    """One for each switch that a container states: off in one is paused. ``running``: of its live Pods."""
    for number, name in enumerate(names):
        stated = [
            (place[0], setting.value) for one in running for place, setting in one
            if place[1] == number and setting.value is not None
        ]  # fmt: skip
        if stated:
            judged, explanation = _judged(name, stated)
            yield Pause(name, CARRIER, f"{who.namespace}/{who.kind}/{who.name}", judged, explanation)


def _judged(name: str, stated: Sequence[tuple[str, str | Unknown]]) -> tuple[bool | Unknown, str]:
    off = sorted((container, value) for container, value in stated if isinstance(value, str) and paused(value))
    if off:
        return True, f"{name} is {first_line(off[0][1])!r} in container {off[0][0]}"
    unknown = next((value for _, value in stated if isinstance(value, Unknown)), None)
    return (False, f"{name} is on") if unknown is None else (unknown, f"{name} cannot be told: {unknown}")
