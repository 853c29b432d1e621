"""A service and the revisions that requests reach -> facts. domain.md §4-6, §10.

What the template says is *declared*, what a revision that requests reach says is *running*. A revision's environment
is literal, or comes from Secret Manager, which is never read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from watchdog.core import facts
from watchdog.core.facts import Fact, Unknown
from watchdog.core.modes import Variables
from watchdog.core.pod import PodShape
from watchdog.core.redaction import redacted_text
from watchdog.core.safety import zero
from watchdog.core.selection import Named, Selection
from watchdog.core.variables import WatchedVariable
from watchdog.sources.cloud_run import api
from watchdog.sources.cloud_run.environments import halted, paused, shape, told, worst
from watchdog.sources.cloud_run.reach import Reached, listed
from watchdog.sources.cloud_run.scale import NOTHING, Read, Scale, scale

KIND = "CloudRunService"


@dataclass(frozen=True, slots=True)
class Watched:
    """One service, and what is looked for in it. ``execution``: by its name; an image of ``images`` makes it so too."""

    project: str
    region: str
    service: str
    execution: bool
    criticality: str
    variables: tuple[WatchedVariable, ...] = ()
    pause_variables: tuple[str, ...] = ()
    halt_variables: tuple[str, ...] = ()
    images: tuple[str, ...] = ()

    @property
    def named(self) -> Named:
        return Named(f"{self.project}/{self.region}", KIND, self.service)

    @property
    def path(self) -> str:
        return f"projects/{self.project}/locations/{self.region}/services/{self.service}"

    @property
    def selection(self) -> Selection:
        return Selection((self.named,) if self.execution else (), images=self.images)

    def absent(self) -> tuple[Fact, ...]:
        """Nothing of it can run."""
        of = facts.CloudRun(
            self.project, self.region, self.service, self.criticality, self.execution,
            exists=False, ready=False, revision="", image="", pinned=True, drift="",
            explanation="the Admin API knows no such service",
        )  # fmt: skip
        return (of, *self.executes(self.selection.selected_by(self.named, (), ()), NOTHING))

    def seen(self, service: api.Service, reach: Sequence[Reached], read: Read | Unknown) -> tuple[Fact, ...]:
        """``read``: the revisions of ``reach``, or why they could not be read."""
        return tuple(_Seen(self, service, reach, read).told())

    def executes(self, selected_by: str, of: Scale) -> Iterator[Fact]:
        if selected_by:
            yield self.workload(selected_by, of)
            yield facts.Latent(*self.named, f"{KIND} {self.service}", of.could_start, False, of.explanation)

    def workload(self, selected_by: str, of: Scale) -> facts.Workload:
        return facts.Workload(*self.named, True, selected_by, of.desired, of.reported, of.live)


@dataclass(frozen=True, slots=True)
class _Seen:
    watched: Watched
    service: api.Service
    reach: Sequence[Reached]
    read: Read | Unknown

    def told(self) -> Iterator[Fact]:
        scaled = scale(self.service, self.reach, self.read)
        yield self.deployed()
        yield from self.watched.executes(self.selected_by, scaled)
        yield from self.wiring(scaled)
        yield from self.modes(scaled)
        yield from self.pauses()

    @property
    def selected_by(self) -> str:
        """Why it is execution; empty where it is not."""
        shapes = (self._declared(), *self._running())
        images = (container.image for of in shapes for container in of.containers)
        return self.watched.selection.selected_by(self.watched.named, (), images)

    # as deployed

    def deployed(self) -> facts.CloudRun:
        watched, ready = self.watched, _ready(self.service.terminalCondition)
        revision = listed(self.reach)
        drift = self._drift()
        return facts.CloudRun(
            watched.project, watched.region, watched.service, watched.criticality, bool(self.selected_by),
            exists=True, ready=ready, revision=revision, image=self._image(), pinned=self._pinned(), drift=drift,
            explanation=_explanation(self.service.terminalCondition, ready, revision, drift),
        )  # fmt: skip

    def _image(self) -> str | Unknown:
        """Of the newest revision, if requests reach it; else of the one that takes most."""
        if isinstance(self.read, Unknown):
            return self.read
        newest = api.short(self.service.latestReadyRevision)
        found = sorted(self.read, key=lambda one: one[0].revision != newest)
        return _image(found[0][1]) if found else ""

    def _pinned(self) -> bool | Unknown:
        if isinstance(self.read, Unknown):
            return self.read
        return all("@sha256:" in container.image for _, revision in self.read for container in revision.containers)

    def _drift(self) -> str | Unknown:
        if isinstance(self.read, Unknown):
            return self.read
        newest = api.short(self.service.latestCreatedRevision)
        old = [f"{reached} is served, the newest is {newest}" for reached, _ in self.read if reached.revision != newest]
        return "; ".join(old if newest else [])

    # what its containers are told

    def modes(self, scaled: Scale) -> Iterator[facts.Mode]:
        declared, variables = self._declared(), self.watched.variables
        running = [told(shape, variables) for shape in self._running()]
        yield from Variables(
            self.watched.named,
            bool(self.selected_by),
            [container.name for container in declared.containers[:1]],
            told(declared, variables),
            self.read if isinstance(self.read, Unknown) else running,
            scaled.live,
            variables,
        ).modes()

    def wiring(self, scaled: Scale) -> Iterator[facts.Wiring]:
        """Outside the cluster the switch is a variable of the template: a revision is made with it, or without."""
        watched, selected_by = self.watched, self.selected_by
        if selected_by and watched.halt_variables:
            at_zero = zero(watched.workload(selected_by, scaled))
            above = at_zero if isinstance(at_zero, Unknown) else not at_zero
            yield facts.Wiring(*watched.named, *worst(self._halted()), above)

    def _halted(self) -> Iterator[tuple[bool | Unknown, str]]:
        names, executes = self.watched.halt_variables, lambda image: bool(self.watched.selection.image_of(image))
        yield halted(names, self._declared(), executes)
        if isinstance(self.read, Unknown):
            yield self.read, str(self.read)
            return
        for (reached, _), of in zip(self.read, self._running(), strict=True):
            sound, explanation = halted(names, of, executes)
            yield sound, f"revision {reached.revision}: {explanation}"

    def pauses(self) -> Iterator[facts.Pause]:
        """A service of which requests reach no revision says what its next one will be told."""
        shapes = self._running() if self.reach else [self._declared()]
        where = f"{self.watched.named.namespace}/{self.watched.service}"
        for name in () if self.selected_by else self.watched.pause_variables:
            said = (self.read, str(self.read)) if isinstance(self.read, Unknown) else paused(name, shapes)
            yield facts.Pause(name, "cloud_run", where, *said)

    def _declared(self) -> PodShape:
        return shape(self.watched.service, self.service.template.containers)

    def _running(self) -> list[PodShape]:
        read = [] if isinstance(self.read, Unknown) else self.read
        return [shape(self.watched.service, revision.containers) for _, revision in read]


def _ready(condition: api.Condition) -> bool | Unknown:
    match condition.state:
        case api.SUCCEEDED:
            return True
        case api.FAILED:
            return False
    return Unknown("NotSettled", f"its condition is {condition.state[: api.SHOWN] or 'not stated'}")


def _image(revision: api.Revision) -> str:
    """Of its first container, as it was resolved when the revision was made."""
    resolved = revision.containerStatuses[0].imageDigest if revision.containerStatuses else ""
    return resolved or revision.containers[0].image


def _explanation(condition: api.Condition, ready: bool | Unknown, revision: str, drift: str | Unknown) -> str:
    """One clause; the worst first."""
    if ready is False:
        return f"it is not ready: {redacted_text(condition.message[: api.SHOWN])}"
    if isinstance(ready, Unknown):
        return str(ready)
    serves = f"requests reach {revision}" if revision else "requests reach no revision"
    return f"{serves}; {drift}" if drift else serves
