"""The effective environment, case by case, as the kubelet computes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.core.environment import (
    Bearer,
    Bulk,
    ConfigMapKey,
    Environment,
    FieldPath,
    Perhaps,
    ResourcePath,
    SecretKey,
    Unread,
    Variable,
    environment,
    needed,
)
from watchdog.core.facts import Unknown
from watchdog.core.pod import Container

WHY = Unknown("ChangedSinceStart")
MAPS: Mapping[str, Mapping[str, str | Unknown] | Unknown] = {
    "modes": {"AGENT_MODE": "EVAL", "mode": "PAPER", "not-a-name": "x"},
    "later": {"AGENT_MODE": "LIVE"},
    "hidden": Unknown("NotYetListed"),
    "empty": {},
    "doubtful": {"AGENT_MODE": Perhaps("ChangedSinceStart")},
    "changed": {"AGENT_MODE": WHY, "mode": WHY, "OTHER": "1"},
}
BEARER = Bearer(
    "trading-floor", "gamma-0", {"mode": "WARMUP"}, {"agenttrader.dev/mode": "LIVE"}, "uid-1", "floor", "node-7"
)
TEMPLATE = Bearer("trading-floor", "", {"mode": "WARMUP"})
LIMITS = (("limits.cpu", "1500m"), ("limits.memory", "1Gi"), ("requests.ephemeral-storage", "0.5Ki"))


def of(*entries: Variable | Bulk, bearer: Bearer = BEARER) -> Environment:
    variables = tuple(entry for entry in entries if isinstance(entry, Variable))
    bulk = tuple(entry for entry in entries if isinstance(entry, Bulk))
    return environment(Container("c", variables=variables, bulk=bulk, limits=LIMITS), bearer, MAPS.get)


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
    "the Pod's uid": (of(ref(FieldPath("metadata.uid"))), "uid-1"),
    "its service account": (of(ref(FieldPath("spec.serviceAccountName"))), "floor"),
    "no service account is the default one": (
        of(ref(FieldPath("spec.serviceAccountName")), bearer=TEMPLATE),
        "default",
    ),
    "its node": (of(ref(FieldPath("spec.nodeName"))), "node-7"),
    "a template's label": (of(ref(FieldPath("metadata.labels['mode']")), bearer=TEMPLATE), "WARMUP"),
    "a limit in whole units, rounded up": (of(ref(ResourcePath("limits.cpu"))), "2"),
    "a limit by its divisor": (of(ref(ResourcePath("limits.cpu", divisor="1m"))), "1500"),
    "a limit of this container by its name": (of(ref(ResourcePath("limits.memory", "c", "1Mi"))), "1024"),
    "a divisor of zero is one": (of(ref(ResourcePath("limits.memory", divisor="0"))), "1073741824"),
    "a request": (of(ref(ResourcePath("requests.ephemeral-storage"))), "512"),
    "a Pod's request that is not set is zero": (of(ref(ResourcePath("requests.cpu"))), "0"),
    "a literal beats a fieldRef beside it": (
        of(Variable("AGENT_MODE", "OFF", FieldPath("metadata.labels['mode']"))),
        "OFF",
    ),
    "a reference sees a fieldRef": (of(ref(FieldPath("metadata.labels['mode']"), "M"), lit("$(M)")), "WARMUP"),
    "a reference sees a resourceFieldRef": (of(ref(ResourcePath("limits.cpu"), "M"), lit("$(M)")), "2"),
    "a reference in the middle of another's name stays": (of(lit("1", "B"), lit("$(A$(B))")), "$(A$(B))"),
    "nothing between the brackets stays": (of(lit("$()")), "$()"),
    "an unset name stays": (of(lit("$(NO)")), "$(NO)"),
    "an empty value expands to nothing": (of(lit("", "M"), lit("a$(M)b")), "ab"),
    "references beside each other": (of(lit("LI", "A"), lit("VE", "B"), lit("$(A)$(B)")), "LIVE"),
    "a prefix makes the name": (of(Bulk("later", prefix="X_"), lit("$(X_AGENT_MODE)")), "LIVE"),
    "a doubt is settled by what comes after it": (of(Bulk("doubtful"), lit("OFF")), "OFF"),
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
    "a valueFrom of another kind": (of(ref(Unread())), "NotResolved"),
    "a limit that is not set is the node's": (of(ref(ResourcePath("limits.ephemeral-storage"))), "NotResolved"),
    "a template's request may be defaulted": (of(ref(ResourcePath("requests.cpu")), bearer=TEMPLATE), "NotResolved"),
    "another container's limit": (of(ref(ResourcePath("limits.cpu", "other"))), "NotResolved"),
    "a divisor that is none": (of(ref(ResourcePath("limits.cpu", divisor="x"))), "NotResolved"),
    "a template has no node": (of(ref(FieldPath("spec.nodeName")), bearer=TEMPLATE), "NotResolved"),
    "a template has no uid": (of(ref(FieldPath("metadata.uid")), bearer=TEMPLATE), "NotResolved"),
    "a key that was changed since": (of(ref(ConfigMapKey("changed", "mode"))), "ChangedSinceStart"),
    "a key that was changed since, by envFrom": (of(Bulk("changed")), "ChangedSinceStart"),
    "optional does not help what is unknown": (of(ref(ConfigMapKey("changed", "mode", True))), "ChangedSinceStart"),
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
    "a key that may have been there": (of(Bulk("doubtful")), "ChangedSinceStart"),
    "a key that may have been there after one that is": (of(Bulk("modes"), Bulk("doubtful")), "ChangedSinceStart"),
    "not before one that is": (of(Bulk("doubtful"), Bulk("modes")), None),
    "not a longer name": (of(Bulk("doubtful", prefix="OTHER_")), None),
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


def test_a_doubt_about_one_key_is_none_about_a_name_that_begins_like_it() -> None:
    doubtful = of(Bulk("doubtful"))
    assert doubtful.covered_by("AGENT_MODE") and doubtful.covered_by("AGENT_MODE_FILE") is None


NEEDED: dict[str, tuple[Container, set[str]]] = {
    "itself": (Container("c", variables=(lit("OFF"), lit("1", "OTHER"))), set()),
    "what its value refers to": (Container("c", variables=(lit("LIVE", "M"), lit("$(M)"))), {"M"}),
    "through another": (
        Container("c", variables=(lit("LIVE", "L"), lit("$(L)", "M"), lit("a$(M)"), lit("$(Z)", "OTHER"))),
        {"L", "M"},
    ),
    "each entry of a name": (Container("c", variables=(lit("$(A)"), lit("$(B)"))), {"A", "B"}),
    "a circle ends": (Container("c", variables=(lit("$(B)", "A"), lit("$(A)", "B"), lit("$(A)"))), {"A", "B"}),
    "the kubelet's references in a command": (Container("c", command=("env", "$(SET)"), args=("$(X)",)), {"SET", "X"}),
    "a shell's references in a command": (
        Container("c", variables=(lit("$(B)", "A"),), args=("-c", "AGENT_MODE=$A ${C:-x}${#D}")),
        {"A", "B", "C", "D"},
    ),
    "not what others refer to": (Container("c", variables=(lit("$(X)", "OTHER"), lit("OFF"))), set()),
}


@pytest.mark.parametrize("law", NEEDED)
def test_what_a_watched_name_depends_on_is_kept(law: str) -> None:
    container, others = NEEDED[law]
    assert needed(container, ["AGENT_MODE"]) == {"AGENT_MODE", *others}


ENTRIES = st.lists(
    st.one_of(
        st.builds(
            Variable,
            st.sampled_from(["AGENT_MODE", "A", "B", "C", "D"]),
            st.text("$()ABCD", max_size=8) | st.sampled_from(["$(A)", "$(B)$(C)", "LIVE"]),
        ),
        st.builds(ref, st.just(SecretKey("s", "k")), st.sampled_from(["A", "B", "D"])),
    ),
    max_size=8,
)


@given(ENTRIES)
def test_to_drop_what_is_not_needed_changes_no_watched_value(entries: list[Variable]) -> None:
    whole = Container("c", variables=tuple(entries))
    kept = needed(whole, ["AGENT_MODE"])
    less = replace(whole, variables=tuple(v for v in entries if v.name in kept))
    both = [environment(c, BEARER, MAPS.get) for c in (whole, less)]
    assert both[0].get("AGENT_MODE") == both[1].get("AGENT_MODE")


def go_expand(text: str, values: Mapping[str, str]) -> str:
    """The expansion, written after k8s.io/kubernetes/third_party/forked/golang/expansion, a character at a time."""
    out, at = "", 0
    while at < len(text):
        following = text[at + 1 : at + 2]
        if text[at] != "$" or not following:
            out, at = out + text[at], at + 1
        elif following == "$":
            out, at = out + "$", at + 2
        elif following == "(" and (end := text.find(")", at + 2)) >= 0:
            name = text[at + 2 : end]
            out, at = out + values.get(name, f"$({name})"), end + 1
        else:
            out, at = out + "$" + following, at + 2
    return out


@given(st.text("$()AB x", max_size=14))
def test_expansion_is_the_kubelets(text: str) -> None:
    computed = of(lit("1", "A"), lit("2", "B"), lit("3", ""), lit(text)).get("AGENT_MODE")
    assert computed == go_expand(text, {"A": "1", "B": "2", "": "3"})
