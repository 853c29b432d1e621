"""The command, as a user runs it: processes, exit codes, what is printed where."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from watchdog.simulator import kubectl
from watchdog.simulator.faults import Refuse
from watchdog.simulator.http_face import HttpFace
from watchdog.simulator.pager import Pager
from watchdog.simulator.platform import Floor, trading_floor
from watchdog.simulator.scene import adapted, kubeconfig, served, shipped

from .fakes import HandClock

WATCHDOG = [sys.executable, "-m", "watchdog.cli"]
RULES = sorted((shipped().parent / "rules").glob("*.yaml"))


@dataclass
class Finished:
    code: int
    out: str
    err: str


async def run(*arguments: str) -> Finished:
    process = await asyncio.create_subprocess_exec(
        *WATCHDOG, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    assert b"Traceback" not in err, err.decode()
    return Finished(process.returncode, out.decode(), err.decode())


@dataclass
class Guarded:
    """The simulated floor over HTTP, and a configuration file that names it."""

    floor: Floor
    config: Path
    content: dict[str, Any]

    def change(self, edit: Callable[[dict[str, Any]], object]) -> None:
        edit(self.content)
        self.config.write_text(yaml.safe_dump(self.content))


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Guarded]:
    floor = trading_floor(lambda: datetime.now(UTC))
    async with served(floor, Pager(HandClock().now)) as addresses:
        world = Guarded(floor, tmp_path / "watchdog.yaml", adapted(addresses))
        world.change(without_pubsub)
        yield world


def without_pubsub(content: dict[str, Any]) -> None:
    """The floor's Pub/Sub has no face on a socket, and these daemons are processes of their own."""
    content["sources"] = [stanza for stanza in content["sources"] if not stanza["kind"].startswith("pubsub")]


def executing(floor: Floor) -> None:
    kubectl.scale(floor.cluster, "deploy", "trading-floor", "execution-engine", 1)


async def test_check_says_go_and_exits_0_on_a_safe_floor(guarded: Guarded) -> None:
    told = await run("check", "--config", str(guarded.config))
    assert (told.code, told.out) == (0, "GO: nothing at Sev-0 or Sev-1, and nothing unknown\n")


async def test_check_says_no_go_and_exits_1_when_execution_engine_runs_one_replica(guarded: Guarded) -> None:
    executing(guarded.floor)
    told = await run("check", "--config", str(guarded.config))
    assert told.code == 1
    assert told.out.startswith("NO-GO: 1 finding at Sev-0 or Sev-1\n  Sev-0  ExecutionWorkloadAboveZero  ")
    assert "trading-floor/execution-engine" in told.out


async def test_check_tells_the_same_as_json(guarded: Guarded) -> None:
    executing(guarded.floor)
    told = await run("check", "--config", str(guarded.config), "--json")
    document = json.loads(told.out)
    assert (told.code, document["verdict"], document["unknowns"]) == (1, "NO-GO", [])
    assert [(f["sev"], f["alertname"]) for f in document["findings"]] == [(0, "ExecutionWorkloadAboveZero")]


async def test_check_exits_2_with_one_sentence_when_it_cannot_tell(guarded: Guarded) -> None:
    guarded.floor.server.faults.inject(Refuse(path="/api/v1/namespaces/trading-floor/configmaps", status=403))
    told = await run("check", "--config", str(guarded.config))
    first, *_ = told.out.splitlines()
    assert told.code == 2
    assert first.startswith("NO-GO: could not tell: kubernetes: ") and "ConfigMap trading-floor/agenttrader-" in first
    assert "Forbidden" in first


async def test_check_that_sees_a_breach_and_is_blind_to_the_rest_is_no_go_and_exits_1(guarded: Guarded) -> None:
    guarded.floor.server.faults.inject(Refuse(path="/api/v1/namespaces/trading-floor/configmaps", status=403))
    executing(guarded.floor)
    assert (await run("check", "--config", str(guarded.config))).code == 1


async def test_check_ends_within_its_time_when_nobody_answers(guarded: Guarded, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}"
        guarded.change(lambda content: content["sources"][0].update(kubeconfig=kubeconfig(tmp_path, url)))
        told = await run("check", "--config", str(guarded.config), "--within", "1")
    assert told.code == 2
    assert told.out.startswith("NO-GO: could not tell: kubernetes: ")


def local(tmp_path: Path, port: int) -> Path:
    """config/local.yaml, with a switch that says halted, and no service."""
    content = yaml.safe_load(shipped().with_name("local.yaml").read_text())
    (tmp_path / "EXECUTION_HALTED").write_text("1\n")
    content["server"]["port"] = port
    content["rules"] = [str(shipped().parent / rules) for rules in content["rules"]]
    content["sources"][0]["path"] = str(tmp_path / "EXECUTION_HALTED")
    content["sources"] = [stanza for stanza in content["sources"] if stanza["kind"] != "http_health"]
    path = tmp_path / "local.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


