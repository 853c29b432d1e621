"""``deploy/k8s/overlays/namespaced``: Roles in the guarded namespaces in place of the ClusterRole."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.deploy.rendering import NAMESPACED, ROOT, WATCHED, Object, granted_by, of_kind, rendered
from watchdog import config

RBAC = ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
CLUSTERS = {("", "configmaps"), ("", "namespaces"), ("", "nodes")}
"""What a Role does not grant at all, or by name."""


@pytest.fixture(scope="module")
def overlay() -> list[Object]:
    return rendered(NAMESPACED)


def configuration(documents: list[Object]) -> Any:
    (held,) = [d for d in of_kind(documents, "ConfigMap") if d["metadata"]["name"].startswith("watchdog-config-")]
    return yaml.safe_load(held["data"]["watchdog.yaml"])


def kubernetes(document: Any) -> Any:
    (stanza,) = [stanza for stanza in document["sources"] if stanza["kind"] == "kubernetes"]
    return stanza


def operator(overlay: list[Object]) -> Any:
    (stanza,) = [stanza for stanza in configuration(overlay)["sources"] if stanza["kind"] == "operator"]
    return stanza


def test_nothing_is_granted_in_the_whole_cluster(overlay: list[Object]) -> None:
    assert not of_kind(overlay, "ClusterRole") and not of_kind(overlay, "ClusterRoleBinding")


def readers(overlay: list[Object], kind: str = "Role") -> list[Object]:
    """What the daemon has, without what people are given to speak to it."""
    return [document for document in of_kind(overlay, kind) if document["metadata"]["name"] == "watchdog-reader"]


def test_the_roles_are_in_the_namespaces_that_are_looked_at_and_bound_to_the_daemon(overlay: list[Object]) -> None:
    namespaces = [*kubernetes(configuration(overlay))["namespaces"], operator(overlay)["namespace"]]
    for kind in ("Role", "RoleBinding"):
        assert [document["metadata"]["namespace"] for document in readers(overlay, kind)] == namespaces
    assert readers(overlay, "RoleBinding") == of_kind(overlay, "RoleBinding")
    for bound in of_kind(overlay, "RoleBinding"):
        assert bound["roleRef"] == {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "watchdog-reader"}
        assert bound["subjects"] == [{"kind": "ServiceAccount", "name": "watchdog", "namespace": "watchdog"}]


def test_the_daemon_may_read_what_it_watches_and_of_config_maps_those_that_are_named(overlay: list[Object]) -> None:
    carriers = kubernetes(configuration(overlay))["kill_switches"]
    (beats,) = [stanza for stanza in configuration(overlay)["sources"] if stanza["kind"] == "heartbeats"]
    *guarding, hearing = readers(overlay)
    assert granted_by([hearing]) == {("", "configmaps", "get", operator(overlay)["config_map"])}
    for role in guarding:
        here = [c["config_map"] for c in carriers if c["namespace"] == role["metadata"]["namespace"]]
        ours = beats["heartbeats"] if beats["namespace"] == role["metadata"]["namespace"] else ()
        kinds = {(*kind, verb, "") for kind in WATCHED - CLUSTERS for verb in ("get", "list", "watch")}
        named = {("", "configmaps", verb, name) for name in here for verb in ("get", "list", "watch")}
        read = {("", "configmaps", "get", heartbeat["config_map"]) for heartbeat in ours}
        assert granted_by([role]) == kinds | named | read


def test_all_else_is_the_base(overlay: list[Object]) -> None:
    def told(documents: list[Object]) -> list[tuple[str, str]]:
        names = [(d["kind"], d["metadata"]["name"]) for d in documents if d["kind"] not in RBAC]
        return sorted((kind, name.rpartition("-")[0] if kind == "ConfigMap" else name) for kind, name in names)

    assert told(overlay) == told(rendered())
    for document in overlay:
        assert document["metadata"]["labels"]["app.kubernetes.io/name"] == "watchdog", document["kind"]


def test_its_configuration_is_the_shipped_one_but_for_where_it_looks(overlay: list[Object]) -> None:
    shipped, here = configuration(rendered()), configuration(overlay)
    ours = kubernetes(here)
    assert ours["namespaces"] == ["agenttrader", "trading-floor"] and ours["config_maps"] == "named"
    assert ours["nodes"] is False, "no Role grants a look at nodes"
    ours.pop("config_maps")
    differs = {"namespaces": ours["namespaces"], "nodes": False}
    for source in shipped["sources"]:
        source.pop("pods", None)  # no Role grants a look at the replicas' Pods either
    assert here == {
        **shipped,
        "sources": [{**s, **differs} if s["kind"] == "kubernetes" else s for s in shipped["sources"]],
    }


def test_its_configuration_is_accepted(overlay: list[Object]) -> None:
    assert config.build(ROOT / "config" / "watchdog.yaml", configuration(overlay)).plan.rules.by_name


def test_the_pod_mounts_that_configuration(overlay: list[Object]) -> None:
    (deployment,) = of_kind(overlay, "Deployment")
    every = deployment["spec"]["template"]["spec"]["volumes"]
    volumes = {v["name"]: v["configMap"]["name"] for v in every if "configMap" in v}
    made = [d["metadata"]["name"] for d in of_kind(overlay, "ConfigMap")]
    assert sorted([*volumes.values(), "watchdog-operator"]) == sorted(made), "which is asked for"
    assert volumes["config"] not in [d["metadata"]["name"] for d in of_kind(rendered(), "ConfigMap")]
