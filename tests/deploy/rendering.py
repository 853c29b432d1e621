"""``deploy/k8s/base`` as the real kubectl renders it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import real

ROOT = Path(__file__).parent.parent.parent
BASE = ROOT / "deploy" / "k8s" / "base"
Object = dict[str, Any]


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
