"""RBAC, from what is stored."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict

from tests.simulator.access import (
    READ,
    READER,
    As,
    account,
    admit_reader,
    binding,
    dismiss_reader,
    reader,
    role,
    rule,
    subject,
)
from tests.simulator.client import AGENT, SWITCH, SWITCHES, Api, deployment
from watchdog.simulator import kubectl
from watchdog.simulator.apiserver import ApiServer
from watchdog.simulator.cluster import Cluster
from watchdog.simulator.request_info import Attributes, attributes
from watchdog.simulator.wire import Request

NS = "/api/v1/namespaces"


@pytest.fixture
def server(cluster: Cluster) -> ApiServer:
    kubectl.create(cluster, deployment(), account(*READER))
    return ApiServer(cluster)


def grant(server: ApiServer, *rules: dict[str, object], namespace: str = "") -> None:
    made = role("given", *rules, namespace=namespace)
    kubectl.create(server.cluster, made, binding("given", made, subject(*READER), namespace=namespace))


async def status(server: ApiServer, path: str, method: str = "GET", **query: str) -> int:
    return (await reader(server).send(method, path, query)).status


async def test_nothing_is_allowed_that_nobody_granted(server: ApiServer) -> None:
    assert await status(server, SWITCH) == 403
    grant(server, rule(["get"], ["configmaps"]))
    assert await status(server, SWITCH) == 200
    assert await status(server, SWITCHES) == 403
    assert await status(server, SWITCH, "DELETE") == 403


async def test_a_role_is_of_one_namespace(server: ApiServer) -> None:
    grant(server, rule(READ, ["configmaps"]), namespace="trading-floor")
    assert await status(server, SWITCHES) == 200
    assert await status(server, f"{NS}/agenttrader/configmaps") == 403
    assert await status(server, "/api/v1/configmaps") == 403


async def test_a_cluster_role_can_be_bound_in_one_namespace(server: ApiServer) -> None:
    made = role("given", rule(READ, ["configmaps"]))
    kubectl.create(server.cluster, made, binding("given", made, subject(*READER), namespace="trading-floor"))
    assert await status(server, SWITCHES) == 200
    assert await status(server, "/api/v1/configmaps") == 403


async def test_a_name_that_is_granted_can_be_listed_and_watched_by_a_field_selector(server: ApiServer) -> None:
    grant(server, rule(READ, ["configmaps"], "", "agenttrader-kill-switch"))
    assert await status(server, SWITCH) == 200
    assert await status(server, f"{SWITCHES}/other") == 403
    assert await status(server, SWITCHES) == 403
    for selector in (
        "metadata.name=agenttrader-kill-switch",
        "metadata.namespace=x,metadata.name==agenttrader-kill-switch",
    ):
        assert await status(server, SWITCHES, fieldSelector=selector) == 200
        assert await status(server, SWITCHES, fieldSelector=selector, watch="true") == 200
    for selector in ("metadata.name=other", "metadata.name!=agenttrader-kill-switch", "metadata.namespace=x"):
        assert await status(server, SWITCHES, fieldSelector=selector) == 403


async def test_a_resource_is_not_its_subresources(server: ApiServer) -> None:
    grant(server, rule(["get"], ["deployments"], "apps"))
    assert (await status(server, AGENT), await status(server, f"{AGENT}/scale")) == (200, 403)
    _, body = await reader(server).get(f"{AGENT}/scale")
    assert 'cannot get resource "deployments/scale" in API group "apps"' in body["message"]


@pytest.mark.parametrize("resources", [["deployments/scale"], ["*/scale"], ["*"]])
async def test_a_subresource_is_granted_by_its_name_or_by_a_star(server: ApiServer, resources: list[str]) -> None:
    grant(server, rule(["get"], resources, "apps"))
    assert await status(server, f"{AGENT}/scale") == 200
    assert await status(server, AGENT) == (200 if resources == ["*"] else 403)


async def test_a_group_counts(server: ApiServer) -> None:
    grant(server, rule(["get"], ["deployments"], ""), rule(["*"], ["*"], "batch"))
    assert await status(server, AGENT) == 403


async def test_what_does_not_exist_is_forbidden_before_it_is_not_found(server: ApiServer) -> None:
    for path in ("/apis/nosuch.example.com/v1/things", "/api/v1/nosuch", f"{SWITCHES}/nope"):
        assert await status(server, path) == 403
        assert (await Api(server).send("GET", path)).status == 404
    assert await status(server, "/nowhere") == 403


async def test_a_binding_that_is_deleted_is_felt_at_once(server: ApiServer) -> None:
    admit = (f"{SWITCH}", 200)
    kubectl.delete(server.cluster, "sa", *READER)
    admit_reader(server.cluster)
    api = reader(server)
    assert (await api.get(admit[0]))[0] == admit[1]
    dismiss_reader(server.cluster)
    assert (await api.get(SWITCH))[0] == 403


async def test_a_binding_to_no_role_grants_nothing_and_says_why(server: ApiServer) -> None:
    kubectl.create(server.cluster, binding("dangling", role("gone"), subject(*READER)))
    _, body = await reader(server).get(SWITCH)
    assert body["message"].endswith(
        'in the namespace "trading-floor": RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found'
    )
    kubectl.create(server.cluster, binding("more", role("lost"), subject(*READER)))
    _, body = await reader(server).get(SWITCH)
    names = [f'clusterrole.rbac.authorization.k8s.io "{name}" not found' for name in ("gone", "lost")]
    assert body["message"].endswith(f": RBAC: [{', '.join(names)}]")


@pytest.mark.parametrize(
    ("name", "reads", "writes", "secrets"),
    [
        ("view", 200, 403, 403),
        ("edit", 200, 200, 200),
        ("cluster-admin", 200, 200, 200),
        ("system:discovery", 403, 403, 403),
    ],
)
async def test_the_roles_that_every_server_has_can_be_bound(
    server: ApiServer, name: str, reads: int, writes: int, secrets: int
) -> None:
    kubectl.create(server.cluster, binding("bound", role(name), subject(*READER)))
    assert await status(server, SWITCHES) == reads
    assert await status(server, SWITCH, "DELETE") == writes
    assert await status(server, "/api/v1/secrets") == secrets


async def test_a_group_of_service_accounts_can_be_bound(server: ApiServer) -> None:
    made = role("given", rule(["get"], ["configmaps"]))
    group = {"kind": "Group", "name": "system:serviceaccounts:trading-floor"}
    kubectl.create(server.cluster, made, binding("given", made, group))
    assert await status(server, SWITCH) == 200


def impersonating(server: ApiServer, user: str, group: str = "") -> As:
    headers = [("impersonate-user", user)] if user else []
    return As(server, headers=(*headers, *((("impersonate-group", group),) if group else ())))


async def test_an_administrator_can_ask_in_anothers_name(server: ApiServer) -> None:
    name = "system:serviceaccount:trading-floor:watchdog-ro"
    assert (await impersonating(server, name).get(SWITCH))[0] == 403
    grant(server, rule(["get"], ["configmaps"]))
    assert (await impersonating(server, name).get(SWITCH))[0] == 200
    assert (await impersonating(server, "jane").get(SWITCH))[0] == 403
    assert (await impersonating(server, "jane", "system:masters").get(SWITCH))[0] == 200
    assert (await impersonating(server, "", "system:masters").send("GET", SWITCH)).status == 500


async def test_several_groups_come_as_several_headers(server: ApiServer) -> None:
    headers = CIMultiDict(
        [("Impersonate-User", "x"), ("Impersonate-Group", "a"), ("Impersonate-Group", "system:masters")]
    )
    assert (await server.answer(Request("GET", SWITCH, {}, headers))).status == 200


async def test_nobody_else_asks_in_anothers_name_unless_it_may_impersonate_him(server: ApiServer) -> None:
    token = server.authentication.issue(*READER)
    api = As(server, headers=(("authorization", f"Bearer {token}"), ("impersonate-user", "jane")))
    _, body = await api.get(SWITCH)
    assert body["message"] == (
        'users "jane" is forbidden: User "system:serviceaccount:trading-floor:watchdog-ro" cannot impersonate resource '
        '"users" in API group "" at the cluster scope'
    )
    grant(server, rule(["impersonate"], ["users"], "", "jane"))
    assert 'User "jane" cannot get' in (await api.get(SWITCH))[1]["message"]


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", f"{NS}/x", Attributes("get", "", "namespaces", "", "x", "x")),
        ("PUT", f"{NS}/x/finalize", Attributes("update", "", "namespaces", "finalize", "x", "x")),
        ("GET", NS, Attributes("list", "", "namespaces")),
        ("DELETE", SWITCHES, Attributes("deletecollection", "", "configmaps", "", "trading-floor")),
        ("GET", "/api/v1/watch/namespaces/x/pods/y", Attributes("watch", "", "pods", "", "x", "y")),
        ("HEAD", "/apis/apps/v1/deployments", Attributes("list", "apps", "deployments")),
        ("GET", "/apis/apps/v1", Attributes("get", path="/apis/apps/v1")),
        ("POST", "/", Attributes("post", path="/")),
        (
            "PATCH",
            f"{AGENT}/scale",
            Attributes("patch", "apps", "deployments", "scale", "agenttrader", "execution-agent"),
        ),
    ],
)
def test_what_a_request_asks_for(method: str, path: str, expected: Attributes) -> None:
    assert attributes(Request(method, path)) == expected
