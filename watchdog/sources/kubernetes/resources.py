"""The resources that are looked at, their paths, and their decoders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, NamedTuple

import msgspec

from watchdog.ports import Unreachable
from watchdog.sources.kubernetes.objects import (
    Added,
    Bookmark,
    ConfigMap,
    Deleted,
    Error,
    Line,
    ListMeta,
    Modified,
    Page,
    Pod,
    Struct,
    T,
    Workload,
)


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

    @cached_property
    def object(self) -> Callable[[bytes], T]:
        return _decoder(self.type, f"a {self.kind}")

    @cached_property
    def page(self) -> Callable[[bytes], Page[T]]:
        return _decoder(Page[self.type], f"a list of {self.plural}")  # type: ignore[name-defined]

    @cached_property
    def line(self) -> Callable[[bytes], Line[T]]:
        t = self.type
        union = Added[t] | Modified[t] | Deleted[t] | Bookmark | Error  # type: ignore[valid-type]
        return _decoder(union, f"an event of {self.plural}")


CONFIG_MAPS = Resource("configmaps", "ConfigMap", "/api/v1", ConfigMap)
DEPLOYMENTS = Resource("deployments", "Deployment", "/apis/apps/v1", Workload)
STATEFUL_SETS = Resource("statefulsets", "StatefulSet", "/apis/apps/v1", Workload)
PODS = Resource("pods", "Pod", "/api/v1", Pod)
WORKLOADS = {resource.kind: resource for resource in (DEPLOYMENTS, STATEFUL_SETS)}


class Head(Struct, frozen=True):
    """A list of which only the revision is asked."""

    metadata: ListMeta


def _decoder(type_: Any, what: str) -> Callable[[bytes], Any]:
    decode = msgspec.json.Decoder(type_).decode

    def decoded(data: bytes) -> Any:
        try:
            return decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise Unreachable("Undecodable", f"expected {what}: {error}") from None

    return decoded


head: Callable[[bytes], Head] = _decoder(Head, "a list")


def revision(text: str) -> int:
    """A resourceVersion as a number: comparable since Kubernetes 1.35, and in practice always (KEP-5504)."""
    if text.isascii() and text.isdigit():
        return int(text)
    raise Unreachable("Undecodable", f"expected a resourceVersion, found {text[:40]!r}")
