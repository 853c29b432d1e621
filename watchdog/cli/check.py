"""``watchdog check``: one look at everything."""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import TYPE_CHECKING

from watchdog.cli.usage import Commands, add_command, add_config, refuse, seconds

if TYPE_CHECKING:
    from watchdog.config import Configuration
    from watchdog.core.assessment import Assessment


def add(commands: Commands) -> None:
    does = "look at everything once: GO or NO-GO"
    parser = add_command(commands, "check", check, does, "check --config config/watchdog.yaml --json")
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--within", type=seconds, default=10.0, metavar="SECONDS", help="how long to look at most (10)")


def check(options: argparse.Namespace) -> int:
    from watchdog.adapters import logs
    from watchdog.config import load
    from watchdog.refusal import ConfigError
    from watchdog.reports.readiness import readiness, text

    logs.configure(human=True, quiet=True)
    try:
        configuration = load(options.config)
    except ConfigError as error:
        return refuse(str(error))
    assessment = asyncio.run(_look_once(configuration, options.within))
    outcome = readiness(assessment, configuration.plan.rules)
    print(json.dumps(outcome.as_json(), indent=2) if options.json else text(outcome))
    return outcome.exit


async def _look_once(configuration: Configuration, within: float) -> Assessment:
    from watchdog.daemon import looking_ports, one_look

    async with looking_ports(configuration.labels) as ports:
        return await one_look(configuration.plan, ports, within)
