"""Pages on a terminal, word for word."""

from __future__ import annotations

from dataclasses import replace

from tests.alerts import T0, alert, fired, latched, level, resolved, risen
from tests.fakes import Outside
from watchdog.core.alert import Acknowledgement, Alert, Cause, Edge, EdgeKind
from watchdog.core.facts import Excursion, Subject
from watchdog.core.notice import fingerprint, labels_of
from watchdog.core.severity import Sev
from watchdog.outlets import Batch, Receipt
from watchdog.outlets.console import Console

BASE = "https://github.example/agenttrader/blob/main"


async def written(*edges: Edge, color: bool = False) -> str:
    outside = Outside()
    await Console(color=color, runbook_base_url=BASE).publish(Batch(level(), edges), outside.ports())
    return outside.terminal.text


async def test_the_first_line_of_a_page_says_when_how_bad_and_what_and_the_rest_where_and_what_to_do() -> None:
    assert await written(fired(alert(), 0.113)) == (
        "15:00:00.113Z  PAGE      Sev-0  "
        "execution workload agenttrader/execution-agent is above zero: desired 1, live 0\n"
        "               ExecutionWorkloadAboveZero · agenttrader/Deployment/execution-agent\n"
        "               since 15:00:00.000Z · incident 20261123T150000Z-execution\n"
        "               runbook https://github.example/agenttrader/blob/main/ops/PRODUCTION_LOCK.md\n"
    )


async def test_a_breach_that_is_over_is_shown_as_latched_with_how_long_it_was() -> None:
    lines = (await written(latched(alert(), 2.2))).splitlines()
    assert lines[0].startswith("15:00:02.200Z  LATCHED   Sev-0  over: execution workload")
    assert lines[2] == (
        "               from 15:00:00.000Z for 2.2 s; it stays until acknowledged · incident 20261123T150000Z-execution"
    )


async def test_a_breach_that_is_over_says_how_far_it_went_and_how_often() -> None:
    was = Excursion("workload", "x", True, "", "", 0.314, "desired 1, live 1", "", "", 2)
    lines = (await written(latched(replace(alert(), excursion=was), 2.2))).splitlines()
    said = "lasted 0.31 s (peak desired 1, live 1), 2 times since the start of the watchdog"
    assert lines[0].endswith(f"is above zero: desired 1, live 0; {said}")


def acknowledged(alert: Alert) -> Alert:
    return replace(alert, acknowledged=Acknowledgement("ack-1", "ann", "rolled back", T0.wall, T0.plus(8).wall))


async def test_an_acknowledgement_says_who_claims_to_know_of_it_and_why() -> None:
    lines = (await written(Edge(EdgeKind.ACKNOWLEDGED, acknowledged(alert()), T0.plus(9)))).splitlines()
    assert lines[0].startswith("15:00:09.000Z  ACK       Sev-0  ann (as claimed) knows of it: execution workload ")
    assert lines[3] == "               acknowledged by ann (as claimed) at 2026-11-23T15:00:08.000Z: rolled back"
    assert "to acknowledge" not in "".join(lines)


async def test_what_was_latched_and_is_acknowledged_does_not_stay() -> None:
    over = latched(acknowledged(alert()), 2.2).alert
    lines = (await written(Edge(EdgeKind.ACKNOWLEDGED, over, T0.plus(9)))).splitlines()
    assert "knows of it: over: execution workload" in lines[0] and "stays until" not in lines[2]


async def test_what_is_latched_says_how_to_acknowledge_it_with_the_fingerprint_that_alertmanager_has() -> None:
    outside = Outside(labels={"cluster": "prod"})
    await Console().publish(Batch(level(), (latched(alert(), 2.2),)), outside.ports())
    known = fingerprint(labels_of(alert(), {"cluster": "prod"}))
    assert f"  to acknowledge: watchdog ack {known} --by NAME --why TEXT\n" in outside.terminal.text


async def test_what_goes_around_says_why_and_how_to_answer() -> None:
    why = "no Alertmanager has accepted it within 1 s"
    lines = (await written(Edge(EdgeKind.UNHEARD, alert(), T0.plus(1), why=why))).splitlines()
    assert lines[0].startswith("15:00:01.000Z  AROUND    Sev-0  execution workload agenttrader/execution-agent")
    assert lines[3].endswith(f"goes around, for by the usual path nobody may hear of it: {why}")
    assert "to acknowledge: watchdog ack" in lines[4]


