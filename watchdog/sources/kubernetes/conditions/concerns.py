"""Whose conditions are to be judged anew: noted with every change, in time that does not grow with the cluster, and
judged later, a few at a time.

Of what is healthy nothing is kept but, for each controller of Pods, which digests one of them runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from math import inf

from watchdog.core.facts import Fact, Subject
from watchdog.core.observation import Facts
from watchdog.core.selection import Named
from watchdog.sources.kubernetes.conditions import images
from watchdog.sources.kubernetes.conditions.ailments import Ailment, Ailments
from watchdog.sources.kubernetes.conditions.judged import Judged, hash_of
from watchdog.sources.kubernetes.conditions.manifests import Pinned
from watchdog.sources.kubernetes.conditions.members import Members
from watchdog.sources.kubernetes.conditions.pauses import may_state, pauses
from watchdog.sources.kubernetes.environments import Environments
from watchdog.sources.kubernetes.inventory import Inventory
from watchdog.sources.kubernetes.kept import Kept, Node, Pod, Progress, Workload
from watchdog.sources.kubernetes.resources import CRON_JOBS, PODS, WORKLOADS
from watchdog.sources.kubernetes.workloads import Execution

PORTION = 20
"""Workloads that are judged before the event loop gets its turn."""
STALLED = 600.0
"""Seconds without any step of an update: as a Deployment's progressDeadlineSeconds is unless it is set."""