async def test_without_a_source_that_sees_workloads_check_cannot_tell_and_status_says_unknown(tmp_path: Path) -> None:
    port = free_port()
    config = local(tmp_path, port)
    checked = await run("check", "--config", str(config))
    process = await asyncio.create_subprocess_exec(
        *WATCHDOG, "run", "--config", str(config), stdout=asyncio.subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    await ready(url, "unknown")
    status = await run("status", "--url", url)
    process.send_signal(signal.SIGTERM)
    await process.wait()
    assert (checked.code, status.code) == (2, 2)
    assert checked.out.splitlines()[1:] == [
        "  unknown  whether execution is at zero: NotConfigured: no source looks at a workload"
    ]
    assert status.out.startswith("UNKNOWN ")


async def test_coverage_of_the_demo_floor_is_complete_and_exits_0(guarded: Guarded) -> None:
    told = await run("coverage", "--config", str(guarded.config))
    assert told.code == 0, told.out
    assert told.out.startswith("COMPLETE as of ")
    assert "not served    kind            rollouts.argoproj.io" in told.out


async def test_coverage_names_what_is_not_observed_and_exits_1(guarded: Guarded) -> None:
    guarded.floor.server.faults.inject(Refuse(path="/apis/batch/v1/cronjobs", status=403))
    told = await run("coverage", "--config", str(guarded.config), "--json")
    document = json.loads(told.out)
    missing = [row for row in document["rows"] if row["state"] == "not_observed"]
    assert (told.code, document["complete"]) == (1, False)
    assert [row["what"] for row in missing if row["area"] == "kind"] == ["cronjobs.batch"]
    assert {row["reason"] for row in missing} == {"Forbidden"}


async def test_coverage_exits_2_when_nothing_can_be_seen(guarded: Guarded, tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    cluster = guarded.content["sources"][0] | {"kubeconfig": kubeconfig(tmp_path, nobody)}
    guarded.change(lambda content: content.update(sources=[cluster]))
    told = await run("coverage", "--config", str(guarded.config), "--within", "2")
    assert told.code == 2
    assert told.out.startswith("NOTHING IS SEEN as of ") and "ConnectionRefused" in told.out


async def test_coverage_of_nobody_is_one_sentence_and_exit_2() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    told = await run("coverage", "--url", url)
    assert (told.code, told.out) == (2, "")
    assert told.err.startswith(f"watchdog: {url}: ConnectionRefused")


async def test_coverage_of_something_else_is_one_sentence_and_exit_2(guarded: Guarded) -> None:
    face = HttpFace(guarded.floor.server)
    await face.start()
    told = await run("coverage", "--url", face.url)
    await face.stop()
    assert told.code == 2
    assert "expected a watchdog's answer" in told.err


@pytest.mark.parametrize("command", ["check", "status", "coverage"])
def test_a_fault_of_our_own_is_shown_whole_and_is_no_finding(command: str, tmp_path: Path) -> None:
    """Planted: a report that raises what nobody foresaw."""
    script = (
        "import sys, asyncio, watchdog.cli as cli\n"
        "def fault(main): main.close(); raise LookupError('planted')\n"
        "asyncio.run = fault\n"
        "sys.exit(cli.main(sys.argv[1:]))"
    )
    arguments = [command, "--config", str(shipped())] if command == "check" else [command]
    told = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False)
    assert told.returncode == 2
    assert "LookupError: planted" in told.stderr
    assert told.stderr.endswith("\nwatchdog: could not tell: the above is a fault of the watchdog itself\n")


@pytest.mark.parametrize("command", ["run", "check", "coverage"])
async def test_a_wrong_configuration_is_one_sentence_and_exit_2(guarded: Guarded, command: str) -> None:
    guarded.change(lambda content: content.update(sorces=1))
    told = await run(command, "--config", str(guarded.config))
    assert (told.code, told.out) == (2, "")
    assert told.err.startswith(f"watchdog: {guarded.config}: sorces: no such key, expected sources")
    assert told.err.count("\n") == 1


async def test_a_port_that_is_taken_is_one_sentence_and_exit_2(guarded: Guarded) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        guarded.change(lambda content: content["server"].update(port=port))
        told = await run("run", "--config", str(guarded.config))
    assert told.code == 2
    assert told.err == f"watchdog: cannot listen on 127.0.0.1:{port}: Address already in use\n"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


async def ready(url: str, status: str = "safe") -> None:
    async with aiohttp.ClientSession() as session, asyncio.timeout(20):
        while True:
            try:
                async with session.get(f"{url}/healthz") as response:
                    if response.status == 200 and (await response.json())["status"] == status:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)


