"""Pods that no workload accounts for, and ReplicaSets whose Deployment is gone.

What counts of them is told as one with the workload that made them, so that its alerts go on as long as any of it runs;
an execution Pod that nobody made is told by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from watchdog.core.selection import Named
from watchdog.sources.kubernetes.environments import Environments
from watchdog.sources.kubernetes.inventory import Inventory
from watchdog.sources.kubernetes.kept import Kept, Pod, Workload
from watchdog.sources.kubernetes.resources import REPLICA_SETS, WORKLOADS
from watchdog.sources.kubernetes.workloads import Execution


class Left(NamedTuple):
    """What is left of a workload. ``reason``: why it counts as execution; empty if it does not."""

    reason: str
    sets: Sequence[Workload]
    pods: Sequence[Pod]


class Strays:
    def __init__(self, inventory: Inventory, execution: Execution, environments: Environments) -> None:
        self.inventory, self.execution, self.environments = inventory, execution, environments
        self._left: dict[Named, dict[Named, None]] = {}  # by what they are told as
        self._told_as: dict[Named, Named] = {}

    def __contains__(self, who: object) -> bool:
        return who in self._told_as

    def is_told_as_another(self, who: Named) -> bool:
        return self._told_as.get(who, who) != who

    def refile(self, who: Named, held: Kept | None) -> list[Named]:
        """Takes its newest state; answers as what it was told, and is."""
        before, now = self._told_as.get(who), self._to_be_told_as(held)
        if before is not None and before != now:
            self._left[before].pop(who)
            if not self._left[before]:
                del self._left[before]
            del self._told_as[who]
        if now is not None:
            self._left.setdefault(now, {})[who] = None
            self._told_as[who] = now
        return [named for named in dict.fromkeys((before, now)) if named is not None]

    def _to_be_told_as(self, held: Kept | None) -> Named | None:
        if isinstance(held, Pod) and not held.finished:
            return self._pod_to_be_told_as(held)
        if isinstance(held, Workload) and held.named.kind == REPLICA_SETS.kind:
            return self._made_by(held) if self.execution.reason(held) or self.environments.of(held) else None
        return None

    def _pod_to_be_told_as(self, pod: Pod) -> Named | None:
        if self.execution.reason(pod):
            accounted = any(self.execution.reason(workload) for workload in self.inventory.workloads_of(pod))
            return None if accounted else self._made_by(pod) or pod.named
        alone = self.environments.of(pod) and not self.inventory.workloads_of(pod)
        return self._made_by(pod) if alone else None

    def _made_by(self, held: Pod | Workload) -> Named | None:
        """The workload that made it, if that is gone."""
        if held.owner is None or self.inventory.workload(held.owner) is not None:
            return None
        root = self.execution.owners(held)[-1]
        return root if root.kind in WORKLOADS and self.inventory.workload(root) is None else None

    def left_of(self, who: Named) -> Left | None:
        """What is told as ``who``; each Pod once."""
        held = [kept for kept in map(self.inventory.get, self._left.get(who, {})) if isinstance(kept, Pod | Workload)]
        if not held:
            return None
        sets = [kept for kept in held if isinstance(kept, Workload)]
        pods = {pod.named: pod for one in sets for pod in self.inventory.pods_of(one)}
        pods |= {kept.named: kept for kept in held if isinstance(kept, Pod)}
        reason = next(filter(None, map(self.execution.reason, held)), "")
        return Left(reason, sets, [*pods.values()])
