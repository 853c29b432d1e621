"""The objects as last seen, indexed both ways: which facts one change touches, and what those facts are made of.

A change touches the workload, the Pods' workloads, what scales it, or what refers to a ConfigMap, and nothing else: its
cost does not grow with the cluster.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from watchdog.core.facts import Unknown
from watchdog.core.selection import Named
from watchdog.sources.kubernetes import selectors
from watchdog.sources.kubernetes.kept import ConfigMap, Kept, Pod, Scaler, Workload
from watchdog.sources.kubernetes.objects import Selector
from watchdog.sources.kubernetes.resources import CONFIG_MAPS, EVERY, NODES, PODS, WORKLOADS, Key, Resource
from watchdog.sources.kubernetes.selectors import ByLabel, pair_of, pairs_of
from watchdog.sources.kubernetes.shapes import references
from watchdog.sources.kubernetes.store import Store

NOT_YET_LISTED = "NotYetListed"


@dataclass(frozen=True, slots=True)
class SwitchesOf:
    """Facts' owner: a ConfigMap, and the kill switches that it carries."""

    config_map: Key


Owner: TypeAlias = SwitchesOf | Named
"""What facts are told of, as a whole: a ConfigMap, a workload, a scaler, a Pod."""


class Inventory:
    def __init__(self) -> None:
        self._stores: Mapping[str, Store[Any]] = {resource.kind: Store() for resource in (*EVERY, NODES)}
        self.only_config_maps: frozenset[Key] | None = None  # those that are named; None: each is looked at
        self._looked_at: dict[tuple[str, str, str], None] = {}  # plural, namespace, name ('' is all of them)
        self._pods_by_label, self._selecting = ByLabel[Key](), ByLabel[Named]()
        self._referring: dict[Key, dict[Named, None]] = {}
        self._scaling: dict[Named, dict[Named, None]] = {}
        self._owned: dict[Named, dict[Named, None]] = {}  # workloads by the workload that made them

    def store(self, resource: Resource[Any]) -> Store[Any]:
        return self._stores[resource.kind]

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
            for kind in WORKLOADS:
                yield from (Named(k.namespace, kind, k.name) for k in self._stores[kind] if _within(k, namespace, ""))

    # What is known

    def get(self, who: Named) -> Kept | None:
        store = self._stores.get(who.kind)
        return None if store is None else store.get(Key(who.namespace, who.name))

    def workload(self, who: Named) -> Workload | None:
        held = self.get(who) if who.kind in WORKLOADS else None
        return held if isinstance(held, Workload) else None

    def pod(self, who: Named) -> Pod | None:
        held = self.get(who) if who.kind == PODS.kind else None
        return held if isinstance(held, Pod) else None

    def config_map(self, key: Key) -> ConfigMap | Unknown | None:
        held: ConfigMap | None = self.store(CONFIG_MAPS).get(key)
        if held is not None or self.has_looked_at(CONFIG_MAPS, *key):
            return held
        if self.only_config_maps is not None and key not in self.only_config_maps:
            return Unknown("NotNamed", f"ConfigMap {key.namespace}/{key.name} is not among those that are looked at")
        return Unknown(NOT_YET_LISTED, f"ConfigMap {key.namespace}/{key.name} has not been looked at yet")

    def unnamed_references(self) -> Iterator[tuple[Key, Named]]:
        """ConfigMaps that are referred to and never looked at, each with one that does."""
        if self.only_config_maps is not None:
            for key, referring in self._referring.items():
                if key not in self.only_config_maps and referring:
                    yield key, next(iter(referring))

    def referring(self, config_map: Key) -> Iterable[Named]:
        """What takes its environment from it."""
        return self._referring.get(config_map, {})

    def live_pods(self, workload: Workload) -> list[Pod] | Unknown:
        """Those of its selector, once they have been looked at: all of its namespace, or its own."""
        who = workload.named
        if workload.selector is None:
            return []
        if self.has_looked_at(PODS, who.namespace, f"{who.kind}/{who.name}"):
            return self.pods_of(workload)
        return Unknown(NOT_YET_LISTED, f"the Pods of {who.namespace} have not been listed yet")

    def pods_of(self, workload: Workload) -> list[Pod]:
        """The Pods that its selector matches and that are not finished."""
        if workload.selector is None:
            return []
        return [pod for pod in self.pods_matching(workload.named.namespace, workload.selector) if not pod.finished]

    def pods_matching(self, namespace: str, selector: Selector) -> list[Pod]:
        pods = self.store(PODS)
        found = map(pods.get, self._pods_by_label.under([pair_of(namespace, selector)]))
        return [pod for pod in found if pod and selectors.matches(selector, dict(pod.labels))]

    def workloads_of(self, pod: Pod) -> list[Workload]:
        """The workloads whose selector matches it."""
        labels = dict(pod.labels)
        found = map(self.workload, self._selecting.under(pairs_of(pod.named.namespace, labels)))
        return [w for w in found if w and w.selector is not None and selectors.matches(w.selector, labels)]

    def scalers_of(self, target: Named) -> Iterable[Named]:
        return self._scaling.get(target, {})

    def made_by(self, who: Named) -> Iterable[Named]:
        """The workloads that it controls: a Deployment's ReplicaSets, a CronJob's Jobs."""
        return self._owned.get(who, {})

    # What changes

    def change(self, resource: Resource[Any], key: Key, kept: Kept | None, revision: int) -> dict[Owner, None]:
        """Takes one object's new state (``None``: it is gone); answers whose facts it touches: nobody's, where only its
        version is another."""
        store = self.store(resource)
        before: Kept | None = store.get(key)
        if before is not None and before == kept:
            store.put(key, kept, revision)
            return {}
        touched = dict.fromkeys(self._touched(resource, key, before))
        if before is not None:
            self._unfile(before)
        store.put(key, kept, revision)
        if kept is not None:
            self._file(key, kept)
        return touched | dict.fromkeys(self._touched(resource, key, kept)) | self._unsettled(before, kept)

    def _touched(self, resource: Resource[Any], key: Key, kept: Kept | None) -> Iterator[Owner]:
        yield owner_of(resource, key)
        if resource is CONFIG_MAPS:
            yield from self._that_refer_to(key)
        if isinstance(kept, Pod):
            yield from (workload.named for workload in self.workloads_of(kept))
        if isinstance(kept, Workload):
            yield from self.scalers_of(kept.named)
            yield from self.made_by(kept.named)

    def _unsettled(self, before: Kept | None, after: Kept | None) -> dict[Owner, None]:
        """The Pods that may be accounted for otherwise now; a mere change of scale asks no Pod."""
        states = [state for state in (before, after) if isinstance(state, Workload)]
        if len(states) == 2 and _selecting(states[0]) == _selecting(states[1]):
            return {}
        return {pod.named: None for workload in states for pod in self.pods_of(workload)}

    def _that_refer_to(self, config_map: Key) -> Iterator[Owner]:
        for who in self._referring.get(config_map, {}):
            yield who
            if (pod := self.pod(who)) is not None:
                yield from (workload.named for workload in self.workloads_of(pod))

    def _unfile(self, kept: Kept) -> None:
        for config_map in self._references(kept):
            _discard(self._referring, config_map, kept.named)
        match kept:
            case Pod(named=named, labels=labels):
                key = Key(named.namespace, named.name)
                self._pods_by_label.discard(key, pairs_of(named.namespace, dict(labels)))
            case Workload(named=named, selector=selector, owner=owner):
                if selector is not None:
                    self._selecting.discard(named, [pair_of(named.namespace, selector)])
                if owner is not None:
                    _discard(self._owned, owner, named)
                if kept.target is not None:
                    _discard(self._scaling, kept.target, named)
            case Scaler(named=named, target=target):
                _discard(self._scaling, target, named)

    def _file(self, key: Key, kept: Kept) -> None:
        for config_map in self._references(kept):
            self._referring.setdefault(config_map, {})[kept.named] = None
        match kept:
            case Pod(named=named, labels=labels):
                self._pods_by_label.add(key, pairs_of(named.namespace, dict(labels)))
            case Workload(named=named, selector=selector, owner=owner):
                if selector is not None:
                    self._selecting.add(named, [pair_of(named.namespace, selector)])
                if owner is not None:
                    self._owned.setdefault(owner, {})[named] = None
                if kept.target is not None:
                    self._scaling.setdefault(kept.target, {})[named] = None
            case Scaler(named=named, target=target):
                self._scaling.setdefault(target, {})[named] = None

    @staticmethod
    def _references(kept: Kept) -> Iterable[Key]:
        if isinstance(kept, Workload) and kept.template is not None:
            return [Key(kept.named.namespace, name) for name in references(kept.template.shape)]
        return [Key(kept.named.namespace, name) for name in references(kept.shape)] if isinstance(kept, Pod) else ()


def owner_of(resource: Resource[Any], key: Key) -> Owner:
    return SwitchesOf(key) if resource is CONFIG_MAPS else Named(key.namespace, resource.kind, key.name)


def _discard(index: dict[Any, dict[Named, None]], key: Any, named: Named) -> None:
    filed = index.get(key, {})
    filed.pop(named, None)
    if not filed:
        index.pop(key, None)


def _within(key: Key, namespace: str, name: str) -> bool:
    return namespace in ("", key.namespace) and name in ("", key.name)


def _selecting(workload: Workload) -> tuple[object, ...]:
    """What decides which Pods it accounts for: its selector, and whatever makes it an execution workload."""
    return workload.selector, workload.labels, workload.owner, workload.template
