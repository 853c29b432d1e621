"""An API server that follows a script, for the laws of the reflector; and objects as it would send them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from watchdog.ports import Unreachable

Moment = bytes | float | Exception
"""A line, a pause in seconds, or how it breaks. The end of a sequence of them is a clean EOF."""
Script = bytes | Exception | Sequence[Moment]


@dataclass
class Scripted:
    """Answers one request after the other; ``requests`` tells what was asked."""

    script: list[Script]
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    async def read(self, path: str, query: Mapping[str, str], timeout: float) -> bytes:
        answer = self._next(path, query)
        assert isinstance(answer, bytes), f"a WATCH was expected, {path} was read"
        return answer

    async def review(self, path: str, body: bytes, timeout: float) -> bytes:
        raise AssertionError("nothing is reviewed here")

    async def date(self, timeout: float) -> datetime:
        raise AssertionError("nobody asks for the date here")

    @asynccontextmanager
    async def watch(self, path: str, query: Mapping[str, str], silence: float) -> AsyncIterator[AsyncIterator[bytes]]:
        answer = self._next(path, query)
        assert not isinstance(answer, bytes | Exception), f"a read was expected, {path} was watched"
        yield _lines(answer, silence)

    def _next(self, path: str, query: Mapping[str, str]) -> Script:
        self.requests.append((path, dict(query)))
        if not self.script:
            raise EndOfScript
        answer = self.script.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class EndOfScript(Exception):
    """The test is over."""


async def _lines(moments: Sequence[Moment], silence: float) -> AsyncIterator[bytes]:
    for moment in moments:
        if isinstance(moment, Exception):
            raise moment
        if isinstance(moment, bytes):
            yield moment
        else:
            await asyncio.sleep(min(moment, silence))
            if moment > silence:
                raise Unreachable("Silent")


def line(type_: str, object_: Mapping[str, Any]) -> bytes:
    return json.dumps({"type": type_, "object": object_}).encode() + b"\n"


def bookmark(revision: int, *, initial: bool = False) -> bytes:
    annotations = {"annotations": {"k8s.io/initial-events-end": "true"}} if initial else {}
    return line("BOOKMARK", {"kind": "X", "metadata": {"resourceVersion": str(revision), **annotations}})


def error(code: int, reason: str) -> bytes:
    return line("ERROR", {"kind": "Status", "code": code, "reason": reason, "message": "because"})


def page(revision: int, *items: Mapping[str, Any], more: str = "") -> bytes:
    meta = {"resourceVersion": str(revision)} | ({"continue": more} if more else {})
    return json.dumps({"kind": "List", "metadata": meta, "items": items}).encode()


def meta(name: str, revision: int, namespace: str = "trading-floor", **more: Any) -> dict[str, Any]:
    return {"name": name, "namespace": namespace, "uid": f"uid-{name}", "resourceVersion": str(revision), **more}


def config_map(revision: int, data: Mapping[str, str] | None, name: str = "agenttrader-kill-switch") -> dict[str, Any]:
    return {"kind": "ConfigMap", "metadata": meta(name, revision)} | ({} if data is None else {"data": dict(data)})


def container(name: str = "main", image: str = "x/y:1", env: Any = (), env_from: Any = ()) -> dict[str, Any]:
    return {"name": name, "image": image, "env": list(env), "envFrom": list(env_from)}


def env(**values: str) -> list[dict[str, Any]]:
    return [{"name": name, "value": value} for name, value in values.items()]


def workload(
    name: str,
    revision: int,
    replicas: int | None = 0,
    *containers: Mapping[str, Any],
    reported: int = 0,
    labels: Mapping[str, str] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A Deployment whose Pods bear the label ``app: name``. ``labels`` are added to its template's."""
    template = {
        "metadata": {"labels": {"app": name, **(labels or {})}},
        "spec": {"containers": containers or [container()]},
    }
    scale = {} if replicas is None else {"replicas": replicas}
    return {
        "kind": "Deployment",
        "metadata": meta(name, revision),
        "spec": {**scale, "selector": {"matchLabels": {"app": name}}, "template": template, **more},
        "status": {"replicas": reported} if reported else {},
    }


def pod(
    name: str, revision: int, app: str, *containers: Mapping[str, Any], phase: str = "Running", **more: Any
) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "metadata": meta(name, revision, labels={"app": app}, **more),
        "spec": {"containers": containers or [container()]},
        "status": {"phase": phase},
    }
