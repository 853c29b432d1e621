"""The controllers of the simulated cluster: one task that reacts to what is stored, a little later, as real ones do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from heapq import heappop, heappush
from sys import maxsize

from watchdog.simulator.cluster import Cluster
from watchdog.simulator.custom import ROLLOUTS, SCALED_OBJECTS
from watchdog.simulator.errors import ApiError
from watchdog.simulator.fates import Fates
from watchdog.simulator.history import Event, Record
from watchdog.simulator.reconcilers.autoscalers import reconcile_autoscaler
from watchdog.simulator.reconcilers.cron_jobs import reconcile_cron_job
from watchdog.simulator.reconcilers.daemon_sets import reconcile_daemon_set
from watchdog.simulator.reconcilers.deployments import reconcile_deployment
from watchdog.simulator.reconcilers.garbage import reconcile_namespace, reconcile_ownership
from watchdog.simulator.reconcilers.jobs import reconcile_job
from watchdog.simulator.reconcilers.nodes import reconcile_node
from watchdog.simulator.reconcilers.owned import USUAL_PACE, Pace, Timers, World, owners
from watchdog.simulator.reconcilers.pods import reconcile_pod
from watchdog.simulator.reconcilers.recorder import reconcile_event
from watchdog.simulator.reconcilers.replica_sets import reconcile_replica_set
from watchdog.simulator.reconcilers.rollouts import reconcile_rollout
from watchdog.simulator.reconcilers.scaled_objects import reconcile_scaled_object
from watchdog.simulator.reconcilers.stateful_sets import reconcile_stateful_set
from watchdog.simulator.resources import (
    CRON_JOBS,
    DAEMON_SETS,
    DEPLOYMENTS,
    EVENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    JOBS,
    NAMESPACES,
    NODES,
    PODS,
    REPLICA_SETS,
    REPLICATION_CONTROLLERS,
    STATEFUL_SETS,
    Resource,
)
from watchdog.simulator.subscription import Subscription

_Item = tuple[Resource, str]
_Reconcile = Callable[[World, Record], float | None]
_RECONCILERS: Mapping[Resource, _Reconcile] = {
    DEPLOYMENTS: reconcile_deployment,
    REPLICA_SETS: reconcile_replica_set,
    REPLICATION_CONTROLLERS: reconcile_replica_set,
    STATEFUL_SETS: reconcile_stateful_set,
    DAEMON_SETS: reconcile_daemon_set,
    JOBS: reconcile_job,
    CRON_JOBS: reconcile_cron_job,
    HORIZONTAL_POD_AUTOSCALERS: reconcile_autoscaler,
    ROLLOUTS: reconcile_rollout,
    SCALED_OBJECTS: reconcile_scaled_object,
    PODS: reconcile_pod,
    NODES: reconcile_node,
    NAMESPACES: reconcile_namespace,
    EVENTS: reconcile_event,
}
_IN_A_CLOSING_NAMESPACE = (PODS, EVENTS)


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
    """Makes what workloads ask for, schedules, runs and removes Pods, scales, records Events, and collects garbage."""

    def __init__(
        self,
        cluster: Cluster,
        pace: Pace = USUAL_PACE,
        time: Callable[[], float] | None = None,
        *,
        records_events: bool = True,
    ) -> None:
        """``time``: a monotonic clock; by default that of the running loop."""
        self._time = time or (lambda: asyncio.get_running_loop().time())
        self._agenda, self._woken = _Agenda(), asyncio.Event()
        self.kubelet = Fates(cluster, self._poke)
        self._world = World(cluster, pace, Timers(self._time), self.kubelet, records_events=records_events)

    async def run(self) -> None:
        """Until it is cancelled. What is already stored is taken up first."""
        with self._subscribed() as subscriptions:
            while True:
                self._woken.clear()
                self._read(subscriptions)
                while self._worked():
                    await asyncio.sleep(0)  # a request never waits for more than one object
                await self._next()

    def _poke(self, record: Record) -> None:
        self._agenda.add((record.resource, record.key), self._time())
        self._woken.set()

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
        for resource, key, _ in owners(self._world.cluster.catalog, event.after):
            self._agenda.add((resource, key), due)
        for record in self._waiting_for(event):
            self._agenda.add((record.resource, record.key), due)
        if event.type == "DELETED":
            for child in self._world.owned.children(event.after):
                self._agenda.add((child.resource, child.key), due)

    def _waiting_for(self, event: Event) -> list[Record]:
        """A node that comes or changes its labels is a place for DaemonSets, and for Pods that found none."""
        cluster = self._world.cluster
        if event.after.resource is not NODES:
            return []
        homeless = [pod for pod in cluster.records(PODS) if not pod.object["spec"].get("nodeName")]
        return cluster.records(DAEMON_SETS) + homeless

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
        if namespace and resource not in _IN_A_CLOSING_NAMESPACE and self._world.is_closing(namespace):
            return None
        try:
            return reconcile(self._world, record) if reconcile else None
        except ApiError:  # its write was refused: a real controller tries again, ever more rarely
            return self._world.pace.sync

    async def _next(self) -> None:
        try:
            async with asyncio.timeout_at(self._agenda.next_due):
                await self._woken.wait()
        except TimeoutError:
            pass


def settle(cluster: Cluster) -> None:
    """Brings the cluster, at once, to where its controllers would have it after a while: so long, that the Events of it
    have expired."""
    Controller(cluster, Pace(0.0, 0.0, 0.0), time=lambda: 0.0, records_events=False).settle()