async def test_what_escalates_says_to_whom() -> None:
    edge = Edge(EdgeKind.ESCALATED, alert(), T0.plus(300), why="nobody has answered for 300 s", to=("boss", "desk"))
    lines = (await written(edge)).splitlines()
    assert lines[0].startswith("15:05:00.000Z  ESCALATE  Sev-0  execution workload")
    assert lines[3].endswith("nobody has acknowledged it: nobody has answered for 300 s; now told: boss, desk")


async def test_what_was_open_before_the_start_is_told_as_restored() -> None:
    assert "  RESTORED  Sev-0  execution workload" in await written(Edge(EdgeKind.RESTORED, alert(), T0.plus(9)))
    over = latched(alert(), 2.2).alert
    assert "  RESTORED  Sev-0  over: execution" in await written(Edge(EdgeKind.RESTORED, over, T0.plus(9)))


async def test_a_drill_is_no_page() -> None:
    drill = alert("WatchdogDrill", subject=Subject("drill", (("entry", "drill-1"),)), summary="DRILL, nothing is wrong")
    assert "15:00:00.000Z  DRILL     Sev-0  DRILL, nothing is wrong\n" in await written(fired(drill))


async def test_every_kind_of_edge_has_a_word() -> None:
    for kind in EdgeKind:
        assert "  Sev-0  " in await written(Edge(kind, acknowledged(alert()), T0))


async def test_what_resolved_says_how_long_it_lasted() -> None:
    lines = (await written(resolved(alert(sev=Sev.SEV1), 3 * 60 + 2))).splitlines()
    assert lines[0].startswith("15:03:02.000Z  RESOLVED  Sev-1  over: ")
    assert lines[2] == "               from 15:00:00.000Z for 3 min 2 s · incident 20261123T150000Z-execution"


async def test_a_rise_is_a_new_page_that_says_what_it_was() -> None:
    lines = (await written(risen(alert(sev=Sev.SEV1, cause=Cause.UNVERIFIABLE), Sev.SEV0, 300))).splitlines()
    assert lines[0].startswith("15:05:00.000Z  WORSE     Sev-0  ")
    assert lines[1].endswith("agenttrader/Deployment/execution-agent · could not be verified")
    assert "since 15:00:00.000Z, was Sev-1" in lines[2]


async def test_what_happens_again_while_latched_is_a_page() -> None:
    assert "  AGAIN     Sev-0  " in await written(Edge(EdgeKind.REFIRED, alert(), T0.plus(9)))


async def test_below_sev_1_it_is_a_notice_and_not_a_page() -> None:
    assert "  NOTICE    Sev-2  " in await written(fired(alert(sev=Sev.SEV2)))


async def test_since_yesterday_is_told_with_its_date() -> None:
    assert "since 2026-11-22T23:00:00.000Z" in await written(Edge(EdgeKind.FIRED, alert(since=T0.plus(-16 * 3600)), T0))


async def test_a_value_from_the_platform_cannot_command_the_terminal_or_fake_a_line() -> None:
    text = await written(fired(alert(summary="mode \x1b[2J\x9b31m\r\n00:00:00Z  RESOLVED \u202e LIVE")))
    assert "\x1b" not in text and "\x9b" not in text and "\r" not in text and "\u202e" not in text
    assert len(text.splitlines()) == 4


async def test_a_global_finding_names_its_kind_where_it_has_no_place() -> None:
    text = await written(fired(alert("ExecutionUnverifiable", subject=Subject("safety", ()))))
    assert "ExecutionUnverifiable · safety\n" in text


async def test_a_part_of_a_place_that_is_empty_leaves_no_slash() -> None:
    text = await written(fired(alert("PublishFlood", subject=Subject("metric", (("metric", "rate"), ("series", ""))))))
    assert "PublishFlood · rate\n" in text


async def test_color_is_only_used_where_a_field_says_so() -> None:
    plain, colored = await written(fired(alert())), await written(fired(alert()), color=True)
    assert "\x1b" not in plain
    assert colored.count("\x1b[0m") == 1


async def test_a_flood_is_counted_and_no_sev_0_is_shed() -> None:
    minor = [fired(replace(alert(f"Minor{n}", Sev.SEV2))) for n in range(150)]
    text = await written(*minor, fired(alert()))
    assert text.count("NOTICE") == 100
    assert text.count("PAGE") == 1
    assert text.endswith("and 50 more: see the status page\n")


async def test_nothing_is_written_and_nobody_is_said_to_have_accepted_when_nothing_happened() -> None:
    outside = Outside()
    assert await Console().publish(Batch(level(alert())), outside.ports()) == ()
    assert outside.terminal.text == ""
    assert await Console().publish(Batch(level(), (fired(alert()),)), outside.ports()) == (
        Receipt("console", True, at=outside.clock.now()),
    )
