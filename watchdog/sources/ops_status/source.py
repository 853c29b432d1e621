"""What services say of themselves at run time: GET /ops/status, in either form. domain.md §4, §6.

An error is known too: the service is down, and what it would say is Unknown. One service that is down is no blind
source.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from watchdog.core.address import is_http_url
from watchdog.core.facts import SelfReport, Subject, Unknown
from watchdog.core.facts import Service as Standing
from watchdog.core.instant import Instant
from watchdog.core.observation import Coverage, Facts, Sees
from watchdog.core.services import Criticality
from watchdog.ports import Ports, Unreachable
from watchdog.sources import Source, Stream
from watchdog.sources.ops_status.form import BODY_LIMIT, Said, said

ACCEPT = {"accept": "application/json"}


@dataclass(frozen=True)
class Service:
    """``workload``: whose manifest it must agree with, as 'namespace/Kind/name'; empty: nobody's."""

    service: str
    url: str
    workload: str = ""
    criticality: Criticality = "optional"

    def __post_init__(self) -> None:
        if not is_http_url(self.url):
            raise ValueError(f"url: expected an http(s) URL, found {self.url!r}")
        if not self.service:
            raise ValueError("service: expected a service's name")
        if self.workload and (self.workload.count("/") != 2 or not all(self.workload.split("/"))):
            raise ValueError(f"workload: expected namespace/Kind/name, found {self.workload!r}")


@dataclass(frozen=True)
class Modes:
    """Values of ``agent_mode``; white space and letter case do not matter. Whatever is in neither is not *listed*."""

    unsafe: tuple[str, ...] = ("EXECUTE", "LIVE")
    safe: tuple[str, ...] = ("OFF", "OBSERVE", "EVAL", "PAPER", "DISABLED", "WARMUP", "HALTED")

    def __post_init__(self) -> None:
        if not self.unsafe or {_plain(mode) for mode in self.unsafe} & {_plain(mode) for mode in self.safe}:
            raise ValueError("modes: expected at least one that is unsafe, and none that is both safe and unsafe")

    def is_unsafe(self, mode: str) -> bool:
        return _plain(mode) in map(_plain, self.unsafe)

    def is_listed(self, mode: str) -> bool:
        """Also an empty one: it does not say."""
        return not mode.strip() or _plain(mode) in map(_plain, self.unsafe + self.safe)


@dataclass(frozen=True)
class OpsStatus(Source):
    """``max_skew_seconds``: how far a heartbeat may lie in the future of our clock before its age is unknown."""

    name: str
    services: tuple[Service, ...]
    modes: Modes = field(default_factory=Modes)
    poll_interval: float = 5.0
    timeout: float = 2.0
    stale_after: float = 20.0
    max_skew_seconds: float = 5.0

    def __post_init__(self) -> None:
        names = [service.service for service in self.services]
        if not names or len(dict.fromkeys(names)) != len(names):
            raise ValueError("services: expected at least one, each with a name of its own")
        if not (self.poll_interval > 0 and self.timeout > 0 and self.max_skew_seconds >= 0):
            raise ValueError("expected poll_interval and timeout above 0, and max_skew_seconds of at least 0")
        if not self.stale_after > self.poll_interval + self.timeout:
            raise ValueError("stale_after: expected more than poll_interval and timeout together")

    def streams(self) -> Mapping[str, Stream]:
        return {s.service: self._stream(s) for s in self.services}

    def _stream(self, service: Service) -> Stream:
        subject = Subject(SelfReport.KIND, (("service", service.service),))
        sees = Sees("self_report", service.service, subject=subject)
        coverage = Coverage(frozenset({SelfReport.KIND, Standing.KIND}), self.stale_after, sees=(sees,))
        return Stream(coverage, partial(self._looks, service), deadline=self.stale_after)

    async def _looks(self, service: Service, ports: Ports) -> AsyncIterator[Facts]:
        while True:
            began = ports.clock.now()
            word = await self._look(service, ports)
            yield Facts((self._report(service, word), self._standing(service, word, ports.clock.now())), at=began)
            await asyncio.sleep(self.poll_interval)

    async def _look(self, service: Service, ports: Ports) -> Said | Unknown:
        try:
            return said(await ports.http.get(service.url, headers=ACCEPT, timeout=self.timeout, limit=BODY_LIMIT))
        except Unreachable as error:
            return Unknown(error.reason, error.message)

    def _report(self, service: Service, word: Said | Unknown) -> SelfReport:
        mode = word if isinstance(word, Unknown) else word.agent_mode
        return SelfReport(
            service=service.service,
            url=service.url,
            agent_mode=mode,
            unsafe=mode if isinstance(mode, Unknown) else self.modes.is_unsafe(mode),
            listed=mode if isinstance(mode, Unknown) else self.modes.is_listed(mode),
            safe_to_execute=word if isinstance(word, Unknown) else word.safe_to_execute,
            workload=service.workload,
            explanation=str(word) if isinstance(word, Unknown) else _explanation(word),
        )

    def _standing(self, service: Service, word: Said | Unknown, now: Instant) -> Standing:
        who = service.service, service.url, service.criticality
        if isinstance(word, Unknown):
            return Standing(*who, False, False, "", word, word, str(word))
        return Standing(
            *who,
            up=True,
            healthy=not word.illness,
            state=word.state,
            heartbeat_age_seconds=self._age(word.last_heartbeat, now),
            data_age_seconds=word.data_age_seconds,
            explanation=word.illness or _well(word),
        )

    def _age(self, heartbeat: datetime | Unknown, now: Instant) -> float | Unknown:
        if isinstance(heartbeat, Unknown):
            return heartbeat
        age = (now.wall - heartbeat).total_seconds()
        if age < -self.max_skew_seconds:
            return Unknown("InTheFuture", f"its last_heartbeat lies {-age:.0f} s in the future of our clock")
        return round(max(0.0, age), 3)


def _well(word: Said) -> str:
    return f"it answers, and its state is {word.state}" if word.state else "it answers"


def _explanation(word: Said) -> str:
    """One clause."""
    if isinstance(word.agent_mode, Unknown):
        return str(word.agent_mode)
    mode = f"it says that its mode is {word.agent_mode}" if word.agent_mode else "it says no mode"
    executes = {True: "; it says that it is safe to execute orders", False: ""}
    safe = f"; {word.safe_to_execute}" if isinstance(word.safe_to_execute, Unknown) else executes[word.safe_to_execute]
    return mode + (f"; its state is {word.state}" if word.state else "") + safe


def _plain(mode: str) -> str:
    return mode.strip().upper()
