"""The posture for whoever asks: JSON for programs, one plain HTML page for a person.

LAW: every document is rendered when it is asked for, from the newest level and the clock of that moment; it is bounded,
and it decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec

from watchdog.core.assessment import Assessment
from watchdog.core.instant import Instant
from watchdog.outlets import Batch, Outlet, Receipt
from watchdog.outlets.status_page.documents import alerts, health, incidents, posture
from watchdog.outlets.status_page.page import html
from watchdog.ports import Document, Ports

Told = Callable[[Assessment, Instant, str, Mapping[str, str]], Any]
"""What a document says: of a level, at an instant, with the runbooks' base URL and the labels of every alert."""

DOCUMENTS: Mapping[str, Told] = {
    "/healthz": health,
    "/api/v1/posture": posture,
    "/api/v1/alerts": alerts,
    "/api/v1/incidents": incidents,
}


@dataclass(frozen=True)
class StatusPage(Outlet):
    name: str = "status_page"
    runbook_base_url: str = ""
    every_turn: bool = field(init=False, default=True)

    async def publish(self, batch: Batch, ports: Ports) -> Sequence[Receipt]:
        """Hangs the level up. It has no receiver, so there is no receipt."""
        for path, told in DOCUMENTS.items():
            ports.status.show(path, partial(_json, told, batch.level, ports, self.runbook_base_url))
        ports.status.show("/", partial(_html, batch.level, ports, self.runbook_base_url))
        return ()


def _json(told: Told, level: Assessment, ports: Ports, base_url: str, headers: Mapping[str, str]) -> Document:
    document = told(level, ports.clock.now(), base_url, ports.labels)
    return Document(msgspec.json.encode(document) + b"\n", "application/json")


def _html(level: Assessment, ports: Ports, base_url: str, headers: Mapping[str, str]) -> Document:
    page = html(level, ports.clock.now(), base_url, ports.labels)
    return Document(page.encode("utf-8", "replace"), "text/html; charset=utf-8")
