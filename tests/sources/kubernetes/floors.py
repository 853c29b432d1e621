"""The source, under the real supervision, looking at the simulated trading floor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from tests.fakes import Outside
from tests.sources.kubernetes.worlds import SAFETY, SWITCH, VARIABLES
from watchdog.core.facts import Fact, Safety, Unknown
from watchdog.core.observation import Facts, Observation, Scope
from watchdog.core.posture import Posture
from watchdog.ports import Kubernetes as KubernetesPort
from watchdog.ports import Ports
from watchdog.simulator.platform import Floor, trading_floor
from watchdog.simulator.ports import InProcessKubernetes
from watchdog.simulator.virtual_time import VirtualClock
from watchdog.sources.kubernetes import Kubernetes
from watchdog.sources.kubernetes.stanza import Execution, GuardedWorkload
from watchdog.supervision import Inbox, watch_over_stream

GUARDED = Execution(
    (
        GuardedWorkload("agenttrader", "Deployment", "execution-agent"),
        GuardedWorkload("trading-floor", "Deployment", "execution-engine"),
    ),
    {"app.kubernetes.io/component": ("execution-agent", "execution-engine")},
    ("execution-agent", "execution-engine"),
)
SOURCE = Kubernetes(
    namespaces=("trading-floor", "agenttrader"),
    kill_switches=(SWITCH, SAFETY),
    execution=GUARDED,
    variables=VARIABLES,
)


@dataclass
class Sight:
    """What the source has said so far."""

    floor: Floor
    clock: Any
    source: Kubernetes
    inbox: Inbox = field(default_factory=lambda: Inbox(10_000))
    observations: list[Observation] = field(default_factory=list)
    posture: Posture = field(init=False)

    def __post_init__(self) -> None:
        streams = self.source.streams()
        self.streams = {Scope(self.source.name, part): stream for part, stream in streams.items()}
        self.posture = Posture.initial(self.clock.now(), {s: stream.coverage for s, stream in self.streams.items()})

    async def after(self, seconds: float) -> list[Observation]:
        """What was observed in the next seconds, brought into the posture."""
        await asyncio.sleep(seconds)
        new = list(self.inbox.drain())
        self.observations += new
        self.posture = self.posture.updated(self.clock.now(), new)
        return new

    async def until(self, seconds: float, condition: Callable[[Posture], bool]) -> float:
        """How long it took (over real sockets; at most ``seconds``)."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.timeout(seconds):
            while not condition(self.posture):
                await self.after(0.005)
        return loop.time() - began

    @property
    def safety(self) -> Safety:
        safety = self.posture.globally("safety")
        assert isinstance(safety, Safety)
        return safety

    def problem(self, part: str) -> str:
        """The reason why a scope is unknown now; empty if it is known."""
        unknown = self.posture.sights[Scope("kubernetes", part)].unknown(self.posture.at)
        return unknown.reason if unknown is not None else ""

    @property
    def problems(self) -> Mapping[str, str]:
        return {scope.part: reason for scope in self.streams if (reason := self.problem(scope.part))}


def states(observations: list[Observation], subject: str, attribute: str) -> list[Any]:
    """What was said of a subject, one after the other, without repetitions."""
    said: list[Any] = []
    for fact in (fact for o in observations if isinstance(o.facts, Facts) for fact in o.facts.seen):
        if str(fact.subject) == subject and said[-1:] != [getattr(fact, attribute)]:
            said.append(getattr(fact, attribute))
    return said


def facts(observations: list[Observation]) -> list[Fact]:
    return [fact for o in observations if isinstance(o.facts, Facts) for fact in o.facts.seen]


def failures(observations: list[Observation]) -> list[tuple[str, str]]:
    return [(o.scope.part, o.facts.reason) for o in observations if isinstance(o.facts, Unknown)]


@asynccontextmanager
async def looking(
    source: Kubernetes = SOURCE, kubernetes: Callable[[Floor], KubernetesPort] | None = None, clock: Any = None
) -> AsyncIterator[Sight]:
    """The floor runs, the source looks; in virtual time unless a ``clock`` is given."""
    clock = clock or VirtualClock(asyncio.get_running_loop())
    floor = trading_floor(lambda: clock.now().wall)
    sight = Sight(floor, clock, source)
    client = (kubernetes or (lambda floor: InProcessKubernetes(floor.server)))(floor)
    ports: Ports = replace(Outside(clock=clock).ports(), kubernetes=lambda kubeconfig, context: client)
    tasks = [asyncio.create_task(floor.run())]
    for scope, stream in sight.streams.items():
        tasks.append(asyncio.create_task(watch_over_stream(scope, stream, ports, sight.inbox)))
    try:
        yield sight
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
