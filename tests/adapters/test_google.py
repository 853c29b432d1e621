"""Who we are to Google's APIs: real google-auth against servers of our own, which hang, refuse and come back."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.loopback import hang, serving
from watchdog.adapters import google
from watchdog.adapters.google import GoogleCredentials, Outcome, Token
from watchdog.ports import Unreachable

SECRET = "ya29.a-token-of-ours"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)


@dataclass
class TokenEndpoint:
    """OAuth 2.0's, as Google's. ``hangs``: it takes requests and never answers them."""

    url: str = ""
    status: str = "200 OK"
    said: object = field(default_factory=lambda: {"access_token": SECRET, "expires_in": 3600, "token_type": "Bearer"})
    hangs: bool = False
    bodies: list[bytes] = field(default_factory=list)

    async def answer(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        self.bodies.append(request.partition(b"\r\n\r\n")[2])
        if self.hangs:
            await hang(request, writer)
        body = json.dumps(self.said).encode()
        head = f"HTTP/1.1 {self.status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)


def key_file(path: Path, token_uri: str) -> None:
    """Of a service account that there is not."""
    names = {"type": "service_account", "project_id": "p", "private_key_id": "k", "client_id": "1"}
    account = {"client_email": "watchdog@p.iam.gserviceaccount.com", "private_key": KEY.decode()}
    content = {**names, **account, "token_uri": token_uri}
    path.write_text(json.dumps(content))


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No credentials of whoever runs the tests."""
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "none"))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))


@pytest.fixture
async def endpoint(tmp_path: Path) -> AsyncIterator[TokenEndpoint]:
    endpoint = TokenEndpoint()
    async with serving(endpoint.answer) as url:
        endpoint.url = url
        key_file(tmp_path / "key.json", f"{url}/token")
        yield endpoint


async def refused(credentials: GoogleCredentials, timeout: float = 5.0) -> Unreachable:
    with pytest.raises(Unreachable) as raised:
        await credentials.headers(timeout)
    return raised.value


# google-auth itself


async def test_a_service_accounts_key_is_exchanged_for_a_token_that_may_read_and_pull(endpoint: TokenEndpoint) -> None:
    assert await GoogleCredentials().headers(5.0) == {"authorization": f"Bearer {SECRET}"}
    (body,) = endpoint.bodies
    assertion = parse_qs(body.decode())["assertion"][0].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(assertion + "=="))
    assert claims["scope"] == " ".join(google.SCOPES)
    assert "https://www.googleapis.com/auth/cloud-platform" not in google.SCOPES


async def test_a_token_is_asked_for_once_while_it_is_good(endpoint: TokenEndpoint) -> None:
    credentials = GoogleCredentials()
    for _ in range(3):
        await credentials.headers(5.0)
    assert len(endpoint.bodies) == 1


async def test_proxy_variables_lead_nowhere(endpoint: TokenEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    assert await GoogleCredentials().headers(5.0) == {"authorization": f"Bearer {SECRET}"}


async def test_a_refused_key_is_told_in_a_sentence_and_works_once_it_is_accepted(
    endpoint: TokenEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(google, "AGAIN", 0.0)
    good, endpoint.status = endpoint.said, "400 Bad Request"
    endpoint.said = {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
    credentials = GoogleCredentials()
    assert str(await refused(credentials)) == (
        "NoCredentials: no token for Google's APIs: invalid_grant: Invalid JWT Signature."
    )
    endpoint.said, endpoint.status = good, "200 OK"
    assert await credentials.headers(5.0) == {"authorization": f"Bearer {SECRET}"}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "was not found"),
        ("", "not a valid json file"),
        ("[]", ""),
        ("{}", "does not have a valid type"),
        ('{"type": "service_account"}', ""),
        ('{"type": "service_account", "client_email": 1, "token_uri": 2, "private_key": "x"}', ""),
        ('{"type": "authorized_user", "refresh_token": null}', ""),
    ],
)
async def test_a_file_that_is_no_credentials_is_no_token_and_no_traceback(
    content: str | None, sentence: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "key.json").write_text(content)
    error = await refused(GoogleCredentials())
    assert error.reason == "NoCredentials"
    assert error.message.startswith("no token for Google's APIs: ") and sentence in error.message
    assert "\n" not in error.message and len(error.message) < 300


