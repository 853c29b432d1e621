"""Alertmanager, API v2: every peer is told by itself, firing alerts are a lease that is renewed (conventions.md).

* ``startsAt`` is constant, ``endsAt`` four renewals ahead; what ended is sent as ended for 15 minutes.
* Sev-0 goes first and in requests of its own: a 400 for another alert must not touch it.
* The wall clocks need not agree: a peer's ``Date`` tells how far it is from ours, and instants are sent in its time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import msgspec

from watchdog.core.alert import Alert, Edge, EdgeKind, Identity
from watchdog.core.assessment import Assessment
from watchdog.core.instant import Instant, rfc3339
from watchdog.core.notice import annotations_of, labels_of
from watchdog.core.severity import Sev
from watchdog.outlets import Batch, Outlet, Receipt
from watchdog.ports import Answer, Ports, Unreachable

LEASE = 4  # renewals
ENDED_SECONDS = 15 * 60.0
CHUNK = 64
GRACE_SECONDS = 1.0
"""How long the other peers may take once one has accepted: one that hangs must not hold up the next page to the rest.
What it missed, it gets with the next renewal."""
CLOCK_TOLERANCE = 5.0


@dataclass(frozen=True, slots=True)
class Notice:
    """One alert at one Sev, as a peer is to see it: firing, or ended at an instant."""

    alert: Alert
    sev: Sev
    ended: Instant | None = None


@dataclass(slots=True)
class Peer:
    """What is known of one peer."""

    url: str
    ahead: float = 0.0  # seconds that its wall clock is ahead of ours
    renewed: float | None = None  # when it last took the whole level (monotonic seconds)


Key: TypeAlias = tuple[Identity, Sev]


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
    _peers: tuple[Peer, ...] = field(init=False, repr=False, compare=False, default=())
    _ended: dict[Key, Notice] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        if not self.urls or not all(map(_is_http, self.urls)):
            raise ValueError("urls: expected at least one http(s) URL, such as http://alertmanager-0.monitoring:9093")
        if not 1 <= self.resend_interval <= 60:
            raise ValueError(f"resend_interval: expected 1 to 60 seconds, found {self.resend_interval:g}")
        if not 0 < self.timeout <= self.resend_interval:
            raise ValueError(f"timeout: expected more than 0 and at most resend_interval, found {self.timeout:g}")
        object.__setattr__(self, "renew_every", self.resend_interval)
        object.__setattr__(self, "_peers", tuple(Peer(url.rstrip("/")) for url in self.urls))

    async def publish(self, batch: Batch, ports: Ports) -> Sequence[Receipt]:
        """Tells every peer; one that accepts all is enough for the page to be out. Raises nothing of the peers'."""
        now = ports.clock.now()
        self._note_endings(batch, now)
        telling = [asyncio.create_task(self._tell(peer, batch, now, ports)) for peer in self._peers]
        await _first_acceptance(telling)
        return [_receipt(self._receiver(peer), task) for peer, task in zip(self._peers, telling, strict=True)]

    # What to send

    def _note_endings(self, batch: Batch, now: Instant) -> None:
        for key in [k for k, notice in self._ended.items() if notice.ended and now.since(notice.ended) > ENDED_SECONDS]:
            del self._ended[key]
        for edge in batch.edges:
            self._ended.pop((edge.alert.identity, edge.alert.sev), None)
            if (notice := _ending(edge)) is not None:
                self._ended[notice.alert.identity, notice.sev] = notice

    def _posts(self, batch: Batch, peer: Peer, now: Instant) -> Iterator[Sequence[Notice]]:
        """The edges at once, each as it is now; then, when it is time, everything."""
        touched = dict.fromkeys(edge.alert.identity for edge in batch.edges)
        yield from _urgent_first(_firing(batch.level, touched))
        yield from _chunks([notice for key, notice in self._ended.items() if key[0] in touched])
        if self._is_due(peer, batch, now):
            yield from _urgent_first(_firing(batch.level, batch.level.alerts))
            yield from _chunks(list(self._ended.values()))

    def _is_due(self, peer: Peer, batch: Batch, now: Instant) -> bool:
        return not batch.edges or peer.renewed is None or now.mono - peer.renewed >= self.resend_interval

    # How to send it

    async def _tell(self, peer: Peer, batch: Batch, now: Instant, ports: Ports) -> None:
        """Raises ``Unreachable``, also when it refuses an alert."""
        refused: list[str] = []
        try:
            async with asyncio.timeout(self.timeout * 0.95):
                for notices in self._posts(batch, peer, now):
                    refused += await self._post(peer, notices, ports)
        except TimeoutError:
            raise Unreachable("Timeout", f"it has not taken everything within {self.timeout:g} s") from None
        if self._is_due(peer, batch, now):
            peer.renewed = now.mono
        if refused:
            raise Unreachable("Refused", "; ".join(list(dict.fromkeys(refused))[:3]))

    async def _post(self, peer: Peer, notices: Sequence[Notice], ports: Ports) -> list[str]:
        """Sends one request, and what is refused with others once more alone. Answers what it refuses for good."""
        answer = await self._send(peer, notices, ports)
        if _learn_clock(peer, answer, ports.clock.now()):
            answer = await self._send(peer, notices, ports)
        if answer.status == 400 and len(notices) > 1:
            return [refusal for notice in notices for refusal in await self._post(peer, [notice], ports)]
        if answer.status == 400:
            return [f"{notices[0].alert.identity}: {_excerpt(answer)}"]
        _demand_acceptance(answer)
        return []

    async def _send(self, peer: Peer, notices: Sequence[Notice], ports: Ports) -> Answer:
        try:
            return await self._request(peer, notices, ports)
        except Unreachable as error:  # a kept connection may be dead: once more, over a new one
            if error.reason not in ("Disconnected", "Timeout"):
                raise
            return await self._request(peer, notices, ports)

    async def _request(self, peer: Peer, notices: Sequence[Notice], ports: Ports) -> Answer:
        now = ports.clock.now()
        body = msgspec.json.encode([self._wire(notice, peer, now, ports.labels) for notice in notices])
        return await ports.http.post(
            f"{peer.url}/api/v2/alerts",
            body,
            headers={"content-type": "application/json"},
            timeout=self.timeout * 0.4,  # two attempts fit into one publish
            limit=1 << 16,
        )

    def _wire(self, notice: Notice, peer: Peer, now: Instant, common: Mapping[str, str]) -> dict[str, Any]:
        there = now.wall + timedelta(seconds=peer.ahead)
        began = (notice.alert.fired_at or notice.alert.active_since).wall
        if notice.ended is None:
            ends = there + timedelta(seconds=LEASE * self.resend_interval)
        else:
            ends = there - timedelta(seconds=now.since(notice.ended))
        wire: dict[str, Any] = {
            "labels": labels_of(notice.alert, common, notice.sev),
            "annotations": annotations_of(notice.alert, self.runbook_base_url),
            "startsAt": rfc3339(min(began, there, ends)),  # a clock that stepped back would earn a 400
            "endsAt": rfc3339(ends),
        }
        return wire | ({"generatorURL": self.external_url} if self.external_url else {})

    def _receiver(self, peer: Peer) -> str:
        return f"{self.name}/{urlsplit(peer.url).netloc.rpartition('@')[2]}"


