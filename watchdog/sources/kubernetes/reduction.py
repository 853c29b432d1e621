"""Wire objects -> what is kept of them. Equal values are kept once: ten thousand Pods of a hundred templates share a
hundred shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

import msgspec

from watchdog.core.latent import Autoscaler, Reference, ScaledObject, Schedule
from watchdog.core.pod import Pairs
from watchdog.core.selection import Named
from watchdog.core.started import Start
from watchdog.sources.kubernetes import objects
from watchdog.sources.kubernetes.conditions import ailments, images
from watchdog.sources.kubernetes.kept import (
    ConfigMap,
    Kept,
    Node,
    Pod,
    Progress,
    Scaler,
    Started,
    Template,
    Version,
    Workload,
)
from watchdog.sources.kubernetes.objects import Labels, Meta, Selector, seconds
from watchdog.sources.kubernetes.resources import Resource, revision
from watchdog.sources.kubernetes.shapes import Shapes

V = TypeVar("V")

KEPT = 256
"""Characters that are kept of each value of a ConfigMap, which may hold a megabyte: no watched value is longer."""
LONG = 32_768
"""... and of one that names a watched variable: it may be a script."""
CUT = "…"
"""What stands for the rest: whoever reads a value that was cut off takes it for none that is known."""
OPERATORS = frozenset({"In", "NotIn", "Exists", "DoesNotExist"})
SHARED = 50_000
"""Values that are shared at most; beyond it sharing begins anew."""


class Reduction:
    def __init__(self, shapes: Shapes) -> None:
        self.shapes = shapes
        self._shared: dict[Any, Any] = {}

    def of(self, resource: Resource[Any], wire: Any) -> Kept:
        """Raises ``Unreachable`` for what no API server sends (a resourceVersion that is no number)."""
        return _REDUCE[type(wire)](self, resource.kind, wire)

    def _one(self, value: V) -> V:
        """The value itself, or one that is equal and was there before."""
        if len(self._shared) >= SHARED:
            self._shared.clear()
        found: V = self._shared.setdefault(value, value)
        return found

    def _named(self, kind: str, meta: Meta) -> Named:
        return Named(self._one(meta.namespace), kind, meta.name)

    def _pairs(self, labels: Labels | None) -> Pairs:
        return self._one(tuple(sorted((self._one(k), self._one(v)) for k, v in (labels or {}).items())))

    def _owner(self, meta: Meta) -> Named | None:
        found = next((o for o in meta.owner_references or () if o.controller), None)
        return None if found is None else self._one(Named(meta.namespace, found.kind, found.name))

    def _template(self, template: objects.Template, namespace: str) -> Template:
        shape = self.shapes.of(template.spec, namespace)
        meta = template.metadata
        annotations = self._annotations(meta.annotations, self.shapes.annotations(shape))
        return self._one(Template(self._pairs(meta.labels), annotations, self._one(shape)))

    def _annotations(self, annotations: Labels | None, needed: frozenset[str]) -> Pairs:
        return self._pairs({k: v for k, v in (annotations or {}).items() if k in needed}) if needed else ()

    def _workload(
        self,
        kind: str,
        meta: Meta,
        selector: Selector | None,
        template: objects.Template | None,
        desired: int,
        reported: int,
        scaling: Schedule | Reference | None = None,
    ) -> Workload:
        unknown = [
            r.operator for r in (selector.match_expressions or () if selector else ()) if r.operator not in OPERATORS
        ]
        if unknown:
            raise ValueError(f"its selector has the operator {unknown[0][:40]!r}, which nobody knows")
        made = None if template is None else self._template(template, meta.namespace)
        named, owner, labels = self._named(kind, meta), self._owner(meta), self._pairs(meta.labels)
        return Workload(named, version(meta), labels, owner, selector, made, desired, reported, scaling)

    def replicated(self, kind: str, wire: objects.Workload) -> Kept:
        status, spec = wire.status or objects.WorkloadStatus(), wire.spec
        desired, reported = replicas(spec.replicas), status.replicas or 0
        made = self._workload(kind, wire.metadata, spec.selector, spec.template, desired, reported)
        progress, ailing = _progress(wire), ailments.of_rollout(status.conditions)
        return replace(made, progress=progress, ailments=ailing) if progress or ailing else made

    def controller(self, kind: str, wire: objects.ReplicationController) -> Kept:
        spec, template = wire.spec, wire.spec.template
        labels = spec.selector or (template.metadata.labels if template is not None else None)
        reported = (wire.status.replicas if wire.status is not None else None) or 0
        return self._workload(kind, wire.metadata, Selector(labels), template, replicas(spec.replicas), reported)

    def daemon_set(self, kind: str, wire: objects.DaemonSet) -> Kept:
        """Its spec asks for a Pod on every node that fits, and only its status says whether there is one: until the
        controller has looked at this generation, it counts as one that schedules."""
        status = wire.status or objects.DaemonSetStatus()
        told = (status.observed_generation or 0) >= (wire.metadata.generation or 0)
        desired = (status.desired_number_scheduled or 0) if told else max(1, status.desired_number_scheduled or 0)
        reported = (status.current_number_scheduled or 0) + (status.number_misscheduled or 0)
        made = self._workload(kind, wire.metadata, wire.spec.selector, wire.spec.template, desired, reported)
        progress = _progress_of_daemons(wire) if told else None
        return made if progress is None else replace(made, progress=progress)

    def job(self, kind: str, wire: objects.Job) -> Kept:
        status, spec = wire.status or objects.JobStatus(), wire.spec
        over = any(c.type in ("Complete", "Failed") and c.status == "True" for c in status.conditions or ())
        desired = 0 if over or spec.suspend else replicas(spec.parallelism)
        reported = (status.active or 0) + (status.terminating or 0)
        made = self._workload(kind, wire.metadata, spec.selector, spec.template, desired, reported)
        if not over:
            return made
        ended = max(seconds(one.last_transition_time) for one in status.conditions or ())
        return replace(made, ended=ended, ailments=ailments.of_job(status.conditions))

    def cron_job(self, kind: str, wire: objects.CronJob) -> Kept:
        """It runs nothing itself: its Jobs do, and each is told of."""
        template, schedule = wire.spec.job_template.spec.template, Schedule(wire.spec.suspend is True)
        labels = self._pairs(wire.spec.job_template.metadata.labels)
        return replace(self._workload(kind, wire.metadata, None, template, 0, 0, schedule), job_labels=labels)

    def rollout(self, kind: str, wire: objects.Rollout) -> Kept:
        spec, ref, status = wire.spec, wire.spec.workload_ref, wire.status or objects.RolloutStatus()
        desired, reported = replicas(spec.replicas), status.replicas or 0
        referring = (
            None if ref is None else Reference(ref.kind or "Deployment", ref.name, spec.replicas, ref.scale_down or "")
        )
        made = self._workload(kind, wire.metadata, spec.selector, spec.template, desired, reported, referring)
        return replace(made, ailments=ailments.of_argo(status.phase, status.message))

    def scaled_object(self, kind: str, wire: objects.ScaledObject) -> Kept:
        meta, spec = wire.metadata, wire.spec
        annotations = {k: v for k, v in (meta.annotations or {}).items() if k.startswith("autoscaling.keda.sh/")}
        fallback = None if spec.fallback is None else spec.fallback.replicas
        scaling = ScaledObject(spec.min_replica_count, spec.max_replica_count, annotations, fallback)
        return Scaler(self._named(kind, meta), version(meta), self._target(meta, spec.scale_target_ref), scaling)

    def autoscaler(self, kind: str, wire: objects.HorizontalPodAutoscaler) -> Kept:
        meta, spec = wire.metadata, wire.spec
        scaling = Autoscaler(spec.min_replicas, spec.max_replicas)
        return Scaler(self._named(kind, meta), version(meta), self._target(meta, spec.scale_target_ref), scaling)

    def _target(self, meta: Meta, target: objects.Target) -> Named:
        return Named(self._one(meta.namespace), target.kind or "Deployment", target.name)

    def pod(self, kind: str, wire: objects.Pod) -> Kept:
        meta, status = wire.metadata, wire.status or objects.PodStatus()
        shape = self._one(self.shapes.of(wire.spec, meta.namespace))
        annotations = self._annotations(meta.annotations, self.shapes.annotations(shape))
        finished = status.phase in ("Succeeded", "Failed")
        starts = tuple(_starts(meta, status)) if self.shapes.depends(shape) else ()
        labels, owner, named = self._pairs(meta.labels), self._owner(meta), self._named(kind, meta)
        ailing, digests = ailments.of_pod(wire), self._digests(status)
        return Pod(named, version(meta), labels, annotations, owner, shape, finished, starts, ailing, digests)

    def _digests(self, status: objects.PodStatus) -> images.Digests:
        found = images.running(status)
        return found and self._one(tuple((self._one(name), self._one(digest)) for name, digest in found))

    def node(self, kind: str, wire: objects.Node) -> Kept:
        return Node(self._named(kind, wire.metadata), version(wire.metadata), ailments.of_node(wire))

    def _bounded(self, value: str) -> str:
        """A script that names a variable is kept as far as it is read."""
        if len(value) <= KEPT:
            return value
        return bounded(value, LONG if self.shapes.names_one(value) else KEPT)

    def config_map(self, kind: str, wire: objects.ConfigMap) -> Kept:
        meta, data = wire.metadata, wire.data or {}
        created = seconds(meta.creation_timestamp) or None
        kept = {self._one(key): self._bounded(value) for key, value in data.items()}
        binary = {k: v[:KEPT] for k, v in wire.binary_data.items()} if wire.binary_data else NOTHING
        last = max((seconds(entry.time) for entry in meta.managed_fields or ()), default=0.0) or None
        return ConfigMap(self._named(kind, meta), version(meta), kept, binary, _written(wire), last, created)


def version(meta: Meta) -> Version:
    return Version(meta.uid, meta.generation or 0, revision(meta.resource_version))


def replicas(stated: int | None) -> int:
    """Absent is 1 (domain.md §5)."""
    return 1 if stated is None else stated


def _progress(wire: objects.Workload) -> Progress | None:
    """Of a StatefulSet that is to update its Pods by itself, every one of them, until it has."""
    status, strategy = wire.status or objects.WorkloadStatus(), wire.spec.update_strategy
    if status.update_revision is None or strategy is None or strategy.type == "OnDelete":
        return None
    held_back = strategy.rolling_update is not None and strategy.rolling_update.partition
    if held_back or status.update_revision == status.current_revision:
        return None
    updated, ready = status.updated_replicas or 0, status.ready_replicas or 0
    return Progress(status.update_revision, updated, ready, replicas(wire.spec.replicas))


def _progress_of_daemons(wire: objects.DaemonSet) -> Progress | None:
    status, strategy = wire.status or objects.DaemonSetStatus(), wire.spec.update_strategy
    wanted, updated = status.desired_number_scheduled or 0, status.updated_number_scheduled or 0
    if updated >= wanted or (strategy is not None and strategy.type == "OnDelete"):
        return None
    return Progress(str(wire.metadata.generation or 0), updated, status.number_ready or 0, wanted)


def bounded(text: str, limit: int = KEPT) -> str:
    """As much of a value as any reader looks at: what surrounds it is not significant, but where its first line ends
    is, and that something was cut off."""
    if len(text) <= limit:
        return text
    blank, newline, _ = text.partition("\n")
    value = text.strip()
    first = newline if not blank.strip() else ""
    return first + (value if len(value) <= limit else value[:limit] + CUT)


def is_cut(text: str) -> bool:
    return len(text) > KEPT and text.endswith(CUT)


def _starts(meta: objects.PodMeta, status: objects.PodStatus) -> Iterable[Started]:
    """Of the containers that run."""
    every = (status.container_statuses, status.init_container_statuses, status.ephemeral_container_statuses)
    created = seconds(meta.creation_timestamp)
    for one in (one for statuses in every for one in statuses or ()):
        if one.state is not None and one.state.running is not None:
            at = seconds(one.state.running.started_at)
            yield Started(one.name, one.container_id or "", Start(at, created, (one.restart_count or 0) > 0))


NOTHING: Mapping[str, str] = {}


def _written(wire: objects.ConfigMap) -> Mapping[str, float] | float:
    """When each key was last written: by the newest entry of the managers that own it. One owner may have written other
    keys since, so this is the latest possible time."""
    written: dict[str, float] = {}
    for entry in wire.metadata.managed_fields or ():
        at = seconds(entry.time)
        for key in _owned(entry.fields_v1) if at else ():
            written[key] = max(written.get(key, 0.0), at)
    times = set(written.values())
    return times.pop() if len(times) == 1 and written.keys() >= (wire.data or {}).keys() else written


def _owned(fields: msgspec.Raw) -> Iterable[str]:
    try:
        data = msgspec.json.decode(fields, type=dict[str, Any]).get("f:data")
    except msgspec.MsgspecError:
        return ()
    return [key[2:] for key in data if key.startswith("f:")] if isinstance(data, dict) else ()


_REDUCE: Mapping[type[Any], Callable[[Reduction, str, Any], Kept]] = {
    objects.Workload: Reduction.replicated,
    objects.ReplicationController: Reduction.controller,
    objects.DaemonSet: Reduction.daemon_set,
    objects.Job: Reduction.job,
    objects.CronJob: Reduction.cron_job,
    objects.Rollout: Reduction.rollout,
    objects.ScaledObject: Reduction.scaled_object,
    objects.HorizontalPodAutoscaler: Reduction.autoscaler,
    objects.Pod: Reduction.pod,
    objects.ConfigMap: Reduction.config_map,
    objects.Node: Reduction.node,
}
