"""Everything that is known as of one instant. Staleness is decided here, and nowhere else.

A scope (one part of one source) is known while its last successful look is younger than its ``stale_after``; then its
facts hold. A subject that several scopes name is governed by the one whose looks must be the freshest: a WATCH tells of
a change first, but a silent WATCH proves nothing for a minute, while the direct read beside it proves something every
second.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from watchdog.core.facts import GLOBALS, Fact, Source, Subject, Unknown
from watchdog.core.instant import Instant
from watchdog.core.observation import Coverage, Facts, Observation, Scope
from watchdog.core.safety import Tallies, counted, safety
from watchdog.core.table import Table

SAFETY_KINDS = frozenset({"kill_switch", "workload", "mode"})
NEVER_OBSERVED = Unknown("NeverObserved", "no look has succeeded yet")


@dataclass(frozen=True, slots=True)
class Sight:
    """What is known of one scope's looks."""

    coverage: Coverage
    started: Instant
    last_success: Instant | None = None
    problem: Unknown | None = None  # of the newest look, if it failed
    failed_at: Instant | None = None  # when it first failed since the last success

    def unknown(self, at: Instant) -> Unknown | None:
        """Why what this scope said does not hold at ``at``; ``None`` while it does."""
        if self.problem is not None:
            return self.problem
        if self.last_success is None:
            return NEVER_OBSERVED
        if at.since(self.last_success) <= self.coverage.stale_after:
            return None
        return Unknown("Stale", f"no look has succeeded for more than {self.coverage.stale_after:g} s")

    @property
    def stale_at(self) -> float | None:
        """The monotonic second after which silence makes it stale."""
        if self.problem is not None or self.last_success is None:
            return None
        return self.last_success.mono + self.coverage.stale_after

    @property
    def unseen_since(self) -> Instant:
        """Since when it is blind, while it is: its last look that succeeded; of a quiet scope, since it failed."""
        if self.coverage.quiet and self.failed_at is not None:
            return self.failed_at
        return self.last_success or self.started


@dataclass(frozen=True, slots=True)
class Known:
    """One fact, since when it is so, and the scope whose looks keep it fresh."""

    fact: Fact
    since: Instant
    scope: Scope | None  # None: derived from other facts


@dataclass(frozen=True, slots=True)
class Change:
    """One subject's states in the order in which they were seen since the last turn; ``None`` is gone.

    All of them count: 0 -> 1 -> 0 between two turns is a breach that was, and not nothing.
    """

    subject: Subject
    states: tuple[Known | None, ...]


@dataclass(frozen=True, slots=True)
class Posture:
    at: Instant
    sights: Mapping[Scope, Sight]
    facts: Table[Subject, Known] = field(default_factory=Table)
    tallies: Tallies = field(default_factory=dict)  # of what bears on safety
    changes: tuple[Change, ...] = ()  # since the last turn, derived facts included
    regained: frozenset[Scope] = frozenset()  # scopes that were unknown at the last turn and hold again

    @classmethod
    def initial(cls, at: Instant, coverage: Mapping[Scope, Coverage]) -> Posture:
        """Nothing has been seen: every scope is NeverObserved, and unknown since now."""
        return cls(at, {scope: Sight(promise, at) for scope, promise in coverage.items()})

    def updated(self, at: Instant, observations: Iterable[Observation]) -> Posture:
        """The posture after these observations, as of ``at``."""
        sights, states = dict(self.sights), dict[Subject, list[Known | None]]()
        for observation in observations:
            sights[observation.scope] = _looked(sights[observation.scope], observation)
            if isinstance(observation.facts, Facts):
                self._take(observation.scope, observation.facts, observation.at, states)
        regained = frozenset(
            s for s, sight in sights.items() if self.sights[s].unknown(self.at) and not sight.unknown(at)
        )
        seen = self._with(replace(self, at=at, sights=sights, changes=(), regained=regained), states)
        return self._with(seen, {k.fact.subject: [k] for k in _derived(seen) if _is_new(self.facts, k)})

    def _take(self, scope: Scope, facts: Facts, at: Instant, states: dict[Subject, list[Known | None]]) -> None:
        for fact in facts.seen:
            subject = fact.subject
            before = states[subject][-1] if subject in states else self.facts.get(subject)
            governing = self._governing(before, scope, fact.KIND)
            if before is None or before.fact != fact:
                states.setdefault(subject, []).append(Known(fact, at, governing))
            elif before.scope != governing:
                states.setdefault(subject, []).append(replace(before, scope=governing))
        for subject in facts.gone:
            if (states[subject][-1] if subject in states else self.facts.get(subject)) is not None:
                states.setdefault(subject, []).append(None)

    def _governing(self, before: Known | None, scope: Scope, kind: str) -> Scope:
        """Of the scopes that promise this kind, the freshest; one that merely mentions it proves nothing of it."""
        if before is None or before.scope is None:
            return scope
        promised = {s: self.sights[s].coverage for s in (before.scope, scope)}
        return min(promised, key=lambda s: (kind not in promised[s].provides, promised[s].stale_after))

    @staticmethod
    def _with(posture: Posture, states: Mapping[Subject, list[Known | None]]) -> Posture:
        """``posture`` after these states of these subjects, the last of which hold."""
        last = {subject: known[-1] for subject, known in states.items()}
        changes = posture.changes + tuple(Change(subject, tuple(known)) for subject, known in states.items())
        tallies = counted(posture.tallies, _counts(posture.facts, last))
        return replace(posture, facts=posture.facts.with_(last), tallies=tallies, changes=changes)

    def noting(self, fact: Fact) -> Posture:
        """The posture with one more derived fact."""
        known = Known(fact, self.at, None)
        return self._with(self, {fact.subject: [known]} if _is_new(self.facts, known) else {})

    def globally(self, kind: str) -> Fact | Unknown:
        """The one fact of a kind of which there is one, as rules read it."""
        known = self.facts.get(Subject(kind, ()))
        if known is None:
            return Unknown("NeverObserved", f"nothing has said anything about {kind} yet")
        return self.unseen(known) or known.fact

    def globals(self) -> Mapping[str, Fact | Unknown]:
        """Every fact of which there is one, by its kind."""
        return {kind: self.globally(kind) for kind in GLOBALS}

    def known(self, subject: Subject) -> Known | Unknown:
        """What holds of a subject now, or why nothing does."""
        known = self.facts.get(subject)
        if known is None:
            return NEVER_OBSERVED
        return self.unseen(known) or known

    def unseen(self, known: Known) -> Unknown | None:
        """Why the scope that keeps this fact fresh does not do so now."""
        return None if known.scope is None else self.sights[known.scope].unknown(self.at)

    def next_stale(self) -> float | None:
        """The monotonic second at which silence alone makes something unknown."""
        return min(
            (s.stale_at for s in self.sights.values() if s.stale_at and s.stale_at >= self.at.mono), default=None
        )


