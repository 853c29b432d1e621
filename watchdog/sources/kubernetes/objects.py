"""The few fields of the API's objects that are needed, typed: whatever else a line holds is passed over undecoded.

Strict where a shape matters (a string for a number of replicas is an error, and an error is never skipped), tolerant of
fields that are newer than we are. Absent and null are the same, as in the API ("zero is absent"). These live no longer
than the look that brought them: what is kept of them is in ``kept``.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias, TypeVar

import msgspec

Labels: TypeAlias = dict[str, str]


class Struct(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """Immutable, camelCase on the wire, and in no cycle: 10,000 Pods must not make the garbage collector pause."""


class Owner(Struct, frozen=True):
    kind: str
    name: str
    controller: bool | None = None


class Meta(Struct, frozen=True):
    """``namespace`` is empty where the kind has none."""

    name: str
    uid: str
    resource_version: str
    namespace: str = ""
    generation: int | None = None
    labels: Labels | None = None
    owner_references: tuple[Owner, ...] | None = None


class AnnotatedMeta(Meta, frozen=True):
    """Annotations can be as large as the object: they are decoded where they count."""

    annotations: Labels | None = None


class PodMeta(AnnotatedMeta, frozen=True):
    creation_timestamp: str | None = None


class ManagedFields(Struct, frozen=True):
    time: str | None = None
    fields_v1: msgspec.Raw = msgspec.Raw(b"{}")


class ManagedMeta(Meta, frozen=True):
    creation_timestamp: str | None = None
    managed_fields: tuple[ManagedFields, ...] | None = None


class KeyRef(Struct, frozen=True):
    """A reference to a key of a ConfigMap or a Secret, or to the whole of it."""

    name: str = ""
    key: str = ""
    optional: bool | None = None


class FieldRef(Struct, frozen=True):
    field_path: str


class ResourceFieldRef(Struct, frozen=True):
    resource: str
    container_name: str | None = None
    divisor: str | int | None = None


class ValueFrom(Struct, frozen=True):
    config_map_key_ref: KeyRef | None = None
    secret_key_ref: KeyRef | None = None
    field_ref: FieldRef | None = None
    resource_field_ref: ResourceFieldRef | None = None


class EnvVar(Struct, frozen=True):
    name: str
    value: str | None = None
    value_from: ValueFrom | None = None


class EnvFrom(Struct, frozen=True):
    prefix: str | None = None
    config_map_ref: KeyRef | None = None
    secret_ref: KeyRef | None = None


class VolumeMount(Struct, frozen=True):
    name: str
    mount_path: str
    sub_path: str | None = None
    sub_path_expr: str | None = None


class ResourceAmounts(Struct, frozen=True):
    limits: dict[str, str | int | float] | None = None
    requests: dict[str, str | int | float] | None = None


class Container(Struct, frozen=True):
    name: str
    image: str = ""
    env: tuple[EnvVar, ...] | None = None
    env_from: tuple[EnvFrom, ...] | None = None
    command: tuple[str, ...] | None = None
    args: tuple[str, ...] | None = None
    volume_mounts: tuple[VolumeMount, ...] | None = None
    resources: ResourceAmounts | None = None
    restart_policy: str | None = None  # of an init container: Always makes it a sidecar


class KeyToPath(Struct, frozen=True):
    key: str
    path: str


class ConfigMapSource(Struct, frozen=True):
    """A ConfigMap as a volume, or as a part of a projected one."""

    name: str = ""
    optional: bool | None = None
    items: tuple[KeyToPath, ...] | None = None


class ProjectedPart(Struct, frozen=True):
    config_map: ConfigMapSource | None = None


class Projected(Struct, frozen=True):
    sources: tuple[ProjectedPart, ...] | None = None


class Volume(Struct, frozen=True):
    name: str
    config_map: ConfigMapSource | None = None
    projected: Projected | None = None


class PodSpec(Struct, frozen=True):
    containers: tuple[Container, ...]
    init_containers: tuple[Container, ...] | None = None
    ephemeral_containers: tuple[Container, ...] | None = None
    volumes: tuple[Volume, ...] | None = None
    service_account_name: str | None = None
    restart_policy: str | None = None


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


class Condition(Struct, frozen=True):
    type: str = ""
    status: str = ""
    reason: str | None = None
    message: str | None = None
    last_transition_time: str | None = None


Unread: TypeAlias = msgspec.Raw
"""Conditions that are decoded where something is wrong: most objects have a handful of them, all well."""
NONE: Unread = msgspec.Raw(b"null")
_conditions = msgspec.json.Decoder(tuple[Condition, ...] | None)


def conditions_of(unread: Unread) -> tuple[Condition, ...]:
    """Raises ``msgspec.MsgspecError``."""
    return _conditions.decode(unread) or ()


class RollingUpdate(Struct, frozen=True):
    partition: int | None = None  # a StatefulSet's: Pods below it are left as they are


class UpdateStrategy(Struct, frozen=True):
    """Of a StatefulSet or a DaemonSet; a Deployment's has another name, and is not looked at."""

    type: str | None = None
    rolling_update: RollingUpdate | None = None


class WorkloadSpec(Struct, frozen=True):
    selector: Selector
    template: Template
    replicas: int | None = None
    update_strategy: UpdateStrategy | None = None


class WorkloadStatus(Struct, frozen=True):
    replicas: int | None = None
    updated_replicas: int | None = None
    ready_replicas: int | None = None
    observed_generation: int | None = None
    current_revision: str | None = None
    update_revision: str | None = None
    conditions: Unread = NONE


