"""The status server, over real connections."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping

import aiohttp
import pytest

from watchdog.adapters import status_server
from watchdog.adapters.status_server import AioStatusServer
from watchdog.ports import Document


@pytest.fixture
async def server() -> AsyncIterator[AioStatusServer]:
    async with AioStatusServer("127.0.0.1", 0) as server:
        server.show("/healthz", lambda headers: Document(b'{"status":"safe"}'))
        yield server


async def raw(server: AioStatusServer, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer


async def test_a_page_is_served_and_the_connection_ends(server: AioStatusServer) -> None:
    answer = await raw(server, b"GET /healthz?verbose=1 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and answer.endswith(b'{"status":"safe"}')
    assert b"Content-Type: application/json\r\n" in answer


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_only_get_is_answered(server: AioStatusServer, method: str) -> None:
    answer = await raw(server, f"{method} /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 405 ") and b"\r\nAllow: GET\r\n" in answer
    assert b'"safe"' not in answer


async def test_an_unknown_path_is_404_and_says_what_there_is(server: AioStatusServer) -> None:
    answer = await raw(server, b"GET /admin HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 404 ") and b"/healthz" in answer


async def test_a_page_sees_the_requests_headers_in_lower_case(server: AioStatusServer) -> None:
    def page(headers: Mapping[str, str]) -> Document:
        return Document(headers["accept"].encode(), "text/plain", 203)

    server.show("/echo", page)
    answer = await raw(server, b"GET /echo HTTP/1.1\r\nHost: x\r\nAcCePt: a/b\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 203 ") and answer.endswith(b"a/b")


async def test_a_page_that_raises_is_500_is_logged_and_harms_no_other(
    server: AioStatusServer, caplog: pytest.LogCaptureFixture
) -> None:
    def page(headers: Mapping[str, str]) -> Document:
        raise KeyError("secret detail")

    server.show("/broken", page)
    answer = await raw(server, b"GET /broken HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 500 ") and b"secret" not in answer
    assert "secret detail" in caplog.text
    assert (await raw(server, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")).startswith(b"HTTP/1.1 200 ")


async def test_every_answer_forbids_scripts_frames_sniffing_and_caching(server: AioStatusServer) -> None:
    async with aiohttp.ClientSession() as session:
        for path in ("healthz", "nothing"):
            async with session.get(f"http://127.0.0.1:{server.port}/{path}") as answer:
                assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert answer.headers["Cache-Control"] == "no-store"


async def test_a_port_that_is_taken_is_one_clear_sentence(server: AioStatusServer) -> None:
    with pytest.raises(OSError, match=rf"cannot listen on 127\.0\.0\.1:{server.port}: Address already in use"):
        async with AioStatusServer("127.0.0.1", server.port):
            pass


async def test_a_host_that_is_not_ours_is_one_clear_sentence() -> None:
    with pytest.raises(OSError, match=r"cannot listen on 203\.0\.113\.1:0: "):
        async with AioStatusServer("203.0.113.1", 0):
            pass


async def test_who_never_finishes_a_request_is_cut_off(
    server: AioStatusServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_server, "LIFETIME", 0.05)
    assert await raw(server, b"GET /healthz HTTP/1.1\r\nHost: ") == b""


async def test_who_does_not_read_a_large_answer_is_cut_off_and_delays_nobody(
    server: AioStatusServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_server, "LIFETIME", 0.2)
    server.show("/large", lambda headers: Document(b"x" * 20_000_000))
    with socket.create_connection(("127.0.0.1", server.port)) as sloth:
        sloth.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.sleep(0.05)
        assert (await raw(server, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        await asyncio.sleep(0.3)
        assert server.connections == 0


async def test_when_there_are_too_many_connections_the_oldest_goes_and_a_probe_still_gets_in(
    server: AioStatusServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_server, "MOST_CONNECTIONS", 3)
    idle = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(4)]
    assert (await raw(server, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    assert await idle[0][0].read() == b""
    assert not idle[3][0].at_eof()
    for _, writer in idle:
        writer.close()


async def test_garbage_is_400_and_the_server_goes_on(server: AioStatusServer) -> None:
    assert (await raw(server, b"\x16\x03\x01\x02\x00\x01\r\n\r\n")).startswith(b"HTTP/1.0 400 ")
    assert (await raw(server, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")).startswith(b"HTTP/1.1 200 ")


async def test_it_stops_although_somebody_is_still_connected() -> None:
    async with AioStatusServer("127.0.0.1", 0) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.close()
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", server.port)
