"""What the platform's own readers conclude from the text of a switch. domain.md §3, §6."""

from __future__ import annotations

TRUTHY = frozenset({"1", "true", "yes", "on"})
FALSY = frozenset({"0", "false", "no", "off", ""})
SHOWN = 80
"""Characters of a value that are kept for a page."""


def truthy(text: str) -> bool:
    """Surrounding white space and letter case do not matter."""
    return text.strip().lower() in TRUTHY


def first_line(text: str) -> str:
    """The only line of a file that counts, as far as it is shown."""
    return text.partition("\n")[0].strip()[:SHOWN]


def halted(text: str) -> tuple[bool, str]:
    """Whether trading is halted by a switch that was read, and why: whatever is not truthy is not halted."""
    line = first_line(text)
    return truthy(text.partition("\n")[0]), f'the value is "{line}"' if line else "the value is empty"


def paused(text: str) -> bool:
    """Whether a switch that enables something (``INGEST_ENABLED``) pauses it: only what is plainly off does, and to be
    unset or empty is to be enabled. domain.md §6."""
    return text.partition("\n")[0].strip().lower() in FALSY - {""}