class Workload(Struct, frozen=True):
    """A Deployment, a StatefulSet or a ReplicaSet: their fields that count here are the same."""

    metadata: Meta
    spec: WorkloadSpec
    status: WorkloadStatus | None = None


class ControllerSpec(Struct, frozen=True):
    """``selector`` is a map of labels; absent, it is the template's labels."""

    replicas: int | None = None
    selector: Labels | None = None
    template: Template | None = None


class ReplicationController(Struct, frozen=True):
    metadata: Meta
    spec: ControllerSpec = ControllerSpec()
    status: WorkloadStatus | None = None


class DaemonSetSpec(Struct, frozen=True):
    selector: Selector
    template: Template
    update_strategy: UpdateStrategy | None = None


class DaemonSetStatus(Struct, frozen=True):
    desired_number_scheduled: int | None = None
    current_number_scheduled: int | None = None
    number_misscheduled: int | None = None
    updated_number_scheduled: int | None = None
    number_ready: int | None = None
    observed_generation: int | None = None


class DaemonSet(Struct, frozen=True):
    metadata: Meta
    spec: DaemonSetSpec
    status: DaemonSetStatus | None = None


class JobSpec(Struct, frozen=True):
    template: Template
    selector: Selector | None = None
    parallelism: int | None = None
    suspend: bool | None = None


class JobStatus(Struct, frozen=True):
    active: int | None = None
    terminating: int | None = None
    conditions: tuple[Condition, ...] | None = None


class Job(Struct, frozen=True):
    metadata: Meta
    spec: JobSpec
    status: JobStatus | None = None


class JobTemplate(Struct, frozen=True):
    spec: JobSpec
    metadata: TemplateMeta = TemplateMeta()


class CronJobSpec(Struct, frozen=True):
    job_template: JobTemplate
    suspend: bool | None = None
    schedule: str = ""


class CronJob(Struct, frozen=True):
    metadata: Meta
    spec: CronJobSpec


class Target(Struct, frozen=True):
    """What a scaler scales, or a Rollout refers to."""

    name: str = ""
    kind: str | None = None
    scale_down: str | None = None


class RolloutSpec(Struct, frozen=True):
    selector: Selector | None = None
    template: Template | None = None
    workload_ref: Target | None = None
    replicas: int | None = None


class RolloutStatus(Struct, frozen=True):
    replicas: int | None = None
    phase: str | None = None
    message: str | None = None


class Rollout(Struct, frozen=True):
    metadata: Meta
    spec: RolloutSpec = RolloutSpec()
    status: RolloutStatus | None = None


class Fallback(Struct, frozen=True):
    replicas: int | None = None


class ScaledObjectSpec(Struct, frozen=True):
    scale_target_ref: Target
    min_replica_count: int | None = None
    max_replica_count: int | None = None
    fallback: Fallback | None = None


class ScaledObject(Struct, frozen=True):
    metadata: AnnotatedMeta
    spec: ScaledObjectSpec


class AutoscalerSpec(Struct, frozen=True):
    scale_target_ref: Target
    max_replicas: int = 0
    min_replicas: int | None = None


class HorizontalPodAutoscaler(Struct, frozen=True):
    metadata: Meta
    spec: AutoscalerSpec


class Running(Struct, frozen=True):
    started_at: str | None = None


class Waiting(Struct, frozen=True):
    reason: str | None = None


class Terminated(Struct, frozen=True):
    exit_code: int = 0
    reason: str | None = None
    started_at: str | None = None
    finished_at: str | None = None


class ContainerState(Struct, frozen=True):
    running: Running | None = None
    waiting: Waiting | None = None
    terminated: Terminated | None = None


class ContainerStatus(Struct, frozen=True):
    name: str
    restart_count: int | None = None
    container_id: str | None = msgspec.field(default=None, name="containerID")
    image_id: str | None = msgspec.field(default=None, name="imageID")
    state: ContainerState | None = None
    last_state: ContainerState | None = None


class PodStatus(Struct, frozen=True):
    phase: str | None = None
    conditions: Unread = NONE
    container_statuses: tuple[ContainerStatus, ...] | None = None
    init_container_statuses: tuple[ContainerStatus, ...] | None = None
    ephemeral_container_statuses: tuple[ContainerStatus, ...] | None = None


class Pod(Struct, frozen=True):
    metadata: PodMeta
    spec: PodSpec
    status: PodStatus | None = None


class ConfigMap(Struct, frozen=True):
    metadata: ManagedMeta
    data: Labels | None = None
    binary_data: Labels | None = None


class Namespace(Struct, frozen=True):
    metadata: Meta


class NodeStatus(Struct, frozen=True):
    conditions: tuple[Condition, ...] | None = None


class Node(Struct, frozen=True):
    metadata: Meta
    status: NodeStatus | None = None


Object: TypeAlias = (
    ConfigMap | Pod | Workload | ReplicationController | DaemonSet | Job | CronJob | Rollout | ScaledObject
    | HorizontalPodAutoscaler | Namespace | Node
)  # fmt: skip
T = TypeVar("T", bound=Object)


def seconds(text: str | None) -> float:
    """RFC 3339 as seconds since the epoch; 0 where there is none that can be read."""
    try:
        return datetime.fromisoformat(text or "").timestamp()
    except ValueError:
        return 0.0
