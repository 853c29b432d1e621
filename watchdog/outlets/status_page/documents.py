"""What the status server's JSON documents say. Keys keep their order; instants are RFC 3339 in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from watchdog.core import coverage as observed
from watchdog.core.alert import Acknowledgement, Alert, Identity
from watchdog.core.assessment import Assessment
from watchdog.core.delivery import Delivery
from watchdog.core.facts import Safety, Source, Subject, Unknown
from watchdog.core.incident import Incident
from watchdog.core.instant import Instant, exact, rfc3339
from watchdog.core.known import Known, Sight
from watchdog.core.notice import annotations_of, fingerprint, labels_of
from watchdog.core.observation import Scope
from watchdog.core.posture import Posture
from watchdog.core.record import record_of
from watchdog.core.redaction import redacted_fact, redacted_field, redacted_text
from watchdog.core.severity import Sev
from watchdog.outlets.status_page.deliveries import hearing

LIMIT = 2_000
"""Facts, alerts and members of an incident that a document names at most."""

STALLED = 15.0
"""Seconds after which a level that no turn has renewed says nothing about now."""

Labels = Mapping[str, str]


def health(level: Assessment, now: Instant, base_url: str, common: Labels) -> dict[str, Any]:
    """The posture in a few lines. ``status`` is the worst that holds: unsafe, unknown, degraded, safe."""
    safety = level.posture.globally(Safety.KIND)
    ours = [alert for alert in level.alerts.values() if not alert.drill]
    opened = [alert for alert in ours if alert.open]
    return {
        "status": status(level, now),
        "as_of": rfc3339(level.at.wall),
        "age_seconds": _age(now, level.at),
        "safety": shown(safety)
        if isinstance(safety, Unknown)
        else {name: redacted_field(safety, name) for name in ("halted", "at_zero")},
        "alerts": {f"sev{int(sev)}": sum(alert.sev is sev for alert in opened) for sev in Sev}
        | {"pending": len(ours) - len(opened)},
        "drills": sum(alert.drill and alert.open for alert in level.alerts.values()),
        "open_incidents": sum(incident.open and not incident.drill for incident in level.incidents.values()),
        "sources": {
            fact.source: {name: redacted_field(fact, name) for name in ("up", "explanation")}
            for fact in sources(level.posture)
        },
    }


def status(level: Assessment, now: Instant) -> str:
    """What cannot be confirmed safe is unsafe or unknown, never fine (domain.md §1). A drill says nothing of it."""
    safety = level.posture.globally(Safety.KIND)
    worst = min((a.sev for a in level.alerts.values() if a.open and not a.drill), default=Sev.SEV3)
    seen = (safety.halted, safety.at_zero) if isinstance(safety, Safety) else (safety, safety)
    if worst is Sev.SEV0 or False in seen:
        return "unsafe"
    if any(isinstance(value, Unknown) for value in seen) or now.since(level.at) > STALLED:
        return "unknown"
    return "degraded" if worst in (Sev.SEV1, Sev.SEV2) else "safe"


def sources(posture: Posture) -> list[Source]:
    found = (posture.facts.get(Subject(Source.KIND, (("source", name),))) for name in _source_names(posture))
    return [known.fact for known in found if known is not None and isinstance(known.fact, Source)]


def _source_names(posture: Posture) -> list[str]:
    return list(dict.fromkeys(scope.source for scope in posture.sights))


def posture(level: Assessment, now: Instant, base_url: str, common: Labels) -> dict[str, Any]:
    seen = replace(level.posture, at=now)
    facts, omitted = worst_facts(seen, level.alerts, LIMIT)
    return {
        "as_of": rfc3339(level.at.wall),
        "age_seconds": _age(now, level.at),
        "scopes": [_scope(scope, sight, now) for scope, sight in seen.sights.items()],
        "facts": [_fact(seen, known, now) for known in facts],
        "facts_omitted": omitted,
    }


def _scope(scope: Scope, sight: Sight, now: Instant) -> dict[str, Any]:
    return {
        "source": scope.source,
        "part": scope.part,
        "unknown": shown(sight.unknown(now)),
        "last_success": None if sight.last_success is None else rfc3339(sight.last_success.wall),
        "age_seconds": None if sight.last_success is None else _age(now, sight.last_success),
        "stale_after_seconds": sight.coverage.stale_after,
    }


def _fact(posture: Posture, known: Known, now: Instant) -> dict[str, Any]:
    return {
        "kind": known.fact.KIND,
        "subject": dict(known.fact.subject.labels),
        "fact": redacted_fact(known.fact),
        "since": rfc3339(known.since.wall),
        "scope": None if known.scope is None else str(known.scope),
        "age_seconds": age_of(posture, known, now),
        "unknown": shown(posture.unseen(known)),
    }


def coverage(level: Assessment, now: Instant, base_url: str, common: Labels) -> dict[str, Any]:
    """What is observed and what is not, and why."""
    head = {"as_of": rfc3339(level.at.wall), "age_seconds": _age(now, level.at)}
    return head | observed.coverage(replace(level.posture, at=now)).as_json()


def shown(why: Unknown | None) -> Unknown | None:
    """As it may be shown: what a server answered may quote a secret."""
    return None if why is None else Unknown(why.reason, redacted_text(why.message))


def age_of(posture: Posture, known: Known, now: Instant) -> float:
    """Seconds since the last successful look that says that it is so."""
    sight = None if known.scope is None else posture.sights[known.scope]
    return _age(now, posture.at if sight is None else sight.last_success or sight.started)


def _age(now: Instant, then: Instant) -> float:
    return round(max(0.0, now.since(then)), 3)


def worst_facts(posture: Posture, alerts: Mapping[Identity, Alert], limit: int) -> tuple[list[Known], int]:
    """Those with an alert first, then the unseen ones; and how many are beyond ``limit``."""
    unseen = {scope for scope, sight in posture.sights.items() if sight.unknown(posture.at) is not None}
    worth: dict[Subject, int] = {}
    for alert in alerts.values():
        worth[alert.identity.subject] = min(int(alert.sev), worth.get(alert.identity.subject, len(Sev)))

    def rank(known: Known) -> int:
        return worth.get(known.fact.subject, len(Sev) + (known.scope not in unseen))

    facts = sorted(posture.facts.values(), key=rank)
    return sorted(facts[:limit], key=lambda known: (rank(known), str(known.fact.subject))), max(0, len(facts) - limit)


def alerts(level: Assessment, now: Instant, base_url: str, common: Labels) -> dict[str, Any]:
    worst = worst_alerts(level)
    listed = {"alerts": [_alert(alert, level, base_url, common) for alert in worst[:LIMIT]]}
    return {"as_of": exact(level.at.wall)} | listed | _omitted(len(worst))


def worst_alerts(level: Assessment) -> list[Alert]:
    return sorted(level.alerts.values(), key=lambda alert: (not alert.open, alert.sev, str(alert.identity)))


def _alert(alert: Alert, level: Assessment, base_url: str, common: Labels) -> dict[str, Any]:
    return {
        "alertname": alert.identity.rule,
        "sev": int(alert.sev),
        "state": str(alert.state),
        "labels": labels_of(alert, common),
        "fingerprint": fingerprint(labels_of(alert, common)),
        "annotations": annotations_of(alert, base_url, common),
        "active_since": rfc3339(alert.active_since.wall),
        "fired_at": None if alert.fired_at is None else rfc3339(alert.fired_at.wall),
        "latched": alert.latched,
        "incident": alert.incident,
        "record": _record(alert, level.deliveries.of.get(alert.identity)),
    }


def _record(alert: Alert, delivery: Delivery | None) -> dict[str, Any]:
    """What another replica takes over. Labels and annotations are made to be shown; a human's words are free text."""
    said = alert.acknowledged
    shown = alert if said is None else replace(alert, acknowledged=replace(said, why=redacted_text(said.why)))
    return record_of(shown, delivery)


