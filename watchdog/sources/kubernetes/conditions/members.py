"""Which workload a Pod is told as, and which Pods a workload has, by owners."""

from __future__ import annotations

from collections.abc import Iterator

from watchdog.core.selection import Named
from watchdog.sources.kubernetes.inventory import Inventory
from watchdog.sources.kubernetes.kept import Pod, Workload
from watchdog.sources.kubernetes.resources import NODES, WORKLOADS
from watchdog.sources.kubernetes.workloads import Execution

REMEMBERED = 1_000
"""Controllers whose root is remembered."""


class Members:
    def __init__(self, inventory: Inventory, execution: Execution) -> None:
        self.inventory, self.execution = inventory, execution
        self._roots: dict[Named, Named] = {}  # by controller: who stands above it
        self._alone: dict[Named, dict[Named, None]] = {}  # Pods whose workload is not held, by its name
        self._alone_as: dict[Named, Named] = {}

    def root(self, held: Pod | Workload) -> Named:
        """The workload that it is told as: the highest above it; a Pod that no workload made is its own."""
        if held.owner is None:
            return held.named
        if (found := self._roots.get(held.owner)) is None:
            if len(self._roots) >= REMEMBERED:
                self._roots.clear()
            found = self._roots[held.owner] = self._root(held)
        return held.named if found.kind == NODES.kind else found  # a node's own Pods are nobody's

    def _root(self, held: Pod | Workload) -> Named:
        owners = self.execution.owners(held)
        return next((owner for owner in reversed(owners) if owner.kind in WORKLOADS), owners[0])

    def pods(self, who: Named) -> list[Pod]:
        """Finished ones too; of a Pod of nobody's, itself."""
        alone = map(self.inventory.pod, (who, *self._alone.get(who, {})))
        found = {pod.named: pod for pod in (*self._selected(who), *alone) if pod is not None}
        return [pod for pod in found.values() if self.root(pod) == who]

    def _selected(self, who: Named) -> Iterator[Pod]:
        workload = self.inventory.workload(who)
        if workload is not None and workload.selector is not None:
            yield from self.inventory.pods_matching(who.namespace, workload.selector)
        elif workload is not None:
            for made in self.inventory.made_by(who):
                yield from self._selected(made)

    def file(self, before: Pod | None, after: Pod | None) -> None:
        """Finds the Pods again of which no selector is known."""
        root = self._alone_as.pop(before.named, None) if before is not None else None
        if before is not None and root is not None:
            self._alone[root].pop(before.named, None)
            if not self._alone[root]:
                del self._alone[root]
        if after is not None and self.inventory.get(now := self.root(after)) is None:
            self._alone.setdefault(now, {})[after.named] = None
            self._alone_as[after.named] = now

    def refile(self, workload: Workload, *, gone: bool) -> Iterator[Named]:
        """It came or went, or is another's now: as what its Pods were told, and are."""
        self._roots.clear()
        mine = map(self.inventory.pod, [*self._alone.get(workload.named, {})])
        for pod in {pod.named: pod for pod in (*self.inventory.pods_of(workload), *mine) if pod is not None}.values():
            before = self._alone_as.get(pod.named)
            if gone or before is not None:
                self.file(pod, pod)
                yield from filter(None, (before, self.root(pod)))
