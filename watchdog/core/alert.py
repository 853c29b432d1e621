"""The life of an alert: inactive, pending, firing, latched, resolved.

Four laws, each with a test:

* What cannot be seen never resolves an alert and never lets one begin: an unseen alert stays as it is.
* Only a breach latches. What *unknown* raised resolves at the first clear look.
* A Sev is fixed when the alert fires and only rises; a rise is a new page.
* An acknowledgement covers what somebody was told up to its instant, and nothing later; it ends a latch, never a
  condition. What a daemon that died too early tells only now, and had happened by then, it covers too.

An inactive alert is ``None``; a resolved one is an edge and then ``None``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from math import inf
from typing import NamedTuple

from watchdog.core.facts import Drill, Excursion, Subject
from watchdog.core.instant import Instant
from watchdog.core.severity import Sev

SAME_PAGE = 10
"""Seconds: replicas that look at different instants see one page begin within the same so many, mostly."""


class Cause(StrEnum):
    BREACH = "breach"  # seen to be so
    UNVERIFIABLE = "unverifiable"  # could not be seen to be otherwise


class Seen(StrEnum):
    """What one look says about one alert's condition."""

    PRESENT = "present"
    ABSENT = "absent"
    UNSEEN = "unseen"


class State(StrEnum):
    PENDING = "pending"
    FIRING = "firing"
    LATCHED = "latched"  # the condition is over, and nobody has acknowledged that it was there


class EdgeKind(StrEnum):
    FIRED = "fired"
    ROSE = "rose"  # the same alert at a worse Sev: a new page
    LATCHED = "latched"
    REFIRED = "refired"  # latched, and there again
    RESOLVED = "resolved"
    ACKNOWLEDGED = "acknowledged"  # a human says that he knows
    RESTORED = "restored"  # open in an earlier life, or with a replica: who was not told yet is told now
    UNHEARD = "unheard"  # nobody hears of it by the usual path: it goes around
    ESCALATED = "escalated"  # nobody has acknowledged it in time

    @property
    def page(self) -> bool:
        """Something new for a human to hear of."""
        return self in (EdgeKind.FIRED, EdgeKind.ROSE, EdgeKind.REFIRED)


class Identity(NamedTuple):
    """Rule + subject + cause: what makes two alerts the same."""

    rule: str
    subject: Subject
    cause: Cause

    def __str__(self) -> str:
        return f"{self.rule} {self.subject}"


@dataclass(frozen=True, slots=True)
class Rise:
    """The alert is worth ``severity`` once the rise's own condition has held for ``for_seconds``."""

    severity: Sev
    for_seconds: float
    conditional: bool = True  # it has a condition of its own; otherwise time alone makes the breach worse


@dataclass(frozen=True, slots=True)
class Policy:
    """How one cause of one rule behaves over time. Seconds."""

    severity: Sev
    for_seconds: float = 0.0
    keep_firing_for: float = 0.0
    latch: bool = False
    rises: tuple[Rise, ...] = ()


@dataclass(frozen=True, slots=True)
class Description:
    """What a page says. Labels identify and never change; annotations tell and may."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Somebody's word that he knows of an alert. Everything in it is as *claimed*: nothing proves who wrote it."""

    entry: str  # the key under which operators wrote it
    by: str
    why: str
    through: datetime  # it covers what was told up to then
    at: datetime  # when it was written


class Looked(NamedTuple):
    """Everything that was written up to this revision had happened by then."""

    revision: int
    at: Instant


@dataclass(frozen=True, slots=True)
class Alert:
    identity: Identity
    group: str
    state: State
    sev: Sev
    seen: Seen
    active_since: Instant  # since when the condition is there (for what is unknown: the last successful look)
    fired_at: Instant | None
    cleared_at: Instant | None  # since when the condition is gone, while it keeps firing or is latched
    rising_since: tuple[Instant | None, ...]  # for each rise of the policy: since when its condition holds
    description: Description  # what it says now, or said when it was last seen
    onset: Description  # what it said when it began
    incident: str = ""
    excursion: Excursion | None = None  # of a latched one: how long it was so, how far it went, how often it was
    told_at: Instant | None = None  # of its newest page: when it fired, rose or fired again
    acknowledged: Acknowledgement | None = None  # it covers the newest page
    looked: Looked | None = None  # when it last fired, rose, latched: what had been looked at
    late: int = 0  # the revision of the write that its newest page told of, where that was told late
    again: int = 0  # pages of it that came right before the newest one: which of them that is

    @property
    def open(self) -> bool:
        return self.state is not State.PENDING

    @property
    def latched(self) -> bool:
        return self.state is State.LATCHED

    @property
    def drill(self) -> bool:
        """Nothing is wrong: somebody practises. It is told like any other, and counts in no verdict on the platform."""
        return self.identity.subject.kind == Drill.KIND

    def covered_by(self, acknowledgement: Acknowledgement, heard: float = inf) -> bool:
        """``heard``: the monotonic second at which it had been said; what is told after that it does not cover,
        whatever the wall clock says then."""
        if not self.open or self.told_at is None:
            return False
        told = self.told_at.mono <= heard and self.told_at.wall <= acknowledgement.through
        return told or self.happened_by(self.late, acknowledgement)

    @property
    def page(self) -> int:
        """When its newest page was told, in whole ``SAME_PAGE``."""
        at = self.told_at or self.fired_at or self.active_since
        return int(at.wall.timestamp()) // SAME_PAGE

    def follows(self, other: Alert) -> bool:
        """Whether its newest page came so soon after that of ``other`` that the time alone does not tell them apart."""
        return self.page <= other.page

    def happened_by(self, revision: int, acknowledgement: Acknowledgement) -> bool:
        """Whether a write that is told of late had happened when what is acknowledged was told."""
        looked = self.looked
        return looked is not None and 0 < revision <= looked.revision and looked.at.wall <= acknowledgement.through

    def said_already(self, revision: int) -> bool:
        """Whether it is told late of a write that somebody has acknowledged it for."""
        return self.acknowledged is not None and self.happened_by(revision, self.acknowledged)


