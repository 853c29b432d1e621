"""Everything that is known as of one instant. Staleness is decided here, and nowhere else.

A scope (one part of one source) is known while its last successful look is younger than its ``stale_after``; then its
facts hold. A subject that several scopes name is governed by the one whose looks must be the freshest: a WATCH tells of
a change first, but a silent WATCH proves nothing for a minute, while the direct read beside it proves something every
second.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from watchdog.core.agreement import STATING, Statements, agreed
from watchdog.core.excursion import Excursions
from watchdog.core.facts import GLOBALS, Agreement, Fact, Safety, Source, Subject, Unknown
from watchdog.core.instant import Instant
from watchdog.core.known import NEVER_OBSERVED, Change, Gone, Known, Sight, State
from watchdog.core.observation import Coverage, Facts, Observation, Scope
from watchdog.core.outage import SAFETY_KINDS, explained, reworded
from watchdog.core.safety import Tallies, counted, safety
from watchdog.core.services import Few, core, ingest
from watchdog.core.table import Table
from watchdog.core.totals import Totals
from watchdog.core.trend import Past, Trends


@dataclass(frozen=True, slots=True)
class Posture:
    at: Instant
    sights: Mapping[Scope, Sight]
    facts: Table[Subject, Known] = field(default_factory=Table)
    tallies: Tallies = field(default_factory=dict)  # of what bears on safety
    excursions: Excursions = field(default_factory=Excursions)
    statements: Statements = field(default_factory=Statements)
    trends: Trends = field(default_factory=Trends)
    few: Few = field(default_factory=Few)
    totals: Totals = field(default_factory=Totals)
    blind: Mapping[Scope, Unknown] = field(default_factory=dict)  # the scopes that did not see at ``at``, and why
    stale_from: float | None = None  # before this monotonic second, silence alone makes no scope stale
    changes: tuple[Change, ...] = ()  # since the last turn, derived facts included
    regained: frozenset[Scope] = frozenset()  # scopes that were unknown at the last turn and hold again
    revisions: Mapping[str, int] = field(default_factory=dict)  # by source: the newest of which it has told anything

    @classmethod
    def initial(cls, at: Instant, coverage: Mapping[Scope, Coverage]) -> Posture:
        """Nothing has been seen: every scope is NeverObserved, and unknown since now."""
        sights = {scope: Sight(promise, at) for scope, promise in coverage.items()}
        return cls(at, sights, blind=dict.fromkeys(sights, NEVER_OBSERVED))

    def updated(self, at: Instant, observations: Iterable[Observation]) -> Posture:
        """The posture after these observations, as of ``at``."""
        observations = tuple(observations)
        sights, states, past = dict(self.sights), dict[Subject, list[State]](), list[Past]()
        for observation in observations:
            sights[observation.scope] = _looked(sights[observation.scope], observation)
            if isinstance(observation.facts, Facts):
                self._take(observation.scope, observation.facts, observation.at, states)
                past.append(observation.facts.past)
        touched = sights if self._may_be_stale(at) else dict.fromkeys(o.scope for o in observations)
        blind = _blind(self.blind, sights, touched, at)
        regained = frozenset(scope for scope in touched if scope in self.blind and scope not in blind)
        seeing = (sight for scope, sight in sights.items() if scope in touched and scope not in blind)
        stale_from = _earliest(None if touched is sights else self.stale_from, seeing)
        looked = replace(
            self,
            at=at,
            sights=sights,
            changes=(),
            regained=regained,
            blind=blind,
            stale_from=stale_from,
            revisions=_newest(self.revisions, observations),
        )
        seen = self._with(looked, states)
        return _derived(self, seen, chain.from_iterable(past))

    def _take(self, scope: Scope, facts: Facts, at: Instant, states: dict[Subject, list[State]]) -> None:
        for fact in facts.seen:
            subject = fact.subject
            before = self._last(subject, states)
            governing = self._governing(before, scope, fact.KIND)
            if before is None or before.fact != fact:
                states.setdefault(subject, []).append(Known(fact, at, governing, facts.origin, facts.late))
            elif before.scope != governing or (facts.origin and not before.origin):  # a look knew it before its event
                named = replace(before, scope=governing, origin=before.origin or facts.origin)
                states.setdefault(subject, []).append(named)
        for subject in facts.gone:
            if self._last(subject, states) is not None:
                states.setdefault(subject, []).append(Gone(at, facts.origin))

    def _last(self, subject: Subject, states: Mapping[Subject, list[State]]) -> Known | None:
        return _held(states[subject][-1]) if subject in states else self.facts.get(subject)

    def _governing(self, before: Known | None, scope: Scope, kind: str) -> Scope:
        """Of the scopes that promise this kind, the freshest; one that merely mentions it proves nothing of it."""
        if before is None or before.scope is None:
            return scope
        promised = {s: self.sights[s].coverage for s in (before.scope, scope)}
        return min(promised, key=lambda s: (kind not in promised[s].provides, promised[s].stale_after))

    @staticmethod
    def _with(posture: Posture, states: Mapping[Subject, list[State]]) -> Posture:
        """``posture`` after these states of these subjects, the last of which hold."""
        last = {subject: _held(known[-1]) for subject, known in states.items()}
        changes = posture.changes + tuple(Change(subject, tuple(known)) for subject, known in states.items())
        tallies = counted(posture.tallies, _counts(posture.facts, last))
        return replace(posture, facts=posture.facts.with_(last), tallies=tallies, changes=changes)

    @property
    def revision(self) -> int:
        """Everything that was written up to here had happened by now. 0: nobody can tell; of two clusters the numbers
        cannot be compared."""
        return next(iter(self.revisions.values())) if len(self.revisions) == 1 else 0

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

    def why_unseen(self, scope: Scope) -> Unknown | None:
        """Why what a scope said does not hold now."""
        return self.sights[scope].unknown(self.at)

    def next_stale(self) -> float | None:
        """The monotonic second at which silence alone makes something unknown, at the earliest."""
        return self.stale_from

    def _may_be_stale(self, at: Instant) -> bool:
        return self.stale_from is not None and at.mono > self.stale_from


def _newest(before: Mapping[str, int], observations: Sequence[Observation]) -> Mapping[str, int]:
    found = dict[str, int]()
    for observation in observations:
        if isinstance(facts := observation.facts, Facts):
            told = max(facts.revision, facts.position.revision if facts.position else 0)
            if told > found.get(observation.scope.source, before.get(observation.scope.source, 0)):
                found[observation.scope.source] = told
    return {**before, **found} if found else before


def _looked(sight: Sight, observation: Observation) -> Sight:
    if isinstance(observation.facts, Unknown):
        return replace(sight, problem=observation.facts, failed_at=sight.failed_at or observation.at)
    sight = replace(sight, position=observation.facts.position or sight.position)
    if observation.facts.partial:
        return sight
    return replace(sight, last_success=observation.at, problem=None, failed_at=None)


def _blind(
    before: Mapping[Scope, Unknown], sights: Mapping[Scope, Sight], touched: Iterable[Scope], at: Instant
) -> Mapping[Scope, Unknown]:
    """Costs what was touched: of the others nothing changes before one may be stale."""
    now = {scope: sights[scope].unknown(at) for scope in touched}
    if all(before.get(scope) == why for scope, why in now.items()):
        return before
    return {scope: why for scope, why in {**before, **now}.items() if why is not None}


def _earliest(bound: float | None, seeing: Iterable[Sight]) -> float | None:
    """A lower bound: a scope that looked again since is stale later, and is asked again when the bound is reached."""
    due = [sight.stale_at for sight in seeing if sight.stale_at is not None]
    return min(due if bound is None else (bound, *due), default=None)


def _counts(
    facts: Table[Subject, Known], last: Mapping[Subject, Known | None]
) -> Iterator[tuple[Subject, Scope, Fact, int]]:
    for subject, known in last.items():
        for state, count in ((facts.get(subject), -1), (known, 1)):
            if state is not None and state.scope is not None:
                yield subject, state.scope, state.fact, count


def _held(state: State) -> Known | None:
    return state if isinstance(state, Known) else None


def _is_new(facts: Table[Subject, Known], known: Known) -> bool:
    before = facts.get(known.fact.subject)
    return before is None or before.fact != known.fact


# Derived facts


def _derived(before: Posture, seen: Posture, past: Past) -> Posture:
    """``seen`` with all that follows from it. Costs what changed, and what there is of sources."""
    excursions, told = seen.excursions.after(seen.changes, seen.at)
    statements, agreements = _agreements(before, seen)
    trends, courses = seen.trends.after(seen.changes, past, seen.facts, seen.at)
    few = seen.few.after(seen.changes)
    states = {**told, **agreements, **courses}
    follows = _follows(before, seen, few)
    states |= {known.fact.subject: [known] for known in follows if _is_new(seen.facts, known)}
    after = seen._with(replace(seen, excursions=excursions, statements=statements, trends=trends, few=few), states)
    return replace(after, totals=seen.totals.after(after.changes, before.facts))


def _agreements(before: Posture, seen: Posture) -> tuple[Statements, Mapping[Subject, list[State]]]:
    """The agreements that changed: those whose statements did, and all of them where sight was lost or regained."""
    stating = (change.subject for change in seen.changes if change.subject.kind in STATING)
    statements, touched = seen.statements.after((s, before.facts.get(s), seen.facts.get(s)) for s in stating)
    if _turned(before, seen):
        touched = {**statements.compared, **touched}
    found = {setting: _agreement(statements, setting, seen) for setting in touched}
    states: dict[Subject, list[State]] = {}
    for setting, known in found.items():
        subject = Subject(Agreement.KIND, (("setting", setting),))
        held = seen.facts.get(subject)
        if known is not None and (held is None or (held.fact, held.scope) != (known.fact, known.scope)):
            states[subject] = [known]
        elif known is None and held is not None:
            states[subject] = [Gone(seen.at)]
    return statements.comparing({setting: known is not None for setting, known in found.items()}), states


def _agreement(statements: Statements, setting: str, seen: Posture) -> Known | None:
    stating = (seen.facts.get(subject) for subject in statements.by_setting.get(setting, ()))
    told = [known for known in stating if known is not None]
    return agreed(setting, told, seen.unseen, lambda scope: seen.sights[scope].unseen_since)


def _follows(before: Posture, seen: Posture, few: Few) -> Iterator[Known]:
    """What follows from sight and from a few facts, as far as that changed."""
    turned = _turned(before, seen)
    told = (scope for scope in turned if not reworded(before.blind.get(scope), seen.blind.get(scope)))
    for source in dict.fromkeys(scope.source for scope in told):
        yield _source(seen, source, [scope for scope in seen.sights if scope.source == source])
    if turned or seen.tallies is not before.tallies:
        yield _safety(seen)
    if turned or few is not before.few:
        yield Known(core(few, seen.why_unseen), seen.at, None)
        yield Known(ingest(few, seen.why_unseen), seen.at, None)


def _turned(before: Posture, seen: Posture) -> Sequence[Scope]:
    """The scopes that see and did not at the last turn, or the other way round, or do not for another reason; at the
    first turn all of them."""
    if Subject(Safety.KIND, ()) not in before.facts:
        return tuple(seen.sights)
    if before.blind is seen.blind:
        return ()
    return [s for s in {**before.blind, **seen.blind} if before.blind.get(s) != seen.blind.get(s)]


def _source(posture: Posture, source: str, scopes: list[Scope]) -> Known:
    failing = {scope: problem for scope in scopes if (problem := posture.sights[scope].unknown(posture.at))}
    safety = any(posture.sights[scope].coverage.provides & SAFETY_KINDS for scope in scopes)
    explanation = explained((scope.part, problem) for scope, problem in failing.items())
    since = min((posture.sights[scope].unseen_since for scope in failing), key=_mono, default=posture.at)
    return Known(Source(source, not failing, safety, explanation), since, None)


def _mono(at: Instant) -> float:
    return at.mono


def _safety(posture: Posture) -> Known:
    fact = safety(posture.tallies, _carrying(posture), posture.why_unseen)
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
