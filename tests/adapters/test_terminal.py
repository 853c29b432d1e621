"""A terminal that never makes the pager wait."""

from __future__ import annotations

import os

import pytest

from watchdog.adapters.terminal import Terminal


def test_text_arrives_whole_in_utf_8() -> None:
    reader, writer = os.pipe()
    text = "15:00:00.113Z  PAGE  Sev-0 · execution\n" * 20
    Terminal(writer).write(text)
    os.close(writer)
    with open(reader, encoding="utf-8") as pipe:
        assert pipe.read() == text


def test_a_terminal_that_nobody_reads_is_an_error_and_not_a_hang() -> None:
    reader, writer = os.pipe()
    terminal = Terminal(writer)
    with pytest.raises(BlockingIOError, match="takes no more text"):
        terminal.write("x" * 1_000_000)
    os.read(reader, 1 << 20)
    terminal.write("again")
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        terminal.write("nobody")
    os.close(writer)


def test_a_lone_surrogate_does_not_silence_a_page() -> None:
    reader, writer = os.pipe()
    Terminal(writer).write("mode \udc80\n")
    assert os.read(reader, 100) == b"mode ?\n"
    os.close(reader)
    os.close(writer)
