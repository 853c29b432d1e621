"""What the platform's services say of themselves: ``/SERVICE/ops/status``, and mission-control's ``/api/v1/safety``.

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
from watchdog.simulator.market_data import Fault, answered
from watchdog.simulator.resources import CONFIG_MAPS, PODS
from watchdog.simulator.wire import TEXT_TYPE, Request, Response

JSON = dict[str, Any]
NAMESPACE, SWITCH, KEY = "trading-floor", "agenttrader-kill-switch", "EXECUTION_HALTED"
MISSION_CONTROL = "mission-control"
RICH = (MISSION_CONTROL, "strategy-engine")
"""Services that answer in the richer form."""


@dataclass
class Services:
    """``faults``: what is wrong with an answer, by its path (``/mission-control/api/v1/safety``). They may be set and
    cleared at any time."""

    cluster: Cluster
    now: Callable[[], datetime]
    faults: dict[str, Fault] = field(default_factory=dict)

    async def answer(self, request: Request) -> Response:
        """Raises ``ConnectionRefusedError``."""
        _, service, *rest = request.path.split("/", 2)
        path = f"/{''.join(rest)}"
        if request.method != "GET" or path not in ("/ops/status", "/api/v1/safety"):
            return Response(404, b"not found\n", TEXT_TYPE)
        pod = next(self._pods(service), None)
        if pod is None:
            raise ConnectionRefusedError(f"no Pod of {service} runs")
        truth = self._status(service, pod) if path == "/ops/status" else self._safety()
        return await answered(self.faults.get(request.path), truth)

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
