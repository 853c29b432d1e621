"""``check`` has one look and no time: what will page in a moment blocks now, what only time makes worse does not."""

from __future__ import annotations

import pytest

from tests.core.worlds import WORKLOADS, PlainRule, World, above_zero, saw, workload
from watchdog.core.alert import Policy, Rise
from watchdog.core.facts import Drill
from watchdog.core.severity import Sev
from watchdog.reports.readiness import readiness


def test_a_drill_is_no_finding() -> None:
    """It neither blocks a pipeline nor hides what does."""
    practised = PlainRule("WatchdogDrill", "drill", lambda fact, globals_: True, Policy(Sev.SEV0), group="drill")
    world = World(practised, PlainRule("Down", "workload", above_zero, Policy(Sev.SEV1)))
    world.turn(0, saw(0, WORKLOADS, workload(1), Drill("drill-1", True, 0, "ann", "why", "")))
    assert "WatchdogDrill breach" in world.states()
    assert "WatchdogDrill" not in {finding.alertname for finding in readiness(world.assessment, world.rules).findings}
    assert "Down" in {finding.alertname for finding in readiness(world.assessment, world.rules).findings}


@pytest.mark.parametrize(
    ("rise", "holds", "sev"),
    [
        (Rise(Sev.SEV1, 0.0), True, 1),
        (Rise(Sev.SEV1, 10.0), True, 1),  # it pages Sev-1 ten seconds later
        (Rise(Sev.SEV1, 10.0), False, 3),
        (Rise(Sev.SEV1, 300.0, conditional=False), True, 3),
    ],
)
def test_a_finding_is_worth_what_it_will_be_if_it_stays_as_it_is(rise: Rise, holds: bool, sev: int) -> None:
    breach = Policy(Sev.SEV3, rises=(rise,))
    world = World(PlainRule("Down", "workload", above_zero, breach, rises=lambda fact: (holds,)))
    world.turn(0, saw(0, WORKLOADS, workload(1)))
    (finding,) = [f for f in readiness(world.assessment, world.rules).findings if f.alertname == "Down"]
    assert finding.sev == sev
