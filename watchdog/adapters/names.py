"""The domain name system, asked so that a resolver that hangs cannot hang the daemon."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Sequence

from watchdog.ports import Unreachable

_NONE = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))


class SystemNames:
    """``ports.Names`` by getaddrinfo(3), which knows search domains and /etc/hosts, as Pods rely on.

    Each question is asked in a thread of its own, at most one for a host: asyncio's pool would be full after a few that
    hang, and its threads would hold up the process's exit.
    """

    def __init__(self) -> None:
        self._asked: dict[str, asyncio.Future[Sequence[str]]] = {}

    async def addresses(self, host: str, timeout: float) -> Sequence[str]:
        """Raises ``Unreachable``: NameNotFound (it has no address), DnsFailure, Timeout."""
        asked = self._asked.get(host) or self._ask(host)
        try:
            async with asyncio.timeout(timeout):
                return await asyncio.shield(asked)  # whoever asks meanwhile waits for the same answer
        except TimeoutError:
            raise Unreachable("Timeout", f"no answer about {host} within {timeout:g} s") from None

    def _ask(self, host: str) -> asyncio.Future[Sequence[str]]:
        loop = asyncio.get_running_loop()
        self._asked[host] = asked = loop.create_future()
        asked.add_done_callback(_looked_at)
        threading.Thread(target=self._resolve, args=(loop, host, asked), name=f"name {host}", daemon=True).start()
        return asked

    def _resolve(self, loop: asyncio.AbstractEventLoop, host: str, asked: asyncio.Future[Sequence[str]]) -> None:
        outcome = resolved(host)
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(self._settle, host, asked, outcome)

    def _settle(self, host: str, asked: asyncio.Future[Sequence[str]], outcome: Sequence[str] | Unreachable) -> None:
        self._asked.pop(host, None)
        if asked.cancelled():
            return
        if isinstance(outcome, Unreachable):
            asked.set_exception(outcome)
        else:
            asked.set_result(outcome)


def resolved(host: str) -> Sequence[str] | Unreachable:
    """The addresses of a host, sorted, each once; or why there are none."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        reason = "NameNotFound" if error.errno in _NONE else "DnsFailure"
        return Unreachable(reason, f"{host}: {error.strerror}")
    except (OSError, UnicodeError) as error:  # a label that is no label
        return Unreachable("DnsFailure", f"{host}: {error}")
    return sorted({str(address[0]) for *_, address in found})


def _looked_at(asked: asyncio.Future[Sequence[str]]) -> None:
    """Whoever asked may have given up: that nobody looks at the answer is no fault."""
    if not asked.cancelled():
        asked.exception()
