"""The HTTP adapter against servers that misbehave."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from tests.loopback import Answering, endless, half, hang, hang_up, not_http, serving, whole
from watchdog.adapters.http import AioHttp
from watchdog.ports import Answer, Unreachable


@pytest.fixture
async def http() -> AsyncIterator[AioHttp]:
    async with AioHttp() as http:
        yield http


async def got(http: AioHttp, url: str, timeout: float = 5.0, limit: int = 1 << 16) -> Answer:
    return await http.get(url, headers={}, timeout=timeout, limit=limit)


async def refused(http: AioHttp, url: str, timeout: float = 5.0) -> Unreachable:
    with pytest.raises(Unreachable) as caught:
        await got(http, url, timeout)
    return caught.value


async def test_an_answer_comes_whole_with_lower_case_header_names(http: AioHttp) -> None:
    async with serving(whole(b'{"ok": true}', "503 Stale", "X-Why: night")) as url:
        answer = await got(http, url)
    assert (answer.status, answer.body, answer.headers["x-why"]) == (503, b'{"ok": true}', "night")


async def test_a_redirect_is_an_answer_and_is_not_followed(http: AioHttp) -> None:
    async with serving(whole(b"", "302 Found", "Location: http://169.254.169.254/")) as url:
        assert (await got(http, url)).status == 302


async def test_a_post_carries_its_body_and_reuses_its_connection(http: AioHttp) -> None:
    seen: list[tuple[bytes, object]] = []

    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        seen.append((request.rpartition(b"\r\n\r\n")[2], writer))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with serving(answer) as url:
        for body in (b"one", b"two"):
            await http.post(url, body, headers={"content-type": "text/plain"}, timeout=5, limit=100)
    assert [body for body, _ in seen] == [b"one", b"two"]
    assert seen[0][1] is seen[1][1]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(hang_up, "Disconnected"), (half, "HalfAnswer"), (not_http, "NotHttp"), (endless, "BodyTooLarge")],
)
async def test_no_whole_answer_is_unreachable_with_its_reason(http: AioHttp, answer: Answering, reason: str) -> None:
    async with serving(answer) as url:
        assert (await refused(http, url)).reason == reason


async def test_a_server_that_hangs_costs_the_deadline_and_no_more(http: AioHttp) -> None:
    async with serving(hang) as url:
        began = time.monotonic()
        error = await refused(http, url, timeout=0.05)
    assert (error.reason, error.message) == ("Timeout", "no whole answer within 0.05 s")
    assert time.monotonic() - began < 5


async def test_a_body_that_trickles_for_ever_ends_at_the_deadline(http: AioHttp) -> None:
    async def trickle(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await asyncio.sleep(0.01)

    async with serving(trickle) as url:
        assert (await refused(http, url, timeout=0.1)).reason == "Timeout"


async def test_nobody_there_an_unknown_name_and_a_bad_url_have_reasons_of_their_own(http: AioHttp) -> None:
    async with serving(hang) as url:
        pass
    assert (await refused(http, url)).reason == "ConnectionRefused"
    assert (await refused(http, "http://no-such-host.invalid/")).reason == "DnsFailure"
    assert (await refused(http, "http://[::bad/")).reason == "InvalidUrl"
    assert (await refused(http, "ftp://127.0.0.1/")).reason == "InvalidUrl"


async def test_a_server_without_tls_is_a_tls_failure(http: AioHttp) -> None:
    async with serving(hang, greeting=b"SSH-2.0-OpenSSH_9.2\r\n") as url:
        assert (await refused(http, url.replace("http:", "https:"))).reason == "TlsFailure"


async def test_a_body_just_within_the_limit_is_read_and_one_byte_more_is_not(http: AioHttp) -> None:
    async with serving(whole(b"x" * 1000)) as url:
        assert len((await got(http, url, limit=1000)).body) == 1000
        with pytest.raises(Unreachable, match="BodyTooLarge"):
            await got(http, url, limit=999)


async def test_proxy_variables_are_ignored(http: AioHttp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with serving(whole(b"direct")) as url:
        assert (await got(http, url)).body == b"direct"


async def test_a_small_packed_answer_is_not_unpacked(http: AioHttp) -> None:
    import gzip

    bomb = gzip.compress(b"0" * 1_000_000)
    async with serving(whole(bomb, "200 OK", "Content-Encoding: gzip")) as url:
        assert (await got(http, url)).body == bomb
