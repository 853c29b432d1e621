"""The kill switch in a file (domain.md §3)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import MemoryFiles, Outside
from watchdog.adapters.files import LocalFiles
from watchdog.core.facts import KillSwitch
from watchdog.core.observation import Facts
from watchdog.sources.flag_file import FlagFile

PATH = "/etc/agenttrader/kill-switch/EXECUTION_HALTED"


async def look(content: Any, required: bool = True, files: Any = None) -> Facts:
    outside = Outside(files=files or MemoryFiles({PATH: content}))
    source = FlagFile("flag", PATH, "EXECUTION_HALTED", required=required)
    looks = source.streams()[""].looks(outside.ports())
    return await anext(looks)


async def switch(content: Any) -> KillSwitch:
    (fact,) = (await look(content)).seen
    assert isinstance(fact, KillSwitch)
    return fact


MISSING = FileNotFoundError(2, "No such file or directory")


@pytest.mark.parametrize("content", [b"1", b"true\n", b" YES \r\n", b"\tOn\n0\n", b"1\n" + b"0" * 10_000])
async def test_a_truthy_first_line_is_halted_whatever_its_case_and_white_space(content: bytes) -> None:
    assert (await switch(content)).halted is True


@pytest.mark.parametrize(
    "content",
    [
        b"0",
        b"",
        b"\n1",
        b"   \n",
        b"false",
        b"halted",
        b"11",
        b"1 # on",
        b"\xff1",
        b"\x00",
        b"1\r0\n",
        "１".encode(),
        b"1" * 9_999,
        b"1" + b" " * 100 + b"0",
        b"1" + b" " * 9_000 + b"0",
    ],
)
async def test_anything_else_is_not_halted(content: bytes) -> None:
    assert (await switch(content)).halted is False


async def test_a_required_file_that_does_not_exist_is_not_halted() -> None:
    fact = await switch(MISSING)
    assert (fact.halted, fact.value, fact.explanation) == (False, "", "the file does not exist")


async def test_a_file_that_need_not_exist_says_nothing_while_it_does_not() -> None:
    facts = await look(MISSING, required=False)
    assert facts.seen == ()
    assert [str(subject) for subject in facts.gone] == [f"kill_switch EXECUTION_HALTED/file/{PATH}"]


async def test_a_file_that_need_not_exist_counts_once_it_does() -> None:
    (fact,) = (await look(b"", required=False)).seen
    assert isinstance(fact, KillSwitch) and fact.halted is False


@pytest.mark.parametrize(
    "error",
    [
        PermissionError(13, "Permission denied"),
        OSError(5, "Input/output error"),
        NotADirectoryError(20, "Not a directory"),
    ],
)
async def test_a_file_that_could_not_be_read_is_unknown_and_not_missing(error: OSError) -> None:
    with pytest.raises(type(error)):
        await look(error)


async def test_the_fact_says_what_was_read_and_no_more_than_eighty_characters_of_it() -> None:
    fact = await switch(b"0" * 200)
    assert (fact.switch, fact.carrier, fact.location) == ("EXECUTION_HALTED", "file", PATH)
    assert (fact.value, fact.explanation) == ("0" * 80, f'the value is "{"0" * 80}"')
    assert (await switch(b"off\n")).explanation == 'the value is "off"'
    assert (await switch(b"")).explanation == "the value is empty"


async def test_a_look_that_followed_the_old_link_during_the_kubelets_swap_looks_again() -> None:
    assert (await switch([MISSING, b"1"])).halted is True
    assert (await switch([MISSING, MISSING])).halted is False


async def test_the_kubelets_swap_of_a_mounted_config_map_is_never_seen_half_done(tmp_path: Path) -> None:
    def mount(version: int, value: str) -> None:
        (tmp_path / f"..{version}").mkdir()
        (tmp_path / f"..{version}" / "EXECUTION_HALTED").write_text(value)
        (tmp_path / "..data_tmp").symlink_to(f"..{version}")
        os.replace(tmp_path / "..data_tmp", tmp_path / "..data")

    mount(0, "1\n")
    (tmp_path / "EXECUTION_HALTED").symlink_to("..data/EXECUTION_HALTED")
    source = FlagFile("flag", str(tmp_path / "EXECUTION_HALTED"), "EXECUTION_HALTED", poll_interval=0.0001)
    looks = source.streams()[""].looks(Outside(files=LocalFiles()).ports())  # type: ignore[arg-type]
    for version in range(1, 30):
        mount(version, "true\n")
        (tmp_path / f"..{version - 1}" / "EXECUTION_HALTED").unlink()
        (fact,) = (await anext(looks)).seen
        assert isinstance(fact, KillSwitch) and fact.halted is True


async def test_the_look_is_stamped_with_when_it_began() -> None:
    assert (facts := await look(b"1")).at is not None and facts.at.mono == 0.0


@pytest.mark.parametrize(
    ("stanza", "sentence"),
    [
        ({"path": "etc/x"}, "path: expected an absolute path, found 'etc/x'"),
        ({"switch": ""}, "switch: expected the name of a kill switch"),
        ({"poll_interval": 0}, "poll_interval: expected more than 0"),
        ({"stale_after": 1.0}, "poll_interval: expected more than 0 and less than stale_after"),
    ],
)
def test_a_wrong_stanza_is_refused_in_one_sentence(stanza: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        FlagFile(**({"name": "flag", "path": PATH, "switch": "EXECUTION_HALTED"} | stanza))
