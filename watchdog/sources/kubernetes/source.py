"""The source ``kubernetes``: its stanza, and the streams that look at the cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from watchdog.core.address import is_namespace
from watchdog.core.services import Criticality
from watchdog.core.variables import WatchedVariable
from watchdog.sources import Look, Source, Stream
from watchdog.sources.kubernetes.access import Access
from watchdog.sources.kubernetes.blindspots import blind_spots
from watchdog.sources.kubernetes.conditions.lkg import last_known_good
from watchdog.sources.kubernetes.conditions.telling import conditions
from watchdog.sources.kubernetes.guarded import Guarded
from watchdog.sources.kubernetes.namespaces import Namespaces, parsed
from watchdog.sources.kubernetes.permissions import Permission, needs
from watchdog.sources.kubernetes.resources import CONFIG_MAPS, EVERY, NAMESPACES, NODES, OPTIONAL, PODS, WORKLOADS, Key
from watchdog.sources.kubernetes.stanza import Execution, Importance, KillSwitchKey
from watchdog.sources.kubernetes.streams import WATCH_DEADLINE, WATCH_STALE, Cluster, Pace


@dataclass(frozen=True, slots=True)
class Kubernetes(Source):
    """Kill switches, workloads at zero and modes, of the namespaces named (none: of the whole cluster). Seconds.

    ``namespace_selector`` ('label=value,...'): those of the whole cluster with these labels, and execution workloads
    and forbidden modes of the others. ``config_maps`` 'named': only the kill switches' and ``config_map_names``
    ('namespace/name'), each by its name, so that RBAC can name them; 'namespace': all of each namespace.

    What is wrong with workloads is told too; of ``nodes`` only where their list may be read. ``criticality`` is what
    workloads are worth: those of execution are critical, all that are not named ``default_criticality``. Images are
    compared with the manifests in ``last_known_good``. ``pause_variables`` pause ingestion where they are off.

    Without ``watch``, two writes of a ConfigMap between two polls cannot be told from one: it is told as a blind spot.
    """

    name: str = "kubernetes"
    kubeconfig: str = ""
    context: str = ""
    namespaces: tuple[str, ...] = ()
    namespace_selector: str = ""
    config_maps: Literal["namespace", "named"] = "namespace"
    config_map_names: tuple[str, ...] = ()
    watch: bool = True
    poll_interval: float = 1.0
    request_timeout: float = 1.5
    stale_after: float = 5.0
    kill_switches: tuple[KillSwitchKey, ...] = ()
    execution: Execution = field(default_factory=Execution)
    variables: tuple[WatchedVariable, ...] = ()
    halt_variables: tuple[str, ...] = ()  # what the platform's own reader takes the kill switch from
    file_variables: tuple[str, ...] = ()  # what names the file that holds it
    exempt_secrets: tuple[str, ...] = ()  # 'namespace/name': known to set none of the variables
    nodes: bool = False
    criticality: tuple[Importance, ...] = ()
    default_criticality: Criticality = "optional"
    last_known_good: str = ""  # the path of a file with manifests; empty: there is none
    pause_variables: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.poll_interval < self.stale_after:
            raise ValueError("poll_interval: expected seconds above 0 and below stale_after")
        if not 0 < self.request_timeout < self.stale_after:
            raise ValueError("request_timeout: expected seconds above 0 and below stale_after")
        for name in self.namespaces:
            if not is_namespace(name) or self.namespaces.count(name) > 1:
                raise ValueError(f"namespaces: expected names of namespaces, each once, found {name!r}")
        if self.namespaces and self.namespace_selector:
            raise ValueError("namespace_selector: expected no namespaces beside it")
        if self.namespace_selector:
            parsed(self.namespace_selector)
        for name in (*self.config_map_names, *self.exempt_secrets):
            if len([part for part in name.split("/") if part]) != 2:
                raise ValueError(f"config_map_names, exempt_secrets: expected 'namespace/name', found {name!r}")
        carriers = [(c.switch, c.location) for c in self.kill_switches]
        if len(set(carriers)) < len(carriers):
            raise ValueError("kill_switches: expected each switch once for a ConfigMap")
        if len({v.name for v in self.variables}) < len(self.variables):
            raise ValueError("variables: expected each name once")
        if "" in self.pause_variables or len(set(self.pause_variables)) < len(self.pause_variables):
            raise ValueError("pause_variables: expected each name once and none empty")
        if len({one.named for one in self.criticality}) < len(self.criticality):
            raise ValueError("criticality: expected each workload once")
        if self.last_known_good and not self.last_known_good.startswith("/"):
            raise ValueError(f"last_known_good: expected an absolute path, found {self.last_known_good!r}")

    def worst_look(self) -> Look:
        return Look(self.poll_interval, self.request_timeout)

    def streams(self) -> Mapping[str, Stream]:
        cluster = self._cluster()
        streams = dict(self._streams(cluster))
        if not self.namespace_selector:
            return streams
        namespaces, concerns = Namespaces(parsed(self.namespace_selector)), cluster.telling.concerns
        concerns.counts, namespaces.reconsidered = namespaces.selected, concerns.reconsider
        sifted = {part: namespaces.sifting(part, stream) for part, stream in streams.items()}
        return {**dict([namespaces.stream(cluster.connect, WATCH_STALE, WATCH_DEADLINE)]), **sifted}

    def _cluster(self) -> Cluster:
        pace = Pace(self.poll_interval, self.request_timeout, self.stale_after)
        guarded = Guarded(
            self.variables, self.kill_switches, self.execution.selection, self.halt_variables, self.file_variables,
            self.exempt_secrets, self.pause_variables, {one.named: one.criticality for one in self.criticality},
            self.default_criticality,
        )  # fmt: skip
        cluster = Cluster(self.name, lambda ports: ports.kubernetes(self.kubeconfig, self.context), guarded, pace)
        if self.config_maps == "named":
            cluster.telling.inventory.only_config_maps = frozenset(self._config_maps())
        return cluster

    def _streams(self, cluster: Cluster) -> Iterator[tuple[str, Stream]]:
        look = cluster.watched if self.watch else cluster.listed
        for key in self._config_maps() if self.watch or self.config_maps == "named" else ():
            yield look(CONFIG_MAPS, *key)
        for workload in self.execution.workloads if self.watch else ():
            yield look(WORKLOADS[workload.kind], workload.namespace, workload.name)
        for namespace in self.namespaces or ("",):
            for resource in EVERY:
                if resource is not CONFIG_MAPS or self.config_maps == "namespace":
                    yield look(resource, namespace)
        if self.nodes:
            yield look(NODES, "")
        for location in dict.fromkeys((carrier.namespace, carrier.config_map) for carrier in self.kill_switches):
            yield cluster.guarded_config_map(*location)
        for workload in self.execution.workloads:
            yield cluster.guarded_workload(workload.named)
        if self.watch:
            yield cluster.aside()
        yield cluster.afterwards()
        yield conditions(cluster.telling.concerns)
        if self.last_known_good:
            yield last_known_good(self.last_known_good, cluster.telling.concerns.compare_with)
        yield blind_spots(cluster.telling.inventory, self.namespaces, self.watch, self.nodes)
        yield self._access(cluster).stream()

    def _config_maps(self) -> list[Key]:
        """Those that have a WATCH of their own."""
        named = [Key(*name.split("/", 1)) for name in self.config_map_names]
        return [*dict.fromkeys([*(Key(c.namespace, c.config_map) for c in self.kill_switches), *named])]

    # what the credentials must allow

    def _access(self, cluster: Cluster) -> Access:
        return Access(self.name, cluster.connect, lambda: tuple(self._needs(cluster)), self._reviewed, OPTIONAL)

    def _needs(self, cluster: Cluster) -> Iterator[Permission]:
        verbs: Any = ("list", "watch") if self.watch else ("list",)
        for history in cluster.histories:
            target = history.target
            yield from needs(target.resource, target.namespace, target.name, verbs)
        for carrier in self.kill_switches:
            yield from needs(CONFIG_MAPS, carrier.namespace, carrier.config_map, ("get",))
        for workload in self.execution.workloads:
            yield from needs(WORKLOADS[workload.kind], workload.namespace, workload.name, ("get",))
            yield from needs(PODS, workload.namespace, "", ("list",))
        if self.namespace_selector:
            yield from needs(NAMESPACES, "", "", ("list", "watch"))

    def _reviewed(self) -> tuple[str, ...]:
        """The namespaces named, else those of what is known by name."""
        known = [*(c.namespace for c in self.kill_switches), *(w.namespace for w in self.execution.workloads)]
        return self.namespaces or tuple(dict.fromkeys(known))
