"""What counts as an execution workload: by name, owner, label, image, service account. domain.md §5."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple


class Named(NamedTuple):
    """One workload by its name. ``kind`` as in the API: Deployment, StatefulSet, DaemonSet, ReplicaSet,
    ReplicationController, Job, CronJob, Rollout, Pod."""

    namespace: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Selection:
    """A workload's name counts in its namespace whatever its kind: a StatefulSet that is named as the Deployment was is
    the same to whoever trades.

    ``labels`` are values by label name. ``images`` are names of repositories: one without a slash is the last part
    of any, ``team/execution-agent`` the end of any; registry, tag and digest do not matter. ``service_accounts`` are
    names in any namespace. ``switches`` makes execution of whatever mounts or references a kill switch; it is off
    by default, because strategy engines read the switch too.
    """

    workloads: tuple[Named, ...] = ()
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    images: tuple[str, ...] = ()
    service_accounts: tuple[str, ...] = ()
    switches: bool = False

    def selected_by(
        self,
        who: Named,
        labels: Iterable[Mapping[str, str]],
        images: Iterable[str],
        owners: Iterable[Named] = (),
        service_account: str = "",
        switch: str = "",
    ) -> str:
        """Why ``who`` counts, as text ('name execution-agent'); empty if it does not. ``labels``: those of the object
        and of its template; ``owners``: the controllers above it, nearest first; ``switch``: the kill switch's
        ConfigMap that it mounts or references."""
        if self._names(who):
            return f"name {who.name}"
        return (
            self._by_owner(owners)
            or self._by_label(labels)
            or self._by_image(images)
            or (f"service account {service_account}" if service_account in self.service_accounts else "")
            or (f"kill switch {switch}" if switch and self.switches else "")
        )

    def image_of(self, reference: str) -> str:
        """The one of ``images`` that an image reference is of; empty if of none."""
        return _image_of(self.images, reference)

    def _names(self, who: Named) -> bool:
        return any(who.namespace == named.namespace and who.name == named.name for named in self.workloads)

    def _by_owner(self, owners: Iterable[Named]) -> str:
        return next((f"owner {owner.name}" for owner in owners if self._names(owner)), "")

    def _by_label(self, labels: Iterable[Mapping[str, str]]) -> str:
        stated = list(labels)
        found = (name for name, values in self.labels.items() if any(of.get(name) in values for of in stated))
        return next((f"label {name}" for name in found), "")

    def _by_image(self, images: Iterable[str]) -> str:
        found = (name for name in map(self.image_of, images) if name)
        return next((f"image {name}" for name in found), "")


@lru_cache(maxsize=4096)
def _image_of(images: tuple[str, ...], reference: str) -> str:
    path = "/" + repository(reference)
    return next((image for image in images if path.endswith("/" + repository(image))), "")


def repository(reference: str) -> str:
    """Without tag and digest: ``ghcr.io:443/a/execution-agent:1.2@sha256:…`` is ``ghcr.io:443/a/execution-agent``.

    The grammar is that of the distribution project's image references; letter case is not significant there.
    """
    path, slash, last = reference.strip().partition("@")[0].rpartition("/")
    return (path + slash + last.partition(":")[0]).lower()


DEPTH = 8
"""Controllers above an object, at most: a chain that is longer goes in a circle."""


def owners(controller: Named | None, controller_of: Callable[[Named], Named | None]) -> tuple[Named, ...]:
    """The controllers above an object, nearest first: Pod, ReplicaSet, Deployment; Pod, Job, CronJob.

    ``controller_of`` answers the controller of an object that is held; ``supposed_owner`` of one that is not.
    """
    chain: list[Named] = []
    while controller is not None and controller not in chain and len(chain) < DEPTH:
        chain.append(controller)
        controller = controller_of(controller)
    return tuple(chain)


_SCHEDULED = re.compile(r"(.+)-\d{8,10}")
_HASHES = {"pod-template-hash": "Deployment", "rollouts-pod-template-hash": "Rollout"}


def supposed_owner(named: Named, labels: Mapping[str, str]) -> Named | None:
    """The controller of an object that is not held, by the name that controllers give: a ReplicaSet's is its
    Deployment's (or Rollout's) and the hash that ``labels`` name, a Job's its CronJob's and the minute."""
    if named.kind == "Job":
        match = _SCHEDULED.fullmatch(named.name)
        return named._replace(kind="CronJob", name=match[1]) if match else None
    if named.kind != "ReplicaSet":
        return None
    for label, kind in _HASHES.items():
        if (suffix := "-" + labels.get(label, "")) != "-" and named.name.endswith(suffix):
            return named._replace(kind=kind, name=named.name.removesuffix(suffix))
    name = named.name.rpartition("-")[0]
    return named._replace(kind="Deployment", name=name) if name else None
