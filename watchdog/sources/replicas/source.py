"""The other replicas of the watchdog. There is no leader: each looks at the other, and each pages by itself.

A replica lives when it says so on /livez. Its Pod may be Running and Ready and its loop stuck; so what the API server
says of Pods only explains. Whoever bears our own ``boot`` is ourselves, and whoever answers at two addresses is one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

from watchdog.core.address import PORTS, is_http_url, is_kubernetes_name
from watchdog.core.facts import Peer, Replicas, Subject, Unknown
from watchdog.core.instant import Instant
from watchdog.core.observation import Coverage, Facts
from watchdog.core.report import Recalled
from watchdog.ports import KubernetesError, Ports, Unreachable
from watchdog.sources import Source, Stream
from watchdog.sources.replicas.livez import Answered, asked
from watchdog.sources.replicas.memories import remembered
from watchdog.sources.replicas.pods import Pods

MOST = 16
"""Addresses that are asked: a name that stands for more is not that of our peers."""


@dataclass(slots=True)
class Known:
    """What earlier looks showed, across restarts of the streams."""

    urls: tuple[str, ...] = ()  # where they were asked last
    ours: dict[str, None] = field(default_factory=dict)  # addresses at which we ourselves answered
    last_seen: dict[str, float] = field(default_factory=dict)  # of each peer that is told of
    told: tuple[Subject, ...] = ()
    pods: str = ""


@dataclass(frozen=True)
class OtherReplicas(Source):
    """``service``: the host of a headless Service, whose addresses (A, AAAA) are all replicas, ourselves among them;
    or ``urls``: each replica's status server. ``expected``: how many others there must be."""

    name: str
    service: str = ""
    port: int = 8080
    urls: tuple[str, ...] = ()
    pods: Pods | None = None
    expected: int = 1
    poll_interval: float = 2.0
    timeout: float = 1.0
    stale_after: float = 15.0
    _known: Known = field(init=False, repr=False, compare=False, default_factory=Known)

    def __post_init__(self) -> None:
        if bool(self.service) == bool(self.urls):
            raise ValueError("expected either service, the host of a headless Service, or urls")
        if self.service and not is_kubernetes_name(self.service):
            raise ValueError(f"service: expected a host name, found {self.service!r}")
        if not all(map(is_http_url, self.urls)) or len(dict.fromkeys(self.urls)) < len(self.urls):
            raise ValueError("urls: expected http(s) URLs, each once")
        if self.port not in PORTS or not self.expected > 0:
            raise ValueError("expected a port, and expected of at least 1")
        if not (self.poll_interval > 0 and self.timeout > 0):
            raise ValueError("expected poll_interval and timeout above 0")
        if not self.stale_after > self.poll_interval + 2 * self.timeout:
            raise ValueError("stale_after: expected more than poll_interval and twice the timeout together")

    def streams(self) -> Mapping[str, Stream]:
        coverage = Coverage(frozenset({Replicas.KIND, Peer.KIND}), self.stale_after)
        streams = {"": Stream(coverage, self._looks, self.stale_after)}
        if self.pods is not None:
            holds = self.pods.poll_interval + self.stale_after
            streams["pods"] = Stream(Coverage(frozenset(), holds), self._explains, holds)
        return streams

    async def recalled(self, ports: Ports) -> Sequence[Recalled]:
        """Raises ``Unreachable`` where none answered, and one may yet."""
        urls = self.urls or await self._resolved(ports)
        answers = await asyncio.gather(*(remembered(url, ports, self.timeout) for url in urls))
        known = [answer for answer in answers if not isinstance(answer, Unreachable | None)]
        if not known:
            for failure in (answer for answer in answers if isinstance(answer, Unreachable)):
                raise failure
        return [recalled for one in known for recalled in one]

    async def _looks(self, ports: Ports) -> AsyncIterator[Facts]:
        while True:
            began = ports.clock.now()
            urls, problem = await self._where(ports)
            answers = await asyncio.gather(*(asked(url, ports, self.timeout) for url in urls))
            yield self._facts(self._others(answers, ports.boot), problem, began)
            await asyncio.sleep(self.poll_interval)

    async def _where(self, ports: Ports) -> tuple[Sequence[str], Unknown | None]:
        """Whom to ask. Without the DNS those that it named last, and why there may be more."""
        try:
            self._known.urls = self.urls or await self._resolved(ports)
        except Unreachable as error:
            return self._known.urls, Unknown(error.reason, error.message)
        return self._known.urls, None

    async def _resolved(self, ports: Ports) -> tuple[str, ...]:
        addresses = await ports.names().addresses(self.service, self.timeout)
        return tuple(f"http://{_in_url(address)}:{self.port}" for address in addresses[:MOST])

    def _others(self, answers: Sequence[Answered], boot: str) -> list[Answered]:
        """All but ourselves; we are too where we once answered and now do not."""
        for answer in answers:
            if answer.boot and answer.boot == boot:
                self._known.ours[answer.peer] = None
            elif answer.boot:
                self._known.ours.pop(answer.peer, None)
        return [answer for answer in answers if answer.peer not in self._known.ours]

    def _facts(self, others: Sequence[Answered], problem: Unknown | None, at: Instant) -> Facts:
        live = len({answer.boot or answer.peer for answer in others if answer.live})
        unknown = problem if live < self.expected else None
        replicas = Replicas(self.expected, unknown or live, self._explanation(live, others, problem))
        peers = tuple(self._peer(answer, at) for answer in others)
        told, self._known.told = self._known.told, tuple(peer.subject for peer in peers)
        gone = tuple(subject for subject in told if subject not in self._known.told)
        for subject in gone:
            self._known.last_seen.pop(subject.labels[0][1], None)
        return Facts((replicas, *peers), gone, at)

    def _peer(self, answer: Answered, at: Instant) -> Peer:
        if answer.live:
            self._known.last_seen[answer.peer] = at.wall.timestamp()
        never = Unknown("Never", "it has not said that it lives")
        return Peer(answer.peer, answer.live, self._known.last_seen.get(answer.peer, never), answer.explanation)

    def _explanation(self, live: int, others: Sequence[Answered], problem: Unknown | None) -> str:
        """One clause each; how many live first."""
        told = [f"{live} of {self.expected} other{'s' * (self.expected > 1)} live{'s' * (self.expected == 1)}"]
        if problem is not None:
            told.append(f"who else there may be could not be found out: {problem}")
        if live < self.expected:
            told += [f"{other.peer}: {other.explanation}" for other in others if not other.live]
            told += [] if others or problem else ["no other address is known"]
            told += [self._known.pods] if self._known.pods else []
        return "; ".join(told)

    async def _explains(self, ports: Ports) -> AsyncIterator[Facts]:
        """Raises ``KubernetesError`` and ``Unreachable``."""
        assert self.pods is not None
        kubernetes = ports.kubernetes(self.pods.kubeconfig, self.pods.context)
        while True:
            try:
                self._known.pods = await self.pods.described(kubernetes, self.timeout)
            except (KubernetesError, Unreachable) as error:
                self._known.pods = f"the Pods cannot be seen: {error}"
                raise
            yield Facts()
            await asyncio.sleep(self.pods.poll_interval)


def _in_url(address: str) -> str:
    return f"[{address}]" if ":" in address else address
