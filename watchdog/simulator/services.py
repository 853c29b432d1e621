"""What the platform's services say of themselves: ``/SERVICE/ops/status``, and mission-control's ``/api/v1/safety``;
Ops UI is a page. All answer ``/livez``.

The answers follow the stored objects: a mode is the one that the running Pod was made with, the switch is what the
ConfigMap says now. A service without a running Pod refuses the connection. domain.md §3, §6.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from watchdog.core.switch import halted
from watchdog.simulator.cluster import Cluster
from watchdog.simulator.market_data import Fault, Lie, Verbatim, answered
from watchdog.simulator.resources import CONFIG_MAPS, PODS
from watchdog.simulator.wire import TEXT_TYPE, Request, Response

JSON = dict[str, Any]
NAMESPACE, SWITCH, KEY = "trading-floor", "agenttrader-kill-switch", "EXECUTION_HALTED"
MISSION_CONTROL, OPS_UI = "mission-control", "agenttrader-ops-ui"
RICH = (MISSION_CONTROL, "strategy-engine")
"""Services that answer in the richer form."""
HTML_TYPE = "text/html; charset=utf-8"
PLAIN_PAGES = {"/livez": (b"ok", TEXT_TYPE), "/": (b"<!doctype html><title>Ops UI</title>\n", HTML_TYPE)}
GARBAGE = Verbatim(b"<html>Bad gateway</html>")


def saying(state: str) -> Lie:
    """A service whose own word is ``state``: DEGRADED, HALTED, OFFLINE, ..."""
    return Lie({"status": {"state": state}})


@dataclass
class Services:
    """``faults``: what is wrong with an answer, by its path (``/mission-control/api/v1/safety``); ``down``: services
    that refuse every connection although their Pods run. Both may be changed at any time."""

    cluster: Cluster
    now: Callable[[], datetime]
    faults: dict[str, Fault] = field(default_factory=dict)
    down: dict[str, None] = field(default_factory=dict)

    def stop(self, service: str) -> None:
        self.down[service] = None

    def start(self, service: str) -> None:
        self.down.pop(service, None)

    def runs(self, service: str) -> bool:
        return self._pod(service) is not None

    async def answer(self, request: Request) -> Response:
        """Raises ``ConnectionRefusedError``."""
        _, service, *rest = request.path.split("/", 2)
        path = f"/{''.join(rest)}"
        if request.method != "GET" or path not in _paths(service):
            return Response(404, b"not found\n", TEXT_TYPE)
        pod = self._pod(service)
        if pod is None:
            raise ConnectionRefusedError(f"no Pod of {service} runs, or it does not listen")
        fault = self.faults.get(request.path)
        if path in PLAIN_PAGES and fault is None:
            return Response(200, *PLAIN_PAGES[path])
        return await answered(fault, self._truth(service, path, pod))

    def _truth(self, service: str, path: str, pod: JSON) -> JSON:
        return self._safety() if path == "/api/v1/safety" else self._status(service, pod)

    def _pod(self, service: str) -> JSON | None:
        return None if service in self.down else next(self._pods(service), None)

    def _pods(self, service: str) -> Iterator[JSON]:
        """Those that run, by the name of the workload that made them."""
        for record in self.cluster.records(PODS, NAMESPACE):
            named = record.name == service or record.name.startswith(f"{service}-")
            if named and record.object.get("status", {}).get("phase") == "Running":
                yield record.object

    def _status(self, service: str, pod: JSON) -> JSON:
        status: JSON = {
            "uptime": 60,
            "last_heartbeat": self.now().isoformat(),
            "data_freshness_seconds": 1,
            "build_sha": "54afffe",
            "agent_mode": self._mode(pod),
        }
        rich: JSON = {"status": {"state": "OK"}, "safety": {"safe_to_execute_orders": False}}
        return status | rich if service in RICH else status

    def _mode(self, pod: JSON) -> str | None:
        entries = [e for c in pod["spec"]["containers"] for e in c.get("env") or () if e["name"] == "AGENT_MODE"]
        return str(entries[-1]["value"]) if entries and "value" in entries[-1] else None

    def _safety(self) -> JSON:
        found = self.cluster.find(CONFIG_MAPS, NAMESPACE, SWITCH)
        value = "" if found is None else str((found.object.get("data") or {}).get(KEY, ""))
        return {"kill_switch": {"execution_halted": halted(value)[0], "source": f"configmap {NAMESPACE}/{SWITCH}"}}


def _paths(service: str) -> tuple[str, ...]:
    return ("/", "/livez") if service == OPS_UI else ("/livez", "/ops/status", "/api/v1/safety")
