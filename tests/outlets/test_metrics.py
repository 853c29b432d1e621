"""/metrics, as Prometheus and promtool read it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as prometheus_text

from tests import alerts
from tests.core.worlds import at, workload
from tests.fakes import Outside
from tests.outlets.levels import COVERAGE, flowing, measured, mode, passed, safe, unsafe
from watchdog.core.alert import Cause, Identity
from watchdog.core.assessment import Assessment
from watchdog.core.facts import Latent, SelfReport, Subject, Unknown, Wiring
from watchdog.core.incident import opened
from watchdog.core.posture import Posture
from watchdog.outlets import Batch
from watchdog.outlets.metrics import LIMIT, Metrics
from watchdog.ports import Document

OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


async def scraped(level: Assessment, accept: str = "") -> Document:
    outside = Outside()
    outside.vitals.turns.add(0.002)
    outside.vitals.last_turn = level.at
    outside.vitals.detected(Identity("ExecutionAboveZero", Subject("workload", ()), Cause.BREACH), 10.0, 0.003)
    outside.vitals.notified("alertmanager/am-0:9093", "accepted")
    assert await Metrics().publish(Batch(level), outside.ports()) == ()
    return outside.status.get("/metrics", accept=accept)


async def samples(level: Assessment) -> dict[str, float]:
    """Every sample by its name and labels, as one would write them in PromQL."""
    return dict(_samples((await scraped(level)).body.decode()))


def _samples(text: str) -> Iterator[tuple[str, float]]:
    for family in prometheus_text(text):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            yield f"{sample.name}{{{labels}}}", sample.value


LATENT = Latent("floor", "CronJob", "x", "CronJob x", True, False, "")
WIRING = Wiring("floor", "Deployment", "execution-agent", False, "", Unknown("Timeout"))
REPORT = SelfReport("gamma", "http://gamma", "LIVE", True, True, False, "", "")
SWITCH = "carrier=config_map,location=floor/kill-switch"
AGENT = "kind=Deployment,namespace=floor,workload=execution-agent"


async def test_a_kill_switch_is_in_one_state_and_out_of_sight_it_is_unknown() -> None:
    seen, blind = await samples(safe()), await samples(unsafe())
    for found, state in ((seen, "halted"), (blind, "unknown")):
        for other in ("halted", "not_halted", "unknown"):
            name = f"watchdog_kill_switch_state{{{SWITCH},state={other},switch=EXECUTION_HALTED}}"
            assert found[name] == (other == state)


async def test_an_unknown_value_has_no_sample_and_its_fact_is_not_known() -> None:
    known = await samples(unsafe())
    assert known[f"watchdog_execution_replicas{{count=desired,{AGENT}}}"] == 1.0
    assert known[f"watchdog_fact_known{{fact=workload,{AGENT}}}"] == 1.0
    unknown = await samples(unsafe(workload(Unknown("Forbidden"))))
    assert f"watchdog_execution_replicas{{count=desired,{AGENT}}}" not in unknown
    assert unknown[f"watchdog_execution_replicas{{count=live,{AGENT}}}"] == 0.0
    assert unknown[f"watchdog_fact_known{{fact=workload,{AGENT}}}"] == 0.0


async def test_a_fact_whose_source_is_blind_is_not_known() -> None:
    name = "watchdog_fact_known{carrier=config_map,fact=kill_switch,location=floor/kill-switch,switch=EXECUTION_HALTED}"
    assert ((await samples(safe()))[name], (await samples(unsafe()))[name]) == (1.0, 0.0)


async def test_only_execution_workloads_have_replicas() -> None:
    assert not [name for name in await samples(unsafe()) if "mission-control" in name]


async def test_a_mode_is_told_as_declared_and_as_running() -> None:
    found = await samples(unsafe(mode("LIVE", unsafe=True)))
    where = "kind=StatefulSet,namespace=floor"
    what = f"container=main,declared=LIVE,{where},running=LIVE,variable=AGENT_MODE,workload=strategy"
    assert found[f"watchdog_agent_mode_info{{{what}}}"] == 1.0


async def test_sources_say_whether_they_see_and_when_they_last_did() -> None:
    found = await samples(unsafe())
    assert found["watchdog_source_up{source=kubernetes}"] == 0.0
    assert found["watchdog_scope_up{scope=workloads,source=kubernetes}"] == 1.0
    assert found["watchdog_scope_up{scope=switches,source=kubernetes}"] == 0.0
    oldest = found["watchdog_source_last_success_timestamp_seconds{source=kubernetes}"]
    assert oldest == found["watchdog_scope_last_success_timestamp_seconds{scope=switches,source=kubernetes}"]
    assert oldest == at(0).wall.timestamp()


async def test_a_source_that_never_saw_has_no_timestamp() -> None:
    found = await samples(Assessment.initial(Posture.initial(at(0), COVERAGE)))
    assert found["watchdog_source_up{source=http_health}"] == 0.0
    assert not [name for name in found if "last_success" in name]


async def test_what_happened_is_counted_and_counters_begin_at_zero() -> None:
    found, none = await samples(passed()), await samples(safe())
    assert found["watchdog_excursions_total{kind=workload}"] == 2.0
    assert found["watchdog_excursions_total{kind=kill_switch}"] == 1.0
    assert found["watchdog_gap_seconds_total{source=kubernetes}"] == 120.0
    assert found["watchdog_unseen_writes_total{}"] == 1.0
    assert found["watchdog_blindspots{area=kind}"] == 1.0
    kinds = ("kill_switch", "mode", "self_report", "workload")
    assert [none[f"watchdog_excursions_total{{kind={kind}}}"] for kind in kinds] == [0.0] * 4
    assert (none["watchdog_gap_seconds_total{source=kubernetes}"], none["watchdog_unseen_writes_total{}"]) == (0.0, 0.0)


async def test_what_could_start_or_would_not_stop_execution_has_series() -> None:
    found = await samples(unsafe(LATENT, WIRING, REPORT, replace(REPORT, service="delta", unsafe=Unknown("Timeout"))))
    assert found["watchdog_latent_could_start{kind=CronJob,name=x,namespace=floor}"] == 1.0
    assert found[f"watchdog_kill_switch_wired{{{AGENT}}}"] == 0.0
    assert found["watchdog_self_report_unsafe{service=gamma}"] == 1.0
    assert "watchdog_self_report_unsafe{service=delta}" not in found
    assert found["watchdog_fact_known{fact=self_report,service=delta}"] == 0.0


async def test_alerts_incidents_and_vitals_are_counted() -> None:
    found = await samples(unsafe())
    assert found["watchdog_alerts{alertname=ExecutionAboveZero,alertstate=firing,sev=0}"] == 1.0
    assert [found[f"watchdog_open_incidents{{sev={sev}}}"] for sev in range(4)] == [1.0, 0.0, 0.0, 0.0]
    assert found["watchdog_notifications_total{outcome=accepted,receiver=alertmanager/am-0:9093}"] == 1.0
    assert found["watchdog_turn_duration_seconds_bucket{le=0.001}"] == 0.0
    assert found["watchdog_turn_duration_seconds_bucket{le=0.0025}"] == 1.0
    assert found["watchdog_turn_duration_seconds_count{}"] == 1.0
    assert found["watchdog_detection_latency_seconds_sum{alertname=ExecutionAboveZero}"] == pytest.approx(0.003)
    assert found["watchdog_last_turn_timestamp_seconds{}"] == at(10).wall.timestamp()
    assert any(name.startswith("watchdog_build_info{") and "version=" in name for name in found)


async def test_the_endpoint_and_the_market_are_told() -> None:
    found = await samples(unsafe())
    assert found["watchdog_endpoint_fresh{service=marketdata}"] == 0.0
    assert "watchdog_endpoint_age_seconds{service=marketdata}" not in found
    assert found["watchdog_market_open{}"] == 1.0


async def test_services_and_their_signs_of_life_are_told() -> None:
    found = await samples(flowing())
    assert [found[f"watchdog_service_up{{service={name}}}"] for name in ("mission-control", "strategy")] == [1.0, 0.0]
    assert found["watchdog_service_healthy{service=strategy}"] == 0.0
    assert found["watchdog_heartbeat_age_seconds{service=strategy}"] == 42.0
    assert "watchdog_heartbeat_age_seconds{service=ops-cron}" not in found
    assert found["watchdog_fact_known{fact=heartbeat,service=ops-cron}"] == 0.0
    assert (found["watchdog_core_healthy{}"], found["watchdog_ingest_paused{}"]) == (0.0, 1.0)
    assert found["watchdog_conditions{condition=CrashLoop}"] == 2.0
    assert found["watchdog_conditions{condition=MemoryPressure}"] == 1.0


SIGNALS = "project=p,subscription=signals-sub"
BACKLOG, AGE = "metric=undelivered_messages,series=signals-sub", "metric=oldest_unacked_seconds,series=signals-sub"


async def test_messages_on_their_way_are_told() -> None:
    found = await samples(flowing())
    assert found[f"watchdog_subscription_delivering{{{SIGNALS}}}"] == 1.0
    assert found["watchdog_subscription_delivering{project=p,subscription=ticks-sub}"] == 0.0
    assert found[f"watchdog_subscription_dead_letters_sound{{{SIGNALS}}}"] == 1.0
    assert "watchdog_subscription_dead_letters_sound{project=p,subscription=ticks-sub}" not in found
    assert found[f"watchdog_dead_letters_total{{{SIGNALS},topic=signals.dlq}}"] == 7.0


async def test_what_is_measured_is_told_with_its_age_and_its_trend_and_an_unknown_value_has_no_sample() -> None:
    found = await samples(flowing())
    assert found[f"watchdog_metric_value{{{BACKLOG}}}"] == 400.0
    assert found[f"watchdog_metric_age_seconds{{{BACKLOG}}}"] == 2.5
    assert found[f"watchdog_trend_rising_seconds{{{BACKLOG}}}"] == 300.0
    assert f"watchdog_trend_drain_seconds{{{BACKLOG}}}" not in found
    assert found[f"watchdog_fact_known{{fact=metric,{BACKLOG}}}"] == 1.0
    assert f"watchdog_metric_value{{{AGE}}}" not in found
    assert f"watchdog_trend_rising_seconds{{{AGE}}}" not in found
    assert found[f"watchdog_fact_known{{fact=metric,{AGE}}}"] == 0.0


async def test_the_exchange_trades_after_the_grace_and_its_calendar_ends() -> None:
    found = await samples(flowing())
    assert (found["watchdog_market_open{}"], found["watchdog_market_trading{}"]) == (1.0, 0.0)
    assert found["watchdog_market_calendar_horizon_seconds{}"] == 100 * 86_400


async def test_what_is_out_of_sight_has_no_sample_but_for_what_was_counted() -> None:
    found = await samples(flowing(blind=True))
    gone = ("service_", "heartbeat_", "subscription_", "metric_", "trend_", "conditions", "market_", "core_", "ingest_")
    assert not [name for name in found if name.startswith(tuple(f"watchdog_{kind}" for kind in gone))]
    assert found[f"watchdog_dead_letters_total{{{SIGNALS},topic=signals.dlq}}"] == 7.0
    assert found[f"watchdog_fact_known{{fact=metric,{BACKLOG}}}"] == 0.0


async def test_of_many_series_the_unknown_come_first() -> None:
    many = [measured("x", f"s{n:03}", Unknown("NoSeries") if n % 10 == 0 else 1.0) for n in range(LIMIT + 100)]
    found = await samples(flowing(False, *many))
    unknown = [n for n, value in found.items() if n.startswith("watchdog_fact_known{fact=metric") and not value]
    assert len(unknown) == (LIMIT + 100) / 10 + 1
    assert found["watchdog_facts_omitted{fact=metric}"] == 102.0


async def test_the_number_of_series_is_bounded_the_unsafe_come_first_and_the_rest_is_counted() -> None:
    many = [mode(workload=f"w{n}") for n in range(LIMIT + 100)]
    culprits = [mode("LIVE", f"culprit{n}", unsafe=True) for n in range(50)]
    found = await samples(unsafe(*many, *culprits))
    modes = [name for name in found if name.startswith("watchdog_agent_mode_info")]
    assert len(modes) == LIMIT
    assert sum("workload=culprit" in name for name in modes) == 50
    assert found["watchdog_facts_omitted{fact=mode}"] == 151.0


async def test_a_value_without_end_or_that_utf_8_cannot_carry_breaks_nothing() -> None:
    found = await samples(unsafe(mode('x"\n\\' + "y" * 10_000), mode("\ud800", "odd")))
    assert max(len(name) for name in found) < 1_000


async def test_promtool_finds_nothing_to_complain_about(promtool: str) -> None:
    for level in (
        safe(),
        passed(),
        flowing(),
        flowing(blind=True),
        unsafe(mode("LIVE", unsafe=True), LATENT, WIRING, REPORT),
    ):
        body = (await scraped(level)).body
        ran = subprocess.run([promtool, "check", "metrics"], input=body, capture_output=True, check=False)
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")


async def test_a_drill_is_an_alert_of_its_own_name_and_no_open_incident() -> None:
    page = alerts.alert("WatchdogDrill", subject=Subject("drill", (("entry", "drill-1"),)))
    incident = opened(alerts.fired(replace(page, group="drill", incident="")), None)
    body = (await scraped(replace(alerts.level(page), incidents={"drill": incident}))).body.decode()
    assert 'watchdog_alerts{alertname="WatchdogDrill",alertstate="firing",sev="0"} 1.0' in body
    assert 'watchdog_open_incidents{sev="0"} 0.0' in body
    other = {"execution": replace(incident, group="execution")}
    body = (await scraped(replace(alerts.level(page), incidents=other))).body.decode()
    assert 'watchdog_open_incidents{sev="0"} 1.0' in body


async def test_open_metrics_is_spoken_to_who_asks_for_it() -> None:
    for level, expected in ((unsafe(mode()), "watchdog_kill_switch_state"), (flowing(), "watchdog_dead_letters")):
        answer = await scraped(level, OPEN_METRICS)
        assert answer.content_type.startswith("application/openmetrics-text; version=1.0.0")
        families = open_metrics(answer.body.decode())  # type: ignore[no-untyped-call]
        assert expected in {family.name for family in families}
    assert (await scraped(unsafe())).content_type.startswith("text/plain; version=0.0.4")


async def test_the_page_is_hung_up_once_and_shows_the_newest_level_when_it_is_asked_for() -> None:
    outside, outlet = Outside(), Metrics()
    await outlet.publish(Batch(safe()), outside.ports())
    page = outside.status.pages["/metrics"]
    await outlet.publish(Batch(unsafe()), outside.ports())
    assert outside.status.pages["/metrics"] is page
    assert b'alertname="ExecutionAboveZero"' in page({}).body
