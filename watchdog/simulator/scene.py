"""The scene of demos, and of tests in virtual time: the trading floor, a pager, and the configuration that ships.

Only the addresses in the configuration are the simulator's, and the pages go to a pager of our own.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from watchdog import config
from watchdog.ports import Clock, Files, Ports, PubSub
from watchdog.simulator.http_face import HttpFace
from watchdog.simulator.journal import MemoryJournal
from watchdog.simulator.pager import Pager
from watchdog.simulator.platform import Floor
from watchdog.simulator.ports import InProcessHttp, Nowhere
from watchdog.simulator.prometheus import Query, queries
from watchdog.simulator.pubsub import InMemoryPubSub
from watchdog.simulator.switchboard import Switchboard
from watchdog.simulator.wire import Service

PAGER, MARKET_DATA, SERVICES = "pager.simulator", "marketdata.simulator", "services.simulator"
PROMETHEUS, CLOUD_RUN = "prometheus.simulator", "cloud-run.simulator"


def shipped() -> Path:
    """``config/`` of the checkout, or of the installed package."""
    package = Path(__file__).parent.parent
    beside = package.parent / "config" / "watchdog.yaml"
    return beside if beside.exists() else package / "config" / "watchdog.yaml"


@dataclass(frozen=True, slots=True)
class Addresses:
    kubeconfig: str = ""
    market_data: str = f"http://{MARKET_DATA}"
    pager: str = f"http://{PAGER}"
    services: str = f"http://{SERVICES}"
    prometheus: str = f"http://{PROMETHEUS}"
    cloud_run: str = f"http://{CLOUD_RUN}"


def configured(addresses: Addresses, *, console: bool = False) -> config.Configuration:
    """The shipped configuration, adapted; ``console``: pages also on the terminal. Raises ``ConfigError``."""
    content = adapted(addresses)
    content["outlets"] += [{"kind": "console", "color": sys.stdout.isatty()}] if console else []
    return config.build(shipped(), content)


def adapted(addresses: Addresses) -> dict[str, Any]:
    """The shipped configuration file with the simulator's addresses; it may be written anywhere. Raises
    ``ConfigError``."""
    content = config.document(shipped())
    content["platform"] = {**content.get("platform", {}), "cluster": "simulator", "environment": "demo"}
    content["rules"] = [str(shipped().parent / rules) for rules in content["rules"]]
    content["server"] = {"host": "127.0.0.1", "port": 0}
    elsewhere = [stanza for stanza in content["sources"] if stanza["kind"] != "replicas"]  # there is one daemon
    content["sources"] = [_readdressed(stanza, addresses) for stanza in elsewhere]
    content["outlets"] = [
        {"kind": "alertmanager", "urls": [addresses.pager]},
        {"kind": "webhook", "receivers": [{"name": "telephone", "url": f"{addresses.pager}/call"}]},
        {"kind": "metrics"},
        {"kind": "status_page"},
    ]
    return content


def _readdressed(stanza: dict[str, Any], addresses: Addresses) -> dict[str, Any]:
    if stanza["kind"] == "clocks":
        return {**stanza, "kubeconfig": addresses.kubeconfig, "urls": []}
    if stanza["kind"] in ("kubernetes", "heartbeats", "operator"):
        return {**stanza, "kubeconfig": addresses.kubeconfig}
    if stanza["kind"] == "http_health":
        served = [s for s in stanza["services"] if s["service"] == "marketdata-mcp-server"]
        return {**stanza, "services": [{**s, "url": f"{addresses.market_data}/healthz"} for s in served]}
    if stanza["kind"] == "ops_status":
        said = [{**s, "url": f"{addresses.services}/{s['service']}/ops/status"} for s in stanza["services"]]
        return {**stanza, "services": said}
    if stanza["kind"] == "http_up":
        pages = [{**s, "url": f"{addresses.services}/{s['service']}/"} for s in stanza["services"]]
        return {**stanza, "services": pages}
    if stanza["kind"] == "promql":
        return {**stanza, "url": addresses.prometheus, "credentials": "none"}
    if stanza["kind"] == "cloud_run":
        return {**stanza, "url": addresses.cloud_run, "credentials": "none"}
    if stanza["kind"] == "safety_api":
        return {**stanza, "url": f"{addresses.services}/mission-control/api/v1/safety"}
    return stanza


def in_process(
    floor: Floor, pager: Pager, clock: Clock, labels: Mapping[str, str], files: Files | None = None,
    account: tuple[str, str] | None = None,
) -> Ports:  # fmt: skip
    """The floor without a socket, at the addresses that ``Addresses()`` names. ``account``: (namespace, name) of the
    ServiceAccount whose rights the daemon has; None: its own, with the rights that ``deploy/k8s/base`` gives it."""
    nowhere, journals = Nowhere(), dict[str, MemoryJournal]()
    floor.prometheus.known = known()
    services: dict[str, Service] = {
        MARKET_DATA: floor.market_data,
        SERVICES: floor.services,
        PROMETHEUS: floor.prometheus,
        CLOUD_RUN: floor.cloud_run,
        PAGER: pager,
    }
    kubernetes = floor.as_service_account(*account) if account else floor.as_watchdog()
    return Ports(
        clock, InProcessHttp(services), files or nowhere, nowhere, nowhere, lambda kubeconfig, context: kubernetes,
        labels, pubsub=pubsub(floor), journal=lambda path: journals.setdefault(path, MemoryJournal()),
    )  # fmt: skip


def pubsub(floor: Floor) -> Callable[[str], PubSub]:
    """The floor's Pub/Sub, at whatever endpoint: it has no face on a socket."""
    port = InMemoryPubSub(floor.data.broker)
    return lambda endpoint: port


@cache
def known() -> Mapping[str, Query]:
    """The queries of the shipped configuration: the simulator's Prometheus answers these and no others."""
    return queries(config.document(shipped())["sources"])


@asynccontextmanager
async def served(
    floor: Floor, pager: Pager, api_port: int = 0, market_data_port: int = 0, services_port: int = 0
) -> AsyncIterator[Addresses]:
    """The floor on loopback, over real HTTP. Raises ``OSError`` when a port is taken."""
    floor.prometheus.known = known()
    server = HttpFace(floor.server, api_port)
    faces = {
        "market_data": HttpFace(Switchboard(floor), market_data_port),
        "pager": HttpFace(pager),
        "services": HttpFace(floor.services, services_port),
        "prometheus": HttpFace(floor.prometheus),
        "cloud_run": HttpFace(floor.cloud_run),
    }
    with tempfile.TemporaryDirectory(prefix="watchdog-") as folder:
        try:
            for face in (server, *faces.values()):
                await face.start()
            access = kubeconfig(Path(folder), server.url, floor.as_watchdog().token)
            yield Addresses(access, **{name: face.url for name, face in faces.items()})
        finally:
            for face in (server, *faces.values()):
                await face.stop()


def kubeconfig(folder: Path, url: str, token: str = "") -> str:
    """A kubeconfig for an API server; without a ``token``, for one that asks for no credentials."""
    path, user = folder / "kubeconfig", f"token: '{token}'" if token else ""
    path.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: simulator\n"
        f"clusters: [{{name: simulator, cluster: {{server: '{url}'}}}}]\n"
        f"users: [{{name: watchdog, user: {{{user}}}}}]\n"
        "contexts: [{name: simulator, context: {cluster: simulator, user: watchdog}}]\n"
    )
    return str(path)
