"""Declared against effective (core.agreement)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from watchdog.core.facts import Agreement, Fact, KillSwitch, Mode, SelfReport, Subject, Unknown
from watchdog.core.known import Known
from watchdog.core.observation import Coverage, Scope
from watchdog.core.posture import Posture

from .worlds import at, failed, saw, workload

OBJECTS, FILES, SERVICES = Scope("kubernetes", ""), Scope("flag_file", ""), Scope("ops_status", "")
AWAY = Unknown("Forbidden", "by the test")
SWITCH, MODE = "EXECUTION_HALTED", "AGENT_MODE of floor/Deployment/gamma"


def posture() -> Posture:
    promised = {OBJECTS: ("kill_switch", "mode"), FILES: ("kill_switch",), SERVICES: ("self_report",)}
    return Posture.initial(at(0), {scope: Coverage(frozenset(kinds), 1e9) for scope, kinds in promised.items()})


def carrier(halted: bool | Unknown, carrier: str = "config_map", location: str = "floor/kill-switch") -> KillSwitch:
    return KillSwitch(SWITCH, carrier, location, halted, "", "")


def file(halted: bool | Unknown) -> KillSwitch:
    return carrier(halted, "file", "/etc/kill-switch")


def mode(
    declared: str | Unknown = "OBSERVE",
    running: str | Unknown = "OBSERVE",
    live: int | Unknown = 1,
    unsafe: bool | Unknown = False,
    container: str = "main",
    variable: str = "AGENT_MODE",
) -> Mode:
    return Mode("floor", "Deployment", "gamma", container, variable, declared, running, unsafe, True, True, False, live)


def report(agent_mode: str | Unknown = "OBSERVE", unsafe: bool | Unknown = False, whose: str = "gamma") -> SelfReport:
    return SelfReport("gamma", "http://gamma", agent_mode, unsafe, True, False, f"floor/Deployment/{whose}", "")


def seen(*facts: Fact, now: Posture | None = None, seconds: float = 1) -> Posture:
    looks = [saw(seconds, _scope(fact), fact) for fact in facts]
    empty = [saw(seconds, scope) for scope in (OBJECTS, FILES, SERVICES)] if now is None else []
    return (now or posture()).updated(at(seconds), [*empty, *looks])


def _scope(fact: Fact) -> Scope:
    elsewhere = {"file": FILES, "api": SERVICES}
    return SERVICES if isinstance(fact, SelfReport) else elsewhere.get(getattr(fact, "carrier", ""), OBJECTS)


def known(now: Posture, setting: str = SWITCH) -> Known | None:
    return now.facts.get(Subject("agreement", (("setting", setting),)))


def agreement(now: Posture, setting: str = SWITCH) -> Agreement | None:
    found = known(now, setting)
    assert found is None or isinstance(found.fact, Agreement)
    return None if found is None else found.fact  # type: ignore[return-value]


def kleene(value: bool | Unknown) -> bool | None:
    return None if isinstance(value, Unknown) else value


@pytest.mark.parametrize(
    ("sides", "agree", "effective_unsafe"),
    [
        ([carrier(True), file(True)], True, False),
        ([carrier(False), file(False)], True, True),
        ([carrier(False), file(True)], False, False),
        ([carrier(True), file(False)], False, True),
        ([carrier(True), carrier(False, location="floor/safety")], False, False),
        ([carrier(True), carrier(False, "api", "http://mission-control")], False, True),
        ([carrier(True), file(AWAY)], None, None),
        ([carrier(AWAY), file(True)], None, False),
        ([carrier(True), carrier(False, location="floor/safety"), file(AWAY)], False, None),
    ],
)
def test_carriers_of_a_switch_agree_or_not(
    sides: list[Fact], agree: bool | None, effective_unsafe: bool | None
) -> None:
    for ordered in (sides, sides[::-1]):
        found = agreement(seen(*ordered))
        assert found is not None
        assert (kleene(found.agree), kleene(found.effective_unsafe)) == (agree, effective_unsafe)


@pytest.mark.parametrize(
    ("sides", "agree", "effective_unsafe"),
    [
        ([report(), mode()], True, False),
        ([report(" observe "), mode()], True, False),
        ([report("PAPER"), mode()], False, False),
        ([report("LIVE", True), mode()], False, True),
        ([report(), mode(running="LIVE", unsafe=True)], False, None),
        ([report(), mode("LIVE", "LIVE", unsafe=True)], False, True),
        ([report(), mode("LIVE", "OBSERVE", unsafe=True)], False, False),
        ([report(), mode("OBSERVE", "LIVE", live=0, unsafe=False)], True, False),
        ([report(), mode("OBSERVE", "")], True, False),
        ([report(""), mode()], True, False),
        ([report(AWAY, AWAY), mode()], None, None),
        ([report(), mode(AWAY, "OBSERVE", unsafe=AWAY)], None, False),
        ([report("PAPER"), mode(AWAY, "OBSERVE", unsafe=AWAY)], False, None),
        ([report(), mode("OFF", "OFF", container="sidecar"), mode()], True, False),
        ([report("PAPER"), mode("OFF", "OFF", container="sidecar"), mode()], False, False),
        ([report("PAPER"), mode("OFF", AWAY, container="sidecar"), mode(AWAY, AWAY)], None, False),
    ],
)
def test_a_services_word_is_that_of_one_of_its_containers(
    sides: list[Fact], agree: bool | None, effective_unsafe: bool | None
) -> None:
    found = agreement(seen(*sides), MODE)
    assert found is not None
    assert kleene(found.agree) == agree
    assert kleene(found.effective_unsafe) == effective_unsafe


@pytest.mark.parametrize(
    "sides",
    [
        [carrier(True)],
        [report()],
        [mode(), mode("OFF", "OFF", container="sidecar")],
        [report(), mode("", "")],
        [report(whose="delta"), mode()],
        [report(), mode(variable="TRADING_MODE")],
        [workload(1), workload(0, "other")],
    ],
)
def test_what_has_no_two_sides_has_no_agreement(sides: list[Fact]) -> None:
    assert not [s for s in seen(*sides).facts if s.kind == "agreement"]


def test_an_agreement_is_so_since_its_newest_side_is() -> None:
    now = seen(file(True), now=seen(carrier(True)), seconds=5)
    found = known(now)
    assert found is not None and found.since == at(5)


def test_it_says_who_says_what_and_each_keeps_his_place() -> None:
    now = seen(carrier(False), now=seen(carrier(True), file(True)), seconds=2)
    found = agreement(now)
    assert found is not None
    assert found.explanation == "config_map floor/kill-switch: not halted; file /etc/kill-switch: halted"


def test_an_agreement_whose_side_is_gone_is_gone() -> None:
    now = seen(carrier(True), file(False))
    gone = now.updated(at(2), [saw(2, FILES, gone=[file(False)])])
    assert agreement(gone) is None
    assert agreement(seen(file(True), now=gone, seconds=3)) is not None


def test_a_service_that_is_given_another_workload_agrees_with_that_one() -> None:
    now = seen(report(whose="delta"), now=seen(report(), mode()), seconds=2)
    assert agreement(now, MODE) is None


def test_an_outage_makes_it_as_unseen_as_its_source_and_is_no_state_of_its_own() -> None:
    out = seen(carrier(True), file(True)).updated(at(2), [failed(2, FILES)])
    found = known(out)
    assert found is not None and found.scope == FILES
    assert out.unseen(found) == Unknown("Forbidden", "by the test")
    back = out.updated(at(3), [saw(3, FILES)])
    again = known(back)
    assert again is not None and back.unseen(again) is None
    assert agreement(back) == agreement(seen(carrier(True), file(True)))


def test_silence_alone_makes_it_unseen_too() -> None:
    promised = {OBJECTS: Coverage(frozenset({"kill_switch"}), 5.0), FILES: Coverage(frozenset({"kill_switch"}), 1e9)}
    now = Posture.initial(at(0), promised).updated(at(1), [saw(1, OBJECTS, carrier(True)), saw(1, FILES, file(True))])
    stale = now.updated(at(7), [])
    found = known(stale)
    assert found is not None and stale.unseen(found) is not None


def test_two_that_are_seen_to_differ_do_so_whoever_else_is_out_of_sight() -> None:
    now = seen(carrier(True), carrier(False, location="floor/safety"), file(True)).updated(at(2), [failed(2, FILES)])
    found = known(now)
    assert found is not None and now.unseen(found) is None
    assert agreement(now) is not None and agreement(now).agree is False  # type: ignore[union-attr]


def test_an_unchanged_agreement_is_no_change() -> None:
    now = seen(carrier(True), file(True))
    again = seen(replace(carrier(True), value="true"), now=now, seconds=2)
    assert not [c for c in again.changes if c.subject.kind == "agreement"]


def test_what_could_not_be_read_and_then_not_even_be_looked_at_is_unseen() -> None:
    now = seen(carrier(True), file(AWAY))
    found, out = known(now), known(now.updated(at(2), [failed(2, FILES)]))
    assert found is not None and out is not None
    assert (found.scope, out.scope, found.fact) == (None, FILES, out.fact)


def test_a_turn_looks_at_no_fact_that_has_nothing_to_do_with_what_changed() -> None:
    looked: list[str] = []

    class Counting(type(posture().facts)):  # type: ignore[misc]
        def get(self, key: object, default: object = None) -> object:
            looked.append(str(key))
            return super().get(key, default)

        def __iter__(self) -> object:
            raise AssertionError("a turn went through all facts")

    many = seen(carrier(True), *(mode(container=f"c{n}", variable=f"V{n % 7}") for n in range(2_000)))
    counting = Counting(many.facts._buckets, len(many.facts))
    object.__setattr__(many, "facts", counting)
    seen(carrier(False), now=many, seconds=2)
    assert len(looked) < 30


def test_what_is_out_of_sight_is_open_since_sight_was_lost_and_not_since_it_was_said() -> None:
    later = seen(carrier(True), file(True)).updated(at(900), [saw(900, scope) for scope in (OBJECTS, FILES)])
    found = known(later.updated(at(902), [failed(901, FILES)]))
    assert found is not None and (found.scope, found.since) == (FILES, at(900))
    newer = seen(file(True), now=later, seconds=950).updated(at(960), [failed(960, OBJECTS)])
    assert (found := known(newer)) is not None and (found.scope, found.since) == (OBJECTS, at(900))
