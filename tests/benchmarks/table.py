"""One line a figure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def say(what: str, figure: str, target: str = "") -> None:
    print(f"{what:<78} {figure:>30}   {target}", flush=True)


def spread(milliseconds: Sequence[float]) -> str:
    return f"p50 {statistics.median(milliseconds):.2f}  p99 {p99(milliseconds):.2f}"


def p99(milliseconds: Sequence[float]) -> float:
    ordered = sorted(milliseconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
