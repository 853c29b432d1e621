"""The dead man's switch: a heartbeat to somebody who pages when it stops (healthchecks.io, Dead Man's Snitch, a peer).

It beats only while the daemon is fit to keep watch (``core.vigil``): it stops when the daemon is blind or stuck, and
not only when it is dead. Why it stopped is logged; who waits for it need not hear of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
import structlog

import watchdog
from watchdog.core.address import is_http_url
from watchdog.core.assessment import Assessment
from watchdog.core.facts import Unknown
from watchdog.core.instant import Instant, rfc3339
from watchdog.core.redaction import hosts_only
from watchdog.core.severity import Sev
from watchdog.core.vigil import fit
from watchdog.outlets import Batch, Outlet, Receipt
from watchdog.ports import Answer, Ports, Unreachable

TOKEN_LIMIT, ANSWER_LIMIT, SHOWN = 1 << 16, 1 << 16, 200


@dataclass(slots=True)
class Heart:
    stopped: Unknown | None = None  # why it does not beat


@dataclass(frozen=True)
class DeadMan(Outlet):
    """``every``: seconds between beats; who waits for them should miss two before he pages. A GET carries nothing."""

    url: str
    name: str = "dead_man"
    method: Literal["GET", "POST"] = "POST"
    every: float = 20.0
    timeout: float = 5.0
    headers: Mapping[str, str] = field(default_factory=dict)
    bearer_token_file: str = ""
    renew_every: float | None = field(init=False, default=None)
    waited_for: bool = field(init=False, default=False)
    _heart: Heart = field(init=False, repr=False, compare=False, default_factory=Heart)

    def __post_init__(self) -> None:
        if not is_http_url(self.url):
            raise ValueError(f"url: expected an http(s) URL, found {hosts_only(self.url)!r}")
        if not 1 <= self.every <= 3600:
            raise ValueError(f"every: expected 1 to 3600 seconds, found {self.every:g}")
        if not 0 < self.timeout <= 30:
            raise ValueError(f"timeout: expected more than 0 and at most 30 seconds, found {self.timeout:g}")
        object.__setattr__(self, "renew_every", self.every)

    async def publish(self, batch: Batch, ports: Ports) -> Sequence[Receipt]:
        """Beats, if it is time and the daemon is fit. Raises ``Unreachable``: it was not heard."""
        now = ports.clock.now()
        if self._stopped(fit(batch.level, now)) or not batch.renew:
            return ()
        try:
            answer = await self._beat(batch.level, now, ports)
        except Unreachable as error:
            raise Unreachable(error.reason, hosts_only(error.message)) from None
        if not 200 <= answer.status < 300:
            said = " ".join(answer.body[:SHOWN].decode("utf-8", "replace").split())
            raise Unreachable(f"Http{answer.status}", hosts_only(said))
        return [Receipt(self.name, True)]

    def _stopped(self, why: Unknown | None) -> bool:
        before, self._heart.stopped = self._heart.stopped, why
        log = structlog.get_logger().bind(outlet=self.name)
        if why is not None and (before is None or before.reason != why.reason):
            log.error("the dead man's switch is left to run out", reason=why.reason, detail=why.message)
        if why is None and before is not None:
            log.info("the heart beats again", after=before.reason)
        return why is not None

    async def _beat(self, level: Assessment, now: Instant, ports: Ports) -> Answer:
        headers = {**self.headers, **await self._authorization(ports)}
        if self.method == "GET":
            return await ports.http.get(self.url, headers=headers, timeout=self.timeout * 0.95, limit=ANSWER_LIMIT)
        headers["content-type"] = "application/json"
        body = msgspec.json.encode(sign_of_life(level, now, ports))
        return await ports.http.post(self.url, body, headers=headers, timeout=self.timeout * 0.95, limit=ANSWER_LIMIT)

    async def _authorization(self, ports: Ports) -> Mapping[str, str]:
        """Of the token that its file holds now."""
        if not self.bearer_token_file:
            return {}
        try:
            token = (await ports.files.read(self.bearer_token_file, TOKEN_LIMIT)).strip().decode("ascii", "replace")
        except OSError as error:
            raise Unreachable("NoCredentials", f"cannot read bearer_token_file: {error.strerror}") from None
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise Unreachable("NoCredentials", "bearer_token_file: expected one token, on one line")
        return {"authorization": f"Bearer {token}"}


def sign_of_life(level: Assessment, now: Instant, ports: Ports) -> dict[str, Any]:
    """The body: who it is, how old what it sees is (``null``: never seen), what is open, and the ledger's head."""
    head = ports.vitals.head
    return {
        "version": watchdog.__version__,
        "boot": ports.boot,
        "labels": dict(ports.labels),
        "at": rfc3339(now.wall),
        "turn_age_seconds": round(now.since(level.at), 3),
        "sources": {str(scope): _age(sight.last_success, now) for scope, sight in level.posture.sights.items()},
        "open_incidents": {str(int(sev)): _open(level, sev) for sev in Sev},
        "ledger": None if head is None else {"seq": head[0], "sha256": head[1]},
    }


def _age(seen: Instant | None, now: Instant) -> float | None:
    return None if seen is None else round(now.since(seen), 3)


def _open(level: Assessment, sev: Sev) -> int:
    return sum(1 for incident in level.incidents.values() if incident.open and incident.sev is sev)
