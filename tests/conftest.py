"""Fixtures that all tests share: the real components, and what to install where they are missing."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

RECORDINGS = Path(__file__).parents[1] / ".." / "shared" / "kube-wire"


def real(*commands: str, package: str) -> str:
    """The path of the first of ``commands`` there is. Missing, the test is skipped; but never in CI."""
    for command in commands:
        if (path := shutil.which(command)) is not None:
            return path
    message = f"needs {' or '.join(commands)}: install the Debian package {package} (make test does it as root)"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def promtool() -> str:
    return real("promtool", package="prometheus")


@pytest.fixture(scope="session")
def alertmanager_binary() -> str:
    return real("prometheus-alertmanager", "alertmanager", package="prometheus-alertmanager")


@pytest.fixture(scope="session")
def kube_wire() -> Callable[[str], dict[str, Any]]:
    """A recording of a real API server by its name. They are not part of the project: CI has them, a clone may not."""
    if not RECORDINGS.is_dir():
        message = "needs the recordings of a real API server in ../shared/kube-wire"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)

    def recording(name: str) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads((RECORDINGS / f"{name}.json").read_text())
        return loaded

    return recording
