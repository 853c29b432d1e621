"""What services say of themselves, heard by the whole daemon: an alarm counts, a silence makes nothing less known; and
what it is worth that they are down, degraded or without a sign of life."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from watchdog.core.alert import Alert
from watchdog.core.facts import Core, Heartbeat, KillSwitch, Safety, SelfReport, Service, Source, Subject, Unknown
from watchdog.simulator import kubectl
from watchdog.simulator.faults import Down
from watchdog.simulator.market_data import Fault, Lie, Silence, Verbatim
from watchdog.simulator.services import GARBAGE, saying

from .platform import Guarded, guarded

SAFETY = "/mission-control/api/v1/safety"
DOWN: dict[str, Fault] = {"silent": Silence(), "an error": Verbatim(b"", 502), "HTML": Verbatim(b"<html>")}


def posture_of(world: Guarded, kind: type[Safety]) -> Safety:
    seen = world.daemon.assessment.posture.globally(kind.KIND)
    assert isinstance(seen, Safety)
    return seen


def source(world: Guarded, name: str) -> Source:
    known = world.daemon.assessment.posture.facts.get(Subject(Source.KIND, (("source", name),)))
    assert known is not None and isinstance(known.fact, Source)
    return known.fact


@pytest.mark.parametrize("fault", DOWN.values(), ids=DOWN.keys())
def test_a_mission_control_that_does_not_answer_makes_the_switch_no_less_known(fault: Fault) -> None:
    async def act(world: Guarded) -> None:
        world.floor.services.faults[SAFETY] = fault
        await asyncio.sleep(60)
        assert posture_of(world, Safety).halted is True
        assert (source(world, "safety_api").up, source(world, "safety_api").safety) == (False, False)

    _, world = guarded(act)
    assert not [edge for edge in world.edges if edge.endswith(("Sev-0", "Sev-1"))]


def require(content: dict[str, Any]) -> None:
    (stanza,) = [stanza for stanza in content["sources"] if stanza["kind"] == "safety_api"]
    stanza["required"] = True


def test_where_it_is_required_its_silence_is_that_of_a_carrier() -> None:
    async def act(world: Guarded) -> None:
        world.floor.services.faults[SAFETY] = Silence()
        await asyncio.sleep(60)
        assert isinstance(posture_of(world, Safety).halted, Unknown)

    guarded(act, require)


def test_its_word_that_trading_is_not_halted_counts_and_outlives_it() -> None:
    async def act(world: Guarded) -> None:
        world.floor.services.faults[SAFETY] = Lie({"kill_switch": {"execution_halted": "true"}})
        await asyncio.sleep(6)
        assert posture_of(world, Safety).halted is False
        world.floor.services.faults[SAFETY] = Silence()
        await asyncio.sleep(30)
        assert posture_of(world, Safety).halted is not True
        del world.floor.services.faults[SAFETY]
        await asyncio.sleep(6)
        assert posture_of(world, Safety).halted is True

    _, world = guarded(act)
    assert [edge for edge in world.edges if "KillSwitch" in edge and "fired" in edge and edge.endswith("Sev-0")]


def test_on_the_demo_floor_every_service_agrees_with_its_manifest_and_says_that_it_is_safe() -> None:
    async def act(world: Guarded) -> None:
        facts = [known.fact for known in world.daemon.assessment.posture.facts.values()]
        reports = {fact.service: fact for fact in facts if isinstance(fact, SelfReport)}
        assert sorted(reports) == [
            "gamma-strategy", "marketdata-mcp-server", "mission-control", "strategy-engine", "whale-strategy",
        ]  # fmt: skip
        assert {(r.unsafe, r.listed, r.safe_to_execute) for r in reports.values()} == {(False, True, False)}
        (switch,) = [fact for fact in facts if isinstance(fact, KillSwitch) and fact.carrier == "api"]
        assert switch.halted is True

    _, world = guarded(act)
    assert world.edges == []


# What it is worth. domain.md §2, §6.


OPS_UI, CONTROL, FEED, STRATEGY = "agenttrader-ops-ui", "mission-control", "marketdata-mcp-server", "strategy-engine"
CHRISTMAS = datetime(2026, 12, 25, 8, 0, tzinfo=UTC)
"""3 a.m. in New York."""
NIGHT = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


def alerts(world: Guarded, group: str = "services") -> Mapping[tuple[str, str], Alert]:
    """Those that are open, by rule and service."""
    every = world.daemon.assessment.alerts.values()
    return {
        (a.identity.rule, dict(a.identity.subject.labels)["service"]): a for a in every if a.open and a.group == group
    }


def sevs(world: Guarded) -> dict[tuple[str, str], int]:
    return {key: int(alert.sev) for key, alert in alerts(world).items()}


def texts(world: Guarded, rule: str, service: str) -> Mapping[str, str]:
    return alerts(world)[rule, service].description.annotations


def test_on_the_demo_floor_every_service_is_well_and_what_must_beats_does() -> None:
    async def act(world: Guarded) -> None:
        await asyncio.sleep(600)
        facts = [known.fact for known in world.daemon.assessment.posture.facts.values()]
        standing = {f.service: (f.up, f.healthy, f.criticality) for f in facts if isinstance(f, Service)}
        important = (True, True, "important")
        assert standing == {
            FEED: (True, True, "critical"), STRATEGY: important, "gamma-strategy": important,
            "whale-strategy": important, CONTROL: important, OPS_UI: (True, True, "informational"),
        }  # fmt: skip
        beating = {fact.service: fact.beating for fact in facts if isinstance(fact, Heartbeat)}
        assert beating == {FEED: True, STRATEGY: True, CONTROL: True, "ops-cron": True, "execution-engine": False}
        core = world.daemon.assessment.posture.globally(Core.KIND)
        assert isinstance(core, Core) and core.healthy is True

    _, world = guarded(act)
    assert world.edges == []


def test_ops_ui_down_alone_is_sev_3_and_nothing_else_and_resolves() -> None:
    async def act(world: Guarded) -> None:
        world.floor.services.stop(OPS_UI)
        await asyncio.sleep(300)
        assert sevs(world) == {("ServiceDown", OPS_UI): 3}
        assert "all core services are healthy" in texts(world, "ServiceDown", OPS_UI)["description"]
        world.floor.services.start(OPS_UI)
        await asyncio.sleep(30)
        assert sevs(world) == {}

    _, world = guarded(act)
    assert [edge.split()[1:] for edge in world.edges] == [
        ["ServiceDown", "breach", "fired", "Sev-3"], ["ServiceDown", "breach", "resolved", "Sev-3"],
    ]  # fmt: skip
    ((when, sev),) = world.fired("ServiceDown")
    assert sev == "Sev-3" and 10 <= when <= 15.1


def test_ops_ui_and_mission_control_down_are_one_incident_of_the_worse_sev() -> None:
    async def act(world: Guarded) -> None:
        world.floor.services.stop(OPS_UI)
        await asyncio.sleep(60)
        assert sevs(world) == {("ServiceDown", OPS_UI): 3}
        world.floor.services.stop(CONTROL)
        await asyncio.sleep(30)
        assert sevs(world) == {("ServiceDown", OPS_UI): 2, ("ServiceDown", CONTROL): 2}
        page, control = alerts(world)["ServiceDown", OPS_UI], alerts(world)["ServiceDown", CONTROL]
        assert page.incident == control.incident != ""
        assert world.daemon.assessment.incidents["services"].sev == 2
        assert "not healthy: mission-control" in texts(world, "ServiceDown", OPS_UI)["description"]

    guarded(act)


def test_a_critical_service_down_is_sev_1_in_market_hours_and_sev_2_at_night_until_the_open() -> None:
    async def down(world: Guarded) -> None:
        world.floor.services.stop(FEED)
        await asyncio.sleep(20)

    _, world = guarded(down)
    assert [sev for _, sev in world.fired("ServiceDown")] == ["Sev-1"]

    async def until_the_open(world: Guarded) -> None:
        await down(world)
        assert sevs(world) == {("ServiceDown", FEED): 2}
        world.clock.shift += datetime(2026, 11, 24, 14, 40, tzinfo=UTC) - world.clock.now().wall
        await asyncio.sleep(60)
        assert sevs(world)["ServiceDown", FEED] == 1

    _, world = guarded(until_the_open, start=NIGHT)
    assert [sev for _, sev in world.fired("ServiceDown")] == ["Sev-2", "Sev-1"]


def test_one_lost_poll_pages_nobody() -> None:
    async def act(world: Guarded) -> None:
        for fault in (Silence(), Verbatim(b"", 500), GARBAGE):
            world.floor.services.faults[f"/{FEED}/ops/status"] = fault
            await asyncio.sleep(4.9)
            del world.floor.services.faults[f"/{FEED}/ops/status"]
            await asyncio.sleep(30)

    _, world = guarded(act)
    assert world.edges == []


@pytest.mark.parametrize(
    ("fault", "rule", "runbook"),
    [
        (saying("DEGRADED"), "ServiceDegraded", "RUNBOOK.md"),
        (saying("TURBO"), "ServiceDegraded", "RUNBOOK.md"),
        (saying("OFFLINE"), "ServiceDown", "RUNBOOK.md"),
        (saying("HALTED"), "StrategyHalted", "docs/ops/runbooks/strategy_engine_halted.md"),
        (GARBAGE, "ServiceDown", "RUNBOOK.md"),
        (Lie({"last_heartbeat": "2026-11-23T14:00:00Z"}), "ServiceStandsStill", "RUNBOOK.md"),
        (Lie({"data_freshness_seconds": 600}), "ServiceDataStale", "docs/ops/runbooks/marketdata_stale.md"),
    ],
)  # fmt: skip
def test_what_a_strategy_says_against_itself_is_sev_2_with_its_runbook(fault: Fault, rule: str, runbook: str) -> None:
    async def act(world: Guarded) -> None:
        world.floor.services.faults[f"/{STRATEGY}/ops/status"] = fault
        await asyncio.sleep(25)
        assert sevs(world) == {(rule, STRATEGY): 2}
        assert texts(world, rule, STRATEGY)["runbook"] == runbook
        world.floor.services.faults.clear()
        await asyncio.sleep(25)
        assert sevs(world) == {}

    guarded(act)


def test_a_heartbeat_that_stops_in_market_hours_pages_three_minutes_later() -> None:
    async def act(world: Guarded) -> None:
        world.floor.heartbeats.stop(FEED)
        await world.at(230)
        assert sevs(world) == {("HeartbeatMissing", FEED): 1}
        assert f"trading-floor/agenttrader-heartbeat-{FEED}" in texts(world, "HeartbeatMissing", FEED)["description"]
        world.floor.heartbeats.start(FEED)
        await world.at(330)
        assert sevs(world) == {}

    _, world = guarded(act)
    ((when, sev),) = world.fired("HeartbeatMissing")
    assert sev == "Sev-1" and 180 <= when <= 200


def test_a_heartbeat_whose_config_map_is_deleted_is_missing() -> None:
    async def act(world: Guarded) -> None:
        kubectl.delete(world.floor.cluster, "configmap", "trading-floor", "agenttrader-heartbeat-ops-cron")
        await asyncio.sleep(20)
        assert sevs(world) == {("HeartbeatMissing", "ops-cron"): 3}

    guarded(act)


def test_one_of_an_execution_workload_that_is_not_there_is_sev_1_for_nobody_can_tell() -> None:
    async def act(world: Guarded) -> None:
        name = "agenttrader-heartbeat-execution-engine"
        kubectl.delete(world.floor.cluster, "configmap", "trading-floor", name)
        await asyncio.sleep(40)
        assert int(alerts(world, "execution")["ExecutionHeartbeat", "execution-engine"].sev) == 1

    guarded(act)


def test_an_api_server_that_is_down_is_no_heartbeat_that_is_missing() -> None:
    async def act(world: Guarded) -> None:
        world.floor.server.faults.inject(Down())
        await asyncio.sleep(240)
        assert sevs(world) == {} and source(world, "heartbeats").up is False

    guarded(act)


def test_a_sign_of_life_of_an_execution_workload_at_3_am_on_christmas_pages_sev_0_and_stays() -> None:
    async def act(world: Guarded) -> None:
        await asyncio.sleep(30)
        assert world.edges == []
        world.floor.heartbeats.beat("execution-engine")
        await asyncio.sleep(400)
        alert = alerts(world, "execution")["ExecutionHeartbeat", "execution-engine"]
        assert (int(alert.sev), alert.latched) == (0, True)
        assert alert.description.annotations["runbook"] == "ops/PRODUCTION_LOCK.md"

    _, world = guarded(act, start=CHRISTMAS)
    ((when, sev),) = world.fired("ExecutionHeartbeat")
    assert sev == "Sev-0" and 30 <= when <= 35.1
    assert [
        d for d in world.pager.deliveries if d.labels["alertname"] == "ExecutionHeartbeat" and d.labels["sev"] == "0"
    ]


# What explains stale data, and does not excuse it


PAUSE = "/etc/agenttrader/ingest/INGEST_ENABLED"


def with_a_pause_file(content: dict[str, Any]) -> None:
    content["sources"].append({"kind": "pause_file", "path": PAUSE})


def test_stale_data_of_a_paused_producer_pages_all_the_same_and_says_that_it_is_paused() -> None:
    async def stale(world: Guarded) -> str:
        world.floor.market_data.stop()
        await asyncio.sleep(120)
        return alerts(world, "market_data")["MarketDataStale", FEED].description.annotations["description"]

    def pause(world: Guarded) -> None:
        world.files.content[PAUSE] = b"0\n"

    def lock(world: Guarded) -> None:
        world.files.content[PAUSE] = PermissionError(13, "Permission denied")

    paused, world = guarded(stale, with_a_pause_file, prepare=pause)
    assert f"ingestion is paused on purpose (file {PAUSE}: INGEST_ENABLED is 0)" in paused
    assert "docs/INGEST_ENABLED_KILL_SWITCH_FLOW.md" in paused and "does not excuse it" in paused
    assert [sev for _, sev in world.fired("MarketDataStale")] == ["Sev-1"]
    assert [sev for _, sev in world.fired("IngestionPaused")] == ["Sev-3"]
    running, world = guarded(stale, with_a_pause_file)
    assert "ingestion is not paused" in running and world.fired("IngestionPaused") == []
    unknown, _ = guarded(stale, with_a_pause_file, prepare=lock)
    assert "whether ingestion is paused on purpose is unknown (PermissionError" in unknown
