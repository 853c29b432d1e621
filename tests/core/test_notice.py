"""What every outlet says of an alert and of who answered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.alerts import T0, alert
from watchdog.core.alert import Acknowledgement, State
from watchdog.core.notice import annotations_of, fingerprint, labels_of
from watchdog.core.severity import Sev

COMMON = {"cluster": "prod"}
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
