"""GET and WATCH over real sockets: whatever the other side does is an answer or one of the port's errors."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests import loopback
from tests.loopback import Answering, serving, whole
from watchdog.adapters import kubernetes as module
from watchdog.adapters.kubernetes import BODY_LIMIT, KubernetesApi, KubernetesClients
from watchdog.ports import KubernetesError, Unreachable

JSON = "Content-Type: application/json"


def kubeconfig(folder: Path, server: str) -> str:
    """As ``kubectl -s``: a plain server, and no user."""
    path = folder / "kubeconfig"
    document = {
        "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "x"}}],
        "clusters": [{"name": "x", "cluster": {"server": server}}],
    }
    path.write_text(json.dumps(document))
    return str(path)


@asynccontextmanager
async def api(folder: Path, answer: Answering) -> AsyncIterator[KubernetesApi]:
    async with serving(answer) as url:
        client = KubernetesApi(kubeconfig(folder, url))
        try:
            yield client
        finally:
            await client.close()


def streaming(*chunks: bytes, ends: bool = True) -> Answering:
    """A chunked 200; without ``ends`` the connection breaks."""

    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\n{JSON}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        for chunk in chunks:
            writer.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
            await writer.drain()
            await asyncio.sleep(0.001)
        if not ends:
            raise ConnectionError
        writer.write(b"0\r\n\r\n")

    return answer


async def lines(client: KubernetesApi, silence: float = 5.0) -> list[bytes]:
    async with client.watch("/api/v1/pods", {"watch": "true"}, silence) as found:
        return [line async for line in found]


async def test_an_object_comes_as_the_server_sent_it(tmp_path: Path) -> None:
    asked: list[bytes] = []

    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        asked.append(request)
        await whole(b'{"a": 1}', "200 OK", JSON)(request, writer)

    async with api(tmp_path, answer) as client:
        assert await client.read("/api/v1/pods", {"labelSelector": "a in (b,c),d=e f"}, 5) == b'{"a": 1}'
    assert asked[0].startswith(b"GET /api/v1/pods?labelSelector=a+in+(b,c),d%3De+f HTTP/1.1\r\n")
    assert b"authorization" not in asked[0].lower() and b"identity" in asked[0]


STATUS = json.dumps({"kind": "Status", "code": 404, "reason": "NotFound", "message": 'configmaps "x" not found'})
REFUSALS: dict[str, tuple[Answering, int, str]] = {
    "a Status says why": (whole(STATUS.encode(), "404 Not Found", JSON), 404, "NotFound"),
    "a 404 in plain text is nobody's Status": (whole(b"404 page not found\n", "404 Not Found"), 404, "NotAStatus"),
    "nor is a proxy's page": (whole(b"<html>bad gateway", "502 Bad Gateway"), 502, "NotAStatus"),
    "a 401 is a refusal": (
        whole(b'{"kind":"Status","reason":"Unauthorized"}', "401 Unauthorized"),
        401,
        "Unauthorized",
    ),
    "nor is other JSON": (whole(b'{"reason":"NotFound"}', "404 Not Found", JSON), 404, "NotAStatus"),
}


@pytest.mark.parametrize("law", REFUSALS)
async def test_a_refusal_is_told_by_its_status(tmp_path: Path, law: str) -> None:
    answer, status, reason = REFUSALS[law]
    async with api(tmp_path, answer) as client:
        for ask in (client.read("/api/v1/pods", {}, 5), lines(client)):
            with pytest.raises(KubernetesError) as refused:
                await ask
            assert (refused.value.status, refused.value.reason) == (status, reason)


NO_ANSWERS: dict[str, tuple[Answering, str]] = {
    "HTML where JSON is expected": (whole(b"<html>sign in", "200 OK", "Content-Type: text/html"), "NotJson"),
    "a redirect is not followed": (whole(b"", "302 Found", "Location: http://127.0.0.1:1/"), "Redirected"),
    "another protocol": (loopback.not_http, "NotHttp"),
    "it hangs up": (loopback.hang_up, "Disconnected"),
}


@pytest.mark.parametrize("law", NO_ANSWERS)
async def test_no_answer_is_unreachable_and_says_how(tmp_path: Path, law: str) -> None:
    answer, reason = NO_ANSWERS[law]
    async with api(tmp_path, answer) as client:
        for ask in (client.read("/api/v1/pods", {}, 5), lines(client)):
            with pytest.raises(Unreachable) as lost:
                await ask
            assert lost.value.reason == reason


async def test_half_a_body_is_no_answer(tmp_path: Path) -> None:
    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\n{JSON}\r\nContent-Length: 100\r\n\r\n{{".encode())
        await writer.drain()
        raise ConnectionError

    async with api(tmp_path, answer) as client:
        with pytest.raises(Unreachable, match="HalfAnswer"):
            await client.read("/api/v1/pods", {}, 5)


async def test_a_read_has_a_deadline_whatever_hangs(tmp_path: Path) -> None:
    async with api(tmp_path, loopback.hang) as client:
        with pytest.raises(Unreachable, match="Timeout"):
            await client.read("/api/v1/pods", {}, 0.05)


async def test_a_body_has_a_bound(tmp_path: Path) -> None:
    async with api(tmp_path, whole(b"x" * (BODY_LIMIT + 1), "200 OK", JSON)) as client:
        with pytest.raises(Unreachable, match="BodyTooLarge"):
            await client.read("/api/v1/pods", {}, 30)


async def test_nobody_there_is_told_at_once(tmp_path: Path) -> None:
    client = KubernetesApi(kubeconfig(tmp_path, "http://127.0.0.1:1"))
    with pytest.raises(Unreachable, match="ConnectionRefused"):
        await client.read("/api/v1/pods", {}, 5)
    with pytest.raises(Unreachable, match="ConnectionRefused"):
        await lines(client)
    await client.close()


STREAMS: dict[str, tuple[Sequence[bytes], list[bytes]]] = {
    "one line a chunk": ([b"a\n", b"b\n"], [b"a\n", b"b\n"]),
    "several lines in a chunk": ([b"a\nb\nc\n"], [b"a\n", b"b\n", b"c\n"]),
    "a line in several chunks": ([b"a", b"b", b"c\nd", b"\n"], [b"abc\n", b"d\n"]),
    "byte by byte": ([bytes([byte]) for byte in b"ab\ncd\n"], [b"ab\n", b"cd\n"]),
    "nothing": ([], []),
    "a ConfigMap of 900 kB": ([b"x" * 900_000 + b"\ny\n"], [b"x" * 900_000 + b"\n", b"y\n"]),
    "a line of 5 MB": ([b"x" * 1_000_000] * 5 + [b"\n"], [b"x" * 5_000_000 + b"\n"]),
}


@pytest.mark.parametrize("law", STREAMS)
async def test_lines_come_whole_however_they_are_cut(tmp_path: Path, law: str) -> None:
    chunks, expected = STREAMS[law]
    async with api(tmp_path, streaming(*chunks)) as client:
        assert await lines(client) == expected


async def test_whoever_works_on_what_had_come_lets_others_have_their_turn(tmp_path: Path) -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with api(tmp_path, streaming(b"{}\n" * 100)) as client:
        other = asyncio.create_task(others())
        async with client.watch("/api/v1/pods", {"watch": "true"}, 5.0) as found:
            seen = []
            async for _ in found:
                time.sleep(0.001)  # work
                seen.append(turns)
        other.cancel()
    assert len(set(seen)) >= 50, "not all hundred in one go"


@pytest.mark.parametrize("ends", [True, False])
async def test_half_a_line_at_the_end_is_told(tmp_path: Path, ends: bool) -> None:
    async with api(tmp_path, streaming(b"whole\n", b"hal", ends=ends)) as client:
        found = []
        with pytest.raises(Unreachable, match="HalfLine"):
            async with client.watch("/api/v1/pods", {}, 5) as stream:
                async for line in stream:
                    found.append(line)  # noqa: PERF401
        assert found == [b"whole\n"]


async def test_a_break_between_lines_is_no_clean_end(tmp_path: Path) -> None:
    async with api(tmp_path, streaming(b"whole\n", ends=False)) as client:
        with pytest.raises(Unreachable, match="Disconnected"):
            await lines(client)


async def test_an_endless_line_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINE_LIMIT", 100_000)
    async with api(tmp_path, streaming(*[b"x" * 60_000] * 3)) as client:
        with pytest.raises(Unreachable, match="LineTooLong"):
            await lines(client)


async def test_silence_is_told_before_the_first_byte_and_after(tmp_path: Path) -> None:
    async def begins_and_hangs(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\n{JSON}\r\nTransfer-Encoding: chunked\r\n\r\n2\r\na\n\r\n".encode())
        await writer.drain()
        await asyncio.Event().wait()

    for answer in (loopback.hang, begins_and_hangs):
        async with api(tmp_path, answer) as client:
            with pytest.raises(Unreachable, match="Silent"):
                await lines(client, silence=0.05)


async def test_what_its_user_raises_is_not_taken_for_the_servers_fault(tmp_path: Path) -> None:
    async with api(tmp_path, streaming(b"a\n")) as client:
        with pytest.raises(ValueError, match="mine"):
            async with client.watch("/api/v1/pods", {}, 5) as stream:
                async for _ in stream:
                    raise ValueError("mine")


async def test_a_hundred_watches_leave_room_for_a_read(tmp_path: Path) -> None:
    over = asyncio.Event()

    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        if b"watch=true" not in request:
            await whole(b"{}", "200 OK", JSON)(request, writer)
            return
        writer.write(f"HTTP/1.1 200 OK\r\n{JSON}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        await writer.drain()
        await over.wait()
        writer.write(b"0\r\n\r\n")

    async with api(tmp_path, answer) as client:
        watches = [asyncio.create_task(lines(client, 30)) for _ in range(120)]
        await asyncio.sleep(0.1)
        assert await client.read("/api/v1/pods", {}, 5) == b"{}"
        over.set()
        assert await asyncio.gather(*watches) == [[]] * 120


async def test_one_client_serves_each_kubeconfig_and_context(tmp_path: Path) -> None:
    clients = KubernetesClients()
    path = kubeconfig(tmp_path, "http://127.0.0.1:1")
    assert clients(path, "x") is clients(path, "x") and clients(path, "") is not clients(path, "x")
    await clients.close()
