"""The nested parts of the stanza ``kind: kubernetes``: the platform's names, none of which stands in code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from watchdog.core.address import is_config_key, is_kubernetes_name, is_namespace
from watchdog.core.selection import Named, Selection
from watchdog.core.services import Criticality
from watchdog.sources.kubernetes.resources import NODES, PODS, WORKLOADS

KINDS = (*WORKLOADS, PODS.kind, NODES.kind)
"""Of what conditions are told: what makes Pods, a Pod that nothing made, and nodes."""


@dataclass(frozen=True, slots=True)
class KillSwitchKey:
    """A key of a ConfigMap that carries the kill switch. One that is not ``required`` may be absent."""

    switch: str
    namespace: str
    config_map: str
    key: str
    required: bool = True

    def __post_init__(self) -> None:
        if not self.switch:
            raise ValueError("switch: expected the name of a kill switch, such as EXECUTION_HALTED")
        if not (is_namespace(self.namespace) and is_kubernetes_name(self.config_map) and is_config_key(self.key)):
            raise ValueError(
                "namespace, config_map, key: expected the names of a namespace, a ConfigMap and a key in it"
            )

    @property
    def location(self) -> str:
        return f"{self.namespace}/{self.config_map}"


@dataclass(frozen=True, slots=True)
class GuardedWorkload:
    """An execution workload that is known by name, and read directly beside the WATCH."""

    namespace: str
    kind: Literal["Deployment", "StatefulSet"]
    name: str

    def __post_init__(self) -> None:
        if not (is_namespace(self.namespace) and is_kubernetes_name(self.name)):
            raise ValueError("namespace, name: expected the names of a namespace and of a workload")

    @property
    def named(self) -> Named:
        return Named(self.namespace, self.kind, self.name)


@dataclass(frozen=True, slots=True)
class Execution:
    """What counts as an execution workload. domain.md §5."""

    workloads: tuple[GuardedWorkload, ...] = ()
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    images: tuple[str, ...] = ()
    service_accounts: tuple[str, ...] = ()
    switches: bool = False  # whatever mounts or references a kill switch counts too

    def __post_init__(self) -> None:
        if len({w.named for w in self.workloads}) < len(self.workloads):
            raise ValueError("execution.workloads: expected each workload once")

    @property
    def selection(self) -> Selection:
        workloads, images = tuple(w.named for w in self.workloads), tuple(i.lower() for i in self.images)
        return Selection(workloads, self.labels, images, self.service_accounts, self.switches)


@dataclass(frozen=True, slots=True)
class Importance:
    """What one workload (or a node, in no namespace) is worth. domain.md §6."""

    kind: str
    name: str
    criticality: Criticality
    namespace: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind: expected one of {', '.join(KINDS)}, found {self.kind!r}")
        if not (is_kubernetes_name(self.name) and (not self.namespace or is_namespace(self.namespace))):
            raise ValueError("namespace, name: expected the names of a namespace and of a workload")

    @property
    def named(self) -> Named:
        return Named(self.namespace, self.kind, self.name)
