"""The configurations that are shipped."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.deploy.rendering import ROOT
from watchdog.config import load

CONFIGURATIONS = sorted((ROOT / "config").glob("[!k]*.yaml"))


@pytest.fixture(autouse=True)
def no_settings_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PLATFORM", "SERVER", "RUNBOOKS", "RULES", "SOURCES", "OUTLETS", "DRAIN_SECONDS"):
        monkeypatch.delenv(f"WATCHDOG_{name}", raising=False)


def test_there_is_one_for_the_cluster_and_one_without() -> None:
    assert [path.name for path in CONFIGURATIONS] == ["local.yaml", "watchdog.yaml"]


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.stem)
def test_a_shipped_configuration_is_accepted(path: Path) -> None:
    assert load(path).plan.rules.by_name


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.stem)
def test_the_address_that_must_be_changed_says_so_and_is_nobodys(path: Path) -> None:
    (url,) = re.findall(r"base_url: (.*)", path.read_text())
    assert url.startswith("https://git.example/") and "CHANGE ME" in url  # RFC 2606