def incidents(level: Assessment, now: Instant, base_url: str, common: Labels) -> dict[str, Any]:
    """The newest incident of each group."""
    return {"incidents": [_incident(level.incidents[group], level) for group in sorted(level.incidents)]}


def _incident(incident: Incident, level: Assessment) -> dict[str, Any]:
    """``alerts``: those that are open, with whether anybody hears of them, and the newest of those that are over;
    ``ended`` counts them all."""
    members = sorted(incident.members)
    open_ = [_member(identity, level.deliveries.of.get(identity)) for identity in members[:LIMIT]]
    over = [{"alert": str(identity), "open": False} for identity in incident.over]
    return {
        "id": incident.id,
        "group": incident.group,
        "sev": int(incident.sev),
        "open": incident.open,
        "opened_at": rfc3339(incident.opened_at.wall),
        "resolved_at": None if incident.resolved_at is None else rfc3339(incident.resolved_at.wall),
        "alerts": [*open_, *over],
        "ended": incident.ended,
        "acknowledgements": [_acknowledgement(*said) for said in incident.acknowledgements],
    } | _omitted(len(members))


def _member(identity: Identity, delivery: Delivery | None) -> dict[str, Any]:
    told = {"alert": str(identity), "open": True}
    return told if delivery is None else told | {"heard": hearing(delivery), "around": list(delivery.around)}


def _acknowledgement(identity: Identity, said: Acknowledgement) -> dict[str, str]:
    """As it is claimed."""
    told = {"alert": str(identity), "entry": said.entry, "by": said.by, "why": redacted_text(said.why)}
    return told | {"at": rfc3339(said.at), "through": rfc3339(said.through)}


def _omitted(count: int) -> dict[str, int]:
    return {"omitted": count - LIMIT} if count > LIMIT else {}
