"""Receivers that are called directly, by Alertmanager's webhook (version 4) or by a Pub/Sub topic: the other path.

LAW: one receiver is one outlet, so none waits for another; what a receiver has taken is not sent to it again, what it
refuses for good is a finding and blocks no other page, and everything else is tried until it is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from watchdog.core.address import is_http_url
from watchdog.outlets import Batch, Outlet, Receipt
from watchdog.outlets.webhook import direct
from watchdog.outlets.webhook.recipient import Recipient
from watchdog.ports import Ports


@dataclass(frozen=True)
class Webhook(Outlet):
    """A stanza: any number of receivers. ``timeout``: seconds that one attempt may take. ``external_url``: where our
    status page is."""

    receivers: tuple[Recipient, ...]
    name: str = "webhook"
    timeout: float = 1.4
    runbook_base_url: str = ""
    external_url: str = ""

    def __post_init__(self) -> None:
        names = [receiver.name for receiver in self.receivers]
        if not names:
            raise ValueError("receivers: expected at least one, found none")
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"receivers: expected a name of its own for each, {twice!r} stands twice")
        if not 0 < self.timeout <= 30:
            raise ValueError(f"timeout: expected more than 0 and at most 30 seconds, found {self.timeout:g}")
        if self.external_url and not is_http_url(self.external_url):
            raise ValueError(f"external_url: expected an http(s) URL, found {self.external_url!r}")

    def parts(self) -> Sequence[Outlet]:
        """One outlet a receiver, named as the receiver is: ``escalation`` names it so."""
        return [
            direct.Direct(receiver.name, receiver, self.timeout, self.runbook_base_url, self.external_url)
            for receiver in self.receivers
        ]

    async def publish(self, batch: Batch, ports: Ports) -> Sequence[Receipt]:
        """Never asked for: each of its parts is published to by itself."""
        raise NotImplementedError
