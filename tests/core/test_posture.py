"""What is known as of one instant, and when it no longer is (core.posture)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.core.facts import Safety, Source, Subject, Unknown
from watchdog.core.known import Known
from watchdog.core.observation import Coverage, Facts, Observation, Position, Scope
from watchdog.core.posture import Posture

from .worlds import SWITCHES, WORKLOADS, at, failed, saw, switch, workload

WATCH, READ = Scope("kubernetes", "watch"), Scope("kubernetes", "read")


def posture(**stale_after: float) -> Posture:
    return Posture.initial(
        at(0),
        {
            SWITCHES: Coverage(frozenset({"kill_switch"}), 5.0),
            WORKLOADS: Coverage(frozenset({"workload"}), 5.0),
        },
    )


def safety(now: Posture) -> Safety:
    fact = now.globally("safety")
    assert isinstance(fact, Safety)
    return fact


def source(now: Posture, name: str = "kubernetes") -> Known:
    known = now.facts[Subject("source", (("source", name),))]
    assert isinstance(known.fact, Source)
    return known


def test_before_the_first_look_everything_is_unknown_and_nothing_is_fine() -> None:
    now = posture().updated(at(1), [])
    assert isinstance(safety(now).halted, Unknown)
    assert isinstance(safety(now).at_zero, Unknown)
    assert safety(now).blind
    assert source(now).fact == Source(
        "kubernetes", False, True, "NeverObserved: no look has succeeded yet (switches, workloads)"
    )


def test_a_fact_is_stale_once_its_scope_has_not_looked_for_stale_after() -> None:
    seen = posture().updated(at(0), [saw(0, SWITCHES, switch())])
    assert isinstance(seen.updated(at(5), []).known(switch().subject), Known)
    unknown = seen.updated(at(5.01), []).known(switch().subject)
    assert isinstance(unknown, Unknown)
    assert unknown.reason == "Stale"


def test_an_empty_look_keeps_facts_fresh() -> None:
    seen = posture().updated(at(0), [saw(0, SWITCHES, switch())]).updated(at(5), [saw(5, SWITCHES)])
    assert isinstance(seen.updated(at(9), []).known(switch().subject), Known)


def test_a_failed_look_makes_the_scopes_facts_unknown_at_once() -> None:
    now = posture().updated(at(0), [saw(0, SWITCHES, switch())]).updated(at(1), [failed(1, SWITCHES)])
    assert now.known(switch().subject) == Unknown("Forbidden", "by the test")
    told = "Forbidden: by the test (switches); NeverObserved: no look has succeeded yet (workloads)"
    assert source(now).fact == Source("kubernetes", False, True, told)


def test_a_source_is_unseen_since_its_last_successful_look() -> None:
    now = posture().updated(at(3), [saw(3, SWITCHES, switch()), saw(4, WORKLOADS, workload())])
    assert source(now.updated(at(10), [failed(10, SWITCHES)])).since == at(3)


def test_every_state_between_two_turns_is_a_change() -> None:
    now = posture().updated(at(1), [saw(0.1, WORKLOADS, workload(n)) for n in (0, 1, 0)])
    states = next(change.states for change in now.changes if change.subject == workload().subject)
    assert [isinstance(s, Known) and getattr(s.fact, "desired", None) for s in states] == [0, 1, 0]


def test_a_look_that_says_the_same_is_no_change() -> None:
    now = posture().updated(at(0), [saw(0, WORKLOADS, workload())]).updated(at(1), [saw(1, WORKLOADS, workload())])
    assert workload().subject not in {change.subject for change in now.changes}


def test_a_state_that_a_look_was_first_to_see_is_named_by_its_event() -> None:
    """Whoever asks what began an excursion finds the write, whichever stream was the first."""
    looked = posture().updated(at(1), [saw(1, WORKLOADS, workload(1))])
    events = [Observation(WORKLOADS, at(n), Facts((workload(1),), origin=f"write {n}")) for n in (2, 3)]
    named = looked.updated(at(3), events)
    [change] = [change for change in named.changes if change.subject == workload().subject]
    assert [(s.since, s.origin) for s in change.states] == [(at(1), "write 2")], (
        "of its first event, and since the look"
    )


def test_how_far_a_history_is_complete_holds_until_it_is_said_anew() -> None:
    said = Observation(SWITCHES, at(1), Facts(partial=True, position=Position(7, at(1).wall)))
    now = posture().updated(at(1), [said])
    assert now.sights[SWITCHES].position == Position(7, at(1).wall)
    assert now.sights[SWITCHES].last_success is None, "that is no look"
    now = now.updated(at(2), [saw(2, SWITCHES, switch()), failed(3, SWITCHES)])
    assert now.sights[SWITCHES].position == Position(7, at(1).wall)


def test_a_subject_that_is_gone_is_no_longer_known() -> None:
    now = (
        posture().updated(at(0), [saw(0, WORKLOADS, workload())]).updated(at(1), [saw(1, WORKLOADS, gone=[workload()])])
    )
    assert workload().subject not in now.facts
    assert all(tally.empty for tally in now.tallies.values())


def test_the_scope_with_the_tightest_freshness_governs_a_subject_that_two_name() -> None:
    coverage = {WATCH: Coverage(frozenset({"workload"}), 75.0), READ: Coverage(frozenset({"workload"}), 5.0)}
    now = Posture.initial(at(0), coverage).updated(at(0), [saw(0, READ, workload()), saw(0, WATCH, workload())])
    changed = now.updated(at(1), [saw(1, WATCH, workload(1))])
    known = changed.updated(at(6), []).known(workload(1).subject)
    assert isinstance(known, Unknown), "a silent WATCH must not vouch for what is read every second"


@pytest.mark.parametrize(
    ("halted", "desired", "expected"),
    [
        (True, 0, (True, True)),
        (False, 0, (False, True)),
        (True, 2, (True, False)),
        (Unknown("X"), 0, (None, True)),
        (True, Unknown("X"), (True, None)),
        (False, Unknown("X"), (False, None)),
    ],
)
def test_safety_is_kleenes_and(halted: bool | Unknown, desired: int | Unknown, expected: tuple[object, object]) -> None:
    now = posture().updated(at(0), [saw(0, SWITCHES, switch(halted)), saw(0, WORKLOADS, workload(desired))])
    said = tuple(value if isinstance(value, bool) else None for value in (safety(now).halted, safety(now).at_zero))
    assert said == expected


def test_one_workload_above_zero_decides_although_another_is_unknown() -> None:
    facts = (workload(1, "a"), workload(Unknown("X"), "b"))
    assert safety(posture().updated(at(0), [saw(0, WORKLOADS, *facts)])).at_zero is False


def test_an_unknown_collection_is_not_empty() -> None:
    coverage = {WORKLOADS: Coverage(frozenset({"workload"}), 5.0), WATCH: Coverage(frozenset({"workload"}), 5.0)}
    now = Posture.initial(at(0), coverage).updated(at(0), [saw(0, WORKLOADS, workload())])
    assert isinstance(safety(now).at_zero, Unknown)


def test_a_part_of_a_look_is_known_at_once_and_proves_nothing_of_the_rest() -> None:
    coverage = {SWITCHES: Coverage(frozenset({"kill_switch"}), 5), WORKLOADS: Coverage(frozenset({"workload"}), 5)}
    half = Observation(WORKLOADS, at(1), Facts((workload(0),), partial=True))
    posture = Posture.initial(at(0), coverage).updated(at(1), [half])
    safety = posture.globally("safety")
    assert isinstance(safety, Safety) and isinstance(safety.at_zero, Unknown), "the rest may be above zero"
    assert posture.changes[0].states[0] is not None
    whole = posture.updated(at(2), [saw(2, WORKLOADS)])
    assert getattr(whole.globally("safety"), "at_zero") is True  # noqa: B009


@pytest.mark.parametrize("kind", ["kill_switch", "workload", "mode", "latent", "wiring"])
def test_a_source_that_carries_what_could_enable_execution_carries_safety(kind: str) -> None:
    now = Posture.initial(at(0), {WATCH: Coverage(frozenset({kind}), 5.0)}).updated(at(0), [])
    assert getattr(source(now).fact, "safety", None) is True


@pytest.mark.parametrize("kind", ["self_report", "endpoint", "blindspot", "grant"])
def test_a_source_that_carries_somebodys_word_carries_no_safety(kind: str) -> None:
    now = Posture.initial(at(0), {WATCH: Coverage(frozenset({kind}), 5.0)}).updated(at(0), [])
    assert getattr(source(now).fact, "safety", None) is False


def test_without_a_kill_switch_to_look_at_halted_is_unknown() -> None:
    now = posture().updated(at(0), [saw(0, SWITCHES), saw(0, WORKLOADS)])
    assert isinstance(safety(now).halted, Unknown)
    assert safety(now).at_zero is True, "that no execution workload exists was seen"


COUNTS = st.one_of(st.integers(0, 2), st.just(Unknown("X")))
STATES = st.lists(st.tuples(st.sampled_from("abc"), st.one_of(st.none(), COUNTS)), max_size=12)


@given(STATES)
def test_safety_counted_as_it_changes_is_safety_counted_afresh(states: list[tuple[str, int | Unknown | None]]) -> None:
    now, held = posture().updated(at(0), [saw(0, SWITCHES, switch()), saw(0, WORKLOADS)]), dict[str, int | Unknown]()
    for number, (name, count) in enumerate(states):
        seen = [workload(count, name)] if count is not None else []
        gone = [] if seen else [workload(0, name)]
        now = now.updated(at(number * 0.1), [saw(number * 0.1, WORKLOADS, *seen, gone=gone)])
        held = {n: c for n, c in held.items() if n != name} | ({} if count is None else {name: count})
    above = any(not isinstance(count, Unknown) and count > 0 for count in held.values())
    unknown = any(isinstance(count, Unknown) for count in held.values())
    assert safety(now).at_zero == (False if above else Unknown("X") if unknown else True)
    assert safety(now).last_look_unsafe is above


def test_blind_remembers_that_the_last_look_was_unsafe() -> None:
    seen = posture().updated(at(0), [saw(0, SWITCHES, switch(False)), saw(0, WORKLOADS, workload())])
    blind = safety(seen.updated(at(60), []))
    assert (blind.blind, blind.last_look_unsafe) == (True, True)


def test_a_wall_clock_that_steps_back_does_not_make_a_stale_fact_fresh() -> None:
    from datetime import timedelta

    from watchdog.core.instant import Instant

    seen = posture().updated(at(0), [saw(0, SWITCHES, switch())])
    back = Instant(at(0).wall - timedelta(hours=1), 60.0)
    assert isinstance(seen.updated(back, []).known(switch().subject), Unknown)


def test_a_scope_that_merely_mentions_a_fact_does_not_keep_it_fresh() -> None:
    """The read of a ConfigMap tells anew of the workloads that refer to it; it proves nothing of their replicas."""
    mentions, proves = Scope("kubernetes", "read ConfigMap"), Scope("kubernetes", "watch workloads")
    coverage = {mentions: Coverage(frozenset({"kill_switch"}), 5.0), proves: Coverage(frozenset({"workload"}), 75.0)}
    now = Posture.initial(at(0), coverage).updated(at(0), [saw(0, proves, workload(1)), saw(0, mentions, workload(1))])
    assert now.facts[workload().subject].scope == proves
    out = now.updated(at(1), [failed(1, mentions)])
    assert safety(out).at_zero is False


def test_execution_that_is_known_through_a_scope_that_is_out_is_not_at_zero() -> None:
    mentions, proves = Scope("kubernetes", "read ConfigMap"), Scope("kubernetes", "watch workloads")
    coverage = {mentions: Coverage(frozenset({"kill_switch"}), 5.0), proves: Coverage(frozenset({"workload"}), 75.0)}
    now = Posture.initial(at(0), coverage).updated(at(0), [saw(0, proves), saw(0, mentions, workload(1))])
    assert isinstance(safety(now.updated(at(1), [failed(1, mentions)])).at_zero, Unknown)


def test_blind_counts_from_when_the_second_of_the_two_was_lost() -> None:
    now = posture().updated(at(0), [saw(0, SWITCHES, switch()), saw(0, WORKLOADS, workload())])
    for second in range(4, 200, 4):
        now = now.updated(at(second), [saw(second, WORKLOADS)])
    known = now.updated(at(210), []).facts[Subject("safety", ())]
    assert known.since == at(196)


def test_silence_alone_brings_a_turn_when_something_grows_stale() -> None:
    now = posture().updated(at(1), [saw(1, SWITCHES, switch()), saw(3, WORKLOADS, workload())])
    assert now.next_stale() == 6.0
    assert now.updated(at(7), []).next_stale() == 8.0


def test_the_silence_of_an_open_watch_before_it_broke_was_no_blindness() -> None:
    coverage = {WATCH: Coverage(frozenset({"workload"}), 75.0, quiet=True)}
    now = Posture.initial(at(0), coverage).updated(at(0), [saw(0, WATCH)])
    broken = now.updated(at(58), [failed(58, WATCH)]).updated(at(60), [failed(60, WATCH)])
    assert source(broken).since == at(58)
    again = broken.updated(at(61), [saw(61, WATCH)]).updated(at(62), [failed(62, WATCH)])
    assert source(again).since == at(62)


def test_a_message_that_only_counts_on_changes_no_fact() -> None:
    def says(seconds: float, message: str) -> Observation:
        return Observation(SWITCHES, at(seconds), Unknown("Refused", message))

    first = posture().updated(at(0), []).updated(at(1), [says(1, "port 4711 after 3 s")])
    same = first.updated(at(2), [says(2, "port 4712 after 4 s")])
    assert source(same) is source(first) and "source" not in [change.subject.kind for change in same.changes]
    other = same.updated(at(3), [says(3, "nobody is there")])
    assert "nobody is there" in getattr(source(other).fact, "explanation")  # noqa: B009
