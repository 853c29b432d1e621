"""A configured telling, and objects fed to it as a WATCH or a look would."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from watchdog.core import facts
from watchdog.core.facts import Fact, KillSwitch, Mode
from watchdog.core.observation import Facts
from watchdog.core.variables import WatchedVariable
from watchdog.sources.kubernetes.guarded import Guarded
from watchdog.sources.kubernetes.resources import CONFIG_MAPS, DEPLOYMENTS, EVERY, PODS, STATEFUL_SETS, Key, Resource
from watchdog.sources.kubernetes.stanza import Execution, GuardedWorkload, KillSwitchKey
from watchdog.sources.kubernetes.telling import Telling, key_of

SWITCH = KillSwitchKey("EXECUTION_HALTED", "trading-floor", "agenttrader-kill-switch", "EXECUTION_HALTED")
SAFETY = KillSwitchKey("KILL_SWITCH", "trading-floor", "agenttrader-safety", "KILL_SWITCH", required=False)
EXECUTION = Execution(
    (GuardedWorkload("trading-floor", "Deployment", "execution-engine"),),
    {"app.kubernetes.io/component": ("execution-agent",)},
    ("execution-agent", "execution-engine"),
)
AGENT_MODE = WatchedVariable(
    "AGENT_MODE",
    ("EXECUTE", "LIVE"),
    ("OFF", "OBSERVE", "EVAL", "PAPER", "DISABLED", "WARMUP", "HALTED"),
    required_on_execution=True,
)
VARIABLES = (
    AGENT_MODE,
    WatchedVariable("TRADING_MODE", ("live",)),
    WatchedVariable("BROKER_EXECUTION_ENABLED", "truthy"),
    WatchedVariable("EXEC_DRY_RUN", "falsy", execution_only=True),
    WatchedVariable("EXECUTION_HALTED", "not_truthy"),
)
GUARDED = Guarded(
    VARIABLES,
    (SWITCH, SAFETY),
    EXECUTION.selection,
    ("EXECUTION_HALTED", "EXEC_KILL_SWITCH"),
    ("EXECUTION_HALTED_FILE",),
    ("trading-floor/known-secret",),
)
OF_KIND: Mapping[str, Resource[Any]] = {resource.kind: resource for resource in EVERY}
F = TypeVar("F", bound=Fact)


class World:
    """``known`` is what all that was told adds up to."""

    def __init__(self, *, listed: bool = True, guarded: Guarded = GUARDED) -> None:
        self.now = 1_000.0
        self.telling = Telling(guarded, lambda: self.now)
        self.known: dict[facts.Subject, Fact] = {}
        if listed:
            for resource in OF_KIND.values():
                self.listing(resource, [])

    def event(self, object_: Mapping[str, Any], deleted: bool = False) -> list[Facts]:
        resource = OF_KIND[object_["kind"]]
        told = self.telling.happened(resource, resource.object(json.dumps(object_).encode()), deleted)
        for one in told:
            self._take(one)
        return told

    def listing(self, resource: Resource[Any], objects: Iterable[Mapping[str, Any]], began: int | None = None) -> Facts:
        found = [resource.object(json.dumps(o).encode()) for o in objects]
        keys, store = [key_of(one) for one in found], self.telling.inventory.store(resource)
        with store.looking() as now:
            when = now if began is None else began
            self._take(self.telling.found(resource, found, when))
            self._take(self.telling.looked_over(resource, self.telling.covered(resource, ""), keys, when, 10**9))
        return self._take(self.telling.tell(self.telling.inventory.looked_at(resource, "")))

    def read(self, resource: Resource[Any], key: Key, object_: Mapping[str, Any] | None, began: int) -> Facts:
        """A direct read that began when the store had counted ``began``."""
        found = [] if object_ is None else [resource.object(json.dumps(object_).encode())]
        told = self._take(self.telling.found(resource, found, began))
        return told if found else self._take(self.telling.looked_over(resource, [key], (), began, None))

    def _take(self, told: Facts) -> Facts:
        for subject in told.gone:
            self.known.pop(subject, None)
        self.known |= {fact.subject: fact for fact in told.seen}
        return told

    def of(self, kind: type[F]) -> list[F]:
        return [fact for fact in self.known.values() if isinstance(fact, kind)]

    @property
    def switch(self) -> KillSwitch:
        return next(fact for fact in self.of(KillSwitch) if fact.switch == SWITCH.switch)

    def workload(self, name: str) -> facts.Workload:
        return next(fact for fact in self.of(facts.Workload) if fact.workload == name)

    def mode(self, variable: str = "AGENT_MODE", container: str = "main") -> Mode:
        return next(f for f in self.of(Mode) if (f.variable, f.container) == (variable, container))


__all__ = ["AGENT_MODE", "CONFIG_MAPS", "DEPLOYMENTS", "PODS", "STATEFUL_SETS", "World", "key_of"]
