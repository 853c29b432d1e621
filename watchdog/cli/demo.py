"""``watchdog demo``: the simulated trading floor beside the real daemon."""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import TYPE_CHECKING

from watchdog.cli.usage import Commands, add_command, refuse, stop_on_signal, time
from watchdog.reports import Exit

if TYPE_CHECKING:
    from watchdog.simulator.scenarios import Scenario


def add(commands: Commands) -> None:
    does = "the embedded simulator and the daemon"
    parser = add_command(commands, "demo", demo, does, "demo --scenario scale-up --exit --json")
    parser.add_argument("--scenario", metavar="NAME", help="play this ('list' names them)")
    parser.add_argument("--exit", action="store_true", help="end with it, and say whether it paged as it must")
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON (with --exit)")
    parser.add_argument(
        "--clock", type=time, metavar="TIME", help="the simulated world's time at the start (RFC 3339; without --exit)"
    )


def demo(options: argparse.Namespace) -> int:
    from watchdog.adapters import logs
    from watchdog.refusal import ConfigError
    from watchdog.simulator.scenarios import SCENARIOS

    if options.scenario == "list":
        width = max(map(len, SCENARIOS))
        print("\n".join(f"{scenario.name:<{width}} {scenario.does}" for scenario in SCENARIOS.values()))
        return Exit.FINE
    if options.scenario and options.scenario not in SCENARIOS:
        return refuse(f"--scenario: expected one of {', '.join(SCENARIOS)}, found {options.scenario!r}")
    if contradiction := _contradiction(options):
        return refuse(contradiction)
    logs.configure(human=True, quiet=True)
    scenario = SCENARIOS.get(options.scenario)
    try:
        return _play(scenario, options) if scenario and options.exit else _serve(scenario, options)
    except ConfigError as error:
        return refuse(str(error))
    except BrokenPipeError:
        raise
    except OSError as error:
        return refuse(error.strerror or str(error))


def _contradiction(options: argparse.Namespace) -> str:
    """What options do not go together; empty if they do."""
    if (options.exit or options.json) and not (options.exit and options.scenario):
        return "--exit needs --scenario NAME, and --json needs --exit"
    if options.exit and options.clock:
        return "--clock is of no use with --exit: a scenario that is played to its end has a time of its own"
    return ""


def _play(scenario: Scenario, options: argparse.Namespace) -> int:
    from watchdog.simulator.play import play

    outcome = play(scenario)
    print(json.dumps(outcome.as_json(), indent=2) if options.json else outcome.text())
    return Exit.FINE if outcome.ok else Exit.FINDING


def _serve(scenario: Scenario | None, options: argparse.Namespace) -> int:
    from watchdog.simulator.demo import serve

    async def until_stopped() -> None:
        stop = asyncio.Event()
        stop_on_signal(stop)
        await serve(options.clock, scenario, stop)

    asyncio.run(until_stopped())
    return Exit.FINE
