"""A receiver on the loopback that writes down what it hears, and an outlet that calls it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from tests.alerts import T0, alert, level
from tests.core.worlds import ABOVE_ZERO
from tests.fakes import HandClock, MemoryFiles, Outside
from tests.loopback import serving
from watchdog.adapters.http import AioHttp
from watchdog.core.alert import Alert, Edge, EdgeKind
from watchdog.core.assessment import Assessment
from watchdog.core.facts import Subject
from watchdog.core.ruleset import RuleSet
from watchdog.core.severity import Sev
from watchdog.outlets import Batch, Outlet, Receipt
from watchdog.outlets.webhook import Webhook
from watchdog.outlets.webhook.recipient import Recipient
from watchdog.ports import Ports

KEY = b"the key that both know"
FILES = {"/key": KEY + b"\n", "/token": b"t0ken\n", "/empty": b" \n", "/two": b"a b"}
MINOR = alert("MarketDataStale", Sev.SEV1, Subject("endpoint", (("service", "marketdata-mcp-server"),)))


NAMES = (alert().identity.rule, *(f"Number{number}" for number in range(30)))
RULES = RuleSet.of([replace(ABOVE_ZERO, name=name) for name in NAMES])


@dataclass(frozen=True)
class Heard:
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.raw)
        return content

    @property
    def brief(self) -> str:
        (said,) = self.body["alerts"]
        return f"{said['labels']['alertname']} {said['labels']['sev']} {said['status']}"


@dataclass
class Hook:
    """A receiver: answers each request with what ``status`` says of its body, and writes down what it hears."""

    status: Callable[[dict[str, Any]], str] = lambda body: "200 OK"
    headers: tuple[str, ...] = ()
    heard: list[Heard] = field(default_factory=list)
    beside: int = 0
    most: int = 0
    delay: float = 0.0
    down: bool = False
    hang_ups: int = 0
    says: str = "no"

    async def answer(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        if self.down or self.hang_ups:
            self.hang_ups = max(0, self.hang_ups - 1)
            raise ConnectionError
        head, _, raw = request.partition(b"\r\n\r\n")
        lines = (line.partition(": ") for line in head.decode().split("\r\n")[1:])
        self.heard.append(Heard({name.lower(): value for name, _, value in lines}, raw))
        self.beside += 1
        self.most = max(self.most, self.beside)
        await asyncio.sleep(self.delay)
        self.beside -= 1
        said = "".join(f"{line}\r\n" for line in self.headers)
        head_lines = f"HTTP/1.1 {self.status(json.loads(raw))}\r\n{said}Content-Length: {len(self.says)}\r\n\r\n"
        writer.write(f"{head_lines}{self.says}".encode())

    @property
    def brief(self) -> list[str]:
        return [heard.brief for heard in self.heard]


@dataclass
class Receiver:
    """An outlet's one part, and the world that it publishes to."""

    part: Outlet
    ports: Ports
    clock: HandClock

    async def __call__(self, *alerts: Alert, edges: Sequence[Edge] = (), of: Assessment | None = None) -> list[Receipt]:
        standing = of or level(*alerts, at=self.clock.now())
        return list(await self.part.publish(Batch(standing, tuple(edges)), self.ports))


@asynccontextmanager
async def receiver(url: str = "", **stanza: Any) -> AsyncIterator[Receiver]:
    timeout, clock = stanza.pop("timeout", 1.4), HandClock()
    outlet = Webhook((Recipient("pager", url, **stanza),), timeout=timeout, external_url="http://watchdog:8080")
    async with AioHttp() as http:
        files = MemoryFiles({**FILES})
        outside = Outside(clock=clock, http=http, labels={"cluster": "prod"}, files=files)
        (part,) = outlet.parts()
        yield Receiver(part, outside.ports(), clock)


@asynccontextmanager
async def called(hook: Hook, **stanza: Any) -> AsyncIterator[Receiver]:
    async with serving(hook.answer) as url, receiver(url, **stanza) as opened:
        yield opened


def said(kind: EdgeKind, told: Alert, seconds: float = 0.0, why: str = "", to: tuple[str, ...] = ()) -> Edge:
    return Edge(kind, told, T0.plus(seconds), why=why, to=to)


def unheard(told: Alert, seconds: float = 1.0) -> Edge:
    return said(EdgeKind.UNHEARD, told, seconds, why="no Alertmanager has accepted it within 1 s")


def escalated(told: Alert, *to: str) -> Edge:
    return said(EdgeKind.ESCALATED, told, 300, "nobody has acknowledged it within 300 s", to)


def execution(number: int, sev: Sev = Sev.SEV0) -> Alert:
    return alert(f"Number{number}", sev, since=T0.plus(number))
