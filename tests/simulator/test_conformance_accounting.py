"""That each recording is replayed by a conformance test, or is listed here with the reason why not."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.conftest import RECORDINGS
from tests.simulator.stage import Recordings

NOT_REPLAYED: dict[str, str] = {}
"""A recording's name, and why no test replays it."""


def replayed() -> set[str]:
    """The names that the conformance tests name; this module has no say."""
    modules = sorted(set(Path(__file__).parent.glob("test_conformance*.py")) - {Path(__file__)})
    nodes = [node for module in modules for node in ast.walk(ast.parse(module.read_text("utf-8")))]
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_each_recording_is_replayed_or_is_listed_with_the_reason_why_not(recordings: Recordings) -> None:
    recorded = {path.stem for path in RECORDINGS.glob("*.json")}
    assert len(recorded) == 103
    assert sorted(recorded - replayed() - NOT_REPLAYED.keys()) == []
    assert sorted(NOT_REPLAYED.keys() - recorded) == []
    assert sorted(NOT_REPLAYED.keys() & replayed()) == []
    assert all(NOT_REPLAYED.values())
