"""What a running container was started with, instant by instant."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.core.environment import Bearer, Bulk, ConfigMapKey, SecretKey, Variable, environment
from watchdog.core.facts import Unknown
from watchdog.core.pod import Container
from watchdog.core.started import (
    KEPT,
    PROPAGATION_GRACE,
    VIEWS,
    History,
    Sight,
    Start,
    Value,
    asked,
    possible,
    remembered,
    views,
)

CHANGED = "ChangedSinceStart"


def history(*sights: Sight) -> History:
    held: History = ()
    for sight in sights:
        held = remembered(held, sight, -inf)
    return held


def values(held: History, start: Start | None) -> list[str | None]:
    """An unknown value by its reason."""
    found = possible(held, "modes", "AGENT_MODE", start)
    return [value.reason if isinstance(value, Unknown) else value for value in found]


def first(at: float, pod_created: float | None = None) -> Start:
    return Start(at, at - 2 if pod_created is None else pod_created)


def again(at: float) -> Start:
    return Start(at, 0, restarted=True)


OLD = Sight("OFF", seen=1_000, written=100, created=50)
FRESH = Sight("OFF", seen=1_000, written=500, created=500)
LIVE = Sight("LIVE", seen=2_000.4, written=2_000)
UNDATED = Sight("LIVE", seen=2_000.4)
GONE = Sight(None, seen=2_000.4)
BLIND = Sight("LIVE", seen=2_600, written=2_300, blind_since=2_000)
SAME = Sight("OFF", seen=2_600, written=2_300, blind_since=2_000)

LAWS: dict[str, tuple[History, Start | None, list[str | None]]] = {
    "never looked at": ((), first(1), ["NotYetSeen"]),
    "not started: as it is now": (history(OLD, LIVE), None, ["LIVE"]),
    "not started, never looked at": ((), None, ["NotYetSeen"]),
    # the first look
    "written long before the start": (history(OLD), first(300), ["OFF"]),
    "written before the Pod was created": (history(OLD), first(104, 102), ["OFF"]),
    "written in the second the Pod was created": (history(OLD), first(104, 100), ["OFF", CHANGED]),
    "written after the start": (history(OLD), first(90), ["OFF", CHANGED]),
    "written before a restart, and long enough": (history(OLD), again(192), ["OFF"]),
    "written shortly before a restart": (history(OLD), again(190), ["OFF", CHANGED]),
    "written after a restart": (history(OLD), again(50), ["OFF", CHANGED]),
    "nobody says when it was written": (history(UNDATED), first(1_500), ["LIVE", CHANGED]),
    "nobody says when, but it started after the look": (history(UNDATED), first(2_010, 2_005), ["LIVE"]),
    "as it was created, with the Pod": (history(FRESH), first(501, 500), ["OFF"]),
    "as it was created, before a restart": (history(FRESH), again(510), ["OFF"]),
    "as it was created, after the start": (history(FRESH), first(400), ["OFF", CHANGED]),
    "a first sight is a first look, whatever it says": (history(LIVE), first(1_500), ["LIVE", CHANGED]),
    # a change that was seen
    "before the change": (history(OLD, LIVE), first(1_500), ["OFF"]),
    "after the change": (history(OLD, LIVE), first(2_010, 2_005), ["LIVE"]),
    "the change came in the second of the start": (history(OLD, LIVE), first(2_000, 1_998), ["LIVE", "OFF"]),
    "the change came in the second after the start": (history(OLD, LIVE), first(1_999, 1_998), ["LIVE", "OFF"]),
    "the change came later than that": (history(OLD, LIVE), first(1_998, 1_997), ["OFF"]),
    "the change came between the Pod and its start": (history(OLD, LIVE), first(2_010, 1_990), ["LIVE", "OFF"]),
    "a slow start looks back no further than the grace": (history(OLD, LIVE), first(2_500, 1_990), ["LIVE"]),
    "a restart within the grace": (history(OLD, LIVE), again(2_080), ["LIVE", "OFF"]),
    "a restart after the grace": (history(OLD, LIVE), again(2_092), ["LIVE"]),
    "a node's clock behind the Pod's creation": (history(OLD, LIVE), first(1_990, 2_010), ["OFF"]),
    "our clock tells of an undated change, with some doubt": (
        history(OLD, UNDATED),
        first(2_002, 2_001),
        ["LIVE", "OFF"],
    ),
    "an undated change, shortly before": (history(OLD, UNDATED), first(1_998, 1_997), ["LIVE", "OFF"]),
    "an undated change, before": (history(OLD, UNDATED), first(1_990), ["OFF"]),
    "an undated change, after": (history(OLD, UNDATED), first(2_010, 2_005), ["LIVE"]),
    "our clock does not count where theirs is told": (
        history(OLD, LIVE._replace(seen=9_000.0)),
        first(2_010, 2_005),
        ["LIVE"],
    ),
    "a key that went": (history(OLD, GONE), first(1_500), ["OFF"]),
    "a key that came": (history(OLD._replace(value=None), LIVE), first(1_500), [None]),
    "there and back within the window": (
        history(OLD, LIVE, Sight("OFF", 2_003, 2_003)),
        again(2_050),
        ["OFF", "LIVE"],
    ),
    "there and back before the window": (history(OLD, LIVE, Sight("OFF", 2_003, 2_003)), again(2_300), ["OFF"]),
    # a gap
    "before a gap": (history(OLD, BLIND), first(1_500), ["OFF"]),
    "in a gap, before the last write": (history(OLD, BLIND), first(2_200), ["LIVE", CHANGED, "OFF"]),
    "in a gap, after the last write": (history(OLD, BLIND), first(2_400), ["LIVE"]),
    "after a gap": (history(OLD, BLIND), first(3_000), ["LIVE"]),
    "a gap after which it is the same, and may have been written": (
        history(OLD, SAME),
        first(2_200),
        ["OFF", CHANGED],
    ),
    "a gap in which it was not written": (history(OLD, SAME._replace(written=1_000)), first(2_200), ["OFF"]),
    "a gap of which nobody says": (history(OLD, SAME._replace(written=None)), first(2_200), ["OFF", CHANGED]),
    "a change in a gap that claims to be older": (
        history(OLD, BLIND._replace(written=200)),
        first(2_500),
        ["LIVE", CHANGED, "OFF"],
    ),
    "a change that claims to be older than the look before": (
        history(OLD, LIVE._replace(written=200)),
        first(1_500),
        ["OFF"],
    ),
}


@pytest.mark.parametrize("law", LAWS)
def test_what_may_have_been_read_at_a_start(law: str) -> None:
    held, start, expected = LAWS[law]
    assert values(held, start) == expected


def test_a_change_since_the_start_is_told_with_its_config_map_key_and_both_times() -> None:
    unknown = possible(
        history(Sight("OFF", 1_800_000_000, 1_700_000_100)), "modes", "AGENT_MODE", first(1_700_000_000)
    )[1]
    assert unknown == Unknown(
        CHANGED,
        "the container started at 2023-11-14T22:13:20Z, "
        "and key AGENT_MODE of ConfigMap modes was last written at 2023-11-14T22:15:00Z",
    )


def test_the_same_value_again_is_not_remembered_twice() -> None:
    assert history(OLD, OLD._replace(seen=1_500, written=1_400)) == history(OLD)


def test_what_nothing_can_have_read_is_forgotten() -> None:
    held = remembered(history(OLD, LIVE), Sight("OFF", 5_000, 5_000), needed_since=4_000)
    assert [sight.value for sight in held] == ["LIVE", "OFF"]
    assert values(held, first(4_500)) == ["LIVE"]
    assert values(held, first(1_500)) == ["LIVE", CHANGED], "what was forgotten is not denied"


def test_what_a_container_that_is_about_to_start_may_read_is_kept() -> None:
    held = remembered(history(OLD), LIVE, needed_since=inf)
    assert values(held, again(2_010)) == ["LIVE", "OFF"]


def test_a_history_is_bounded_and_what_it_lost_is_unknown() -> None:
    flips = [Sight(str(n), 1_000.0 + n, 1_000 + n) for n in range(1, 100)]
    held = history(OLD, *flips)
    assert len(held) == KEPT
    assert CHANGED in values(held, first(1_005)) and values(held, first(1_099 + PROPAGATION_GRACE)) == ["99"]


WRITES = st.lists(
    st.tuples(st.integers(1, 60), st.sampled_from(["OFF", "LIVE", None]), st.booleans()), min_size=1, max_size=12
)


@given(WRITES, st.integers(0, 500), st.floats(0, 30), st.booleans(), st.booleans(), st.sets(st.integers(0, 11)))
def test_what_was_really_read_is_always_among_what_may_have_been(
    writes: list[tuple[int, str | None, bool]],
    creation: int,
    delay: float,
    restarted: bool,
    stale: bool,
    missed: set[int],
) -> None:
    """A key is written at some instants; some writes are missed, some are dated. A container starts at some instant,
    and reads what holds then, or (restarted) what held within the grace."""
    at, timeline, held = 0.0, list[tuple[float, str | None]](), history(Sight("OFF", 0, 0, 0))
    timeline.append((0.0, "OFF"))
    for number, (pause, value, dated) in enumerate(writes):
        blind_since = at + 0.1 if number in missed else None
        if number in missed:  # one that nobody saw, before one that somebody did
            timeline.append((at + 0.2 + pause / 2, "EXECUTE"))
        at += pause + 0.3
        if value != timeline[-1][1] or number in missed:
            timeline.append((at, value))
            sight = Sight(value, at + 0.1, float(int(at)) if dated else None, 0, blind_since)
            held = remembered(held, sight, -inf)
    start = creation + delay
    read = start - (PROPAGATION_GRACE / 2 if restarted and stale else 0)
    truth = [value for since, value in timeline if since <= read][-1:]
    found = possible(held, "m", "k", Start(float(int(start)), creation, restarted))
    assert not truth or truth[0] in found or any(isinstance(value, Unknown) for value in found)
    assert found


# Views


def view(
    container: Container, past: Mapping[tuple[str, str], tuple[Value, ...]], now: Mapping[str, object]
) -> list[object]:
    made = views(container, frozenset({"AGENT_MODE"}), now.get, lambda *place: past[place])  # type: ignore[arg-type]
    bearer = Bearer("floor", "p")
    return [environment(container, bearer, seen).get("AGENT_MODE") for seen in made]


def ref(optional: bool = False, name: str = "AGENT_MODE") -> Variable:
    return Variable(name, "", ConfigMapKey("m", "k", optional))


UNKNOWN = Unknown(CHANGED)
ONE = Container("c", variables=(ref(),))
MAYBE = Container("c", variables=(Variable("AGENT_MODE", "WARMUP"), ref(optional=True)))
ALL = Container("c", bulk=(Bulk("m"),))
PREFIXED = Container("c", bulk=(Bulk("m", prefix="AGENT_"),))
K, A = ("m", "k"), ("m", "AGENT_MODE")

VIEWED: dict[str, tuple[Container, dict[tuple[str, str], tuple[Value, ...]], dict[str, object], list[object]]] = {
    "a literal has one view": (Container("c", variables=(Variable("AGENT_MODE", "OFF"),)), {}, {}, ["OFF"]),
    "a Secret has one view": (
        Container("c", variables=(Variable("OTHER", "", SecretKey("s", "k")),)),
        {},
        {},
        [None],
    ),
    "as now": (ONE, {K: ("OFF",)}, {"m": {"k": "OFF"}}, ["OFF"]),
    "as then": (ONE, {K: ("LIVE",)}, {"m": {"k": "OFF"}}, ["LIVE"]),
    "either": (ONE, {K: ("OFF", "LIVE")}, {"m": {"k": "OFF"}}, ["OFF", "LIVE"]),
    "or something unseen": (ONE, {K: ("OFF", UNKNOWN)}, {"m": {"k": "OFF"}}, ["OFF", UNKNOWN]),
    "a ConfigMap that is gone was there": (ONE, {K: ("LIVE",)}, {}, ["LIVE"]),
    "a required key cannot have been absent": (ONE, {K: (None, "LIVE")}, {"m": {}}, ["LIVE"]),
    "an optional one can": (MAYBE, {K: (None, "LIVE")}, {"m": {}}, ["WARMUP", "LIVE"]),
    "not in sight now is not in sight then": (
        ONE,
        {},
        {"m": Unknown("NotYetListed")},
        [Unknown("NotYetListed")],
    ),
    "envFrom as then": (ALL, {A: ("LIVE",)}, {"m": {"AGENT_MODE": "OFF", "B": "1"}}, ["LIVE"]),
    "envFrom of a key that went": (ALL, {A: ("LIVE",)}, {"m": {"B": "1"}}, ["LIVE"]),
    "envFrom of a key that came": (ALL, {A: (None,)}, {"m": {"AGENT_MODE": "LIVE"}}, [None]),
    "envFrom of a ConfigMap that is gone": (ALL, {A: (None,)}, {}, [None]),
    "envFrom with a prefix": (PREFIXED, {("m", "MODE"): ("LIVE",)}, {"m": {"MODE": "OFF"}}, ["LIVE"]),
    "through a reference": (
        Container("c", variables=(ref(name="M"), Variable("AGENT_MODE", "$(M)"))),
        {K: ("LIVE",)},
        {"m": {"k": "OFF"}},
        ["LIVE"],
    ),
    "each with each": (
        Container(
            "c",
            variables=(ref(), Variable("M", "", ConfigMapKey("m", "l")), Variable("AGENT_MODE", "$(AGENT_MODE)$(M)")),
        ),
        {K: ("a", "b"), ("m", "l"): ("1", "2")},
        {"m": {}},
        ["a1", "a2", "b1", "b2"],
    ),
}


@pytest.mark.parametrize("law", VIEWED)
def test_the_environment_as_it_was_started(law: str) -> None:
    container, past, now, expected = VIEWED[law]
    assert view(container, past, now) == expected


def test_a_key_that_may_have_been_there_is_a_doubt_by_env_from_and_unknown_by_a_reference() -> None:
    absent = history(Sight(None, 1_000, 900, 50))
    past = possible(absent, "m", "k", first(800))
    for container, value, doubtful in (
        (ALL, None, True),
        (Container("c", variables=(ref(optional=True),)), past[1], False),
    ):
        made = views(container, frozenset({"AGENT_MODE"}), {"m": dict[str, str | Unknown]()}.get, lambda *_: past)
        environments = [environment(container, Bearer("floor", "p"), seen) for seen in made]
        assert [e.get("AGENT_MODE") for e in environments] == [None, value]
        assert any(e.covered_by("AGENT_MODE") for e in environments) is doubtful


def test_too_many_combinations_are_unknown_and_not_many_views() -> None:
    names = [f"N{n}" for n in range(VIEWS)]
    variables = [Variable(name, "", ConfigMapKey("m", name)) for name in names]
    expanded = Variable("ALL", "$(N0)")  # which values go together matters
    container = Container("c", variables=(*variables, ref(), expanded))
    made = views(
        container,
        frozenset({*names, "AGENT_MODE"}),
        {"m": {"k": "x"}}.get,
        lambda _, key: ("x",) if key == "k" else ("1", "2"),
    )
    (only,) = made
    data = only("m")
    assert isinstance(data, dict) and data["k"] == "x" and data["N0"].reason == "ManyChanges"


def test_each_value_of_each_name_stands_in_a_view_where_none_refers_to_another() -> None:
    names = [f"N{n}" for n in range(VIEWS)]
    container = Container("c", variables=tuple(Variable(name, "", ConfigMapKey("m", name)) for name in names))
    made = views(container, frozenset(names), {"m": dict[str, str | Unknown]()}.get, lambda *_: ("1", "2", "3"))
    seen = [view("m") for view in made]
    assert len(made) == 3 and all(
        {data[name] for data in seen if isinstance(data, dict)} == {"1", "2", "3"} for name in names
    )


def test_only_the_keys_that_a_watched_name_may_come_from_are_asked_for() -> None:
    other = Variable("OTHER", "", ConfigMapKey("m", "o"))
    assert asked(Container("c", variables=(ref(), other)), frozenset({"AGENT_MODE"})) == (K,)
    assert asked(
        Container("c", bulk=(Bulk("m"), Bulk("n", prefix="AGENT_"), Bulk(secret="s"))), frozenset({"AGENT_MODE"})
    ) == (
        A,
        ("n", "MODE"),
    )
    assert (
        asked(Container("c", bulk=(Bulk("m", prefix="DB_"), Bulk("m", prefix="AGENT_MODE"))), frozenset({"AGENT_MODE"}))
        == ()
    )
    both = Container("c", variables=(other, ref(), Variable("AGENT_MODE", "$(OTHER)")))
    assert asked(both, frozenset({"AGENT_MODE"})) == (("m", "o"), K)
