"""``watchdog coverage``: what is observed, what is not, and why."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING

from watchdog.cli.usage import Commands, add_command, add_url, refuse, seconds

if TYPE_CHECKING:
    from watchdog.config import Configuration
    from watchdog.core.assessment import Assessment

LIMIT = 1 << 26
"""Bytes of an answer."""


def add(commands: Commands) -> None:
    does = "what is observed, what is not, and why"
    parser = add_command(commands, "coverage", coverage, does, "coverage --config config/watchdog.yaml --json")
    asked = parser.add_mutually_exclusive_group()
    add_url(asked)
    asked.add_argument("--config", type=Path, metavar="FILE", help="look once, with this configuration, instead")
    parser.add_argument("--within", type=seconds, default=10.0, metavar="SECONDS", help="how long to look at most (10)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def coverage(options: argparse.Namespace) -> int:
    from watchdog.ports import Unreachable
    from watchdog.refusal import ConfigError
    from watchdog.reports import coverage as report

    try:
        body = _looked_once(options) if options.config else asyncio.run(_fetched(options.url.rstrip("/")))
        told = report.decoded(body)
    except ConfigError as error:
        return refuse(str(error))
    except (Unreachable, ValueError) as error:
        return refuse(f"{options.url}: {error}")
    print(json.dumps(json.loads(body), indent=2) if options.json else report.text(told))
    return report.exit_code(told)


def _looked_once(options: argparse.Namespace) -> bytes:
    from watchdog.adapters import logs
    from watchdog.config import load
    from watchdog.reports.coverage import document

    logs.configure(human=True, quiet=True)
    configuration = load(options.config)
    return json.dumps(document(asyncio.run(_look_once(configuration, options.within)))).encode()


async def _look_once(configuration: Configuration, within: float) -> Assessment:
    from watchdog.daemon import looking_ports, one_look

    async with looking_ports(configuration.labels) as ports:
        return await one_look(configuration.plan, ports, within)


async def _fetched(url: str) -> bytes:
    from watchdog.adapters.http import AioHttp

    async with AioHttp() as http:
        return (await http.get(f"{url}/api/v1/coverage", headers={}, timeout=5.0, limit=LIMIT)).body
