"""What the log says of pages."""

from __future__ import annotations

import structlog
from structlog.testing import capture_logs

from tests.alerts import SUMMARY, alert, fired, latched, level, resolved
from tests.fakes import Outside
from watchdog.core.alert import Edge
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


async def test_a_level_alone_is_no_line() -> None:
    assert await logged() == []
