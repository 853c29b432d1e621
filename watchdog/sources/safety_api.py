"""The kill switch as mission-control reports it: GET /api/v1/safety -> ``kill_switch.execution_halted``. domain.md §3.

It repeats what the carriers say, which are looked at directly. So it can raise an alarm at any time, but that it does
not answer (mission-control restarts) makes the switch itself no less known: that is a finding about this source.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from watchdog.core.address import is_http_url
from watchdog.core.facts import KillSwitch
from watchdog.core.observation import Coverage, Facts, Sees
from watchdog.ports import Answer, Ports, Unreachable
from watchdog.sources import Source, Stream

BODY_LIMIT = 1 << 16
ACCEPT = {"accept": "application/json"}
SHOWN = 80


@dataclass(frozen=True)
class SafetyApi(Source):
    """``required: true``: a silence of the API makes the switch unknown, as that of every other carrier does."""

    name: str
    url: str
    switch: str
    required: bool = False
    poll_interval: float = 5.0
    timeout: float = 2.0
    stale_after: float = 20.0
    _last: list[KillSwitch] = field(init=False, repr=False, compare=False, default_factory=list)  # what it last said

    def __post_init__(self) -> None:
        if not is_http_url(self.url):
            raise ValueError(f"url: expected an http(s) URL, found {self.url!r}")
        if not self.switch:
            raise ValueError("switch: expected the name of a kill switch, such as EXECUTION_HALTED")
        if not (self.poll_interval > 0 and self.timeout > 0):
            raise ValueError("expected poll_interval and timeout above 0")
        if not self.stale_after > self.poll_interval + self.timeout:
            raise ValueError("stale_after: expected more than poll_interval and timeout together")

    def streams(self) -> Mapping[str, Stream]:
        sees = Sees("api", self.url, subject=self._fact(False, "", "").subject)
        provides = frozenset({KillSwitch.KIND} if self.required else ())
        return {"": Stream(Coverage(provides, self.stale_after, sees=(sees,)), self._looks, deadline=self.stale_after)}

    async def _looks(self, ports: Ports) -> AsyncIterator[Facts]:
        """Raises ``Unreachable`` where the API could not be read."""
        while True:
            began = ports.clock.now()
            try:
                answer = await ports.http.get(self.url, headers=ACCEPT, timeout=self.timeout, limit=BODY_LIMIT)
                fact = self._seen(answer)
            except Unreachable:
                if (withdrawn := self._withdrawn()) is not None:
                    yield withdrawn
                raise
            self._last[:] = [fact]
            yield Facts((fact,), at=began)
            await asyncio.sleep(self.poll_interval)

    def _withdrawn(self) -> Facts | None:
        """What it last said, once, if that need not hold any more: a word of alarm stands until it is taken back."""
        if self.required or not self._last or self._last[0].halted is not True:
            return None
        return Facts(gone=(self._last.pop().subject,))

    def _seen(self, answer: Answer) -> KillSwitch:
        if answer.status != 200:
            raise Unreachable(f"Http{answer.status}", f"it answers {answer.status}")
        said = _member(_decoded(answer.body), "kill_switch")
        halted, source = _member(said, "execution_halted"), _member(said, "source")
        by = f" (by {source[:SHOWN]})" if isinstance(source, str) and source else ""
        if isinstance(halted, bool):
            return self._fact(
                halted, str(halted).lower(), f"it says that execution_halted is {str(halted).lower()}{by}"
            )
        what = "is missing" if halted is None else f"is neither true nor false{by}"
        value = "" if halted is None else msgspec.json.encode(halted).decode()[:SHOWN]
        return self._fact(False, value, f"its kill_switch.execution_halted {what}")

    def _fact(self, halted: bool, value: str, explanation: str) -> KillSwitch:
        return KillSwitch(self.switch, "api", self.url, halted, value, explanation)


def _member(of: object, key: str) -> Any:
    return of.get(key) if isinstance(of, dict) else None


def _decoded(body: bytes) -> Any:
    """Raises ``Unreachable``: what is no JSON was said by somebody else (a proxy's page), or is half an answer."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Unreachable("BadAnswer", f"it answers otherwise than agreed: {error}") from None
