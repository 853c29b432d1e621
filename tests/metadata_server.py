"""Compute Engine's metadata server, as far as google-auth asks it, for ``loopback.serving``."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SECONDS = 14
"""That a token lives: the daemon uses it until ten seconds before its end."""


async def answers(request: bytes, writer: asyncio.StreamWriter) -> None:
    """One request."""
    path = request.split()[1].decode()
    token = {"access_token": "ya29.from-the-metadata-server", "expires_in": SECONDS, "token_type": "Bearer"}
    account = {"email": "watchdog@agenttrader.iam.gserviceaccount.com", "scopes": [], "aliases": ["default"]}
    known = {"/token": token, "/?recursive=true": account, "project-id": "agenttrader"}
    found = next((answer for end, answer in known.items() if path.partition("?scopes")[0].endswith(end)), "")
    _write(writer, found)


def _write(writer: asyncio.StreamWriter, content: Any) -> None:
    text = isinstance(content, str)
    body = content.encode() if text else json.dumps(content).encode()
    kind = "text/plain" if text else "application/json"
    head = ["HTTP/1.1 200 OK", f"Content-Type: {kind}", f"Content-Length: {len(body)}", "Metadata-Flavor: Google"]
    writer.write("\r\n".join([*head, "", ""]).encode() + body)


@contextlib.contextmanager
def found_at(address: str, folder: Path) -> Iterator[None]:
    """google-auth finds that server, and no other credentials of this machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("google.auth.compute_engine._metadata._GCE_METADATA_HOST", address)
        patch.setattr("google.auth.compute_engine._metadata._NO_GCE_CHECK", False)
        patch.setenv("GCE_METADATA_IP", address)
        patch.setenv("CLOUDSDK_CONFIG", str(folder))
        patch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
        yield
