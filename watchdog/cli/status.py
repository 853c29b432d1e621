"""``watchdog status``: what a running daemon says."""

from __future__ import annotations

import argparse
import asyncio
import json

from watchdog.cli.usage import HERE, Commands, add_command, add_url, refuse

PATHS = {"health": "/healthz", "alerts": "/api/v1/alerts"}
LIMIT = 1 << 26
"""Bytes of an answer."""


def add(commands: Commands) -> None:
    parser = add_command(commands, "status", status, "what a running daemon says", f"status --url {HERE}")
    add_url(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def status(options: argparse.Namespace) -> int:
    from watchdog.ports import Unreachable
    from watchdog.reports import status as report

    try:
        bodies = asyncio.run(_fetched(options.url.rstrip("/")))
        health, alerts = report.decoded(bodies["health"], bodies["alerts"])
    except (Unreachable, ValueError) as error:
        return refuse(f"{options.url}: {error}")
    if options.json:
        print(json.dumps({name: json.loads(body) for name, body in bodies.items()}))
    else:
        print(report.text(health, alerts))
    return report.exit_code(health)


async def _fetched(url: str) -> dict[str, bytes]:
    from watchdog.adapters.http import AioHttp

    async with AioHttp() as http:
        return {
            name: (await http.get(url + path, headers={}, timeout=5.0, limit=LIMIT)).body
            for name, path in PATHS.items()
        }
