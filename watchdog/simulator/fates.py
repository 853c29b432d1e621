"""What is to go wrong on the nodes, for scenarios and tests: ``floor.kubelet``.

Each call holds for the Pods there are and for those that come, until it is taken back. It decides what befalls a
container, a Pod or a node, and nothing else: statuses are the kubelet's, the scheduler's and the controllers' own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from watchdog.simulator.cluster import Cluster
from watchdog.simulator.history import Record
from watchdog.simulator.resources import NODES, PODS

Name = tuple[str, str]
"""A namespace, and what the names of a workload's Pods begin with."""
OOM_KILLED = 137
NODE = "simulated-node-1"


@dataclass(frozen=True, slots=True)
class Crash:
    """A container ends so many seconds after each start. ``container`` empty: each of the Pod."""

    after: float
    exit_code: int
    reason: str
    container: str = ""


@dataclass
class Fates:
    """``poke``: has the controllers look at an object that nobody has written to."""

    cluster: Cluster
    poke: Callable[[Record], None]
    pushes: dict[str, int] = field(default_factory=dict)  # how often a tag was given to another image
    failures: dict[str, int] = field(default_factory=dict)  # in a row, by the uid of a Pod
    _crashes: dict[Name, Crash] = field(default_factory=dict)
    _homeless: dict[Name, str] = field(default_factory=dict)
    _missing: dict[str, None] = field(default_factory=dict)
    _pressed: dict[str, dict[str, None]] = field(default_factory=dict)  # conditions by node

    # what a scenario says

    def crash(
        self, namespace: str, workload: str, after: float = 2.0, exit_code: int = 1, reason: str = "Error",
        container: str = "",
    ) -> None:  # fmt: skip
        self._crashes[namespace, workload] = Crash(after, exit_code, reason, container)
        self._poke_pods(namespace, workload)

    def out_of_memory(self, namespace: str, workload: str, after: float = 2.0, container: str = "") -> None:
        self.crash(namespace, workload, after, OOM_KILLED, "OOMKilled", container)

    def unschedulable(
        self, namespace: str, workload: str, message: str = "0/1 nodes are available: 1 Insufficient memory."
    ) -> None:
        """Pods that are placed already stay where they are."""
        self._homeless[namespace, workload] = message

    def heal(self, namespace: str, workload: str) -> None:
        """The next start of each container succeeds and lasts, and there is a place for each Pod."""
        self._crashes.pop((namespace, workload), None)
        self._homeless.pop((namespace, workload), None)
        self._poke_pods(namespace, workload)

    def unpullable(self, image: str) -> None:
        """The registry does not know this very reference; containers that run go on."""
        self._missing[image] = None

    def pullable(self, image: str) -> None:
        self._missing.pop(image, None)

    def repush(self, image: str) -> None:
        """The reference names another image for whoever starts from now on."""
        self.pushes[image] = self.pushes.get(image, 0) + 1

    def press(self, condition: str, node: str = NODE) -> None:
        """MemoryPressure, DiskPressure, PIDPressure; NotReady: its kubelet is not heard of any more."""
        self._pressed.setdefault(node, {})[condition] = None
        self.poke(self.cluster.get(NODES, "", node))

    def relieve(self, condition: str, node: str = NODE) -> None:
        self._pressed.get(node, {}).pop(condition, None)
        self.poke(self.cluster.get(NODES, "", node))

    # what the reconcilers ask

    def crash_of(self, pod: Record) -> Crash | None:
        return next((crash for name, crash in self._crashes.items() if _is_of(pod, name)), None)

    def homeless(self, pod: Record) -> str:
        """Why no node takes it; empty if one does."""
        return next((message for name, message in self._homeless.items() if _is_of(pod, name)), "")

    def is_missing(self, image: str) -> bool:
        return image in self._missing

    def pressed(self, node: str) -> list[str]:
        return [*self._pressed.get(node, {})]

    def failed(self, pod: Record) -> int:
        """One failure more in a row; how many there are."""
        self.failures[pod.uid] = self.failures.get(pod.uid, 0) + 1
        return self.failures[pod.uid]

    def _poke_pods(self, *name: str) -> None:
        for pod in self.cluster.records(PODS, name[0]):
            if _is_of(pod, (name[0], name[1])):
                self.poke(pod)


def _is_of(pod: Record, name: Name) -> bool:
    namespace, workload = name
    return pod.namespace == namespace and (pod.name == workload or pod.name.startswith(f"{workload}-"))
