"""Kinds that a cluster may lack: waiting for them is a look that succeeds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from tests.virtual import in_virtual_time
from watchdog.core.facts import Subject
from watchdog.core.observation import Facts
from watchdog.ports import Kubernetes, KubernetesError, Unreachable
from watchdog.simulator import custom, kubectl
from watchdog.simulator.apiserver import ApiServer
from watchdog.simulator.cluster import Cluster
from watchdog.simulator.ports import InProcessKubernetes
from watchdog.simulator.virtual_time import VirtualClock
from watchdog.sources.kubernetes.resources import ROLLOUTS, SCALED_OBJECTS
from watchdog.sources.kubernetes.served import once_served, served

GONE = Facts(gone=(Subject("latent", (("name", "x"),)),))
SEEN = Facts(origin="seen")
SAYS_NOT_FOUND = KubernetesError(404, "NotAStatus", "<html>404 Not Found</html>")


@dataclass
class Says:
    answer: bytes | Exception

    async def read(self, path: str, query: Mapping[str, str], timeout: float) -> bytes:
        assert path == "/apis/argoproj.io/v1alpha1"
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def asked(answer: bytes | Exception) -> bool:
    return await served(Says(answer), ROLLOUTS)  # type: ignore[arg-type]


async def test_a_group_that_is_unknown_is_not_served() -> None:
    assert not await asked(KubernetesError(404, "NotAStatus", "404 page not found"))
    assert not await asked(KubernetesError(404, "NotFound", "the server could not find the requested resource"))


async def test_the_group_alone_does_not_tell() -> None:
    argo_cd = b'{"kind": "APIResourceList", "resources": [{"name": "applications"}, {"name": "rollouts/status"}]}'
    assert not await asked(argo_cd)
    assert await asked(argo_cd.replace(b"applications", b"rollouts"))


@pytest.mark.parametrize(
    "answer",
    [
        SAYS_NOT_FOUND,
        KubernetesError(403, "Forbidden", ""),
        KubernetesError(503, "", ""),
        Unreachable("Timeout"),
        b"{}",
    ],
    ids=["a proxy's 404", "403", "503", "no answer", "no list"],
)
async def test_whoever_could_not_look_does_not_say_that_there_is_none(answer: bytes | Exception) -> None:
    with pytest.raises((KubernetesError, Unreachable)):
        await asked(answer)


def test_an_installed_definition_begins_to_be_watched_within_a_minute() -> None:
    async def main() -> None:
        clock = VirtualClock(asyncio.get_running_loop())
        cluster = Cluster(lambda: datetime.now(UTC))
        kubernetes: Kubernetes = InProcessKubernetes(ApiServer(cluster))

        async def watch() -> AsyncGenerator[Facts, None]:
            yield SEEN

        async with aclosing(once_served(kubernetes, SCALED_OBJECTS, lambda: GONE, watch)) as looks:
            assert await anext(looks) == GONE and clock.now().mono == 0
            assert await anext(looks) == GONE and clock.now().mono == 60
            custom.install(cluster, custom.KEDA)
            assert await anext(looks) == SEEN and clock.now().mono == 120
        kubectl.delete(cluster, "crd", "", "scaledobjects.keda.sh")
        async with aclosing(once_served(kubernetes, SCALED_OBJECTS, lambda: GONE, watch)) as looks:
            assert await anext(looks) == GONE

    in_virtual_time(main())
