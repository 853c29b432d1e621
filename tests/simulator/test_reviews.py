"""SelfSubject*Review (kube-wire README, point 23)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.simulator.access import READER, admit_reader, binding, reader, role, rule, subject
from tests.simulator.client import SWITCH, Api
from watchdog.ports import KubernetesError, Unreachable
from watchdog.simulator import kubectl
from watchdog.simulator.apiserver import ApiServer
from watchdog.simulator.cluster import Cluster
from watchdog.simulator.faults import Down
from watchdog.simulator.ports import InProcessKubernetes

JSON = dict[str, Any]
AUTHORIZATION, AUTHENTICATION = "authorization.k8s.io/v1", "authentication.k8s.io/v1"
ACCESS = f"/apis/{AUTHORIZATION}/selfsubjectaccessreviews"
RULES = f"/apis/{AUTHORIZATION}/selfsubjectrulesreviews"
SELF = f"/apis/{AUTHENTICATION}/selfsubjectreviews"
MAY_READ = {"resourceAttributes": {"verb": "get", "resource": "configmaps", "namespace": "trading-floor"}}


@pytest.fixture
def server(cluster: Cluster) -> ApiServer:
    admit_reader(cluster)
    return ApiServer(cluster)


def access(spec: JSON) -> JSON:
    return {"kind": "SelfSubjectAccessReview", "apiVersion": AUTHORIZATION, "spec": spec}


def rules(namespace: str) -> JSON:
    spec = {"namespace": namespace} if namespace else {}
    return {"kind": "SelfSubjectRulesReview", "apiVersion": AUTHORIZATION, "spec": spec}


async def test_what_is_allowed_says_by_whom_and_what_is_denied_says_nothing(server: ApiServer) -> None:
    status, body = await reader(server).call("POST", ACCESS, {}, access(MAY_READ))
    assert (status, body["status"]["allowed"]) == (201, True)
    assert body["status"]["reason"].startswith('RBAC: allowed by ClusterRoleBinding "watchdog-ro" of ClusterRole')
    denied = {"resourceAttributes": {**MAY_READ["resourceAttributes"], "verb": "patch"}}
    status, body = await reader(server).call("POST", ACCESS, {}, access(denied))
    assert (status, body["status"]) == (201, {"allowed": False})


async def test_a_review_answers_as_a_request_would_be_answered(server: ApiServer) -> None:
    named = role("named", rule(["get"], ["secrets"], "", "one"))
    kubectl.create(server.cluster, named, binding("named", named, subject(*READER)))
    for spec, allowed in (
        ({"resourceAttributes": {"verb": "get", "resource": "secrets", "name": "one"}}, True),
        ({"resourceAttributes": {"verb": "get", "resource": "secrets", "name": "two"}}, False),
        ({"resourceAttributes": {"verb": "get", "resource": "secrets"}}, False),
        ({"resourceAttributes": {"verb": "get", "group": "apps", "version": "v1", "resource": "deployments"}}, True),
        (
            {"resourceAttributes": {"verb": "get", "group": "apps", "resource": "deployments", "subresource": "scale"}},
            False,
        ),
        ({"nonResourceAttributes": {"verb": "get", "path": "/version"}}, True),
        ({"nonResourceAttributes": {"verb": "get", "path": "/metrics"}}, False),
    ):
        _, body = await reader(server).call("POST", ACCESS, {}, access(spec))
        assert body["status"]["allowed"] is allowed, spec


async def test_a_review_asks_exactly_one_question(server: ApiServer) -> None:
    for spec in ({}, {**MAY_READ, "nonResourceAttributes": {"verb": "get", "path": "/"}}):
        status, body = await Api(server).call("POST", ACCESS, {}, access(spec))
        assert (status, body["reason"]) == (422, "Invalid")
    assert (await Api(server).call("POST", RULES, {}, rules("")))[1]["message"] == "no namespace on request"
    assert (await Api(server).call("POST", ACCESS, {}, rules("x")))[0] == 400
    assert (await Api(server).call("POST", ACCESS, {}, access(MAY_READ), content_type="application/yaml"))[0] == 415


async def test_the_rules_of_one_namespace_are_listed_with_what_everybody_may(server: ApiServer) -> None:
    local = role("local", rule(["delete"], ["pods"]), namespace="agenttrader")
    kubectl.create(server.cluster, local, binding("local", local, subject(*READER), namespace="agenttrader"))
    found = {}
    for namespace in ("agenttrader", "trading-floor"):
        _, body = await reader(server).call("POST", RULES, {}, rules(namespace))
        found[namespace] = body["status"]["resourceRules"]
        assert body["status"]["incomplete"] is False
    assert (
        rule(["delete"], ["pods"]) in found["agenttrader"] and rule(["delete"], ["pods"]) not in found["trading-floor"]
    )
    reviews = rule(["create"], ["selfsubjectaccessreviews", "selfsubjectrulesreviews"], "authorization.k8s.io")
    assert reviews in found["trading-floor"]


async def test_rules_that_cannot_be_evaluated_are_incomplete(server: ApiServer) -> None:
    kubectl.create(server.cluster, binding("dangling", role("gone"), subject(*READER)))
    _, body = await reader(server).call("POST", RULES, {}, rules("x"))
    assert body["status"]["incomplete"] is True
    assert body["status"]["evaluationError"] == 'clusterrole.rbac.authorization.k8s.io "gone" not found'


async def test_one_is_told_who_one_is(server: ApiServer) -> None:
    asked = {"kind": "SelfSubjectReview", "apiVersion": AUTHENTICATION}
    _, body = await reader(server).call("POST", SELF, {}, asked)
    assert body["status"]["userInfo"]["username"] == "system:serviceaccount:trading-floor:watchdog-ro"
    _, body = await Api(server).call("POST", SELF, {}, asked)
    assert "system:masters" in body["status"]["userInfo"]["groups"]


async def test_a_review_is_never_stored(server: ApiServer) -> None:
    before = server.cluster.revision
    await Api(server).call("POST", ACCESS, {}, access(MAY_READ))
    assert server.cluster.revision == before
    for method in ("GET", "DELETE"):
        assert (await Api(server).call(method, ACCESS))[0] == 405


async def test_nobody_in_particular_may_not_even_ask(server: ApiServer) -> None:
    server.authentication.demanded = True
    assert (await Api(server).call("POST", ACCESS, {}, access(MAY_READ)))[0] == 403


async def test_the_port_reviews_and_posts_nothing_else(server: ApiServer) -> None:
    kubernetes = InProcessKubernetes(server, token=server.authentication.issue(*READER))
    answered = json.loads(await kubernetes.review(ACCESS, json.dumps(access(MAY_READ)).encode(), 1.0))
    assert answered["status"]["allowed"] is True
    for path in (SWITCH, SELF, f"{ACCESS}/", f"{ACCESS}?dryRun=All"):
        with pytest.raises(ValueError, match="only SelfSubject"):
            await kubernetes.review(path, b"{}", 1.0)
    with pytest.raises(KubernetesError, match="400"):
        await kubernetes.review(ACCESS, b"{}", 1.0)
    server.faults.inject(Down())
    with pytest.raises(Unreachable, match="ConnectionRefused"):
        await kubernetes.review(ACCESS, b"{}", 1.0)


async def test_the_port_has_the_rights_of_its_token(server: ApiServer) -> None:
    kubernetes = InProcessKubernetes(server, token=server.authentication.issue(*READER))
    assert await kubernetes.read(SWITCH, {}, 1.0)
    with pytest.raises(KubernetesError, match="403 Forbidden"):
        await kubernetes.read("/api/v1/secrets", {}, 1.0)
    with pytest.raises(KubernetesError, match="403 Forbidden"):
        async with kubernetes.watch("/api/v1/secrets", {}, 1.0):
            pass
