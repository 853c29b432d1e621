"""Lines however they are cut, without a socket: the adapter and the simulator share this code."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.adapters.kubernetes_wire import LineBuffer
from watchdog.ports import Unreachable


@given(st.lists(st.binary(max_size=5)), st.lists(st.integers(0, 40)))
def test_the_same_lines_come_out_wherever_the_stream_is_cut(lines: list[bytes], cuts: list[int]) -> None:
    whole = [line.replace(b"\n", b"") + b"\n" for line in lines]
    stream, edges = b"".join(whole), [0, *sorted(cuts), None]
    buffer = LineBuffer(limit=6)
    chunks = [stream[begin:end] for begin, end in pairwise(edges)]
    assert [line for chunk in chunks for line in buffer.lines(chunk)] == whole
    buffer.ended()


def test_an_end_and_a_break_inside_a_line_are_half_a_line_and_a_break_between_two_is_none() -> None:
    buffer = LineBuffer(limit=10)
    assert list(buffer.lines(b"a\n")) == [b"a\n"]
    assert buffer.broken("reset").reason == "Disconnected"
    assert list(buffer.lines(b"b")) == []
    assert buffer.broken("reset").reason == "HalfLine"
    with pytest.raises(Unreachable, match="HalfLine"):
        buffer.ended()


@pytest.mark.parametrize("chunks", [[b"x" * 11 + b"\n"], [b"x" * 6, b"x" * 6], [b"x" * 9, b"xx\n"]])
def test_a_line_beyond_the_limit_is_refused_whether_its_end_came_or_not(chunks: list[bytes]) -> None:
    buffer = LineBuffer(limit=10)
    with pytest.raises(Unreachable, match="LineTooLong"):
        for chunk in chunks:
            list(buffer.lines(chunk))
