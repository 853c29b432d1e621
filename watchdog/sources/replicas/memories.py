"""What another replica knows of alerts: its /api/v1/alerts. Whatever of it is not sound is left out, and said."""

from __future__ import annotations

import json
from collections.abc import Sequence

import structlog

from watchdog.core.record import recalled_of_document
from watchdog.core.report import Recalled
from watchdog.ports import Answer, Ports, Unreachable

BODY_LIMIT = 16 << 20
"""Bytes: ten thousand alerts."""


async def remembered(url: str, ports: Ports, timeout: float) -> Sequence[Recalled] | Unreachable | None:
    """``None`` where we ourselves answer; or why nothing can be learned there."""
    try:
        answer = await ports.http.get(f"{url.rstrip('/')}/api/v1/alerts", headers={}, timeout=timeout, limit=BODY_LIMIT)
        document = _document(answer)
        return None if ports.boot and document.get("boot") == ports.boot else _recalled(url, document, ports)
    except Unreachable as error:
        return error


def _recalled(url: str, document: dict[str, object], ports: Ports) -> Sequence[Recalled]:
    """Raises ``Unreachable``."""
    try:
        recalled, problems = recalled_of_document(document, "peer", ports.clock.now())
    except ValueError as error:
        raise Unreachable("BadAnswer", f"it tells of its alerts otherwise than agreed: {error}") from None
    if problems:
        log = structlog.get_logger().bind(peer=url)
        log.warning("not all that a replica remembers can be used", first=problems[0], count=len(problems))
    return recalled


def _document(answer: Answer) -> dict[str, object]:
    if answer.status != 200:
        raise Unreachable(f"Http{answer.status}", f"it answers {answer.status}")
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise Unreachable("BadAnswer", f"it tells of its alerts otherwise than agreed: {error}") from None
    if not isinstance(document, dict):
        raise Unreachable("BadAnswer", "it tells of its alerts otherwise than agreed: no object")
    return document
