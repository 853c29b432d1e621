"""What counts as an execution workload: by name, by label, by image, by owner. domain.md §5."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Named(NamedTuple):
    """One workload by its name. ``kind`` as in the API (Deployment, StatefulSet)."""

    namespace: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Selection:
    """``labels`` are values by label name; ``images`` are names of images without registry, path, tag and digest."""

    workloads: tuple[Named, ...] = ()
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    images: tuple[str, ...] = ()

    def selected_by(
        self, who: Named, labels: Iterable[Mapping[str, str]], images: Iterable[str], owner: Named | None = None
    ) -> str:
        """Why ``who`` counts, as text ('name execution-agent'); empty if it does not. ``labels``: those of the object
        and of its template; ``owner``: the workload that a Pod says it belongs to."""
        if who in self.workloads:
            return f"name {who.name}"
        if owner is not None and owner in self.workloads:
            return f"owner {owner.name}"
        return self._by_label(labels) or self._by_image(images)

    def _by_label(self, labels: Iterable[Mapping[str, str]]) -> str:
        stated = list(labels)
        found = (name for name, values in self.labels.items() if any(of.get(name) in values for of in stated))
        return next((f"label {name}" for name in found), "")

    def _by_image(self, images: Iterable[str]) -> str:
        found = (name for name in map(image_name, images) if name in self.images)
        return next((f"image {name}" for name in found), "")


def image_name(reference: str) -> str:
    """The last part of the repository: ``ghcr.io:443/a/execution-agent:1.2@sha256:…`` is ``execution-agent``.

    The grammar is that of the distribution project's image references; letter case is not significant there.
    """
    repository = reference.strip().partition("@")[0]
    return repository.rpartition("/")[2].partition(":")[0].lower()


def owner_of(namespace: str, kind: str, name: str, labels: Mapping[str, str]) -> Named | None:
    """The workload behind a Pod's controller: a ReplicaSet is named after its Deployment and the template's hash."""
    if kind != "ReplicaSet":
        return Named(namespace, kind, name) if kind else None
    template_hash = labels.get("pod-template-hash", "")
    suffix = f"-{template_hash}"
    if template_hash and name.endswith(suffix):
        return Named(namespace, "Deployment", name.removesuffix(suffix))
    return Named(namespace, "Deployment", name.rpartition("-")[0])
