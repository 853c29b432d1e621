"""What makes Pods, what scales it, and how it reads the kill switch -> facts. domain.md §3, §5."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from watchdog.core import facts, latent
from watchdog.core.environment import Bearer, ConfigMaps
from watchdog.core.facts import Unknown
from watchdog.core.pod import PodShape
from watchdog.core.selection import Named, Selection, owners, supposed_owner
from watchdog.core.wiring import Reader, executing, read_by, wired
from watchdog.sources.kubernetes.environments import shape_of
from watchdog.sources.kubernetes.inventory import Inventory
from watchdog.sources.kubernetes.kept import Pod, Scaler, Workload
from watchdog.sources.kubernetes.resources import DEPLOYMENTS, ROLLOUTS
from watchdog.sources.kubernetes.selectors import matches


@dataclass(frozen=True)
class Execution:
    """What counts as execution, over what is held. ``readers``: of each namespace that has a kill switch."""

    inventory: Inventory
    selection: Selection
    readers: Mapping[str, Reader]
    nowhere: Reader  # of a namespace without one: there is nothing to mount
    _reasons: dict[Named, str] = field(default_factory=dict)

    @cached_property
    def namespaces(self) -> frozenset[str]:
        """Where a workload is known by name, and so may be somebody's owner."""
        return frozenset(named.namespace for named in self.selection.workloads)

    def forget(self, who: Named) -> None:
        """It, or something behind it, has changed."""
        self._reasons.pop(who, None)

    def reason(self, held: Workload | Pod) -> str:
        """Why it counts, as text; empty if it does not."""
        if held.named not in self._reasons:
            self._reasons[held.named] = self._reason(held)
        return self._reasons[held.named]

    def _reason(self, held: Workload | Pod) -> str:
        target = held.target if isinstance(held, Workload) else None
        return self._own_reason(held) or (self._reason_of_target(target) if target is not None else "")

    def _own_reason(self, held: Workload | Pod) -> str:
        shape = shape_of(held)
        labels = [dict(held.labels)]
        if isinstance(held, Workload):
            labels.append(dict(held.job_labels))
            labels.append(dict(held.template.labels) if held.template is not None else {})
        return self.selection.selected_by(
            held.named,
            labels,
            (container.image for container in shape.containers),
            self.owners(held) if held.named.namespace in self.namespaces else (),
            shape.service_account,
            self.switch(held.named.namespace, shape) if self.selection.switches else "",
        )

    def _reason_of_target(self, target: Named) -> str:
        """Why a Rollout counts that takes another's template."""
        held = self.inventory.workload(target)
        reason = self.selection.selected_by(target, (), ()) if held is None else self._own_reason(held)
        return f"workloadRef {target.name}" if reason else ""

    def speaks_for(self, owner: Workload, made: Workload) -> bool:
        """Whether a ReplicaSet is what its owner says it is: an owner reference is anybody's to write, and makes no
        Deployment (or Rollout) of what it names."""
        if owner.named.kind not in (DEPLOYMENTS.kind, ROLLOUTS.kind) or owner.selector is None or made.template is None:
            return False
        selected = matches(owner.selector, dict(made.template.labels))
        return selected and (bool(self.reason(owner)) or not self.reason(made))

    def owners(self, held: Workload | Pod) -> tuple[Named, ...]:
        """The workloads behind it, the nearest first."""
        return owners(held.owner, lambda named: self._owner_of(named, held))

    def _owner_of(self, named: Named, of: Workload | Pod) -> Named | None:
        held = self.inventory.workload(named)
        return supposed_owner(named, dict(of.labels)) if held is None else held.owner

    def switch(self, namespace: str, shape: PodShape) -> str:
        return read_by(shape, self.reader(namespace))

    def reader(self, namespace: str) -> Reader:
        return self.readers.get(namespace, self.nowhere)

    def wired(
        self, namespace: str, shape: PodShape, bearer: Bearer, config_maps: ConfigMaps
    ) -> tuple[bool | Unknown, str]:
        """Whether the kill switch reaches every container that counts, and the field at fault if not."""
        return wired(shape, self.reader(namespace), self.is_image, bearer, config_maps)

    def executing(self, shape: PodShape) -> list[str]:
        """The containers that count: of an execution image, else the first (a mesh's sidecar need not)."""
        return [container.name for container in executing(shape, self.is_image)]

    def is_image(self, reference: str) -> bool:
        return bool(self.selection.image_of(reference))


def replicas(workload: Workload, reason: str, pods: Sequence[Pod] | Unknown) -> facts.Workload:
    """``pods``: those that the selector matches and that are not finished."""
    live = pods if isinstance(pods, Unknown) else len(pods)
    return facts.Workload(*workload.named, bool(reason), reason, workload.desired, workload.reported, live)


def alone(who: Named, reason: str) -> facts.Workload:
    """An execution Pod that nobody made."""
    return facts.Workload(*who, execution=True, selected_by=reason, desired=1, reported=1, live=1)


def remains(who: Named, reason: str, sets: Sequence[Workload], pods: Sequence[Pod]) -> facts.Workload:
    """Of an execution workload that is gone: its ReplicaSets, and its Pods."""
    desired, reported = sum(one.desired for one in sets), sum(one.reported for one in sets)
    return facts.Workload(*who, execution=True, selected_by=reason, desired=desired, reported=reported, live=len(pods))


def could_start(held: Workload | Scaler, target: Named) -> facts.Latent:
    """Whether it could start its target without a human."""
    assert held.scaling is not None
    judged = latent.judged(held.scaling)
    target_text = f"{target.kind} {target.name}"
    return facts.Latent(*_identity(held.named), target_text, judged.could_start, judged.inert, judged.explanation)


def _identity(who: Named) -> tuple[str, str, str]:
    return who.namespace, who.kind, who.name
