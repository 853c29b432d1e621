"""What bytes of the Kubernetes API mean, whatever brought them: the lines of a WATCH, and a refusal. No I/O."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

from watchdog.core.instant import from_http_date
from watchdog.ports import KubernetesError, Unreachable

SHOWN = 200
"""Characters of a message that are told."""


class LineBuffer:
    """Cuts what comes into whole lines, each with its end. The usual chunk is one line, and is handed on as it came."""

    def __init__(self, limit: int) -> None:
        """``limit``: bytes of a line. A longer one raises ``Unreachable('LineTooLong')``."""
        self._limit = limit
        self._parts: list[bytes] = []
        self._held = 0

    def lines(self, chunk: bytes) -> Iterator[bytes]:
        begin = 0
        while (end := chunk.find(b"\n", begin) + 1) > 0:
            self._hold(chunk[begin:end])
            line = b"".join(self._parts) if len(self._parts) > 1 else self._parts[0]
            self._parts, self._held, begin = [], 0, end
            yield line
        if begin < len(chunk):
            self._hold(chunk[begin:])

    def _hold(self, part: bytes) -> None:
        self._parts.append(part)
        self._held += len(part)
        if self._held > self._limit:
            raise Unreachable("LineTooLong", f"a line is longer than {self._limit} bytes")

    def ended(self) -> None:
        """The stream ended cleanly. Raises ``Unreachable('HalfLine')`` if that was inside a line."""
        if self._parts:
            raise Unreachable("HalfLine", "the stream ended inside a line")

    def broken(self, why: str) -> Unreachable:
        """The stream broke: what to raise."""
        inside = Unreachable("HalfLine", "the stream broke inside a line")
        return inside if self._parts else Unreachable("Disconnected", why)


def date_of(header: str) -> datetime:
    """When an answer was given. Raises ``Unreachable('NoDate')``."""
    if (date := from_http_date(header)) is None:
        raise Unreachable("NoDate", f"it answers without a date: {header[:SHOWN]!r}")
    return date


def refused(status: int, body: bytes) -> KubernetesError:
    """The API server says why in a Status; a 404 in plain text, or a proxy's HTML, comes from somebody else."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    if isinstance(said, dict) and said.get("kind") == "Status":
        return KubernetesError(status, str(said.get("reason") or "Refused"), str(said.get("message") or "")[:SHOWN])
    return KubernetesError(status, "NotAStatus", " ".join(body[:SHOWN].decode(errors="replace").split()))
