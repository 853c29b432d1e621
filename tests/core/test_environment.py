"""The effective environment, case by case, as the kubelet computes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from watchdog.core.environment import (
    Bearer,
    Bulk,
    ConfigMapKey,
    Environment,
    FieldPath,
    SecretKey,
    Unread,
    Variable,
    environment,
)
from watchdog.core.facts import Unknown

MAPS: Mapping[str, Mapping[str, str] | Unknown] = {
    "modes": {"AGENT_MODE": "EVAL", "mode": "PAPER", "not-a-name": "x"},
    "later": {"AGENT_MODE": "LIVE"},
    "hidden": Unknown("NotYetListed"),
    "empty": {},
}
BEARER = Bearer("trading-floor", "gamma-0", {"mode": "WARMUP"}, {"agenttrader.dev/mode": "LIVE"})


def of(*entries: Variable | Bulk, bearer: Bearer = BEARER) -> Environment:
    variables = tuple(entry for entry in entries if isinstance(entry, Variable))
    return environment(variables, tuple(e for e in entries if isinstance(e, Bulk)), bearer, MAPS.get)


def lit(value: str, name: str = "AGENT_MODE") -> Variable:
    return Variable(name, value)


def ref(origin: Any, name: str = "AGENT_MODE") -> Variable:
    return Variable(name, "", origin)


LAWS: dict[str, tuple[Environment, str | None]] = {
    "nothing sets it": (of(), None),
    "a literal": (of(lit("OFF")), "OFF"),
    "an empty literal is set": (of(lit("")), ""),
    "a later entry beats an earlier one": (of(lit("OFF"), lit("LIVE")), "LIVE"),
    "env beats envFrom": (of(Bulk("modes"), lit("OFF")), "OFF"),
    "env beats envFrom also where it is empty": (of(Bulk("modes"), lit("")), ""),
    "a later envFrom beats an earlier one": (of(Bulk("modes"), Bulk("later")), "LIVE"),
    "a prefix is put before each key": (of(Bulk("later", prefix="OLD_")), None),
    "a prefix can make the name": (of(Bulk("modes", prefix="AGENT_")), None),
    "an optional ConfigMap that is missing sets nothing": (of(Bulk("nowhere", optional=True)), None),
    "a reference expands": (of(lit("LIVE", "M"), lit("$(M)")), "LIVE"),
    "a reference expands inside a text": (of(lit("VE", "M"), lit("LI$(M)!")), "LIVE!"),
    "an escaped reference does not expand": (of(lit("LIVE", "M"), lit("$$(M)")), "$(M)"),
    "an escaped escape does": (of(lit("LIVE", "M"), lit("$$$(M)")), "$LIVE"),
    "a dollar by itself stays": (of(lit("$5 and $")), "$5 and $"),
    "an unfinished reference stays": (of(lit("LIVE", "M"), lit("$(M")), "$(M"),
    "a reference to what comes later stays": (of(lit("$(M)"), lit("LIVE", "M")), "$(M)"),
    "what was expanded is not expanded again": (of(lit("$$(X)", "M"), lit("1", "X"), lit("$(M)")), "$(X)"),
    "a reference sees envFrom": (of(Bulk("modes"), lit("$(mode)")), "PAPER"),
    "a reference to itself sees what was before": (of(Bulk("modes"), lit("$(AGENT_MODE)x")), "EVALx"),
    "a reference sees a key that is no C identifier": (of(Bulk("modes"), lit("$(not-a-name)")), "x"),
    "a key of a ConfigMap": (of(ref(ConfigMapKey("modes", "mode"))), "PAPER"),
    "a value of a ConfigMap is not expanded": (of(ref(ConfigMapKey("modes", "mode"))), "PAPER"),
    "an optional key that is missing leaves what was": (of(lit("OFF"), ref(ConfigMapKey("modes", "no", True))), "OFF"),
    "an optional key of nothing leaves what was": (of(lit("OFF"), ref(ConfigMapKey("no", "no", True))), "OFF"),
    "a literal beats the reference beside it": (of(Variable("AGENT_MODE", "OFF", SecretKey("s", "k"))), "OFF"),
    "a label": (of(ref(FieldPath("metadata.labels['mode']"))), "WARMUP"),
    "a label that is missing is empty": (of(ref(FieldPath("metadata.labels['no']"))), ""),
    "an annotation": (of(ref(FieldPath("metadata.annotations['agenttrader.dev/mode']"))), "LIVE"),
    "the Pod's name": (of(ref(FieldPath("metadata.name"))), "gamma-0"),
    "the Pod's namespace": (of(ref(FieldPath("metadata.namespace"))), "trading-floor"),
}


@pytest.mark.parametrize("law", LAWS)
def test_the_value_of_a_variable(law: str) -> None:
    computed, expected = LAWS[law]
    assert computed.get("AGENT_MODE") == expected
    assert computed.covered_by("AGENT_MODE") is None


UNKNOWNS: dict[str, tuple[Environment, str]] = {
    "a Secret is never read": (of(ref(SecretKey("s", "k"))), "FromSecret"),
    "an unknown stays so through an expansion": (of(ref(SecretKey("s", "k"), "M"), lit("x$(M)")), "FromSecret"),
    "a ConfigMap that is not in sight": (of(ref(ConfigMapKey("hidden", "k"))), "NotYetListed"),
    "not in sight, optional or not": (of(ref(ConfigMapKey("hidden", "k", True))), "NotYetListed"),
    "a ConfigMap that must be and is not": (of(ref(ConfigMapKey("no", "k"))), "Missing"),
    "a key that must be and is not": (of(ref(ConfigMapKey("empty", "k"))), "Missing"),
    "a resourceFieldRef": (of(ref(Unread())), "NotResolved"),
    "a field that is not metadata": (of(ref(FieldPath("status.podIP"))), "NotResolved"),
    "a template has no Pod's name": (of(ref(FieldPath("metadata.name")), bearer=Bearer("x")), "NotResolved"),
    "a reference to what a Secret may have set": (of(Bulk(secret="s"), lit("$(M)")), "FromSecret"),
    "a reference to what a Secret may have overridden": (
        of(Bulk("modes"), Bulk(secret="s"), lit("$(mode)")),
        "FromSecret",
    ),
}


@pytest.mark.parametrize("law", UNKNOWNS)
def test_what_cannot_be_seen_is_unknown(law: str) -> None:
    computed, reason = UNKNOWNS[law]
    value = computed.get("AGENT_MODE")
    assert isinstance(value, Unknown) and value.reason == reason


COVERED: dict[str, tuple[Environment, str | None]] = {
    "an envFrom Secret could set it": (of(Bulk(secret="s")), "FromSecret"),
    "after a ConfigMap that sets it": (of(Bulk("modes"), Bulk(secret="s")), "FromSecret"),
    "not before a ConfigMap that sets it": (of(Bulk(secret="s"), Bulk("modes")), None),
    "not where env sets it": (of(Bulk(secret="s"), lit("OFF")), None),
    "not under another prefix": (of(Bulk(secret="s", prefix="DB_")), None),
    "under a prefix of the name": (of(Bulk(secret="s", prefix="AGENT_")), "FromSecret"),
    "a ConfigMap that is not in sight": (of(Bulk("hidden")), "NotYetListed"),
    "a ConfigMap that must be and is not": (of(Bulk("no")), "Missing"),
}


@pytest.mark.parametrize("law", COVERED)
def test_a_blind_source_covers_what_nothing_after_it_sets(law: str) -> None:
    computed, reason = COVERED[law]
    covering = computed.covered_by("AGENT_MODE")
    assert (covering.reason if covering else None) == reason


def test_it_is_known_which_key_of_which_config_map_a_name_comes_from() -> None:
    assert of(ref(ConfigMapKey("modes", "mode"))).taken_from == {"AGENT_MODE": ("modes", "mode")}
    assert of(Bulk("later")).taken_from == {"AGENT_MODE": ("later", "AGENT_MODE")}
    assert of(Bulk("later"), lit("OFF")).taken_from == {}
