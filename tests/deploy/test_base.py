"""``deploy/k8s/base`` as the real kubectl renders it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.deploy.rendering import ROOT, WATCHED, Object, granted_by, of_kind, rendered, the
from watchdog import __version__


@pytest.fixture(scope="module")
def base() -> list[Object]:
    return rendered()


def pod(base: list[Object]) -> Object:
    spec: Object = the(base, "Deployment")["spec"]["template"]["spec"]
    return spec


def named(base: list[Object], kind: str, name: str) -> Object:
    (only,) = (document for document in of_kind(base, kind) if document["metadata"]["name"] == name)
    return only


def container(base: list[Object]) -> Object:
    (only,) = pod(base)["containers"]
    return dict(only)


def test_it_holds_what_it_takes_to_run_and_nothing_else(base: list[Object]) -> None:
    assert sorted(document["kind"] for document in base) == [
        "ClusterRole",
        "ClusterRoleBinding",
        "ConfigMap",
        "ConfigMap",
        "ConfigMap",
        "Deployment",
        "Namespace",
        "PodDisruptionBudget",
        "Role",
        "Service",
        "Service",
        "ServiceAccount",
    ]


def test_everything_is_in_its_own_namespace_and_labelled(base: list[Object]) -> None:
    for document in base:
        metadata = document["metadata"]
        assert metadata.get("namespace", "watchdog") == "watchdog"
        assert metadata["labels"]["app.kubernetes.io/name"] == "watchdog"


def test_the_daemon_may_read_what_it_watches_and_write_nothing(base: list[Object]) -> None:
    assert not of_kind(base, "RoleBinding")
    granted = granted_by(of_kind(base, "ClusterRole"))
    assert granted == {(*kind, verb, "") for kind in WATCHED for verb in ("get", "list", "watch")}


def test_who_acknowledges_may_patch_the_one_config_map_and_nobody_is_bound_to_that(base: list[Object]) -> None:
    configured = yaml.safe_load((ROOT / "config" / "watchdog.yaml").read_text())
    (operator,) = [stanza for stanza in configured["sources"] if stanza["kind"] == "operator"]
    names = [document["metadata"]["name"] for document in of_kind(base, "ConfigMap")]
    assert operator["config_map"] in names and operator["namespace"] == "watchdog"
    role = the(base, "Role")
    assert role["metadata"]["namespace"] == operator["namespace"]
    assert granted_by([role]) == {("", "configmaps", verb, operator["config_map"]) for verb in ("get", "patch")}
    assert all(bound["roleRef"]["name"] != role["metadata"]["name"] for bound in of_kind(base, "ClusterRoleBinding"))


def test_applying_the_base_again_takes_no_entry_away(base: list[Object]) -> None:
    (ours,) = [one for one in of_kind(base, "ConfigMap") if one["metadata"]["name"] == "watchdog-operator"]
    assert not {"data", "binaryData", "immutable"} & ours.keys()


def test_the_role_is_bound_to_the_daemons_own_account_and_no_other(base: list[Object]) -> None:
    binding, account = the(base, "ClusterRoleBinding"), the(base, "ServiceAccount")["metadata"]
    assert binding["roleRef"]["name"] == the(base, "ClusterRole")["metadata"]["name"]
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": account["name"], "namespace": account["namespace"]}
    ]
    assert pod(base)["serviceAccountName"] == account["name"]
    assert pod(base)["automountServiceAccountToken"] is True


def test_the_pod_meets_the_restricted_pod_security_standard(base: list[Object]) -> None:
    assert pod(base)["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "fsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container(base)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    kinds = {kind for volume in pod(base)["volumes"] for kind in volume.keys() - {"name"}}
    assert kinds == {"configMap", "emptyDir", "ephemeral"}, "memory and ledger are the places that it may write to"
    labels = the(base, "Namespace")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_a_service_named_watchdog_injects_no_settings(base: list[Object]) -> None:
    assert named(base, "Service", "watchdog") and named(base, "Service", "watchdog-peers")
    assert pod(base)["enableServiceLinks"] is False


def test_the_service_reaches_the_server_that_the_configuration_opens(base: list[Object]) -> None:
    service, port = named(base, "Service", "watchdog")["spec"], container(base)["ports"][0]
    server = yaml.safe_load((ROOT / "config" / "watchdog.yaml").read_text())["server"]
    template = the(base, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert service["selector"].items() <= template.items()
    assert service["ports"] == [{"name": "http", "port": 8080, "targetPort": port["name"]}]
    assert server == {"host": "0.0.0.0", "port": port["containerPort"]}


def test_the_name_of_the_replicas_stands_for_their_addresses_and_for_none_of_its_own(base: list[Object]) -> None:
    peers, all_of_us = (named(base, "Service", name)["spec"] for name in ("watchdog-peers", "watchdog"))
    assert peers == {**all_of_us, "clusterIP": "None"}


def test_one_of_two_replicas_is_always_up(base: list[Object]) -> None:
    spec = the(base, "Deployment")["spec"]
    budget = the(base, "PodDisruptionBudget")["spec"]
    assert spec["replicas"] == 2
    assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert budget["minAvailable"] == 1 and budget["selector"] == spec["selector"]
    assert "preferredDuringSchedulingIgnoredDuringExecution" in pod(base)["affinity"]["podAntiAffinity"]


def test_the_probes_ask_about_the_daemon_and_not_about_the_platform(base: list[Object]) -> None:
    assert container(base)["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert container(base)["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_the_drain_fits_into_the_grace_period(base: list[Object]) -> None:
    configured = yaml.safe_load((ROOT / "config" / "watchdog.yaml").read_text())
    assert configured["drain_seconds"] < pod(base)["terminationGracePeriodSeconds"] == 30


def test_the_image_is_named_by_its_version(base: list[Object]) -> None:
    assert container(base)["image"] == f"agenttrader-watchdog:{__version__}"


def test_a_running_pod_finds_the_whole_configuration_where_it_looks(base: list[Object]) -> None:
    files = dict(_mounted(base))
    (config,) = (path for path in files if path in container(base)["args"])
    for rules in yaml.safe_load(files[config])["rules"]:
        assert files[f"{Path(config).parent}/{rules}"] == (ROOT / "config" / rules).read_text()
    assert files[config] == (ROOT / "config" / "watchdog.yaml").read_text()


@pytest.mark.parametrize(("kind", "volume"), [("memory", "emptyDir"), ("ledger", "ephemeral")])
def test_what_is_remembered_is_written_where_the_pod_may_write(base: list[Object], kind: str, volume: str) -> None:
    config = yaml.safe_load((ROOT / "config" / "watchdog.yaml").read_text())
    (outlet,) = [outlet for outlet in config["outlets"] if outlet["kind"] == kind]
    written = [one["name"] for one in pod(base)["volumes"] if volume in one]
    (mount,) = [mount for mount in container(base)["volumeMounts"] if mount["name"] in written]
    path = Path(outlet["path"]) if kind == "ledger" else Path(outlet["path"]).parent
    assert str(path) == mount["mountPath"] and not mount.get("readOnly")


def _mounted(base: list[Object]) -> Iterator[tuple[str, str]]:
    """Path and content of each file that the container sees."""
    volumes = {v["name"]: v["configMap"]["name"] for v in pod(base)["volumes"] if "configMap" in v}
    maps = {document["metadata"]["name"]: document.get("data", {}) for document in of_kind(base, "ConfigMap")}
    for mount in [mount for mount in container(base)["volumeMounts"] if mount["name"] in volumes]:
        data, path = maps[volumes[mount["name"]]], mount["mountPath"]
        if key := mount.get("subPath"):
            yield path, data[key]
        else:
            yield from ((f"{path}/{name}", content) for name, content in data.items())


def test_a_changed_configuration_is_a_new_replica_set(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    before = pod(rendered(tmp_path / "deploy" / "k8s" / "base"))
    with (tmp_path / "config" / "rules" / "execution.yaml").open("a") as rules:
        rules.write("# changed\n")
    assert pod(rendered(tmp_path / "deploy" / "k8s" / "base")) != before
