"""The base and the overlays of ``deploy/k8s`` as the real kubectl renders them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import real

ROOT = Path(__file__).parent.parent.parent
BASE = ROOT / "deploy" / "k8s" / "base"
NAMESPACED = ROOT / "deploy" / "k8s" / "overlays" / "namespaced"
Object = dict[str, Any]
WATCHED = {
    *(("", kind) for kind in ("configmaps", "events", "namespaces", "nodes", "pods", "replicationcontrollers")),
    *(("apps", kind) for kind in ("daemonsets", "deployments", "replicasets", "statefulsets")),
    ("batch", "cronjobs"), ("batch", "jobs"), ("autoscaling", "horizontalpodautoscalers"),
    ("argoproj.io", "rollouts"), ("keda.sh", "scaledobjects"),
}  # fmt: skip
"""Group and resource of what the daemon reads in a cluster."""


def kubectl() -> str:
    return real("kubectl", package="kubernetes-client")


def rendered(folder: Path = BASE) -> list[Object]:
    done = subprocess.run([kubectl(), "kustomize", str(folder)], capture_output=True, text=True, timeout=60)
    if "must be a file" in done.stderr:
        pytest.skip("this kubectl is too old to render a base that names a folder: 1.21 or newer does")
    assert done.returncode == 0 and not done.stderr, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def of_kind(objects: list[Object], kind: str) -> list[Object]:
    return [candidate for candidate in objects if candidate["kind"] == kind]


def the(objects: list[Object], kind: str) -> Object:
    (only,) = of_kind(objects, kind)
    return only


def granted_by(roles: list[Object]) -> set[tuple[str, str, str, str]]:
    """Group, resource, verb and name (empty: every object)."""
    return {
        (group, resource, verb, name)
        for role in roles
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for name in rule.get("resourceNames", [""])
    }
