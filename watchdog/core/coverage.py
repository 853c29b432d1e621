"""What is observed and what is not, and why: so that silence is not read as safety. Pure, from the posture alone.

Complete is: every class of safety fact is looked at by somebody, and nothing that is looked at is out of sight, and
nothing is known to be left out. A kind that the API server does not serve is listed, and is no gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, TypeVar

from watchdog.core.facts import Api, Blindspot, Fact, Grant, Unknown
from watchdog.core.observation import Scope, Sees
from watchdog.core.outage import SAFETY_KINDS
from watchdog.core.posture import Posture
from watchdog.core.redaction import redacted_text

F = TypeVar("F", bound=Fact)
State = Literal["not_observed", "not_served", "observed"]
STATES: tuple[State, ...] = ("not_observed", "not_served", "observed")
LIMIT = 5_000
"""Rows that a document holds at most."""
CLASSES: Mapping[str, str] = {
    "kill_switch": "a carrier of the kill switch",
    "workload": "execution workloads",
    "mode": "modes and related variables",
    "latent": "what could start execution by itself",
    "wiring": "how execution workloads read the kill switch",
    "self_report": "what services say of themselves at run time",
}
"""The classes of safety facts, each of which somebody must look at."""


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that is, or is not, observed."""

    area: str
    what: str
    where: str  # a namespace; empty: every namespace, or none at all
    state: State
    scopes: tuple[Scope, ...] = ()  # those that look at it
    age_seconds: float | None = None  # since the last look that vouches for it
    reason: str = ""  # CamelCase: Forbidden, NotServed, NotConfigured, NotSelected, NotNamed, FromSecret, Stale, ...
    explanation: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    looked: bool  # at least one look at a class of safety facts holds now; else nothing can be said
    rows: tuple[Row, ...]

    @property
    def complete(self) -> bool:
        return all(row.state != "not_observed" for row in self.rows)

    def as_json(self) -> dict[str, Any]:
        """What is not observed stands first, and is never left out."""
        worst = sorted(self.rows, key=lambda row: (STATES.index(row.state), row.area, row.where, row.what))
        return {
            "complete": self.complete,
            "looked": self.looked,
            "rows": [_as_json(row) for row in worst[:LIMIT]],
            "rows_omitted": max(0, len(worst) - LIMIT),
        }


def _as_json(row: Row) -> dict[str, Any]:
    """What a server answered may quote a secret."""
    return asdict(row) | {"scopes": [str(scope) for scope in row.scopes], "explanation": redacted_text(row.explanation)}


def coverage(posture: Posture) -> Report:
    """As of ``posture.at``."""
    live = (s.coverage.provides for s in posture.sights.values() if s.unknown(posture.at) is None)
    looked = any(provides & SAFETY_KINDS for provides in live)
    rows = [*_looked_at(posture), *_blind(posture), *_unconfigured(posture), *_left_out(posture)]
    return Report(looked, tuple(rows))


# What somebody looks at


def _looked_at(posture: Posture) -> Iterator[Row]:
    seen: dict[tuple[str, str, str], list[tuple[Scope, Sees]]] = {}
    for scope, sight in posture.sights.items():
        for sees in sight.coverage.sees:
            seen.setdefault((sees.area, sees.what, sees.where), []).append((scope, sees))
    unserved = {fact.resource for fact in _facts(posture, Api) if not fact.served}
    for those in seen.values():
        row = _row(posture, those)
        watched = row.area == "kind" and row.state == "observed"
        yield _unserved(row) if watched and row.what in unserved else row


def _blind(posture: Posture) -> Iterator[Row]:
    """Looks that see nothing of their own, but without which something of safety is unknown."""
    for scope, sight in posture.sights.items():
        why = sight.unknown(posture.at)
        if why is not None and not sight.coverage.sees and sight.coverage.provides & CLASSES.keys():
            yield Row("look", str(scope), "", "not_observed", (scope,), None, why.reason, why.message)


def _row(posture: Posture, those: list[tuple[Scope, Sees]]) -> Row:
    sees, scopes = those[0][1], tuple(scope for scope, _ in those)
    problems = [why for scope in scopes if (why := posture.sights[scope].unknown(posture.at)) is not None]
    enough = not problems if sees.every else len(problems) < len(scopes)
    why = _unknown_inside(posture, sees) if enough else problems[0]
    if why is not None:
        return Row(*_named(sees), "not_observed", scopes, None, why.reason, why.message)
    ages = [age for scope in scopes if (age := _age(posture, scope)) is not None]
    return Row(*_named(sees), "observed", scopes, max(ages) if sees.every else min(ages))


def _named(sees: Sees) -> tuple[str, str, str]:
    return sees.area, sees.what, sees.where


def _unserved(row: Row) -> Row:
    said = f"the API server does not serve {row.what}: there can be none"
    return Row(row.area, row.what, row.where, "not_served", row.scopes, row.age_seconds, "NotServed", said)


def _age(posture: Posture, scope: Scope) -> float | None:
    sight = posture.sights[scope]
    if sight.last_success is None or sight.unknown(posture.at) is not None:
        return None
    return round(max(0.0, posture.at.since(sight.last_success)), 3)


def _unknown_inside(posture: Posture, sees: Sees) -> Unknown | None:
    """Somebody looked, and could not tell."""
    known = None if sees.subject is None else posture.facts.get(sees.subject)
    if known is None:
        return None
    names = (sees.field,) if sees.field else tuple(field.name for field in fields(known.fact))
    values = (getattr(known.fact, name) for name in names)
    return next((value for value in values if isinstance(value, Unknown)), None)


# What nobody looks at


def _unconfigured(posture: Posture) -> Iterator[Row]:
    provided = {kind for sight in posture.sights.values() for kind in sight.coverage.provides}
    for kind, what in CLASSES.items():
        if kind not in provided:
            yield Row("class", kind, "", "not_observed", (), None, "NotConfigured", f"no source looks at {what}")


def _left_out(posture: Posture) -> Iterator[Row]:
    for spot in _facts(posture, Blindspot):
        state: State = "not_served" if spot.reason == "NotServed" else "not_observed"
        yield Row(spot.area, spot.what, "", state, (), None, spot.reason, spot.explanation)
    for grant in _facts(posture, Grant):
        if isinstance(grant.missing, Unknown) or grant.missing:
            yield _permission(grant)


def _permission(grant: Grant) -> Row:
    where = "" if grant.namespace == "*" else grant.namespace
    if isinstance(grant.missing, Unknown):
        why = grant.missing
        return Row("permission", grant.source, where, "not_observed", (), None, why.reason, why.message)
    return Row("permission", grant.missing, where, "not_observed", (), None, "Forbidden", grant.explanation)


def _facts(posture: Posture, kind: type[F]) -> Iterable[F]:
    return [known.fact for known in posture.facts.values() if isinstance(known.fact, kind)]
