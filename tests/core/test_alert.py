"""The life of an alert (core.alert)."""

from __future__ import annotations

from watchdog.core.alert import (
    Alert,
    Cause,
    Description,
    EdgeKind,
    Identity,
    Policy,
    Rise,
    Seen,
    Sign,
    State,
    begin,
    edge,
    next_due,
    step,
)
from watchdog.core.facts import Subject
from watchdog.core.severity import Sev

from .worlds import at

WHO = Identity("Rule", Subject("workload", (("workload", "x"),)), Cause.BREACH)


def signed(seen: Seen, policy: Policy, since: float = 0.0, rises: tuple[bool, ...] | None = None) -> Sign:
    return Sign(seen, at(since), (False,) * len(policy.rises) if rises is None else rises)


def born(policy: Policy, since: float = 0.0, now: float = 0.0, rises: tuple[bool, ...] | None = None) -> Alert:
    sign = signed(Seen.PRESENT, policy, since, rises)
    alert = step(begin(WHO, "group", policy, sign, Description({}, {})), sign, policy, at(now))
    assert alert is not None
    return alert


def test_without_for_it_fires_at_the_first_look() -> None:
    assert born(Policy(Sev.SEV0)).state is State.FIRING


def test_for_counts_from_since_and_not_from_the_turn() -> None:
    policy = Policy(Sev.SEV1, for_seconds=15)
    assert born(policy, since=0, now=14.9).state is State.PENDING
    assert born(policy, since=0, now=15).state is State.FIRING


def test_pending_ends_at_a_clear_look_without_an_edge() -> None:
    policy = Policy(Sev.SEV1, for_seconds=15)
    before = born(policy)
    after = step(before, signed(Seen.ABSENT, policy), policy, at(3))
    assert after is None
    assert edge(before, after, at(3)) is None


def test_a_latching_breach_that_ends_is_latched_and_refires() -> None:
    policy = Policy(Sev.SEV0, latch=True)
    firing = born(policy)
    latched = step(firing, signed(Seen.ABSENT, policy), policy, at(1))
    assert latched is not None
    assert latched.latched
    again = step(latched, signed(Seen.PRESENT, policy, since=2), policy, at(2))
    assert again is not None
    assert again.state is State.FIRING
    assert [e.kind for e in (edge(firing, latched, at(1)), edge(latched, again, at(2))) if e] == [
        EdgeKind.LATCHED,
        EdgeKind.REFIRED,
    ]
    assert again.fired_at == firing.fired_at, "startsAt is constant for the life of an alert"


def test_what_is_unseen_stays_as_it_is() -> None:
    policy = Policy(Sev.SEV0, keep_firing_for=10)
    for alert in (born(policy), born(Policy(Sev.SEV1, for_seconds=60))):
        unseen = step(alert, signed(Seen.UNSEEN, policy), policy, at(10_000))
        assert unseen is not None
        assert (unseen.state, unseen.sev, edge(alert, unseen, at(10_000))) == (alert.state, alert.sev, None)
        assert next_due(unseen, policy) is None, "time alone must not change what cannot be seen"


def test_keep_firing_for_holds_a_resolution_back_and_then_lets_it_go() -> None:
    policy = Policy(Sev.SEV2, keep_firing_for=10)
    kept = step(born(policy), signed(Seen.ABSENT, policy), policy, at(5))
    assert kept is not None
    assert kept.state is State.FIRING
    assert next_due(kept, policy) == 15
    assert step(kept, signed(Seen.ABSENT, policy), policy, at(14.9)) is not None
    assert step(kept, signed(Seen.ABSENT, policy), policy, at(15)) is None


def test_a_sev_rises_and_never_falls() -> None:
    policy = Policy(Sev.SEV2, rises=(Rise(Sev.SEV1, 0.0),))
    firing = born(policy, rises=(False,))
    risen = step(firing, signed(Seen.PRESENT, policy, rises=(True,)), policy, at(1))
    assert risen is not None
    happened = edge(firing, risen, at(1))
    assert happened is not None
    assert (risen.sev, happened.kind, happened.was) == (Sev.SEV1, EdgeKind.ROSE, Sev.SEV2)
    back = step(risen, signed(Seen.PRESENT, policy, rises=(False,)), policy, at(2))
    assert back is not None
    assert back.sev is Sev.SEV1


def test_a_rise_comes_due_by_time_alone() -> None:
    policy = Policy(Sev.SEV1, rises=(Rise(Sev.SEV0, 300.0),))
    firing = born(policy, rises=(True,))
    assert firing.sev is Sev.SEV1
    assert next_due(firing, policy) == 300
    risen = step(firing, signed(Seen.PRESENT, policy, rises=(True,)), policy, at(300))
    assert risen is not None
    assert risen.sev is Sev.SEV0
