"""A floor to play with: the simulated platform and the real daemon on loopback, with pages on the terminal."""

from __future__ import annotations

import asyncio
from collections import Counter
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
from watchdog.simulator.scene import Addresses, configured, pubsub, served, shipped

SAMPLED_EVERY = 5.0
"""Seconds between two samples of a metric."""


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
  watched          kill switches, AGENT_MODE and related variables, {workloads} execution workloads, market data,
                   services, {subscriptions} subscriptions and their dead letters, {metrics} metrics, Cloud Run
  market           {market}
Try, in another terminal:
  kubectl -s {api} -n agenttrader scale deploy/execution-agent --replicas=1
  kubectl -s {api} -n trading-floor patch configmap agenttrader-kill-switch \\
      --type merge -p '{{"data":{{"EXECUTION_HALTED":"0"}}}}'
  kubectl -s {api} -n trading-floor set env statefulset/gamma-strategy AGENT_MODE=LIVE
  curl -X POST {market_data}/tick/stop    # stale data pages in market hours only: --clock sets the time
  curl -X POST {market_data}/poison       # a dead letter; /poison/flood: twelve; /drain: somebody has looked
  curl -X POST {market_data}/consumer/stop    # a backlog that is an hour old; /consumer/start
  curl -X POST {market_data}/errors/raise     # 8 % of market-ingest's answers are errors; /errors/clear
  curl -X POST {market_data}/ops-ui/stop      # Ops UI is down; /ops-ui/start
Answer a page, and practise one: each prints the kubectl command to type (with -s {api})
  watchdog ack FINGERPRINT --by YOU --why TEXT    # a page that is over and latched says its own
  watchdog drill --sev 0 --by YOU --why TEXT      # then: how long each part of its way took
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
        floor.data.metrics.every, floor.data.metrics.late = SAMPLED_EVERY, 0.0  # nobody who plays waits for minutes
        addresses = await stack.enter_async_context(
            served(floor, pager, listening.api, listening.market_data, listening.services)
        )
        configuration = configured(addresses, console=True)
        ports = replace(ports, labels=configuration.labels, pubsub=pubsub(floor))
        daemon = Daemon(configuration.plan, ports)
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
    market, known = posture.globally(Market.KIND), Counter(subject.kind for subject in posture.facts)
    return INTRODUCTION.format(
        config=shipped().relative_to(shipped().parent.parent),
        api=f"http://127.0.0.1:{listening.api}",
        status=f"http://127.0.0.1:{listening.status}/",
        market_data=addresses.market_data,
        services=addresses.services,
        workloads=known["workload"],
        subscriptions=known["subscription"],
        metrics=known["metric"],
        market=getattr(market, "explanation", "unknown"),
    )
