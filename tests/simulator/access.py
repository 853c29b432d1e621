"""A ServiceAccount with the rights of a reader, as the recordings had one, and a client that asks as it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.simulator.client import Api
from watchdog.simulator import kubectl
from watchdog.simulator.apiserver import ApiServer
from watchdog.simulator.authentication import ADMIN_TOKEN
from watchdog.simulator.cluster import Cluster
from watchdog.simulator.wire import Response

JSON = dict[str, Any]
RBAC = "rbac.authorization.k8s.io"
READER = ("trading-floor", "watchdog-ro")
READ = ["get", "list", "watch"]


def rule(verbs: list[str], resources: list[str], group: str = "", *names: str) -> JSON:
    made = {"verbs": verbs, "apiGroups": [group], "resources": resources}
    return made | ({"resourceNames": list(names)} if names else {})


def role(name: str, *rules: JSON, namespace: str = "") -> JSON:
    where = {"namespace": namespace} if namespace else {}
    kind = "Role" if namespace else "ClusterRole"
    return {"apiVersion": f"{RBAC}/v1", "kind": kind, "metadata": {"name": name, **where}, "rules": list(rules)}


def binding(name: str, to: JSON, *subjects: JSON, namespace: str = "") -> JSON:
    where = {"namespace": namespace} if namespace else {}
    kind = "RoleBinding" if namespace else "ClusterRoleBinding"
    reference = {"apiGroup": RBAC, "kind": to["kind"], "name": to["metadata"]["name"]}
    named = {"metadata": {"name": name, **where}, "roleRef": reference, "subjects": list(subjects)}
    return {"apiVersion": f"{RBAC}/v1", "kind": kind, **named}


def account(namespace: str, name: str) -> JSON:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}


def subject(namespace: str, name: str) -> JSON:
    return {"kind": "ServiceAccount", "namespace": namespace, "name": name}


def admit_reader(cluster: Cluster) -> None:
    """``watchdog-ro`` of the recordings."""
    read = role("watchdog-ro", rule(READ, ["configmaps", "pods"]), rule(READ, ["deployments", "statefulsets"], "apps"))
    kubectl.create(cluster, account(*READER), read, binding("watchdog-ro", read, subject(*READER)))


def dismiss_reader(cluster: Cluster) -> None:
    kubectl.delete(cluster, "clusterrolebinding", "", "watchdog-ro")
    kubectl.delete(cluster, "sa", *READER)


@dataclass(frozen=True, slots=True)
class As(Api):
    """Asks with headers of its own."""

    headers: tuple[tuple[str, str], ...] = ()

    async def send(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: Any = None, **headers: str
    ) -> Response:
        more = {name.replace("-", "_"): value for name, value in self.headers}
        return await Api.send(self, method, path, query, body, **(more | headers))


def bearing(server: ApiServer, token: str) -> As:
    return As(server, headers=(("authorization", f"Bearer {token}"),))


def administrator(server: ApiServer) -> As:
    return bearing(server, ADMIN_TOKEN)


def reader(server: ApiServer, seconds: float = 3600.0) -> As:
    return bearing(server, server.authentication.issue(*READER, seconds))
