"""Who we are to the API server: each way of a kubeconfig and in-cluster, and its renewal. Real plugins, real TLS."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.conftest import real
from watchdog.adapters import kubernetes_login as login_module
from watchdog.adapters.kubernetes import KubernetesApi
from watchdog.adapters.kubernetes_login import InCluster, KubeConfig, Loader, Login, loader
from watchdog.ports import KubernetesError, Unreachable


class Asked:
    """An API server that lets some tokens in, and writes down what it was shown."""

    def __init__(self, *allowed: str) -> None:
        self.allowed = allowed
        self.authorization: list[str | None] = []
        self.certificates: list[Any] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        shown = request.headers.get("Authorization")
        self.authorization.append(shown)
        transport = request.transport
        self.certificates.append(transport.get_extra_info("peercert") if transport else None)
        if self.allowed and shown not in self.allowed:
            return web.json_response({"kind": "Status", "reason": "Unauthorized"}, status=401)
        return web.json_response({"kind": "PodList"})


@asynccontextmanager
async def serving(asked: Asked, tls: ssl.SSLContext | None = None) -> AsyncIterator[Asked]:
    application = web.Application()
    application.router.add_get("/{path:.*}", asked.answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    port = runner.addresses[0][1]
    asked.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    try:
        yield asked
    finally:
        await runner.cleanup()


def kubeconfig(folder: Path, server: str, user: dict[str, Any] | None, **cluster: Any) -> str:
    path = folder / "kubeconfig"
    context = {"cluster": "c"} | ({"user": "u"} if user is not None else {})
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "x",
        "contexts": [{"name": "x", "context": context}, {"name": "other", "context": {"cluster": "nowhere"}}],
        "clusters": [{"name": "c", "cluster": {"server": server, **cluster}}],
        "users": [{"name": "u", "user": user}] if user is not None else [],
    }
    path.write_text(json.dumps(document))
    return str(path)


async def read(path: str, times: int = 1, context: str = "") -> None:
    client = KubernetesApi(path, context)
    try:
        for _ in range(times):
            await client.read("/api/v1/pods", {}, 10)
    finally:
        await client.close()


def plugin(folder: Path, *credentials: dict[str, Any]) -> dict[str, Any]:
    """An exec plugin that answers with one credential after the other, and with the last for good."""
    for number, credential in enumerate(credentials):
        answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": credential}
        (folder / f"answer-{number}").write_text(json.dumps(answer))
    script = folder / "plugin"
    script.write_text(
        f"""#!/bin/sh
