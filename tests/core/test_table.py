"""The persistent map (core.table)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from watchdog.core.table import Table

CHANGES = st.lists(st.dictionaries(st.text(max_size=3), st.one_of(st.none(), st.integers()), max_size=5), max_size=8)


@given(CHANGES)
def test_it_is_a_dict_that_never_changes_under_its_holder(changes: list[dict[str, int | None]]) -> None:
    table, model = Table[str, int](), dict[str, int]()
    for change in changes:
        before, copy = table, dict(table)
        table = table.with_(change)
        for key, value in change.items():
            if value is None:
                model.pop(key, None)
            else:
                model[key] = value
        assert dict(table) == model
        assert len(table) == len(model)
        assert [*table.items()] == [(key, table[key]) for key in table]
        assert [*table.values()] == [table[key] for key in table]
        assert dict(before) == copy
