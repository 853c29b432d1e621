"""Fixtures that all tests share: the real components, and what to install where they are missing."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from . import emulator

RECORDINGS = Path(__file__).parents[1] / ".." / "shared" / "kube-wire"


def real(*commands: str, package: str) -> str:
    """The path of the first of ``commands`` there is. Missing, the test is skipped; but never in CI."""
    wanted = f"needs {' or '.join(commands)}: install the Debian package {package} (make test does it as root)"
    return next((path for command in commands if (path := shutil.which(command)) is not None), None) or missing(wanted)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes minutes begins first, beside all the rest."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def missing(message: str) -> NoReturn:
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
def prometheus_binary() -> str:
    return real("prometheus", package="prometheus")


@pytest.fixture(scope="session")
def emulator_program() -> str:
    wanted = f"needs the Pub/Sub emulator of the Google Cloud CLI, and Java: install {emulator.PACKAGE}"
    return emulator.found() or missing(wanted)


@pytest.fixture(scope="session")
def pubsub_emulator(emulator_program: str) -> Iterator[emulator.Emulator]:
    """One for all tests of a process, started by the first that asks: never to be killed or stopped."""
    with emulator.emulating(emulator_program) as running:
        yield running


@pytest.fixture
async def pubsub(pubsub_emulator: emulator.Emulator) -> AsyncIterator[emulator.World]:
    """A project of one's own on the emulator that all share."""
    async with emulator.world(pubsub_emulator.address) as world:
        yield world


@pytest.fixture
def own_emulator(emulator_program: str) -> Iterator[emulator.Emulator]:
    """One of one's own, to be killed, stopped, restarted."""
    with emulator.emulating(emulator_program) as running:
        yield running


@pytest.fixture(scope="session")
def kube_wire() -> Callable[[str], dict[str, Any]]:
    """A recording of a real API server by its name. They are not part of the project: CI has them, a clone may not."""
    if not RECORDINGS.is_dir():
        missing("needs the recordings of a real API server in ../shared/kube-wire")

    def recording(name: str) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads((RECORDINGS / f"{name}.json").read_text())
        return loaded

    return recording
