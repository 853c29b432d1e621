"""What follows from services and from the carriers of the ingest switch, over the whole platform. domain.md §2, §6."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from watchdog.core.facts import Core, Fact, Ingest, Pause, Service, Subject, Unknown
from watchdog.core.known import Change, Gone, Known
from watchdog.core.observation import Scope

Criticality: TypeAlias = Literal["critical", "important", "optional", "informational"]
"""What a service is worth to the platform, as stanzas state it. domain.md §6."""
CORE = ("critical", "important")
Unseen = Callable[[Scope], Unknown | None]
"""Why what a scope said does not hold now; ``None`` while it does."""


@dataclass(frozen=True, slots=True)
class Few:
    """The newest facts of the kinds of which a platform has few, so that a turn need not search for them."""

    KINDS = frozenset({Service.KIND, Pause.KIND})
    known: Mapping[Subject, Known] = field(default_factory=dict)

    def after(self, changes: Iterable[Change]) -> Few:
        ours = [change for change in changes if change.subject.kind in self.KINDS]
        if not ours:
            return self
        known = dict(self.known)
        for change in ours:
            last = change.states[-1]
            if isinstance(last, Gone):
                known.pop(change.subject, None)
            else:
                known[change.subject] = last
        return replace(self, known=known)


def core(few: Few, unseen: Unseen) -> Core:
    """Kleene's *and* over every core service: one that is not healthy decides, one that is unseen leaves it open."""
    ours = [(k.fact, _unseen(k, unseen)) for k in few.known.values() if _is_core(k.fact)]
    bad = [fact.service for fact, why in ours if why is None and isinstance(fact, Service) and not fact.healthy]
    if bad:
        return Core(False, f"not healthy: {', '.join(sorted(bad))}")
    if not ours:
        return Core(Unknown("NotConfigured", "no source looks at a core service"), "no source looks at a core service")
    out = next((why for _, why in ours if why is not None), None)
    return Core(True, "all core services are healthy") if out is None else Core(out, str(out))


def ingest(few: Few, unseen: Unseen) -> Ingest:
    """Paused if one carrier says so; not paused only if all can be seen and none does."""
    ours = [(k.fact, _unseen(k, unseen)) for k in few.known.values() if isinstance(k.fact, Pause)]
    unknown: Unknown | None = None
    for fact, why in ours:
        assert isinstance(fact, Pause)
        if why is None and fact.paused is True:
            where = f"{fact.carrier} {fact.location}"
            return Ingest(True, f"ingestion is paused on purpose ({where}: {fact.explanation})")
        unknown = unknown or why or (fact.paused if isinstance(fact.paused, Unknown) else None)
    if unknown is not None:
        return Ingest(unknown, f"whether ingestion is paused on purpose is unknown ({unknown})")
    return Ingest(False, "ingestion is not paused" if ours else "nothing pauses ingestion that is looked at")


def _is_core(fact: Fact) -> bool:
    return isinstance(fact, Service) and fact.criticality in CORE


def _unseen(known: Known, unseen: Unseen) -> Unknown | None:
    return None if known.scope is None else unseen(known.scope)
