"""Workload and its Pods -> replicas. domain.md §5."""

from __future__ import annotations

from collections.abc import Sequence

from watchdog.core import facts
from watchdog.core.environment import Bearer
from watchdog.core.facts import Unknown
from watchdog.core.selection import Named, Selection, owner_of
from watchdog.sources.kubernetes.objects import Labels, Pod, Workload


def selected_by(who: Named, workload: Workload, selection: Selection) -> str:
    """By name, by a label of its own or of its template, by an image of its template."""
    labels = (workload.metadata.labels or {}, template_labels(workload))
    return selection.selected_by(who, labels, (c.image for c in workload.spec.template.spec.all()))


def pod_selected_by(who: Named, pod: Pod, selection: Selection) -> str:
    labels = pod.metadata.labels or {}
    controller = next((o for o in pod.metadata.owner_references or () if o.controller), None)
    owner = owner_of(who.namespace, controller.kind, controller.name, labels) if controller is not None else None
    return selection.selected_by(who, (labels,), (c.image for c in pod.spec.all()), owner)


def fact(who: Named, workload: Workload, reason: str, pods: Sequence[Pod] | Unknown) -> facts.Workload:
    """``pods``: those that the selector matches and that are not finished. Absent replicas: 1 desired, 0 reported."""
    desired = 1 if workload.spec.replicas is None else workload.spec.replicas
    reported = (workload.status.replicas if workload.status is not None else None) or 0
    live = pods if isinstance(pods, Unknown) else len(pods)
    return facts.Workload(*who, bool(reason), reason, desired, reported, live)


def pod_fact(who: Named, reason: str) -> facts.Workload:
    """A live Pod that counts as execution and that no execution workload accounts for: it is its own workload."""
    return facts.Workload(*who, execution=True, selected_by=reason, desired=1, reported=1, live=1)


def template_labels(workload: Workload) -> Labels:
    return workload.spec.template.metadata.labels or {}


def template_bearer(workload: Workload) -> Bearer:
    meta = workload.spec.template.metadata
    return Bearer(workload.metadata.namespace, "", meta.labels or {}, meta.annotations or {})


def pod_bearer(pod: Pod) -> Bearer:
    meta = pod.metadata
    return Bearer(meta.namespace, meta.name, meta.labels or {}, meta.annotations or {})
