"""A gRPC server on 127.0.0.1 that refuses every call, as Google's would: no emulator does."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc


@dataclass
class Refusal(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Answers every call with ``code``, and writes down what it was asked: method and metadata."""

    code: grpc.StatusCode
    said: str = "as the test wants it"
    calls: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)

    def service(self, call: Any) -> Any:
        self.calls.append((call.method.rpartition("/")[2], dict(call.invocation_metadata)))
        return grpc.unary_unary_rpc_method_handler(self._abort)

    async def _abort(self, request: bytes, context: Any) -> None:
        await context.abort(self.code, self.said)


@contextlib.asynccontextmanager
async def refusing(refusal: Refusal) -> AsyncIterator[str]:
    """Its address, as 'host:port'."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((refusal,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)
