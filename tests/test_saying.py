"""``watchdog ack`` and ``watchdog note``: what they print, what they write, and what they refuse."""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.loopback import serving, whole
from watchdog.cli import main
from watchdog.core.instant import exact
from watchdog.core.operators import judge

ALERT, NAME = "9f1c5b0e7d2a4c68", "KillSwitchNotHalted"
ANN = ("--by", "ann", "--why", "it's a drill")


def now(seconds: float = 0.0) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def listing(as_of: datetime) -> bytes:
    alert = {"alertname": NAME, "fingerprint": ALERT, "state": "latched", "sev": 0, "annotations": {"summary": "x"}}
    alert["record"] = {"told_at": "2026-11-20T15:00:00.000000Z", "rule": NAME}
    return json.dumps({"as_of": exact(as_of), "alerts": [alert]}).encode()


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with serving(whole(listing(now()))) as url:
        yield url


async def called(*arguments: str) -> int:
    return await asyncio.to_thread(main, list(arguments))


def printed(text: str) -> tuple[list[str], str, dict[str, Any]]:
    """The command without its last word, the entry's key and the entry."""
    *command, patch = shlex.split(text)
    [(key, entry)] = json.loads(patch)["data"].items()
    assert json.loads(patch) == {"data": {key: entry}}
    return command, key, json.loads(entry)


async def test_ack_prints_the_command_that_covers_what_the_daemon_had_told_and_nothing_later(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = now(-1.5)
    async with serving(whole(listing(told))) as url:
        assert await called("ack", NAME, *ANN, "--url", url) == 0
    said = capsys.readouterr()
    command, key, entry = printed(said.out)
    assert shlex.join(command) == "kubectl -n watchdog patch configmap watchdog-operator --type=merge -p"
    assert key.startswith(f"ack-{ALERT}-20") and key.endswith("Z")
    assert entry.pop("at") > exact(told)
    assert entry == {"verb": "ack", "alert": ALERT, "through": exact(told), "by": "ann", "why": "it's a drill"}
    assert said.out.isascii() and said.out.count("\n") == 1 and said.err.startswith("watchdog: what was told up to ")
    assert judge(key, json.dumps(entry | {"at": exact(now())}), now()).told.problem == ""


async def test_ack_covers_up_to_an_instant_that_is_given(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert await called("ack", ALERT, *ANN, "--url", url, "--through", "2026-11-23T10:00:00-05:00") == 0
    assert printed(capsys.readouterr().out)[2]["through"] == "2026-11-23T15:00:00.000000Z"


async def test_ack_refuses_an_instant_that_is_yet_to_come(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert await called("ack", ALERT, *ANN, "--url", url, "--through", exact(now(60))) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("watchdog: --through: later than the entry itself")


async def test_ack_refuses_an_instant_before_what_is_told(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert await called("ack", ALERT, *ANN, "--url", url, "--through", "2026-11-20T14:59:59Z") == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    assert said.err.startswith("watchdog: --through: expected 2026-11-20T15:00:00.000000Z or later, when ")


@pytest.mark.parametrize(("by", "why"), [("", "x"), ("ann", " "), ("a\nb", "x"), ("ann", "x" * 1001)])
async def test_ack_refuses_what_the_daemon_would_not_take(
    url: str, by: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await called("ack", ALERT, "--by", by, "--why", why, "--url", url) == 2
    assert capsys.readouterr().out == ""


async def test_ack_of_an_unknown_alert_is_one_sentence_that_lists_what_is_open(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await called("ack", "Typo", *ANN, "--url", url) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and f"expected one of {ALERT} ({NAME}, latched: x)" in said.err


async def test_ack_of_nobody_is_one_sentence_and_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(whole(b"")) as url:
        pass
    assert await called("ack", ALERT, *ANN, "--url", url) == 2
    assert capsys.readouterr().err.startswith(f"watchdog: {url}: ConnectionRefused")


async def test_ack_says_so_when_the_daemon_is_stuck_or_the_clocks_differ(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(whole(listing(now(-100)))) as url:
        assert await called("ack", ALERT, *ANN, "--url", url) == 2
    assert "it is stuck, or the clocks differ" in capsys.readouterr().err


async def test_ack_with_a_clock_that_is_behind_takes_the_daemons_time(capsys: pytest.CaptureFixture[str]) -> None:
    ahead = now(40)
    async with serving(whole(listing(ahead))) as url:
        assert await called("ack", ALERT, *ANN, "--url", url) == 0
    entry = printed(capsys.readouterr().out)[2]
    assert entry["at"] == entry["through"] == exact(ahead)


def configured(folder: Path, **stanza: str) -> str:
    path = folder / "watchdog.yaml"
    path.write_text(yaml.safe_dump({"sources": [{"kind": "market_hours"}, {"kind": "operator", **stanza}]}))
    return str(path)


def test_the_configuration_says_where_the_daemon_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["note", *ANN, "--config", configured(tmp_path, namespace="ops", config_map="words")]) == 0
    command, key, entry = printed(capsys.readouterr().out)
    assert shlex.join(command) == "kubectl -n ops patch configmap words --type=merge -p"
    assert key.startswith("note-20") and entry.keys() == {"verb", "by", "why", "at"}


def test_a_configured_file_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "operators.json"
    assert main(["note", *ANN, "--config", configured(tmp_path, file=str(file))]) == 0
    [(key, entry)] = json.loads(file.read_text()).items()
    assert judge(key, entry, now()).told.problem == "" and capsys.readouterr().out == ""


@pytest.mark.parametrize("content", ["sources: []\n", "{}\n", "sources: [{kind: operator}]\n", "sources: [{\n"])
def test_a_configuration_that_says_nothing_of_it_is_one_sentence_and_exit_2(
    tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "watchdog.yaml"
    path.write_text(content)
    assert main(["note", *ANN, "--config", str(path)]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith(f"watchdog: {path}: ") and said.err.count("\n") == 1


def test_a_file_keeps_what_others_wrote_and_who_may_read_it(tmp_path: Path) -> None:
    file = tmp_path / "operators.json"
    file.write_text('{"note-theirs": "{\\"verb\\": 1}"}')
    file.chmod(0o640)
    for _ in range(2):
        assert main(["note", *ANN, "--file", str(file)]) == 0
    entries = json.loads(file.read_text())
    assert len(entries) == 3 and entries["note-theirs"] == '{"verb": 1}' and file.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("damaged", ["{", "[]", '{"a": 1, "a": 2}', "\udcff"])
def test_a_file_that_is_damaged_is_refused_and_left_as_it_is(
    tmp_path: Path, damaged: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file, content = tmp_path / "operators.json", damaged.encode("utf-8", "surrogateescape")
    file.write_bytes(content)
    assert main(["note", *ANN, "--file", str(file)]) == 2
    assert file.read_bytes() == content and "so nothing was written" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_one_sentence_and_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["note", *ANN, "--file", str(tmp_path / "missing" / "operators.json")]) == 2
    assert capsys.readouterr().err.endswith("operators.json: No such file or directory\n")


def test_two_who_write_at_once_lose_neither_word(tmp_path: Path) -> None:
    file = tmp_path / "operators.json"

    async def both() -> None:
        await asyncio.gather(*(called("note", *ANN, "--file", str(file)) for _ in range(8)))

    asyncio.run(both())
    assert len(json.loads(file.read_text())) == 8


def test_where_it_goes_is_said_once(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["note", *ANN, "--file", "x", "--config", "y"])
    assert refused.value.code == 2
