"""What became of each page, as the status server and the metrics tell it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tests.core.test_delivery import ACKNOWLEDGED, FIRED, HEARD, SILENCED, UNHEARD, UNKNOWN, happens, named, says, takes
from tests.core.worlds import at
from tests.fakes import HandClock, Outside
from tests.outlets.test_metrics import samples
from watchdog.core.alert import Alert, Edge
from watchdog.core.assessment import Assessment
from watchdog.core.delivery import CAUSES, Deliveries, Expected, Paging, Step, When
from watchdog.core.incident import after, opened
from watchdog.core.notice import fingerprint
from watchdog.core.posture import Posture
from watchdog.core.report import Report
from watchdog.core.severity import Sev
from watchdog.core.table import Table
from watchdog.outlets import Batch
from watchdog.outlets.status_page import StatusPage
from watchdog.outlets.status_page.deliveries import LIMIT

PAGING = Paging({"cluster": "prod"}, peers=True, escalation=(Step(3, ("lead",)),))
COMMON = {"cluster": "prod"}


def level(*turns: tuple[float, tuple[Edge, ...], tuple[Report, ...]]) -> Assessment:
    """After these turns: their alerts, the incident that they are part of, and what became of their pages."""
    deliveries, alerts, incidents = Deliveries(), dict[Any, Alert](), dict[str, Any]()
    for seconds, edges, reports in turns:
        for edge in edges:
            alerts[edge.alert.identity] = edge.alert
            before = incidents.get("execution")
            incidents["execution"] = opened(edge, None) if before is None else after(before, edge)
        deliveries, _ = deliveries.after(edges, reports, alerts, PAGING, at(seconds))
    last = Posture.initial(at(turns[-1][0]), {})
    return Assessment(last, alerts=Table[Any, Alert]().with_(alerts), incidents=incidents, deliveries=deliveries)


async def shown(of: Assessment, path: str) -> str:
    outside = Outside(clock=HandClock(mono=of.at.mono), labels=COMMON)
    await StatusPage().publish(Batch(of), outside.ports())
    return outside.status.get(path).body.decode()


async def told(of: Assessment) -> list[Mapping[str, Any]]:
    said = json.loads(await shown(of, "/api/v1/deliveries"))
    assert "omitted" not in said
    return list(said["deliveries"])


def posted(seconds: float, took: float, receiver: str, peer: bool = True) -> Report:
    return replace(takes(seconds, receiver, peer=peer), sent=at(took))


async def test_a_page_is_told_with_every_instant_and_its_milliseconds() -> None:
    hears = says(0.25, HEARD, "active, to receivers pager")
    reports = (posted(0.1, 0.05, "hook", False), posted(0.02, 0.01, "am-0"), hears)
    (said,) = await told(level((0, (happens(FIRED, 0),), ()), (1, (), reports)))
    labels = said["labels"]
    assert labels == {
        "alertname": "KillSwitchNotHalted", "cause": "breach", "cluster": "prod", "location": "0", "sev": "0",
        "severity": "critical",
    }  # fmt: skip
    assert said == {
        "fingerprint": fingerprint(labels),
        "alertname": "KillSwitchNotHalted",
        "sev": 0,
        "drill": False,
        "labels": labels,
        "incident": "i",
        "detected": "2026-11-23T15:00:00.000Z",
        "detected_ms": 0.0,
        "told_at": "2026-11-23T15:00:00.000Z",
        "receivers": [
            {
                "receiver": "am-0", "peer": True, "posted": "2026-11-23T15:00:00.010Z", "posted_ms": 10.0,
                "accepted": "2026-11-23T15:00:00.020Z", "accepted_ms": 20.0,
            },
            {
                "receiver": "hook", "peer": False, "posted": "2026-11-23T15:00:00.050Z", "posted_ms": 50.0,
                "accepted": "2026-11-23T15:00:00.100Z", "accepted_ms": 100.0,
            },
        ],
        "read_back": [
            {
                "peer": "am-0", "hearing": "heard", "why": "active, to receivers pager",
                "at": "2026-11-23T15:00:00.250Z", "at_ms": 250.0,
            },
        ],
        "hearing": "heard",
        "heard": "heard: active, to receivers pager (am-0); taken by am-0, hook",
        "around": [],
        "escalated": 0,
        "acknowledged": None,
        "ended": False,
    }  # fmt: skip


async def test_who_is_there_to_hear_of_pages_is_told_although_there_is_no_page() -> None:
    there = (Expected("am-0", When.ALWAYS, Sev.SEV3, peer=True), Expected("spare", When.FALLBACK, Sev.SEV1))
    of = replace(level((0, (), ())), paging=replace(PAGING, expected=there))
    assert json.loads(await shown(of, "/api/v1/deliveries"))["expected"] == [
        {"receiver": "am-0", "peer": True, "when": "always", "sev": 3},
        {"receiver": "spare", "peer": False, "when": "fallback", "sev": 1},
    ]


async def test_the_time_from_the_condition_to_its_page_is_told() -> None:
    edge = happens(FIRED, 4, told_at=4)
    edge = replace(edge, alert=replace(edge.alert, active_since=at(2.5)))
    (said,) = await told(level((4, (edge,), ())))
    assert (said["detected"], said["detected_ms"]) == ("2026-11-23T15:00:02.500Z", 1500.0)


async def test_what_nobody_hears_says_so_and_why_and_where_it_went() -> None:
    silenced = says(0.2, UNHEARD, SILENCED)
    (said,) = await told(level((0, (happens(FIRED, 0),), ()), (0.2, (), (takes(0.1), silenced)), (4, (), ())))
    assert said["heard"] == f"not heard: {SILENCED} (am-0); taken by am-0; gone around (silenced)"
    assert (said["hearing"], said["around"], said["escalated"]) == ("unheard", ["silenced"], 1)


async def test_what_nobody_can_say_is_unknown() -> None:
    (taken_by_none,) = await told(level((0, (happens(FIRED, 0),), ())))
    assert taken_by_none["heard"] == "unknown whether heard: nobody has taken it yet"
    (unread,) = await told(level((0, (happens(FIRED, 0),), ()), (1, (), (takes(0.1), says(1, UNKNOWN, "Timeout")))))
    assert unread["heard"] == "unknown whether heard: Timeout (am-0); taken by am-0"


async def test_the_peer_through_which_it_is_heard_is_named_and_not_the_one_that_is_silent() -> None:
    said_both = (says(0.2, UNHEARD, SILENCED), says(0.2, HEARD, "active, to receiver pager", "am-1"))
    (said,) = await told(level((0, (happens(FIRED, 0),), ()), (0.2, (), (takes(0.1), *said_both))))
    assert said["heard"] == "heard: active, to receiver pager (am-1); taken by am-0"


async def test_of_many_receivers_three_are_named_and_the_rest_is_counted() -> None:
    taken = tuple(takes(0.1, f"am-{number}") for number in range(5))
    (said,) = await told(level((0, (happens(FIRED, 0),), ()), (0.1, (), taken)))
    assert said["heard"] == "unknown whether heard: taken by am-0, am-1, am-2 and 2 more"
    assert len(said["receivers"]) == 5


async def test_an_acknowledgement_is_told_as_claimed() -> None:
    (said,) = await told(level((0, (happens(FIRED, 0),), ()), (3, (happens(ACKNOWLEDGED, 3),), ())))
    assert said["acknowledged"] == {
        "by": "ann", "why": "on it", "through": "2026-11-23T15:00:03.000Z", "at": "2026-11-23T15:00:00.000Z",
    }  # fmt: skip


async def test_the_newest_page_comes_first_and_their_number_is_bounded() -> None:
    edges = tuple(happens(FIRED, n / 1_000, n / 1_000, Sev.SEV1, n) for n in range(LIMIT + 3))
    said = json.loads(await shown(level((3, edges, ())), "/api/v1/deliveries"))
    numbers = [int(delivery["labels"]["location"]) for delivery in said["deliveries"]]
    assert (numbers, said["omitted"]) == ([*range(LIMIT + 2, 2, -1)], 3)


async def test_what_read_back_quotes_may_hold_a_secret_and_a_tag_and_is_shown_without_either() -> None:
    sly = says(0.2, UNHEARD, "silenced by x: <b>password=hunter2</b>")
    of = level((0, (happens(FIRED, 0),), ()), (0.2, (), (takes(0.1), sly)))
    for path in ("/", "/api/v1/deliveries", "/api/v1/incidents"):
        text = await shown(of, path)
        assert "silenced by x" in text
        assert "hunter2" not in text
    assert "<b>" not in await shown(of, "/")


async def test_the_page_says_of_every_alert_whether_anybody_hears_of_it() -> None:
    of = level(
        (0, (happens(FIRED, 0), happens(FIRED, 0, number=1)), ()), (0.2, (), (takes(0.1), says(0.2, HEARD, "active")))
    )
    text = await shown(of, "/")
    assert "<th>Heard</th>" in text
    assert "<td>heard: active (am-0); taken by am-0</td>" in text
    assert "<td>unknown whether heard: nobody has taken it yet</td>" in text


async def test_an_incident_says_which_of_its_alerts_nobody_hears_of_and_who_has_answered() -> None:
    edges = (happens(FIRED, 0), happens(FIRED, 0, number=1))
    silenced = says(0.2, UNHEARD, SILENCED)
    of = level((0, edges, ()), (0.2, (), (takes(0.1), silenced)), (0.5, (happens(ACKNOWLEDGED, 0.5, number=1),), ()))
    (said,) = json.loads(await shown(of, "/api/v1/incidents"))["incidents"]
    first, second = said["alerts"]
    assert (first["heard"], first["around"]) == (
        f"not heard: {SILENCED} (am-0); taken by am-0; gone around (silenced)", ["silenced"],
    )  # fmt: skip
    assert (second["heard"], second["around"]) == ("unknown whether heard: nobody has taken it yet", [])
    (answer,) = said["acknowledgements"]
    assert (answer["alert"], answer["by"], answer["why"]) == (str(named(1)), "ann", "on it")
    assert answer["at"] == "2026-11-23T15:00:00.000Z"


async def test_metrics_say_how_many_pages_wait_what_is_heard_and_what_went_around() -> None:
    edges = tuple(happens(FIRED, 0, number=number) for number in range(4))
    quiet = (happens(FIRED, 0, sev=Sev.SEV1, number=9),)
    taken = tuple(takes(0.1, number=number) for number in range(3))
    read = (says(0.2, HEARD), says(0.2, UNHEARD, SILENCED, number=1), says(0.2, UNKNOWN, number=2))
    found = await samples(level((0, edges + quiet, ()), (0.2, (), (*taken, *read)), (4, (), ())))
    assert found["watchdog_delivery_pending{}"] == 2.0
    name = "watchdog_alert_heard{alertname=KillSwitchNotHalted,hearing=%s}"
    assert [found[name % hearing] for hearing in ("heard", "unheard", "unknown")] == [1.0, 1.0, 2.0]
    name = "watchdog_read_back{hearing=%s,peer=am-0}"
    assert [found[name % hearing] for hearing in ("heard", "unheard", "unknown")] == [1.0, 1.0, 1.0]
    unheard = {cause: found[f"watchdog_pages_unheard_total{{cause={cause}}}"] for cause in CAUSES}
    assert unheard == dict.fromkeys(CAUSES, 0.0) | {"silenced": 1.0, "unaccepted": 2.0}
    assert found["watchdog_pages_escalated_total{}"] == 4.0


async def test_every_cause_has_its_counter_before_anything_happened() -> None:
    found = await samples(level((0, (), ())))
    assert [found[f"watchdog_pages_unheard_total{{cause={cause}}}"] for cause in CAUSES] == [0.0] * len(CAUSES)
    assert found["watchdog_delivery_pending{}"] == 0.0