cd '{folder}'
echo run >> runs
number=$(($(wc -l < runs) - 1))
while [ ! -e answer-$number ]; do number=$((number - 1)); done
cat answer-$number
"""
    )
    script.chmod(0o755)
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(script)}}


def runs(folder: Path) -> int:
    return len((folder / "runs").read_text().splitlines())


USERS: dict[str, tuple[Callable[[Path], dict[str, Any] | None], str | None]] = {
    "nobody": (lambda folder: None, None),
    "a token": (lambda folder: {"token": "abc"}, "Bearer abc"),
    "a token file, with the newline that files have": (lambda folder: {"tokenFile": "token"}, "Bearer from-file"),
    "an exec plugin": (lambda folder: plugin(folder, {"token": "from-plugin"}), "Bearer from-plugin"),
    "a name and a password": (
        lambda folder: {"username": "u", "password": "p"},
        "Basic " + base64.b64encode(b"u:p").decode(),
    ),
    "gcp's helper": (
        lambda folder: {
            "auth-provider": {
                "name": "gcp",
                "config": {
                    "cmd-path": "/bin/echo",
                    "cmd-args": '\'{"credential":{"access_token":"g","token_expiry":"2099-01-01T00:00:00Z"}}\'',
                },
            }
        },
        "Bearer g",
    ),
    "oidc": (
        lambda folder: {"auth-provider": {"name": "oidc", "config": {"id-token": _jwt(), "client-id": "c"}}},
        "Bearer {}",
    ),
}


def _jwt() -> str:
    payload = base64.b64encode(json.dumps({"exp": 4_000_000_000}).encode()).decode().rstrip("=")
    return f"h.{payload}.s"


@pytest.mark.parametrize("way", USERS)
async def test_every_way_of_a_kubeconfig_works_in_the_lean_layers(tmp_path: Path, way: str) -> None:
    (tmp_path / "token").write_text("from-file\n")
    user, expected = USERS[way]
    async with serving(Asked()) as asked:
        await read(kubeconfig(tmp_path, asked.url, user(tmp_path)))
    assert asked.authorization == [expected.format(_jwt()) if expected else None]


async def test_a_context_is_chosen_by_its_name(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, "http://127.0.0.1:1", {"token": "t"})
    with pytest.raises(Unreachable, match=r"NoCredentials.*nowhere"):
        await read(path, context="other")
    with pytest.raises(Unreachable, match=r"NoCredentials.*no-such-context"):
        await read(path, context="no-such-context")


async def test_after_a_401_the_plugin_is_asked_anew_and_the_request_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login_module, "REFUSED_AGAIN", 0.0)
    old = {"token": "old", "expirationTimestamp": "2099-01-01T00:00:00Z"}
    user = plugin(tmp_path, old, {"token": "new"})
    async with serving(Asked("Bearer new")) as asked:
        await read(kubeconfig(tmp_path, asked.url, user), times=3)
    assert asked.authorization == ["Bearer old", *["Bearer new"] * 3] and runs(tmp_path) == 2


async def test_a_server_that_refuses_everybody_does_not_run_the_plugin_for_each_request(tmp_path: Path) -> None:
    user = plugin(tmp_path, {"token": "t"})
    async with serving(Asked("Bearer somebody-else")) as asked:
        client = KubernetesApi(kubeconfig(tmp_path, asked.url, user), "")
        for _ in range(5):
            with pytest.raises(KubernetesError, match="401"):
                await client.read("/api/v1/pods", {}, 10)
        await client.close()
    assert runs(tmp_path) == 1


async def test_credentials_are_renewed_in_the_background_before_they_run_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login_module, "RENEW_EVERY", 0.0)
    (tmp_path / "token").write_text("first\n")
    async with serving(Asked()) as asked:
        client = KubernetesApi(kubeconfig(tmp_path, asked.url, {"tokenFile": "token"}), "")
        await client.read("/", {}, 5)
        (tmp_path / "token").write_text("second\n")
        for _ in range(3):
            await client.read("/", {}, 5)
        await client.close()
    assert asked.authorization[0] == "Bearer first" and asked.authorization[-1] == "Bearer second"


async def test_a_renewal_that_fails_leaves_what_is_in_force_and_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login_module, "RENEW_EVERY", 0.0)
    (tmp_path / "token").write_text("first")
    async with serving(Asked()) as asked:
        client = KubernetesApi(kubeconfig(tmp_path, asked.url, {"tokenFile": "token"}), "")
        await client.read("/", {}, 5)
        (tmp_path / "token").unlink()
        for _ in range(3):
            await client.read("/", {}, 5)
        (tmp_path / "token").write_text("third")
        for _ in range(3):
            await client.read("/", {}, 5)
        await client.close()
    assert asked.authorization[1:4] == ["Bearer first"] * 3 and asked.authorization[-1] == "Bearer third"


async def test_a_plugin_that_hangs_is_one_process_and_the_read_keeps_its_deadline(tmp_path: Path) -> None:
    user = plugin(tmp_path, {"token": "t"})
    script = tmp_path / "plugin"
    script.write_text(f"#!/bin/sh\necho run >> '{tmp_path}/runs'\nexec sleep 1\n")
    client = KubernetesApi(kubeconfig(tmp_path, "http://127.0.0.1:1", user), "")
    for _ in range(3):
        with pytest.raises(Unreachable, match="Timeout"):
            await client.read("/", {}, 0.1)
    assert runs(tmp_path) == 1
    with pytest.raises(Unreachable, match="NoCredentials"):
        await client.read("/", {}, 5)
    await client.close()


SENTENCES: dict[str, tuple[str, str]] = {
    "there is none": ("", "there is no such file"),
    "it is empty": ("\n", "expected another structure"),
    "it is no YAML": ("{", "while parsing a flow"),
    "it is a list": ("[]", "expected another structure"),
    "it has no context": ('{"clusters": []}', "current-context"),
    "a plugin that is not there": (
        json.dumps(
            {
                "current-context": "x",
                "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
                "users": [{"name": "u", "user": {"exec": {"apiVersion": "v1", "command": "/no/such/plugin"}}}],
            }
        ),
        "/no/such/plugin",
    ),
}


@pytest.mark.parametrize("law", SENTENCES)
async def test_a_kubeconfig_that_cannot_be_used_is_one_sentence(tmp_path: Path, law: str) -> None:
    content, sentence = SENTENCES[law]
    path = tmp_path / "kubeconfig"
    if content:
        path.write_text(content)
    with pytest.raises(Unreachable, match=sentence) as failure:
        await read(str(path))
    assert failure.value.reason == "NoCredentials" and "\n" not in failure.value.message
    assert failure.value.message.startswith(f"kubeconfig {path}: ")


def test_in_cluster_is_where_nothing_is_configured_and_a_cluster_is_around_us() -> None:
    around = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443", "KUBECONFIG": "/k"}
    assert isinstance(loader("", "", around), InCluster)
    chosen = loader("", "x", around)
    assert isinstance(chosen, KubeConfig) and (chosen.paths, chosen.context) == ("/k", "x")
    default = loader("", "", {})
    assert isinstance(default, KubeConfig) and default.paths == str(Path.home() / ".kube" / "config")


# TLS


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CA as many clusters have it (no key identifiers), a server for 127.0.0.1 and a client."""
    command, folder = real("openssl", package="openssl"), tmp_path_factory.mktemp("certificates")

    def openssl(*arguments: str) -> None:
        subprocess.run([command, *arguments], cwd=folder, check=True, capture_output=True)

    plain = "[req]\ndistinguished_name=dn\nx509_extensions=ca\n[dn]\n[ca]\nbasicConstraints=CA:TRUE\n"
    (folder / "conf").write_text(plain + "[server]\nsubjectAltName=IP:127.0.0.1,DNS:kubernetes\n[client]\n")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-config", "conf")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=ca", "-days", "2")
    for name in ("server", "client"):
        openssl("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        sign = ("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial")
        openssl(*sign, "-out", f"{name}.crt", "-days", "2", "-extfile", "conf", "-extensions", name)
    return folder


def tls(folder: Path, *, asks_for_a_certificate: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    if asks_for_a_certificate:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(folder / "ca.crt")
    return context


async def test_a_client_certificate_is_shown(tmp_path: Path, certificates: Path) -> None:
    user = {"client-certificate": str(certificates / "client.crt"), "client-key": str(certificates / "client.key")}
    async with serving(Asked(), tls(certificates, asks_for_a_certificate=True)) as asked:
        await read(kubeconfig(tmp_path, asked.url, user, **{"certificate-authority": str(certificates / "ca.crt")}))
    assert "client" in str(asked.certificates[0]["subject"])


async def test_certificates_may_stand_in_the_kubeconfig_itself(tmp_path: Path, certificates: Path) -> None:
    def data(name: str) -> str:
        return base64.b64encode((certificates / name).read_bytes()).decode()

    user = {"client-certificate-data": data("client.crt"), "client-key-data": data("client.key")}
    async with serving(Asked(), tls(certificates, asks_for_a_certificate=True)) as asked:
        await read(kubeconfig(tmp_path, asked.url, user, **{"certificate-authority-data": data("ca.crt")}))
    assert asked.certificates[0]


async def test_a_server_that_nobody_vouches_for_is_refused_unless_told_otherwise(
    tmp_path: Path, certificates: Path
) -> None:
    async with serving(Asked(), tls(certificates)) as asked:
        with pytest.raises(Unreachable, match="TlsFailure"):
            await read(kubeconfig(tmp_path, asked.url, None))
        await read(kubeconfig(tmp_path, asked.url, None, **{"insecure-skip-tls-verify": True}))
        named = {"certificate-authority": str(certificates / "ca.crt"), "tls-server-name": "kubernetes"}
        await read(kubeconfig(tmp_path, asked.url, None, **named))
        with pytest.raises(Unreachable, match="TlsFailure"):
            await read(kubeconfig(tmp_path, asked.url, None, **{**named, "tls-server-name": "another"}))


async def test_a_certificate_that_cannot_be_used_is_one_sentence(tmp_path: Path, certificates: Path) -> None:
    (tmp_path / "bad").write_text("not a certificate")
    path = kubeconfig(tmp_path, "https://127.0.0.1:1", None, **{"certificate-authority": str(tmp_path / "bad")})
    with pytest.raises(Unreachable, match="BadCertificate"):
        await read(path)


async def test_in_cluster_the_token_is_read_again_and_its_newline_is_no_part_of_it(
    tmp_path: Path, certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login_module, "REFUSED_AGAIN", 0.0)
    token = tmp_path / "token"
    token.write_text("old\n")
    async with serving(Asked("Bearer new"), tls(certificates)) as asked:
        environ = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": asked.url.rpartition(":")[2]}
        client = KubernetesApi(str(tmp_path / "unused"))
        client._login = Login(InCluster(str(token), str(certificates / "ca.crt"), environ))
        with pytest.raises(KubernetesError, match="401"):
            await client.read("/", {}, 5)
        token.write_text("new\n")
        await client.read("/", {}, 5)
        await client.close()
    assert asked.authorization[0] == "Bearer old" and asked.authorization[-1] == "Bearer new"


async def test_in_cluster_without_a_token_is_one_sentence(tmp_path: Path) -> None:
    environ = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "1"}
    login = Login(InCluster(str(tmp_path / "no"), str(tmp_path / "no"), environ))
    with pytest.raises(Unreachable, match=r"NoCredentials.*token file does not exist"):
        await login.current()


# Proxies


async def proxy_of(loader: Loader) -> str | None:
    server, _ = await Login(loader).current()
    return server.proxy


async def test_a_proxy_in_the_environment_counts_as_for_kubectl(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "inside.example")
    assert await proxy_of(KubeConfig(kubeconfig(tmp_path, "http://k.example", None), "")) == "http://proxy.example:3128"
    assert await proxy_of(KubeConfig(kubeconfig(tmp_path, "http://a.inside.example", None), "")) is None
    assert await proxy_of(KubeConfig(kubeconfig(tmp_path, "http://127.0.0.1:8001", None), "")) is None
    given = kubeconfig(tmp_path, "http://k.example", None, **{"proxy-url": "http://other.example"})
    assert await proxy_of(KubeConfig(given, "")) == "http://other.example"


async def test_a_proxy_is_asked_for_the_whole_address(tmp_path: Path) -> None:
    async with serving(Asked()) as proxy:
        await read(kubeconfig(tmp_path, "http://k.example", {"token": "t"}, **{"proxy-url": proxy.url}))
    assert proxy.authorization == ["Bearer t"]


async def test_two_requests_at_the_start_run_one_plugin(tmp_path: Path) -> None:
    user = plugin(tmp_path, {"token": "t"})
    async with serving(Asked()) as asked:
        client = KubernetesApi(kubeconfig(tmp_path, asked.url, user), "")
        await asyncio.gather(*(client.read("/", {}, 5) for _ in range(10)))
        await client.close()
    assert runs(tmp_path) == 1
