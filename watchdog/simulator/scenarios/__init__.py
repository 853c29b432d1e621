"""LAW: a scenario is what happens on the trading floor and which pages it must bring, each with its runbook; nothing
else may page. For the demo and for the end-to-end tests: one at least for each row of domain.md §2's severity table.

    scenario   what a scenario is
    safety     Sev-0, and being blind
    outage     Sev-1: the data plane stands still
    degraded   Sev-2 and Sev-3: it flows, or is of no matter
"""

from __future__ import annotations

from collections.abc import Mapping

from watchdog.simulator.scenarios.degraded import DEGRADED
from watchdog.simulator.scenarios.outage import OUTAGES
from watchdog.simulator.scenarios.safety import SAFETY
from watchdog.simulator.scenarios.scenario import Expected, Scenario, Step

__all__ = ["SCENARIOS", "Expected", "Scenario", "Step"]

QUIET = Scenario("quiet", "a day on which nothing happens", (), 86_400.0, (), virtual=True)
SCENARIOS: Mapping[str, Scenario] = {scenario.name: scenario for scenario in (QUIET, *SAFETY, *OUTAGES, *DEGRADED)}
