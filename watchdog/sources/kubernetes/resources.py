"""The resources that are looked at, their paths, and their decoders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, NamedTuple

import msgspec

from watchdog.ports import Unreachable
from watchdog.sources.kubernetes import objects
from watchdog.sources.kubernetes.lines import Added, Bookmark, Deleted, Error, Head, Line, Modified, Page
from watchdog.sources.kubernetes.objects import T


class Key(NamedTuple):
    namespace: str
    name: str


@dataclass(frozen=True)
class Resource(Generic[T]):
    plural: str
    kind: str
    prefix: str
    type: type[T]

    def path(self, namespace: str, name: str = "") -> str:
        """An object's path, or a collection's; an empty namespace is the whole cluster."""
        inside = f"/namespaces/{namespace}" if namespace else ""
        return f"{self.prefix}{inside}/{self.plural}" + (f"/{name}" if name else "")

    @property
    def group(self) -> str:
        """The API group as RBAC names it; empty for the core group."""
        return "" if self.prefix.startswith("/api/") else self.prefix.split("/")[2]

    @cached_property
    def object(self) -> Callable[[bytes], T]:
        return decoder(self.type, f"a {self.kind}")

    @cached_property
    def page(self) -> Callable[[bytes], Page[T]]:
        return decoder(Page[self.type], f"a list of {self.plural}")  # type: ignore[name-defined]

    @cached_property
    def line(self) -> Callable[[bytes], Line[T]]:
        t = self.type
        union = Added[t] | Modified[t] | Deleted[t] | Bookmark | Error  # type: ignore[valid-type]
        return decoder(union, f"an event of {self.plural}")


NAMESPACES = Resource("namespaces", "Namespace", "/api/v1", objects.Namespace)
CONFIG_MAPS = Resource("configmaps", "ConfigMap", "/api/v1", objects.ConfigMap)
PODS = Resource("pods", "Pod", "/api/v1", objects.Pod)
NODES = Resource("nodes", "Node", "/api/v1", objects.Node)
REPLICATION_CONTROLLERS = Resource(
    "replicationcontrollers", "ReplicationController", "/api/v1", objects.ReplicationController
)
DEPLOYMENTS = Resource("deployments", "Deployment", "/apis/apps/v1", objects.Workload)
STATEFUL_SETS = Resource("statefulsets", "StatefulSet", "/apis/apps/v1", objects.Workload)
REPLICA_SETS = Resource("replicasets", "ReplicaSet", "/apis/apps/v1", objects.Workload)
DAEMON_SETS = Resource("daemonsets", "DaemonSet", "/apis/apps/v1", objects.DaemonSet)
JOBS = Resource("jobs", "Job", "/apis/batch/v1", objects.Job)
CRON_JOBS = Resource("cronjobs", "CronJob", "/apis/batch/v1", objects.CronJob)
AUTOSCALERS = Resource(
    "horizontalpodautoscalers", "HorizontalPodAutoscaler", "/apis/autoscaling/v2", objects.HorizontalPodAutoscaler
)
ROLLOUTS = Resource("rollouts", "Rollout", "/apis/argoproj.io/v1alpha1", objects.Rollout)
SCALED_OBJECTS = Resource("scaledobjects", "ScaledObject", "/apis/keda.sh/v1alpha1", objects.ScaledObject)

WORKLOADS: dict[str, Resource[Any]] = {
    resource.kind: resource
    for resource in (
        DEPLOYMENTS, STATEFUL_SETS, DAEMON_SETS, REPLICATION_CONTROLLERS, CRON_JOBS, ROLLOUTS, JOBS, REPLICA_SETS
    )
}  # fmt: skip
"""What makes Pods. An owner stands before what it owns: so is the order of the first lists."""
SCALERS: dict[str, Resource[Any]] = {resource.kind: resource for resource in (AUTOSCALERS, SCALED_OBJECTS)}
OPTIONAL = (ROLLOUTS, SCALED_OBJECTS)
"""Custom resources: there are none where their definition is not served."""
EVERY: tuple[Resource[Any], ...] = (CONFIG_MAPS, *WORKLOADS.values(), *SCALERS.values(), PODS)
"""All that is looked at in each namespace, in the order of the first lists."""


def decoder(type_: Any, what: str) -> Callable[[bytes], Any]:
    decode = msgspec.json.Decoder(type_).decode

    def decoded(data: bytes) -> Any:
        try:
            return decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise Unreachable("Undecodable", f"expected {what}: {error}") from None

    return decoded


head: Callable[[bytes], Head] = decoder(Head, "a list")


def revision(text: str) -> int:
    """A resourceVersion as a number: comparable since Kubernetes 1.35, and in practice always (KEP-5504)."""
    if text.isascii() and text.isdigit() and len(text) <= 20:
        return int(text)
    raise Unreachable("Undecodable", f"expected a resourceVersion, found {text[:40]!r}")
