"""RBAC as values: what a rule allows, and what of it is more than a reader needs."""

from __future__ import annotations

import json

import pytest

from watchdog.ports import Unreachable
from watchdog.sources.kubernetes.permissions import (
    Permission,
    Rule,
    Rules,
    access_review,
    is_excess,
    needs,
    rules_of,
    sentence,
    verdict_of,
)
from watchdog.sources.kubernetes.resources import CONFIG_MAPS, DEPLOYMENTS

READ = ("get", "list", "watch")
AUTHORIZATION = "authorization.k8s.io"

EXCESS = [
    ("patch", "apps", "deployments"), ("update", "apps", "deployments/scale"), ("create", "", "pods"),
    ("delete", "", "configmaps"), ("deletecollection", "batch", "jobs"), ("create", "", "serviceaccounts/token"),
    ("escalate", "rbac.authorization.k8s.io", "roles"), ("bind", "rbac.authorization.k8s.io", "clusterroles"),
    ("impersonate", "", "users"), ("approve", "certificates.k8s.io", "signers"), ("*", "apps", "deployments"),
    ("*", "*", "*"), ("get", "", "secrets"), ("list", "", "secrets"), ("watch", "", "secrets"), ("get", "", "*"),
    ("get", "*", "*"), ("get", "*", "secrets"), ("get", "", "pods/exec"), ("get", "", "pods/attach"),
    ("get", "", "pods/portforward"), ("get", "", "nodes/proxy"), ("get", "", "services/proxy"), ("get", "", "pods/*"),
    ("get", "", "*/exec"), ("somethingnew", "apps", "deployments"), ("create", AUTHORIZATION, "subjectaccessreviews"),
    ("update", AUTHORIZATION, "selfsubjectaccessreviews"),
]  # fmt: skip
NO_EXCESS = [
    *((verb, "", "pods") for verb in READ), *((verb, "apps", "*") for verb in READ), ("get", "", "pods/log"),
    ("get", "apps", "deployments/scale"), ("list", "", "nodes"), ("get", "", "pods/status"),
    ("create", AUTHORIZATION, "selfsubjectaccessreviews"), ("create", AUTHORIZATION, "selfsubjectrulesreviews"),
    ("create", "authentication.k8s.io", "selfsubjectreviews"), ("get", "external-secrets.io", "secretstores"),
    ("use", "security.openshift.io", "securitycontextconstraints"),
]  # fmt: skip


@pytest.mark.parametrize("permission", EXCESS, ids=" ".join)
def test_any_write_any_secret_and_any_way_into_a_pod_is_too_much(permission: tuple[str, str, str]) -> None:
    assert is_excess(Permission(*permission))


@pytest.mark.parametrize("permission", NO_EXCESS, ids=" ".join)
def test_reading_and_asking_about_oneself_is_not(permission: tuple[str, str, str]) -> None:
    assert not is_excess(Permission(*permission))


def test_each_excess_is_named_once_and_in_order() -> None:
    rule = Rule(("get", "patch"), ("", "apps"), ("deployments", "secrets"))
    named = ["patch deployments", "get secrets", "patch secrets", "patch deployments.apps", "patch secrets.apps"]
    assert [str(p) for p in Rules((rule, rule)).excess("trading-floor")] == named


def test_a_secret_that_is_granted_by_its_name_is_named() -> None:
    rules = Rules((Rule(("get",), ("",), ("secrets",), ("broker-key",)),))
    assert sentence(rules.excess("trading-floor")) == "get secrets broker-key"


def test_a_long_sentence_is_cut_and_counted() -> None:
    cut = sentence(Permission("patch", "apps", f"kind{i}") for i in range(25))
    assert cut.startswith("patch kind0.apps, patch kind1.apps") and cut.endswith("patch kind19.apps and 5 more")
    assert sentence(()) == ""


ALLOWS = [
    (Rule(READ, ("apps",), ("deployments",)), Permission("list", "apps", "deployments"), True),
    (Rule(READ, ("apps",), ("deployments",)), Permission("list", "", "deployments"), False),
    (Rule(READ, ("apps",), ("deployments",)), Permission("patch", "apps", "deployments"), False),
    (Rule(READ, ("apps",), ("deployments",)), Permission("get", "apps", "deployments/scale"), False),
    (Rule(("*",), ("*",), ("*",)), Permission("get", "apps", "deployments/scale"), True),
    (Rule(READ, ("",), ("configmaps",), ("a", "b")), Permission("watch", "", "configmaps", name="b"), True),
    (Rule(READ, ("",), ("configmaps",), ("a", "b")), Permission("watch", "", "configmaps", name="c"), False),
    (Rule(READ, ("",), ("configmaps",), ("a", "b")), Permission("watch", "", "configmaps"), False),
    (Rule(("get",), None, None), Permission("get", "", "pods"), False),
]


@pytest.mark.parametrize(("rule", "permission", "allowed"), ALLOWS)
def test_a_rule_allows_what_rbac_says_that_it_does(rule: Rule, permission: Permission, allowed: bool) -> None:
    assert rule.allows(permission) is allowed


def test_a_watched_collection_needs_list_and_watch_and_a_named_object_its_name() -> None:
    assert [str(p) for p in needs(DEPLOYMENTS, "")] == ["list deployments.apps", "watch deployments.apps"]
    (read,) = needs(CONFIG_MAPS, "trading-floor", "agenttrader-safety", verbs=("get",))
    assert read == Permission("get", "", "configmaps", "trading-floor", "agenttrader-safety")


def test_a_review_asks_as_the_recorded_one_does() -> None:
    asked = json.loads(access_review(Permission("patch", "apps", "deployments/scale", "agenttrader")))
    assert asked == {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {
            "resourceAttributes": {
                "verb": "patch", "group": "apps", "resource": "deployments", "subresource": "scale",
                "namespace": "agenttrader",
            }
        },
    }  # fmt: skip


def test_a_denial_is_a_bare_false() -> None:
    assert verdict_of(b'{"status": {"allowed": false}}').status.allowed is False


@pytest.mark.parametrize("body", [b"{}", b'{"status": {}}', b'{"status": {"allowed": "true"}}', b"[]", b"", b"\xff"])
def test_what_is_no_verdict_is_none(body: bytes) -> None:
    with pytest.raises(Unreachable, match="Undecodable"):
        verdict_of(body)


def test_rules_without_resources_grant_nothing() -> None:
    assert rules_of(b'{"status": {"resourceRules": null, "incomplete": true}}').status == Rules(None, True)
