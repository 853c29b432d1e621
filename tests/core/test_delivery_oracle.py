"""Deliveries against a naive oracle, which reads the whole history again at every tick."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.test_delivery import (
    ACKNOWLEDGED,
    FIRED,
    HEARD,
    LATCHED,
    REFIRED,
    RESOLVED,
    SILENCED,
    UNHEARD,
    Life,
    happens,
    named,
    says,
    takes,
)  # fmt: skip
from watchdog.core.alert import Edge, EdgeKind
from watchdog.core.delivery import Paging, Step
from watchdog.core.report import Accepted, Hearing, ReadBack, Report
from watchdog.core.severity import Sev

TICK = 0.25
PAGING = Paging(peers=True, fallback_after=1, readback_within=3, escalation=(Step(2, ("lead",)), Step(4, ("cto",))))
REASONS = (SILENCED, "inhibited by x", "muted by nights", "to null, which has no integration", "for no reason")
WORDS = ("silenced", "inhibited", "muted", "no integration", "unheard")


@dataclass
class Told:
    """One page, as the oracle sees it."""

    since: float
    sev: Sev
    waits_since: float
    unsure_since: float | None
    events: list[Edge | Report] = field(default_factory=list)  # after it, of the same alert
    causes: list[str] = field(default_factory=list)
    steps: int = 0

    @property
    def taken(self) -> bool:
        return any(isinstance(e, Accepted) and e.peer for e in self.events)

    def happened(self, kind: EdgeKind) -> bool:
        return any(isinstance(e, Edge) and e.kind is kind for e in self.events)

    @property
    def over(self) -> bool:
        known = self.taken and (self.ever_heard() or self.sev is not Sev.SEV0)
        return self.happened(RESOLVED) and (known or bool(self.causes) or self.happened(ACKNOWLEDGED))

    def first_taken(self) -> float | None:
        times = [e.at.mono for e in self.events if isinstance(e, Accepted) and e.peer]
        return self.unsure_since if self.unsure_since is not None else min(times, default=None)

    def newest(self) -> dict[str, ReadBack]:
        return {e.peer: e for e in self.events if isinstance(e, ReadBack)}

    def ever_heard(self) -> bool:
        return any(isinstance(e, ReadBack) and e.hearing is HEARD for e in self.events)

    def due_causes(self, now: float) -> set[str]:
        if self.happened(ACKNOWLEDGED):
            return set()
        if not self.taken:
            late = {"unaccepted"} if now >= self.waits_since + PAGING.fallback_after else set()
        else:
            late = set()
        if self.sev is not Sev.SEV0:
            return late
        read = [*self.newest().values()]
        if any(r.hearing is HEARD for r in read):
            return late
        silent = [r for r in read if r.hearing is UNHEARD]
        if silent:
            return late | {WORDS[REASONS.index(r.why)] for r in silent}
        first = self.first_taken()
        if self.taken and not self.ever_heard() and first is not None and now >= first + PAGING.readback_within:
            late.add("unknown")
        return late

    def due_steps(self, now: float) -> int:
        if self.sev is not Sev.SEV0 or self.happened(ACKNOWLEDGED) or self.happened(RESOLVED):
            return self.steps
        return max(self.steps, sum(now >= self.since + step.after for step in PAGING.escalation))


def foretold(history: Sequence[tuple[float, Edge | Report]], until: float) -> list[str]:
    """What must go out, and when, for one alert."""
    page, told = None, list[str]()
    for tick in range(int(until / TICK) + 1):
        now = tick * TICK
        for _, event in [e for e in history if e[0] == now and isinstance(e[1], Edge)]:
            page = after(page, event, now)
        for _, event in [e for e in history if e[0] == now and not isinstance(e[1], Edge)]:
            if page is not None and not isinstance(event, Edge) and belongs(event, page):
                page.events.append(event)
        if page is None:
            continue
        if anew := page.due_causes(now) - {*page.causes}:
            told.append(f"{now:g} unheard {sorted(anew)}")
            page.causes.extend(anew)
        if (steps := page.due_steps(now)) > page.steps:
            told.append(f"{now:g} escalated {steps}")
            page.steps = steps
        page = None if page.over else page
    return told


def after(page: Told | None, event: Edge | Report, now: float) -> Told | None:
    assert isinstance(event, Edge)
    if not event.kind.page:
        if page is not None:
            page.events.append(event)
        return page
    fresh = Told(now, event.alert.sev, now, None)
    if page is None or page.happened(ACKNOWLEDGED):
        return fresh
    if not page.taken and "unaccepted" not in page.causes:
        fresh.waits_since = page.waits_since
    if not page.ever_heard() and "unknown" not in page.causes:
        fresh.unsure_since = page.first_taken()
    return fresh


def belongs(event: Report, page: Told) -> bool:
    if isinstance(event, Accepted):
        return event.told_at >= page.since
    return isinstance(event, ReadBack) and event.at.mono >= page.since


ACTIONS = st.sampled_from(
    ["page", "page", "end", "latch", "ack", "am-0", "am-1", "hook", "heard", "unknown", "unheard", "unheard", "stale"]
    + 2 * ["wait"]
)  # fmt: skip
STEPS = st.lists(
    st.tuples(ACTIONS, st.integers(0, 2), st.integers(0, 3), st.integers(0, 4), st.sampled_from(["am-0", "am-1"])),
    max_size=40,
)


@dataclass
class Script:
    """Turns drawn actions into a history that can be: a page before its end, and Sevs that only rise."""

    history: dict[int, list[tuple[float, Edge | Report]]] = field(default_factory=lambda: {0: [], 1: [], 2: []})
    paged: dict[int, float] = field(default_factory=dict)
    sev: dict[int, Sev] = field(default_factory=dict)

    def event(self, now: float, action: str, number: int, which: int, peer: str) -> Edge | Report | None:
        if action == "page":
            open_ = number in self.paged
            sev = min(self.sev.get(number, Sev.SEV1) if open_ else Sev.SEV1, Sev(which % 2))
            self.paged[number], self.sev[number] = now, sev
            return happens(REFIRED if open_ else FIRED, now, now, sev, number)
        told_at = self.paged.get(number)
        if told_at is None:
            return None
        if action in ("end", "latch", "ack"):
            kind = {"end": RESOLVED, "latch": LATCHED, "ack": ACKNOWLEDGED}[action]
            if action == "end":
                del self.paged[number]
            return happens(kind, now, told_at, self.sev[number], number)
        if action in ("am-0", "am-1", "hook"):
            return takes(now, action, told_at, action != "hook", number)
        if action == "stale":
            return takes(now, "am-0", told_at - TICK, True, number)
        return says(now, Hearing(action), REASONS[which] if action == "unheard" else "", peer, number)


@given(STEPS)
@settings(max_examples=400, deadline=None)
def test_deliveries_do_what_a_naive_reading_of_the_history_says(steps: list[tuple[str, int, int, int, str]]) -> None:
    script, life, now = Script(), Life(PAGING), 0.0
    turns: dict[float, list[Edge | Report]] = {}
    for action, number, wait, which, peer in steps:
        now += wait * TICK * (4 if action == "wait" else 1)
        if action != "wait" and (event := script.event(now, action, number, which, peer)) is not None:
            turns.setdefault(now, []).append(event)
            script.history[number].append((now, event))
    for seconds, news in turns.items():
        life.turn(seconds, *news)
    life.until(now + 20)
    for number, history in script.history.items():
        assert said(life, number) == foretold(history, now + 20), history


def said(life: Life, number: int) -> list[str]:
    told = list[str]()
    for edge in (e for e in life.edges if e.alert.identity == named(number)):
        if edge.kind is EdgeKind.UNHEARD:
            told.append(f"{edge.at.mono:g} unheard {sorted(causes(edge.why))}")
        else:
            steps = max(1 + [step.receivers for step in PAGING.escalation].index((name,)) for name in edge.to)
            told.append(f"{edge.at.mono:g} escalated {steps}")
    return told


def causes(why: str) -> set[str]:
    clauses = [("no Alertmanager", "unaccepted"), ("it could not be", "unknown"), *zip(REASONS, WORDS, strict=True)]
    return {cause for clause, cause in clauses if clause in why}