def _looked(sight: Sight, observation: Observation) -> Sight:
    if isinstance(observation.facts, Unknown):
        return replace(sight, problem=observation.facts, failed_at=sight.failed_at or observation.at)
    return replace(sight, last_success=observation.at, problem=None, failed_at=None)


def _counts(
    facts: Table[Subject, Known], last: Mapping[Subject, Known | None]
) -> Iterator[tuple[Subject, Scope, Fact, int]]:
    for subject, known in last.items():
        for state, count in ((facts.get(subject), -1), (known, 1)):
            if state is not None and state.scope is not None:
                yield subject, state.scope, state.fact, count


def _is_new(facts: Table[Subject, Known], known: Known) -> bool:
    before = facts.get(known.fact.subject)
    return before is None or before.fact != known.fact


# Derived facts


def _derived(posture: Posture) -> Iterable[Known]:
    yield from _sources(posture)
    yield _safety(posture)


def _sources(posture: Posture) -> Iterable[Known]:
    by_source: dict[str, list[Scope]] = {}
    for scope in posture.sights:
        by_source.setdefault(scope.source, []).append(scope)
    for source, scopes in by_source.items():
        yield _source(posture, source, scopes)


def _source(posture: Posture, source: str, scopes: list[Scope]) -> Known:
    failing = [(scope, problem) for scope in scopes if (problem := posture.sights[scope].unknown(posture.at))]
    safety = any(posture.sights[scope].coverage.provides & SAFETY_KINDS for scope in scopes)
    explanation = _grouped((problem.reason, scope.part or "it") for scope, problem in failing)
    since = min((posture.sights[s].unseen_since for s, _ in failing), key=lambda i: i.mono, default=posture.at)
    return Known(Source(source, not failing, safety, explanation), since, None)


def _grouped(failing: Iterable[tuple[str, str]]) -> str:
    """'ConnectionRefused: watch pods, read ConfigMap x; Forbidden: watch deployments'."""
    parts: dict[str, list[str]] = {}
    for reason, part in failing:
        parts.setdefault(reason, []).append(part)
    return "; ".join(f"{reason}: {', '.join(those)}" for reason, those in parts.items())


def _safety(posture: Posture) -> Known:
    fact = safety(posture.tallies, _carrying(posture), lambda scope: posture.sights[scope].unknown(posture.at))
    return Known(fact, _blind_since(posture) if fact.blind else posture.at, None)


def _carrying(posture: Posture) -> Mapping[str, tuple[Scope, ...]]:
    """The scopes that can carry a kill switch, and those that can carry a workload."""
    promised = [(scope, sight.coverage.provides) for scope, sight in posture.sights.items()]
    return {kind: tuple(s for s, kinds in promised if kind in kinds) for kind in ("kill_switch", "workload")}


def _blind_since(posture: Posture) -> Instant:
    """Since when neither fact could be seen: the later of the two last moments at which one still was."""
    lost = []
    for kind in ("kill_switch", "workload"):
        scopes = [s for s in posture.sights.values() if kind in s.coverage.provides and s.unknown(posture.at)]
        lost.append(min((s.unseen_since for s in scopes), key=lambda i: i.mono, default=posture.at))
    return max(lost, key=lambda i: i.mono)
