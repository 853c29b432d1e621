"""What is held of one workload, its Pods and the last known good -> its Condition facts. Pure. domain.md §8, §10.

Each is one clause about the worst container, so that two replicas of the daemon say the same of the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from watchdog.core.facts import Condition
from watchdog.core.selection import Named
from watchdog.sources.kubernetes.conditions import images
from watchdog.sources.kubernetes.conditions.ailments import Ailment, Ailments
from watchdog.sources.kubernetes.kept import Pod, Workload

HASH = "controller-revision-hash"
"""The label by which StatefulSets and DaemonSets name the template that a Pod was made of; a Deployment's Pods have a
ReplicaSet of their own for each."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One workload (or node), whatever its Pods are."""

    who: Named
    criticality: str
    own: Ailments  # what its own status says
    pods: Sequence[Pod] = ()  # finished ones too
    declared: Workload | None = None
    pinned: Mapping[str, str] | None = None  # the last known good digests by container; None: it is not judged

    def conditions(self, now: float) -> Iterator[Condition]:
        """``now``: seconds since the epoch."""
        yield from self._ailing(now)
        live = [pod for pod in self.pods if not pod.finished]
        yield from self._floating(live)
        yield from self._mixed(live)
        yield from self._drifted(live)

    def next_change(self, now: float) -> float:
        """When the next of them begins or ends by time alone; ``inf``: none does."""
        every = (ailment for ailments in (self.own, *(pod.ailments for pod in self.pods)) for ailment in ailments)
        return min((at for one in every for at in (one.begins, one.ends) if now < at < inf), default=inf)

    def _condition(self, condition: str, pods: int, explanation: str) -> Condition:
        who = self.who
        return Condition(who.namespace, who.kind, who.name, condition, self.criticality, pods, explanation)

    def _ailing(self, now: float) -> Iterator[Condition]:
        found: dict[str, list[tuple[str, Ailment]]] = {}
        for name, ailments in (("", self.own), *((pod.named.name, pod.ailments) for pod in self.pods)):
            for one in ailments:
                if one.begins <= now < one.ends:
                    found.setdefault(one.condition, []).append((name, one))
        for condition, those in found.items():
            pods = len({name for name, _ in those if name})
            yield self._condition(condition, pods, self._worst(those))

    def _worst(self, those: Iterable[tuple[str, Ailment]]) -> str:
        name, worst = min(those, key=lambda one: (-one[1].weight, one[0], one[1].text))
        return f"Pod {name}, {worst.text}" if name and self.who.kind != "Pod" else worst.text

    def _floating(self, live: Sequence[Pod]) -> Iterator[Condition]:
        found = [(pod.named.name, text) for pod in live if (text := images.floating(pod.shape))]
        if found:
            yield self._condition("FloatingTag", len(found), min(found)[1])

    def _mixed(self, live: Sequence[Pod]) -> Iterator[Condition]:
        """Among Pods of one template alone: in a rollout two templates run, as they must."""
        by_container: dict[tuple[object, str], list[str]] = {}
        for pod in live:
            for container, digest in pod.digests:
                by_container.setdefault(((pod.owner, hash_of(pod)), container), []).append(digest)
        mixed = sorted(
            (container, Counter(digests)) for (_, container), digests in by_container.items() if len(set(digests)) > 1
        )
        if mixed:
            container, counted = mixed[0]
            most = sorted(counted.items(), key=lambda one: (-one[1], one[0]))
            said = ", ".join(f"{images.short(digest)} in {number}" for digest, number in most[:3])
            text = f"container {container} of one template runs {len(most)} images: {said}"
            yield self._condition("MixedDigests", sum(number for _, number in most[1:]), text)

    def _drifted(self, live: Sequence[Pod]) -> Iterator[Condition]:
        if self.pinned is None:
            return
        found = [(name, digest, pod.named.name) for pod in live for name, digest in self._other(pod.digests)]
        if not found:
            found = [(name, digest, "") for name, digest in self._other(_declared(self.declared))]
        if found:
            container, digest, _ = min(found)
            pods = len({pod for _, _, pod in found if pod})
            verb = "runs" if pods else "is declared as"
            text = f"container {container} {verb} {images.short(digest)}"
            yield self._condition(
                "DigestDrift", pods, f"{text}, last known good {images.short(self.pinned[container])}"
            )

    def _other(self, digests: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        """Those that differ from what is pinned; what is not pinned is not judged."""
        assert self.pinned is not None
        return ((name, digest) for name, digest in digests if self.pinned.get(name, digest) != digest)


def hash_of(pod: Pod) -> str:
    """Which template of its controller it was made of; empty where each has a controller of its own."""
    return next((value for name, value in pod.labels if name == HASH), "")


def _declared(workload: Workload | None) -> Iterator[tuple[str, str]]:
    """Of its template, where that names digests."""
    if workload is not None and workload.template is not None:
        for container in workload.template.shape.containers:
            if digest := images.digest_of(container.image):
                yield container.name, digest
