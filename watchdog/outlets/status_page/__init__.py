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
from watchdog.outlets import Batch, Newest, Outlet, Receipt
from watchdog.outlets.status_page.data_plane import data_plane
from watchdog.outlets.status_page.deliveries import deliveries
from watchdog.outlets.status_page.documents import alerts, coverage, health, incidents, posture
from watchdog.outlets.status_page.history import excursions, gaps
from watchdog.outlets.status_page.page import html
from watchdog.ports import Document, Ports

Told = Callable[[Assessment, Instant, str, Mapping[str, str]], Any]
"""What a document says: of a level, at an instant, with the runbooks' base URL and the labels of every alert."""

DOCUMENTS: Mapping[str, Told] = {
    "/healthz": health,
    "/api/v1/posture": posture,
    "/api/v1/alerts": alerts,
    "/api/v1/incidents": incidents,
    "/api/v1/deliveries": deliveries,
    "/api/v1/excursions": excursions,
    "/api/v1/gaps": gaps,
    "/api/v1/coverage": coverage,
    "/api/v1/data_plane": data_plane,
}


@dataclass(frozen=True)
class StatusPage(Outlet):
    name: str = "status_page"
    runbook_base_url: str = ""
    every_turn: bool = field(init=False, default=True)
    _newest: Any = field(init=False, repr=False, compare=False, default_factory=Newest)  # no part of the stanza

    async def publish(self, batch: Batch, ports: Ports) -> Sequence[Receipt]:
        """Shows the level from now on. It has no receiver, so there is no receipt."""
        if self._newest.take(batch.level):
            for path, told in DOCUMENTS.items():
                ports.status.show(path, partial(self._json, told, ports))
            ports.status.show("/", partial(self._html, ports))
        return ()

    def _json(self, told: Told, ports: Ports, headers: Mapping[str, str]) -> Document:
        """``boot`` says which life of the daemon answers."""
        said = self._said(told, ports) | ({} if told is health else {"boot": ports.boot})
        return Document(msgspec.json.encode(said) + b"\n", "application/json")

    def _html(self, ports: Ports, headers: Mapping[str, str]) -> Document:
        return Document(self._said(html, ports).encode("utf-8", "replace"), "text/html; charset=utf-8")

    def _said(self, told: Told, ports: Ports) -> Any:
        assert self._newest.level is not None
        return told(self._newest.level, ports.clock.now(), self.runbook_base_url, ports.labels)
