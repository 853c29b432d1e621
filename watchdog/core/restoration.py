"""What an earlier life of the daemon, its peer or Alertmanager remembers of an alert, taken over by this one. Pure.

It is taken over as unseen: the next look at its subject decides whether it goes on, latches or is over. ``for`` does
not start over, a latch holds, and what was acknowledged stays so. Of several memories the newest counts, and its end
counts against everything older; when it began, who took its page and who acknowledged it is what they know together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from watchdog.core.agreement import STATING
from watchdog.core.alert import Alert, Edge, EdgeKind, Identity, Looked, Policy, Seen, State
from watchdog.core.facts import Agreement, Excursion, Metric, Receiver, Source, Subject, Trend
from watchdog.core.instant import Instant
from watchdog.core.known import Sight
from watchdog.core.observation import Scope
from watchdog.core.report import Recalled, Report
from watchdog.core.ruleset import RuleSet

ENDED = 200
"""Alerts that are over and still known: what is recalled of them late, and is older, does not bring them back."""
SAME_PAGE = 5.0
"""Seconds between the instants at which two replicas told of one page."""
RECEIVERS_WITHIN = 120.0
"""Seconds after the start within which every receiver that there is was told something."""


@dataclass(frozen=True, slots=True)
class Ended:
    alert: Alert
    at: Instant


@dataclass(frozen=True, slots=True)
class Restoration:
    """What was taken over and whose subject nobody has looked for yet (and how old that memory is); what is over."""

    waiting: Mapping[Identity, Instant] = field(default_factory=dict)
    ended: Mapping[Identity, Ended] = field(default_factory=dict)  # the newest last

    def after(self, edges: Iterable[Edge], heard: Mapping[Identity, Ended]) -> Restoration:
        """With what this life saw end, and ``heard`` of."""
        over = dict(heard) | {e.alert.identity: Ended(e.alert, e.at) for e in edges if e.kind is EdgeKind.RESOLVED}
        if not over:
            return self
        ended = [*{i: was for i, was in self.ended.items() if i not in over}.items(), *over.items()]
        return replace(self, ended=dict(ended[-ENDED:]))


def unusable(recalled: Recalled, rules: RuleSet) -> str:
    """Why this configuration has no use for it, one clause; empty: it has."""
    identity = recalled.alert.identity
    rule = rules.by_name.get(identity.rule)
    if rule is None:
        return f"there is no rule {identity.rule} any more"
    return "" if rule.each == identity.subject.kind else f"{identity.rule} is a rule on {rule.each} now"


def together(reports: Iterable[Report], rules: RuleSet) -> Mapping[Identity, tuple[Recalled, Alert | None]]:
    """Of each alert what all that is recalled says together; beside an end the alert that an older memory held open."""
    usable = [r for r in reports if isinstance(r, Recalled) and not unusable(r, rules)]
    found: dict[Identity, tuple[Recalled, Alert | None]] = {}
    for recalled in sorted(usable, key=lambda r: (r.as_of.mono, r.ended)):
        identity, policy = recalled.alert.identity, rules.policy(recalled.alert.identity)
        now = replace(recalled, alert=fitted(recalled.alert, policy))
        before = found[identity][0] if identity in found else None
        if before is None or before.ended or now.ended:
            found[identity] = (now, before.alert if before is not None and now.ended and not before.ended else None)
        else:
            found[identity] = (_both(before, now), None)
    return found


def _both(older: Recalled, newer: Recalled) -> Recalled:
    alert = merged(older.alert, newer.alert)
    was, now = of_page(older, alert), of_page(newer, alert)
    return replace(
        now,
        accepted=(*was.accepted, *now.accepted),
        around=tuple(dict.fromkeys((*was.around, *now.around))),
        escalated=max(was.escalated, now.escalated),
    )


def of_page(recalled: Recalled, alert: Alert) -> Recalled:
    """``alert`` with what became of its newest page: nothing, where ``recalled`` tells of one before it rose or fired
    again."""
    was, told_at = recalled.alert, alert.told_at
    if was.told_at is None or told_at is None or was.sev > alert.sev or abs(was.told_at.since(told_at)) > SAME_PAGE:
        return replace(recalled, alert=alert, accepted=(), around=(), escalated=0)
    accepted = tuple(replace(one, told_at=told_at.mono) for one in recalled.accepted)
    return replace(recalled, alert=alert, accepted=accepted)


def fitted(alert: Alert, policy: Policy) -> Alert:
    """As nobody has looked yet, and by the rule as it is now."""
    count = len(policy.rises)
    return replace(alert, seen=Seen.UNSEEN, rising_since=(*alert.rising_since, *(None,) * count)[:count])


def merged(older: Alert, newer: Alert) -> Alert:
    """The alert as both know it: it began when the first of them saw it begin, and what is open for one is open."""
    base = replace(older, seen=newer.seen, description=newer.description) if older.open and not newer.open else newer
    began = min(older, newer, key=lambda alert: alert.active_since.mono)
    page = _page(older, base)
    return replace(
        base,
        active_since=began.active_since,
        onset=began.onset,
        fired_at=_earlier(older.fired_at, base.fired_at) if base.open else None,
        sev=min(older.sev, base.sev) if older.open else base.sev,
        rising_since=tuple(map(_risen, older.rising_since, base.rising_since)),
        incident=base.incident or older.incident,
        excursion=base.excursion or older.excursion,
        told_at=page.told_at,
        acknowledged=page.acknowledged,
        late=page.late,
        again=page.again,
        looked=_looked(older, newer, page.late),
    )


def _page(older: Alert, newer: Alert) -> Alert:
    """With its newest page: the older's goes on, unless the newer rose or fired again since."""
    again = newer.told_at != newer.fired_at or newer.sev < older.sev
    if older.state is not State.FIRING or again:
        return newer
    return replace(older, acknowledged=newer.acknowledged or older.acknowledged)


def _looked(older: Alert, newer: Alert, late: int) -> Looked | None:
    """The last look; before a page that tells late, the one that it did not move on."""
    known = [looked for looked in (older.looked, newer.looked) if looked is not None]
    return (min if late else max)(known, key=lambda looked: looked.at.mono, default=None)


def _risen(older: Instant | None, newer: Instant | None) -> Instant | None:
    return newer if newer is None else _earlier(older, newer)


def _earlier(one: Instant | None, other: Instant | None) -> Instant | None:
    known = [instant for instant in (one, other) if instant is not None]
    return min(known, key=lambda instant: instant.mono, default=None)


def looked_for(subject: Subject, sights: Mapping[Scope, Sight], at: Instant) -> bool:
    """Whether everyone who could tell of this subject has looked, so that it is not there if none names it. Where none
    could, nobody watches it any more: everyone else counts."""
    if subject.kind == Source.KIND:
        return dict(subject.labels)["source"] not in {scope.source for scope in sights}
    kinds = _told_by(subject)
    telling = [s for s in sights.values() if kinds & s.coverage.provides] or list(sights.values())
    if subject.kind == Receiver.KIND:  # of one that was told nothing yet nobody has said anything
        return all(at.since(sight.started) >= RECEIVERS_WITHIN for sight in telling)
    return bool(telling) and all(sight.last_success is not None for sight in telling)


def _told_by(subject: Subject) -> frozenset[str]:
    """The kinds of facts from which one on this subject would follow."""
    match subject.kind:
        case Trend.KIND:
            return frozenset({Metric.KIND})
        case Agreement.KIND:
            return STATING
        case Excursion.KIND:
            return frozenset({dict(subject.labels)["of"]})
    return frozenset({subject.kind})
