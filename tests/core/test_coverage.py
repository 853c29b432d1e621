"""What is observed and what is not: nothing that is out of sight is passed over in silence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.fakes import START
from watchdog.core.coverage import CLASSES, LIMIT, Report, Row, coverage
from watchdog.core.facts import Api, Blindspot, Fact, Grant, KillSwitch, SelfReport, Unknown
from watchdog.core.instant import Instant
from watchdog.core.observation import Coverage, Facts, Observation, Scope, Sees
from watchdog.core.posture import Posture

EVERY = frozenset(CLASSES)
FORBIDDEN = Unknown("Forbidden", 'pods is forbidden: User "x" cannot watch resource "pods"')
SWITCH = KillSwitch("EXECUTION_HALTED", "config_map", "trading-floor/agenttrader-kill-switch", True, "1", "")
PODS, POD_NAMESPACE = Sees("kind", "pods", "a"), Sees("namespace", "a", "a", every=True)
DEPLOYMENTS = Sees("kind", "deployments.apps", "a")


def scope(part: str) -> Scope:
    return Scope("kubernetes", part)


def report(
    scopes: Mapping[str, tuple[Sees, ...]],
    *facts: Fact,
    failing: Mapping[str, Unknown] | None = None,
    provides: frozenset[str] = EVERY,
    silent: tuple[str, ...] = (),
    after: float = 1.0,
) -> Report:
    """Every scope looked once, a second ago, but those that fail or were silent. The facts are the first one's."""
    promised = {scope(part): Coverage(provides, 10.0, sees=sees) for part, sees in scopes.items()}
    begun = Instant(START, 0.0)
    looks: dict[str, Facts | Unknown] = {part: Facts() for part in scopes if part not in silent}
    looks |= {next(iter(scopes)): Facts(facts)} if facts else {}
    looks |= failing or {}
    observations = [Observation(scope(part), begun, look) for part, look in looks.items()]
    return coverage(Posture.initial(begun, promised).updated(Instant(START, after), observations))


def rows(told: Report) -> dict[tuple[str, str], tuple[str, str]]:
    return {(row.area, row.what): (row.state, row.reason) for row in told.rows}


def test_what_a_live_look_sees_is_observed_by_it_and_as_old_as_it() -> None:
    told = report({"watch pods": (PODS,)})
    assert told == Report(True, (Row("kind", "pods", "a", "observed", (scope("watch pods"),), 1.0),))
    assert told.complete


def test_what_no_look_sees_now_is_not_observed_and_says_why() -> None:
    told = report({"watch pods": (PODS,), "watch deployments": (DEPLOYMENTS,)}, failing={"watch pods": FORBIDDEN})
    assert rows(told)["kind", "pods"] == ("not_observed", "Forbidden") and not told.complete
    assert rows(told)["kind", "deployments.apps"] == ("observed", "")


@pytest.mark.parametrize("after, reason", [(11.0, "Stale"), (1.0, "NeverObserved")])
def test_silence_is_not_sight(after: float, reason: str) -> None:
    silent = ("watch pods",) if reason == "NeverObserved" else ()
    told = report({"watch pods": (PODS,)}, silent=silent, after=after)
    assert rows(told) == {("kind", "pods"): ("not_observed", reason)} and not told.looked


def test_of_two_that_see_one_thing_either_suffices() -> None:
    twice = {"watch config maps": (PODS,), "read config map": (PODS,)}
    told = report(twice, failing={"watch config maps": FORBIDDEN})
    assert rows(told) == {("kind", "pods"): ("observed", "")}
    assert rows(report(twice, failing=dict.fromkeys(twice, FORBIDDEN)))["kind", "pods"][0] == "not_observed"


def test_a_namespace_is_observed_only_while_everything_in_it_is() -> None:
    both = {"watch pods": (POD_NAMESPACE,), "watch deployments": (POD_NAMESPACE,)}
    assert rows(report(both))["namespace", "a"] == ("observed", "")
    told = report(both, failing={"watch pods": FORBIDDEN})
    assert rows(told)["namespace", "a"] == ("not_observed", "Forbidden")


def test_a_look_that_could_not_tell_has_not_observed() -> None:
    key = Sees("config_map_key", "agenttrader-kill-switch: EXECUTION_HALTED", "trading-floor", subject=SWITCH.subject)
    assert report({"read": (key,)}, SWITCH).complete
    assert report({"read": (key,)}).complete, "a carrier that may be absent is, and that was seen"
    unknown = KillSwitch(SWITCH.switch, SWITCH.carrier, SWITCH.location, Unknown("Undecodable"), "", "")
    told = report({"read": (key,)}, unknown)
    assert rows(told)["config_map_key", key.what] == ("not_observed", "Undecodable")


def test_where_one_field_counts_what_is_unknown_beside_it_is_no_gap() -> None:
    why = Unknown("Never")
    key = Sees("config_map_key", "x", subject=SWITCH.subject, field="halted")
    fact = KillSwitch(SWITCH.switch, SWITCH.carrier, SWITCH.location, True, why, "")  # type: ignore[arg-type]
    assert report({"read": (key,)}, fact).complete
    fact = KillSwitch(SWITCH.switch, SWITCH.carrier, SWITCH.location, why, "", "")
    assert not report({"read": (key,)}, fact).complete


