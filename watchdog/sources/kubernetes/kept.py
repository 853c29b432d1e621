"""What is kept of the objects that were seen: values of a few hundred bytes, whatever the object's size on the wire.

Two states of one object are equal where nothing differs that facts are made of: most writes of a busy cluster change
only the version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from watchdog.core.latent import Autoscaler, Reference, ScaledObject, Schedule
from watchdog.core.pod import Pairs, PodShape
from watchdog.core.selection import Named
from watchdog.core.started import Start
from watchdog.sources.kubernetes.conditions.ailments import Ailments
from watchdog.sources.kubernetes.conditions.images import Digests
from watchdog.sources.kubernetes.objects import Selector


class Version(NamedTuple):
    """Which object, and which state of it. ``generation`` is 0 where the kind has none."""

    uid: str
    generation: int
    revision: int


@dataclass(frozen=True, slots=True)
class Template:
    """The Pods that a workload makes."""

    labels: Pairs
    annotations: Pairs
    shape: PodShape


class Progress(NamedTuple):
    """How far an update of the Pods of a StatefulSet or DaemonSet is that has not come to its end."""

    revision: str
    updated: int
    ready: int
    wanted: int


@dataclass(frozen=True, slots=True)
class Workload:
    """Whatever makes Pods. domain.md §5."""

    named: Named
    version: Version = field(compare=False)
    labels: Pairs
    owner: Named | None  # the controller that made it
    selector: Selector | None  # None: its Pods are not its own (a CronJob's are its Jobs')
    template: Template | None  # None: it refers to another's
    desired: int
    reported: int
    scaling: Schedule | Reference | None = None  # what it says of starting by itself
    job_labels: Pairs = ()  # of a CronJob: what its Jobs bear
    ailments: Ailments = ()
    progress: Progress | None = None  # None: no update is under way
    ended: float = 0.0  # of a Job: when it was completed or failed, seconds since the epoch

    @property
    def target(self) -> Named | None:
        """The workload whose template it takes."""
        if not isinstance(self.scaling, Reference):
            return None
        return Named(self.named.namespace, self.scaling.kind, self.scaling.name)

    @property
    def above_zero(self) -> bool:
        return self.desired > 0 or self.reported > 0


@dataclass(frozen=True, slots=True)
class Scaler:
    """Whatever scales a workload."""

    named: Named
    version: Version = field(compare=False)
    target: Named
    scaling: ScaledObject | Autoscaler


class Started(NamedTuple):
    """Which life of a container: another id or another start is another."""

    container: str
    id: str
    start: Start


@dataclass(frozen=True, slots=True)
class Pod:
    named: Named
    version: Version = field(compare=False)
    labels: Pairs
    annotations: Pairs
    owner: Named | None
    shape: PodShape
    finished: bool  # in a terminal phase: it never will run again. A terminating Pod still runs.
    starts: tuple[Started, ...] = ()  # of the containers that run
    ailments: Ailments = ()
    digests: Digests = ()


@dataclass(frozen=True, slots=True)
class ConfigMap:
    named: Named
    version: Version = field(compare=False)
    data: Mapping[str, str]
    binary_data: Mapping[str, str]
    written: (
        Mapping[str, float] | float
    )  # when each key was last written (all at once: one instant), where managedFields
    # say so; seconds since the epoch
    last_written: float | None  # when any of them was, or one that is gone
    created: float | None

    def written_at(self, key: str) -> float | None:
        """An instant at which it was last written, or later; ``None`` where nobody says."""
        if key not in self.data:
            return self.last_written
        return self.written if isinstance(self.written, float) else self.written.get(key)


@dataclass(frozen=True, slots=True)
class Node:
    named: Named  # in no namespace
    version: Version = field(compare=False)
    ailments: Ailments = ()


Kept: TypeAlias = Workload | Scaler | Pod | ConfigMap | Node
