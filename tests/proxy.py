"""A TCP proxy on 127.0.0.1 between the watchdog and something real, which can be made to fail at run time."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import StrEnum

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close says RST
MOST = 65536


class Mode(StrEnum):
    PASS = "pass"
    REFUSE = "refuse"  # nobody listens; what was open is reset
    BLACK_HOLE = "black-hole"  # accepts, swallows, never answers; open connections too, in both directions
    RESET = "reset"  # accepts, and resets at once; what was open is reset
    SLOW = "slow"  # each piece arrives `delay` seconds late


@dataclass(eq=False)
class _Connection:
    near: asyncio.StreamWriter
    far: asyncio.StreamWriter | None = None
    lost: bool = False  # bytes were swallowed: it can never make sense again
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def reset(self) -> None:
        for writer in (self.near, self.far):
            if writer is not None and not writer.transport.is_closing():
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                writer.transport.abort()


class Proxy:
    """``upstream`` ('host:port') may be changed; ``to`` switches the mode, for open connections too.

    A connection that lost bytes in the black hole is reset when that is over, as by a host that forgot it; with
    ``forgets`` it stays silent for ever, as behind a firewall that forgot it.
    """

    def __init__(self, upstream: str, delay: float = 1.0, *, forgets: bool = False) -> None:
        self.upstream, self.delay, self.forgets = upstream, delay, forgets
        self.mode = Mode.PASS
        self.accepted = 0
        self._reserved = _bound(0)  # keeps the port ours while nobody listens
        self.port = int(self._reserved.getsockname()[1])
        self.address = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.address}"
        self._server: asyncio.Server | None = None
        self._connections: list[_Connection] = []

    async def to(self, mode: Mode) -> None:
        left, self.mode = self.mode, mode
        for connection in list(self._connections):
            told = left is Mode.BLACK_HOLE and connection.lost and not self.forgets
            if told or mode in (Mode.REFUSE, Mode.RESET):
                connection.reset()
        if mode is Mode.REFUSE:
            self._close()
        elif self._server is None:
            self._server = await asyncio.start_server(self._converse, sock=_bound(self.port), backlog=256)

    def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        self._server = None

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        connection = _Connection(writer)
        self._connections.append(connection)
        if self.mode is Mode.RESET:
            connection.reset()
        try:
            await self._both_ways(connection, reader)
        finally:
            self._connections.remove(connection)
            connection.reset() if connection.lost else _close_all(connection)

    async def _both_ways(self, connection: _Connection, reader: asyncio.StreamReader) -> None:
        first = await _read(reader)
        while first and (connection.lost or self.mode is Mode.BLACK_HOLE):
            connection.lost = True
            first = await _read(reader)
        if not first:
            return
        host, _, port = self.upstream.rpartition(":")
        try:
            answers, connection.far = await asyncio.open_connection(host, int(port))
        except OSError:
            connection.reset()  # behind a proxy, nobody there is a connection that breaks
            return
        await self._pass_on(connection, connection.far, first)
        back = asyncio.create_task(self._pump(connection, answers, connection.near))
        try:
            await self._pump(connection, reader, connection.far)
        finally:
            await _ended(back)

    async def _pump(self, connection: _Connection, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while piece := await _read(source):
            await self._pass_on(connection, sink, piece)
        if not connection.lost and not sink.is_closing():
            with contextlib.suppress(OSError):
                sink.write_eof()

    async def _pass_on(self, connection: _Connection, sink: asyncio.StreamWriter, piece: bytes) -> None:
        if self.mode is Mode.SLOW:
            await asyncio.sleep(self.delay)
        if self.mode is Mode.BLACK_HOLE or connection.lost:
            connection.lost = True
        elif not sink.is_closing():
            sink.write(piece)
            with contextlib.suppress(OSError):
                await sink.drain()

    async def stop(self) -> None:
        self._close()
        for connection in list(self._connections):
            connection.reset()
        while self._connections:
            await asyncio.sleep(0.005)
        self._reserved.close()


@contextlib.asynccontextmanager
async def proxied(upstream: str, delay: float = 1.0, *, forgets: bool = False) -> AsyncIterator[Proxy]:
    proxy = Proxy(upstream.removeprefix("http://"), delay, forgets=forgets)
    try:
        await proxy.to(Mode.PASS)
        yield proxy
    finally:
        await proxy.stop()


def _bound(port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind(("127.0.0.1", port))
    bound.setblocking(False)
    return bound


async def _read(reader: asyncio.StreamReader) -> bytes:
    """Empty: the end, however it came."""
    try:
        return await reader.read(MOST)
    except OSError:
        return b""


async def _ended(task: asyncio.Task[None]) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(task, 1.0)  # half-closed: what is under way may still arrive


def _close_all(connection: _Connection) -> None:
    for writer in (connection.near, connection.far):
        if writer is not None:
            writer.transport.abort() if writer.transport.is_closing() else writer.close()
