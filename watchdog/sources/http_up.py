"""Whether services answer that say nothing of themselves: a web page, /livez. domain.md §6.

Redirects are not followed: who answers 302 to a login page is a proxy, and says nothing of what stands behind it. So a
302 is *down*, unless ``statuses`` expects it; a probe past the proxy (the Service's cluster address) is better.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import partial

from watchdog.core.address import is_http_url
from watchdog.core.facts import Service, Unknown
from watchdog.core.observation import Coverage, Facts, Sees
from watchdog.core.services import Criticality
from watchdog.ports import Ports, Unreachable
from watchdog.sources import Source, Stream

BODY_LIMIT = 1 << 20
"""Bytes: a page that is larger is not read, and counts as no answer."""
SILENT = Unknown("NotSaid", "it only answers, and says nothing of itself")


@dataclass(frozen=True)
class Answering:
    """``statuses``: those that mean that it is up; none named: 200 to 299. A service that also answers /ops/status
    belongs to ``ops_status`` alone: a service is one fact."""

    service: str
    url: str
    criticality: Criticality = "optional"
    statuses: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not is_http_url(self.url):
            raise ValueError(f"url: expected an http(s) URL, found {self.url!r}")
        if not self.service:
            raise ValueError("service: expected a service's name")
        if not all(100 <= status <= 599 for status in self.statuses):
            raise ValueError(f"statuses: expected HTTP statuses, found {self.statuses}")

    def expects(self, status: int) -> bool:
        return status in (self.statuses or range(200, 300))


@dataclass(frozen=True)
class HttpUp(Source):
    name: str
    services: tuple[Answering, ...]
    poll_interval: float = 5.0
    timeout: float = 2.0
    stale_after: float = 20.0

    def __post_init__(self) -> None:
        names = [service.service for service in self.services]
        if not names or len(dict.fromkeys(names)) != len(names):
            raise ValueError("services: expected at least one, each with a name of its own")
        if not (self.poll_interval > 0 and self.timeout > 0):
            raise ValueError("expected poll_interval and timeout above 0")
        if not self.stale_after > self.poll_interval + self.timeout:
            raise ValueError("stale_after: expected more than poll_interval and timeout together")

    def streams(self) -> Mapping[str, Stream]:
        return {s.service: Stream(self._promise(s), partial(self._looks, s), self.stale_after) for s in self.services}

    def _promise(self, service: Answering) -> Coverage:
        sees = Sees("service", service.service, every=True)
        return Coverage(frozenset({Service.KIND}), self.stale_after, sees=(sees,))

    async def _looks(self, service: Answering, ports: Ports) -> AsyncIterator[Facts]:
        while True:
            began = ports.clock.now()
            yield Facts((_fact(service, *await self._look(service, ports)),), at=began)
            await asyncio.sleep(self.poll_interval)

    async def _look(self, service: Answering, ports: Ports) -> tuple[bool, str]:
        """Whether it is up, and why."""
        try:
            answer = await ports.http.get(service.url, headers={}, timeout=self.timeout, limit=BODY_LIMIT)
        except Unreachable as error:
            return False, str(error)
        redirect = ", a redirect, which is not followed" if 300 <= answer.status < 400 else ""
        return service.expects(answer.status), f"it answers {answer.status}{redirect}"


def _fact(service: Answering, up: bool, explanation: str) -> Service:
    who = service.service, service.url, service.criticality
    return Service(*who, up, up, "", SILENT, SILENT, explanation, reports=False)