def _is_http(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _ending(edge: Edge) -> Notice | None:
    """The label set that is over: an alert that resolved, or the lower Sev of one that rose."""
    if edge.kind is EdgeKind.RESOLVED:
        return Notice(edge.alert, edge.alert.sev, edge.at)
    if edge.kind is EdgeKind.ROSE and edge.was is not None:
        return Notice(edge.alert, edge.was, edge.at)
    return None


def _firing(level: Assessment, identities: Iterable[Identity]) -> list[Notice]:
    alerts = (level.alerts.get(identity) for identity in identities)
    return [Notice(alert, alert.sev) for alert in alerts if alert is not None and alert.open]


def _urgent_first(notices: Sequence[Notice]) -> Iterator[Sequence[Notice]]:
    yield from _chunks([n for n in notices if n.sev is Sev.SEV0])
    yield from _chunks(sorted((n for n in notices if n.sev is not Sev.SEV0), key=lambda n: n.sev))


def _chunks(notices: Sequence[Notice]) -> Iterator[Sequence[Notice]]:
    for start in range(0, len(notices), CHUNK):
        yield notices[start : start + CHUNK]


async def _first_acceptance(telling: Sequence[asyncio.Task[None]]) -> None:
    """Until all have answered, or one has accepted and the others have had their grace."""
    waiting = list(telling)
    try:
        while waiting and not any(_accepted(task) for task in telling):
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            waiting = [task for task in telling if not task.done()]
        if waiting:
            await asyncio.wait(waiting, timeout=GRACE_SECONDS)
    finally:
        for task in telling:
            task.cancel()
        await asyncio.gather(*telling, return_exceptions=True)


def _accepted(task: asyncio.Task[None]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None


def _receipt(receiver: str, task: asyncio.Task[None]) -> Receipt:
    if task.cancelled():
        return Receipt(receiver, False, f"Timeout: no answer {GRACE_SECONDS:g} s after another peer's")
    error = task.exception()
    if error is None:
        return Receipt(receiver, True)
    if not isinstance(error, Unreachable):
        raise error
    return Receipt(receiver, False, str(error))


def _learn_clock(peer: Peer, answer: Answer, now: Instant) -> bool:
    """Whether the peer's clock is elsewhere than we thought, so that what was just sent bore the wrong instants."""
    try:
        theirs = parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        return False
    ahead = (theirs.replace(tzinfo=theirs.tzinfo or UTC) - now.wall).total_seconds()
    if abs(ahead - peer.ahead) <= CLOCK_TOLERANCE:
        return False
    peer.ahead = ahead if abs(ahead) > CLOCK_TOLERANCE else 0.0
    return True


def _demand_acceptance(answer: Answer) -> None:
    if answer.status != 200:
        raise Unreachable(f"Http{answer.status}", _excerpt(answer))
    if answer.body.strip() and "json" not in answer.headers.get("content-type", ""):
        raise Unreachable("NotAlertmanager", f"it answers 200 with {answer.headers.get('content-type', 'no type')}")


def _excerpt(answer: Answer) -> str:
    return " ".join(answer.body[:200].decode("utf-8", "replace").split())
