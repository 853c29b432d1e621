"""Logs: one JSON object a line, and nobody ever waits for who reads them."""

from __future__ import annotations

import json
import logging
import os
import select
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from watchdog.adapters import logs


class Pipe:
    """What the logs are written to, by a reader who reads when the test says."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        self.text = b""

    def read(self) -> bytes:
        try:
            while chunk := os.read(self.reader, 1 << 16):
                self.text += chunk
        except BlockingIOError:
            pass
        return self.text

    def lines(self, count: int) -> list[dict[str, Any]]:
        """That many, once they have come."""
        for _ in range(1_000):
            if len(found := self.read().splitlines()) >= count and self.text.endswith(b"\n"):
                return [json.loads(line) for line in found]
            time.sleep(0.01)
        raise AssertionError(f"{len(found)} lines instead of {count}")

    def stop_reading(self) -> None:
        os.close(self.reader)


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipe]:
    pipe, root = Pipe(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    monkeypatch.setattr(logs, "STDOUT", pipe.writer)
    logs.configure(human=False)
    yield pipe
    structlog.reset_defaults()
    root.handlers, root.level = handlers, level


def test_a_line_has_cloud_loggings_keys(pipe: Pipe) -> None:
    structlog.get_logger().error("alert fired", sev=0, incident="i-1", alertname="A")
    (line,) = pipe.lines(1)
    assert line.pop("time").endswith("Z")
    assert line == {
        "severity": "ALERT",
        "message": "alert fired",
        "logging.googleapis.com/operation": {"id": "i-1", "producer": "watchdog"},
        "sev": 0,
        "alertname": "A",
    }


def test_what_libraries_say_is_a_line_of_the_same_kind_with_its_traceback(pipe: Pipe) -> None:
    try:
        raise ValueError("odd")
    except ValueError:
        logging.getLogger("aiohttp.server").exception("a page raised")
    (line,) = pipe.lines(1)
    assert (line["severity"], line["message"]) == ("ERROR", "a page raised")
    assert "ValueError: odd" in line["exception"]


def test_nothing_sensitive_is_in_a_line(pipe: Pipe) -> None:
    structlog.get_logger().warning("sight lost", detail="GET /?token=hunter2 refused", api_key="hunter2")
    logging.getLogger("library").warning("Authorization: Bearer %s", "hunter2-hunter2")
    text = json.dumps(pipe.lines(2))
    assert text.count("[redacted]") == 3
    assert "hunter2" not in text


@pytest.mark.parametrize("name", ["structlog", "logging"])
def test_a_reader_who_stops_makes_nobody_wait_and_every_line_arrives_whole_once_he_reads(pipe: Pipe, name: str) -> None:
    say = structlog.get_logger().warning if name == "structlog" else logging.getLogger("library").warning
    for number in range(2_000):
        say(f"{number} " + "x" * 200)
    assert [int(line["message"].split()[0]) for line in pipe.lines(2_000)] == list(range(2_000))


def test_beyond_the_bound_whole_lines_are_dropped_and_counted(pipe: Pipe) -> None:
    said = logs.KEPT + 5_000
    for number in range(said):
        structlog.get_logger().warning(f"{number} " + "x" * 200)
    lines = pipe.lines(logs.KEPT)
    while not (counted := [line for line in lines if "dropped" in line]):
        lines = pipe.lines(len(lines) + 1)
    kept = sum(line["message"].endswith("x") for line in lines)
    assert counted[0]["message"] == "log lines dropped: nobody read them in time"
    assert 0 < counted[0]["dropped"] <= said - kept


def test_a_reader_who_is_gone_stops_nothing(pipe: Pipe) -> None:
    pipe.stop_reading()
    structlog.get_logger().error("nobody hears this")
    structlog.get_logger().error("nor this")
    streams = [getattr(handler, "stream", None) for handler in logging.getLogger().handlers]
    (lines,) = [stream for stream in streams if isinstance(stream, logs.Lines)]
    for _ in range(500):
        if lines._waiting.unfinished_tasks:
            time.sleep(0.01)
    assert lines._waiting.unfinished_tasks == 0, "what nobody reads must not pile up"


def test_the_end_waits_for_a_reader_of_a_line_that_is_half_written(pipe: Pipe) -> None:
    reading = threading.Event()

    def read() -> None:
        reading.set()
        pipe.lines(1)

    lines = logs.Lines(pipe.writer)
    lines.write(json.dumps("x" * 300_000) + "\n")
    while select.select([], [pipe.writer], [], 0)[1]:
        pass
    reader = threading.Timer(0.1, read)
    reader.start()
    lines.close()
    assert reading.is_set()
    reader.join()
