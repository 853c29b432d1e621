"""The signs of life that services leave in ConfigMaps, read directly. domain.md §6.

``last_seen`` is a time (RFC 3339) that each service writes about once a minute; empty is *never*. What is missing, is
unreadable or lies in the future is no sign of life. A ConfigMap that the API server does not show us (it does not
answer; 403) is unknown, and a finding about this source.

The heartbeat of an execution workload must not beat. There doubt counts the other way: a time in the future, or one
that we saw change whatever it says, is a beat, and what cannot be read, or is not there at all, is
unknown: a name that is spelt wrong shows nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

import msgspec

from watchdog.core.address import is_config_key, is_kubernetes_name, is_namespace
from watchdog.core.facts import Heartbeat, Subject, Unknown
from watchdog.core.instant import Instant, from_rfc3339
from watchdog.core.observation import Coverage, Facts, Sees
from watchdog.core.services import Criticality
from watchdog.ports import Kubernetes, KubernetesError, Ports, Unreachable
from watchdog.sources import Source, Stream

SHOWN = 80
"""Characters of a text that are shown."""
Verdict: TypeAlias = tuple[bool | Unknown, float | Unknown, str]
"""Is it beating, how many seconds ago, and why."""


@dataclass(frozen=True)
class Beating:
    """One heartbeat. ``execution``: of an execution workload, which must not beat at all."""

    service: str
    config_map: str
    criticality: Criticality = "optional"
    execution: bool = False
    max_age_seconds: float = 180.0

    def __post_init__(self) -> None:
        if not self.service:
            raise ValueError("service: expected a service's name")
        if not is_kubernetes_name(self.config_map):
            raise ValueError(f"config_map: expected the name of a ConfigMap, found {self.config_map!r}")
        if not self.max_age_seconds > 0:
            raise ValueError("max_age_seconds: expected more than 0")


@dataclass(frozen=True, slots=True)
class Beat:
    """A time as it stood when we first saw it."""

    text: str
    seen: Instant
    age_then: float  # on our wall clock
    witnessed: bool  # we saw it change to this

    def age(self, ours: float, now: Instant) -> float:
        """A wall clock that steps back makes no beat younger."""
        return max(ours, self.age_then + now.since(self.seen))


class ConfigMap(msgspec.Struct):
    data: dict[str, str] | None = None


_config_maps = msgspec.json.Decoder(ConfigMap)


@dataclass(frozen=True)
class Heartbeats(Source):
    """``max_skew_seconds``: how far a beat may lie in the future of our clock."""

    name: str
    namespace: str
    heartbeats: tuple[Beating, ...]
    key: str = "last_seen"
    kubeconfig: str = ""
    context: str = ""
    poll_interval: float = 5.0
    timeout: float = 2.0
    stale_after: float = 20.0
    max_skew_seconds: float = 5.0
    _beats: dict[str, Beat] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        names = [one.service for one in self.heartbeats]
        if not names or len(dict.fromkeys(names)) != len(names):
            raise ValueError("heartbeats: expected at least one, each service once")
        if len(dict.fromkeys(one.config_map for one in self.heartbeats)) != len(names):
            raise ValueError("heartbeats: expected a ConfigMap of its own for each service")
        if not is_namespace(self.namespace):
            raise ValueError(f"namespace: expected the name of a namespace, found {self.namespace!r}")
        if not is_config_key(self.key):
            raise ValueError("key: expected the key of a ConfigMap")
        if not (self.poll_interval > 0 and self.timeout > 0 and self.max_skew_seconds >= 0):
            raise ValueError("expected poll_interval and timeout above 0, and max_skew_seconds of at least 0")
        if not self.stale_after > self.poll_interval + self.timeout:
            raise ValueError("stale_after: expected more than poll_interval and timeout together")

    def streams(self) -> Mapping[str, Stream]:
        return {h.service: Stream(self._promise(h), partial(self._looks, h), self.stale_after) for h in self.heartbeats}

    def _promise(self, of: Beating) -> Coverage:
        subject = Subject(Heartbeat.KIND, (("service", of.service),))
        sees = Sees("heartbeat", of.service, self.namespace, subject=subject, field="beating")
        return Coverage(frozenset({Heartbeat.KIND}), self.stale_after, sees=(sees,))

    async def _looks(self, heartbeat: Beating, ports: Ports) -> AsyncIterator[Facts]:
        """Raises ``KubernetesError`` and ``Unreachable``: that there is no such ConfigMap is none of them."""
        kubernetes = ports.kubernetes(self.kubeconfig, self.context)
        while True:
            began = ports.clock.now()
            text = await self._text(heartbeat, kubernetes)
            yield Facts((self._fact(heartbeat, *self._judged(heartbeat, text, ports.clock.now())),), at=began)
            await asyncio.sleep(self.poll_interval)

    async def _text(self, heartbeat: Beating, kubernetes: Kubernetes) -> str | None:
        """What the key says; ``None``: there is no such ConfigMap, as the API server itself says."""
        path = f"/api/v1/namespaces/{self.namespace}/configmaps/{heartbeat.config_map}"
        try:
            body = await kubernetes.read(path, {}, self.timeout)
        except KubernetesError as error:
            if error.status == 404 and error.reason == "NotFound" and f'"{heartbeat.config_map}"' in error.message:
                return None
            raise
        return (_decoded(body).data or {}).get(self.key, "")

    def _judged(self, heartbeat: Beating, text: str | None, now: Instant) -> Verdict:
        at = from_rfc3339(text or "")
        ours = 0.0 if at is None else (now.wall - at).total_seconds()
        beat = self._beat(heartbeat, text or "", now, ours)
        if at is None:
            return _no_time(self.key, text, heartbeat.execution)
        return (self._of_execution if heartbeat.execution else self._of)(heartbeat, beat, ours, now)

    def _of(self, heartbeat: Beating, beat: Beat, ours: float, now: Instant) -> Verdict:
        if ours < -self.max_skew_seconds:
            why = Unknown("InTheFuture", f"its last sign of life lies {-ours:.0f} s in the future of our clock")
            return False, why, why.message
        age = round(max(0.0, beat.age(ours, now)), 3)
        return age <= heartbeat.max_age_seconds, age, _ago(age, heartbeat)

    def _of_execution(self, heartbeat: Beating, beat: Beat, ours: float, now: Instant) -> Verdict:
        age = round(max(0.0, min(ours, now.since(beat.seen)) if beat.witnessed else ours), 3)
        return age <= heartbeat.max_age_seconds, age, _ago(age, heartbeat)

    def _beat(self, heartbeat: Beating, text: str, now: Instant, ours: float) -> Beat:
        """The beat (or none) as it was first seen, across restarts of the stream."""
        before = self._beats.get(heartbeat.service)
        if before is None or before.text != text:
            before = self._beats[heartbeat.service] = Beat(text, now, max(0.0, ours), before is not None)
        return before

    def _fact(self, of: Beating, beating: bool | Unknown, age: float | Unknown, explanation: str) -> Heartbeat:
        location = f"{self.namespace}/{of.config_map}"
        who = of.service, location, of.criticality, of.execution
        return Heartbeat(*who, beating, age, of.max_age_seconds, explanation)


def _no_time(key: str, text: str | None, execution: bool) -> Verdict:
    if text is None:
        missing = Unknown("Missing", "its ConfigMap does not exist")
        return (missing if execution else False), missing, missing.message
    if not text.strip():
        return False, Unknown("Never", "it never left a sign of life"), f"its {key} is empty: it never beat"
    why = Unknown("Unreadable", f"its {key} is no time as in RFC 3339: {text[:SHOWN]}")
    return (why if execution else False), why, why.message


def _ago(age: float, heartbeat: Beating) -> str:
    return f"its last sign of life is {age:.0f} s old (at most {heartbeat.max_age_seconds:g} s)"


def _decoded(body: bytes) -> ConfigMap:
    try:
        return _config_maps.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Unreachable("Undecodable", f"the API server answers otherwise than agreed: {error}") from None
