"""Who we are to Google's APIs: application default credentials, by google-auth, whose calls block.

A metadata server that is dead holds google-auth up for half a minute. So each attempt to get a token is a thread of its
own, and whoever calls waits for its ``timeout`` and no longer; another attempt begins meanwhile, so that we are back
as soon as the server is. A token is renewed before it ends, while it is still in use.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from watchdog.core.redaction import REDACTED, redacted_text
from watchdog.ports import Unreachable

SCOPES = tuple(
    f"https://www.googleapis.com/auth/{scope}"
    for scope in (
        "monitoring.read",  # PromQL
        "run.readonly",  # Cloud Run's Admin API
        "pubsub",  # it has none that only reads, and our own taps are pulled and acknowledged
    )
)
EARLY = 225.0
"""Seconds before its end at which a token is renewed, as google-auth does: the metadata server has none earlier."""
SPARE = 10.0
"""Seconds before its end at which a token is no longer used: the request has yet to arrive."""
AGAIN = 2.0
"""Seconds from the beginning of one attempt to the next."""
MOST = 16
"""Attempts at once: those that hang end by themselves, of google-auth's own timeouts."""
LONGEST_REQUEST = 5.0
"""Seconds, each request of google-auth's; it may make several. Its own default is two minutes."""
SHOWN = 200

_TOKEN = re.compile(r"ya29\.[\w.\-]*|\beyJ[\w.\-]+")


@dataclass(frozen=True, slots=True)
class Token:
    """Ends by the earlier of two clocks: one that steps, or stands still while the machine sleeps, extends none."""

    value: str
    wall_end: float
    monotonic_end: float

    @classmethod
    def lasting(cls, value: str, seconds: float) -> Token:
        return cls(value, time.time() + seconds, time.monotonic() + seconds)

    def seconds_left(self) -> float:
        return min(self.wall_end - time.time(), self.monotonic_end - time.monotonic()) - SPARE


Outcome = Token | Unreachable


class GoogleCredentials:
    """``load`` answers a new token or why there is none; it may block. One object for all who need it."""

    def __init__(self, load: Callable[[], Outcome] | None = None) -> None:
        self._load = load or google_token
        self._token: Token | None = None
        self._began = float("-inf")  # monotonic, of the newest attempt
        self._attempts = 0  # that have not ended
        self._answer: asyncio.Future[Outcome] | None = None  # of the attempts since the last answer

    async def headers(self, timeout: float) -> Mapping[str, str]:
        left = self._seconds_left()
        if left < EARLY:
            self._try_again()
        token = self._token if self._token and left > 0 else await self._new_token(timeout)
        return {"authorization": f"Bearer {token.value}"}

    def refused(self) -> None:
        """Some server did not accept the token: the next call asks for another, every two seconds at most."""
        self._token = None

    def _seconds_left(self) -> float:
        return self._token.seconds_left() if self._token else 0.0

    async def _new_token(self, timeout: float) -> Token:
        answer: asyncio.Future[Outcome] = self._answer or asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout):
                outcome = await asyncio.shield(answer)
        except TimeoutError:
            raise Unreachable("Timeout", f"no token for Google's APIs within {timeout:g} s") from None
        if isinstance(outcome, Unreachable):
            raise Unreachable(outcome.reason, outcome.message)
        return outcome

    def _try_again(self) -> None:
        """Begins another attempt, unless one has just begun. What it will say, or has just said, is ``_answer``."""
        now = time.monotonic()
        if now - self._began < AGAIN or self._attempts >= MOST:
            return
        self._began, loop = now, asyncio.get_running_loop()
        if self._answer is None or self._answer.done():
            self._answer = loop.create_future()
        self._attempts += 1
        # Not an executor's: those are waited for at the end of the process, however long they hang.
        threading.Thread(target=self._attempt, args=(loop,), name="google credentials", daemon=True).start()

    def _attempt(self, loop: asyncio.AbstractEventLoop) -> None:
        outcome: Outcome = Unreachable("NoCredentials", "google-auth failed in a way that nobody foresaw")
        try:
            outcome = self._load()
        finally:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(self._take, outcome)

    def _take(self, outcome: Outcome) -> None:
        """The first good answer counts, also a late one; a late failure says nothing new."""
        self._attempts -= 1
        if isinstance(outcome, Token):
            self._token = outcome
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(outcome)


def google_token() -> Outcome:
    """A new token of the application's default credentials, which are looked up anew: a file that was put right, or
    replaced, is in force with the next token."""
    try:
        return _token()
    except _faults() as error:
        return Unreachable("NoCredentials", _sentence(error))


def _token() -> Outcome:
    import google.auth

    for name in ("google.auth", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # each attempt; what came of it is told by who asked
    request = _request()
    credentials, _ = google.auth.default(request=request)
    credentials = google.auth.credentials.with_scopes_if_required(credentials, SCOPES)  # type: ignore[no-untyped-call]
    credentials.refresh(request)
    if not isinstance(credentials.token, str) or not credentials.token.strip():
        return Unreachable("NoCredentials", "the application's default credentials are without a token")
    ends = credentials.expiry  # naive, UTC; None: it does not say, and then never
    lasts = ends.replace(tzinfo=UTC).timestamp() - time.time() if ends else float("inf")
    return Token.lasting(credentials.token.strip(), lasts)


def _request() -> Any:
    """google-auth's transport, without proxy variables and ``.netrc``, and impatient."""
    import requests
    from google.auth.transport.requests import Request

    class Impatient(requests.Session):
        def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
            return super().send(request, **{**options, "timeout": LONGEST_REQUEST})

    session = Impatient()
    session.trust_env = False
    return Request(session)


def _faults() -> tuple[type[Exception], ...]:
    """What google-auth raises for credentials that it cannot use; it checks little of a file."""
    from google.auth.exceptions import GoogleAuthError

    return (GoogleAuthError, OSError, ValueError, TypeError, LookupError, AttributeError, RuntimeError, ImportError)


def _sentence(error: Exception) -> str:
    """What went wrong, on one line, and no part of a token."""
    text = str(error.args[0]) if error.args else ""
    text = _TOKEN.sub(REDACTED, redacted_text(" ".join(text.split())))[:SHOWN]
    return f"no token for Google's APIs: {text or type(error).__name__}"
