"""The source ``kubernetes``: its stanza, and the streams that look at the cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from watchdog.sources import Source, Stream
from watchdog.sources.kubernetes.inventory import Inventory
from watchdog.sources.kubernetes.resources import CONFIG_MAPS, DEPLOYMENTS, PODS, STATEFUL_SETS
from watchdog.sources.kubernetes.stanza import Execution, KillSwitchKey, WatchedVariable
from watchdog.sources.kubernetes.streams import Cluster, Pace
from watchdog.sources.kubernetes.telling import Telling


@dataclass(frozen=True, slots=True)
class Kubernetes(Source):
    """Kill switches, workloads at zero and modes, of the namespaces named (none: of the whole cluster). Seconds."""

    name: str = "kubernetes"
    kubeconfig: str = ""
    context: str = ""
    namespaces: tuple[str, ...] = ()
    watch: bool = True
    poll_interval: float = 1.0
    request_timeout: float = 2.0
    stale_after: float = 5.0
    kill_switches: tuple[KillSwitchKey, ...] = ()
    execution: Execution = field(default_factory=Execution)
    variables: tuple[WatchedVariable, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.poll_interval < self.stale_after:
            raise ValueError("poll_interval: expected seconds above 0 and below stale_after")
        if not 0 < self.request_timeout < self.stale_after:
            raise ValueError("request_timeout: expected seconds above 0 and below stale_after")
        for name in self.namespaces:
            if not name or self.namespaces.count(name) > 1:
                raise ValueError(f"namespaces: expected each name once and none empty, found {name!r}")
        carriers = [(c.switch, c.location) for c in self.kill_switches]
        if len(set(carriers)) < len(carriers):
            raise ValueError("kill_switches: expected each switch once for a ConfigMap")
        if len({v.name for v in self.variables}) < len(self.variables):
            raise ValueError("variables: expected each name once")

    def streams(self) -> Mapping[str, Stream]:
        return dict(self._streams())

    def _streams(self) -> Iterator[tuple[str, Stream]]:
        telling = Telling(Inventory(self.variables, self.kill_switches), self.kill_switches, self.execution.selection)
        pace = Pace(self.poll_interval, self.request_timeout, self.stale_after)
        cluster = Cluster(lambda ports: ports.kubernetes(self.kubeconfig, self.context), telling, pace)
        for namespace in self.namespaces or ("",):
            for resource in (CONFIG_MAPS, DEPLOYMENTS, STATEFUL_SETS, PODS):
                yield cluster.watched(resource, namespace) if self.watch else cluster.listed(resource, namespace)
        for location in dict.fromkeys((carrier.namespace, carrier.config_map) for carrier in self.kill_switches):
            yield cluster.guarded_config_map(*location)
        for workload in self.execution.workloads:
            yield cluster.guarded_workload(workload.named)
