"""What the log says of pages."""

from __future__ import annotations

from dataclasses import replace

import structlog
from structlog.testing import capture_logs

from tests.alerts import SUMMARY, T0, alert, fired, latched, level, resolved
from tests.fakes import Outside
from watchdog.core.alert import Acknowledgement, Edge, EdgeKind
from watchdog.core.facts import Subject
from watchdog.core.severity import Sev
from watchdog.outlets import Batch
from watchdog.outlets.log import Log


async def logged(*edges: Edge) -> list[dict[str, object]]:
    structlog.reset_defaults()
    with capture_logs() as lines:
        assert await Log().publish(Batch(level(), edges), Outside().ports()) == ()
    return [dict(line) for line in lines]


async def test_everything_that_happens_to_an_alert_is_a_line_in_order() -> None:
    lines = await logged(fired(alert()), latched(alert(), 2), resolved(alert(), 3))
    assert [(line["event"], line["log_level"]) for line in lines] == [
        ("alert fired", "error"),
        ("alert latched", "info"),
        ("alert resolved", "info"),
    ]


async def test_a_line_says_what_where_how_bad_and_of_which_incident() -> None:
    (line,) = await logged(fired(alert(sev=Sev.SEV1)))
    assert line == {
        "event": "alert fired",
        "log_level": "error",
        "alertname": "ExecutionWorkloadAboveZero",
        "subject": "workload agenttrader/Deployment/execution-agent",
        "sev": 1,
        "cause": "breach",
        "incident": "20261123T150000Z-execution",
        "summary": SUMMARY,
    }


async def test_who_acknowledged_it_is_written_and_wakes_nobody() -> None:
    said = Acknowledgement("ack-1", "ann", "rolled back", T0.wall, T0.wall)
    (line,) = await logged(Edge(EdgeKind.ACKNOWLEDGED, replace(alert(), acknowledged=said), T0))
    assert (line["event"], line["log_level"]) == ("alert acknowledged", "info")
    assert (line["by"], line["reason"]) == ("ann", "rolled back")


async def test_what_goes_around_or_escalates_says_why_at_the_level_of_its_sev() -> None:
    around = Edge(EdgeKind.UNHEARD, alert(), T0, why="silenced by bob")
    further = Edge(EdgeKind.ESCALATED, alert(), T0, why="nobody answered", to=("boss", "desk"))
    lines = await logged(around, further, Edge(EdgeKind.RESTORED, alert(), T0))
    assert [line["log_level"] for line in lines] == ["error"] * 3
    assert [line.get("reason") for line in lines] == ["silenced by bob", "nobody answered", None]
    assert lines[1]["to"] == "boss, desk"
    assert not {"by", "reason", "to", "drill"} & lines[2].keys()


async def test_a_drill_is_marked() -> None:
    (line,) = await logged(fired(alert("WatchdogDrill", subject=Subject("drill", (("entry", "drill-1"),)))))
    assert line["drill"] == "true"


async def test_a_level_alone_is_no_line() -> None:
    assert await logged() == []
