"""When time alone changes something (core.agenda)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from watchdog.core.agenda import Agenda

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.sampled_from("abcdef"), st.one_of(st.none(), st.integers(0, 50))),
        st.tuples(st.just("take"), st.just(""), st.integers(0, 50)),
    ),
    max_size=40,
)


@given(STEPS)
def test_it_gives_what_a_sorted_dict_would_and_never_wakes_too_late(steps: list[tuple[str, str, int | None]]) -> None:
    agenda, model = Agenda[str](), dict[str, float]()
    for what, key, value in steps:
        if what == "set":
            agenda = agenda.with_(key, value)
            model = {k: v for k, v in model.items() if k != key} | ({} if value is None else {key: value})
        elif value is not None:
            due, agenda = agenda.taken(value)
            assert sorted(due) == sorted(k for k, v in model.items() if v <= value)
            assert [model[k] for k in due] == sorted(model[k] for k in due)
            model = {k: v for k, v in model.items() if v > value}
        assert dict(agenda.dates) == model
        wakes = agenda.next_due()
        assert not model or (wakes is not None and wakes <= min(model.values()))


def test_an_agenda_never_changes_under_its_holder() -> None:
    one = Agenda[str]().with_("a", 1.0)
    one.with_("b", 0.5)
    one.taken(9.0)
    assert (one.next_due(), dict(one.dates)) == (1.0, {"a": 1.0})
