"""Every flip is a fact: when a subject was unsafe, for how long, how far it went, and which writes began and ended it.

Instants are those at which *we* saw it. A WATCH tells late, and after a reconnect in a burst: what the API server
committed over a minute may reach us within a millisecond. That it was so is certain; how long is as we saw it. A
duration counts on the monotonic clock.

Not to know in between ends nothing, for blind time is not clear time; a subject that is gone is over. Costs what
changed, and nothing for what did not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from watchdog.core.facts import Excursion, Fact, KillSwitch, Mode, SelfReport, Subject, Unknown, Workload
from watchdog.core.instant import Instant, rfc3339
from watchdog.core.known import Change, Gone, Known, State
from watchdog.core.redaction import redacted_field
from watchdog.core.safety import bears_on
from watchdog.core.table import Table

KINDS = frozenset({KillSwitch.KIND, Workload.KIND, Mode.KIND, SelfReport.KIND})
KEPT = 1_000
"""Subjects whose newest excursion is kept after it is over; those that go on are all kept."""

STAGES = 4
"""Different unsafe states that one excursion names at most."""


def unsafe(fact: Fact) -> bool | Unknown:
    """Whether this state of a subject is an excursion. domain.md §2, Sev-0."""
    match fact:
        case KillSwitch() | Workload():
            safe = bears_on(fact)
            return safe if isinstance(safe, Unknown) else safe is False
        case Mode():
            return fact.unsafe
        case SelfReport():
            return True if fact.safe_to_execute is True else fact.unsafe
    return False


@dataclass(frozen=True, slots=True)
class Peak:
    """How far it went: of counts the highest of each, of values the different ones in order."""

    counts: Mapping[str, int] = field(default_factory=dict)
    stages: tuple[str, ...] = ()

    def with_(self, fact: Fact) -> Peak:
        if isinstance(fact, Workload):
            return replace(self, counts={n: max(c, self.counts.get(n, 0)) for n, c in _counts(fact)})
        stage = _stage(fact)
        known = stage in self.stages or len(self.stages) >= STAGES
        return self if known else replace(self, stages=(*self.stages, stage))

    def __str__(self) -> str:
        return ", ".join(f"{name} {count}" for name, count in self.counts.items() if count) or "; ".join(self.stages)


def _counts(workload: Workload) -> Iterable[tuple[str, int]]:
    for name in ("desired", "reported", "live"):
        count = getattr(workload, name)
        yield name, 0 if isinstance(count, Unknown) else count


def _stage(fact: Fact) -> str:
    """One unsafe state in words, as it may be shown."""
    names = {Mode.KIND: ("declared", "running"), KillSwitch.KIND: ("explanation",), SelfReport.KIND: ("agent_mode",)}
    said = [(name, redacted_field(fact, name)) for name in names[fact.KIND]]
    if isinstance(fact, SelfReport) and fact.safe_to_execute is True:
        said.append(("safe_to_execute", "true"))
    named = len(said) > 1 or isinstance(fact, SelfReport)
    return ", ".join(f"{name} {value}" if named else str(value) for name, value in said if value != "")


@dataclass(frozen=True, slots=True)
class Ongoing:
    excursion: Excursion
    began: Instant
    peak: Peak


@dataclass(frozen=True, slots=True)
class Excursions:
    """Which subjects are unsafe now, and how often each was that no longer is (the one that ended last comes last)."""

    ongoing: Table[Subject, Ongoing] = field(default_factory=Table)
    over: Mapping[Subject, int] = field(default_factory=dict)

    def after(self, changes: Iterable[Change], at: Instant) -> tuple[Excursions, Mapping[Subject, list[State]]]:
        """The same after these changes, and what is to be told: every step of every excursion, in order."""
        relevant = [change for change in changes if change.subject.kind in KINDS]
        if not relevant:
            return self, {}
        walk = _Walk(self)
        for change in relevant:
            for state in change.states:
                walk.step(change.subject, state)
        return walk.result(at)


class _Walk:
    """The states of one turn; it lives no longer than the call."""

    def __init__(self, before: Excursions) -> None:
        self.before = before
        self.ongoing: dict[Subject, Ongoing | None] = {}
        self.over = dict(before.over)
        self.told: dict[Subject, list[State]] = {}

    def step(self, subject: Subject, state: State) -> None:
        now = unsafe(state.fact) if isinstance(state, Known) else False
        current = self.ongoing[subject] if subject in self.ongoing else self.before.ongoing.get(subject)
        if now is True and isinstance(state, Known):
            self._goes_on(subject, state, current or self._begun(subject, state))
        elif now is False and current is not None:
            self._ended(subject, state, current)

    def _begun(self, subject: Subject, state: Known) -> Ongoing:
        began, count = rfc3339(state.since.wall), self.over.pop(subject, 0) + 1
        excursion = Excursion(subject.kind, _name(subject), False, began, "", 0.0, "", state.origin, "", count)
        return Ongoing(excursion, state.since, Peak())

    def _goes_on(self, subject: Subject, state: Known, current: Ongoing) -> None:
        peak = current.peak.with_(state.fact)
        if peak == current.peak:
            return
        excursion = replace(current.excursion, peak=str(peak))
        self.ongoing[subject] = Ongoing(excursion, current.began, peak)
        self._tell(excursion, current.began)

    def _ended(self, subject: Subject, state: State, current: Ongoing) -> None:
        over = replace(
            current.excursion,
            over=True,
            ended=rfc3339(state.since.wall),
            seconds=round(max(0.0, state.since.since(current.began)), 3),
            ended_by=state.origin,
        )
        self.ongoing[subject] = None
        self._tell(over, current.began)
        self.over[subject] = over.count

    def _tell(self, excursion: Excursion, began: Instant) -> None:
        known = Known(excursion, began, None, excursion.began_by)
        self.told.setdefault(excursion.subject, []).append(known)

    def result(self, at: Instant) -> tuple[Excursions, Mapping[Subject, list[State]]]:
        for subject in list(self.over)[: max(0, len(self.over) - KEPT)]:
            del self.over[subject]
            self.told.setdefault(excursion_of(subject), []).append(Gone(at))
        return Excursions(self.before.ongoing.with_(self.ongoing), self.over), self.told


def _name(subject: Subject) -> str:
    return "/".join(value for _, value in subject.labels)


def excursion_of(subject: Subject) -> Subject:
    """Under which its newest excursion is known."""
    return Subject(Excursion.KIND, (("of", subject.kind), ("subject_name", _name(subject))))
