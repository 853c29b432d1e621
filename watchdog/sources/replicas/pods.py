"""What the API server says of the replicas' Pods: why one that should answer does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from watchdog.core.address import is_namespace
from watchdog.ports import Kubernetes, Unreachable

MOST = "20"
"""Pods that are asked for: what a Deployment of two has in a rollout that got stuck, and then some."""


@dataclass(frozen=True)
class Pods:
    """Which Pods are ours: those that bear all ``labels``. Read every ``poll_interval`` seconds."""

    namespace: str
    labels: Mapping[str, str]
    kubeconfig: str = ""
    context: str = ""
    poll_interval: float = 5.0

    def __post_init__(self) -> None:
        if not is_namespace(self.namespace):
            raise ValueError(f"pods.namespace: expected the name of a namespace, found {self.namespace!r}")
        if not self.labels:
            raise ValueError("pods.labels: expected the labels that the watchdog's Pods bear")
        if not self.poll_interval > 0:
            raise ValueError("pods.poll_interval: expected more than 0")

    async def described(self, kubernetes: Kubernetes, timeout: float) -> str:
        """One clause a Pod. Raises ``KubernetesError`` and ``Unreachable``."""
        selector = ",".join(f"{name}={value}" for name, value in sorted(self.labels.items()))
        path = f"/api/v1/namespaces/{self.namespace}/pods"
        body = await kubernetes.read(path, {"labelSelector": selector, "limit": MOST}, timeout)
        try:
            pods = _lists.decode(body).items
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise Unreachable("Undecodable", f"the API server answers otherwise than agreed: {error}") from None
        return "; ".join(_clauses(pods)) or "no Pod bears the labels"


class Metadata(msgspec.Struct):
    name: str
    deletionTimestamp: str | None = None


class Condition(msgspec.Struct):
    type: str
    status: str


class Status(msgspec.Struct):
    phase: str = "Unknown"
    conditions: list[Condition] = msgspec.field(default_factory=list)


class Pod(msgspec.Struct):
    metadata: Metadata
    status: Status = msgspec.field(default_factory=Status)

    @property
    def ready(self) -> bool:
        return any(condition.type == "Ready" and condition.status == "True" for condition in self.status.conditions)


class PodList(msgspec.Struct):
    items: list[Pod]


_lists = msgspec.json.Decoder(PodList)


def _clauses(pods: list[Pod]) -> Iterator[str]:
    for pod in sorted(pods, key=lambda pod: pod.metadata.name):
        going = ", being deleted" if pod.metadata.deletionTimestamp else ""
        yield f"Pod {pod.metadata.name} is {pod.status.phase}, {'' if pod.ready else 'not '}ready{going}"
