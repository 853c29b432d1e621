"""What one replica answers on /livez. Nothing here raises for what it does."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec

from watchdog.ports import Answer, Ports, Unreachable

BODY_LIMIT = 1 << 14
"""Bytes."""


class Livez(msgspec.Struct):
    """The body. An earlier version says nothing of its ``boot``."""

    ok: bool
    message: str = ""
    boot: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """``boot``: which life of a daemon answered; empty: nobody did, or it does not say."""

    peer: str  # host:port
    url: str
    live: bool
    boot: str
    explanation: str  # one clause


_said = msgspec.json.Decoder(Livez)


async def asked(url: str, ports: Ports, timeout: float) -> Answered:
    """``url``: of its status server."""
    peer = urlsplit(url).netloc.rpartition("@")[2]
    try:
        answer = await ports.http.get(f"{url.rstrip('/')}/livez", headers={}, timeout=timeout, limit=BODY_LIMIT)
        said = _read(answer)
    except Unreachable as error:
        return Answered(peer, url, False, "", str(error))
    return Answered(peer, url, answer.status == 200 and said.ok, said.boot, said.message or "it says nothing more")


def _read(answer: Answer) -> Livez:
    """Raises ``Unreachable`` for whatever is not a watchdog's answer."""
    try:
        return _said.decode(answer.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Unreachable(f"Http{answer.status}", f"it answers {answer.status}, and not as a watchdog does") from None
