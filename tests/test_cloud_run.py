"""Cloud Run, guarded by the whole daemon: what runs outside the cluster pages as what runs inside it does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest

from watchdog.core.coverage import coverage
from watchdog.core.facts import Ingest, Safety, Subject, Unknown
from watchdog.simulator import kubectl
from watchdog.simulator.cloud_run import DENIED, DIGEST, ENGINE, EXHAUSTED, INGEST, CloudRun
from watchdog.simulator.market_data import Fault, Silence, Verbatim

from .platform import Guarded, guarded

KINDS = ("kubernetes", "http_health", "cloud_run", "market_hours")


def few(content: dict[str, Any]) -> None:
    """The sources that bear on this, so that a test is quick."""
    content["sources"] = [stanza for stanza in content["sources"] if stanza["kind"] in KINDS]


def after(seconds: float, change: Callable[[CloudRun], object]) -> Guarded:
    """The daemon, so many seconds after an operator's change."""

    async def act(world: Guarded) -> None:
        change(world.floor.cloud_run)
        await asyncio.sleep(seconds)

    return guarded(act, few)[1]


def fired(world: Guarded) -> set[tuple[str, str]]:
    """Each rule that began, and its worst Sev."""
    split = [edge.split() for edge in world.edges]
    return {(rule, sev) for _, rule, _, kind, sev in split if kind in ("fired", "rose")}


def test_on_the_demo_floor_cloud_run_is_seen_whole_and_is_quiet() -> None:
    async def act(world: Guarded) -> None:
        await asyncio.sleep(60)
        posture = world.daemon.assessment.posture
        rows = {row.what: row.state for row in coverage(posture).rows if row.area == "cloud_run"}
        assert rows == {ENGINE: "observed", INGEST: "observed"}
        safety = posture.globally(Safety.KIND)
        assert isinstance(safety, Safety) and safety.at_zero is True

    assert not [edge for edge in guarded(act)[1].edges if "CloudRun" in edge or "Sev-0" in edge]


SEV0: dict[str, tuple[str, Callable[[CloudRun], object]]] = {
    "a forbidden mode": ("ForbiddenAgentMode", lambda run: run.set_env(ENGINE, "AGENT_MODE", "LIVE")),
    "a forbidden mode of any service": (
        "ForbiddenAgentMode",
        lambda run: run.set_env(INGEST, "AGENT_MODE", "EXECUTE"),
    ),
    "a switch in its environment": ("ForbiddenAgentMode", lambda run: run.set_env(ENGINE, "EXECUTION_HALTED", "0")),
    "an instance by hand": ("ExecutionWorkloadAboveZero", lambda run: run.set_manual(ENGINE, 1)),
    "a minimum of one": ("ExecutionWorkloadAboveZero", lambda run: run.set_automatic(ENGINE, minimum=1)),
}


@pytest.mark.parametrize(("rule", "change"), SEV0.values(), ids=SEV0.keys())
def test_execution_outside_the_cluster_pages_sev_0_within_a_poll(rule: str, change: Callable[[CloudRun], Any]) -> None:
    world = after(6, change)
    ((when, sev),) = world.fired(rule)
    assert (sev, when <= 5.1) == ("Sev-0", True)


def test_what_only_the_daemon_saw_of_a_minute_above_zero_stays_latched() -> None:
    async def act(world: Guarded) -> None:
        world.floor.cloud_run.set_manual(ENGINE, 1)
        await asyncio.sleep(30)
        world.floor.cloud_run.set_manual(ENGINE, 0)
        await asyncio.sleep(30)

    kinds = [edge.split()[3] for edge in guarded(act, few)[1].edges if "ExecutionWorkloadAboveZero breach" in edge]
    assert kinds == ["fired", "latched"]


def test_automatic_scaling_is_latent_execution_and_cannot_be_verified() -> None:
    world = after(21, lambda run: run.set_automatic(ENGINE))
    assert fired(world) == {("LatentExecution", "Sev-1"), ("ExecutionWorkloadAboveZero", "Sev-1")}
    assert [e.split()[2] for e in world.edges if "AboveZero" in e] == ["unverifiable"]


