"""What the status server says, to programs and to people."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from tests.alerts import alert, level
from tests.core.worlds import ABOVE_ZERO, WORKLOADS, World, at, saw, workload
from tests.fakes import START, HandClock, Outside
from tests.outlets.levels import COVERAGE, GAP, WRITE, flowing, measured, mode, passed, safe, unsafe
from watchdog.core.alert import Acknowledgement, Alert, State
from watchdog.core.assessment import Assessment
from watchdog.core.facts import Subject, Unknown
from watchdog.core.posture import Posture
from watchdog.core.severity import Sev
from watchdog.core.table import Table
from watchdog.outlets import Batch
from watchdog.outlets.status_page import StatusPage


async def hung_up(level: Assessment, later: float = 0.0) -> Outside:
    clock = HandClock(mono=level.at.mono)
    outside = Outside(clock=clock, labels={"cluster": "prod"})
    assert await StatusPage(runbook_base_url="https://docs.example").publish(Batch(level), outside.ports()) == ()
    clock.pass_(later)
    return outside


async def told(level: Assessment, path: str, later: float = 0.0) -> Any:
    said = json.loads((await hung_up(level, later)).status.get(path).body)
    assert said.pop("boot", None) == ("" if path.startswith("/api/") else None), "which life of the daemon answers"
    return said


async def test_healthz_is_the_posture_in_a_few_lines() -> None:
    said = await told(unsafe(), "/healthz", later=0.4)
    assert list(said) == ["status", "as_of", "age_seconds", "safety", "alerts", "drills", "open_incidents", "sources"]
    assert said["status"] == "unsafe"
    assert (said["as_of"], said["age_seconds"]) == ("2026-11-23T15:00:10.000Z", 0.4)
    assert said["safety"] == {"halted": {"reason": "Forbidden", "message": "by the test"}, "at_zero": False}
    assert said["alerts"] == {"sev0": 1, "sev1": 0, "sev2": 0, "sev3": 0, "pending": 0}
    assert said["open_incidents"] == 1
    assert said["sources"]["kubernetes"] == {"up": False, "explanation": "Forbidden: by the test (switches)"}


async def test_the_status_is_the_worst_that_holds_and_what_is_not_confirmed_is_never_safe() -> None:
    nothing = Assessment.initial(Posture.initial(at(0), COVERAGE))
    assert (await told(nothing, "/healthz"))["status"] == "unknown"
    assert (await told(level(alert(sev=Sev.SEV2)), "/healthz"))["status"] == "unknown"
    assert (await told(level(alert(state=State.LATCHED)), "/healthz"))["status"] == "unsafe"
    assert (await told(safe(), "/healthz"))["status"] == "safe"
    assert (await told(safe(), "/healthz", later=16.0))["status"] == "unknown"


async def test_an_alert_has_exactly_the_agreed_keys_and_a_pending_one_is_told_too() -> None:
    pending = alert("Slow", Sev.SEV2, Subject("endpoint", (("service", "m"),)), state=State.PENDING)
    said = await told(level(pending, alert()), "/api/v1/alerts")
    assert list(said) == ["as_of", "alerts"]
    assert said["alerts"][0].pop("record")["sev"] == 0, "from which another replica makes the alert again"
    assert said["alerts"][0] == {
        "alertname": "ExecutionWorkloadAboveZero",
        "sev": 0,
        "state": "firing",
        "labels": {
            "alertname": "ExecutionWorkloadAboveZero",
            "cause": "breach",
            "cluster": "prod",
            "kind": "Deployment",
            "namespace": "agenttrader",
            "sev": "0",
            "severity": "critical",
            "team": "safety",
            "workload": "execution-agent",
        },
        "fingerprint": "e52548bbd063f87e",
        "annotations": {
            "acknowledge": "watchdog ack e52548bbd063f87e --by NAME --why TEXT",
            "active_since": "2026-11-23T15:00:00.000Z",
            "incident": "20261123T150000Z-execution",
            "runbook_url": "https://docs.example/ops/PRODUCTION_LOCK.md",
            "state": "firing",
            "summary": "execution workload agenttrader/execution-agent is above zero: desired 1, live 0",
        },
        "active_since": "2026-11-23T15:00:00.000Z",
        "fired_at": "2026-11-23T15:00:00.000Z",
        "latched": False,
        "incident": "20261123T150000Z-execution",
    }
    assert (said["alerts"][1]["state"], said["alerts"][1]["fired_at"]) == ("pending", None)


async def test_a_latched_alert_says_so() -> None:
    (said,) = (await told(level(alert(state=State.LATCHED)), "/api/v1/alerts"))["alerts"]
    assert (said["state"], said["latched"]) == ("latched", True)


async def test_the_posture_names_every_fact_with_its_age_and_why_it_is_unknown() -> None:
    said = await told(unsafe(), "/api/v1/posture", later=2.0)
    by_kind = {fact["kind"]: fact for fact in said["facts"]}
    assert by_kind["kill_switch"]["unknown"] == {"reason": "Forbidden", "message": "by the test"}
    assert by_kind["kill_switch"]["age_seconds"] == 12.0
    assert by_kind["kill_switch"]["scope"] == "kubernetes: switches"
    assert by_kind["market"]["unknown"] is None
    assert by_kind["endpoint"]["fact"]["says_ok"] == {"reason": "Timeout", "message": "no whole answer within 2 s"}
    workload = next(fact for fact in said["facts"] if fact["subject"].get("workload") == "execution-agent")
    assert (workload["fact"]["desired"], workload["age_seconds"]) == (1, 2.0)
    assert said["facts"][0] == workload, "what has an alert comes first"
    assert said["facts_omitted"] == 0
    scopes = {(scope["source"], scope["part"]): scope for scope in said["scopes"]}
    assert scopes["kubernetes", "switches"]["unknown"]["reason"] == "Forbidden"


async def test_what_grew_stale_since_the_last_turn_is_unknown_when_it_is_asked_for() -> None:
    said = await told(safe(), "/api/v1/posture", later=6.0)
    assert {f["unknown"]["reason"] for f in said["facts"] if f["kind"] in ("kill_switch", "workload")} == {"Stale"}


async def test_an_incident_is_told_with_its_members() -> None:
    (said,) = (await told(unsafe(), "/api/v1/incidents"))["incidents"]
    assert said == {
        "id": "20261123T150010Z-execution",
        "group": "execution",
        "sev": 0,
        "open": True,
        "opened_at": "2026-11-23T15:00:10.000Z",
        "resolved_at": None,
        "alerts": [
            {
                "alert": "ExecutionAboveZero workload floor/Deployment/execution-agent",
                "open": True,
                "heard": "unknown whether heard: nobody has taken it yet",
                "around": [],
            }
        ],
        "ended": 0,
        "acknowledgements": [],
    }


def drill() -> Alert:
    return alert("WatchdogDrill", subject=Subject("drill", (("entry", "drill-1"),)), summary="DRILL, nothing is wrong")


async def test_a_drill_is_counted_apart_and_unsafe_is_what_is_unsafe() -> None:
    calm = safe()
    practising = replace(calm, alerts=calm.alerts.with_({drill().identity: drill()}))
    said = await told(practising, "/healthz")
    assert (said["status"], said["drills"], said["alerts"]["sev0"]) == ("safe", 1, 0)
    assert '<h1 class="safe">' in await page(practising)
    both = await page(level(drill(), alert()))
    assert "UNSAFE: execution workload agenttrader/execution-agent" in both, "the drill is not what is unsafe"
    assert "DRILL, nothing is wrong" in both and "(and 1 more)" not in both


async def test_the_page_says_who_acknowledged_an_alert_or_how_to() -> None:
    said = Acknowledgement("ack-1", "<ann>", "rolled back", at(0).wall, at(8).wall)
    text = await page(level(alert()))
    assert "to acknowledge: <code>watchdog ack e52548bbd063f87e --by NAME --why TEXT</code>" in text
    text = await page(level(replace(alert(), acknowledged=said)))
    assert "acknowledged by &lt;ann&gt; (as claimed) at 2026-11-23T15:00:08.000Z: rolled back" in text
    assert "to acknowledge" not in text


async def page(level: Assessment, later: float = 0.0) -> str:
    return (await hung_up(level, later)).status.get("/").body.decode()


async def test_the_page_shows_posture_alerts_and_the_age_of_every_fact() -> None:
    html = await page(unsafe(), later=2.0)
    assert '<h1 class="unsafe">UNSAFE: ExecutionAboveZero breach</h1>' in html
    assert '<tr class="sev0"><td>Sev-0</td><td>firing</td>' in html
    assert "As of 2026-11-23T15:00:10.000Z, 2.0 s ago." in html
    assert (
        "<td>kill_switch</td><td>EXECUTION_HALTED/config_map/floor/kill-switch</td><td>unknown now (Forbidden" in html
    )
    assert '<td class="age">12.0 s</td>' in html
    assert "says ok: unknown (Timeout)" in html


async def test_the_page_of_a_safe_platform_says_so() -> None:
    html = await page(safe())
    assert '<h1 class="safe">Safe: trading is halted and no execution runs</h1>' in html
    assert "<h2>Alerts</h2><p>None.</p>" in html


async def test_nothing_from_the_platform_is_markup() -> None:
    evil = alert(summary="<script>alert(1)</script>", runbook="javascript://x/%0aalert(1)")
    html = await page(level(evil)) + await page(unsafe(mode("<img src=x onerror=alert(1)>")))
    assert "<script" not in html and "<img" not in html
    assert 'href="javascript' not in html
    assert "&lt;script&gt;" in html and "&lt;img" in html


async def test_page_and_documents_are_bounded_worst_first_with_a_count_of_the_rest() -> None:
    many = unsafe(*(mode(workload=f"w{n}") for n in range(3_000)))
    html, said = await page(many), await told(many, "/api/v1/posture")
    assert html.count("<tr") < 600
    assert "and 2514 more" in html
    assert (len(said["facts"]), said["facts_omitted"]) == (2_000, 1_014)
    assert said["facts"][0]["subject"]["workload"] == "execution-agent"
    flood = level(*(alert(f"R{n}") for n in range(2_100)))
    listed = await told(flood, "/api/v1/alerts")
    assert (len(listed["alerts"]), listed["omitted"]) == (2_000, 100)


async def test_a_document_is_rendered_when_it_is_asked_for() -> None:
    outside = await hung_up(safe())
    first = json.loads(outside.status.get("/healthz").body)["age_seconds"]
    outside.clock.pass_(3)
    assert (first, json.loads(outside.status.get("/healthz").body)["age_seconds"]) == (0.0, 3.0)
    assert outside.clock.wall > START


async def test_pages_are_hung_up_once_and_show_the_newest_level_when_they_are_asked_for() -> None:
    outside, outlet = Outside(), StatusPage()
    await outlet.publish(Batch(safe()), outside.ports())
    before = dict(outside.status.pages)
    await outlet.publish(Batch(unsafe()), outside.ports())
    assert all(outside.status.pages[path] is page for path, page in before.items())
    assert json.loads(before["/healthz"]({}).body)["status"] == "unsafe"


async def test_excursions_are_told_with_what_goes_on_first_and_how_long_it_has() -> None:
    said = await told(passed(), "/api/v1/excursions", later=2.0)
    assert list(said) == ["as_of", "begun", "excursions", "omitted"]
    assert said["begun"] == {"kill_switch": 1, "workload": 2}
    assert said["excursions"][1] == {
        "of": "workload",
        "subject_name": "floor/Deployment/execution-agent",
        "over": True,
        "began": "2026-11-23T15:00:05.000Z",
        "ended": "2026-11-23T15:00:05.250Z",
        "seconds": 0.25,
        "peak": "desired 2",
        "began_by": "",
        "ended_by": "",
        "count": 2,
    }
    now = said["excursions"][0]
    assert (now["of"], now["over"], now["ended"], now["seconds"]) == ("kill_switch", False, "", 2.0)


async def test_an_excursion_that_began_long_ago_and_goes_on_comes_before_a_newer_one_that_is_over() -> None:
    world = World(ABOVE_ZERO)
    world.turn(1, saw(1, WORKLOADS, workload(1, "first")))
    late = world.turn(5, saw(4, WORKLOADS, workload(1, "second")), saw(5, WORKLOADS, workload(0, "second")))
    said = await told(late, "/api/v1/excursions")
    assert [found["subject_name"] for found in said["excursions"]] == [
        "floor/Deployment/first",
        "floor/Deployment/second",
    ]


async def test_gaps_and_what_was_written_in_them_are_told_newest_first() -> None:
    said = await told(passed(), "/api/v1/gaps")
    assert list(said) == ["as_of", "gap_seconds", "unseen_writes_total", "gaps", "unseen_writes", "omitted"]
    assert (said["gap_seconds"], said["unseen_writes_total"], said["omitted"]) == ({"kubernetes": 120.0}, 1, 0)
    assert [gap["ended"] for gap in said["gaps"]] == [GAP.ended]
    assert [(write["name"], write["learned"]) for write in said["unseen_writes"]] == [(WRITE.name, "Pod x")]


async def test_an_alert_that_is_over_tells_its_excursion_to_programs_too() -> None:
    (over,) = [alert for alert in (await told(passed(), "/api/v1/alerts"))["alerts"] if alert["latched"]]
    assert over["annotations"]["summary"].endswith(
        "lasted 0.25 s (peak desired 2), 2 times since the start of the watchdog"
    )
    assert over["annotations"]["excursion"].startswith("number 2: began 2026-11-23T15:00:05.000Z, ended ")


async def test_the_page_shows_what_is_over_and_when_nobody_looked_and_none_of_it_as_markup() -> None:
    html = await page(passed())
    assert "<h2>Excursions</h2>" in html and "<h2>Written to unseen</h2>" in html and "<h2>Gaps in seeing</h2>" in html
    assert "ConfigMap floor/&lt;kill&gt;" in html and "<kill>" not in html
    assert "<td>workload floor/Deployment/execution-agent (number 2)</td><td>desired 2</td>" in html
    assert "Excursions" not in await page(safe())
    assert "Gaps in seeing" not in await page(unsafe(replace(GAP, seconds=0.0, reason="FirstLook")))


async def test_the_headline_says_what_is_unsafe_and_what_still_is_before_what_is_over() -> None:
    html = await page(passed())
    assert '<h1 class="unsafe">UNSAFE: KillSwitchNotHalted breach (and 1 more)</h1>' in html
    over = await page(level(alert(state=State.LATCHED)))
    assert "UNSAFE: Over, latched until acknowledged: execution workload agenttrader/execution-agent is above" in over
    unjudged = replace(unsafe(), alerts=Table())
    assert "UNSAFE: an execution workload is above zero</h1>" in await page(unjudged)
    assert len((await page(level(alert(summary="x" * 999)))).partition("</h1>")[0].partition("<h1")[2]) < 300


async def test_the_data_plane_is_told_in_one_document_and_each_metric_with_its_trend() -> None:
    said = await told(flowing(), "/api/v1/data_plane")
    assert list(said) == [
        *("as_of", "market", "core", "ingest"),
        *("services", "heartbeats", "conditions", "subscriptions", "dead_letters", "metrics", "omitted"),
    ]
    assert (said["market"]["trading"], said["core"]["healthy"], said["ingest"]["paused"]) == (False, False, True)
    assert [one["service"] for one in said["services"]] == ["mission-control", "strategy"]
    assert [one["subscription"] for one in said["subscriptions"]] == ["signals-sub", "ticks-sub"]
    assert (said["dead_letters"][0]["count"], said["omitted"]) == (7, 0)
    age, backlog = said["metrics"]
    assert backlog["value"] == 400.0 and backlog["unknown"] is None
    assert backlog["trend"] == {
        "slope_per_second": 1.0,
        "rising_seconds": 300.0,
        "draining": False,
        "drain_seconds": {"reason": "NotDraining", "message": ""},
        "explanation": "rises by 1 a second, for 5 min",
    }
    assert age["value"] == age["trend"]["slope_per_second"] == {"reason": "NoSeries", "message": "it was there"}


async def test_what_is_out_of_sight_says_so_in_the_document() -> None:
    said = await told(flowing(blind=True), "/api/v1/data_plane")
    assert {one["unknown"]["reason"] for one in said["metrics"] + said["services"]} == {"Forbidden"}
    assert said["market"] == {"unknown": {"reason": "Forbidden", "message": "by the test"}}
    later = await told(flowing(), "/api/v1/data_plane", later=61.0)
    assert {one["unknown"]["reason"] for one in later["metrics"] + later["subscriptions"]} == {"Stale"}


async def test_the_data_plane_document_is_bounded() -> None:
    many = [measured("x", f"s{n}", 1.0) for n in range(600)]
    said = await told(flowing(False, *many), "/api/v1/data_plane")
    assert (len(said["metrics"]), said["omitted"]) == (500, 102)


async def test_the_page_shows_what_is_measured_and_where_it_is_heading() -> None:
    html = await page(flowing(False, measured("publish_rate", "", 0.25), measured("x", "<b>", 1.0)))
    assert "<br>open until 16:00 · not healthy: strategy · ingestion is paused on purpose (file /x: INGEST" in html
    assert (
        "<td>undelivered_messages</td><td>signals-sub</td><td>400</td><td>rises by 1 a second, for 5 min</td>"
        '<td class="age">2.5 s</td>'
    ) in html
    row = '<tr class="unknown"><td>oldest_unacked_seconds</td><td>signals-sub</td><td>unknown (NoSeries)</td>'
    assert f"{row}<td>NoSeries: it was there</td>" in html
    assert "<td>publish_rate</td><td></td><td>0.25</td>" in html
    assert "<td>metric</td><td>publish_rate</td>" in html, "no slash after a name without a series"
    assert "<b>" not in html
    blind = await page(flowing(blind=True))
    assert "<td>400</td>" not in blind and "<td>unknown (Forbidden)</td>" in blind
    assert "Measured" not in await page(safe())


async def test_the_page_shows_no_epoch_seconds_and_no_unknown_where_nothing_is_to_be_known() -> None:
    html = await page(flowing(False, measured("publish_rate", "", 0.25)))
    assert "<td>trend</td>" in html and "slope per second: 1" in html and "age seconds: " in html
    assert "sampled at" not in html and "draining: no · explanation: " in html and "NotDraining" not in html
    assert "drain seconds: unknown (TooFewSamples)" in html, "what is not known is told"


async def test_a_secret_in_why_a_value_is_unknown_is_shown_nowhere() -> None:
    odd = measured("x", "a", Unknown("Http500", "Authorization: Bearer s3cretS3cret"))
    level = flowing(False, odd)
    assert "s3cret" not in await page(level) + json.dumps(await told(level, "/api/v1/data_plane"))
