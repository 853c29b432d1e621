"""Read-back: asks one Alertmanager what has become of the Sev-0 alerts that it took, and whether anybody hears of them.

A part beside the peer's own, so that no page waits for an answer. It owes nobody anything: what it cannot find out is
``Hearing.UNKNOWN`` with the reason. It reports changes only. That it cannot read where pages are taken is a finding of
its own; where they are not, the peer's own part says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar
from urllib.parse import quote, urlencode

import msgspec
import structlog

from watchdog.core.alert import Alert, EdgeKind, Identity
from watchdog.core.assessment import Assessment
from watchdog.core.instant import Instant, from_rfc3339, of_our_age, rfc3339
from watchdog.core.notice import labels_of
from watchdog.core.report import Hearing, ReadBack, Recalled
from watchdog.core.severity import Sev
from watchdog.outlets import Batch, Outlet, Receipt
from watchdog.outlets.alertmanager import recall
from watchdog.outlets.alertmanager.intervals import Underivable
from watchdog.outlets.alertmanager.peer import Peer
from watchdog.outlets.alertmanager.peer_clock import PeerClock
from watchdog.outlets.alertmanager.routing import Destination, Routing
from watchdog.ports import Answer, Ports, Unreachable
from watchdog.reach import Reach

FIRST, PACE, AT_REST = 0.05, 5.0, 60.0
"""Seconds to the next question: after a page, doubling up to the pace; without any Sev-0, to see that it answers."""
LIMIT = 8 << 20
"""Bytes of an answer."""
TRIES = 3
"""Failures in a row that are a finding."""
NAMED = 3
"""Silences that are looked up, of one alert."""

T = TypeVar("T")


class Status(msgspec.Struct):
    """openapi.yaml, alertStatus; ``mutedBy`` since 0.28."""

    state: str
    silencedBy: tuple[str, ...] = ()
    inhibitedBy: tuple[str, ...] = ()
    mutedBy: tuple[str, ...] = ()


class Named(msgspec.Struct):
    name: str


class Listed(msgspec.Struct):
    """openapi.yaml, gettableAlert."""

    labels: dict[str, str]
    status: Status
    receivers: tuple[Named, ...] = ()
    fingerprint: str = ""


class _Silence(msgspec.Struct):
    endsAt: str
    createdBy: str = ""
    comment: str = ""


class _Config(msgspec.Struct):
    original: str


class _ServerStatus(msgspec.Struct):
    config: _Config


class Said(NamedTuple):
    hearing: Hearing
    why: str


Page = tuple[Identity, float]  # an alert, and when its newest page was due


@dataclass(eq=False)
class Reader(Outlet):
    name: str
    reach: Reach
    peer_name: str
    timeout: float
    renew_every: float | None = AT_REST
    waited_for: bool = False
    _peer: Peer = field(repr=False, default_factory=Peer)
    _clock: PeerClock = field(repr=False, default_factory=PeerClock)
    _said: dict[Page, Said] = field(default_factory=dict)
    _asked: dict[Page, None] = field(default_factory=dict)
    _config: tuple[str, Routing] | None = None
    _read_at: float = float("-inf")  # when its configuration was last read
    _failures: int = 0
    _complained: bool = False

    async def publish(self, batch: Batch, ports: Ports) -> Sequence[Receipt]:
        alerts = {_page(alert): alert for alert in _urgent(batch.level)}
        paged = any(e.alert.sev is Sev.SEV0 and (e.kind.page or e.kind is EdgeKind.RESTORED) for e in batch.edges)
        if not (paged or batch.renew):
            return ()
        self._forget_all_but(alerts)
        taken = {page: alert for page, alert in alerts.items() if (alert.identity, Sev.SEV0) in self._peer.taken}
        self._set_pace(alerts, taken, paged)
        try:
            async with asyncio.timeout(self.timeout * 0.95):
                said = await self._ask(taken, ports)
            self._failures, problem = 0, ""
        except (Unreachable, Underivable, TimeoutError) as error:
            self._failures, problem = self._failures + 1, str(error) or f"no answer within {self.timeout:g} s"
            said = {page: Said(Hearing.UNKNOWN, f"it cannot be asked: {problem}") for page in taken}
        return self._receipts(self._reports(said, ports.clock.now()), problem)

    async def recalled(self, ports: Ports) -> Sequence[Recalled]:
        """Our alerts that it lists. Raises ``Unreachable``."""
        found = await self._get(f"/api/v2/alerts?{_filters(ports.labels)}", list[msgspec.Raw], ports)
        now, known = ports.clock.now(), list[Recalled]()
        ahead = (self._clock.there(now) - now.wall).total_seconds()
        for one in found:
            try:
                recalled = recall.recalled_of(one, self.peer_name, ahead, now)
            except recall.Odd as odd:
                structlog.get_logger().warning("an alert is not recalled", of=self.name, detail=str(odd))
            else:
                known += [] if recalled is None else [recalled]
        return known

    def _forget_all_but(self, alerts: Mapping[Page, Alert]) -> None:
        self._said = {page: word for page, word in self._said.items() if page in alerts}
        self._asked = {page: None for page in self._asked if page in alerts}

    def _set_pace(self, alerts: Mapping[Page, Alert], taken: Mapping[Page, Alert], paged: bool) -> None:
        """Quickly after each page, as it came and as it was taken."""
        if paged or any(page not in self._asked for page in taken):
            self.renew_every = FIRST
        elif alerts:
            self.renew_every = min(2 * (self.renew_every or FIRST), PACE)
        else:
            self.renew_every = AT_REST
        self._asked.update(dict.fromkeys(taken))

    def _reports(self, said: Mapping[Page, Said], at: Instant) -> Iterator[ReadBack]:
        for page, word in said.items():
            if self._said.get(page) != word:
                self._said[page] = word
                yield ReadBack(page[0], self.peer_name, word.hearing, word.why, at)

    def _receipts(self, reports: Iterator[ReadBack], problem: str) -> Sequence[Receipt]:
        """None, where there is nothing to say: each starts a turn."""
        told, before = tuple(reports), self._complained
        self._complained = self._failures >= TRIES and self._peer.proven
        if not (told or before or self._complained):
            return ()
        return [Receipt(self.name, not self._complained, problem if self._complained else "", reports=told)]

    # asking

    async def _ask(self, taken: Mapping[Page, Alert], ports: Ports) -> dict[Page, Said]:
        if not taken:
            await self._routing(ports)  # at rest: would it answer?
            return {}
        found = await self._get(f"/api/v2/alerts?{_filters({**ports.labels, 'sev': '0'})}", list[Listed], ports)
        listed = {_key(one.labels): one for one in found}
        said: dict[Page, Said] = {}
        for page, alert in taken.items():
            word = await self._word(listed.get(_key(labels_of(alert, ports.labels))), ports)
            if word is not None:
                said[page] = word
        return said

    async def _word(self, listed: Listed | None, ports: Ports) -> Said | None:
        """``None``: it has not got to it yet."""
        if listed is None:
            return Said(Hearing.UNKNOWN, "it took it, and does not list it")
        status = listed.status
        if status.silencedBy:
            return Said(Hearing.UNHEARD, await self._silences(status.silencedBy, ports))
        if status.inhibitedBy:
            return Said(Hearing.UNHEARD, f"inhibited by {await self._sources(status.inhibitedBy, ports)}")
        if status.mutedBy:
            return Said(Hearing.UNHEARD, f"muted by time interval {', '.join(status.mutedBy)}")
        if status.state == "unprocessed":
            return None
        if status.state != "active":
            return Said(Hearing.UNKNOWN, f"it says {status.state}, and not by what")
        return await self._on_its_way(listed, ports)

    async def _on_its_way(self, listed: Listed, ports: Ports) -> Said:
        receivers = [receiver.name for receiver in listed.receivers]
        now = self._clock.there(ports.clock.now())
        try:
            routing = await self._routing(ports)
            return _heard(routing, routing.destinations(listed.labels, receivers, now))
        except Underivable as error:
            return Said(Hearing.UNKNOWN, f"active, to {_receivers(receivers)}, and it cannot be told further: {error}")

    async def _silences(self, ids: Sequence[str], ports: Ports) -> str:
        told = [await self._silence(each, ports) for each in ids[:NAMED]]
        return "; ".join(told) + (f" (and {len(ids) - NAMED} more)" if len(ids) > NAMED else "")

    async def _silence(self, silence: str, ports: Ports) -> str:
        try:
            found = await self._get(f"/api/v2/silence/{quote(silence, safe='')}", _Silence, ports)
        except Unreachable:
            return f"silenced by {silence}, which cannot be read"
        why = f": {found.comment}" if found.comment else ""
        ends = from_rfc3339(found.endsAt)
        until = rfc3339(ends) if ends is not None and of_our_age(ends) else found.endsAt
        return f"silenced by {found.createdBy or 'nobody named'} until {until}{why}"

    async def _sources(self, fingerprints: Sequence[str], ports: Ports) -> str:
        """The alerts that inhibit it, by name."""
        try:
            active = await self._get("/api/v2/alerts?active=true&silenced=true&inhibited=true", list[Listed], ports)
        except Unreachable:
            active = []
        names = {one.fingerprint: one.labels.get("alertname", "") for one in active}
        return ", ".join(f"{names.get(each) or 'an alert'} ({each})" for each in fingerprints[:NAMED])

    async def _routing(self, ports: Ports) -> Routing:
        """Of its configuration as of a few seconds ago. Raises ``Unreachable`` and ``Underivable``."""
        now = ports.clock.now().mono
        if self._config is None or now - self._read_at >= PACE:
            text = (await self._get("/api/v2/status", _ServerStatus, ports)).config.original
            if self._config is None or self._config[0] != text:  # it may be long
                self._config = text, Routing.parsed(text)
            self._read_at = now
        return self._config[1]

    async def _get(self, path: str, type_: type[T], ports: Ports) -> T:
        answer = await self.reach.get(path, ports, self.timeout * 0.4, LIMIT)
        if answer.status != 200:
            raise Unreachable(f"Http{answer.status}", _excerpt(answer))
        try:
            return msgspec.json.decode(answer.body, type=type_)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise Unreachable("NotAlertmanager", f"{path.partition('?')[0]}: {error}") from None


def _heard(routing: Routing, ways: Sequence[Destination]) -> Said:
    """One way to somebody is enough. Raises ``Underivable`` where there may be one."""
    unsaid: Underivable | None = None
    heard, unheard = list[str](), list[str]()
    for way in ways:
        try:
            if way.muted:
                unheard.append(f"muted {way.muted} on its way to receiver {way.receiver}")
            elif routing.tells(way.receiver):
                heard.append(way.receiver)
            else:
                unheard.append(f"no integration: receiver {way.receiver} tells nobody")
        except Underivable as error:
            unsaid = error
    if heard:
        return Said(Hearing.HEARD, f"active, to {_receivers(heard)}")
    if unsaid is not None:
        raise unsaid
    return Said(Hearing.UNHEARD, "; ".join(unheard) or "no integration: it goes to no receiver")


def _receivers(names: Sequence[str]) -> str:
    listed = ", ".join(dict.fromkeys(names))
    return f"receivers {listed}" if len(names) > 1 else f"receiver {listed}" if names else "no receiver"


def _urgent(level: Assessment) -> Iterator[Alert]:
    """What is open, and what ended before it could be asked for."""
    yield from (delivery.alert for delivery in level.deliveries.of.values() if delivery.unread)
    yield from (alert for alert in level.alerts.values() if alert.open and alert.sev is Sev.SEV0)


def _page(alert: Alert) -> Page:
    told = alert.told_at or alert.fired_at or alert.active_since
    return alert.identity, told.mono


def _key(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


def _filters(labels: Mapping[str, str]) -> str:
    """openapi.yaml, /alerts: each a matcher, and all of them hold."""
    return urlencode([("filter", f'{name}="{_escaped(value)}"') for name, value in labels.items()])


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _excerpt(answer: Answer) -> str:
    return " ".join(answer.body[:200].decode("utf-8", "replace").split())