def test_a_mode_from_a_secret_cannot_be_verified() -> None:
    world = after(21, lambda run: run.set_env(ENGINE, "AGENT_MODE", None, secret="mode"))
    assert fired(world) == {("ForbiddenAgentMode", "Sev-1")}


def test_an_execution_service_that_is_deleted_is_at_zero_and_may_be_elsewhere() -> None:
    assert fired(after(70, lambda run: run.delete(ENGINE))) == {("CloudRunServiceMissing", "Sev-3")}


def test_an_execution_service_without_the_kill_switch_is_a_finding_and_above_zero_it_is_sev_0() -> None:
    def unset(run: CloudRun) -> None:
        run.set_env(ENGINE, "EXECUTION_HALTED", None)

    def running(run: CloudRun) -> None:
        unset(run)
        run.set_manual(ENGINE, 1)

    assert fired(after(21, unset)) == {("KillSwitchNotWired", "Sev-2")}
    assert ("KillSwitchNotWired", "Sev-0") in fired(after(21, running))


def test_an_execution_image_on_another_service_pages() -> None:
    world = after(6, lambda run: run.set_image(INGEST, f"x/execution-engine@{DIGEST}"))
    assert ("ExecutionWorkloadAboveZero", "Sev-0") in fired(world)


def test_many_tags_hide_nothing_that_the_service_says_of_itself() -> None:
    def change(run: CloudRun) -> None:
        run.set_env(ENGINE, "AGENT_MODE", "LIVE")
        run.set_manual(ENGINE, 1)
        run.set_traffic(ENGINE, {}, {f"t{n}": run.services[ENGINE].deploy() for n in range(21)})

    found = fired(after(21, change))
    assert {("ExecutionWorkloadAboveZero", "Sev-0"), ("ForbiddenAgentMode", "Sev-0")} <= found


@pytest.mark.parametrize("fault", [DENIED, EXHAUSTED, Silence(), Verbatim(b"<html>")])
def test_what_cannot_be_read_is_one_finding_and_ends_within_five_seconds(fault: Fault) -> None:
    async def act(world: Guarded) -> float:
        world.floor.cloud_run.faults["services"] = fault
        await asyncio.sleep(25)
        safety = world.daemon.assessment.posture.globally(Safety.KIND)
        assert isinstance(safety, Safety) and isinstance(safety.at_zero, Unknown) and not safety.blind
        del world.floor.cloud_run.faults["services"]
        await asyncio.sleep(5.5)
        return world.clock.now().mono

    _, world = guarded(act, few)
    edges = [edge.split() for edge in world.edges]
    assert [(rule, kind, sev) for _, rule, _, kind, sev in edges] == [
        ("SourceUnavailable", "fired", "Sev-1"),
        ("SourceUnavailable", "resolved", "Sev-1"),
    ]


def test_no_other_source_waits_for_an_admin_api_that_hangs() -> None:
    async def act(world: Guarded) -> None:
        world.floor.cloud_run.faults["services"] = Silence()
        await asyncio.sleep(30)
        flipped = {"data": {"EXECUTION_HALTED": "0"}}
        kubectl.patch(world.floor.cluster, "configmap", "trading-floor", "agenttrader-kill-switch", flipped)
        await asyncio.sleep(1)

    assert guarded(act, few)[1].fired("KillSwitchNotHalted")[0][0] <= 30.1


def test_a_breach_is_seen_though_its_revision_cannot_be_read() -> None:
    def change(run: CloudRun) -> None:
        run.set_manual(ENGINE, 1)
        run.faults[f"{ENGINE}-00001-sim"] = DENIED

    assert ("ExecutionWorkloadAboveZero", "Sev-0") in fired(after(6, change))


