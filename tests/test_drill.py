"""A drill: through the whole path like a real page, never mistaken for one, and never in the way of one."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from watchdog.core.alert import Alert, EdgeKind
from watchdog.core.facts import Subject
from watchdog.core.instant import exact
from watchdog.core.severity import Sev
from watchdog.outlets.alertmanager.peer import Notice, Peer
from watchdog.outlets.status_page.documents import health
from watchdog.simulator import kubectl
from watchdog.simulator.pager import Pager
from watchdog.simulator.platform import trading_floor
from watchdog.simulator.scene import adapted, served

from .alertmanager import running
from .alerts import alert
from .conftest import real
from .fakes import HandClock
from .platform import Guarded, guarded
from .test_cli import WATCHDOG, free_port, ready, run, without_pubsub

FILE = "/operator.json"
HEADS = ["receiver", "detected", "posted", "accepted", "webhook", "called", "read", "back"]


def by_file(content: dict[str, Any], path: str = FILE) -> None:
    others = [stanza for stanza in content["sources"] if stanza["kind"] != "operator"]
    content["sources"] = [*others, {"kind": "operator", "file": path}]


def ask(world: Guarded, sev: int = 0) -> None:
    asked = {"verb": "drill", "sev": sev, "by": "ann", "why": "the weekly drill", "at": exact(world.clock.now().wall)}
    world.files.content[FILE] = json.dumps({"drill-1": asked}).encode()


def scale(world: Guarded, replicas: int) -> None:
    kubectl.scale(world.floor.cluster, "deploy", "agenttrader", "execution-agent", replicas)


def said(world: Guarded) -> dict[str, Any]:
    return health(world.daemon.assessment, world.clock.now(), "", {})


def opened(world: Guarded) -> dict[str, Alert]:
    return {alert.identity.rule: alert for alert in world.daemon.assessment.alerts.values() if alert.open}


def test_a_drill_pages_is_told_to_be_one_ends_after_a_minute_and_changes_no_verdict() -> None:
    async def act(world: Guarded) -> list[dict[str, Any]]:
        ask(world)
        verdicts = [said(world)]
        for second in (5, 59, 63):
            await world.at(second)
            verdicts.append(said(world))
        return verdicts

    verdicts, world = guarded(act, by_file)
    assert [verdict["status"] for verdict in verdicts] == ["safe"] * 4
    assert [verdict["drills"] for verdict in verdicts] == [0, 1, 1, 0]
    assert {(v["alerts"]["sev0"], v["open_incidents"]) for v in verdicts} == {(0, 0)}
    assert [edge.split()[1:] for edge in world.edges] == [
        ["WatchdogDrill", "breach", str(kind), "Sev-0"] for kind in (EdgeKind.FIRED, EdgeKind.RESOLVED)
    ]
    for told in (world.pager.deliveries, world.pager.calls):
        (page,) = told
        assert (page.labels["drill"], page.labels["sev"], page.labels["severity"]) == ("true", "0", "critical")
        assert page.annotations["summary"].startswith("DRILL, nothing is wrong: ann practises a Sev-0 page")


@pytest.mark.parametrize("drill_first", [True, False])
def test_a_real_sev_0_beside_a_drill_pages_as_always_and_the_other_way_round(drill_first: bool) -> None:
    async def act(world: Guarded) -> tuple[str, set[str]]:
        first, second = (ask, lambda w: scale(w, 1)) if drill_first else (lambda w: scale(w, 1), ask)
        first(world)
        await world.at(3)
        second(world)
        await world.at(6)
        incidents = {alert.incident for alert in opened(world).values()}
        return said(world)["status"], incidents

    (status, incidents), world = guarded(act, by_file)
    names = {"WatchdogDrill", "ExecutionWorkloadAboveZero"}
    assert status == "unsafe"
    assert len(incidents) == 2, "the drill is no part of the incident"
    for told in (world.pager.deliveries, world.pager.calls):
        assert {page.labels["alertname"] for page in told} == names
    real_one = next(d for d in world.pager.deliveries if d.labels["alertname"] != "WatchdogDrill")
    assert "drill" not in real_one.labels and "DRILL" not in real_one.annotations["summary"]
    at = 0.0 if not drill_first else 3.0
    assert real_one.at.mono - world.t0 == pytest.approx(at, abs=0.1)


def test_the_end_of_a_drill_ends_nothing_else() -> None:
    async def act(world: Guarded) -> set[str]:
        ask(world)
        scale(world, 1)
        await world.at(70)
        return {*opened(world)}

    open_ones, world = guarded(act, by_file)
    assert open_ones == {"ExecutionWorkloadAboveZero"}
    assert not [edge for edge in world.edges if "ExecutionWorkloadAboveZero breach resolved" in edge]


def test_a_drill_shares_no_request_with_what_is_real() -> None:
    drill = alert("WatchdogDrill", subject=Subject("drill", (("entry", "drill-1"),)))
    owed = [Notice(one, one.sev) for one in (drill, alert(), alert("Other", Sev.SEV1))]
    sent = [[notice.alert.identity.rule for notice in request] for request in Peer().requests(owed)]
    assert sent == [["ExecutionWorkloadAboveZero"], ["WatchdogDrill"], ["Other"]]


@asynccontextmanager
async def daemon(folder: Path, operator: Path | None = None, **outlets: str) -> AsyncIterator[tuple[str, Path]]:
    """A running ``watchdog run`` on the simulated floor, and a kubeconfig of somebody who may do everything there."""
    floor, port = trading_floor(lambda: datetime.now(UTC)), free_port()
    async with served(floor, Pager(HandClock().now)) as addresses:
        content = adapted(addresses)
        without_pubsub(content)
        content["server"]["port"] = port
        if operator is not None:
            by_file(content, str(operator))
        for stanza in content["outlets"]:
            stanza.update({"urls": [outlets["alertmanager"]]} if stanza["kind"] == "alertmanager" else {})
            if stanza["kind"] == "webhook" and "webhook" in outlets:
                stanza["receivers"] = [{"name": "telephone", "url": outlets["webhook"]}]
        config = folder / "watchdog.yaml"
        config.write_text(yaml.safe_dump(content))
        admin = folder / "admin"
        admin.write_text(Path(addresses.kubeconfig).read_text())
        process = await asyncio.create_subprocess_exec(
            *WATCHDOG, "run", "--config", str(config), stdout=asyncio.subprocess.DEVNULL
        )
        try:
            await ready(f"http://127.0.0.1:{port}")
            yield f"http://127.0.0.1:{port}", admin
        finally:
            process.terminate()
            await process.wait()


def anonymous(kubeconfig: Path) -> None:
    """The simulated API server lets who shows no credentials do everything."""
    config = yaml.safe_load(kubeconfig.read_text())
    config["users"] = [{"name": "watchdog", "user": {}}]
    kubeconfig.write_text(yaml.safe_dump(config))


def alertmanager_binary() -> str:
    return real("prometheus-alertmanager", package="prometheus-alertmanager")


ASKED = ("--sev", "0", "--by", "ann", "--why", "the weekly drill")


async def test_a_drill_asked_for_with_kubectl_prints_how_long_each_part_of_the_path_took(tmp_path: Path) -> None:
    binary, client = alertmanager_binary(), real("kubectl", package="kubernetes-client")
    async with (
        running(binary, tmp_path) as alertmanager,
        daemon(tmp_path, alertmanager=alertmanager.url) as (url, admin),
    ):
        anonymous(admin)
        drilling = await asyncio.create_subprocess_exec(
            *WATCHDOG, "drill", *ASKED, "--url", url, stdout=asyncio.subprocess.PIPE
        )
        assert drilling.stdout is not None
        command = (await drilling.stdout.readline()).decode()
        assert command.startswith("kubectl -n watchdog patch configmap watchdog-operator --type=merge -p ")
        shell = command.replace("kubectl", client, 1)
        typed = await asyncio.create_subprocess_shell(shell, env={**os.environ, "KUBECONFIG": str(admin)})
        assert await typed.wait() == 0
        table = (await drilling.stdout.read()).decode()
        called = await alertmanager.notified("firing", alertname="WatchdogDrill")
    assert await drilling.wait() == 0, table
    head, heads, *rows, verdict = table.splitlines()
    assert head.startswith("Drill of Sev-0, drill-") and heads.split() == HEADS
    assert verdict.strip() == "arrived at every receiver"
    times = {row.split()[0]: row.split()[1:6] for row in rows}
    (peer,) = (cells for name, cells in times.items() if name.startswith("alertmanager/"))
    direct = times["telephone"]
    assert [cell == "-" for cell in peer] == [False, False, False, True, False]
    assert [cell == "-" for cell in direct] == [False, False, True, False, True]
    assert all(0 <= float(cell) < 60_000 for cell in (*peer, *direct) if cell != "-")
    assert float(peer[1]) <= float(peer[2]) <= float(peer[4]), "posted, accepted, read back"
    assert called["labels"]["drill"] == "true"


async def test_a_drill_without_a_cluster_is_written_to_the_file_and_told_as_json(tmp_path: Path) -> None:
    file, binary = tmp_path / "operator.json", alertmanager_binary()
    async with (
        running(binary, tmp_path) as alertmanager,
        daemon(tmp_path, file, alertmanager=alertmanager.url) as (url, _),
    ):
        told = await run("drill", *ASKED, "--file", str(file), "--url", url, "--json")
    assert told.code == 0, told
    outcome = json.loads(told.out)
    assert (outcome["drill"], outcome["sev"], outcome["arrived"]) == (next(iter(json.loads(file.read_text()))), 0, True)
    assert {row["receiver"].split("/")[0] for row in outcome["receivers"]} == {"alertmanager", "telephone"}


async def test_a_receiver_that_does_not_hear_of_the_drill_is_named_and_exits_1(tmp_path: Path) -> None:
    file, binary = tmp_path / "operator.json", alertmanager_binary()
    nobody = f"http://127.0.0.1:{free_port()}/"
    async with (
        running(binary, tmp_path) as alertmanager,
        daemon(tmp_path, file, alertmanager=alertmanager.url, webhook=nobody) as (url, _),
    ):
        told = await run("drill", *ASKED, "--file", str(file), "--url", url)
    assert told.code == 1, told
    assert told.out.splitlines()[-1].strip() == "did not arrive: telephone"


async def test_a_drill_that_nobody_shows_cannot_be_told_and_exits_2(tmp_path: Path) -> None:
    file, other = tmp_path / "operator.json", tmp_path / "other.json"
    url = f"http://127.0.0.1:{free_port()}"
    told = await run("drill", *ASKED, "--file", str(file), "--url", url)
    assert (told.code, "ConnectionRefused" in told.err) == (2, True)
    async with daemon(tmp_path, file, alertmanager=url) as (url, _):
        told = await run("drill", *ASKED, "--file", str(other), "--url", url, "--wait", "3")
    assert (told.code, "no page of drill-" in told.err) == (2, True)
