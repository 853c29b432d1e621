"""The objects as last seen, indexed both ways: which facts one change touches, and what those facts are made of.

A change touches the workload, the Pods' workloads, or what refers to a ConfigMap, and nothing else: its cost does not
grow with the cluster.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from watchdog.core.environment import Bearer
from watchdog.core.facts import Unknown
from watchdog.core.selection import Named
from watchdog.sources.kubernetes import selectors
from watchdog.sources.kubernetes.environments import referenced
from watchdog.sources.kubernetes.modes import Settings, settings
from watchdog.sources.kubernetes.objects import ConfigMap, Object, Pod, PodSpec, Selector, Workload
from watchdog.sources.kubernetes.resources import CONFIG_MAPS, PODS, WORKLOADS, Key, Resource
from watchdog.sources.kubernetes.selectors import ByLabel, pair_of, pairs_of
from watchdog.sources.kubernetes.stanza import KillSwitchKey, WatchedVariable
from watchdog.sources.kubernetes.store import Store
from watchdog.sources.kubernetes.workloads import pod_bearer, template_bearer

NOT_YET_LISTED = "NotYetListed"


@dataclass(frozen=True, slots=True)
class SwitchesOf:
    """Facts' owner: the kill switches that a ConfigMap carries."""

    config_map: Key


Owner: TypeAlias = SwitchesOf | Named
"""What facts are told of, as a whole: the switches of a ConfigMap, a workload, a Pod."""


