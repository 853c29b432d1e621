"""What every outlet says of an alert and of who answered."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from tests.alerts import T0, alert
from watchdog.core.alert import Acknowledgement, Description, State
from watchdog.core.instant import Instant
from watchdog.core.notice import LABEL_LIMIT, annotations_of, bare, fingerprint, labels_of
from watchdog.core.severity import Sev

COMMON = {"cluster": "prod"}
AHEAD = timezone(timedelta(hours=-14))
SAID = Acknowledgement("ack-1", "ann", "rolled back", T0.wall, T0.plus(8).wall)


@pytest.mark.parametrize(
    ("sev", "state", "asks"),
    [
        (Sev.SEV0, State.FIRING, True),
        (Sev.SEV0, State.LATCHED, True),
        (Sev.SEV2, State.LATCHED, True),
        (Sev.SEV1, State.FIRING, False),
        (Sev.SEV0, State.PENDING, False),
    ],
)
def test_what_waits_for_somebodys_word_says_how_to_give_it(sev: Sev, state: State, asks: bool) -> None:
    one = alert(sev=sev, state=state)
    command = f"watchdog ack {fingerprint(labels_of(one, COMMON))} --by NAME --why TEXT"
    assert annotations_of(one, "", COMMON).get("acknowledge") == (command if asks else None)
    assert "acknowledge" not in annotations_of(one, ""), "who does not know the labels does not know the fingerprint"


def test_what_is_acknowledged_says_by_whom_as_claimed_and_asks_no_more() -> None:
    told = annotations_of(replace(alert(), acknowledged=SAID), "", COMMON)
    assert told["acknowledged"] == "by ann (as claimed) at 2026-11-23T15:00:08.000Z: rolled back"
    assert "acknowledge" not in told and "acknowledged" not in annotations_of(alert(), "", COMMON)


LONG = "x" * LABEL_LIMIT


def label(value: str) -> str:
    return labels_of(replace(alert(), description=Description({"secret": value}, {})), COMMON)["secret"]


def test_values_that_are_equal_as_far_as_they_are_told_are_still_two_labels() -> None:
    values = (LONG, LONG + "a", LONG + "b", LONG[:-1] + "…", "a\ud800", "a\ud801", "a?", "é" * 300, "é" * 299 + "è")
    told = [label(value) for value in values]
    assert len({*told}) == len(values)
    assert all(len(one) <= LABEL_LIMIT and one.encode() for one in told)
    assert label(LONG) == LONG


def test_what_a_cut_label_says_never_changes() -> None:
    assert label(LONG + "a") == "x" * 243 + "…37523678b0ae"
    assert label("\U0001f600" * 300) == "\U0001f600" * 243 + "…3a49cf350579"


def test_a_bare_alert_is_the_same_to_who_is_told_and_to_who_acknowledges_it() -> None:
    odd = replace(alert(), active_since=Instant(datetime.max.replace(tzinfo=AHEAD), -5.0), told_at=T0)
    told = bare(odd, T0.plus(60), "OverflowError: date value out of range")
    assert labels_of(told, COMMON) == labels_of(odd, COMMON)
    assert (told.active_since.mono, told.told_at) == (-5.0, Instant(T0.plus(60).wall, 0.0))
    summary = annotations_of(told, "", COMMON)["summary"]
    assert summary == f"{odd.identity} (the rest cannot be told: OverflowError: date value out of range)"
    with pytest.raises(OverflowError):
        annotations_of(odd, "", COMMON)
