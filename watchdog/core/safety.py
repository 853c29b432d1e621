"""The two safety facts over the whole platform, counted as it changes: is it halted, and is execution at zero?

The counts make a turn cost the same with three execution workloads and with three hundred.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from watchdog.core.facts import Fact, KillSwitch, Safety, Subject, Unknown, Workload
from watchdog.core.observation import Scope

Unseen = Callable[[Scope], Unknown | None]
"""Why what a scope said does not hold now; ``None`` while it does."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many facts of one kind, kept fresh by one scope, are safe and unsafe; and why the others are unknown."""

    safe: int = 0
    unsafe: int = 0
    unknown: Mapping[Subject, Unknown] = field(default_factory=dict)

    def with_(self, subject: Subject, value: bool | Unknown, count: int) -> Tally:
        if isinstance(value, Unknown):
            others = {s: why for s, why in self.unknown.items() if s != subject}
            return replace(self, unknown={**others, subject: value} if count > 0 else others)
        if value:
            return replace(self, safe=self.safe + count)
        return replace(self, unsafe=self.unsafe + count)

    @property
    def empty(self) -> bool:
        return not (self.safe or self.unsafe or self.unknown)


Key = tuple[str, Scope]  # a fact's kind and the scope that keeps it fresh
Tallies = Mapping[Key, Tally]


def bears_on(fact: Fact) -> bool | Unknown | None:
    """Whether a fact is safe; ``None`` if it has no bearing on safety."""
    if isinstance(fact, KillSwitch):
        return fact.halted
    return zero(fact) if isinstance(fact, Workload) and fact.execution else None


def zero(workload: Workload) -> bool | Unknown:
    """Above zero is any count above zero (domain.md §5)."""
    counts = (workload.desired, workload.reported, workload.live)
    if any(not isinstance(count, Unknown) and count > 0 for count in counts):
        return False
    return next((count for count in counts if isinstance(count, Unknown)), True)


def counted(tallies: Tallies, changes: Iterable[tuple[Subject, Scope, Fact, int]]) -> Tallies:
    """The tallies after facts came (+1) and went (-1): the very same if none of them bears on safety."""
    after = tallies
    for subject, scope, fact, count in changes:
        if (value := bears_on(fact)) is not None:
            key = (fact.KIND, scope)
            after = {**after, key: after.get(key, Tally()).with_(subject, value, count)}
    return after


def safety(tallies: Tallies, scopes: Mapping[str, tuple[Scope, ...]], unseen: Unseen) -> Safety:
    """``scopes``: those that can carry each kind."""
    halted = _all(tallies, "kill_switch", scopes, unseen)
    at_zero = _all(tallies, "workload", scopes, unseen)
    blind = isinstance(halted, Unknown) and isinstance(at_zero, Unknown)
    last_look_unsafe = any(tally.unsafe for tally in tallies.values())
    return Safety(
        halted, at_zero, blind, last_look_unsafe, f"halted: {_say(halted)}; execution at zero: {_say(at_zero)}"
    )


def _all(tallies: Tallies, kind: str, scopes: Mapping[str, tuple[Scope, ...]], unseen: Unseen) -> bool | Unknown:
    """Kleene's *and* over every fact of a kind and every scope that could hold another: a collection that is unknown is
    not empty."""
    ours = [(scope, tally) for (k, scope), tally in tallies.items() if k == kind and not tally.empty]
    if any(tally.unsafe and unseen(scope) is None for scope, tally in ours):
        return False
    carrying = scopes.get(kind, ())
    looked_at = dict.fromkeys([*carrying, *(scope for scope, _ in ours)])
    out = [why for scope in looked_at if (why := unseen(scope)) is not None]
    unknown = out + [why for _, tally in ours for why in tally.unknown.values()]
    if unknown:
        return unknown[0]
    return (
        True if carrying and (ours or kind == "workload") else Unknown("NotConfigured", f"no source looks at a {kind}")
    )


def _say(value: bool | Unknown) -> str:
    return str(value) if isinstance(value, Unknown) else ("yes" if value else "no")
