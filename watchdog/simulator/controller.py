"""The controllers of the simulated cluster: one task that reacts to what is stored, a little later, as real ones do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from heapq import heappop, heappush
from sys import maxsize

from watchdog.simulator.cluster import Cluster, Subscription
from watchdog.simulator.history import Event, Record
from watchdog.simulator.reconcilers.deployments import reconcile_deployment
from watchdog.simulator.reconcilers.garbage import reconcile_namespace, reconcile_ownership
from watchdog.simulator.reconcilers.owned import USUAL_PACE, Pace, Timers, World, owners
from watchdog.simulator.reconcilers.pods import reconcile_pod
from watchdog.simulator.reconcilers.replica_sets import reconcile_replica_set
from watchdog.simulator.reconcilers.stateful_sets import reconcile_stateful_set
from watchdog.simulator.resources import DEPLOYMENTS, NAMESPACES, PODS, REPLICA_SETS, STATEFUL_SETS, Resource

_Item = tuple[Resource, str]
_Reconcile = Callable[[World, Record], float | None]
_RECONCILERS: Mapping[Resource, _Reconcile] = {
    DEPLOYMENTS: reconcile_deployment,
    REPLICA_SETS: reconcile_replica_set,
    STATEFUL_SETS: reconcile_stateful_set,
    PODS: reconcile_pod,
    NAMESPACES: reconcile_namespace,
}


@dataclass(slots=True)
class _Agenda:
    """Objects that want a look, each once, at the earliest time that was asked for."""

    _due: dict[_Item, float] = field(default_factory=dict)
    _heap: list[tuple[float, int, _Item]] = field(default_factory=list)
    _count: int = 0

    def add(self, item: _Item, due: float) -> None:
        if due < self._due.get(item, float("inf")):
            self._due[item], self._count = due, self._count + 1
            heappush(self._heap, (due, self._count, item))

    def take(self, now: float) -> _Item | None:
        while self._heap and self._heap[0][0] <= now:
            due, _, item = heappop(self._heap)
            if self._due.get(item) == due:
                del self._due[item]
                return item
        return None

    @property
    def next_due(self) -> float | None:
        return self._heap[0][0] if self._heap else None


class Controller:
    """Makes ReplicaSets and Pods of Deployments, Pods of StatefulSets, runs and removes Pods, and collects garbage."""

    def __init__(self, cluster: Cluster, pace: Pace = USUAL_PACE, time: Callable[[], float] | None = None) -> None:
        """``time``: a monotonic clock; by default that of the running loop."""
        self._time = time or (lambda: asyncio.get_running_loop().time())
        self._world = World(cluster, pace, Timers(self._time))
        self._agenda, self._woken = _Agenda(), asyncio.Event()

    async def run(self) -> None:
        """Until it is cancelled. What is already stored is taken up first."""
        with self._subscribed() as subscriptions:
            while True:
                self._woken.clear()
                self._read(subscriptions)
                while self._worked():
                    await asyncio.sleep(0)  # a request never waits for more than one object
                await self._next()

    def settle(self) -> None:
        """Works, without waiting, until nothing is left to do. Meant for a pace of zero."""
        with self._subscribed() as subscriptions:
            while self._worked():
                self._read(subscriptions)

    @contextmanager
    def _subscribed(self) -> Iterator[list[Subscription]]:
        cluster = self._world.cluster
        subscriptions = [(one, cluster.subscribe(one, self._woken.set, limit=maxsize)) for one in _RECONCILERS]
        for record in [record for one in _RECONCILERS for record in cluster.records(one)]:
            self._notice(Event("ADDED", None, record, b""))
        try:
            yield [subscription for _, subscription in subscriptions]
        finally:
            for resource, subscription in subscriptions:
                cluster.unsubscribe(resource, subscription)

    def _read(self, subscriptions: list[Subscription]) -> None:
        for subscription in subscriptions:
            while subscription.events:
                self._notice(subscription.events.popleft())

    def _notice(self, event: Event) -> None:
        due = self._time() + self._world.pace.settle
        self._world.owned.take(event)
        self._agenda.add((event.after.resource, event.after.key), due)
        for resource, key, _ in owners(event.after):
            self._agenda.add((resource, key), due)
        if event.type == "DELETED":
            for child in self._world.owned.children(event.after):
                self._agenda.add((child.resource, child.key), due)

    def _worked(self) -> bool:
        """Looks at one object that is due; False when none is."""
        item = self._agenda.take(self._time())
        if item is None:
            return False
        again = self._reconcile(*item)
        if again is not None:
            self._agenda.add(item, self._time() + again)
        return True

    def _reconcile(self, resource: Resource, key: str) -> float | None:
        namespace, _, name = key.rpartition("/")
        record = self._world.cluster.find(resource, namespace, name)
        if record is None or reconcile_ownership(self._world, record):
            return None
        reconcile = _RECONCILERS.get(resource)
        return reconcile(self._world, record) if reconcile else None

    async def _next(self) -> None:
        try:
            async with asyncio.timeout_at(self._agenda.next_due):
                await self._woken.wait()
        except TimeoutError:
            pass


def settle(cluster: Cluster) -> None:
    """Brings the cluster, at once, to where its controllers would have it after a while."""
    Controller(cluster, Pace(0.0, 0.0, 0.0), time=lambda: 0.0).settle()
