"""Whether something could start an execution workload by itself, without a human. domain.md §5, *Latent*.

Pure judgements over the few fields that decide it. *Inert* is what does nothing while its target is at zero, and takes
over once somebody scales it up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import singledispatch
from typing import NamedTuple, TypeAlias

from watchdog.core.facts import Unknown

KEDA_MAXIMUM = 100
"""What KEDA takes for a ``maxReplicaCount`` that is absent."""
PAUSED = "autoscaling.keda.sh/paused"
PAUSED_REPLICAS = "autoscaling.keda.sh/paused-replicas"
PAUSED_SCALE_OUT = "autoscaling.keda.sh/paused-scale-out"


@dataclass(frozen=True, slots=True)
class ScaledObject:
    """KEDA's ScaledObject (or ScaledJob, which makes Jobs). ``None`` is absent."""

    minimum: int | None = None
    maximum: int | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    fallback: int | None = None  # spec.fallback.replicas


@dataclass(frozen=True, slots=True)
class Autoscaler:
    """A HorizontalPodAutoscaler."""

    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """A CronJob."""

    suspended: bool


@dataclass(frozen=True, slots=True)
class Reference:
    """A Rollout that takes another workload's template (``spec.workloadRef``). ``replicas``: its own, absent is 1."""

    kind: str
    name: str
    replicas: int | None = None
    scale_down: str = ""  # never (the default), onsuccess, progressively


Scaling: TypeAlias = ScaledObject | Autoscaler | Schedule | Reference


class Judgement(NamedTuple):
    could_start: bool | Unknown
    inert: bool | Unknown
    explanation: str


@singledispatch
def judged(scaling: Scaling) -> Judgement:
    """What one scaler is able to do to a target that is at zero, and the field that says so."""
    raise TypeError(f"expected something that scales, got {type(scaling).__name__}")


@judged.register
def _(scaling: ScaledObject) -> Judgement:
    """KEDA scales from zero itself, to its minimum also where no trigger is active, and to ``fallback`` where triggers
    fail; its maximum bounds it. ``paused-replicas`` beats ``paused`` (kedacore/keda, ``scaledobject_types.go``)."""
    if PAUSED_REPLICAS in scaling.annotations:
        return _held(scaling.annotations[PAUSED_REPLICAS])
    if PAUSED in scaling.annotations and not _is_false(scaling.annotations[PAUSED]):
        return _cannot(f'annotation {PAUSED}: "{scaling.annotations[PAUSED]}"')
    maximum = KEDA_MAXIMUM if scaling.maximum is None else scaling.maximum
    if maximum <= 0:
        return _cannot(f"spec.maxReplicaCount is {maximum}")
    if _is_true(scaling.annotations.get(PAUSED_SCALE_OUT, "")):
        return _paused_scale_out(scaling)
    absent = " (absent)" if scaling.maximum is None else ""
    return _can(f"it is not paused, and spec.maxReplicaCount is {maximum}{absent}")


_NUMBER = re.compile(r"[+-]?[0-9]{1,10}")


def _held(at: str) -> Judgement:
    named = f'annotation {PAUSED_REPLICAS}: "{at}"'
    if not _NUMBER.fullmatch(at.strip()):
        why = Unknown("Malformed", f"{named} is no number")
        return Judgement(why, inert=False, explanation=f"{named} is no number")
    return _can(f"{named} holds it there") if int(at) > 0 else _cannot(named)


def _paused_scale_out(scaling: ScaledObject) -> Judgement:
    """It keeps triggers from scaling up from zero, but neither the minimum nor the fallback."""
    if (scaling.minimum or 0) > 0:
        return _can(f"annotation {PAUSED_SCALE_OUT} does not hold back spec.minReplicaCount {scaling.minimum}")
    if (scaling.fallback or 0) > 0:
        return _can(f"annotation {PAUSED_SCALE_OUT} does not hold back spec.fallback.replicas {scaling.fallback}")
    return _cannot(f'annotation {PAUSED_SCALE_OUT}: "true"')


@judged.register
def _(scaling: Autoscaler) -> Judgement:
    """A target at zero disables an HPA, unless it is one that may itself scale to zero (HPAScaleToZero)."""
    if scaling.maximum is not None and scaling.maximum <= 0:
        return _cannot(f"spec.maxReplicas is {scaling.maximum}")
    if scaling.minimum is not None and scaling.minimum <= 0:
        return _can(f"spec.minReplicas is {scaling.minimum}: it scales up from zero")
    stated = "absent, which is 1" if scaling.minimum is None else str(scaling.minimum)
    return Judgement(
        could_start=False, inert=True, explanation=f"spec.minReplicas is {stated}: it does nothing at zero"
    )


@judged.register
def _(scaling: Schedule) -> Judgement:
    if scaling.suspended:
        return _cannot("spec.suspend is true")
    return _can("spec.suspend is not true: it starts Jobs by its schedule")


@judged.register
def _(scaling: Reference) -> Judgement:
    """Above zero a Rollout runs the other's template, whatever the other's replicas; that is also a fact of its own.
    With ``progressively`` its controller writes the other's replicas too, and scales it back up if the Rollout fails
    (argo-rollouts, *Migrating to Rollouts*)."""
    replicas = 1 if scaling.replicas is None else scaling.replicas
    of = f"{scaling.kind} {scaling.name}"
    if replicas > 0:
        absent = " (absent)" if scaling.replicas is None else ""
        return _can(f"spec.replicas is {replicas}{absent}, and spec.workloadRef is {of}")
    if scaling.scale_down == "progressively":
        return _can(f"spec.workloadRef.scaleDown is progressively: it may scale {of} back up")
    stated = scaling.scale_down or "absent, which is never"
    return _cannot(f"spec.replicas is 0, and spec.workloadRef.scaleDown of {of} is {stated}")


def _can(explanation: str) -> Judgement:
    return Judgement(could_start=True, inert=False, explanation=explanation)


def _cannot(explanation: str) -> Judgement:
    return Judgement(could_start=False, inert=False, explanation=explanation)


def _is_true(text: str) -> bool:
    """Go's ``strconv.ParseBool``."""
    return text in ("1", "t", "T", "TRUE", "true", "True")


def _is_false(text: str) -> bool:
    """Whatever is no boolean pauses, as KEDA has it."""
    return text in ("0", "f", "F", "FALSE", "false", "False")
