"""Unit tests of rules as YAML: facts over virtual time in, expected alerts out. ``testing`` runs them.

::

    rule_files: [../execution.yaml]         # beside the test file
    facts:                                  # named and whole; a text that is left out is empty
      agent: {workload: {namespace: agenttrader, kind: Deployment, workload: execution-agent, execution: true,
                         desired: 0, reported: 0, live: 0}}
    tests:
      - name: an execution workload above zero pages at once
        timeline:                           # steps of one instant without `alerts` between them are one turn
          - {at: 0s, see: {agent: {}}, alerts: []}
          - {at: 10s, see: {agent: {desired: 1}}}
          - at: 10s
            alerts:                         # all that is open; a pending alert may be left out
              - {alertname: ExecutionWorkloadAboveZero, sev: 0, state: firing, labels: {kind: Deployment}}
          - {at: 20s, see: {agent: {live: {unknown: Forbidden}}}}
          - {at: 30s, sight: {cluster: Timeout}}     # all looks of a source fail from here on ...
          - {at: 40s, sight: {cluster: seen}}        # ... and succeed again; cluster/workload is one of them
          - {at: 50s, market: closed, gone: [agent]}

Every look succeeds from 0s on unless ``sight`` says otherwise. Nothing is known of the market until it is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from watchdog.core.alert import Cause, State
from watchdog.core.facts import (
    KINDS,
    OBSERVED,
    Blindspot,
    DeadLetters,
    Endpoint,
    Fact,
    Gap,
    Grant,
    KillSwitch,
    Latent,
    Market,
    Metric,
    Mode,
    Receiver,
    SelfReport,
    Subscription,
    Trend,
    Unknown,
    UnseenWrite,
    Watchdog,
    Wiring,
    Workload,
)
from watchdog.core.observation import Coverage, Scope
from watchdog.core.severity import Sev
from watchdog.rules.schema import did_you_mean, field_types, listed
from watchdog.rules.stanza import Stanza, parsed

_TOGETHER: Mapping[str, tuple[str, ...]] = {
    "cluster": (
        *(KillSwitch.KIND, Workload.KIND, Mode.KIND, Latent.KIND, Wiring.KIND),
        *(Blindspot.KIND, Grant.KIND, Gap.KIND, UnseenWrite.KIND),
    ),
    "services": (SelfReport.KIND,),
    "data_plane": (Endpoint.KIND,),
    "pubsub": (Subscription.KIND, DeadLetters.KIND),
    "promql": (Metric.KIND, Trend.KIND),  # a trend is derived, and as unseen as its metric; a test tells either
    "calendar": (Market.KIND,),
    "outlets": (Receiver.KIND,),
}
SOURCES: Mapping[str, tuple[str, ...]] = {
    **_TOGETHER,
    **{cls.KIND: (cls.KIND,) for cls in OBSERVED if not any(cls.KIND in kinds for kinds in _TOGETHER.values())},
}
"""Which source looks at what in a test, each kind with looks of its own. A kind that is not placed above has a source
of its own name."""

COVERAGE: Mapping[Scope, Coverage] = {
    Scope(source, kind): Coverage(frozenset({kind}), float("inf"))
    for source, kinds in SOURCES.items()
    for kind in kinds
}
SCOPES: Mapping[str, tuple[Scope, ...]] = {
    **{source: tuple(Scope(source, kind) for kind in kinds) for source, kinds in SOURCES.items()},
    **{f"{scope.source}/{scope.part}": (scope,) for scope in COVERAGE},
}
SEEN = "seen"

_KINDS = (*(cls.KIND for cls in OBSERVED), Trend.KIND, Watchdog.KIND)
_CAUSES, _STATES, _SEVS = ("", *Cause), ("", *State), tuple(int(sev) for sev in Sev)


@dataclass(frozen=True, slots=True)
class Expected:
    """One alert that must be there. What is empty is not compared; ``summary`` is a part of the text."""

    alertname: str
    sev: Sev | None
    state: str
    cause: str
    labels: Mapping[str, str]
    summary: str


@dataclass(frozen=True, slots=True)
class Step:
    place: str  # file:line
    at: float
    seen: tuple[Fact, ...] = ()
    gone: tuple[Fact, ...] = ()
    sight: Mapping[Scope, Unknown | None] = field(default_factory=dict)
    alerts: tuple[Expected, ...] | None = None  # None: not compared


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Cases:
    """One test file."""

    rule_files: tuple[str, ...]
    cases: tuple[Case, ...]


def cases(file: str, text: str, problems: list[str]) -> Cases:
    """The tests of one file; what is wrong with it goes to ``problems``."""
    root = parsed(file, text, problems)
    if root is None:
        return Cases((), ())
    root.only("rule_files", "facts", "tests")
    root.required("rule_files", "tests")
    facts = dict(_facts(root))
    return Cases(root.texts("rule_files"), tuple(_case(test, facts) for test in root.stanzas("tests", "test")))


def _facts(root: Stanza) -> Iterator[tuple[str, Fact]]:
    named = root.stanza("facts")
    for name in named.names() if named else ():
        fact = named.stanza(name) if named else None
        kind = fact.names()[0] if fact and fact.names() else ""
        if fact is None or len(fact.names()) != 1 or kind not in _KINDS:
            root.refuse("facts", f"{name}: expected one of {listed(_KINDS)} and its fields{did_you_mean(kind, _KINDS)}")
        elif fields := fact.stanza(kind):
            yield name, KINDS[kind](**_fields(fields, kind, _empty(kind, fields)))


def _empty(kind: str, fields: Stanza) -> dict[str, object]:
    """What a fact holds where its test says nothing: texts only; notes what else is missing."""
    types = field_types(kind)
    fields.required(*(name for name, held in types.items() if held is not str or name in KINDS[kind].IDENTITY))
    return dict.fromkeys(types, "")


def _fields(stanza: Stanza, kind: str, before: Mapping[str, object]) -> dict[str, Any]:
    types = field_types(kind)
    stanza.only(*types)
    return {**before, **{name: _field(stanza, name, types[name]) for name in stanza.names() if name in types}}


def _field(stanza: Stanza, name: str, held: type) -> object:
    if stanza.is_mapping(name):
        return _unknown(stanza, name)
    value = stanza.plain(name)
    if type(value) is held:
        return value
    if held is float and type(value) is int:
        return float(value)
    if value is not None:
        stanza.refuse(name, f"expected {held.__name__}, got '{value}'")
    return Unknown("Malformed")


def _unknown(stanza: Stanza, name: str) -> Unknown:
    why = stanza.stanza(name)
    if why is None or not why.required("unknown"):
        return Unknown("Malformed")
    why.only("unknown", "message")
    return Unknown(why.text("unknown"), why.text("message"))


def _case(test: Stanza, facts: Mapping[str, Fact]) -> Case:
    test.only("name", "timeline")
    test.required("name", "timeline")
    name = test.text("name") or test.where
    now, steps = dict(facts), list[Step]()
    for found in test.stanzas("timeline", "step"):
        steps.append(_step(found.named(f"test '{name}', {found.where.rpartition(', ')[2]}"), now))
        if len(steps) > 1 and steps[-1].at < steps[-2].at:
            found.refuse("at", "expected a time that is not before the step before")
    return Case(name, tuple(steps))


def _step(step: Stanza, now: dict[str, Fact]) -> Step:
    step.only("at", "see", "gone", "sight", "market", "alerts")
    step.required("at")
    seen = tuple(_see(step, now))
    if step.has("market"):
        stands = step.choice("market", ("open", "closed", "opening"))  # opening: in the grace after the bell
        seen = (Market("NYSE", stands != "closed", stands, stands == "open", 3650), *seen)
    gone = tuple(now[name] for name in step.texts("gone") if _is_known(step, "gone", name, now))
    alerts = tuple(_expected(alert) for alert in step.stanzas("alerts", "alert")) if step.has("alerts") else None
    return Step(step.place, step.seconds("at"), seen, gone, dict(_sight(step)), alerts)


def _see(step: Stanza, now: dict[str, Fact]) -> Iterator[Fact]:
    see = step.stanza("see")
    for name in see.names() if see else ():
        change = see.stanza(name) if see else None
        if change is not None and _is_known(step, "see", name, now):
            before = now[name]
            was = {field: getattr(before, field) for field in field_types(before.KIND)}
            now[name] = type(before)(**_fields(change, before.KIND, was))
            yield now[name]


def _is_known(step: Stanza, key: str, name: str, known: Mapping[str, object]) -> bool:
    if name not in known:
        step.refuse(key, f"'{name}' is not among the facts of this file{did_you_mean(name, known)}")
    return name in known


def _sight(step: Stanza) -> Iterator[tuple[Scope, Unknown | None]]:
    sight = step.stanza("sight")
    for name in sight.names() if sight else ():
        if sight and name in SCOPES:
            reason = sight.text(name)
            for scope in SCOPES[name]:
                yield scope, None if reason == SEEN else Unknown(reason)
        else:
            step.refuse("sight", f"'{name}' does not look; expected {listed(SCOPES)}{did_you_mean(name, SCOPES)}")


def _expected(alert: Stanza) -> Expected:
    alert.only("alertname", "sev", "state", "cause", "labels", "summary")
    alert.required("alertname")
    labels = alert.stanza("labels")
    return Expected(
        alert.text("alertname"),
        Sev(alert.number("sev", _SEVS)) if alert.has("sev") else None,
        alert.choice("state", _STATES),
        alert.choice("cause", _CAUSES),
        {name: labels.text(name) for name in labels.names()} if labels else {},
        alert.text("summary"),
    )