async def test_a_file_that_was_put_right_is_in_force_without_a_restart(
    tmp_path: Path, endpoint: TokenEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(google, "AGAIN", 0.0)
    (tmp_path / "key.json").unlink()
    credentials = GoogleCredentials()
    await refused(credentials)
    key_file(tmp_path / "key.json", f"{endpoint.url}/token")
    assert await credentials.headers(5.0) == {"authorization": f"Bearer {SECRET}"}


@pytest.mark.parametrize(
    "said",
    [
        {"error": "e", "error_description": f"token {SECRET} is expired"},
        {"error": "e", "access_token": SECRET},
        {"error": {"access_token": SECRET}},
        SECRET,
    ],
)
async def test_no_part_of_a_token_is_in_a_message(endpoint: TokenEndpoint, said: object) -> None:
    endpoint.said, endpoint.status = said, "401 Unauthorized"
    assert "ya29.a" not in str(await refused(GoogleCredentials()))


# A metadata server


@asynccontextmanager
async def metadata_server(monkeypatch: pytest.MonkeyPatch, *, hangs: bool) -> AsyncIterator[list[bytes]]:
    """Ours in place of Google's. It hands out a token, or takes requests and never answers."""
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    asked: list[bytes] = []

    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        asked.append(request)
        if hangs:
            await hang(request, writer)
        body = {b"/token": {"access_token": SECRET, "expires_in": 3600, "token_type": "Bearer"}}
        found = next(
            (b for path, b in body.items() if path in request.split(b" ")[1]), {"email": "default", "scopes": []}
        )
        text = json.dumps(found).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nMetadata-Flavor: Google\r\nContent-Type: application/json\r\n")
        writer.write(b"Content-Length: %d\r\n\r\n" % len(text) + text)

    async with serving(answer) as url:
        address = url.removeprefix("http://")
        monkeypatch.setenv("GCE_METADATA_IP", address)
        monkeypatch.setattr("google.auth.compute_engine._metadata._GCE_METADATA_HOST", address)
        yield asked


async def test_the_metadata_server_of_a_pod_hands_out_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    async with metadata_server(monkeypatch, hangs=False) as asked:
        assert await GoogleCredentials().headers(5.0) == {"authorization": f"Bearer {SECRET}"}
    assert asked and all(b"metadata-flavor: google" in request.lower() for request in asked)


async def test_a_metadata_server_that_hangs_holds_nobody_up_beyond_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with metadata_server(monkeypatch, hangs=True):
        credentials = GoogleCredentials()
        async with asyncio.timeout(2.5):  # google-auth itself gives up after 16 s
            errors = await asyncio.gather(*(refused(credentials, 0.1) for _ in range(3)))
    assert {str(error) for error in errors} == {"Timeout: no token for Google's APIs within 0.1 s"}
    hanging = [thread for thread in threading.enumerate() if thread.name == "google credentials"]
    assert hanging and all(thread.daemon for thread in hanging)  # the end of the process does not wait for them


async def test_a_token_endpoint_that_hung_is_back_as_soon_as_it_answers_although_the_first_request_still_hangs(
    endpoint: TokenEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(google, "AGAIN", 0.1)
    credentials, endpoint.hangs = GoogleCredentials(), True
    assert (await refused(credentials, 0.15)).reason == "Timeout"
    endpoint.hangs = False
    async with asyncio.timeout(google.LONGEST_REQUEST):
        assert await credentials.headers(4.0) == {"authorization": f"Bearer {SECRET}"}


async def test_an_attempt_that_hangs_ends_by_itself(endpoint: TokenEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(google, "LONGEST_REQUEST", 0.1)
    endpoint.hangs = True
    assert (await refused(GoogleCredentials(), 20.0)).reason == "NoCredentials"  # google-auth would wait 2 minutes


# When a token is asked for


@dataclass
class Loads:
    """Tokens that last ``lasting`` seconds; an attempt ends when the test lets it."""

    lasting: float = 3600.0
    count: int = 0
    gate: threading.Event = field(default_factory=threading.Event)
    outcome: Callable[[int], Outcome] | None = None

    def __call__(self) -> Outcome:
        self.count += 1
        number = self.count
        self.gate.wait(10)
        return self.outcome(number) if self.outcome else Token.lasting(f"t{number}", self.lasting)


def open_gate(**options: float) -> Loads:
    loads = Loads(**options)  # type: ignore[arg-type]
    loads.gate.set()
    return loads


async def test_a_token_is_renewed_early_in_the_background_and_is_used_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(google, "AGAIN", 0.0)
    loads = open_gate(lasting=200.0)
    credentials = GoogleCredentials(loads)
    assert await credentials.headers(1.0) == {"authorization": "Bearer t1"}
    loads.gate.clear()
    assert await credentials.headers(0.0) == {"authorization": "Bearer t1"}
    loads.gate.set()
    async with asyncio.timeout(5):
        while (await credentials.headers(0.0))["authorization"] == "Bearer t1":
            await asyncio.sleep(0.01)


async def test_a_renewal_that_fails_leaves_a_good_token_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(google, "AGAIN", 0.0)
    loads = open_gate(lasting=200.0)
    credentials = GoogleCredentials(loads)
    await credentials.headers(1.0)
    loads.outcome = lambda number: Unreachable("NoCredentials", "no")
    for _ in range(5):
        assert await credentials.headers(0.0) == {"authorization": "Bearer t1"}
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("lasting", [-5.0, 0.0, 9.0])
async def test_an_expired_token_is_used_by_nobody_who_comes_later(
    lasting: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(google, "AGAIN", 0.0)
    loads = open_gate(lasting=lasting)
    credentials = GoogleCredentials(loads)
    await credentials.headers(1.0)
    loads.outcome = lambda number: Unreachable("NoCredentials", "no")
    assert str(await refused(credentials)) == "NoCredentials: no"


def test_a_token_ends_by_the_earlier_of_two_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    token = Token.lasting("t", 3600)
    wall, monotonic = time.time(), time.monotonic()
    assert token.seconds_left() > 3500
    monkeypatch.setattr(time, "time", lambda: wall - 7200)  # it was set back
    monkeypatch.setattr(time, "monotonic", lambda: monotonic + 3600)
    assert token.seconds_left() < 0
    monkeypatch.setattr(time, "time", lambda: wall + 3600)  # the machine slept
    monkeypatch.setattr(time, "monotonic", lambda: monotonic)
    assert token.seconds_left() < 0


async def test_a_token_that_a_server_refused_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials = GoogleCredentials(open_gate())
    assert await credentials.headers(1.0) == {"authorization": "Bearer t1"}
    monkeypatch.setattr(google, "AGAIN", 0.0)
    credentials.refused()
    assert await credentials.headers(1.0) == {"authorization": "Bearer t2"}


async def test_a_server_that_refuses_every_token_starts_no_storm() -> None:
    loads = open_gate()
    credentials = GoogleCredentials(loads)
    for _ in range(50):
        await credentials.headers(1.0)
        credentials.refused()
    assert loads.count == 1


async def test_a_failure_is_told_to_all_who_wait_and_starts_no_storm() -> None:
    loads = Loads(outcome=lambda number: Unreachable("NoCredentials", "no"))
    credentials = GoogleCredentials(loads)
    waiting = [asyncio.create_task(refused(credentials)) for _ in range(5)]
    await asyncio.sleep(0)
    loads.gate.set()
    errors = await asyncio.gather(*waiting)
    assert {str(error) for error in (*errors, await refused(credentials))} == {"NoCredentials: no"}
    assert loads.count == 1


async def test_attempts_that_hang_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(google, "AGAIN", 0.0)
    loads = Loads()
    credentials = GoogleCredentials(loads)
    for _ in range(40):
        await refused(credentials, 0.0)
    assert loads.count == google.MOST
    loads.gate.set()
    async with asyncio.timeout(5):
        await credentials.headers(5.0)


async def test_an_attempt_that_ends_in_a_way_that_nobody_foresaw_is_a_failure_like_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda arguments: None)
    attempts: list[threading.Thread] = []

    def unforeseen() -> Outcome:
        attempts.append(threading.current_thread())
        raise ZeroDivisionError

    error = await refused(GoogleCredentials(unforeseen))
    assert error.message == "google-auth failed in a way that nobody foresaw"
    for attempt in attempts:
        attempt.join()  # it says so on its way out, after it has answered: while this test still listens
