"""Declared against effective: does everything that states one safety setting state the same? domain.md §3, §4.

Two settings are compared: each kill switch over its carriers (ConfigMaps, a mounted file, what a service says), and
what each service says of its mode with the manifest and the Pods of its workload. Whoever is out of sight says nothing:
``agree`` is then unknown, unless those in sight differ already (Kleene). That the daemon's own mount agrees proves
nothing about another Pod's.

The statements are indexed as they change, so a turn costs what changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from watchdog.core.facts import Agreement, Fact, KillSwitch, Mode, SelfReport, Subject, Unknown
from watchdog.core.instant import Instant
from watchdog.core.known import Known
from watchdog.core.observation import Scope
from watchdog.core.table import Table

VARIABLE = "AGENT_MODE"
"""What /ops/status states as ``agent_mode``. domain.md §4, last point."""

STATING = frozenset({KillSwitch.KIND, Mode.KIND, SelfReport.KIND})
"""Kinds that may state a setting."""

Replaced: TypeAlias = tuple[Subject, Known | None, Known | None]
"""A subject, what was known of it and what is."""


def setting_of(known: Known | None) -> str | None:
    """Which setting it states, if it states one."""
    match known and known.fact:
        case KillSwitch() as fact:
            return fact.switch
        case Mode() as fact if fact.variable == VARIABLE:
            return f"{VARIABLE} of {fact.namespace}/{fact.kind}/{fact.workload}"
        case SelfReport() as fact if fact.workload:
            return f"{VARIABLE} of {fact.workload}"
    return None


@dataclass(frozen=True, slots=True)
class Statements:
    """Which facts state each setting, and of which settings there is an agreement to speak of."""

    by_setting: Table[str, tuple[Subject, ...]] = field(default_factory=Table)
    compared: Mapping[str, None] = field(default_factory=dict)

    def after(self, replaced: Iterable[Replaced]) -> tuple[Statements, Mapping[str, None]]:
        """The same after these changes, and the settings that they touch."""
        touched: dict[str, tuple[Subject, ...] | None] = {}
        for subject, before, now in replaced:
            for setting in dict.fromkeys((setting_of(before), setting_of(now))):
                if setting is not None:
                    touched[setting] = _with(self._of(setting, touched), subject, setting == setting_of(now))
        if not touched:
            return self, {}
        return replace(self, by_setting=self.by_setting.with_(touched)), dict.fromkeys(touched)

    def _of(self, setting: str, touched: Mapping[str, tuple[Subject, ...] | None]) -> tuple[Subject, ...]:
        return (touched[setting] if setting in touched else self.by_setting.get(setting)) or ()

    def comparing(self, settings: Mapping[str, bool]) -> Statements:
        """The same once it is known of these settings whether there is an agreement to speak of."""
        if all((setting in self.compared) is compared for setting, compared in settings.items()):
            return self
        after = {**dict.fromkeys(self.compared, True), **settings}
        return replace(self, compared={setting: None for setting, compared in after.items() if compared})


def _with(stating: tuple[Subject, ...], subject: Subject, states: bool) -> tuple[Subject, ...] | None:
    """Whoever goes on stating it keeps his place."""
    if states:
        return stating if subject in stating else (*stating, subject)
    return tuple(other for other in stating if other != subject) or None


def agreed(
    setting: str,
    stating: Sequence[Known],
    unseen: Callable[[Known], Unknown | None],
    unseen_since: Callable[[Scope], Instant],
) -> Known | None:
    """What is known of the agreement; ``None`` if there are no two sides.

    Where nothing but blindness leaves it open it is as unseen as its first side that is: an outage is one finding about
    a source, and not one for each setting. It is so since sight was lost, and not since the sides say what they say.
    """
    blind = [(known, why) for known in stating if (why := unseen(known)) is not None]
    out = {known.fact.subject: why for known, why in blind}
    fact = agreement(setting, [_blinded(k.fact, out.get(k.fact.subject)) for k in stating])
    if fact is None:
        return None
    since = max((known.since for known in stating), key=_mono)
    lost = [known.scope for known, _ in blind if known.scope is not None] if isinstance(fact.agree, Unknown) else []
    if not lost:
        return Known(fact, since, None)
    return Known(fact, max(since, min(map(unseen_since, lost), key=_mono), key=_mono), lost[0])


def _mono(at: Instant) -> float:
    return at.mono


def _blinded(fact: Fact, why: Unknown | None) -> Fact:
    if why is None:
        return fact
    match fact:
        case KillSwitch():
            return replace(fact, halted=why)
        case Mode():
            return replace(fact, declared=why, running=why, unsafe=why, live=why)
        case SelfReport():
            return replace(fact, agent_mode=why, unsafe=why)
    return fact


def agreement(setting: str, stating: Sequence[Fact]) -> Agreement | None:
    """``None`` if there are no two sides; two containers of one workload may differ."""
    switches = [fact for fact in stating if isinstance(fact, KillSwitch)]
    reports = [fact for fact in stating if isinstance(fact, SelfReport)]
    modes = [fact for fact in stating if isinstance(fact, Mode) and (fact.declared, fact.running) != ("", "")]
    if len(switches) > 1:
        return _of_switch(setting, switches)
    return _of_mode(setting, reports, modes) if reports and modes else None


def _of_switch(setting: str, carriers: Sequence[KillSwitch]) -> Agreement:
    """A ConfigMap declares; whoever reads it (a mount, a service) says what is effective there. Who does not say
    "halted" is named first: a page is bounded."""
    told = sorted(carriers, key=lambda carrier: carrier.halted is True)
    said = "; ".join(f"{c.carrier} {c.location}: {_halted(c.halted)}" for c in told)
    effective = [_not(c.halted) for c in carriers if c.carrier != "config_map"]
    return Agreement(setting, _same([c.halted for c in carriers]), _any(effective), said)


def _of_mode(setting: str, reports: Sequence[SelfReport], modes: Sequence[Mode]) -> Agreement:
    """A service's word must be that of one of its containers, as declared and as running."""
    agree = _not(_any([_not(_any([_matches(report, mode) for mode in modes])) for report in reports]))
    running = [_runs_unsafe(mode, reports) for mode in modes]
    said = [f"{report.service} says {_value(report.agent_mode)}" for report in reports]
    said += [f"{m.container}: declared {_value(m.declared)}, running {_value(m.running)}" for m in modes]
    return Agreement(setting, agree, _any([*(report.unsafe for report in reports), *running]), "; ".join(said))


