"""The watched variables of what is held: of a template, as its next Pod would get them; of a Pod, as it was started.

A ConfigMap's value reaches a container at its start and never after it. So of each key that a running container was
started with, a short history is kept (``core.started``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from math import inf

from watchdog.core.environment import Bearer, ConfigMaps, FieldPath
from watchdog.core.facts import Unknown
from watchdog.core.modes import Settings, Told, settings
from watchdog.core.pod import Container, PodShape
from watchdog.core.selection import Named
from watchdog.core.started import FIRST_LOOK, History, Sight, Start, asked, newest_from, possible, remembered, views
from watchdog.core.variables import WatchedVariable
from watchdog.sources.kubernetes.inventory import Inventory
from watchdog.sources.kubernetes.kept import ConfigMap, Pod, Workload
from watchdog.sources.kubernetes.reduction import KEPT, is_cut
from watchdog.sources.kubernetes.resources import CONFIG_MAPS, Key
from watchdog.sources.kubernetes.stanza import KillSwitchKey

KeptValue = tuple[Key, str]
"""A ConfigMap and one of its keys."""
Alike = tuple[str, PodShape, tuple[str, ...]]
"""Pods of one namespace and shape of which the same containers run."""
REMEMBERED = 1_000
"""Shapes of which the settings are remembered."""
TOO_LONG = Unknown("TooLong", f"the ConfigMap's value has more than {KEPT} characters, and its rest is not kept")


class Environments:
    """``now``: the wall clock, seconds since the epoch."""

    def __init__(
        self,
        inventory: Inventory,
        variables: tuple[WatchedVariable, ...],
        switches: Iterable[KillSwitchKey],
        halt_variables: tuple[str, ...],
        now: Callable[[], float],
        pauses: tuple[WatchedVariable, ...] = (),
    ) -> None:
        self.halt_variables = frozenset(halt_variables)
        self.inventory, self.variables, self.pauses, self.now = inventory, variables, pauses, now
        self.names = frozenset(variable.name for variable in variables)
        self.pause_names = frozenset(variable.name for variable in pauses)
        self.every_name = self.names | self.pause_names
        self._switches: dict[str, frozenset[tuple[str, str]]] = {}  # ConfigMap and key, by namespace
        for s in switches:
            self._switches[s.namespace] = self._switches.get(s.namespace, frozenset()) | {(s.config_map, s.key)}
        self._histories: dict[KeptValue, History] = {}
        self._settings: dict[Named, Settings] = {}
        self._alike: dict[Alike, tuple[float, Settings]] = {}  # and for which starts, until a ConfigMap changes

    def forget(self, who: Named) -> None:
        """It, or something that it refers to, has changed."""
        self._settings.pop(who, None)

    def of(self, held: Workload | Pod) -> Settings:
        """Kept until it or a ConfigMap of it changes."""
        if not any(c.variables or c.bulk or c.command or c.args for c in shape_of(held).containers):
            return ()  # of most, nothing that counts is kept
        found = self._settings.get(held.named)
        if found is None:
            found = self._settings[held.named] = self._made(held)
        return found

    def _made(self, held: Workload | Pod) -> Settings:
        if isinstance(held, Pod):
            return self._of_one_of_many(held)
        if held.template is None:
            return ()
        namespace = held.named.namespace
        switches = self._switches.get(namespace, frozenset())
        now = self.config_maps(namespace)
        return settings(
            held.template.shape,
            template_bearer(held),
            lambda container: (now,),
            self.variables,
            lambda variable, place, value: variable.name in self.halt_variables and place in switches,
        )

    def _of_pod(self, pod: Pod) -> Settings:
        namespace = pod.named.namespace
        starts = {started.container: started.start for started in pod.starts}
        seen = partial(self._as_started, namespace, starts, self.names)
        told = self._told_by_switches(namespace, self._switches.get(namespace, frozenset()))
        return settings(pod.shape, pod_bearer(pod), seen, self.variables, told)

    def _of_one_of_many(self, pod: Pod) -> Settings:
        """Computed once for the Pods of one shape that can have read the newest values only: until a ConfigMap changes,
        nothing but a ``fieldRef`` tells them apart."""
        alike = pod.named.namespace, pod.shape, tuple(started.container for started in pod.starts)
        earliest = min((started.start.earliest for started in pod.starts), default=inf)
        since, found = self._alike.get(alike, (inf, None))
        if found is not None and since <= earliest:
            return found
        made = self._of_pod(pod)
        if self.inventory.has_looked_at(CONFIG_MAPS, pod.named.namespace, "") and not _bears(pod.shape):
            since = max((newest_from(self._history(value)) for value in self._asked_by(pod)), default=-inf)
            if since <= earliest:
                self._remember(alike, since, made)
        return made

    def _remember(self, alike: Alike, since: float, made: Settings) -> None:
        if len(self._alike) >= REMEMBERED:
            self._alike.clear()
        self._alike[alike] = since, made

    def paused(self, pod: Pod) -> Settings:
        """Of the variables that pause something on purpose. Not kept: few Pods state one."""
        starts = {started.container: started.start for started in pod.starts}
        seen = partial(self._as_started, pod.named.namespace, starts, self.pause_names)
        return settings(pod.shape, pod_bearer(pod), seen, self.pauses, lambda variable, place, value: False)

    def _told_by_switches(self, namespace: str, switches: frozenset[tuple[str, str]]) -> Told:
        """Of a Pod, what it was started with, unless that is unsafe and no longer what the switch says."""

        def told(variable: WatchedVariable, place: tuple[str, str] | None, value: str | Unknown | None) -> bool:
            if variable.name not in self.halt_variables or place not in switches or place is None:
                return False
            data = self._data(Key(namespace, place[0]))
            now = data.get(place[1]) if isinstance(data, Mapping) else None
            return value == now or (isinstance(value, str) and not variable.is_unsafe(value))

        return told

    def config_maps(self, namespace: str) -> ConfigMaps:
        """As they are now."""
        return lambda name: self._data(Key(namespace, name))

    def _data(self, key: Key) -> Mapping[str, str | Unknown] | Unknown | None:
        held = self.inventory.config_map(key)
        if not isinstance(held, ConfigMap):
            return held
        cut = {name: TOO_LONG for name, value in held.data.items() if is_cut(value)}
        return {**held.data, **cut} if cut else held.data

    def _as_started(
        self, namespace: str, starts: Mapping[str, Start], names: frozenset[str], container: Container
    ) -> tuple[ConfigMaps, ...]:
        now, start = self.config_maps(namespace), starts.get(container.name)
        if start is None:
            return (now,)

        def held(config_map: str, key: str) -> tuple[str | Unknown | None, ...]:
            return possible(self._history((Key(namespace, config_map), key)), config_map, key, start)

        return views(container, names, now, held)

    def _history(self, value: KeptValue) -> History:
        if value not in self._histories:
            self._histories[value] = self._seen(value, (), FIRST_LOOK)
        return self._histories[value]

    def _seen(self, value: KeptValue, history: History, blind_since: float | None) -> History:
        key, name = value
        held = self.inventory.config_map(key)
        if isinstance(held, Unknown):
            return history
        now = self.now()
        if held is None:
            sight = Sight(None, now, blind_since=blind_since)
        else:
            sight = Sight(held.data.get(name), now, held.written_at(name), held.created, blind_since)
        return remembered(history, sight, self._needed_since(key))

    def _needed_since(self, config_map: Key) -> float:
        """The earliest moment at which a container that runs may have read it."""
        pods = filter(None, map(self.inventory.pod, self.inventory.referring(config_map)))
        starts = (started.start.earliest for pod in pods for started in pod.starts)
        return min(starts, default=inf)

    def refers(self, kept: Workload | Pod) -> None:
        """It is held from now on: what its ConfigMaps say today may be what it is started with tomorrow."""
        for value in self._asked_by(kept):
            self._history(value)

    def config_map_changed(self, key: Key, blind_since: float | None) -> None:
        """``blind_since``: the last look before, where others may have been missed since; ``None``: each was seen."""
        self._alike.clear()
        for value in self._asked(key):
            self._histories[value] = self._seen(value, self._histories.get(value, ()), blind_since)

    def _asked(self, key: Key) -> Iterable[KeptValue]:
        """Of a ConfigMap, the keys that a watched variable is taken from."""
        held = (self.inventory.get(who) for who in self.inventory.referring(key))
        found = (self._asked_by(kept) for kept in held if isinstance(kept, Workload | Pod))
        return dict.fromkeys(value for values in found for value in values if value[0] == key)

    def _asked_by(self, kept: Workload | Pod) -> Iterator[KeptValue]:
        for container in shape_of(kept).containers:
            if not (container.variables or container.bulk):
                continue
            for config_map, name in asked(container, self.every_name):
                yield Key(kept.named.namespace, config_map), name


def shape_of(kept: Workload | Pod) -> PodShape:
    """Of a Pod, or of the Pods that a workload makes."""
    if isinstance(kept, Pod):
        return kept.shape
    return NO_SHAPE if kept.template is None else kept.template.shape


NO_SHAPE = PodShape(())


def _bears(shape: PodShape) -> bool:
    """Whether something is taken from the Pod that bears it."""
    return any(isinstance(variable.origin, FieldPath) for c in shape.containers for variable in c.variables)


def template_bearer(workload: Workload) -> Bearer:
    made, namespace = workload.template, workload.named.namespace
    assert made is not None
    account = made.shape.service_account
    return Bearer(namespace, "", dict(made.labels), dict(made.annotations), service_account=account)


def pod_bearer(pod: Pod) -> Bearer:
    who, account = pod.named, pod.shape.service_account
    labels, annotations = dict(pod.labels), dict(pod.annotations)
    return Bearer(who.namespace, who.name, labels, annotations, uid=pod.version.uid, service_account=account)
