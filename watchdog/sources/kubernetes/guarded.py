"""What is guarded, by the platform's own names: the source's stanza, as the rest of the package needs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from watchdog.core.selection import Selection
from watchdog.core.wiring import Reader, SwitchKey
from watchdog.sources.kubernetes.shapes import Shapes
from watchdog.sources.kubernetes.stanza import KillSwitchKey, WatchedVariable


@dataclass(frozen=True, slots=True)
class Guarded:
    """``halt_variables`` and ``file_variables`` name the kill switch, or the file that holds it, to the platform's own
    reader; ``exempt_secrets`` are 'namespace/name'."""

    variables: tuple[WatchedVariable, ...] = ()
    switches: tuple[KillSwitchKey, ...] = ()
    selection: Selection = field(default_factory=Selection)
    halt_variables: tuple[str, ...] = ()
    file_variables: tuple[str, ...] = ()
    exempt_secrets: tuple[str, ...] = ()

    @property
    def shapes(self) -> Shapes:
        watched = frozenset(variable.name for variable in self.variables)
        names = watched | frozenset(self.halt_variables) | frozenset(self.file_variables)
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
