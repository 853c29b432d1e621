"""The API server going away and coming back: signals, restarts, etcd restored from a backup (points 1 to 3, 12, 22).

Plain calls that take effect at once, in virtual time too. Over HTTP, ``HttpFace.refuse`` and ``HttpFace.accept`` close
and open the door as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from math import inf

from watchdog.simulator.authentication import Authentication
from watchdog.simulator.cluster import Cluster
from watchdog.simulator.faults import Faults, Hang
from watchdog.simulator.history import Backup

DRAIN_SECONDS = 60.0
"""An open WATCH lives on for so long after SIGTERM (point 12)."""


@dataclass(frozen=True, slots=True)
class Startup:
    """Seconds from the start of the process until it listens, until RBAC is known, and until /readyz says so."""

    listens: float = 0.09
    authorizes: float = 0.72
    ready: float = 1.85


RECORDED = Startup()
"""``apiserver-startup-sequence``."""
AT_ONCE = Startup(0.0, 0.0, 0.0)


class Process:
    """One run of an API server. A WATCH belongs to the process that opened it, whatever comes after."""

    def __init__(self, started: float = -inf, startup: Startup = RECORDED) -> None:
        """``started``: by the loop's clock; by default long ago."""
        self._started, self._startup = started, startup
        self._terminated, self._killed = inf, False

    @property
    def listens(self) -> bool:
        ended = self._killed or self._terminated < inf
        return not ended and self._age() >= self._startup.listens

    @property
    def authorizes(self) -> bool:
        return self._age() >= self._startup.authorizes

    @property
    def ready(self) -> bool:
        return self._age() >= self._startup.ready

    def terminate(self) -> None:
        self._terminated = min(self._terminated, _now())

    def kill(self) -> None:
        self._killed = True

    async def carried(self, chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        """A WATCH for as long as its process lives: a clean EOF when it has drained. Raises ConnectionResetError when
        it was killed."""
        async with aclosing(chunks):
            async for chunk in chunks:
                if self._killed:
                    raise ConnectionResetError("the simulated API server was killed")
                yield chunk
                if _now() >= self._terminated + DRAIN_SECONDS:
                    return

    def _age(self) -> float:
        return inf if self._started == -inf else _now() - self._started


class Outages:
    """What befalls the API server of one cluster. ``process``: the one that new requests meet, dead or alive."""

    def __init__(self, cluster: Cluster, faults: Faults, authentication: Authentication) -> None:
        self._cluster, self._faults, self._authentication = cluster, faults, authentication
        self.process = Process()
        self._draining: list[Process] = []

    def sigterm(self) -> None:
        """New connections are refused at once; open WATCHes go on for 60 s and then end cleanly."""
        self.process.terminate()
        self._draining.append(self.process)
        asyncio.get_running_loop().call_later(DRAIN_SECONDS, self._faults.wake)

    def sigkill(self) -> None:
        """New connections are refused and open WATCHes reset, at once; a process that was stopped dies too."""
        for process in (*self._draining, self.process):
            process.kill()
        self._draining.clear()
        self._faults.clear(Hang)

    def start(self, startup: Startup = RECORDED) -> None:
        """A new process, with an empty watch cache and an empty token cache. One that drains goes on draining, as with
        two servers behind one address."""
        self.process = Process(_now(), startup)
        self._cluster.empty_watch_cache()
        self._authentication.forget()

    def restart(self, startup: Startup = RECORDED) -> None:
        """Killed and started again."""
        self.sigkill()
        self.start(startup)

    def restore(self, backup: Backup, startup: Startup = RECORDED) -> None:
        """etcd is what it was when ``backup`` was made, its revision too, and the server starts on it: what a client
        holds is from the future then (point 3)."""
        self.sigkill()
        self._cluster.restore(backup)
        self.start(startup)


def _now() -> float:
    return asyncio.get_running_loop().time()
