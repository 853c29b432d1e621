"""Bad input and faults, by the whole daemon in virtual time: each is an Unknown with a reason or a stale service; the
daemon keeps running, and the other sources and the pages are not slowed."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
import structlog

from watchdog.core.facts import Endpoint, Source, Subject
from watchdog.simulator import kubectl, market_data
from watchdog.simulator.faults import Down, Fault, HalfLine, Hang, Html, Oversize, Refuse
from watchdog.simulator.ports import InProcessKubernetes
from watchdog.simulator.wire import Request, Response, Service, answer

from .platform import Guarded, guarded

MODES = "/apis/apps/v1/statefulsets"


def source(world: Guarded) -> Source:
    fact = world.daemon.assessment.posture.facts[Subject("source", (("source", "kubernetes"),))].fact
    assert isinstance(fact, Source)
    return fact


def scale(world: Guarded, replicas: int) -> None:
    kubectl.scale(world.floor.cluster, "deploy", "agenttrader", "execution-agent", replicas)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Down(), "ConnectionRefused"),
        (Hang(), "Timeout"),
        (Refuse(status=401, reason="Unauthorized"), "Unauthorized"),
        (Refuse(status=403, reason="Forbidden"), "Forbidden"),
        (Refuse(status=500, reason="InternalError"), "InternalError"),
    ],
)
def test_an_api_server_that_fails_at_start_is_unknown_with_its_reason_and_is_found_when_it_comes(
    fault: Fault, reason: str
) -> None:
    async def act(world: Guarded) -> tuple[Source, Source]:
        await world.at(30)
        before = source(world)
        world.floor.server.faults.clear()
        await world.at(40)
        return before, source(world)

    (before, after), world = guarded(act, sees=False, prepare=lambda world: world.floor.server.faults.inject(fault))
    assert not before.up
    assert reason in before.explanation
    assert after.up
    assert [edge.split(maxsplit=1)[1] for edge in world.edges] == [
        "SourceUnavailable breach fired Sev-1",
        "SourceUnavailable breach resolved Sev-1",
    ]


@pytest.mark.parametrize("fault", [Html(path=MODES), HalfLine(path=MODES), Hang(path=MODES), Refuse(path=MODES)])
def test_a_fault_of_one_resource_is_named_and_delays_no_page_of_another(fault: Fault) -> None:
    async def act(world: Guarded) -> None:
        world.floor.server.faults.inject(fault)
        kubectl.set_env(world.floor.cluster, "sts", "trading-floor", "gamma-strategy", NOTE="something to watch")
        await world.at(100)
        scale(world, 1)
        await world.at(101)

    _, world = guarded(act)
    assert world.fired("ExecutionWorkloadAboveZero") == [(pytest.approx(100, abs=0.02), "Sev-0")]


def test_a_20_mb_object_does_not_stop_the_daemon() -> None:
    async def act(world: Guarded) -> None:
        world.floor.server.faults.inject(Oversize(path="/api/v1/namespaces/trading-floor/configmaps"))
        await world.at(3)
        scale(world, 1)
        await world.at(4)
        world.floor.server.faults.clear()
        await world.at(20)
        assert source(world).up

    _, world = guarded(act)
    assert world.fired("ExecutionWorkloadAboveZero") == [(pytest.approx(3, abs=0.02), "Sev-0")]


@pytest.mark.parametrize(
    "fault",
    [
        market_data.Silence(),
        market_data.Endless(),
        market_data.REDIRECT,
        market_data.NOT_A_NUMBER,
        market_data.STRING_FOR_NUMBER,
        market_data.NO_TICK,
        market_data.Verbatim(b"<html>Sign in</html>"),
    ],
)
def test_any_error_of_market_data_is_stale_and_delays_no_other_page(fault: market_data.Fault) -> None:
    async def act(world: Guarded) -> Endpoint:
        world.floor.market_data.fault = fault
        await world.at(30)
        (endpoint,) = [k.fact for k in world.daemon.assessment.posture.facts.values() if isinstance(k.fact, Endpoint)]
        scale(world, 1)
        await world.at(31)
        return endpoint

    endpoint, world = guarded(act)
    assert not endpoint.fresh
    assert endpoint.explanation
    assert [sev for _, sev in world.fired("MarketDataStale")] == ["Sev-1"]
    assert world.fired("ExecutionWorkloadAboveZero") == [(pytest.approx(30, abs=0.02), "Sev-0")]


@pytest.mark.parametrize("fault", [market_data.FUTURE_TICK, market_data.Lie({"ok": True, "age_seconds": 1}, 200)])
def test_a_gate_that_lies_is_found(fault: market_data.Lie) -> None:
    async def act(world: Guarded) -> None:
        world.floor.market_data.stop()
        world.floor.market_data.fault = fault
        await world.at(120)

    _, world = guarded(act)
    assert {"MarketDataGateLying"} & {edge.split()[1] for edge in world.edges}, world.edges


class FarAway:
    """An API server 20 ms away, whose WATCHes of ConfigMaps may end before their first line."""

    def __init__(self, server: Service) -> None:
        self._server, self.mute = server, False

    async def answer(self, request: Request) -> Response:
        response = await self._server.answer(request)
        if isinstance(response.body, bytes):
            return response
        mute = self.mute and request.path.endswith("/configmaps") and "sendInitialEvents" not in request.query
        return replace(response, body=self._late(response.body, mute))

    async def _late(self, lines: AsyncIterator[bytes], mute: bool) -> AsyncIterator[bytes]:
        async for line in lines:
            await asyncio.sleep(0.02)
            if mute:
                return
            yield line


def test_watches_that_open_and_end_before_their_first_line_hide_nothing() -> None:
    def prepare(world: Guarded) -> None:
        far.append(FarAway(world.floor.server))
        kubernetes = InProcessKubernetes(far[0])
        world.daemon.ports = replace(world.daemon.ports, kubernetes=lambda kubeconfig, context: kubernetes)
        metadata = {"name": "modes", "namespace": "trading-floor"}
        modes = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"AGENT_MODE": "EVAL"}}
        kubectl.create(world.floor.cluster, modes)
        gamma = ("sts", "trading-floor", "gamma-strategy")
        kubectl.set_env(world.floor.cluster, *gamma, AGENT_MODE=None)
        container = kubectl.get(world.floor.cluster, *gamma).object["spec"]["template"]["spec"]["containers"][0]
        containers = [{**container, "envFrom": [{"configMapRef": {"name": "modes"}}]}]
        kubectl.patch(world.floor.cluster, *gamma, {"spec": {"template": {"spec": {"containers": containers}}}})

    async def act(world: Guarded) -> None:
        await world.at(5)
        world.floor.server.faults.inject(Down(path="/api/v1/configmaps"))
        await world.at(6)
        world.floor.server.faults.clear()
        far[0].mute = True
        kubectl.set_data(world.floor.cluster, "trading-floor", "modes", AGENT_MODE="LIVE")
        await world.at(60)

    far: list[FarAway] = []
    _, world = guarded(act, prepare=prepare)
    ((when, sev),) = world.fired("ForbiddenAgentMode")
    assert (sev, when < 20) == ("Sev-0", True)


class Failing:
    """An Alertmanager that answers what the test says until it is mended; the telephone beside it works."""

    def __init__(self, world: Guarded, status: int | None) -> None:
        self._pager, self._status, self.mended = world.pager.answer, status, False

    async def answer(self, request: Request) -> Response:
        if self.mended or not request.path.startswith("/api/"):
            return await self._pager(request)
        if self._status is None:
            raise ConnectionRefusedError("nobody listens")
        return answer(self._status, {"code": self._status, "message": "planted"})


@pytest.mark.parametrize("status", [400, 500, None])
def test_a_page_that_alertmanager_does_not_take_is_delivered_once_it_does(status: int | None) -> None:
    def fail(world: Guarded) -> None:
        failing.append(Failing(world, status))
        http = world.daemon.ports.http
        http.hosts["pager.simulator"] = failing[0]  # type: ignore[attr-defined]

    async def act(world: Guarded) -> tuple[int, list[float]]:
        scale(world, 1)
        await world.at(100)
        before = len(world.pager.deliveries)
        failing[0].mended = True
        await world.at(130)
        named = [d for d in world.pager.deliveries if d.labels["alertname"] == "ExecutionWorkloadAboveZero"]
        return before, [delivery.at.mono - world.t0 for delivery in named]

    failing: list[Failing] = []
    (before, delivered), world = guarded(act, prepare=fail)
    assert before == 0
    assert delivered == [pytest.approx(100, abs=5)]
    assert [sev for _, sev in world.fired("ReceiverUnreachable")] == ["Sev-2"], "that it takes no pages is a finding"
    assert [call.labels["alertname"] for call in world.pager.calls] == ["ExecutionWorkloadAboveZero"]
    called = [call.at.mono - world.t0 for call in world.pager.calls]
    assert called == [pytest.approx(0, abs=0.02)], "nor is the other way kept waiting"


def trace(seed_of_hashes: str) -> bytes:
    """What a scripted hour does, in a process of its own."""
    script = "from tests.test_faults import hour; hour()"
    environment = {**os.environ, "PYTHONHASHSEED": seed_of_hashes}
    return subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=True).stdout


def hour() -> None:
    """Prints every state of every subject and every edge of an eventful hour."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    lines: list[str] = []

    async def act(world: Guarded) -> None:
        note = world.daemon.on_turn

        def write(assessment: object) -> None:
            note(assessment)  # type: ignore[arg-type]
            posture = world.daemon.assessment.posture
            lines.append(f"{posture.at} " + "; ".join(str(change) for change in posture.changes))

        world.daemon.on_turn = write
        steps: list[Callable[[], object]] = [
            lambda: scale(world, 2),
            lambda: world.floor.server.faults.inject(Hang()),
            lambda: world.floor.server.faults.clear(),
            lambda: kubectl.set_env(world.floor.cluster, "sts", "trading-floor", "gamma-strategy", AGENT_MODE="LIVE"),
            lambda: world.floor.market_data.stop(),
            lambda: scale(world, 0),
        ]
        for number, step in enumerate(steps):
            step()
            await world.at(600.0 * (number + 1))
        lines.append(json.dumps([dict(d.labels) | {"at": str(d.at)} for d in world.pager.deliveries]))
        lines.extend(world.edges)

    guarded(act)
    sys.stdout.write("\n".join(lines))


def test_the_same_seed_gives_the_same_trace_byte_for_byte_whatever_the_order_of_hashes() -> None:
    first, second = trace("1"), trace("4242")
    assert len(first) > 10_000
    assert first == second


def test_an_alert_that_came_went_and_came_again_in_one_turn_is_open_and_was_paged_once() -> None:
    async def act(world: Guarded) -> list[str]:
        await world.at(5)
        for mode in ("WEIRD", "EVAL", "WEIRD"):
            kubectl.set_env(world.floor.cluster, "sts", "trading-floor", "whale-strategy", AGENT_MODE=mode)
        await world.at(120)
        return [
            str(alert.state) for i, alert in world.daemon.assessment.alerts.items() if i.rule == "UnlistedAgentMode"
        ]

    states, world = guarded(act)
    delivered = [d for d in world.pager.deliveries if d.labels["alertname"] == "UnlistedAgentMode"]
    assert (states, len(delivered)) == (["firing"], 1)
    assert any(dict(labels)["alertname"] == "UnlistedAgentMode" for labels in world.pager._open)
