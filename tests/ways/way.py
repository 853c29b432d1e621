"""A row of the tables, and how it is played: the whole daemon on the simulated floor, in virtual time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from inspect import isawaitable
from typing import Any

from watchdog.core.alert import Alert, EdgeKind
from watchdog.core.assessment import Assessment
from watchdog.core.notice import labels_of
from watchdog.simulator.cluster import Cluster, DeleteOptions
from watchdog.simulator.errors import ApiError
from watchdog.simulator.history import Backup, Record
from watchdog.simulator.managed_fields import Author
from watchdog.simulator.resources import NAMESPACES, PODS

from ..platform import Guarded, guarded
from ..simulator.test_floor_access import WATCHDOG, permit

JSON = dict[str, Any]
Act = Callable[[Guarded], Awaitable[object] | object]
PUT_BACK = 12.0
"""Seconds after everything was put back: Pods that are replaced are gone by then."""
LATCHING = (
    "KillSwitchNotHalted", "ExecutionWorkloadAboveZero", "ForbiddenAgentMode", "UnsafeSelfReport", "UnseenWrite"
)  # fmt: skip


def nothing(world: Guarded) -> None:
    """What most rows need beforehand."""


def as_shipped(content: JSON) -> None:
    """The configuration of most rows."""


@dataclass(frozen=True, slots=True)
class Page:
    """``labels`` may hold ``*``. ``says``: a word of the summary, the one that names the field or its value. ``ends``:
    the state of the alert when the way has been gone, before anything is put back ('' is any)."""

    alertname: str
    sev: int
    says: str
    labels: Mapping[str, str]
    ends: str = ""

    def is_of(self, paged: Paged) -> bool:
        labels = paged.labels
        same = all(fnmatchcase(labels.get(name, ""), value) for name, value in self.labels.items())
        return same and labels["alertname"] == self.alertname and labels["sev"] == str(self.sev)


def page(alertname: str, sev: int, says: str, *, ends: str = "", **labels: str) -> Page:
    return Page(alertname, sev, says, labels, ends)


@dataclass(frozen=True, slots=True)
class Way:
    """``does`` begins when everything has been seen once; ``lasts`` seconds later everything is put back as it was.
    ``before`` prepares the floor before the daemon starts, ``change`` edits the shipped configuration."""

    name: str
    does: Act
    pages: tuple[Page, ...] = ()
    lasts: float = 8.0
    before: Callable[[Guarded], object] = nothing
    change: Callable[[JSON], None] = as_shipped


def way(name: str, does: Act, *pages: Page, **more: Any) -> Way:
    return Way(name, does, pages, **more)


@dataclass(frozen=True, slots=True)
class Paged:
    """One alert at one Sev, as it was when it fired."""

    alert: Alert
    labels: Mapping[str, str]

    def __str__(self) -> str:
        return f"Sev-{int(self.alert.sev)} {self.alert.identity.rule}: {self.alert.onset.annotations['summary']}"


@dataclass(slots=True)
class Course:
    """What came of a way."""

    paged: list[Paged] = field(default_factory=list)
    delivered: list[Mapping[str, str]] = field(default_factory=list)
    ended: dict[str, str] = field(default_factory=dict)  # the states of alerts before everything was put back
    put_back: dict[str, str] = field(default_factory=dict)  # and after it
    said: dict[str, list[str]] = field(default_factory=dict)  # the summaries that each alert had

    def worst(self, sev: int) -> list[Paged]:
        return [one for one in self.paged if int(one.alert.sev) <= sev]

    def listen(self, alerts: Iterable[Alert]) -> None:
        for alert in alerts:
            summaries = self.said.setdefault(str(alert.identity), [])
            if (summary := alert.description.annotations["summary"]) not in summaries:
                summaries.append(summary)

    def __str__(self) -> str:
        return "\n".join(map(str, self.paged)) or "no alert at all"


def gone(one: Way) -> Course:
    """Plays it."""
    course, held = Course(), list[Backup]()

    def prepare(world: Guarded) -> None:
        permit(world.floor.cluster)
        held.append(world.floor.cluster.backup())
        one.before(world)

    async def act(world: Guarded) -> None:
        common = world.daemon.ports.labels
        course.paged += [_paged(alert, common) for alert in world.daemon.assessment.alerts.values() if alert.open]

        def note(assessment: Assessment) -> None:
            world.note(assessment)
            course.listen(assessment.alerts.values())
            fired = [edge.alert for edge in assessment.edges if edge.kind in (EdgeKind.FIRED, EdgeKind.ROSE)]
            course.paged += [_paged(alert, common) for alert in fired]

        world.daemon.on_turn = note
        outcome = one.does(world)
        if isawaitable(outcome):
            await outcome
        await world.at(one.lasts)
        course.ended, seen = _states(world), len(course.paged)
        world.floor.server.faults.clear()
        world.floor.services.faults.clear()
        world.floor.cluster.admission.clear()
        put_back(world.floor.cluster, *held)
        await world.at(one.lasts + PUT_BACK)
        course.put_back = _states(world)
        del course.paged[seen:]
        course.delivered = [delivery.labels for delivery in world.pager.deliveries]

    guarded(act, one.change, prepare=prepare, account=WATCHDOG)
    return course


def _paged(alert: Alert, common: Mapping[str, str]) -> Paged:
    return Paged(alert, labels_of(alert, common))


def _states(world: Guarded) -> dict[str, str]:
    return {str(identity): str(alert.state) for identity, alert in world.daemon.assessment.alerts.items()}


def put_back(cluster: Cluster, before: Backup) -> None:
    """Every object as it was: what came is deleted, what changed or went is there again."""
    first = {NAMESPACES: before.records[NAMESPACES]}
    for resource, records in {**first, **before.records}.items():
        for record in [record for record in cluster.records(resource) if record.key not in records]:
            with suppress(ApiError):
                _remove(cluster, record)
        for record in records.values():
            with suppress(ApiError):  # what controllers made they make again
                _restore(cluster, record)


def _remove(cluster: Cluster, record: Record) -> None:
    """Whatever keeps it."""
    cluster.delete(record, DeleteOptions(grace_seconds=0))
    kept = cluster.find(record.resource, record.namespace, record.name)
    if kept is not None and kept.object["metadata"].get("finalizers"):
        metadata = {**kept.object["metadata"], "finalizers": []}
        cluster.update(kept, {**kept.object, "metadata": metadata}, Author("kubectl-patch"))


def _restore(cluster: Cluster, was: Record) -> None:
    author, found = Author("kubectl-replace"), cluster.find(was.resource, was.namespace, was.name)
    shown = {name: value for name, value in was.object["metadata"].items() if name not in ("resourceVersion", "uid")}
    wanted = {**was.object, "metadata": shown}
    if found is not None and (found.object.get("immutable") or _is_another_pod(found, was)):
        _remove(cluster, found)
        found = None
    if found is not None:
        cluster.update(found, wanted, author)
    elif was.resource is not PODS:
        cluster.create(was.resource, was.namespace, wanted, author)


def _is_another_pod(found: Record, was: Record) -> bool:
    """A Pod cannot be changed back."""
    return found.resource is PODS and found.object["spec"] != was.object["spec"]
