"""The few fields of the API's objects that are needed, typed: whatever else a line holds is passed over undecoded.

Strict where a shape matters (a string for a number of replicas is an error, and an error is never skipped), tolerant of
fields that are newer than we are. Absent and null are the same, as in the API ("zero is absent").
"""

from __future__ import annotations

from typing import Generic, TypeAlias, TypeVar

import msgspec

Labels: TypeAlias = dict[str, str]


class Struct(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """Immutable, camelCase on the wire, and in no cycle: 10,000 Pods must not make the garbage collector pause."""


class Owner(Struct, frozen=True):
    kind: str
    name: str
    controller: bool | None = None


class Meta(Struct, frozen=True):
    name: str
    namespace: str
    uid: str
    resource_version: str
    labels: Labels | None = None
    deletion_timestamp: str | None = None


class Key(Struct, frozen=True):
    """A reference to a key of a ConfigMap or a Secret, or to the whole of it."""

    name: str = ""
    key: str = ""
    optional: bool | None = None


class FieldRef(Struct, frozen=True):
    field_path: str


class ValueFrom(Struct, frozen=True):
    config_map_key_ref: Key | None = None
    secret_key_ref: Key | None = None
    field_ref: FieldRef | None = None


class EnvVar(Struct, frozen=True):
    name: str
    value: str | None = None
    value_from: ValueFrom | None = None


class EnvFrom(Struct, frozen=True):
    prefix: str | None = None
    config_map_ref: Key | None = None
    secret_ref: Key | None = None


class Container(Struct, frozen=True):
    name: str
    image: str = ""
    env: tuple[EnvVar, ...] | None = None
    env_from: tuple[EnvFrom, ...] | None = None


class PodSpec(Struct, frozen=True):
    containers: tuple[Container, ...]
    init_containers: tuple[Container, ...] | None = None
    ephemeral_containers: tuple[Container, ...] | None = None

    def all(self) -> tuple[Container, ...]:
        """Init, sidecar and ephemeral containers too: their names are of one set."""
        return (*self.containers, *(self.init_containers or ()), *(self.ephemeral_containers or ()))


class TemplateMeta(Struct, frozen=True):
    labels: Labels | None = None
    annotations: Labels | None = None


class Template(Struct, frozen=True):
    spec: PodSpec
    metadata: TemplateMeta = TemplateMeta()


class Requirement(Struct, frozen=True):
    key: str
    operator: str
    values: tuple[str, ...] | None = None


class Selector(Struct, frozen=True):
    match_labels: Labels | None = None
    match_expressions: tuple[Requirement, ...] | None = None


class WorkloadSpec(Struct, frozen=True):
    selector: Selector
    template: Template
    replicas: int | None = None


class WorkloadStatus(Struct, frozen=True):
    replicas: int | None = None


class Workload(Struct, frozen=True):
    """A Deployment or a StatefulSet: their fields that count here are the same."""

    metadata: Meta
    spec: WorkloadSpec
    status: WorkloadStatus | None = None


class PodMeta(Meta, frozen=True):
    annotations: Labels | None = None
    owner_references: tuple[Owner, ...] | None = None


class PodStatus(Struct, frozen=True):
    phase: str | None = None


class Pod(Struct, frozen=True):
    metadata: PodMeta
    spec: PodSpec
    status: PodStatus | None = None

    @property
    def finished(self) -> bool:
        """A terminating Pod still runs; one in a terminal phase never will again."""
        return self.status is not None and self.status.phase in ("Succeeded", "Failed")


KEPT = 4096
"""Characters that are kept of each value of a ConfigMap, which may hold a megabyte: no watched value is longer."""


class ConfigMap(Struct, frozen=True):
    metadata: Meta
    data: Labels | None = None
    binary_data: Labels | None = None

    def __post_init__(self) -> None:
        for name in ("data", "binary_data"):
            if (values := getattr(self, name)) and any(len(value) > KEPT for value in values.values()):
                msgspec.structs.force_setattr(self, name, {key: value[:KEPT] for key, value in values.items()})


Object: TypeAlias = ConfigMap | Workload | Pod
T = TypeVar("T", ConfigMap, Workload, Pod)


class ListMeta(Struct, frozen=True):
    resource_version: str
    continue_: str | None = msgspec.field(default=None, name="continue")


class Page(Struct, Generic[T], frozen=True):
    """One page of a LIST."""

    metadata: ListMeta
    items: tuple[T, ...] | None = None


# The lines of a WATCH


class Added(Struct, Generic[T], frozen=True, tag_field="type", tag="ADDED"):
    object: T


class Modified(Struct, Generic[T], frozen=True, tag_field="type", tag="MODIFIED"):
    object: T


class Deleted(Struct, Generic[T], frozen=True, tag_field="type", tag="DELETED"):
    object: T


class BookmarkMeta(Struct, frozen=True):
    resource_version: str
    annotations: Labels | None = None


class Position(Struct, frozen=True):
    metadata: BookmarkMeta


class Bookmark(Struct, frozen=True, tag_field="type", tag="BOOKMARK"):
    object: Position

    @property
    def ends_initial_events(self) -> bool:
        return (self.object.metadata.annotations or {}).get("k8s.io/initial-events-end") == "true"


class Status(Struct, frozen=True):
    code: int = 0
    reason: str = ""
    message: str = ""


class Error(Struct, frozen=True, tag_field="type", tag="ERROR"):
    object: Status


Event: TypeAlias = Added[T] | Modified[T] | Deleted[T]
Line: TypeAlias = Added[T] | Modified[T] | Deleted[T] | Bookmark | Error