def test_a_service_that_does_not_answer_is_not_observed() -> None:
    why = Unknown("ConnectionRefused", "nobody listens there")
    fact = SelfReport("strategy-engine", "http://x", why, why, why, why, "", str(why))
    told = report({"strategy-engine": (Sees("self_report", "strategy-engine", subject=fact.subject),)}, fact)
    assert rows(told) == {("self_report", "strategy-engine"): ("not_observed", "ConnectionRefused")}


def test_a_kind_that_is_not_served_is_listed_and_is_no_gap() -> None:
    rollouts = Sees("kind", "rollouts.argoproj.io", "")
    told = report({"watch rollouts": (rollouts,)}, Api("kubernetes", "rollouts.argoproj.io", False))
    assert rows(told) == {("kind", "rollouts.argoproj.io"): ("not_served", "NotServed")} and told.complete
    assert report({"watch rollouts": (rollouts,)}, Api("kubernetes", "rollouts.argoproj.io", True)).rows[0].state == (
        "observed"
    )


def test_a_kind_of_which_nobody_can_tell_whether_it_is_served_is_not_observed() -> None:
    rollouts = {"access": (), "watch rollouts": (Sees("kind", "rollouts.argoproj.io", ""),)}
    unserved = Api("kubernetes", "rollouts.argoproj.io", False)
    assert report(rollouts, unserved).complete
    told = report(rollouts, unserved, failing={"watch rollouts": Unknown("Forbidden")})
    assert rows(told)["kind", "rollouts.argoproj.io"][0] == "not_observed"


@pytest.mark.parametrize("kind", CLASSES)
def test_a_class_of_safety_facts_that_nobody_looks_at_is_a_gap(kind: str) -> None:
    told = report({"all but one": ()}, provides=EVERY - {kind})
    assert rows(told) == {("class", kind): ("not_observed", "NotConfigured")} and not told.complete


def test_what_is_knowingly_left_out_is_a_gap() -> None:
    spot = Blindspot("config_map", "Deployment a/x: ConfigMap y", "NotNamed", "it refers to ConfigMap y")
    told = report({"watch pods": (PODS,)}, spot)
    assert rows(told)["config_map", spot.what] == ("not_observed", "NotNamed") and not told.complete


def test_what_is_not_served_is_none_whoever_says_so() -> None:
    assert report({"watch pods": (PODS,)}, Blindspot("kind", "rollouts.argoproj.io", "NotServed", "")).complete


def test_a_permission_that_is_missing_is_a_gap_although_an_open_watch_outlives_it() -> None:
    """kube-wire, point 13."""
    grant = Grant("kubernetes", "*", "watch pods, list replicasets.apps", "", "it may not watch pods")
    told = report({"watch pods": (PODS,)}, grant)
    assert rows(told)["kind", "pods"] == ("observed", "")
    assert rows(told)["permission", "watch pods, list replicasets.apps"] == ("not_observed", "Forbidden")
    assert not told.complete


def test_permissions_that_nobody_could_ask_about_are_a_gap_and_too_many_are_none() -> None:
    unknown = Grant("kubernetes", "*", Unknown("Timeout"), "", "")
    assert rows(report({"watch pods": (PODS,)}, unknown))["permission", "kubernetes"] == ("not_observed", "Timeout")
    assert report({"watch pods": (PODS,)}, Grant("kubernetes", "*", "", "get secrets", "")).complete


def test_a_look_without_which_something_is_unknown_is_a_gap_when_it_fails() -> None:
    told = report({"read Deployment a/x": (), "watch pods": (PODS,)}, failing={"read Deployment a/x": FORBIDDEN})
    assert rows(told)["look", "kubernetes: read Deployment a/x"] == ("not_observed", "Forbidden")
    assert report({"receipts": (), "watch pods": (PODS,)}).complete


def test_where_nothing_is_configured_to_be_seen_nothing_is_complete() -> None:
    assert not report({}).complete


def test_where_nothing_at_all_is_seen_nothing_is_said() -> None:
    told = report({"watch pods": (PODS,)}, failing={"watch pods": Unknown("ConnectionRefused")})
    assert not told.looked and not told.complete
    assert not report({"health": (PODS,)}, provides=frozenset({"endpoint"})).looked


def test_a_document_names_the_gaps_first_and_counts_what_it_leaves_out() -> None:
    many = tuple(Sees("kind", f"kind{i}", "") for i in range(LIMIT))
    told: dict[str, Any] = report({"watch": many}, Blindspot("secret", "x", "FromSecret", "")).as_json()
    assert (len(told["rows"]), told["rows_omitted"]) == (LIMIT, 1)
    assert told["rows"][0] == {
        "area": "secret", "what": "x", "where": "", "state": "not_observed", "scopes": [], "age_seconds": None,
        "reason": "FromSecret", "explanation": "",
    }  # fmt: skip
    assert told["rows"][1]["scopes"] == ["kubernetes: watch"]


def test_nothing_sensitive_is_in_a_document() -> None:
    leak = Unknown("Forbidden", "Authorization: Bearer abcdefghijklmnop.qrstuvwxyz")
    told = report({"watch pods": (PODS,)}, failing={"watch pods": leak}).as_json()
    assert "abcdefghijklmnop" not in str(told)
