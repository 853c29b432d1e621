"""How an Alertmanager, or another server behind TLS, is reached: over which connection, and as whom. The same keys of a
stanza wherever it is asked."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field

from watchdog.core.address import is_http_url
from watchdog.ports import Answer, Connection, Http, Ports, Unreachable

SECRET_LIMIT = 1 << 16
"""Bytes."""
FRESH = 10.0
"""Seconds for which a secret that was read is not read again."""
READ_WITHIN = 0.2
"""Seconds: a page does not wait for a file system that hangs, but goes with the secret that was read before."""


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files, which are read anew at times. ``server_name``: what its certificate bears, where the URL does not."""

    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""
    server_name: str = ""

    def __post_init__(self) -> None:
        if bool(self.certificate_file) is not bool(self.key_file):
            raise ValueError("tls: expected certificate_file and key_file together")


PLAIN = Tls()


@dataclass(frozen=True, slots=True)
class BasicAuth:
    username: str
    password_file: str


@dataclass(frozen=True, slots=True)
class Access:
    """How a stanza's peers are reached. Secrets stay in their files."""

    tls: Tls = PLAIN
    basic_auth: BasicAuth | None = None
    bearer_token_file: str = ""
    proxy: str = ""

    def __post_init__(self) -> None:
        if self.proxy and not is_http_url(self.proxy):
            raise ValueError(f"proxy: expected an http(s) URL, found {self.proxy!r}")
        if self.basic_auth and self.bearer_token_file:
            raise ValueError("bearer_token_file: expected it or basic_auth, found both")

    def connection(self, server_name: str = "") -> Connection:
        """``server_name``: of a peer whose URL is a bare address."""
        tls = self.tls
        name = tls.server_name or server_name
        return Connection(tls.ca_file, tls.certificate_file, tls.key_file, name, self.proxy)

    @property
    def secret_file(self) -> str:
        return self.basic_auth.password_file if self.basic_auth else self.bearer_token_file

    def authorization(self, secret: str) -> str:
        """RFC 7617, RFC 6750."""
        if self.basic_auth is None:
            return f"Bearer {secret}"
        return "Basic " + b64encode(f"{self.basic_auth.username}:{secret}".encode()).decode()


@dataclass(slots=True)
class Reach:
    """One peer. Raises ``Unreachable``."""

    url: str
    access: Access = field(default_factory=Access)
    server_name: str = ""
    _header: str = ""
    _read_at: float = float("-inf")

    async def get(self, path: str, ports: Ports, timeout: float, limit: int) -> Answer:
        headers = {"accept": "application/json", **await self._credentials(ports)}
        return await self._http(ports).get(self.url + path, headers=headers, timeout=timeout, limit=limit)

    async def post(self, path: str, body: bytes, ports: Ports, timeout: float) -> Answer:
        headers = {"content-type": "application/json", **await self._credentials(ports)}
        return await self._http(ports).post(self.url + path, body, headers=headers, timeout=timeout, limit=1 << 16)

    def _http(self, ports: Ports) -> Http:
        connection = self.access.connection(self.server_name)
        return ports.http if connection == Connection() else ports.web(connection)

    async def _credentials(self, ports: Ports) -> Mapping[str, str]:
        path, now = self.access.secret_file, ports.clock.now().mono
        if path and now - self._read_at >= FRESH:
            try:
                async with asyncio.timeout(READ_WITHIN):
                    secret = _on_one_line(await ports.files.read(path, SECRET_LIMIT))
                self._header, self._read_at = self.access.authorization(secret), now
            except OSError as error:  # TimeoutError is one
                if not self._header:
                    why = error.strerror or "it cannot be read in time"
                    raise Unreachable("NoCredentials", f"{path}: {why}") from None
            except ValueError as error:
                if not self._header:
                    raise Unreachable("NoCredentials", f"{path}: {error}") from None
        return {"authorization": self._header} if self._header else {}


def _on_one_line(content: bytes) -> str:
    """A secret as its file holds it, perhaps with a newline at the end. Raises ``ValueError``, which says nothing of
    what is in the file."""
    try:
        secret = content.decode().strip()
    except UnicodeDecodeError:
        secret = ""
    if not secret.isprintable() or not secret:
        raise ValueError("expected a secret on one line, found " + ("an empty file" if not content.strip() else "none"))
    return secret
