"""Alertmanager, API v2: every peer is told by itself, firing alerts are a lease that is renewed (conventions.md).

LAW: one peer is one outlet, so none waits for another; what a peer has taken is not sent to it again at once, and what
it refuses harms no other alert.

* ``startsAt`` is constant, ``endsAt`` four renewals ahead; what ended is sent as ended for 15 minutes.
* Sev-0 goes first and in requests of its own: a 400 for another alert must not touch it.
* An empty request proves, where no alert does, that the peer takes any: its answer also tells the peer's time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import msgspec

from watchdog.core.address import is_http_url
from watchdog.core.instant import Instant, rfc3339
from watchdog.core.notice import annotations_of, labels_of
from watchdog.outlets import Batch, Outlet, Receipt
from watchdog.outlets.alertmanager.peer import Notice, Peer
from watchdog.outlets.alertmanager.peer_clock import PeerClock
from watchdog.ports import Answer, Ports, Unreachable

LEASE = 4  # renewals


@dataclass(frozen=True)
class Alertmanager(Outlet):
    """``urls``: every peer of the cluster, none behind a load balancer. ``external_url``: where our status page is."""

    name: str = "alertmanager"
    urls: tuple[str, ...] = ()
    resend_interval: float = 20.0
    timeout: float = 5.0
    runbook_base_url: str = ""
    external_url: str = ""
    renew_every: float | None = field(init=False, default=None)
    _peer: Peer = field(init=False, repr=False, compare=False, default_factory=Peer)
    _clock: PeerClock = field(init=False, repr=False, compare=False, default_factory=PeerClock)

    def __post_init__(self) -> None:
        if not self.urls or not all(map(_is_http, self.urls)):
            raise ValueError("urls: expected at least one http(s) URL, such as http://alertmanager-0.monitoring:9093")
        if len({_host(url) for url in self.urls}) < len(self.urls):
            raise ValueError("urls: expected every peer once")
        if not 1 <= self.resend_interval <= 60:
            raise ValueError(f"resend_interval: expected 1 to 60 seconds, found {self.resend_interval:g}")
        if not 0 < self.timeout <= self.resend_interval:
            raise ValueError(f"timeout: expected more than 0 and at most resend_interval, found {self.timeout:g}")
        object.__setattr__(self, "renew_every", self.resend_interval)

    def parts(self) -> Sequence[Outlet]:
        """One outlet a peer, ``alertmanager/host:port``; of such an outlet, its like."""
        return tuple(replace(self, name=_named(self.name, url), urls=(url,)) for url in self.urls)

    async def publish(self, batch: Batch, ports: Ports) -> Sequence[Receipt]:
        """Tells the one peer what it is owed. Raises ``Unreachable``: not all could be sent; what it took counts."""
        now, peer = ports.clock.now(), self._peer
        self._clock.forget(peer.note_endings(batch.edges, now))
        owed = peer.owed(batch, now, self.resend_interval)
        try:
            async with asyncio.timeout(self.timeout * 0.95):
                await self._tell_all(owed, batch.level.at, ports)
        except TimeoutError:
            alerts = "1 alert" if len(owed) == 1 else f"{len(owed)} alerts"
            why = f"it has not taken all of {alerts} within {self.timeout:g} s; the rest follows"
            raise Unreachable("Timeout", why) from None
        if peer.renewal_due(batch, now, self.resend_interval):
            peer.renewed = now.mono
        return [Receipt(self.name, True, at=peer.had_news_at(batch)), *self._refusals()]

    def _refusals(self) -> Iterator[Receipt]:
        """What it refuses has a receipt of its own: it is a finding, and stops nobody else's page."""
        refused, before = list(self._peer.refused.values()), self._peer.complained
        self._peer.complained = bool(refused)
        if refused or before:
            more = f" (and {len(refused) - 3} more)" if len(refused) > 3 else ""
            yield Receipt(f"{self.name}/refused", not refused, "; ".join(refused[:3]) + more)

    async def _tell_all(self, owed: Sequence[Notice], as_of: Instant, ports: Ports) -> None:
        self._peer.proven = False
        if self._clock.ahead is None:
            await self._prove(ports)
        for notices in self._peer.requests(owed):
            await self._tell(notices, as_of, ports)
        if not self._peer.proven:
            await self._prove(ports)

    async def _tell(self, notices: Sequence[Notice], as_of: Instant, ports: Ports) -> None:
        """One request. Of one that is refused, each half by itself, down to the alert that is to blame."""
        answer = await self._post(notices, ports)
        if answer.status != 400:
            self._demand_acceptance(answer)
            self._peer.take(notices, as_of.mono, ports.clock.now())
            return
        if not self._peer.proven:
            await self._prove(ports)
        if len(notices) == 1:
            self._peer.refused[notices[0].key] = f"Refused: {notices[0].alert.identity}: {_excerpt(answer)}"
            return
        middle = len(notices) // 2
        for half in (notices[:middle], notices[middle:]):
            await self._tell(half, as_of, ports)

    async def _prove(self, ports: Ports) -> None:
        """What refuses an empty request too refuses everybody's alerts. Raises ``Unreachable``."""
        self._demand_acceptance(await self._post((), ports))

    async def _post(self, notices: Sequence[Notice], ports: Ports) -> Answer:
        answer = await self._send(notices, ports)
        if self._clock.learn(answer, ports.clock.now()) and notices:
            answer = await self._send(notices, ports)
        return answer

    async def _send(self, notices: Sequence[Notice], ports: Ports) -> Answer:
        try:
            return await self._request(notices, ports)
        except Unreachable as error:  # a kept connection may be dead: once more, over a new one
            if error.reason not in ("Disconnected", "Timeout"):
                raise
            self._peer.chunk = max(1, self._peer.chunk // 2)  # or it is slow: less at a time from now on
            return await self._request(notices, ports)

    async def _request(self, notices: Sequence[Notice], ports: Ports) -> Answer:
        now = ports.clock.now()
        return await ports.http.post(
            f"{self._url}/api/v2/alerts",
            msgspec.json.encode([self._wire(notice, now, ports) for notice in notices]),
            headers={"content-type": "application/json"},
            timeout=self.timeout * 0.4,  # two attempts fit into one publish
            limit=1 << 16,
        )

    @property
    def _url(self) -> str:
        (url,) = self.urls  # a stanza's several peers are published to by its parts
        return url.rstrip("/")

    def _wire(self, notice: Notice, now: Instant, ports: Ports) -> dict[str, Any]:
        starts, ends = self._clock.span(notice, now, LEASE * self.resend_interval)
        wire: dict[str, Any] = {
            "labels": labels_of(notice.alert, ports.labels, notice.sev),
            "annotations": annotations_of(notice.alert, self.runbook_base_url),
            "startsAt": rfc3339(starts),
            "endsAt": rfc3339(ends),
        }
        return wire | ({"generatorURL": self.external_url} if self.external_url else {})

    def _demand_acceptance(self, answer: Answer) -> None:
        if answer.status != 200:
            raise Unreachable(f"Http{answer.status}", _excerpt(answer))
        if answer.body.strip() and "json" not in answer.headers.get("content-type", ""):
            raise Unreachable("NotAlertmanager", f"it answers 200 with {answer.headers.get('content-type', 'no type')}")
        self._peer.proven = True


def _is_http(url: str) -> bool:
    return is_http_url(url) and not (urlsplit(url).query or urlsplit(url).fragment)


def _host(url: str) -> str:
    """What tells a peer from another, without credentials."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] + parts.path.rstrip("/")


def _named(name: str, url: str) -> str:
    return name if name.endswith(f"/{_host(url)}") else f"{name}/{_host(url)}"


def _excerpt(answer: Answer) -> str:
    return " ".join(answer.body[:200].decode("utf-8", "replace").split())
