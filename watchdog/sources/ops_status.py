"""What services say of themselves at run time: GET /ops/status, in either form. domain.md §4, §6.

An error is known too: a fact whose fields are Unknown. One service that is down is no blind source.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import msgspec

from watchdog.core.facts import SelfReport, Subject, Unknown
from watchdog.core.observation import Coverage, Facts, Sees
from watchdog.ports import Answer, Ports, Unreachable
from watchdog.sources import Source, Stream

BODY_LIMIT = 1 << 16
SHOWN = 80
"""Characters of a word that are kept."""
ACCEPT = {"accept": "application/json"}
ANSWERS = (200, 503)
"""A service that says that it is degraded still says its mode."""
PLAIN = ("uptime", "last_heartbeat", "data_freshness_seconds", "build_sha", "agent_mode")
RICH = ("status", "safety")


@dataclass(frozen=True)
class Service:
    """``workload``: whose manifest it must agree with, as 'namespace/Kind/name'; empty: nobody's."""

    service: str
    url: str
    workload: str = ""

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
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


@dataclass(frozen=True, slots=True)
class Said:
    """What a service said, as far as it can be relied on."""

    agent_mode: str | Unknown
    safe_to_execute: bool | Unknown
    state: str


@dataclass(frozen=True)
class OpsStatus(Source):
    name: str
    services: tuple[Service, ...]
    modes: Modes = field(default_factory=Modes)
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
        return {s.service: self._stream(s) for s in self.services}

    def _stream(self, service: Service) -> Stream:
        subject = Subject(SelfReport.KIND, (("service", service.service),))
        sees = Sees("self_report", service.service, subject=subject)
        coverage = Coverage(frozenset({SelfReport.KIND}), self.stale_after, sees=(sees,))
        return Stream(coverage, partial(self._looks, service), deadline=self.stale_after)

    async def _looks(self, service: Service, ports: Ports) -> AsyncIterator[Facts]:
        while True:
            began = ports.clock.now()
            yield Facts((self._fact(service, await self._look(service, ports)),), at=began)
            await asyncio.sleep(self.poll_interval)

    async def _look(self, service: Service, ports: Ports) -> Said:
        try:
            return _said(await ports.http.get(service.url, headers=ACCEPT, timeout=self.timeout, limit=BODY_LIMIT))
        except Unreachable as error:
            return _nothing(Unknown(error.reason, error.message))

    def _fact(self, service: Service, said: Said) -> SelfReport:
        mode = said.agent_mode
        unsafe, listed = (
            (mode, mode) if isinstance(mode, Unknown) else (self.modes.is_unsafe(mode), self.modes.is_listed(mode))
        )
        return SelfReport(
            service=service.service,
            url=service.url,
            agent_mode=mode,
            unsafe=unsafe,
            listed=listed,
            safe_to_execute=said.safe_to_execute,
            workload=service.workload,
            explanation=_explanation(said),
        )


def _said(answer: Answer) -> Said:
    """Raises ``Unreachable`` for whatever is neither form."""
    if answer.status not in ANSWERS:
        raise Unreachable(f"Http{answer.status}", f"it answers {answer.status}")
    body = _decoded(answer.body)
    if not any(key in body for key in PLAIN + RICH):
        raise Unreachable("BadAnswer", "it answers otherwise than agreed: neither form of /ops/status")
    status, safety = body.get("status"), body.get("safety")
    rich, switch = status if isinstance(status, dict) else {}, safety if isinstance(safety, dict) else {}
    return Said(
        _mode(body.get("agent_mode")), _safe(switch.get("safe_to_execute_orders"), safety), _text(rich.get("state"))
    )


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Unreachable("BadAnswer", f"it answers otherwise than agreed: {error}") from None


def _mode(value: object) -> str | Unknown:
    if value is None:
        return ""
    return value.strip()[:SHOWN] if isinstance(value, str) else Unknown("BadAnswer", "its agent_mode is no text")


def _safe(value: object, safety: object) -> bool | Unknown:
    """It must say so in a word that cannot be misread, or not at all."""
    if isinstance(value, bool):
        return value
    if value is None and (safety is None or isinstance(safety, dict)):
        return False
    return Unknown("BadAnswer", "its safety.safe_to_execute_orders is neither true nor false")


def _text(value: object) -> str:
    return value[:SHOWN] if isinstance(value, str) else ""


def _nothing(why: Unknown) -> Said:
    return Said(why, why, "")


def _explanation(said: Said) -> str:
    """One clause."""
    if isinstance(said.agent_mode, Unknown):
        return str(said.agent_mode)
    mode = f"it says that its mode is {said.agent_mode}" if said.agent_mode else "it says no mode"
    executes = {True: "; it says that it is safe to execute orders", False: ""}
    word = f"; {said.safe_to_execute}" if isinstance(said.safe_to_execute, Unknown) else executes[said.safe_to_execute]
    return mode + (f"; its state is {said.state}" if said.state else "") + word


def _plain(mode: str) -> str:
    return mode.strip().upper()
