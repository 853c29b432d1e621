"""What the README tells a stranger to write works as it is printed there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import watchdog.outlets
import watchdog.sources
from watchdog.simulator import demo
from watchdog.simulator.wire import TEXT_TYPE, Request, Response

from .fakes import RecordingTerminal
from .platform import Guarded, guarded

README = (Path(__file__).parent.parent / "README.md").read_text()


def block(path: str) -> str:
    """The code block whose first line names this file."""
    (found,) = re.findall(rf"```\w+\n(# {re.escape(path)}\n.*?)```", README, re.DOTALL)
    return str(found)


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The README's files, where the package finds its modules."""
    for package in (watchdog.sources, watchdog.outlets):
        folder = tmp_path / package.__name__.rpartition(".")[2]
        folder.mkdir()
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    (tmp_path / "sources" / "http_flag.py").write_text(block("watchdog/sources/http_flag.py"))
    (tmp_path / "outlets" / "bell.py").write_text(block("watchdog/outlets/bell.py"))
    (tmp_path / "tests").mkdir()
    (tmp_path / "early.yaml").write_text(block("config/rules/early.yaml"))
    (tmp_path / "tests" / "early.yaml").write_text(block("config/rules/tests/early.yaml"))
    return tmp_path


class Text:
    """A service that publishes a text."""

    def __init__(self) -> None:
        self.text = "1\n"

    async def answer(self, request: Request) -> Response:
        return Response(200, self.text.encode(), TEXT_TYPE)


def test_its_source_outlet_and_rule_work(written: Path) -> None:
    (stanzas,) = re.findall(r"```yaml\n(sources:\n.*?)```", README, re.DOTALL)
    added = yaml.safe_load(stanzas)
    flag, terminal = Text(), RecordingTerminal()

    def change(content: dict[str, Any]) -> None:
        content["sources"] += added["sources"]
        content["outlets"] += added["outlets"]
        content["rules"].append(str(written / "early.yaml"))

    def prepare(world: Guarded) -> None:
        world.daemon.ports.http.hosts["mission-control.trading-floor"] = flag  # type: ignore[attr-defined]
        object.__setattr__(world.daemon.ports, "terminal", terminal)

    async def act(world: Guarded) -> None:
        flag.text = "0\n"
        world.floor.market_data.stop()
        await world.at(45)

    _, world = guarded(act, change, prepare=prepare)
    assert world.fired("KillSwitchNotHalted") == [(pytest.approx(1, abs=1), "Sev-0")]
    assert world.fired("MarketDataAgeing") == [(pytest.approx(32, abs=3), "Sev-3")]
    assert terminal.text == "\a"


def test_its_rules_test_passes(written: Path) -> None:
    command = [sys.executable, "-m", "watchdog.cli", "rules", "test", str(written / "tests" / "early.yaml")]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stdout) == (0, "1 of 1 tests passed\n")


def test_the_scenarios_that_it_names_are_those_there_are() -> None:
    from watchdog.simulator.scenarios import SCENARIOS

    table = README.partition("| scenario |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`([a-z-]+)`", table)) == set(SCENARIOS)


def test_the_introduction_that_it_shows_is_the_one_that_is_printed() -> None:
    shown = README.partition("`make run` prints")[2].partition("```\n")[2].partition("```")[0]
    fixed = [line for line in demo.INTRODUCTION.splitlines() if "{" not in line]
    assert len(fixed) > 1
    assert [line for line in fixed if line not in shown] == []
