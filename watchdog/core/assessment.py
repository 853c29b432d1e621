"""assess(previous, posture, rules): the level (alerts, incidents) and the edges of one turn.

Incremental: it judges the subjects that changed, the timers that fell due and the rules that read a changed global. A
rolling full pass judges every subject again within a minute and must agree; where it does not, that is a finding about
ourselves (``Watchdog.disagreements``), and the new judgement counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from watchdog.core.agenda import Agenda
from watchdog.core.alert import (
    Alert,
    Cause,
    Edge,
    EdgeKind,
    Identity,
    Looked,
    Seen,
    Sign,
    acknowledge,
    begin,
    edge,
    next_due,
    step,
)
from watchdog.core.delivery import Deliveries, Paging
from watchdog.core.excursion import excursion_of
from watchdog.core.facts import Excursion, Market, Subject, Unknown, Watchdog
from watchdog.core.incident import Incident, after, opened
from watchdog.core.instant import Instant
from watchdog.core.known import Change, Known
from watchdog.core.posture import Posture
from watchdog.core.report import Recalled, Report
from watchdog.core.restoration import Ended, Restoration, looked_for, merged, of_page, together
from watchdog.core.ruleset import Globals, Judgement, Rule, RuleSet, may_begin
from watchdog.core.severity import Sev
from watchdog.core.table import BUCKETS, Table
from watchdog.core.words import Words

FULL_PASS_SECONDS = 60.0
SHARE_SECONDS = FULL_PASS_SECONDS / BUCKETS
AUDIT_SECONDS = 2.0
"""How often at least a turn is due, for its share of the full pass: also the sign that the loop turns."""
BOUND = 20_000
"""Alerts that are kept at most, but for Sev-0; those beyond it are counted, and the count is a finding."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """The state of the daemon after one turn: everything that outlets publish."""

    posture: Posture
    judgements: Table[Subject, tuple[Judgement, ...]] = field(default_factory=Table)  # in the order of the kind's rules
    alerts: Table[Identity, Alert] = field(default_factory=Table)
    incidents: Mapping[str, Incident] = field(default_factory=dict)  # the newest of each group
    agenda: Agenda[Identity] = field(default_factory=Agenda)  # when time alone changes an alert
    edges: tuple[Edge, ...] = ()  # of this turn
    paging: Paging = field(default_factory=Paging)
    deliveries: Deliveries = field(default_factory=Deliveries)
    words: Words = field(default_factory=Words)
    restoration: Restoration = field(default_factory=Restoration)
    audited: int = 0  # how far the rolling full pass has come: the next share, each of them SHARE_SECONDS long

    @property
    def at(self) -> Instant:
        return self.posture.at

    @classmethod
    def initial(cls, posture: Posture, paging: Paging | None = None) -> Assessment:
        return cls(posture, audited=_share(posture.at), paging=paging or Paging())

    def next_deadline(self) -> float:
        """The monotonic second at which the next turn is due although nothing new was seen."""
        audit, stale = self.audited * SHARE_SECONDS + AUDIT_SECONDS, self.posture.next_stale()
        timers = (self.agenda.next_due(), self.deliveries.next_due(), None if stale is None else stale + 0.001)
        return min(due for due in (audit, *timers) if due is not None)


def _share(at: Instant) -> int:
    """Which share of the full pass is next. A number, for an instant that fractions are added to skips one at times."""
    return int(at.mono // SHARE_SECONDS)


def assess(previous: Assessment, posture: Posture, rules: RuleSet, reports: Sequence[Report] = ()) -> Assessment:
    """One turn: pure, and it never raises. ``reports``: what became of pages, and what others remember of alerts."""
    turn = _Turn(previous, posture, rules)
    turn.take_over(reports)
    turn.judge_changes(posture.changes)
    turn.judge_changed_globals()
    turn.judge_what_is_seen_again()
    turn.run_timers()
    turn.end_what_is_not_there()
    turn.run_full_pass()
    turn.acknowledge()
    return turn.result(reports)


class _Turn:
    """The work of one ``assess``; it lives no longer than the call."""

    def __init__(self, previous: Assessment, posture: Posture, rules: RuleSet) -> None:
        self.previous, self.posture, self.rules, self.at = previous, posture, rules, posture.at
        self.globals: Globals = posture.globals()
        self.market_since = _market_since(posture)
        self.judgements: dict[Subject, tuple[Judgement, ...] | None] = {}
        self.alerts: dict[Identity, Alert | None] = {}
        self.agenda = previous.agenda
        self.kept = len(previous.alerts)
        self.edges: list[Edge] = []
        self.audited = previous.audited
        self.changed = {change.subject for change in posture.changes}
        self.watchdog = _watchdog(posture)
        self.words = previous.words.after(posture.changes, previous.at)
        self.waiting = dict(previous.restoration.waiting)
        self.restored: list[Recalled] = []
        self.ended: dict[Identity, Ended] = {}  # in an earlier life, or with a replica

    # what others remember

    def take_over(self, reports: Iterable[Report]) -> None:
        """As unseen; what is known of its subject decides at once what becomes of it."""
        for recalled, beneath in together(reports, self.rules).values():
            over = self.previous.restoration.ended.get(recalled.alert.identity)
            if over is not None and over.at.mono >= recalled.as_of.mono:
                continue
            if recalled.ended:
                self._over_meanwhile(recalled, beneath)
            else:
                self._take_over(recalled)

    def _over_meanwhile(self, recalled: Recalled, beneath: Alert | None) -> None:
        """It ended after what else is remembered of it. Of what this life has seen itself that says nothing."""
        identity = recalled.alert.identity
        self.ended[identity] = Ended(recalled.alert, recalled.as_of)
        as_of = self.waiting.get(identity)
        if as_of is not None and as_of.mono < recalled.as_of.mono:
            del self.waiting[identity]
            self._put(identity, self._alert(identity), None)
        elif beneath is not None and beneath.open and self._alert(identity) is None:
            self.edges.append(Edge(EdgeKind.RESOLVED, beneath, self.at))

    def _take_over(self, recalled: Recalled) -> None:
        identity = recalled.alert.identity
        before, as_of = self._alert(identity), self.waiting.get(identity)
        newer = as_of is not None and as_of.mono < recalled.as_of.mono
        pair = (before, recalled.alert) if newer else (recalled.alert, before)
        now = recalled.alert if before is None else merged(*(alert for alert in pair if alert is not None))
        if before is not None and before.open and before.told_at and before.told_at.mono > recalled.as_of.mono:
            told = replace(now, told_at=before.told_at, acknowledged=before.acknowledged)  # a page that it cannot know
            now = replace(told, late=before.late, again=before.again)
        if before is None and self._beyond_bound(now):
            return
        self.restored.append(of_page(recalled, now))
        if now.open and (before is None or not before.open):
            self.edges.append(Edge(EdgeKind.RESTORED, now, self.at))
        self._keep(identity, before, now)
        if identity.subject not in self.posture.facts:
            self.waiting[identity] = recalled.as_of if as_of is None or newer else as_of
        elif identity.subject not in self.changed:  # what it did change to is judged in its order
            self._judge_anew(self.posture.facts[identity.subject])

    def end_what_is_not_there(self) -> None:
        """A subject that every look would have named, and none did, exists no more."""
        for identity in [*self.waiting]:
            if identity.subject in self.posture.facts:
                del self.waiting[identity]
            elif looked_for(identity.subject, self.posture.sights, self.at):
                del self.waiting[identity]
                self._gone(identity.subject)

    # what operators said

    def acknowledge(self) -> None:
        """Of what began in this turn, and of everything where somebody has just said something."""
        anew = self.words is not self.previous.words
        for identity in [*self.alerts, *(self.previous.alerts if anew else ())]:
            alert = self._alert(identity)
            said = None if alert is None else self.words.covering(alert, self.previous.paging.labels)
            if alert is not None and said is not None:
                known = replace(alert, acknowledged=said)
                self.edges.append(Edge(EdgeKind.ACKNOWLEDGED, known, self.at))
                self._put(identity, known, acknowledge(known, said))

    # what is to be judged

    def judge_changes(self, changes: Iterable[Change]) -> None:
        """Each state counts, in order, and was seen when it was taken, whatever became of its source since."""
        for change in changes:
            for state in change.states:
                if isinstance(state, Known):
                    self._judge(state, since=state.since, unseen=False)
                else:
                    self._gone(change.subject)

    def judge_changed_globals(self) -> None:
        before = self.previous.posture.globals()
        changed = {name for name, fact in self.globals.items() if fact != before[name]}
        kinds = {rule.each for rule in self.rules.rules if changed & rule.reads}
        for known in [k for k in self.posture.facts.values() if k.fact.KIND in kinds] if kinds else ():
            self._judge_anew(known)

    def judge_what_is_seen_again(self) -> None:
        """An alert that could not be seen goes on from here; an unchanged fact would start no judgement."""
        if not self.posture.regained:
            return
        unseen = (i.subject for i, alert in self.previous.alerts.items() if alert.seen is Seen.UNSEEN)
        for subject in dict.fromkeys(unseen):
            known = self.posture.facts.get(subject)
            if known is not None and known.scope in self.posture.regained:
                self._judge_anew(known)

    def run_timers(self) -> None:
        due, self.agenda = self.agenda.taken(self.at.mono)
        for subject in dict.fromkeys(identity.subject for identity in due):
            known = self.posture.facts.get(subject)
            if known is None:
                self._gone(subject)
            else:
                self._judge_anew(known)

    def _judge_anew(self, known: Known) -> None:
        """What did not change: whatever begins with this judgement begins now."""
        self._judge(known, since=self.at, unseen=self.posture.unseen(known) is not None)

    def run_full_pass(self) -> None:
        """The share of the full pass that is due: every subject is judged again within FULL_PASS_SECONDS."""
        due = _share(self.at)
        for number in range(max(self.audited, due - BUCKETS), due):
            for known in self.posture.facts.bucket(number % BUCKETS).values():
                self._audit(known)
        self.audited = max(self.audited, due)

    def _audit(self, known: Known) -> None:
        subject = known.fact.subject
        held = self.judgements.get(subject) or self.previous.judgements.get(subject) or ()
        if _verdicts(held) == _verdicts(self._judgements(known)):
            return
        where = f"the full pass judged {subject} otherwise than the turns had"
        self.watchdog = replace(self.watchdog, disagreements=self.watchdog.disagreements + 1, explanation=where)
        self._judge_anew(known)

    # judging

    def _judge(self, known: Known, since: Instant, unseen: bool) -> None:
        self.judgements[known.fact.subject] = judgements = self._judgements(known)
        for rule, judgement in zip(self.rules.by_kind.get(known.fact.KIND, ()), judgements, strict=True):
            self._decide(rule, known, judgement, since, unseen)

    def _judgements(self, known: Known) -> tuple[Judgement, ...]:
        return tuple(self._judgement(rule, known) for rule in self.rules.by_kind.get(known.fact.KIND, ()))

    def _judgement(self, rule: Rule, known: Known) -> Judgement:
        try:
            return rule.judge(known.fact, self.globals)
        except Exception as error:  # a rule that raises is Unknown for that rule alone
            message = f"rule {rule.name} raised {type(error).__name__}: {error}"
            return Judgement(Unknown("RuleFailed", message), (False,) * len(rule.breach.rises))

    def _decide(self, rule: Rule, known: Known, judgement: Judgement, since: Instant, unseen: bool) -> None:
        """The breach first: where unverifiable turns into a breach, the old page ends after the new one begins."""
        if rule.market_hours:
            since = max(since, self.market_since, key=lambda i: i.mono)
        verdict, subject = judgement.verdict, known.fact.subject
        breach, unverifiable = (
            Identity(rule.name, subject, Cause.BREACH),
            Identity(rule.name, subject, Cause.UNVERIFIABLE),
        )
        self._step(rule, breach, known, Sign(_seen_breach(verdict, unseen), since, judgement.rises), verdict)
        waiting = verdict is True and (now := self._alert(breach)) is not None and not now.open
        seen = Seen.UNSEEN if waiting else _seen_unverifiable(verdict, unseen)
        self._step(rule, unverifiable, known, Sign(seen, since), verdict)

    def _step(self, rule: Rule, identity: Identity, known: Known, sign: Sign, verdict: bool | Unknown) -> None:
        before, policy = self._alert(identity), self.rules.policy(identity)
        if known.late and sign.seen is Seen.PRESENT and self._said_already(identity, before, known.late):
            return
        if (before is None or not before.open) and not may_begin(rule, self.globals):
            self._put(identity, before, None)
        elif sign.seen is Seen.PRESENT:
            why = verdict if isinstance(verdict, Unknown) else None
            said = rule.describe(known.fact, self.globals, identity.cause, why)
            current = replace(before, description=said) if before else begin(identity, rule.group, policy, sign, said)
            self._put(identity, before, step(current, sign, policy, self.at), late=known.late)
        elif before is not None:
            self._put(identity, before, step(before, sign, policy, self.at))

    def _gone(self, subject: Subject) -> None:
        """The subject exists no more: nothing of it runs, and its breach is over."""
        self.judgements[subject] = None
        for rule in self.rules.by_kind.get(subject.kind, ()):
            for cause in Cause:
                identity = Identity(rule.name, subject, cause)
                if (alert := self._alert(identity)) is not None:
                    over = step(alert, Sign(Seen.ABSENT, self.at), self.rules.policy(identity), self.at)
                    self._put(identity, alert, over)

    # keeping

    def _alert(self, identity: Identity) -> Alert | None:
        return self.alerts[identity] if identity in self.alerts else self.previous.alerts.get(identity)

    def _said_already(self, identity: Identity, alert: Alert | None, late: int) -> bool:
        said = alert or self._over(identity)
        return said is not None and said.said_already(late)

    def _over(self, identity: Identity) -> Alert | None:
        """The last one, that has ended."""
        over = self.ended.get(identity) or self.previous.restoration.ended.get(identity)
        return None if over is None else over.alert

    def _put(self, identity: Identity, before: Alert | None, now: Alert | None, late: int = 0) -> None:
        if before is None and now is None:
            return
        if now is not None and now.latched:
            now = replace(now, excursion=self._excursion(identity.subject) or now.excursion)
        if before is None and now is not None and self._beyond_bound(now):
            return
        if (happened := edge(before, now, self.at)) is not None:
            if now is None:
                self.ended[identity] = Ended(happened.alert, self.at)
            else:
                now = self._looked(self._counted(now, before) if happened.kind.page else now, late, happened.kind.page)
                happened = replace(happened, alert=now)
            self.edges.append(happened)
        self._keep(identity, before, now)

    def _counted(self, now: Alert, before: Alert | None) -> Alert:
        """Which it is of several pages right after each other."""
        last = before if before is not None and before.open else self._over(now.identity)
        return replace(now, again=0 if last is None or not now.follows(last) else last.again + 1)

    def _looked(self, now: Alert, late: int, page: bool) -> Alert:
        """With what had been looked at when this happened to it. A page that tells late moves nothing on: what it
        tells of had happened by the look before."""
        told = replace(now, late=late) if page else now
        if told.late and told.looked is not None:
            return told
        return replace(told, looked=Looked(self.posture.revision, self.at) if self.posture.revision else None)

    def _beyond_bound(self, alert: Alert) -> bool:
        """Whether there is no room for one more; then it is counted."""
        if alert.sev is Sev.SEV0 or self.kept < BOUND:
            return False
        beyond, explanation = self.watchdog.alerts_beyond_bound + 1, f"{alert.identity} was not kept"
        self.watchdog = replace(self.watchdog, alerts_beyond_bound=beyond, explanation=explanation)
        return True

    def _keep(self, identity: Identity, before: Alert | None, now: Alert | None) -> None:
        self.kept += (now is not None) - (before is not None)
        self.alerts[identity] = now
        self.agenda = self.agenda.with_(identity, None if now is None else self._due(now))

    def _excursion(self, subject: Subject) -> Excursion | None:
        """What is known of how the subject was unsafe, now that it no longer is."""
        known = self.posture.facts.get(excursion_of(subject))
        return known.fact if known is not None and isinstance(known.fact, Excursion) and known.fact.over else None

    def _due(self, alert: Alert) -> float | None:
        """When to judge this alert again: in the future, so that a turn ends."""
        due = next_due(alert, self.rules.policy(alert.identity))
        return None if due is None else max(due, self.at.mono + 0.001)

    def result(self, reports: Sequence[Report]) -> Assessment:
        posture = self.posture.noting(self.watchdog)
        self.judge_changes(posture.changes[len(self.posture.changes) :])
        incidents = dict(self.previous.incidents)
        told = [_joined(e, incidents) for e in self.edges]
        for happened in told:
            if (alert := self.alerts.get(happened.alert.identity)) is not None:
                self.alerts[alert.identity] = replace(alert, incident=happened.alert.incident)
        alerts = self.previous.alerts.with_(self.alerts)
        known = (*(report for report in reports if not isinstance(report, Recalled)), *self.restored)
        deliveries, more = self.previous.deliveries.after(told, known, alerts, self.previous.paging, self.at)
        edges = tuple(replace(e, order=number) for number, e in enumerate((*told, *more)))
        return Assessment(
            posture,
            self.previous.judgements.with_(self.judgements),
            alerts,
            incidents,
            self.agenda,
            edges,
            self.previous.paging,
            deliveries,
            self.words,
            replace(self.previous.restoration.after(told, self.ended), waiting=self.waiting),
            self.audited,
        )


def _joined(happened: Edge, incidents: dict[str, Incident]) -> Edge:
    """The edge with its incident's id, and the incident after it."""
    group = happened.alert.group
    current = incidents.get(group)
    if current is not None and current.open:
        incidents[group] = after(current, happened)
    elif happened.kind is not EdgeKind.RESOLVED:
        incidents[group] = opened(happened, current)
    incident = incidents[group].id if group in incidents else happened.alert.incident
    return replace(happened, alert=replace(happened.alert, incident=incident))


def _seen_breach(verdict: bool | Unknown, unseen: bool) -> Seen:
    if unseen or isinstance(verdict, Unknown):
        return Seen.UNSEEN
    return Seen.PRESENT if verdict else Seen.ABSENT


def _seen_unverifiable(verdict: bool | Unknown, unseen: bool) -> Seen:
    if unseen:
        return Seen.UNSEEN
    return Seen.PRESENT if isinstance(verdict, Unknown) else Seen.ABSENT


def _verdicts(judgements: Iterable[Judgement]) -> tuple[bool | None, ...]:
    return tuple(j.verdict if isinstance(j.verdict, bool) else None for j in judgements)


def _market_since(posture: Posture) -> Instant:
    """Since when the market is as it is; what begins only in market hours has not been so for longer than that."""
    known = posture.facts.get(Subject(Market.KIND, ()))
    return Instant(posture.at.wall, float("-inf")) if known is None else known.since


def _watchdog(posture: Posture) -> Watchdog:
    fact = posture.globally(Watchdog.KIND)
    return fact if isinstance(fact, Watchdog) else Watchdog(0, 0, "")
