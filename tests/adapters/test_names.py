"""The system's resolver: what it says, and that it hangs nobody."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from watchdog.adapters.names import SystemNames
from watchdog.ports import Unreachable


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: Any) -> list[str]:
    """The system's resolver answers so, one after the other; what it was asked."""
    asked, left = list[str](), iter(answers)

    def getaddrinfo(host: str, port: None, **more: Any) -> Any:
        asked.append(host)
        answer = next(left)
        if isinstance(answer, Exception):
            raise answer
        return [(0, 0, 0, "", (address, 0)) for address in answer]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


async def test_addresses_are_sorted_and_each_is_there_once(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, ["10.0.0.9", "10.0.0.10", "10.0.0.9", "fd00::1"])
    assert await SystemNames().addresses("peers", 5) == ["10.0.0.10", "10.0.0.9", "fd00::1"]


async def test_a_real_name_has_its_real_address() -> None:
    assert "127.0.0.1" in await SystemNames().addresses("localhost", 5)
    assert await SystemNames().addresses("127.0.0.1", 5) == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "NameNotFound"),
        (socket.gaierror(socket.EAI_NODATA, "No address"), "NameNotFound"),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), "DnsFailure"),
        (OSError(24, "Too many open files"), "DnsFailure"),
    ],
)
async def test_why_there_is_no_address_is_said(monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str) -> None:
    resolving(monkeypatch, error, ["10.0.0.1"])
    names = SystemNames()
    with pytest.raises(Unreachable, match=r"peers: ") as raised:
        await names.addresses("peers", 5)
    assert raised.value.reason == reason
    assert await names.addresses("peers", 5) == ["10.0.0.1"]


async def test_a_name_that_cannot_be_one_is_no_crash() -> None:
    with pytest.raises(Unreachable):
        await SystemNames().addresses("a" * 64 + ".example", 5)


@dataclass
class Hanging:
    """A resolver that answers once it is released."""

    released: threading.Event = field(default_factory=threading.Event)
    asked: list[str] = field(default_factory=list)

    def getaddrinfo(self, host: str, port: None, **more: Any) -> Any:
        self.asked.append(host)
        self.released.wait(10)
        return [(0, 0, 0, "", ("10.0.0.1", 0))]


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hanging]:
    resolver = Hanging()
    monkeypatch.setattr(socket, "getaddrinfo", resolver.getaddrinfo)
    yield resolver
    resolver.released.set()


async def test_a_resolver_that_hangs_costs_a_timeout_and_one_thread_and_no_other_name(hanging: Hanging) -> None:
    names = SystemNames()
    for _ in range(5):
        with pytest.raises(Unreachable, match=r"Timeout: no answer about peers within 0\.01 s"):
            await names.addresses("peers", 0.01)
    assert hanging.asked == ["peers"]
    both = asyncio.gather(names.addresses("peers", 5), names.addresses("peers", 5))
    await asyncio.sleep(0)
    hanging.released.set()
    assert [*await both] == [["10.0.0.1"]] * 2
    assert await names.addresses("others", 5) == ["10.0.0.1"]


async def test_who_gives_up_takes_the_answer_from_nobody_else(hanging: Hanging) -> None:
    names = SystemNames()
    patient = asyncio.create_task(names.addresses("peers", 5))
    impatient = asyncio.create_task(names.addresses("peers", 5))
    await asyncio.sleep(0.01)
    impatient.cancel()
    await asyncio.sleep(0)
    hanging.released.set()
    assert await patient == ["10.0.0.1"]


HUNG = """
import asyncio, socket, threading
from watchdog.adapters.names import SystemNames
from watchdog.ports import Unreachable
socket.getaddrinfo = lambda *a, **k: threading.Event().wait()
async def main():
    try:
        await SystemNames().addresses("peers", 0.01)
    except Unreachable as error:
        print(error.reason)
asyncio.run(main())
"""


def test_a_resolver_that_never_answers_does_not_hold_up_the_exit() -> None:
    done = subprocess.run([sys.executable, "-c", HUNG], capture_output=True, text=True, timeout=30)
    assert (done.stdout, done.stderr, done.returncode) == ("Timeout\n", "", 0)
