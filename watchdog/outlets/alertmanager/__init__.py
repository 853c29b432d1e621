"""Alertmanager, API v2: every peer is told by itself, firing alerts are a lease that is renewed (conventions.md).

LAW: one peer is one outlet, so none waits for another; what a peer has taken is not sent to it again at once, and what
it refuses harms no other alert.

* ``startsAt`` is constant, ``endsAt`` four renewals ahead; what ended is sent as ended for 15 minutes.
* Sev-0 goes first and in requests of its own: a 400 for another alert must not touch it.
* A page of an alert that was latched and is there again has equal labels: Alertmanager tells of it only after its
  ``repeat_interval``. Who must hear of it at once is called directly (``outlets.webhook``).
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
from watchdog.core.alert import Alert
from watchdog.core.assessment import Assessment
from watchdog.core.delivery import Expected, When
from watchdog.core.instant import Instant, rfc3339
from watchdog.core.notice import ODD, TEXT_LIMIT, annotations_of, bounded, labels_of
from watchdog.core.severity import Sev
from watchdog.core.vigil import fit
from watchdog.outlets import Batch, Outlet, Receipt
from watchdog.outlets.alertmanager import canary, read_back
from watchdog.outlets.alertmanager.peer import OUR_OWN, Notice, Peer
from watchdog.outlets.alertmanager.peer_clock import PeerClock
from watchdog.ports import Answer, Ports, Unreachable
from watchdog.reach import PLAIN, Access, BasicAuth, Reach, Tls

LEASE = 4  # renewals
BY_NAME = "dns+"
FOUND_EVERY = 10.0
"""Seconds."""


@dataclass(frozen=True)
class Alertmanager(Outlet):
    """``urls``: every peer of the cluster, none behind a load balancer; ``dns+http://name:9093`` is each address that
    the name has. ``external_url``: where our status page is.
    ``replicated``: another watchdog tells the same alerts, so that none is ended while it may still see it.
    ``canary``: the ``Watchdog`` alert fires for as long as the daemon keeps watch."""

    name: str = "alertmanager"
    urls: tuple[str, ...] = ()
    resend_interval: float = 20.0
    timeout: float = 3.5
    runbook_base_url: str = ""
    external_url: str = ""
    replicated: bool = False
    canary: bool = True
    tls: Tls = PLAIN
    basic_auth: BasicAuth | None = None
    bearer_token_file: str = ""
    proxy: str = ""
    awaited: bool = field(init=False, default=True)
    find_every: float | None = field(init=False, default=None)
    renew_every: float | None = field(init=False, default=None)
    _peer: Peer = field(init=False, repr=False, compare=False)
    _reach: Reach = field(init=False, repr=False, compare=False)
    _clock: PeerClock = field(init=False, repr=False, compare=False, default_factory=PeerClock)

    def __post_init__(self) -> None:
        if not self.urls or not all(map(_is_http, map(_asked_for, self.urls))):
            raise ValueError("urls: expected at least one http(s) URL, such as http://alertmanager-0.monitoring:9093")
        if any(_is_name(url) and urlsplit(_asked_for(url)).port is None for url in self.urls):
            raise ValueError("urls: expected a port, as in dns+http://alertmanager:9093, which no DNS tells")
        if len({_host(url) for url in self.urls}) < len(self.urls):
            raise ValueError("urls: expected every peer once")
        if not 1 <= self.resend_interval <= 60:
            raise ValueError(f"resend_interval: expected 1 to 60 seconds, found {self.resend_interval:g}")
        if not 0 < self.timeout <= self.resend_interval:
            raise ValueError(f"timeout: expected more than 0 and at most resend_interval, found {self.timeout:g}")
        if self.external_url and not is_http_url(self.external_url):
            raise ValueError(f"external_url: expected an http(s) URL, found {self.external_url!r}")
        object.__setattr__(self, "renew_every", self.resend_interval)
        access = Access(self.tls, self.basic_auth, self.bearer_token_file, self.proxy)
        object.__setattr__(self, "_peer", Peer(lapses=self.replicated))
        object.__setattr__(self, "_reach", Reach(self.urls[0].rstrip("/"), access))  # several are told by their parts
        object.__setattr__(self, "find_every", FOUND_EVERY if any(map(_is_name, self.urls)) else None)

    def worst_post(self) -> float:
        return self.post_timeout

    def expected(self) -> Expected:
        return Expected(self.name, When.ALWAYS, Sev.SEV3, peer=True)

    def parts(self) -> Sequence[Outlet]:
        """Two outlets a peer: one that tells it, ``alertmanager/host:port``, and one that asks what has become of it,
        ``alertmanager/host:port/read-back``."""
        return tuple(part for url in self.urls if not _is_name(url) for part in self._of(url))

    async def found(self, ports: Ports) -> Sequence[Outlet]:
        """The peers behind the names in ``urls`` (``dns+http://name:port``). Raises ``Unreachable``."""
        peers = [await _behind(url, ports, self.timeout / len(self.urls)) for url in filter(_is_name, self.urls)]
        fixed = {_host(url) for url in self.urls}
        parts = [self._of(url, name) for found in peers for url, name in found.items() if _host(url) not in fixed]
        return [part for both in parts for part in both]

    def _of(self, url: str, server_name: str = "") -> Sequence[Outlet]:
        one = replace(self, name=f"{self.name}/{_host(url)}", urls=(url,))
        one._reach.server_name = server_name if url.startswith("https:") else ""
        name = f"{one.name}/read-back"
        return one, read_back.Reader(name, one._reach, one.name, self.timeout, _peer=one._peer, _clock=one._clock)

    async def publish(self, batch: Batch, ports: Ports) -> Sequence[Receipt]:
        """Tells the one peer what it is owed. Each page that it takes is reported at once. Raises ``Unreachable``: not
        all could be sent; what it took counts."""
        now, peer = ports.clock.now(), self._peer
        edges = tuple(edge for edge in batch.edges if edge.kind not in OUR_OWN)
        if batch.edges and not (edges or batch.renew):
            return ()
        batch = replace(batch, edges=edges)
        self._clock.forget(peer.note_endings(edges, now))
        renews = peer.renewal_due(batch, now, self.resend_interval)
        await self._tell_in_time(peer.owed(batch, now, self.resend_interval), batch, renews, ports)
        if renews:
            peer.renewed = now.mono
        return [Receipt(self.name, True, at=peer.had_news_at(batch)), *self._refusals()]

    async def _tell_in_time(self, owed: Sequence[Notice], batch: Batch, renews: bool, ports: Ports) -> None:
        try:
            async with asyncio.timeout(self.timeout * 0.95):
                await self._tell_all(owed, batch, ports)
                if renews and self.canary:
                    await self._keep_alive(batch.level, ports)
                if not self._peer.proven:
                    await self._prove(ports)
        except TimeoutError:
            alerts = "1 alert" if len(owed) == 1 else f"{len(owed)} alerts"
            why = f"it has not taken all of {alerts} within {self.timeout:g} s; the rest follows"
            raise Unreachable("Timeout", why) from None

    def _refusals(self) -> Iterator[Receipt]:
        """What it refuses has a receipt of its own: it is a finding, and stops nobody else's page."""
        refused, before = list(self._peer.refused.values()), self._peer.complained
        self._peer.complained = bool(refused)
        if refused or before:
            more = f" (and {len(refused) - 3} more)" if len(refused) > 3 else ""
            yield Receipt(f"{self.name}/refused", not refused, "; ".join(refused[:3]) + more)

    async def _tell_all(self, owed: Sequence[Notice], batch: Batch, ports: Ports) -> None:
        self._peer.proven = False
        if self._clock.zero is None:
            await self._prove(ports)
        for notices in self._peer.requests(owed):
            await self._tell(notices, batch, ports)

    async def _keep_alive(self, level: Assessment, ports: Ports) -> None:
        """Renews the ``Watchdog`` alert, and lets it lapse while nobody keeps watch."""
        now = ports.clock.now()
        if fit(level, now) is not None:
            self._peer.vigil = None
            return
        since = self._peer.vigil = self._peer.vigil or now
        alert = canary.wire(ports.labels, since, self._clock.there(now), now, LEASE * self.resend_interval)
        self._demand_acceptance(await self._send(msgspec.json.encode([alert]), ports))

    async def _tell(self, notices: Sequence[Notice], batch: Batch, ports: Ports) -> None:
        """One request. Of one that is refused, each half by itself, down to the alert that is to blame."""
        sent = ports.clock.now()
        answer, told = await self._post(notices, ports)
        if answer.status != 400:
            self._demand_acceptance(answer)
            batch.report(self._peer.take(told, batch.level.at.mono, sent, ports.clock.now(), self.name))
            return
        if not self._peer.proven:
            await self._prove(ports)
        if len(told) <= 1:
            for notice in told:
                self._refuse(notice, _excerpt(answer))
            return
        middle = len(told) // 2
        for half in (told[:middle], told[middle:]):
            await self._tell(half, batch, ports)

    def _refuse(self, notice: Notice, why: str) -> None:
        self._peer.refused[notice.key] = f"Refused: {notice.alert.identity}: {why}"

    async def _prove(self, ports: Ports) -> None:
        """What refuses an empty request too refuses everybody's alerts. Raises ``Unreachable``."""
        answer, _ = await self._post((), ports)
        self._demand_acceptance(answer)

    async def _post(self, notices: Sequence[Notice], ports: Ports) -> tuple[Answer, Sequence[Notice]]:
        """What it says to those that could be encoded, and which they are."""
        body, told = self._encoded(notices, ports)
        answer = await self._send(body, ports)
        if self._clock.learn(answer, ports.clock.now()) and told:
            body, told = self._encoded(told, ports)
            answer = await self._send(body, ports)
        return answer, told

    def _encoded(self, notices: Sequence[Notice], ports: Ports) -> tuple[bytes, Sequence[Notice]]:
        """What cannot be told whole is told bare; what cannot be so either is refused here, and takes no other with
        it."""
        told, bodies = list[Notice](), list[bytes]()
        for notice in notices:
            try:
                bodies.append(self._one(notice, ports))
                told.append(notice)
            except ODD as error:
                self._refuse(notice, f"it cannot be encoded: {_said(error)}")
        return b"[" + b",".join(bodies) + b"]", told

    def _one(self, notice: Notice, ports: Ports) -> bytes:
        now = ports.clock.now()
        try:
            return msgspec.json.encode(self._wire(notice, now, ports))
        except ODD as error:
            return msgspec.json.encode(self._wire(notice.bare(now, _said(error)), now, ports))

    async def _send(self, body: bytes, ports: Ports) -> Answer:
        try:
            return await self._reach.post("/api/v2/alerts", body, ports, self.post_timeout)
        except Unreachable as error:  # a kept connection may be dead: once more, over a new one
            if error.reason not in ("Disconnected", "Timeout"):
                raise
            self._peer.chunk = max(1, self._peer.chunk // 2)  # or it is slow: less at a time from now on
            return await self._reach.post("/api/v2/alerts", body, ports, self.post_timeout)

    @property
    def post_timeout(self) -> float:
        """Seconds for one attempt: two fit into one publish."""
        return self.timeout * 0.4

    def _wire(self, notice: Notice, now: Instant, ports: Ports) -> dict[str, Any]:
        starts, ends = self._clock.span(notice, now, LEASE * self.resend_interval)
        wire: dict[str, Any] = {
            "labels": labels_of(notice.alert, ports.labels, notice.sev),
            "annotations": annotations_of(notice.alert, self.runbook_base_url, ports.labels) | _known(notice.alert),
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


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _known(alert: Alert) -> dict[str, str]:
    """What a daemon that starts could not tell from the labels (``recall``)."""
    told_at = alert.told_at or alert.fired_at
    subject = bounded(str(alert.identity.subject), TEXT_LIMIT)
    return {"subject": subject} | ({"told_at": rfc3339(told_at.wall)} if told_at else {})


def _is_http(url: str) -> bool:
    return is_http_url(url) and not (urlsplit(url).query or urlsplit(url).fragment)


def _is_name(url: str) -> bool:
    return url.startswith(BY_NAME)


def _asked_for(url: str) -> str:
    return url.removeprefix(BY_NAME)


async def _behind(url: str, ports: Ports, timeout: float) -> dict[str, str]:
    """The URL of each address behind a name, with the name that its certificate bears."""
    parts = urlsplit(_asked_for(url))
    host, port = parts.hostname or "", "" if parts.port is None else f":{parts.port}"
    user, at, _ = parts.netloc.rpartition("@")
    found = await ports.names().addresses(host, timeout)
    hosts = (f"[{address}]" if ":" in address else address for address in found)
    return {parts._replace(netloc=f"{user}{at}{each}{port}").geturl(): host for each in hosts}


def _host(url: str) -> str:
    """What tells a peer from another, without credentials."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] + parts.path.rstrip("/")


def _excerpt(answer: Answer) -> str:
    return " ".join(answer.body[:200].decode("utf-8", "replace").split())
