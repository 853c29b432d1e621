"""What a user would otherwise assemble, tuned to its limit: a real Prometheus and Alertmanager on a perfect exporter.

Perfect: the exporter shows a change at the very moment at which the PATCH was answered. 1 s scrape, 1 s evaluation.
"""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path

from ..conftest import real
from ..loopback import serving
from .processes import process, webhook

CHANGES = 30

PROMETHEUS = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs: [{{job_name: perfect, static_configs: [{{targets: ['{exporter}']}}]}}]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{alertmanager}']}}]}}]}}
"""
RULES = """
groups:
  - name: execution
    rules: [{alert: AboveZero, expr: replicas > 0, labels: {sev: "0"}}]
"""


async def measured(folder: Path) -> list[float]:
    """Milliseconds from the change to the webhook."""
    above: set[int] = set()

    async def export(_: bytes, writer: asyncio.StreamWriter) -> None:
        lines = "".join(f'replicas{{workload="w{n}"}} {int(n in above)}\n' for n in range(CHANGES))
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {len(lines)}\r\n\r\n"
        writer.write((head + lines).encode())

    binary, pause, taken = real("prometheus", package="prometheus"), random.Random(0), []
    async with serving(export) as exporter, webhook(folder) as pages:
        (folder / "rules.yaml").write_text(RULES)
        config = folder / "prometheus.yaml"
        addresses = {"exporter": exporter.partition("//")[2], "alertmanager": pages.url.partition("//")[2]}
        config.write_text(PROMETHEUS.format(rules=folder / "rules.yaml", **addresses))
        flags = [f"--config.file={config}", f"--storage.tsdb.path={folder / 'tsdb'}"]
        async with process(binary, *flags, "--web.listen-address=127.0.0.1:0", "--log.level=error"):
            await asyncio.sleep(4.0)
            for number in range(CHANGES):
                await asyncio.sleep(pause.random())  # anywhere between two scrapes
                above.add(number)
                changed = time.monotonic()
                taken.append((await pages.wait_for(f"w{number}", 30.0) - changed) * 1e3)
    return taken