@dataclass(frozen=True, slots=True)
class Edge:
    kind: EdgeKind
    alert: Alert
    at: Instant
    was: Sev | None = None  # the Sev before it rose
    order: int = 0  # among the edges of its turn, which are all of one instant
    why: str = ""  # of UNHEARD and ESCALATED: one clause
    to: tuple[str, ...] = ()  # of ESCALATED: the receivers it goes to


@dataclass(frozen=True, slots=True)
class Sign:
    """One look's word on one alert: is it there, since when, and which of the policy's rises hold."""

    seen: Seen
    since: Instant
    rises: tuple[bool, ...] = ()


def begin(identity: Identity, group: str, policy: Policy, sign: Sign, description: Description) -> Alert:
    """A pending alert; ``step`` fires it (at once, where the policy has no ``for``)."""
    return Alert(
        identity=identity,
        group=group,
        state=State.PENDING,
        sev=policy.severity,
        seen=sign.seen,
        active_since=sign.since,
        fired_at=None,
        cleared_at=None,
        rising_since=(None,) * len(policy.rises),
        description=description,
        onset=description,
    )


def step(alert: Alert, sign: Sign, policy: Policy, at: Instant) -> Alert | None:
    """The alert after one look (or after time alone has passed: the same sign again). ``None`` is inactive or
    resolved."""
    if sign.seen is Seen.UNSEEN:
        return alert if alert.seen is Seen.UNSEEN else replace(alert, seen=Seen.UNSEEN)
    if sign.seen is Seen.ABSENT:
        return _cleared(replace(alert, seen=Seen.ABSENT), policy, at)
    return _present(alert, sign, policy, at)


def _cleared(alert: Alert, policy: Policy, at: Instant) -> Alert | None:
    if alert.state is State.PENDING:
        return None
    cleared_at = alert.cleared_at or at
    if policy.latch and alert.acknowledged is None:
        return replace(alert, state=State.LATCHED, cleared_at=cleared_at)
    kept = at.since(cleared_at) < policy.keep_firing_for
    return replace(alert, cleared_at=cleared_at) if kept else None


def _present(alert: Alert, sign: Sign, policy: Policy, at: Instant) -> Alert:
    rising = _rising(alert.rising_since, sign)
    sev = _worth(rising, policy, at)
    if alert.state is not State.PENDING:
        now = replace(
            alert, state=State.FIRING, seen=Seen.PRESENT, cleared_at=None, rising_since=rising, sev=min(alert.sev, sev)
        )
        return replace(now, told_at=at, acknowledged=None) if alert.latched or now.sev < alert.sev else now
    pending = replace(alert, seen=Seen.PRESENT, rising_since=rising, sev=sev)
    if not _ripe(pending, policy, at):
        return pending
    return replace(pending, state=State.FIRING, fired_at=at, told_at=at)


def _rising(before: tuple[Instant | None, ...], sign: Sign) -> tuple[Instant | None, ...]:
    return tuple((since or sign.since) if holds else None for since, holds in zip(before, sign.rises, strict=True))


def _worth(rising: tuple[Instant | None, ...], policy: Policy, at: Instant) -> Sev:
    due = (
        r.severity for r, since in zip(policy.rises, rising, strict=True) if since and at.since(since) >= r.for_seconds
    )
    return min((policy.severity, *due))


def _ripe(alert: Alert, policy: Policy, at: Instant) -> bool:
    return at.since(alert.active_since) >= policy.for_seconds or alert.sev < policy.severity


def acknowledge(alert: Alert, acknowledgement: Acknowledgement) -> Alert | None:
    """An open alert once somebody has acknowledged it: a latched one is over, another stays until its condition is."""
    return None if alert.latched else replace(alert, acknowledged=acknowledgement)


def next_due(alert: Alert, policy: Policy) -> float | None:
    """The monotonic second at which time alone changes this alert; ``None`` if it never does."""
    if alert.seen is Seen.UNSEEN:
        return None
    if alert.seen is Seen.ABSENT:
        return None if alert.latched or alert.cleared_at is None else alert.cleared_at.mono + policy.keep_firing_for
    due = [
        since.mono + rise.for_seconds
        for rise, since in zip(policy.rises, alert.rising_since, strict=True)
        if since and rise.severity < alert.sev
    ]
    if alert.state is State.PENDING:
        due.append(alert.active_since.mono + policy.for_seconds)
    return min(due, default=None)


def edge(before: Alert | None, after: Alert | None, at: Instant) -> Edge | None:
    """What happened between two states that somebody must hear of."""
    if after is None:
        return Edge(EdgeKind.RESOLVED, before, at) if before is not None and before.open else None
    if before is None or not before.open:
        return Edge(EdgeKind.FIRED, after, at) if after.open else None
    if after.sev < before.sev:
        return Edge(EdgeKind.ROSE, after, at, was=before.sev)
    if after.state is before.state:
        return None
    return Edge(EdgeKind.LATCHED if after.latched else EdgeKind.REFIRED, after, at)
