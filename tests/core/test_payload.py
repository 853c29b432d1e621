"""What a webhook's message says, and which messages are the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.alerts import T0, alert
from watchdog.core.alert import Acknowledgement, Alert, EdgeKind
from watchdog.core.instant import Instant
from watchdog.core.notice import fingerprint, labels_of
from watchdog.core.payload import Links, Message, attributes, idempotency_key, payload
from watchdog.core.severity import Sev

LABELS = {"cluster": "prod"}
LINKS = Links(LABELS, "https://docs.example/", "http://watchdog:8080")


def page(said: Alert | None = None, kind: EdgeKind = EdgeKind.FIRED, why: str = "") -> Message:
    told = said or replace(alert(), told_at=T0)
    return Message(told, told.sev, kind, why=why)


def ended(seconds: float) -> Message:
    return replace(page(), kind=EdgeKind.RESOLVED, ended=T0.plus(seconds))


def one(message: Message) -> dict[str, object]:
    alerts = payload(message, "pager", LINKS)["alerts"]
    assert isinstance(alerts, list) and len(alerts) == 1 and isinstance(alerts[0], dict)
    return alerts[0]


def test_a_firing_alert_has_not_ended_and_a_resolved_one_has() -> None:
    assert one(page())["endsAt"] == "0001-01-01T00:00:00Z"
    assert one(ended(5))["endsAt"] == "2026-11-23T15:00:05.000Z"
    assert [one(m)["status"] for m in (page(), ended(5))] == ["firing", "resolved"]
    assert payload(ended(5), "pager", LINKS)["status"] == "resolved"


def test_an_end_is_never_before_its_start() -> None:
    """A wall clock stepped back meanwhile: Alertmanager would never send such a thing."""
    back = Instant(T0.plus(-3600).wall, 10.0)
    assert one(replace(ended(5), ended=back))["endsAt"] == "2026-11-23T15:00:00.000Z"


def test_a_message_is_a_group_of_its_own() -> None:
    body = payload(page(), "pager", LINKS)
    said = one(page())
    assert body["groupLabels"] == body["commonLabels"] == said["labels"]
    assert body["commonAnnotations"] == said["annotations"]
    assert (body["version"], body["receiver"], body["truncatedAlerts"]) == ("4", "pager", 0)


def test_the_fingerprint_is_of_the_labels_that_are_sent() -> None:
    said = one(replace(page(), sev=Sev.SEV1))
    assert isinstance(said["labels"], dict) and said["labels"]["sev"] == "1"
    assert said["fingerprint"] == fingerprint(labels_of(alert(), LABELS, Sev.SEV1))


def test_what_goes_around_says_why_and_what_comes_as_usual_says_nothing() -> None:
    said = one(page(kind=EdgeKind.UNHEARD, why="silenced by ops"))["annotations"]
    assert isinstance(said, dict) and said["around"] == "silenced by ops"
    assert "around" not in str(payload(page(), "pager", LINKS))


def test_a_silences_comment_may_hold_a_secret_and_is_not_passed_on() -> None:
    said = one(page(kind=EdgeKind.UNHEARD, why="silenced by ops: rollout with password=hunter2"))["annotations"]
    assert isinstance(said, dict) and said["around"] == "silenced by ops: rollout with password=[redacted]"


def test_an_end_names_who_acknowledged_it_and_asks_for_nothing_more() -> None:
    known = Acknowledgement("e", "ana", "rotated by hand", T0.wall, datetime(2026, 11, 23, 15, 1, tzinfo=UTC))
    over = replace(ended(5), alert=replace(alert(), acknowledged=known))
    said = one(over)["annotations"]
    assert isinstance(said, dict) and "ana" in said["acknowledged"] and "acknowledge" not in said


def keys(*messages: Message) -> int:
    return len({idempotency_key(message, LABELS) for message in messages})


def test_both_replicas_and_a_later_life_mean_the_same_page() -> None:
    """They see it at different instants, and one of them only remembers it."""
    seen = replace(alert(), told_at=T0.plus(1))
    other = replace(alert(since=T0.plus(0.7)), told_at=Instant(T0.plus(3).wall, 99.0), incident="another")
    assert keys(page(seen), page(other), page(other, EdgeKind.RESTORED)) == 1


@pytest.mark.parametrize(
    "another",
    [
        ended(5),
        replace(page(), sev=Sev.SEV1),
        page(alert("AnotherRule")),
        page(replace(alert(), told_at=T0.plus(60)), EdgeKind.REFIRED),
        page(replace(alert(), told_at=T0.plus(2), again=1), EdgeKind.REFIRED),
        page(kind=EdgeKind.UNHEARD, why="unaccepted"),
        page(kind=EdgeKind.ESCALATED, why="nobody has acknowledged it within 300 s"),
    ],
)
def test_what_must_be_heard_by_itself_has_a_key_of_its_own(another: Message) -> None:
    assert keys(page(), another) == 2


def test_each_reason_to_go_around_has_a_key_of_its_own_and_its_end_is_one() -> None:
    silenced, unknown = (page(kind=EdgeKind.UNHEARD, why=why) for why in ("silenced", "unknown"))
    assert keys(silenced, unknown) == 2
    assert keys(ended(5), replace(ended(5), why="silenced")) == 1


def test_the_attributes_say_what_can_be_filtered_by() -> None:
    said = attributes(page(), LABELS)
    assert said == {
        "fingerprint": fingerprint(labels_of(alert(), LABELS)),
        "status": "firing",
        "sev": "0",
        "idempotency_key": idempotency_key(page(), LABELS),
    }


def test_what_no_utf_8_can_carry_harms_no_key() -> None:
    assert keys(page(kind=EdgeKind.UNHEARD, why="\ud800")) == 1
