"""The source ``cloud_run``: its stanza, and a stream for each service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal
from urllib.parse import urlsplit

from watchdog.core import facts
from watchdog.core.address import is_http_url
from watchdog.core.facts import Fact, Subject, Unknown
from watchdog.core.observation import Coverage, Facts, Sees
from watchdog.core.resource import PROJECT
from watchdog.core.services import Criticality
from watchdog.core.variables import WatchedVariable
from watchdog.ports import Answer, Ports, Unreachable
from watchdog.sources import Look, Source, Stream
from watchdog.sources.cloud_run import api
from watchdog.sources.cloud_run.reach import MOST, Reached, reached
from watchdog.sources.cloud_run.scale import Read
from watchdog.sources.cloud_run.telling import Watched

LOOPBACK = ("127.0.0.1", "::1", "localhost")
ACCEPT = {"accept": "application/json"}
TOLD = frozenset({facts.CloudRun.KIND, facts.Mode.KIND, facts.Pause.KIND})
TOLD_OF_EXECUTION = frozenset(
    kind.KIND for kind in (facts.CloudRun, facts.Mode, facts.Workload, facts.Latent, facts.Wiring)
)


@dataclass(frozen=True)
class Service:
    """``execution``: it must not run, nor be able to start by a request."""

    service: str
    execution: bool = False
    criticality: Criticality = "optional"

    def __post_init__(self) -> None:
        if api.NAME.fullmatch(self.service) is None:
            raise ValueError(f"service: expected a Cloud Run service's name, found {self.service!r}")


@dataclass(frozen=True)
class CloudRun(Source):
    """``url``: of the Admin API. ``timeout``: seconds for the service, and again for all of its revisions."""

    name: str
    project: str
    region: str
    services: tuple[Service, ...]
    variables: tuple[WatchedVariable, ...] = ()
    pause_variables: tuple[str, ...] = ()
    halt_variables: tuple[str, ...] = ()  # what the platform's own reader takes the kill switch from
    images: tuple[str, ...] = ()  # of these, a service is execution whatever it is marked as
    credentials: Literal["google", "none"] = "google"
    url: str = "https://run.googleapis.com"
    poll_interval: float = 1.0
    timeout: float = 0.75
    stale_after: float = 20.0
    _told: dict[str, tuple[Subject, ...]] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        if not is_http_url(self.url):
            raise ValueError(f"url: expected an http(s) URL, found {self.url!r}")
        parts = urlsplit(self.url)
        if self.credentials == "google" and parts.scheme != "https" and parts.hostname not in LOOPBACK:
            raise ValueError("url: expected https, because Google's credentials are sent there")
        if PROJECT.fullmatch(self.project) is None or api.NAME.fullmatch(self.region) is None:
            raise ValueError(f"expected a project and a region, found {self.project!r} and {self.region!r}")
        names = [service.service for service in self.services]
        if not names or len(dict.fromkeys(names)) < len(names):
            raise ValueError("services: expected at least one, each once")
        if len(dict.fromkeys(v.name for v in self.variables)) < len(self.variables):
            raise ValueError("variables: expected each name once")
        if "" in self.pause_variables or len(dict.fromkeys(self.pause_variables)) < len(self.pause_variables):
            raise ValueError("pause_variables: expected each name once and none empty")
        if not (self.poll_interval > 0 and self.timeout > 0):
            raise ValueError("expected poll_interval and timeout above 0")
        if not self.stale_after > self.poll_interval + 2 * self.timeout:
            raise ValueError("stale_after: expected more than poll_interval and twice the timeout together")

    def worst_look(self) -> Look | None:
        tells = self.variables or self.images or any(service.execution for service in self.services)
        return Look(self.poll_interval, self.timeout, tries=2) if tells else None

    def streams(self) -> Mapping[str, Stream]:
        return {service.service: self._stream(service) for service in self.services}

    def _stream(self, service: Service) -> Stream:
        watched = Watched(
            self.project, self.region, service.service, service.execution, service.criticality, self.variables,
            self.pause_variables, self.halt_variables, self.images,
        )  # fmt: skip
        provides = TOLD_OF_EXECUTION if service.execution else TOLD | TOLD_OF_EXECUTION if self.images else TOLD
        subject = Subject(facts.Workload.KIND, tuple(zip(facts.Workload.IDENTITY, watched.named, strict=True)))
        sees = Sees("cloud_run", service.service, watched.named.namespace, subject=subject)
        coverage = Coverage(provides, self.stale_after, sees=(sees,))
        return Stream(coverage, partial(self._looks, watched), deadline=self.stale_after)

    async def _looks(self, watched: Watched, ports: Ports) -> AsyncIterator[Facts]:
        """Raises ``Unreachable`` where the service, or a revision of it, could not be read; what is known all the same
        was told before."""
        while True:
            began = ports.clock.now()
            service = await self._service(watched, ports)
            if service is None:
                yield Facts(*self._whole(watched, watched.absent()), at=began)
            else:
                reach = reached(service)
                read = await self._revisions(watched, reach, ports)
                seen = watched.seen(service, reach, read)
                if isinstance(read, Unknown):
                    yield Facts(seen, at=began, partial=True)
                    raise Unreachable(read.reason, read.message)
                yield Facts(*self._whole(watched, seen), at=began)
            await asyncio.sleep(self.poll_interval)

    def _whole(self, watched: Watched, seen: tuple[Fact, ...]) -> tuple[tuple[Fact, ...], tuple[Subject, ...]]:
        """With what is gone since the last look, whichever life of the stream it was in."""
        before, now = self._told.get(watched.service, ()), tuple(fact.subject for fact in seen)
        self._told[watched.service] = now
        return seen, tuple(subject for subject in before if subject not in now)

    async def _service(self, watched: Watched, ports: Ports) -> api.Service | None:
        try:
            async with asyncio.timeout(self.timeout):
                return api.service(await self._get(watched.path, ports), _below_project(watched.path))
        except TimeoutError:
            raise Unreachable("Timeout", f"no answer within {self.timeout:g} s") from None

    async def _revisions(self, watched: Watched, reach: Sequence[Reached], ports: Ports) -> Read | Unknown:
        """Each as it is, or why one of them could not be read."""
        if len(reach) > MOST:
            return Unknown("TooManyRevisions", f"requests reach {len(reach)} revisions, more than {MOST}")
        read = []
        try:
            async with asyncio.timeout(self.timeout):
                for one in reach:
                    path = f"{watched.path}/revisions/{api.checked(one.revision)}"
                    read.append((one, api.revision(await self._get(path, ports), _below_project(path))))
        except TimeoutError:
            return Unknown("Timeout", f"not all of {len(reach)} revisions within {self.timeout:g} s")
        except Unreachable as error:
            return Unknown(error.reason, error.message)
        return read

    async def _get(self, path: str, ports: Ports) -> Answer:
        google = ports.google() if self.credentials == "google" else None
        headers = {} if google is None else await google.headers(self.timeout)
        url = f"{self.url.rstrip('/')}/v2/{path}"
        answer = await ports.http.get(url, headers={**ACCEPT, **headers}, timeout=self.timeout, limit=api.BODY_LIMIT)
        if answer.status == 401 and google is not None:
            google.refused()
        return answer


def _below_project(path: str) -> str:
    """'locations/...': a project answers by its number where it was asked by its id."""
    return path.split("/", 2)[2]
