"""A floor to play with: the simulated platform and the real daemon on loopback, with pages on the terminal."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from watchdog.core.facts import Market
from watchdog.core.instant import Instant
from watchdog.daemon import Daemon, real_ports
from watchdog.ports import Clock, Terminal
from watchdog.simulator.pager import Pager
from watchdog.simulator.platform import trading_floor
from watchdog.simulator.play import guarding, perform
from watchdog.simulator.scenarios import Scenario, Step
from watchdog.simulator.scene import Addresses, configured, served, shipped


@dataclass(frozen=True, slots=True)
class Listening:
    """Ports on 127.0.0.1."""

    api: int = 8001
    market_data: int = 8002
    services: int = 8003
    status: int = 8080


class ShiftedClock:
    """The time of a simulated world that began at ``start``; it passes as ours does."""

    def __init__(self, clock: Clock, start: datetime) -> None:
        self._clock, self._shift = clock, start - clock.now().wall

    def now(self) -> Instant:
        now = self._clock.now()
        return replace(now, wall=now.wall + self._shift)


INTRODUCTION = """\
The trading floor is simulated; the watchdog that guards it is the real one, with {config}.
  Kubernetes API   {api}
  status page      {status}
  market data      {market_data}/healthz
  services         {services}/mission-control/ops/status, .../api/v1/safety
  watched          kill switches, AGENT_MODE and related variables, {workloads} execution workloads, market data
  market           {market}
Try, in another terminal:
  kubectl -s {api} -n agenttrader scale deploy/execution-agent --replicas=1
  kubectl -s {api} -n trading-floor patch configmap agenttrader-kill-switch \\
      --type merge -p '{{"data":{{"EXECUTION_HALTED":"0"}}}}'
  kubectl -s {api} -n trading-floor set env statefulset/gamma-strategy AGENT_MODE=LIVE
  curl -X POST {market_data}/tick/stop    # stale data pages in market hours only: --clock sets the time
Pages appear below; Ctrl-C ends.
"""


async def serve(start: datetime | None, scenario: Scenario | None, stop: asyncio.Event) -> None:
    """The floor and the daemon until ``stop``; ``start`` is the time of the simulated world (default: ours), and
    ``scenario`` what happens by itself. Raises ``OSError`` when a port is taken, and ``ConfigError``."""
    listening = Listening()
    async with AsyncExitStack() as stack:
        ports = await stack.enter_async_context(real_ports("127.0.0.1", listening.status, {}))
        ports = replace(ports, clock=ShiftedClock(ports.clock, start) if start else ports.clock)
        floor, pager = trading_floor(lambda: ports.clock.now().wall), Pager(ports.clock.now)
        addresses = await stack.enter_async_context(
            served(floor, pager, listening.api, listening.market_data, listening.services)
        )
        configuration = configured(addresses, console=True)
        daemon = Daemon(configuration.plan, replace(ports, labels=configuration.labels))
        async with guarding(floor, daemon), asyncio.TaskGroup() as group:
            ports.terminal.write(_introduction(daemon, addresses, listening))
            steps = scenario.steps if scenario else ()
            performing = group.create_task(perform(steps, floor, ports.clock, partial(_show, ports.terminal)))
            await stop.wait()
            performing.cancel()


def _show(terminal: Terminal, step: Step) -> None:
    terminal.write(f"\n$ {step.says}\n")


def _introduction(daemon: Daemon, addresses: Addresses, listening: Listening) -> str:
    posture = daemon.assessment.posture
    market = posture.globally(Market.KIND)
    return INTRODUCTION.format(
        config=shipped().relative_to(shipped().parent.parent),
        api=f"http://127.0.0.1:{listening.api}",
        status=f"http://127.0.0.1:{listening.status}/",
        market_data=addresses.market_data,
        services=addresses.services,
        workloads=sum(subject.kind == "workload" for subject in posture.facts),
        market=getattr(market, "explanation", "unknown"),
    )
