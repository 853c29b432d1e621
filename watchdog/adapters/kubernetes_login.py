"""Where the API server is and who we are to it: in-cluster or kubeconfig, renewed before it runs out and after a 401.

kubernetes-asyncio knows the many ways of a kubeconfig (token, token file, certificates, exec plugins, OIDC, gcp) and
renews none of them by itself: its ``refresh_token`` task dies of the first failure. Here a renewal that fails leaves
the credentials as they were and is tried again, never two at a time (a plugin that hangs is one process, not many).
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.request import getproxies, proxy_bypass

import aiohttp
import yaml
from yarl import URL

from watchdog.adapters import kubernetes_client as client
from watchdog.ports import Unreachable

RENEW_EVERY = 60.0
"""Seconds: a projected token file changes well before its token expires; an exec token is renewed 5 minutes early."""
RENEWAL_TIMEOUT = 60.0
REFUSED_AGAIN = 5.0
"""Seconds in which a second 401 does not ask for new credentials again."""
FAULTS = (
    client.ConfigException,
    yaml.YAMLError,
    aiohttp.ClientError,
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    AssertionError,
    RuntimeError,
)
"""What kubernetes-asyncio raises on a configuration that it cannot use: it checks little."""


@dataclass(frozen=True, slots=True)
class Server:
    """All that decides how to connect: where two are equal, one connection serves both."""

    host: str
    ca: str | None
    certificate: str | None
    key: str | None
    verify: bool
    name: str | None  # that the certificate must bear, if not the host's
    proxy: str | None


class Loader(Protocol):
    """Fills a Configuration of kubernetes-asyncio, anew each time."""

    uses_environment_proxy: bool

    async def load(self, configuration: Any, *, forced: bool) -> None: ...


class InCluster:
    """The ServiceAccount of our own Pod. The API server is no place beyond a proxy for egress."""

    uses_environment_proxy = False

    def __init__(self, token: str, ca: str, environ: Mapping[str, str]) -> None:
        self.token, self.ca, self.environ = token, ca, environ

    def __str__(self) -> str:
        return "in-cluster"

    async def load(self, configuration: Any, *, forced: bool) -> None:
        client.InClusterConfigLoader(self.token, self.ca, False, self.environ).load_and_set(configuration)


class KubeConfig:
    """A kubeconfig file (or several, as in ``$KUBECONFIG``) and one of its contexts."""

    uses_environment_proxy = True

    def __init__(self, paths: str, context: str) -> None:
        self.paths, self.context = paths, context
        self._loader: Any = None

    def __str__(self) -> str:
        return f"kubeconfig {self.paths}"

    async def load(self, configuration: Any, *, forced: bool) -> None:
        if self._loader is None:
            self._loader = self._opened()
        if forced:  # else a plugin is not asked before its token expires
            self._loader.__dict__.pop("exec_plugin_expiry", None)
        await self._loader.load_and_set(configuration)

    def _opened(self) -> Any:
        """Nothing is written back to the file: the library's way to do so fails (it calls its persister wrongly)."""
        merged = client.KubeConfigMerger(self.paths).config
        if merged is None:
            raise client.ConfigException("there is no such file")
        loader = client.KubeConfigLoader(merged, active_context=self.context or None, config_base_path=None)
        if loader._user is None:  # that is allowed; over https the library trips
            loader._user = client.ConfigNode("user", {})
        return loader


def loader(kubeconfig: str, context: str, environ: Mapping[str, str] = os.environ) -> Loader:
    """Both empty: in-cluster if we are in one, else the default kubeconfig."""
    if not kubeconfig and not context and environ.get("KUBERNETES_SERVICE_HOST"):
        return InCluster(client.SERVICE_ACCOUNT_TOKEN, client.SERVICE_ACCOUNT_CA, environ)
    default = environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    return KubeConfig(kubeconfig or default, context)


class Login:
    """The credentials in force."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader
        self._configuration: Any = None
        self._renewal: asyncio.Task[None] | None = None
        self._renewed = 0.0  # loop time of the last renewal's beginning

    async def current(self) -> tuple[Server, dict[str, str]]:
        """The server and the headers that say who we are. Raises ``Unreachable`` while there are none yet."""
        if self._configuration is None:
            await self.renew()
        elif asyncio.get_running_loop().time() - self._renewed >= RENEW_EVERY:
            self._begin_renewal(forced=False)
        return self._server(), self._headers()

    async def renewed_after_401(self) -> bool:
        """Whether it is worth asking again; False if the credentials that were refused are new."""
        if asyncio.get_running_loop().time() - self._renewed < REFUSED_AGAIN:
            return False
        await self.renew()
        return True

    async def renew(self) -> None:
        """Waits for new credentials. Raises ``Unreachable`` where there are none."""
        renewal = self._begin_renewal(forced=True)
        try:
            async with asyncio.timeout(RENEWAL_TIMEOUT):
                await asyncio.shield(renewal)
        except FAULTS as error:
            raise Unreachable("NoCredentials", f"{self._loader}: {_sentence(error)}") from None

    def _begin_renewal(self, *, forced: bool) -> asyncio.Task[None]:
        if self._renewal is None or self._renewal.done():
            self._renewed = asyncio.get_running_loop().time()
            self._renewal = asyncio.create_task(self._load(forced), name="kubernetes login")
            self._renewal.add_done_callback(_retrieved)
        return self._renewal

    async def _load(self, forced: bool) -> None:
        configuration = self._configuration or client.Configuration()
        await self._loader.load(configuration, forced=forced)
        self._configuration = configuration

    def _server(self) -> Server:
        c = self._configuration
        return Server(
            c.host.rstrip("/"), c.ssl_ca_cert, c.cert_file, c.key_file, c.verify_ssl, c.tls_server_name,
            c.proxy or (_environment_proxy(c.host) if self._loader.uses_environment_proxy else None),
        )  # fmt: skip

    def _headers(self) -> dict[str, str]:
        """A token's trailing newline, as files have it, is no part of a header."""
        token = self._configuration.api_key.get("BearerToken", "").strip()
        return {"Authorization": token} if token else {}

    def rest(self) -> Any:
        """kubernetes-asyncio's transport for the server. Raises ``Unreachable`` if its certificates cannot be used."""
        configuration = self._configuration
        configuration.connection_pool_maxsize = 0  # every WATCH holds one: a bound would starve the rest, silently
        configuration.disable_strict_ssl_verification = True  # as kubectl: Python 3.13 refuses many clusters' own CAs
        try:
            return client.RESTClientObject(configuration)
        except (OSError, ssl.SSLError, ValueError) as error:
            raise Unreachable("BadCertificate", _sentence(error)) from None

    async def close(self) -> None:
        if self._renewal is not None:
            self._renewal.cancel()


def _retrieved(task: asyncio.Task[None]) -> None:
    """A failure in the background is not news: what is in force stays, and a 401 asks again."""
    if not task.cancelled():
        task.exception()


def _sentence(error: BaseException) -> str:
    text = " ".join(f"{error}".split())[:300]
    unforeseen = isinstance(error, TypeError | AttributeError | LookupError | AssertionError)
    return f"expected another structure ({text or type(error).__name__})" if unforeseen or not text else text


def _environment_proxy(host: str) -> str | None:
    """As kubectl: ``HTTPS_PROXY`` and ``NO_PROXY`` count, but never between us and our own host."""
    url = URL(host)
    name = url.host or ""
    if name in ("localhost", "::1") or name.startswith("127.") or proxy_bypass(name):
        return None
    return getproxies().get(url.scheme)
