"""One reason for each of aiohttp's errors, whichever adapter met it."""

from __future__ import annotations

import errno
import ssl

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from watchdog.adapters.aio import FAULTS, unreachable

KEY = ConnectionKey("host", 443, True, True, None, None, None)
REFUSED, BROKEN = ConnectionRefusedError(errno.ECONNREFUSED, "refused"), OSError(errno.EHOSTUNREACH, "no route")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (aiohttp.InvalidURL("x"), "InvalidUrl"),
        (aiohttp.NonHttpUrlClientError("ftp://x"), "InvalidUrl"),
        (aiohttp.ClientConnectorDNSError(KEY, OSError(1, "unknown")), "DnsFailure"),
        (aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, "wrong version")), "TlsFailure"),
        (aiohttp.ClientConnectorError(KEY, REFUSED), "ConnectionRefused"),
        (REFUSED, "ConnectionRefused"),
        (aiohttp.ClientConnectorError(KEY, BROKEN), "ConnectFailed"),
        (aiohttp.ClientProxyConnectionError(KEY, REFUSED), "ProxyFailure"),
        (aiohttp.SocketTimeoutError("slow"), "Timeout"),
        (aiohttp.ServerDisconnectedError(), "Disconnected"),
        (aiohttp.ClientPayloadError("half"), "HalfAnswer"),
        (ConnectionResetError(errno.ECONNRESET, "reset"), "Disconnected"),
        (ValueError("odd"), "ValueError"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value,
)
def test_each_error_has_its_reason(error: Exception, reason: str) -> None:
    assert isinstance(error, FAULTS)
    assert unreachable(error).reason == reason


def test_what_it_says_is_one_line_and_not_long() -> None:
    assert unreachable(ValueError("a\nb " * 200)).message == ("a b " * 200)[:200]
