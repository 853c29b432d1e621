"""Inventory -> facts: what is told of each owner, and what of it is gone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from watchdog.core.facts import Fact, Mode, Subject, Unknown
from watchdog.core.observation import Facts
from watchdog.core.selection import Named, Selection
from watchdog.sources.kubernetes import workloads
from watchdog.sources.kubernetes.config_maps import kill_switch
from watchdog.sources.kubernetes.inventory import Inventory, Owner, SwitchesOf, pod_named
from watchdog.sources.kubernetes.modes import Variables
from watchdog.sources.kubernetes.objects import Object, Pod, PodSpec, Workload
from watchdog.sources.kubernetes.resources import Key, Resource, revision
from watchdog.sources.kubernetes.stanza import KillSwitchKey
from watchdog.sources.kubernetes.store import key_of


class Telling:
    """Facts of an owner are always told together, and what was told of it before and is not so now is gone."""

    def __init__(self, inventory: Inventory, switches: tuple[KillSwitchKey, ...], selection: Selection) -> None:
        self.inventory, self.selection = inventory, selection
        self._switches: dict[Key, list[KillSwitchKey]] = {}
        for carrier in switches:
            self._switches.setdefault(Key(carrier.namespace, carrier.config_map), []).append(carrier)
        self._told: dict[Owner, dict[Subject, None]] = {}

    def happened(self, resource: Resource[Any], object_: Object, deleted: bool) -> list[Facts]:
        """One event. One that a direct read has overtaken happened all the same: it is told as a passing state, and
        after it what is. Nothing at all where it touches no fact."""
        key, store = key_of(object_), self.inventory.store(resource)
        number, state = revision(object_.metadata.resource_version), None if deleted else object_
        if not store.is_late(object_):
            return self._told_of(self.inventory.change(resource, key, state, number))
        now, now_revision = store.held(key)
        passing = self._told_of(self.inventory.change(resource, key, state, now_revision))
        return passing + self._told_of(self.inventory.change(resource, key, now, now_revision))

    def _told_of(self, owners: Iterable[Owner]) -> list[Facts]:
        facts = self.tell(owners)
        return [facts] if facts.seen or facts.gone else []

    def looked(
        self,
        resource: Resource[Any],
        found: Iterable[Object],
        covered: Iterable[Key],
        began: int,
        at_revision: int | None,
    ) -> dict[Owner, None]:
        """Takes what a look found among the keys that it covered; answers whose facts that touches."""
        store, touched = self.inventory.store(resource), dict[Owner, None]()
        differences = store.differences({key_of(o): o for o in found}, covered, began, at_revision)
        for key, object_, number in differences:
            touched |= self.inventory.change(resource, key, object_, number)
        return touched

    def tell(self, owners: Iterable[Owner]) -> Facts:
        seen: list[Fact] = []
        gone: list[Subject] = []
        for owner in owners:
            facts = list(self._facts(owner))
            subjects = dict.fromkeys(fact.subject for fact in facts)
            gone += [subject for subject in self._told.pop(owner, {}) if subject not in subjects]
            if subjects:
                self._told[owner] = subjects
            seen += facts
        return Facts(tuple(seen), tuple(gone))

    def _facts(self, owner: Owner) -> Iterator[Fact]:
        if isinstance(owner, SwitchesOf):
            yield from self._kill_switches(owner.config_map)
        elif (workload := self.inventory.workload(owner)) is not None:
            yield from self._of_workload(owner, workload)
        elif (pod := self.inventory.pod(owner)) is not None and not pod.finished:
            yield from self._of_pod(owner, pod)

    def _kill_switches(self, key: Key) -> Iterator[Fact]:
        for carrier in self._switches.get(key, ()):
            if (fact := kill_switch(carrier, self.inventory.config_map(key))) is not None:
                yield fact

    def _of_workload(self, who: Named, workload: Workload) -> Iterator[Fact]:
        reason = workloads.selected_by(who, workload, self.selection)
        pods = self.inventory.live_pods(who, workload)
        yield workloads.fact(who, workload, reason, pods)
        yield from self._modes(who, bool(reason), workload.spec.template.spec, pods)

    def _of_pod(self, who: Named, pod: Pod) -> Iterator[Fact]:
        """A Pod speaks for itself where no workload does."""
        reason = workloads.pod_selected_by(who, pod, self.selection)
        owners = self.inventory.workloads_of(pod)
        if reason and not any(self._is_execution(owner) for owner in owners):
            yield workloads.pod_fact(who, reason)
        if not owners:
            yield from self._modes(who, bool(reason), pod.spec, [pod])

    def _modes(self, who: Named, execution: bool, spec: PodSpec, pods: Sequence[Pod] | Unknown) -> Iterator[Mode]:
        """Pods that set the same, as those of one template do, are looked at once."""
        settings_of, variables = self.inventory.settings_of, self.inventory.variables
        declared = dict(settings_of(who))
        if isinstance(pods, Unknown):
            return Variables(who, execution, spec, declared, pods, pods, variables, self.selection).modes()
        running = [dict(settings) for settings in dict.fromkeys(settings_of(pod_named(pod)) for pod in pods)]
        return Variables(who, execution, spec, declared, running, len(pods), variables, self.selection).modes()

    def _is_execution(self, who: Named) -> bool:
        workload = self.inventory.workload(who)
        return workload is not None and bool(workloads.selected_by(who, workload, self.selection))

    def covered(self, resource: Resource[Any], namespace: str) -> list[Key]:
        """What a listing of a namespace (empty: of the cluster) covers."""
        return [key for key in self.inventory.store(resource) if namespace in ("", key.namespace)]
