"""How the alertmanager outlet reaches its peers: TLS with an authority of its own, credentials, a proxy."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.alerts import level
from tests.certificates import Authority
from tests.fakes import HandClock, MemoryFiles, Outside
from tests.loopback import Answering, serving
from watchdog.adapters import http as adapter
from watchdog.adapters.clock import SystemClock
from watchdog.adapters.files import LocalFiles
from watchdog.adapters.http import AioHttp, WebClients
from watchdog.outlets import Batch, Outlet
from watchdog.outlets.alertmanager import Alertmanager
from watchdog.plugins import plugins
from watchdog.ports import Connection, Ports, Unreachable
from watchdog.reach import Access, BasicAuth, Reach, Tls
from watchdog.refusal import ConfigError


@dataclass
class Asked:
    """A server that answers as Alertmanager does, and keeps what it was asked."""

    requests: list[str] = field(default_factory=list)
    peers: list[str] = field(default_factory=list)

    async def answer(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        self.requests.append(request.decode())
        certificate = writer.get_extra_info("peercert") or {}
        self.peers += [value for ((_, value),) in certificate.get("subject", ())]
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    def header(self, name: str) -> str:
        lines = self.requests[-1].lower().split("\r\n")
        return next((line.partition(":")[2].strip() for line in lines if line.startswith(f"{name}:")), "")


@asynccontextmanager
async def ports() -> AsyncIterator[Ports]:
    web = WebClients()
    async with AioHttp() as http:
        try:
            outside = Outside(clock=SystemClock(), http=http)
            yield replace(outside.ports(), web=web, files=LocalFiles())
        finally:
            await web.close()


async def publish(**stanza: Any) -> bool:
    async with ports() as world:
        receipts = await Alertmanager(**stanza).publish(Batch(level(at=world.clock.now())), world)
        return receipts[0].accepted


async def test_a_certificate_of_its_own_authority_is_verified_by_the_name_that_the_stanza_says(tmp_path: Path) -> None:
    authority, asked = Authority(tmp_path), Asked()
    async with serving(asked.answer, tls=authority.server("alertmanager.test")) as url:
        assert await publish(urls=(url,), tls=Tls(authority.ca_file, server_name="alertmanager.test"))
        for tls in (Tls(), Tls(authority.ca_file), Tls(authority.ca_file, server_name="other.test")):
            with pytest.raises(Unreachable, match="TlsFailure"):
                await publish(urls=(url,), tls=tls)
    assert len(asked.requests) == 1


async def test_our_own_certificate_is_shown_to_who_asks_for_it(tmp_path: Path) -> None:
    authority, asked = Authority(tmp_path), Asked()
    ours = authority.signed("watchdog.test")
    tls = Tls(authority.ca_file, server_name="alertmanager.test")
    async with serving(asked.answer, tls=authority.server("alertmanager.test", asks_for_certificate=True)) as url:
        with pytest.raises(Unreachable):
            await publish(urls=(url,), tls=tls)
        certified = replace(tls, certificate_file=ours.certificate_file, key_file=ours.key_file)
        assert await publish(urls=(url,), tls=certified)
    assert asked.peers == ["watchdog.test"]


async def test_files_that_are_none_are_named(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match=r"TlsFiles: .*none\.pem"):
        await publish(urls=("https://127.0.0.1:1",), tls=Tls(str(tmp_path / "none.pem")))


async def test_an_authority_that_is_renewed_under_a_running_process_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "LOOKED_AT_EVERY", 0.0)
    old, new, asked = Authority(tmp_path, "old"), Authority(tmp_path, "new"), Asked()
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(Path(old.ca_file).read_bytes())
    web = WebClients()
    http = web(Connection(ca_file=str(trusted), server_name="alertmanager.test"))
    async with serving(asked.answer, tls=new.server("alertmanager.test")) as url:
        with pytest.raises(Unreachable, match="TlsFailure"):
            await http.get(url, headers={}, timeout=5, limit=100)
        trusted.write_bytes(Path(new.ca_file).read_bytes() + b"\n")
        assert (await http.get(url, headers={}, timeout=5, limit=100)).status == 200
        trusted.unlink()  # while it is away, what was read before holds
        assert (await http.get(url, headers={}, timeout=5, limit=100)).status == 200
    await web.close()


async def test_basic_auth_and_bearer_tokens_are_read_from_files(tmp_path: Path) -> None:
    asked, secret = Asked(), tmp_path / "secret"
    secret.write_text("pässword\n")
    async with serving(asked.answer) as url:
        assert await publish(urls=(url,), basic_auth=BasicAuth("watchdog", str(secret)))
        expected = b64encode("watchdog:pässword".encode()).decode()
        assert asked.header("authorization") == f"basic {expected}".lower()
        assert await publish(urls=(url,), bearer_token_file=str(secret))
        assert asked.header("authorization").startswith("bearer p")
        assert await publish(urls=(url,))
        assert asked.header("authorization") == ""


async def test_a_secret_is_read_anew_and_a_file_that_is_away_costs_no_page() -> None:
    files, clock = MemoryFiles({"/token": b"first"}), HandClock()
    outside = Outside(clock=clock, files=files)
    headers: list[str] = []

    class Http:
        async def post(self, url: str, body: bytes, *, headers: dict[str, str], **options: Any) -> None:
            sent.append(headers["authorization"])

    sent, outside.http = headers, Http()
    reach = Reach("http://am-0", Access(bearer_token_file="/token"))
    for content in (b"first", b"second", OSError(5, "Input/output error")):
        files.content["/token"] = content
        clock.pass_(10)
        await reach.post("/", b"", outside.ports(), 1.0)
    assert sent == ["Bearer first", "Bearer second", "Bearer second"]


async def test_without_its_secret_nothing_is_sent_and_the_file_is_named() -> None:
    reach = Reach("http://am-0", Access(bearer_token_file="/token"))
    outside = Outside()
    with pytest.raises(Unreachable, match=r"NoCredentials: /token: .*No such file"):
        await reach.post("/", b"", outside.ports(), 1.0)
    assert outside.http.requests == []


async def test_a_proxy_is_asked_for_the_peer() -> None:
    asked = Asked()
    answering: Answering = asked.answer
    async with serving(answering) as proxy:
        assert await publish(urls=("http://alertmanager.invalid:9093",), proxy=proxy)
    assert asked.requests[-1].startswith("POST http://alertmanager.invalid:9093/api/v2/alerts ")


async def test_a_plain_stanza_uses_the_plain_connections() -> None:
    """Whose kept connections make a page wait for no handshake."""
    outside = Outside()
    await Alertmanager(urls=("http://am-0:9093",)).publish(Batch(level()), outside.ports())
    assert len(outside.http.requests) == 1


@pytest.mark.parametrize(
    ("stanza", "sentence"),
    [
        ({"tls": {"certificate_file": "/c"}}, "certificate_file and key_file together"),
        ({"basic_auth": {"username": "u", "password_file": "/p"}, "bearer_token_file": "/t"}, "found both"),
        ({"proxy": "socks5://p"}, "proxy: expected an http"),
    ],
)
def test_a_wrong_stanza_is_refused_in_one_sentence(stanza: dict[str, Any], sentence: str) -> None:
    content = [{"kind": "alertmanager", "urls": ["http://am-0"], **stanza}]
    with pytest.raises(ConfigError, match=sentence):
        list(plugins(Path("w.yaml"), "outlets", content, Outlet, {}))  # type: ignore[type-abstract]