class Inventory:
    def __init__(self, variables: tuple[WatchedVariable, ...], switches: tuple[KillSwitchKey, ...] = ()) -> None:
        self.variables = variables
        self._switches: dict[str, frozenset[tuple[str, str]]] = {}  # ConfigMap and key, by namespace
        for s in switches:
            self._switches[s.namespace] = self._switches.get(s.namespace, frozenset()) | {(s.config_map, s.key)}
        self.config_maps, self.pods = Store[ConfigMap](), Store[Pod]()
        self.workloads: Mapping[str, Store[Workload]] = {kind: Store[Workload]() for kind in WORKLOADS}
        self._looked_at: dict[tuple[str, str, str], None] = {}  # plural, namespace, name ('' is all of them)
        self._pods_by_label, self._selecting = ByLabel[Key](), ByLabel[Named]()
        self._referring: dict[Key, dict[Named, None]] = {}
        self._settings: dict[Named, Settings] = {}

    def store(self, resource: Resource[Any]) -> Store[Any]:
        if resource is CONFIG_MAPS:
            return self.config_maps
        return self.pods if resource is PODS else self.workloads[resource.kind]

    def looked_at(self, resource: Resource[Any], namespace: str, name: str = "") -> dict[Owner, None]:
        """From now on what is not held is not there; answers whose facts had to wait for that."""
        look = (resource.plural, namespace, name)
        if look in self._looked_at:
            return {}
        self._looked_at[look] = None
        return dict.fromkeys(self._that_waited_for(resource, namespace, name))

    def has_looked_at(self, resource: Resource[Any], namespace: str, name: str) -> bool:
        return any(
            (resource.plural, *look) in self._looked_at for look in (("", ""), (namespace, ""), (namespace, name))
        )

    def _that_waited_for(self, resource: Resource[Any], namespace: str, name: str) -> Iterator[Owner]:
        if resource is CONFIG_MAPS:
            for key in [key for key in self._referring if _within(key, namespace, name)]:
                yield from self._that_refer_to(key)
        elif resource is PODS and not name:
            for kind, store in self.workloads.items():
                yield from (Named(key.namespace, kind, key.name) for key in store if _within(key, namespace, ""))

    # What is known

    def workload(self, who: Named) -> Workload | None:
        return self.workloads[who.kind].get(Key(who.namespace, who.name)) if who.kind in self.workloads else None

    def pod(self, who: Named) -> Pod | None:
        return self.pods.get(Key(who.namespace, who.name)) if who.kind == PODS.kind else None

    def config_map(self, key: Key) -> ConfigMap | Unknown | None:
        held = self.config_maps.get(key)
        if held is not None or self.has_looked_at(CONFIG_MAPS, *key):
            return held
        return Unknown(NOT_YET_LISTED, f"ConfigMap {key.namespace}/{key.name} has not been looked at yet")

    def live_pods(self, who: Named, workload: Workload) -> list[Pod] | Unknown:
        """Those of its selector, once they have been looked at: all of its namespace, or its own."""
        if self.has_looked_at(PODS, who.namespace, f"{who.kind}/{who.name}"):
            return self.pods_of(who.namespace, workload)
        return Unknown(NOT_YET_LISTED, f"the Pods of {who.namespace} have not been listed yet")

    def pods_of(self, namespace: str, workload: Workload) -> list[Pod]:
        """The Pods that its selector matches and that are not finished."""
        return [pod for pod in self.pods_matching(namespace, workload.spec.selector) if not pod.finished]

    def pods_matching(self, namespace: str, selector: Selector) -> list[Pod]:
        found = map(self.pods.get, self._pods_by_label.under([pair_of(namespace, selector)]))
        return [pod for pod in found if pod and selectors.matches(selector, pod.metadata.labels or {})]

    def workloads_of(self, pod: Pod) -> list[Named]:
        """The workloads whose selector matches it."""
        labels = pod.metadata.labels or {}
        found = ((who, self.workload(who)) for who in self._selecting.under(pairs_of(pod.metadata.namespace, labels)))
        return [who for who, workload in found if workload and selectors.matches(workload.spec.selector, labels)]

    def settings_of(self, who: Named) -> Settings:
        """The watched variables in a workload's template, or in a Pod; kept until it or a ConfigMap of it changes."""
        if who not in self._settings:
            spec, bearer = self._made_of(who)
            switches = self._switches.get(who.namespace, frozenset())
            self._settings[who] = settings(
                spec, bearer, lambda name: self._data(who.namespace, name), self.variables, switches
            )
        return self._settings[who]

    def _made_of(self, who: Named) -> tuple[PodSpec, Bearer]:
        if (workload := self.workload(who)) is not None:
            return workload.spec.template.spec, template_bearer(workload)
        pod = self.pod(who)
        assert pod is not None
        return pod.spec, pod_bearer(pod)

    def _data(self, namespace: str, name: str) -> Mapping[str, str] | Unknown | None:
        held = self.config_map(Key(namespace, name))
        return (held.data or {}) if isinstance(held, ConfigMap) else held

    # What changes

    def change(self, resource: Resource[Any], key: Key, object_: Object | None, revision: int) -> dict[Owner, None]:
        """Takes one object's new state (``None``: it is gone); answers whose facts it touches."""
        store = self.store(resource)
        before = store.get(key)
        touched = dict.fromkeys(self._touched(resource, key, before))
        self._unfile(resource, key, before)
        store.put(key, object_, revision)
        self._file(resource, key, object_)
        return touched | dict.fromkeys(self._touched(resource, key, object_)) | self._unsettled(before, object_)

    def _touched(self, resource: Resource[Any], key: Key, object_: Object | None) -> Iterator[Owner]:
        if resource is CONFIG_MAPS:
            yield SwitchesOf(key)
            yield from self._that_refer_to(key)
        else:
            yield Named(key.namespace, resource.kind, key.name)
        if isinstance(object_, Pod):
            yield from self.workloads_of(object_)

    def _unsettled(self, before: Object | None, after: Object | None) -> dict[Owner, None]:
        """The Pods that may be accounted for otherwise now; a mere change of scale asks no Pod."""
        states = [state for state in (before, after) if isinstance(state, Workload)]
        if len(states) == 2 and _selecting(states[0]) == _selecting(states[1]):
            return {}
        return dict.fromkeys(pod_named(pod) for w in states for pod in self.pods_of(w.metadata.namespace, w))

    def _that_refer_to(self, config_map: Key) -> Iterator[Owner]:
        for who in self._referring.get(config_map, {}):
            self._settings.pop(who, None)
            yield who
            if (pod := self.pod(who)) is not None:
                yield from self.workloads_of(pod)

    def _unfile(self, resource: Resource[Any], key: Key, object_: Object | None) -> None:
        if object_ is None or isinstance(object_, ConfigMap):
            return
        who = Named(key.namespace, resource.kind, key.name)
        self._settings.pop(who, None)
        for config_map in self._references(key.namespace, object_):
            self._referring.get(config_map, {}).pop(who, None)
        if isinstance(object_, Pod):
            self._pods_by_label.discard(key, pairs_of(key.namespace, object_.metadata.labels or {}))
        else:
            self._selecting.discard(who, [pair_of(key.namespace, object_.spec.selector)])

    def _file(self, resource: Resource[Any], key: Key, object_: Object | None) -> None:
        if object_ is None or isinstance(object_, ConfigMap):
            return
        who = Named(key.namespace, resource.kind, key.name)
        for config_map in self._references(key.namespace, object_):
            self._referring.setdefault(config_map, {})[who] = None
        if isinstance(object_, Pod):
            self._pods_by_label.add(key, pairs_of(key.namespace, object_.metadata.labels or {}))
        else:
            self._selecting.add(who, [pair_of(key.namespace, object_.spec.selector)])

    @staticmethod
    def _references(namespace: str, object_: Workload | Pod) -> Iterable[Key]:
        spec = object_.spec.template.spec if isinstance(object_, Workload) else object_.spec
        return [Key(namespace, name) for name in sorted(referenced(spec))]


def _within(key: Key, namespace: str, name: str) -> bool:
    return namespace in ("", key.namespace) and name in ("", key.name)


def _selecting(workload: Workload) -> tuple[object, ...]:
    """What decides which Pods it accounts for: its selector, and whatever makes it an execution workload."""
    images = [container.image for container in workload.spec.template.spec.all()]
    return workload.spec.selector, workload.metadata.labels, workload.spec.template.metadata.labels, images


def pod_named(pod: Pod) -> Named:
    return Named(pod.metadata.namespace, PODS.kind, pod.metadata.name)
