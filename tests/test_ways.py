"""Each way to enable execution, or to hide it, pages with the right Sev and names the right object and field; what only
looks alike pages nobody.

The rows are in ``tests/ways``; each is played by the whole daemon on the simulated floor, in virtual time.
"""

from __future__ import annotations

import pytest

from .ways import hiding, latent, lookalikes, modes, switches, workloads
from .ways.way import LATCHING, Course, Page, Paged, Way, gone

WAYS = (*switches.WAYS, *workloads.WAYS, *latent.WAYS, *modes.WAYS, *hiding.WAYS)


def named(rows: tuple[Way, ...]) -> list[object]:
    return [pytest.param(row, id=row.name) for row in rows]


@pytest.mark.parametrize("row", named(WAYS))
def test_each_way_pages_for_what_it_is_and_for_nothing_else(row: Way) -> None:
    course = gone(row)
    for expected in row.pages:
        the_page_came(expected, course)
    extra = [str(one) for one in course.worst(1) if not any(expected.is_of(one) for expected in row.pages)]
    assert not extra, f"besides:\n{extra}"


def the_page_came(expected: Page, course: Course) -> None:
    found = [one for one in course.paged if expected.is_of(one)]
    assert found, f"no page {expected}, but:\n{course}"
    said = [summary for one in found for summary in course.said[str(one.alert.identity)]]
    assert any(expected.says in summary for summary in said), f"not a word of {expected.says!r}:\n{said}"
    for one in found:
        it_was_delivered_and_its_latch_holds(one, expected, course)


def it_was_delivered_and_its_latch_holds(one: Paged, expected: Page, course: Course) -> None:
    identity = str(one.alert.identity)
    assert one.labels in course.delivered, f"nobody was told: {one}"
    if expected.ends not in ("", "*"):
        assert course.ended.get(identity, "resolved") == expected.ends, f"did not end as it must: {one}"
    if expected.alertname in LATCHING and one.labels["cause"] == "breach":
        assert course.put_back.get(identity) == held_as(expected), f"let go, or not over: {one}"


def held_as(expected: Page) -> str:
    """When all is as it was a breach is over, and its alert stays. That something was not seen stays true."""
    return "firing" if expected.alertname == "UnseenWrite" else "latched"


@pytest.mark.parametrize("row", named(lookalikes.LOOKALIKES))
def test_what_only_looks_alike_pages_nobody(row: Way) -> None:
    course = gone(row)
    assert not course.worst(2), str(course)
    for expected in row.pages:
        the_page_came(expected, course)
    assert len(course.worst(3)) == len(row.pages), str(course)


def test_there_are_enough_of_both_and_no_two_have_one_name() -> None:
    names = [row.name for row in (*WAYS, *lookalikes.LOOKALIKES)]
    assert len(set(names)) == len(names)
    assert len(WAYS) >= 60
    assert len(lookalikes.LOOKALIKES) >= 20