def test_an_ingest_that_is_paused_on_cloud_run_explains_stale_data() -> None:
    async def act(world: Guarded) -> str:
        world.floor.cloud_run.set_env(INGEST, "INGEST_ENABLED", "0")
        world.floor.market_data.stop()
        await asyncio.sleep(90)
        ingest = world.daemon.assessment.posture.globally(Ingest.KIND)
        assert isinstance(ingest, Ingest) and ingest.paused is True
        pages = [a for a in world.daemon.assessment.alerts.values() if a.identity.rule == "MarketDataStale"]
        return next(iter(pages)).description.annotations["description"]

    said = guarded(act, few)[0]
    assert (
        "ingestion is paused on purpose (cloud_run agenttrader/us-central1/market-ingest: INGEST_ENABLED is 0)" in said
    )


def test_a_service_that_is_missing_is_worth_what_it_is_to_the_platform() -> None:
    assert fired(after(70, lambda run: run.delete(INGEST))) == {("CloudRunServiceMissing", "Sev-3")}


# The exchange's calendar


def calendar(change: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    def changed(content: dict[str, Any]) -> None:
        few(content)
        (stanza,) = [stanza for stanza in content["sources"] if stanza["kind"] == "market_hours"]
        stanza.update(change)

    return changed


async def a_while(world: Guarded) -> None:
    await asyncio.sleep(1)


@pytest.mark.parametrize(
    ("known_until", "sev"), [(date(2026, 12, 31), "Sev-3"), (date(2026, 12, 4), "Sev-2"), (date(2028, 12, 31), None)]
)
def test_a_calendar_that_ends_soon_is_told_in_time(known_until: date, sev: str | None) -> None:
    _, world = guarded(a_while, calendar({"known_until": known_until}))
    assert {found for rule, found in fired(world) if rule == "MarketCalendarEnds"} == ({sev} if sev else set())


def at(utc: str) -> Callable[[Guarded], None]:
    """Sets the wall clock before the start."""

    def prepare(world: Guarded) -> None:
        world.clock.shift = datetime.fromisoformat(f"{utc}+00:00") - world.clock.now().wall

    return prepare


async def stale(world: Guarded) -> None:
    world.floor.market_data.stop()
    await asyncio.sleep(90)


def test_a_calendar_that_has_ended_is_unknown_and_every_hour_counts_as_a_market_hour() -> None:
    _, world = guarded(
        stale, calendar({"known_until": date(2026, 11, 20)}), prepare=at("2026-11-22T05:00:00"), sees=False
    )
    assert ("MarketDataStale", "Sev-1") in fired(world)
    assert ("DataPlaneSourceUnavailable", "Sev-2") in fired(world)
    assert isinstance(world.daemon.assessment.posture.globally("market"), Unknown)


def test_a_night_of_stale_data_pages_after_the_grace_of_the_next_session() -> None:
    async def act(world: Guarded) -> float:
        world.floor.market_data.stop()
        await asyncio.sleep(240)
        opens = datetime.fromisoformat("2026-11-23T14:30:00+00:00")
        return (opens - world.clock.now().wall).total_seconds() + world.clock.now().mono - world.t0

    bell, world = guarded(act, few, prepare=at("2026-11-23T14:28:00"))
    ((when, sev),) = world.fired("MarketDataStale")
    assert sev == "Sev-1" and 60 <= when - bell <= 66


@pytest.mark.parametrize("utc", ["2026-12-25T08:00:00", "2026-11-23T14:30:10"], ids=["Christmas", "in the grace"])
def test_sev_0_knows_neither_a_calendar_nor_a_grace(utc: str) -> None:
    async def act(world: Guarded) -> None:
        world.floor.cloud_run.set_manual(ENGINE, 1)
        await asyncio.sleep(6)

    assert guarded(act, few, prepare=at(utc))[1].fired("ExecutionWorkloadAboveZero")[0][1] == "Sev-0"


def test_the_cloud_run_subject_is_named_by_project_and_region() -> None:
    world = after(6, lambda run: run.set_manual(ENGINE, 1))
    labels = (("namespace", "agenttrader/us-central1"), ("kind", "CloudRunService"), ("workload", ENGINE))
    alerts = [a for a in world.daemon.assessment.alerts.values() if a.identity.subject == Subject("workload", labels)]
    assert "gcloud run services describe execution-engine" in alerts[0].description.annotations["description"]