class Concerns:
    """``criticality``: what was configured; ``default``: of everything else; ``counts``: whether a namespace does."""

    def __init__(
        self,
        inventory: Inventory,
        execution: Execution,
        environments: Environments,
        criticality: Mapping[Named, str],
        default: str,
    ) -> None:
        self.inventory, self.execution, self.environments = inventory, execution, environments
        self.members = Members(inventory, execution)
        self.criticality, self.default = criticality, default
        self.counts: Callable[[str], bool] = lambda namespace: True
        self.woken = asyncio.Event()
        self.pinned: Pinned = {}
        self._touched: dict[Named, None] = {}
        self._told: dict[Named, dict[Subject, None]] = {}
        self._due: dict[Named, float] = {}  # when time alone changes something of it
        self._progress: dict[Named, tuple[Progress, float]] = {}  # of updates that go on: since when it stands
        self._digests: dict[Named, object] = {}  # by what made the Pods: what one of them runs

    # what changes

    def changed(self, before: Kept | None, after: Kept | None) -> None:
        """One object's state is another; ``None``: it was, or is, not there."""
        match after if after is not None else before:
            case Pod():
                self._pod_changed(_pod(before), _pod(after))
            case Workload():
                self._workload_changed(_workload(before), _workload(after))
            case Node(named=named):
                self._touch(named)

    def config_map_changed(self, referring: Iterable[object]) -> None:
        """``referring``: those that take their environment from it, among others."""
        for who in referring if self.environments.pauses else ():
            pod = self.inventory.pod(who) if isinstance(who, Named) else None
            if pod is not None and (self.members.root(pod) in self._told or may_state(pod, self.environments)):
                self._touch(self.members.root(pod))

    def compare_with(self, pinned: Pinned) -> None:
        """The last known good is another."""
        before, self.pinned = self.pinned, pinned
        for who in {**before, **pinned}:
            if before.get(who) != pinned.get(who):
                self._touch(who)

    def reconsider(self, namespace: str) -> None:
        """Whether it counts has changed."""
        for resource in (PODS, *WORKLOADS.values()):
            for key in [key for key in self.inventory.store(resource) if key.namespace == namespace]:
                held = self.inventory.store(resource).get(key)
                if isinstance(held, Pod | Workload):
                    self._touch(self.members.root(held))

    def _pod_changed(self, before: Pod | None, after: Pod | None) -> None:
        if before is not None and after is not None and _bearing(before) == _bearing(after):
            return
        for pod in filter(None, (before, after)):
            root = self.members.root(pod)
            if root in self._told or root in self._due or self._matters(pod, root):
                self._touch(root)
        self.members.file(before, after)

    def _matters(self, pod: Pod, root: Named) -> bool:
        return bool(
            pod.ailments or root in self.pinned or images.floating(pod.shape) or self._differs(pod)
            or may_state(pod, self.environments)
        )  # fmt: skip

    def _differs(self, pod: Pod) -> bool:
        """Whether it runs something else than one of its kind did."""
        if pod.owner is None or not pod.digests:
            return False
        runs = _runs(pod)
        return self._digests.setdefault(pod.owner, runs) != runs

    def _workload_changed(self, before: Workload | None, after: Workload | None) -> None:
        held = after or before
        assert held is not None
        if before is None or after is None or before.owner != after.owner:
            self._came_or_went(before, after, held)
        root = self.members.root(held)
        states = [_state(one) for one in (before, after) if one is not None]
        differs = (len(states) < 2 or states[0] != states[1]) and any(map(any, states))
        if differs or root in self._told or held.named in self.pinned:
            self._touch(root)

    def _came_or_went(self, before: Workload | None, after: Workload | None, held: Workload) -> None:
        """... or is another's now."""
        if after is None:
            self._digests.pop(held.named, None)
            self._progress.pop(held.named, None)
        for root in self.members.refile(held, gone=after is None):
            self._touch(root)
        for one in (before, after) if before is not None and after is not None else ():
            self._touch(self.members.root(one))

    def _touch(self, who: Named) -> None:
        self._touched[who] = None
        self.woken.set()

    # what is told

    def taken(self, now: float) -> Iterator[list[Named]]:
        """Those that were touched, or are due, until now: a portion at a time."""
        those = dict.fromkeys([*self._touched, *(who for who, at in self._due.items() if at <= now)])
        self._touched.clear()
        rest = iter(those)
        while portion := list(islice(rest, PORTION)):
            yield portion

    @property
    def waiting(self) -> bool:
        """Somebody was touched since."""
        return bool(self._touched)

    def tell(self, those: Iterable[Named], now: float) -> Facts:
        """``now``: seconds since the epoch."""
        seen: list[Fact] = []
        gone: list[Subject] = []
        for who in those:
            facts = self._facts(who, now)
            subjects = dict.fromkeys(fact.subject for fact in facts)
            gone += [subject for subject in self._told.pop(who, {}) if subject not in subjects]
            self._told |= {who: subjects} if subjects else {}
            seen += facts
        return Facts(tuple(seen), tuple(gone), partial=True)

    def _facts(self, who: Named, now: float) -> list[Fact]:
        judged = self._judged(who, now)
        due = judged.next_change(now)
        self._due.pop(who, None)
        self._due |= {who: due} if due < inf else {}
        if not self.counts(who.namespace):
            return []
        names = [variable.name for variable in self.environments.pauses]
        running = [self.environments.paused(pod) for pod in judged.pods if names and not pod.finished]
        return [*judged.conditions(now), *pauses(who, running, names)]

    def _judged(self, who: Named, now: float) -> Judged:
        held = self.inventory.get(who)
        if isinstance(held, Node):
            return Judged(who, self.criticality.get(who, self.default), held.ailments)
        pods, workload = self.members.pods(who), held if isinstance(held, Workload) else None
        executes = any(self.execution.reason(one) for one in ((workload,) if workload is not None else pods))
        criticality = "critical" if executes else self.criticality.get(who, self.default)
        self._remember_digests(pods)
        return Judged(who, criticality, self._own(workload, now), pods, workload, self.pinned.get(who))

    def _remember_digests(self, pods: Iterable[Pod]) -> None:
        for pod in pods:
            if pod.owner is not None and pod.digests and not pod.finished:
                self._digests[pod.owner] = _runs(pod)

    def _own(self, workload: Workload | None, now: float) -> Ailments:
        if workload is None:
            return ()
        return (*workload.ailments, *self._of_newest_job(workload), *self._stalled(workload, now))

    def _of_newest_job(self, workload: Workload) -> Ailments:
        """A CronJob is as well as the last of its Jobs that ended."""
        made = self.inventory.made_by(workload.named) if workload.named.kind == CRON_JOBS.kind else ()
        jobs = [job for job in map(self.inventory.workload, made) if job is not None and job.ended]
        newest = max(jobs, key=lambda job: (job.ended, job.named.name), default=None)
        if newest is None:
            return ()
        return tuple(one._replace(text=f"Job {newest.named.name}, {one.text}") for one in newest.ailments)

    def _stalled(self, workload: Workload, now: float) -> Iterator[Ailment]:
        """Counted from when we first saw it stand so."""
        who, progress = workload.named, workload.progress
        if progress is None:
            self._progress.pop(who, None)
            return
        if (held := self._progress.get(who)) is None or held[0] != progress:
            self._progress[who] = held = progress, now
        text = f"no step for {STALLED:.0f} s: {progress.updated} of {progress.wanted} Pods are updated"
        yield Ailment("RolloutFailed", f"{text}, {progress.ready} ready", begins=held[1] + STALLED)


def _pod(kept: Kept | None) -> Pod | None:
    return kept if isinstance(kept, Pod) else None


def _workload(kept: Kept | None) -> Workload | None:
    return kept if isinstance(kept, Workload) else None


def _bearing(pod: Pod) -> tuple[object, ...]:
    """What conditions depend on."""
    return pod.ailments, pod.digests, pod.finished, pod.shape, pod.owner, pod.starts


def _runs(pod: Pod) -> object:
    """Of most Pods, a value that is shared."""
    revision = hash_of(pod)
    return (revision, pod.digests) if revision else pod.digests


def _state(workload: Workload) -> tuple[object, ...]:
    """Empty values where all is well."""
    return workload.ailments, workload.progress, workload.ended