def _matches(report: SelfReport, mode: Mode) -> bool | Unknown:
    if report.agent_mode == "":
        return True
    running = mode.running if mode.live != 0 else ""
    return _not(_any([_not(_same([report.agent_mode, value])) for value in (mode.declared, running) if value != ""]))


def _runs_unsafe(mode: Mode, reports: Sequence[SelfReport]) -> bool | Unknown:
    """``Mode.unsafe`` says it of either value; which of the two it is shows where another knows one of them."""
    if mode.live == 0 or mode.running == "" or any(mode.running == report.agent_mode for report in reports):
        return False
    if mode.unsafe is True and mode.running != mode.declared:
        return Unknown("NotTold", f"{mode.variable} is unsafe as declared, as running, or both")
    return mode.unsafe


def _same(values: Sequence[str | bool | Unknown]) -> bool | Unknown:
    """Texts are compared as the platform does it, stripped and in upper case."""
    known = [v.strip().upper() if isinstance(v, str) else v for v in values if not isinstance(v, Unknown)]
    if any(value != known[0] for value in known):
        return False
    return next((value for value in values if isinstance(value, Unknown)), True)


def _any(values: Sequence[bool | Unknown]) -> bool | Unknown:
    if True in values:
        return True
    return next((value for value in values if isinstance(value, Unknown)), False)


def _not(value: bool | Unknown) -> bool | Unknown:
    return value if isinstance(value, Unknown) else not value


def _halted(value: bool | Unknown) -> str:
    return _value(value) if isinstance(value, Unknown) else "halted" if value else "not halted"


def _value(value: str | bool | Unknown) -> str:
    return f"unknown ({value.reason})" if isinstance(value, Unknown) else str(value) or "nothing"
