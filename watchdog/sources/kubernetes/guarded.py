"""What is guarded, by the platform's own names: the source's stanza, as the rest of the package needs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from watchdog.core.selection import Named, Selection
from watchdog.core.variables import WatchedVariable
from watchdog.core.wiring import Reader, SwitchKey
from watchdog.sources.kubernetes.shapes import Shapes
from watchdog.sources.kubernetes.stanza import KillSwitchKey


@dataclass(frozen=True, slots=True)
class Guarded:
    """``halt_variables`` and ``file_variables`` name the kill switch, or the file that holds it, to the platform's own
    reader; ``exempt_secrets`` are 'namespace/name'. ``pause_variables`` name what pauses ingestion on purpose;
    ``criticality`` says what workloads and nodes are worth."""

    variables: tuple[WatchedVariable, ...] = ()
    switches: tuple[KillSwitchKey, ...] = ()
    selection: Selection = field(default_factory=Selection)
    halt_variables: tuple[str, ...] = ()
    file_variables: tuple[str, ...] = ()
    exempt_secrets: tuple[str, ...] = ()
    pause_variables: tuple[str, ...] = ()
    criticality: Mapping[Named, str] = field(default_factory=dict)
    default_criticality: str = "optional"

    @property
    def pauses(self) -> tuple[WatchedVariable, ...]:
        return tuple(WatchedVariable(name, "falsy") for name in self.pause_variables)

    @property
    def shapes(self) -> Shapes:
        watched = frozenset(variable.name for variable in self.variables)
        names = watched.union(self.halt_variables, self.file_variables, self.pause_variables)
        switches = frozenset(carrier.config_map for carrier in self.switches)
        return Shapes(names, switches, frozenset(self.exempt_secrets))

    @property
    def readers(self) -> Mapping[str, Reader]:
        """How a container reads the kill switch in each namespace that has one."""
        keys: dict[str, list[SwitchKey]] = {}
        for s in self.switches:
            keys.setdefault(s.namespace, []).append(SwitchKey(s.config_map, s.key, s.required))
        return {namespace: self.reader(*those) for namespace, those in keys.items()}

    def reader(self, *keys: SwitchKey) -> Reader:
        return Reader(keys, self.halt_variables, self.file_variables)
