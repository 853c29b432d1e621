"""What aiohttp's errors and bodies are to our ports: one reason for each error, and a bound on each body."""

from __future__ import annotations

import errno

import aiohttp

from watchdog.ports import Unreachable

FAULTS = (aiohttp.ClientError, OSError, ValueError)
"""All that a request raises because of the other side or of the URL."""
SHOWN = 200

_REASONS: tuple[tuple[type[Exception], str], ...] = (  # the first that fits: subclasses stand before their bases
    (aiohttp.InvalidURL, "InvalidUrl"),
    (aiohttp.NonHttpUrlClientError, "InvalidUrl"),
    (aiohttp.ClientConnectorDNSError, "DnsFailure"),
    (aiohttp.ClientSSLError, "TlsFailure"),
    (aiohttp.ClientProxyConnectionError, "ProxyFailure"),
    (aiohttp.ClientConnectorError, "ConnectFailed"),
    (aiohttp.ServerTimeoutError, "Timeout"),
    (aiohttp.ServerDisconnectedError, "Disconnected"),
    (aiohttp.ClientPayloadError, "HalfAnswer"),
    (aiohttp.ClientResponseError, "NotHttp"),
    (OSError, "Disconnected"),
)


def unreachable(error: Exception) -> Unreachable:
    """``error`` is one of ``FAULTS``."""
    reason = next((reason for kind, reason in _REASONS if isinstance(error, kind)), type(error).__name__)
    if getattr(error, "errno", None) == errno.ECONNREFUSED and reason != "ProxyFailure":
        return Unreachable("ConnectionRefused", "nobody listens there")
    return Unreachable(reason, sentence(error))


def sentence(error: Exception) -> str:
    """What an error says, on one line and not at length."""
    return " ".join(str(error).split())[:SHOWN]


async def whole(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The body. Raises ``Unreachable('BodyTooLarge')`` beyond ``limit`` bytes, and leaves the rest unread."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > limit:
            response.close()
            raise Unreachable("BodyTooLarge", f"the body is larger than {limit} bytes")
    return bytes(body)
