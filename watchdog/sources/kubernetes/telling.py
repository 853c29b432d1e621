"""Inventory -> facts: what is told of each owner, and what of it is gone."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from watchdog.core.environment import Bearer
from watchdog.core.facts import Blindspot, Fact, Mark, Mode, Subject, Unknown, Wiring
from watchdog.core.modes import FROM_SECRET, Settings, Variables
from watchdog.core.observation import Facts
from watchdog.core.pod import PodShape
from watchdog.core.selection import Named
from watchdog.sources.kubernetes import workloads
from watchdog.sources.kubernetes.conditions.concerns import Concerns
from watchdog.sources.kubernetes.config_maps import kill_switch
from watchdog.sources.kubernetes.environments import Environments, pod_bearer, shape_of, template_bearer
from watchdog.sources.kubernetes.guarded import Guarded
from watchdog.sources.kubernetes.inventory import Inventory, Owner, SwitchesOf, owner_of
from watchdog.sources.kubernetes.kept import ConfigMap, Kept, Pod, Scaler, Workload
from watchdog.sources.kubernetes.objects import Object
from watchdog.sources.kubernetes.reduction import Reduction
from watchdog.sources.kubernetes.resources import CONFIG_MAPS, PODS, REPLICA_SETS, Key, Resource, revision
from watchdog.sources.kubernetes.stanza import KillSwitchKey
from watchdog.sources.kubernetes.strays import Left, Strays


class Telling:
    """Facts of an owner are always told together, and what was told of it before and is not so now is gone.

    ``now``: the wall clock, seconds since the epoch."""

    def __init__(self, guarded: Guarded, now: Callable[[], float]) -> None:
        self.guarded, self.inventory = guarded, Inventory()
        self.reduction = Reduction(guarded.shapes)
        self.environments = Environments(
            self.inventory, guarded.variables, guarded.switches, guarded.halt_variables, now, guarded.pauses
        )
        self.execution = workloads.Execution(self.inventory, guarded.selection, guarded.readers, guarded.reader())
        self.strays = Strays(self.inventory, self.execution, self.environments)
        self.concerns = Concerns(
            self.inventory, self.execution, self.environments, guarded.criticality, guarded.default_criticality
        )
        self._switches: dict[Key, list[KillSwitchKey]] = {}
        for carrier in guarded.switches:
            self._switches.setdefault(Key(carrier.namespace, carrier.config_map), []).append(carrier)
        self._told: dict[Owner, dict[Subject, None]] = {}
        self._tellings: dict[Owner, int] = {}
        self._numbers = count(1)
        self._unreadable: dict[Owner, str] = {}  # what we could make nothing of, and why

    # what is seen

    def happened(self, resource: Resource[Any], object_: Object, deleted: bool) -> list[Facts]:
        """One event. One that a direct read has overtaken happened all the same: it is told as a passing state, and
        after it what is. Nothing at all where it touches no fact."""
        key, store, number = (
            key_of(object_),
            self.inventory.store(resource),
            revision(object_.metadata.resource_version),
        )
        origin = f"{resource.kind} {key.namespace}/{key.name} at {number}"
        if (kept := self._reduced(resource, object_)) is None:
            return self._told_of([owner_of(resource, key)], origin)
        state = None if deleted else kept
        if not store.is_late(key, number):
            return self._told_of(self._change(resource, key, state, number, None), origin)
        now, now_revision = store.held(key)
        passing = self._told_of(self._change(resource, key, state, now_revision, None), origin)
        return passing + self._told_of(self._change(resource, key, now, now_revision, None), "")

    def _told_of(self, owners: Iterable[Owner], origin: str) -> list[Facts]:
        facts = self.tell(owners)
        return [replace(facts, origin=origin)] if facts.seen or facts.gone else []

    def found(
        self, resource: Resource[Any], objects: Sequence[Object], began: int, blind_since: float | None = None
    ) -> Facts:
        """Some objects of a look. ``blind_since``: the wall second since which others of their states may have been
        missed, where the look follows a gap."""
        store, touched = self.inventory.store(resource), dict[Owner, None]()
        for object_ in objects:
            key, kept = key_of(object_), self._reduced(resource, object_)
            if kept is None:
                touched[owner_of(resource, key)] = None
            elif store.differs(key, kept, began):
                touched |= self._change(resource, key, kept, kept.version.revision, blind_since)
        newest = max((revision(object_.metadata.resource_version) for object_ in objects), default=0)
        return replace(self.tell(touched), revision=newest)

    def looked_over(
        self,
        resource: Resource[Any],
        covered: Iterable[Key],
        found: Container[Key],
        began: int,
        at_revision: int | None,
        blind_since: float | None = None,
    ) -> Facts:
        """The end of a look: what it ``covered`` and did not find is gone."""
        touched = dict[Owner, None]()
        for key in self.inventory.store(resource).missing(covered, found, began, at_revision):
            touched |= self._change(resource, key, None, at_revision or 0, blind_since)
        return replace(self.tell(touched), revision=at_revision or 0)

    def _reduced(self, resource: Resource[Any], object_: Object) -> Kept | None:
        """``None`` where nothing can be made of it: a finding about this object, which must blind nobody to others."""
        owner = owner_of(resource, key_of(object_))
        try:
            kept = self.reduction.of(resource, object_)
        except Exception as error:  # where faults stop that one object brings
            self._unreadable[owner] = _fault(error)
            return None
        self._unreadable.pop(owner, None)
        return kept

    def _change(
        self, resource: Resource[Any], key: Key, kept: Kept | None, number: int, blind_since: float | None
    ) -> dict[Owner, None]:
        owner = owner_of(resource, key)
        try:
            return self._changed(resource, key, kept, number, blind_since)
        except Exception as error:  # where faults stop that one object brings
            self._unreadable[owner] = _fault(error)
            return {owner: None}

    def _changed(
        self, resource: Resource[Any], key: Key, kept: Kept | None, number: int, blind_since: float | None
    ) -> dict[Owner, None]:
        if kept is None:
            self._unreadable.pop(owner_of(resource, key), None)
        before = self.inventory.store(resource).get(key)
        touched = self.inventory.change(resource, key, kept, number)
        if not touched:
            return {owner_of(resource, key): None} if self.guards(resource, key) else {}  # its mark has moved
        self.concerns.changed(before, kept)
        if resource is CONFIG_MAPS:
            self.environments.config_map_changed(key, blind_since)
            self.concerns.config_map_changed(touched)
        elif isinstance(kept, Workload | Pod):
            self.environments.refers(kept)
        return self._that_tell_of(kept, touched) if isinstance(kept, Pod) else touched

    def _that_tell_of(self, pod: Pod, touched: dict[Owner, None]) -> dict[Owner, None]:
        """A Pod that sets nothing matters to no workload of which nothing is told, and is not told of unless it counts
        or was."""
        self.environments.forget(pod.named)
        self.execution.forget(pod.named)
        if self.environments.of(pod):
            return touched
        return {owner: None for owner in touched if self._matters(owner)}

    def _matters(self, owner: Owner) -> bool:
        if owner in self._told or owner in self._unreadable or owner in self.strays:
            return True
        held = self.inventory.get(owner) if isinstance(owner, Named) else None
        return isinstance(held, Workload | Pod) and bool(self.execution.reason(held))

    def covered(self, resource: Resource[Any], namespace: str) -> list[Key]:
        """What a listing of a namespace (empty: of the cluster) covers."""
        return [key for key in self.inventory.store(resource) if namespace in ("", key.namespace)]

    def guards(self, resource: Resource[Any], key: Key) -> bool:
        """Whether facts depend on it: a kill switch, an execution workload or its Pod, a watched variable."""
        if resource is CONFIG_MAPS:
            return SwitchesOf(key) in self._told
        who = Named(key.namespace, resource.kind, key.name)
        return who in self._told or who in self.strays

    # what is told

    def telling_of(self, owner: Owner) -> int:
        """The number of the newest telling of its facts; 0 where there are none. The same number is the same facts."""
        return self._tellings.get(owner, 0)

    def tell(self, owners: Iterable[Owner]) -> Facts:
        seen: list[Fact] = []
        gone: list[Subject] = []
        for owner in self._and_what_they_are_told_as(owners):
            facts = self._facts_of(owner)
            subjects = dict.fromkeys(fact.subject for fact in facts)
            if owner in self._unreadable:  # what was last seen of it stands
                subjects = self._told.get(owner, {}) | subjects
            gone += [subject for subject in self._told.pop(owner, {}) if subject not in subjects]
            self._tellings.pop(owner, None)
            if subjects:
                self._told[owner], self._tellings[owner] = subjects, next(self._numbers)
            seen += facts
        return Facts(tuple(seen), tuple(gone))

    def _and_what_they_are_told_as(self, owners: Iterable[Owner]) -> Iterable[Owner]:
        every = dict.fromkeys(owners)
        named = [owner for owner in every if isinstance(owner, Named)]
        for who in named:
            self.environments.forget(who)
            self.execution.forget(who)
        for who in named:
            try:
                every |= dict.fromkeys(self.strays.refile(who, self.inventory.get(who)))
            except Exception as error:  # where faults stop that one object brings
                self._unreadable[who] = _fault(error)
        return every

    def _facts_of(self, owner: Owner) -> list[Fact]:
        """Of what cannot be read: that it cannot, which may hide anything."""
        try:
            facts = list(self._facts(owner))
        except Exception as error:  # where faults stop that one object brings
            self._unreadable[owner], facts = _fault(error), []
        if (why := self._unreadable.get(owner)) is None:
            return facts
        what = f"ConfigMap {'/'.join(owner.config_map)}" if isinstance(owner, SwitchesOf) else _said(owner)
        return [Blindspot("object", what, "Unreadable", f"nothing can be made of it: {why}", executing=True)]

    def _facts(self, owner: Owner) -> Iterator[Fact]:
        if isinstance(owner, SwitchesOf):
            yield from self._of_config_map(owner.config_map)
            return
        match held := self.inventory.get(owner):
            case Workload():
                yield from self._of_workload(held)
            case Scaler():
                yield from self._of_scaler(held)
            case Pod():
                yield from self._of_pod(held)
        if (left := self.strays.left_of(owner)) is not None:
            yield from self._of_what_is_left(owner, left)

    def _of_config_map(self, key: Key) -> Iterator[Fact]:
        config_map = self.inventory.config_map(key)
        carriers = self._switches.get(key, [])
        yield from filter(None, (kill_switch(carrier, config_map) for carrier in carriers))
        if isinstance(config_map, ConfigMap) and (carriers or self._is_watched(key)):
            yield _mark(config_map)

    def _is_watched(self, config_map: Key) -> bool:
        return any(who in self._told for who in self.inventory.referring(config_map))

    def _of_workload(self, workload: Workload) -> Iterator[Fact]:
        who, reason = workload.named, self.execution.reason(workload)
        declared = self.environments.of(workload)
        owner = self.inventory.workload(workload.owner) if workload.owner is not None else None
        if owner is not None and who.kind == REPLICA_SETS.kind and self.execution.speaks_for(owner, workload):
            yield from self._of_owned(workload, owner, reason)
            return
        if who in self.strays:
            yield _mark(workload)
            return
        pods = self.inventory.live_pods(workload)
        if reason:
            yield workloads.replicas(workload, reason, pods)
            yield from self._wiring(workload, pods)
            if workload.scaling is not None:
                yield workloads.could_start(workload, workload.target or who)
        modes = list(self._modes(who, bool(reason), workload, declared, pods))
        yield from modes
        if reason or modes:
            yield _mark(workload)
        live: bool | Unknown = pods if isinstance(pods, Unknown) else bool(pods)
        yield from self._doubts(who, shape_of(workload), declared, live if reason else False)

    def _of_owned(self, workload: Workload, owner: Workload, reason: str) -> Iterator[Fact]:
        """A ReplicaSet speaks through its owner, unless it wants Pods that its owner does not."""
        if reason:
            yield _mark(workload)
            if workload.desired > 0 and not owner.above_zero:
                yield workloads.replicas(workload, reason, self.inventory.live_pods(workload))

    def _wiring(self, workload: Workload, pods: Sequence[Pod] | Unknown) -> Iterator[Fact]:
        """Its template and its Pods, which an admission webhook may have changed."""
        if workload.template is None or not self.guarded.switches:
            return
        live: bool | Unknown = pods if isinstance(pods, Unknown) else bool(pods)
        shapes = {workload.template.shape: ("", template_bearer(workload))}
        for pod in () if isinstance(pods, Unknown) else pods:
            shapes.setdefault(pod.shape, (f"Pod {pod.named.name}: ", pod_bearer(pod)))
        yield self._wired(workload.named, shapes, workload.above_zero or live)

    def _wired(self, who: Named, shapes: Mapping[PodShape, tuple[str, Bearer]], above: bool | Unknown) -> Fact:
        config_maps = self.environments.config_maps(who.namespace)
        judged = [
            (of, *self.execution.wired(who.namespace, shape, bearer, config_maps))
            for shape, (of, bearer) in shapes.items()
        ]
        of, sound, explanation = min(judged, key=lambda one: (one[1] is not False, one[1] is True))
        return Wiring(*who, sound, of + explanation, above)

    def _of_scaler(self, scaler: Scaler) -> Iterator[Fact]:
        """What scales something else than execution is nobody's business."""
        target = self.inventory.workload(scaler.target)
        if self.guarded.selection.selected_by(scaler.target, (), ()) or (target and self.execution.reason(target)):
            yield workloads.could_start(scaler, scaler.target)
            yield _mark(scaler)

    def _of_pod(self, pod: Pod) -> Iterator[Fact]:
        """A Pod speaks for itself where no workload does."""
        if pod.finished:
            return
        reason, settings = self.execution.reason(pod), self.environments.of(pod)
        if reason or settings:
            yield _mark(pod)
        if reason and pod.named in self.strays and not self.strays.is_told_as_another(pod.named):
            if self.guarded.switches:
                yield self._wired(pod.named, {pod.shape: ("", pod_bearer(pod))}, True)
            yield from self._doubts(pod.named, pod.shape, settings, True)
        if not self.inventory.workloads_of(pod) and not self.strays.is_told_as_another(pod.named):
            yield from self._modes(pod.named, bool(reason), pod, settings, [pod])

    def _of_what_is_left(self, who: Named, left: Left) -> Iterator[Fact]:
        """A Pod that nobody made has stated its modes itself."""
        if who.kind == PODS.kind:
            yield workloads.alone(who, left.reason)
            return
        if left.reason:
            yield workloads.remains(who, left.reason, left.sets, left.pods)
        of: Workload | Pod = left.sets[0] if left.sets else left.pods[0]
        yield from self._modes(who, bool(left.reason), of, self.environments.of(of), left.pods)

    def _modes(
        self, who: Named, execution: bool, of: Workload | Pod, declared: Settings, pods: Sequence[Pod] | Unknown
    ) -> Iterator[Mode]:
        """Pods that set the same, as those of one template do, are looked at once."""
        shape = shape_of(of)
        executing = self.execution.executing(shape) if execution and shape.containers else []
        if isinstance(pods, Unknown):
            running: list[dict[Any, Any]] | Unknown = pods
            live: int | Unknown = pods
        else:
            running = [dict(settings) for settings in dict.fromkeys(self.environments.of(pod) for pod in pods)]
            live = len(pods)
        if not (execution or declared or (isinstance(running, list) and any(running))):
            return
        told = Variables(who, execution, executing, dict(declared), running, live, self.guarded.variables).modes()
        waits = isinstance(pods, Unknown) and not execution  # its Pods are on their way: no doubt for a blink
        yield from (mode for mode in told if not waits or mode.unsafe is True or mode.listed is False)

    def _doubts(self, who: Named, shape: PodShape, settings: Settings, executing: bool | Unknown) -> Iterator[Fact]:
        """An envFrom of a Secret could set anything: one finding a workload. domain.md §4."""
        covered = {place[0] for place, setting in settings if setting.doubt and setting.doubt.reason == FROM_SECRET}
        containers = [container for container in shape.containers if container.name in covered]
        if containers:
            secrets = ", ".join(dict.fromkeys(bulk.secret for c in containers for bulk in c.bulk if bulk.secret))
            what = f"{who.kind} {who.namespace}/{who.name}"
            text = f"container {containers[0].name}: a watched variable may come from Secret {secrets}, never read"
            yield Blindspot("secret", what, FROM_SECRET, text, executing)


def _fault(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]


def _said(who: Named) -> str:
    return f"{who.kind} {who.namespace}/{who.name}"


def _mark(kept: Kept) -> Mark:
    who, version = kept.named, kept.version
    return Mark(who.namespace, who.kind, who.name, version.uid, version.generation, version.revision)


def key_of(object_: Object) -> Key:
    return Key(object_.metadata.namespace, object_.metadata.name)
