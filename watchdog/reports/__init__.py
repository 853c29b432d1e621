"""LAW: pure. What the daemon knows, laid out for a decision. Siblings do not know each other."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every command (conventions.md, Command line)."""

    FINE = 0
    FINDING = 1
    UNTOLD = 2


def counted(number: int, what: str) -> str:
    """'1 alert', '2 alerts'."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
