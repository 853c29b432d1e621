"""The ingest switch in a file (domain.md §6): only what is plainly off pauses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes import MemoryFiles, Outside
from watchdog.core.facts import Pause, Unknown
from watchdog.sources.pause_file import PauseFile

PATH = "/etc/agenttrader/ingest/INGEST_ENABLED"
MISSING = FileNotFoundError(2, "No such file or directory")


async def look(content: Any, required: bool = False) -> Pause:
    outside = Outside(files=MemoryFiles({PATH: content}))
    (fact,) = (await anext(PauseFile("pause", PATH, required=required).streams()[""].looks(outside.ports()))).seen
    assert isinstance(fact, Pause)
    return fact


@pytest.mark.parametrize("content", [b"0", b"false\n", b" OFF \r\n", b"no", b"0\n1\n"])
async def test_a_first_line_that_is_plainly_off_pauses(content: bytes) -> None:
    assert (await look(content)).paused is True


@pytest.mark.parametrize("content", [b"", b"\n0", b"  ", b"1", b"true", b"paused", b"00", b"\xff0", b"0 # off"])
async def test_anything_else_does_not_and_to_be_empty_is_to_be_enabled(content: bytes) -> None:
    assert (await look(content)).paused is False


async def test_the_fact_says_what_was_read() -> None:
    seen = await look(b"0\n")
    assert (seen.switch, seen.carrier, seen.location) == ("INGEST_ENABLED", "file", PATH)
    assert seen.explanation == "INGEST_ENABLED is 0"
    assert (await look(b"")).explanation == "INGEST_ENABLED is empty"


async def test_a_file_that_is_missing_pauses_nothing_unless_it_must_be_there() -> None:
    seen = await look(MISSING)
    assert (seen.paused, seen.explanation) == (False, "the file does not exist")
    required = (await look(MISSING, required=True)).paused
    assert isinstance(required, Unknown) and required.reason == "Missing"


async def test_a_look_that_fell_into_the_kubelets_swap_looks_again() -> None:
    assert (await look([MISSING, b"0"])).paused is True


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(5, "Input/output error")])
async def test_a_file_that_cannot_be_read_is_unknown_and_never_fine(error: OSError) -> None:
    seen = await look(error)
    assert isinstance(seen.paused, Unknown) and seen.paused.reason == type(error).__name__
    assert str(error.strerror) in seen.explanation


@pytest.mark.parametrize(
    ("stanza", "sentence"),
    [
        ({"path": "etc/x"}, "path: expected an absolute path, found 'etc/x'"),
        ({"switch": ""}, "switch: expected the name of a switch"),
        ({"poll_interval": 0}, "poll_interval: expected more than 0"),
        ({"stale_after": 5.0}, "poll_interval: expected more than 0 and less than stale_after"),
    ],
)
def test_a_wrong_stanza_is_refused_in_one_sentence(stanza: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        PauseFile(**({"name": "pause", "path": PATH} | stanza))
