"""Alerts as records (core.record): what is written is what is read, and what is not sound is refused."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.core.alert import Acknowledgement, Alert, Cause, Description, Identity, Seen, State
from watchdog.core.delivery import Delivery
from watchdog.core.facts import Excursion
from watchdog.core.instant import Instant
from watchdog.core.record import alert_of, recalled_of, recalled_of_all, recalled_of_document, record_of
from watchdog.core.report import Accepted
from watchdog.core.severity import Sev

from .worlds import START, at, workload

NOW = Instant(START + timedelta(seconds=1000), 50.0)
"""Of another process: 1000 s after START, at 50 s of a monotonic clock of its own."""
SAID = Acknowledgement("ann-1", "ann", "a test", START + timedelta(seconds=9), START + timedelta(seconds=10))
ALERT = Alert(
    identity=Identity("ExecutionAboveZero", workload().subject, Cause.BREACH),
    group="execution",
    state=State.LATCHED,
    sev=Sev.SEV0,
    seen=Seen.ABSENT,
    active_since=at(1.000001),
    fired_at=at(2),
    cleared_at=at(8),
    rising_since=(None, at(3)),
    description=Description({"team": "safety"}, {"summary": "above zero – 3"}),
    onset=Description({"team": "safety"}, {"summary": "above zero – 1"}),
    incident="20261123T150002Z-execution",
    excursion=Excursion(
        "workload", "floor/execution-agent", True, "2026-11-23T15:00:01Z", "2026-11-23T15:00:08Z",
        7.0, "desired 3", "", "", 2,
    ),
    told_at=at(4),
    acknowledged=SAID,
)  # fmt: skip


def here(instant: Instant) -> Instant:
    """The same moment in the process of ``NOW``."""
    return Instant(instant.wall, NOW.mono - (NOW.wall - instant.wall).total_seconds())


def read(alert: Alert = ALERT) -> Any:
    return json.loads(json.dumps(record_of(alert)))


def test_what_is_written_is_what_is_read_at_instants_of_the_process_that_reads() -> None:
    assert alert_of(read(), NOW) == replace(
        ALERT,
        seen=Seen.UNSEEN,
        active_since=here(at(1.000001)),
        fired_at=here(at(2)),
        cleared_at=here(at(8)),
        rising_since=(None, here(at(3))),
        told_at=here(at(4)),
    )


def test_a_pending_alert_that_says_what_it_said_at_first_is_read_as_it_is() -> None:
    pending = replace(
        ALERT, state=State.PENDING, fired_at=None, cleared_at=None, told_at=None, acknowledged=None, excursion=None,
        onset=ALERT.description,
    )  # fmt: skip
    found = alert_of(read(pending), NOW)
    assert (found.state, found.fired_at, found.told_at, found.acknowledged) == (State.PENDING, None, None, None)
    assert found.onset == found.description == pending.description


def test_an_instant_of_the_future_is_now() -> None:
    assert alert_of({**read(), "active_since": "2030-01-01T00:00:00Z"}, NOW).active_since == NOW


HOSTILE: tuple[Any, ...] = (
    None,
    1,
    -1,
    2.5,
    1e400,
    True,
    "",
    "x",
    "x" * 20_000,
    "\ud800",
    [],
    [1],
    [["a"]],
    {},
    {"a": 1},
    [None] * 999,
)


@pytest.mark.parametrize("name", [name for name in record_of(ALERT) if name not in ("delivery", "ended_at")])
def test_whatever_stands_in_a_field_is_read_or_refused_in_one_sentence(name: str) -> None:
    refused = 0
    for value in HOSTILE:
        try:
            alert_of({**read(), name: value}, NOW)
        except ValueError as error:
            refused += 1
            assert "\n" not in str(error) and len(str(error)) < 300
    assert refused >= len(HOSTILE) - 5, "most of these are no value of any field"


@pytest.mark.parametrize(
    "change",
    [
        {"subject": {"kind": "unicorn", "labels": []}},
        {"subject": {"kind": "workload", "labels": [["namespace", "floor"]]}},
        {"subject": {"kind": "workload"}},
        {"fired_at": None},
        {"fired_at": "2026-11-23T15:00:00"},
        {"fired_at": "0001-01-01T00:00:00+14:00"},
        {"fired_at": "yesterday"},
        {"sev": 4},
        {"sev": False},
        {"state": "resolved"},
        {"cause": "boredom"},
        {"acknowledged": {"entry": "e", "by": "b", "why": "w", "through": None, "at": "2026-11-23T15:00:00Z"}},
        {"excursion": {"of": "workload"}},
        {"description": {"labels": {"a": 1}, "annotations": {}}},
        {"rising_since": ["never"]},
        {"looked": {"revision": -1, "at": "2026-11-23T15:00:00Z"}},
        {"looked": {"revision": 7}},
        {"late": "7"},
    ],
)
def test_what_is_not_sound_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^\w+: "):
        alert_of({**read(), **change}, NOW)


OPTIONAL = {
    *("cleared_at", "onset", "excursion", "told_at", "acknowledged", "delivery", "ended_at", "rising_since"),
    *("looked", "late", "again"),
}


@pytest.mark.parametrize("name", [*record_of(ALERT)])
def test_a_record_that_lacks_a_field_is_read_or_refused(name: str) -> None:
    record = read()
    del record[name]
    if name in OPTIONAL:
        assert recalled_of(record, "memory", NOW, NOW).alert.identity == ALERT.identity
    else:
        with pytest.raises(ValueError, match="expected"):
            recalled_of(record, "memory", NOW, NOW)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*record_of(ALERT), "alerts", "record"]), inner),
)


@given(JSON)
def test_nothing_that_json_can_say_raises_anything_but_a_value_error(value: Any) -> None:
    for reads in (lambda: recalled_of(value, "peer", NOW, NOW), lambda: recalled_of_document(value, "peer", NOW)):
        with contextlib.suppress(ValueError):
            reads()


# what became of its page


def delivered() -> Delivery:
    taken = Accepted(ALERT.identity, "pager", 4.0, at(4), at(5), peer=True)
    return Delivery(ALERT, at(4), {"pager": taken}, around=("unaccepted",), escalated=1)


def test_who_took_the_page_and_how_it_went_around_is_read_as_it_was_written() -> None:
    record = json.loads(json.dumps(record_of(ALERT, delivered())))
    found = recalled_of(record, "ledger", NOW, NOW)
    assert (found.origin, found.as_of, found.ended) == ("ledger", NOW, False)
    assert (found.around, found.escalated) == (("unaccepted",), 1)
    [taken] = found.accepted
    assert taken == Accepted(ALERT.identity, "pager", here(at(4)).mono, here(at(4)), here(at(5)), peer=True)


@pytest.mark.parametrize(
    "delivery",
    [
        [1],
        {"accepted": []},
        {"accepted": {"pager": 1}},
        {"accepted": {"pager": {}}},
        {"around": [1]},
        {"escalated": -1},
    ],
)
def test_a_delivery_that_is_not_sound_is_refused(delivery: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        recalled_of({**read(), "delivery": delivery}, "ledger", NOW, NOW)


def test_what_ended_is_over_as_of_its_end() -> None:
    found = recalled_of(record_of(ALERT, ended_at=at(20)), "memory", NOW, NOW)
    assert found.ended and found.as_of == here(at(20))


def test_of_many_records_those_that_are_sound_are_read_and_the_others_are_named() -> None:
    found, problems = recalled_of_all([read(), None, {**read(), "sev": 9}], "memory", NOW, NOW)
    assert len(found) == 1 and problems == ["record: expected an object of at most 64 members", "sev: expected 0 to 3"]


def test_another_replicas_document_is_what_it_knew_at_its_instant() -> None:
    document = {"boot": "b", "as_of": "2026-11-23T15:10:00Z", "alerts": [{"record": read()}, {"alertname": "old"}, 5]}
    found, problems = recalled_of_document(document, "peer", NOW)
    assert [(r.origin, r.as_of) for r in found] == [("peer", here(at(600)))] and len(problems) == 2


@pytest.mark.parametrize(
    "document", [[], {}, {"alerts": []}, {"as_of": "2026-11-23T15:10:00Z"}, {"as_of": 5, "alerts": []}]
)
def test_what_is_no_such_document_is_refused(document: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        recalled_of_document(document, "peer", NOW)