async def test_run_serves_pages_logs_json_and_drains_at_sigterm(guarded: Guarded) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    guarded.change(lambda content: content["server"].update(port=port))
    process = await asyncio.create_subprocess_exec(
        *WATCHDOG, "run", "--config", str(guarded.config), stdout=asyncio.subprocess.PIPE
    )
    await ready(url)
    safe = await run("status", "--url", url)
    covered = await run("coverage", "--url", url)
    executing(guarded.floor)
    async with asyncio.timeout(10):
        while (unsafe := await run("status", "--url", url, "--json")).code == 0:
            await asyncio.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    out, _ = await process.communicate()
    logged = [json.loads(line) for line in out.splitlines()]
    assert process.returncode == 0
    assert (safe.code, safe.out.split()[0]) == (0, "SAFE")
    assert (covered.code, covered.out.split()[0]) == (0, "COMPLETE")
    assert unsafe.code == 1
    assert [a["alertname"] for a in json.loads(unsafe.out)["alerts"]["alerts"]] == ["ExecutionWorkloadAboveZero"]
    assert [(line["severity"], line["message"]) for line in logged if "sev" in line] == [("ALERT", "alert fired")]


async def test_status_of_nobody_is_one_sentence_and_exit_2() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    told = await run("status", "--url", url)
    assert (told.code, told.out) == (2, "")
    assert told.err.startswith(f"watchdog: {url}: ConnectionRefused")


async def test_status_of_something_else_is_one_sentence_and_exit_2(guarded: Guarded) -> None:
    face = HttpFace(guarded.floor.server)
    await face.start()
    told = await run("status", "--url", face.url)
    await face.stop()
    assert told.code == 2
    assert "expected a watchdog's answer" in told.err


@pytest.mark.parametrize("scenario", ["scale-up", "blind"])
async def test_a_scenario_pages_as_it_must(scenario: str) -> None:
    """All of them, without a process of their own: tests/test_scenarios.py."""
    told = await run("demo", "--scenario", scenario, "--exit", "--json")
    outcome = json.loads(told.out)
    assert told.code == 0, outcome
    assert outcome["ok"]
    for page in outcome["pages"]:
        assert 0 <= page["detected_ms"] <= page["delivered_ms"]
        assert page["runbook"]


def test_a_scenario_that_does_not_page_as_it_must_exits_1() -> None:
    """Planted: the shipped rules without the one that the scenario needs."""
    script = (
        "import sys, watchdog.rules.load as load, watchdog.cli as cli; whole = load.load\n"
        "def without(texts, runbooks=None):\n"
        "    kept = [r for r in whole(texts, runbooks).rules if r.name != 'ExecutionWorkloadAboveZero']\n"
        "    return load.RuleSet.of(kept)\n"
        "load.load = without\n"
        "sys.exit(cli.main(['demo', '--scenario', 'scale-up', '--exit', '--json']))"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert told.returncode == 1, told.stderr
    assert json.loads(told.stdout)["missing"] == [
        "ExecutionWorkloadAboveZero Sev-0 delivered with ops/PRODUCTION_LOCK.md, and latched at the end"
    ]


@pytest.mark.long
async def test_a_simulated_day_on_which_nothing_happens_brings_no_page() -> None:
    told = await run("demo", "--scenario", "quiet", "--exit", "--json")
    outcome = json.loads(told.out)
    assert (told.code, outcome["pages"], outcome["clock"]) == (0, [], "virtual")
    assert outcome["lasted_seconds"] >= 86_400


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["demo", "--scenario", "none"], "--scenario: expected one of quiet, scale-up"),
        (["demo", "--json"], "--exit needs --scenario NAME"),
        (
            ["demo", "--clock", "soon"],
            "--clock: expected a time with its zone, such as 2026-11-23T10:00:00-05:00, found",
        ),
        (["demo", "--clock", "2026-11-23T10:00:00"], "--clock: expected a time with its zone"),
        (
            ["demo", "--scenario", "blip", "--exit", "--clock", "2026-11-23T10:00:00-05:00"],
            "--clock is of no use with --exit",
        ),
        (["check", "--config", "x", "--within", "abc"], "--within: expected more than 0 and less than 3600 seconds"),
        (["check", "--config", "x", "--within", "nan"], "--within: expected more than 0 and less than 3600 seconds"),
        (["rules", "check", "none.yaml"], "none.yaml: cannot be read: No such file or directory"),
        (["check"], "--config"),
        ([], "COMMAND"),
    ],
)
async def test_wrong_usage_is_said_in_a_sentence_and_exits_2(arguments: list[str], says: str) -> None:
    told = await run(*arguments)
    assert told.code == 2
    assert says in told.err


async def test_rules_check_and_test_pass_on_what_ships() -> None:
    checked = await run("rules", "check", *map(str, RULES), "--config", str(shipped()))
    tested = await run("rules", "test", *map(str, sorted((shipped().parent / "rules" / "tests").glob("*.yaml"))))
    assert (checked.code, tested.code) == (0, 0)
    assert checked.out.endswith("fine\n")


@pytest.mark.parametrize(
    "command", ["run", "check", "status", "coverage", "demo", "rules check", "rules test", "drill"]
)
async def test_every_command_explains_itself_with_an_example(command: str) -> None:
    told = await run(*command.split(), "--help")
    assert told.code == 0
    assert f"example: watchdog {command}" in " ".join(told.out.split())


def test_no_watchdog_environment_leaks_into_these_tests() -> None:
    assert not [name for name in os.environ if name.startswith("WATCHDOG_") and not name.startswith("WATCHDOG_TEST_")]
