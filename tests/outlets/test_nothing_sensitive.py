"""One secret value, in every kind of place that it can come from: no outlet and no document shows it. domain.md §9."""

from __future__ import annotations

import pkgutil
import traceback
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from tests.core.worlds import SWITCHES, WORKLOADS, at, saw
from tests.fakes import HandClock, Outside
from tests.outlets.levels import COVERAGE, HEALTH, MARKET
from watchdog import outlets
from watchdog.core.alert import Edge, EdgeKind
from watchdog.core.assessment import Assessment, assess
from watchdog.core.facts import Endpoint, KillSwitch, Market, Mode, Unknown, Workload
from watchdog.core.observation import Observation
from watchdog.core.posture import Posture
from watchdog.core.severity import Sev
from watchdog.outlets import Batch, Outlet
from watchdog.outlets.alertmanager import Alertmanager
from watchdog.outlets.console import Console
from watchdog.outlets.dead_man import sign_of_life
from watchdog.outlets.ledger import Ledger
from watchdog.outlets.log import Log
from watchdog.outlets.memory import Memory
from watchdog.outlets.metrics import Metrics
from watchdog.outlets.status_page import StatusPage
from watchdog.outlets.webhook import Webhook
from watchdog.outlets.webhook.recipient import Recipient
from watchdog.ports import Unreachable
from watchdog.rules.load import load, read
from watchdog.simulator.journal import MemoryJournal

SECRET = "hunter2-hunter2"
RULES = sorted((Path(__file__).parents[2] / "config" / "rules").glob("*.yaml"))
ALL: dict[str, Outlet] = {
    "alertmanager": Alertmanager(urls=(f"http://user:{SECRET}@am:9093",)),
    "console": Console(),
    "log": Log(),
    "metrics": Metrics(),
    "status_page": StatusPage(),
    "webhook": Webhook((Recipient("pager", f"http://pager/{SECRET}", sev=Sev.SEV3),)).parts()[0],
}


def leaking() -> Assessment:
    """Everything is unsafe or unknown, and says the secret."""
    away = Unknown("Refused", f'GET /?access_token={SECRET} says "password": "{SECRET}"')
    mode = Mode("floor", "Deployment", "a", "main", "BROKER_API_KEY", SECRET, SECRET, True, False, True, True, 1)
    endpoint = Endpoint("m", f"http://u:{SECRET}@m/healthz", False, str(away), away, away, away, away, away, True)
    switch = KillSwitch("EXECUTION_HALTED", "config_map", "floor/x", False, f"token={SECRET}", f"value token={SECRET}")
    workload = Workload("floor", "Deployment", "execution-agent", True, f"label token={SECRET}", 1, away, away)
    rules = load(read(RULES))
    first = [
        saw(0, SWITCHES, switch),
        saw(0, WORKLOADS, mode, workload),
        saw(0, HEALTH, endpoint),
        saw(0, MARKET, Market("NYSE", True, "open", True, 3650)),
    ]
    then = [Observation(scope, at(11), away) for scope in (HEALTH, MARKET)]
    level = Assessment.initial(Posture.initial(at(0), COVERAGE))
    for seconds, observations in ((0, first), (10, first), (11, then), (900, first[:2]), (901, [])):
        later = [Observation(o.scope, at(seconds), o.facts) for o in observations]
        level = assess(level, level.posture.updated(at(seconds), later), rules)
    return level


def test_every_outlet_is_asked() -> None:
    assert sorted([*ALL, "dead_man", "ledger", "memory"]) == sorted(
        module.name for module in pkgutil.iter_modules(outlets.__path__)
    )


def test_the_level_does_say_the_secret_and_raises_alerts_of_every_kind_of_fact() -> None:
    level = leaking()
    assert SECRET in str([known.fact for known in level.posture.facts.values()])
    kinds = {alert.identity.subject.kind for alert in level.alerts.values() if alert.open}
    assert kinds >= {"mode", "kill_switch", "workload", "endpoint", "source"}


@pytest.mark.parametrize("kind", sorted(ALL))
async def test_no_outlet_says_a_secret(kind: str) -> None:
    level, clock = leaking(), HandClock()
    clock.pass_(901)
    outside = Outside(clock=clock)
    edges = tuple(Edge(EdgeKind.FIRED, alert, level.at) for alert in level.alerts.values() if alert.open)
    structlog.reset_defaults()
    with capture_logs() as logged:
        receipts = await ALL[kind].publish(Batch(level, edges), outside.ports())
    documents = [page({}).body for _, page in sorted(outside.status.pages.items())]
    said = [body for _, body in outside.http.requests] + documents
    text = b"\n".join(said).decode() + outside.terminal.text + str(logged) + str(receipts)
    assert "BROKER_API_KEY" in text
    assert SECRET not in text


async def test_the_ledger_keeps_what_was_said_without_its_secret() -> None:
    level, journal = leaking(), MemoryJournal()
    edges = tuple(Edge(EdgeKind.FIRED, alert, level.at) for alert in level.alerts.values() if alert.open)
    ports = replace(Outside().ports(), journal=lambda path: journal)
    await Ledger("/ledger", checkpoint_every=1).publish(Batch(level, edges, last=True), ports)
    written = b"".join(bytes(segment) for segment in journal.content.values())
    assert b"BROKER_API_KEY" in written and b'"checkpoint"' in written and SECRET.encode() not in written


async def test_the_memory_holds_no_value_at_all() -> None:
    level, outside = leaking(), Outside()
    await Memory(path="/memory.json").publish(Batch(level), outside.ports())
    written = outside.files.content["/memory.json"]
    assert isinstance(written, bytes) and b"looked" in written and SECRET.encode() not in written


def test_the_dead_man_hears_no_value_at_all() -> None:
    level = leaking()
    said = str(sign_of_life(level, level.at, Outside().ports()))
    assert "open_incidents" in said and SECRET not in said


async def test_a_peer_that_fails_is_named_without_the_credentials_of_its_url() -> None:
    outside = Outside()
    outside.http.reply = Unreachable("ConnectionRefused")
    part, _reader = ALL["alertmanager"].parts()
    with pytest.raises(Unreachable) as failed:
        await part.publish(Batch(leaking()), outside.ports())
    assert SECRET not in part.name + "".join(traceback.format_exception_only(failed.value))
