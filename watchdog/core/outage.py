"""What is said of a source that does not see: what fails, and why. Pure.

A page must tell what to do, so it quotes the sentence that came with the reason, and is of bounded length.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from watchdog.core.facts import Unknown
from watchdog.core.redaction import redacted_text

SAFETY_KINDS = frozenset({"kill_switch", "workload", "mode", "latent", "wiring"})
"""What a source that carries it must see within seconds. What a service says of itself is not among them: that it does
not answer is an outage of that service, and what it would say is seen in the cluster too."""
LONGEST = 600
"""Characters of an explanation."""
LONGEST_MESSAGE = 420
PARTS = 3
"""Looks of a kind that are named."""
_VARYING = re.compile(r"\S*\d\S*")  # ages, ports, addresses, ids


def explained(failing: Iterable[tuple[str, Unknown]]) -> str:
    """'Timeout: no answer within 2 s (watch pods, watch nodes, read ConfigMap x and 4 more); Forbidden: ...'."""
    parts: dict[Unknown, list[str]] = {}
    for part, why in failing:
        parts.setdefault(why, []).append(part)
    said, kinds = "", list(parts)
    for number, why in enumerate(kinds):
        clause = _clause(why, parts[why])
        if said and len(said) + len(clause) > LONGEST:
            rest = [part for other in kinds[number:] for part in parts[other]]
            return _clipped(f"{said}; also {_few(rest)}", LONGEST)
        said = f"{said}; {clause}" if said else clause
    return _clipped(said, LONGEST)


def reworded(before: Unknown | None, now: Unknown | None) -> bool:
    """The same trouble in other words: only what varies by itself differs."""
    if before is None or now is None or before == now or before.reason != now.reason:
        return False
    return _VARYING.sub("#", before.message) == _VARYING.sub("#", now.message)


def _clause(why: Unknown, parts: Sequence[str]) -> str:
    """Redacted by itself: behind other words, or on one line, what is secret in it could no more be told."""
    message = _clipped(" ".join(redacted_text(why.message).split()), LONGEST_MESSAGE)
    named = [part for part in parts if part]
    return f"{why.reason}{f': {message}' if message else ''}{f' ({_few(named)})' if named else ''}"


def _few(parts: Sequence[str]) -> str:
    more = len(parts) - PARTS
    return ", ".join(parts[:PARTS]) + (f" and {more} more" if more > 0 else "")


def _clipped(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
