"""The command ``watchdog``: run · check · status · demo · rules check|test.

Exit codes: 0 fine, GO; 1 a finding, NO-GO; 2 could not tell, or wrong usage or configuration (one clear sentence).
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from watchdog import __version__
from watchdog.reports.readiness import Exit

if TYPE_CHECKING:  # a command imports what it needs, when it runs: --help and check answer at once
    from watchdog.config import Configuration
    from watchdog.core.assessment import Assessment


def main(arguments: Sequence[str] | None = None) -> int:
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type] # structlog would load it: 8 MB that nothing here uses
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return Exit.UNTOLD


# Usage


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="watchdog", description="Knows that a trading platform cannot trade when it must not."
    )
    parser.add_argument("--version", action="version", version=f"watchdog {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = _command(
        commands, "run", _run, "watch, assess and page until SIGTERM", "watchdog run --config config/watchdog.yaml"
    )
    _add_config(run)

    check = _command(
        commands,
        "check",
        _check,
        "look at everything once: GO or NO-GO",
        "watchdog check --config config/watchdog.yaml --json",
    )
    _add_config(check)
    check.add_argument("--json", action="store_true", help="print JSON")
    check.add_argument("--within", type=_seconds, default=10.0, metavar="SECONDS", help="how long to look at most (10)")

    status = _command(
        commands, "status", _status, "what a running daemon says", "watchdog status --url http://127.0.0.1:8080"
    )
    status.add_argument("--url", default="http://127.0.0.1:8080", help="where it serves (http://127.0.0.1:8080)")
    status.add_argument("--json", action="store_true", help="print JSON")

    demo = _command(
        commands,
        "demo",
        _demo,
        "the embedded simulator and the daemon",
        "watchdog demo --scenario scale-up --exit --json",
    )
    demo.add_argument("--scenario", metavar="NAME", help="play this ('list' names them)")
    demo.add_argument("--exit", action="store_true", help="end with the scenario, and say whether it paged as it must")
    demo.add_argument("--json", action="store_true", help="print the outcome as JSON (with --exit)")
    demo.add_argument("--clock", type=_time, metavar="TIME", help="the simulated world's time at the start (RFC 3339)")

    rules = commands.add_parser("rules", help="check and test rules").add_subparsers(required=True, metavar="COMMAND")
    rules_check = _command(
        rules, "check", _rules_check, "refuse what is wrong", "watchdog rules check config/rules/*.yaml"
    )
    rules_check.add_argument("file", nargs="+", type=Path)
    rules_check.add_argument("--config", type=Path, help="also check that this configuration lists every runbook")
    rules_test = _command(
        rules, "test", _rules_test, "run unit tests of rules", "watchdog rules test config/rules/tests/*.yaml"
    )
    rules_test.add_argument("file", nargs="+", type=Path)
    return parser


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    command: Callable[[argparse.Namespace], int],
    does: str,
    example: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=does, description=does, epilog=f"example: {example}")
    parser.set_defaults(command=command)
    return parser


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the configuration, YAML")


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < 3600:
        raise argparse.ArgumentTypeError("expected more than 0 and less than 3600 seconds")
    return value


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise argparse.ArgumentTypeError("expected a time with its zone, such as 2026-11-23T10:00:00-05:00")
    return time


def _refuse(sentence: str) -> int:
    print(f"watchdog: {sentence}", file=sys.stderr)
    return Exit.UNTOLD


# run and check


def _run(options: argparse.Namespace) -> int:
    from watchdog.adapters import logs
    from watchdog.config import ConfigError, load

    logs.configure(human=sys.stdout.isatty())
    try:
        asyncio.run(_serve(load(options.config)))
    except ConfigError as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(error.strerror or str(error))
    return Exit.FINE


async def _serve(configuration: Configuration) -> None:
    from watchdog.daemon import Daemon, real_ports

    server = configuration.settings.server
    async with real_ports(server.host, server.port, configuration.labels) as ports:
        daemon = Daemon(configuration.plan, ports)
        _stop_on_signal(daemon.stop)
        gc.collect()
        gc.freeze()  # what start-up made stays; going through it again would delay a page by tens of milliseconds
        await daemon.run()


def _stop_on_signal(stop: asyncio.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


def _check(options: argparse.Namespace) -> int:
    from watchdog.adapters import logs
    from watchdog.config import ConfigError, load
    from watchdog.reports.readiness import readiness, text

    logs.configure(human=True, quiet=True)
    try:
        configuration = load(options.config)
        assessment = asyncio.run(_look_once(configuration, options.within))
    except ConfigError as error:
        return _refuse(str(error))
    outcome = readiness(assessment, configuration.plan.rules)
    print(json.dumps(outcome.as_json(), indent=2) if options.json else text(outcome))
    return outcome.exit


async def _look_once(configuration: Configuration, within: float) -> Assessment:
    from watchdog.daemon import one_look, real_ports

    async with real_ports("127.0.0.1", 0, configuration.labels) as ports:
        return await one_look(replace(configuration.plan, outlets=()), ports, within)


# status


def _status(options: argparse.Namespace) -> int:
    from watchdog.adapters.http import AioHttp
    from watchdog.ports import Unreachable
    from watchdog.reports import status

    async def fetch() -> list[bytes]:
        async with AioHttp() as http:
            urls = [options.url.rstrip("/") + path for path in ("/healthz", "/api/v1/alerts")]
            return [(await http.get(url, headers={}, timeout=5.0, limit=1 << 26)).body for url in urls]

    try:
        bodies = asyncio.run(fetch())
        health, alerts = status.decoded(*bodies)
    except (Unreachable, ValueError) as error:
        return _refuse(f"{options.url}: {error}")
    if options.json:
        print(json.dumps({name: json.loads(body) for name, body in zip(("health", "alerts"), bodies, strict=True)}))
    else:
        print(status.text(health, alerts))
    return status.exit_code(health)


# demo


def _demo(options: argparse.Namespace) -> int:
    from watchdog.adapters import logs
    from watchdog.config import ConfigError
    from watchdog.simulator.scenarios import SCENARIOS

    if options.scenario == "list":
        print("\n".join(f"{scenario.name:18} {scenario.does}" for scenario in SCENARIOS.values()))
        return Exit.FINE
    if options.scenario and options.scenario not in SCENARIOS:
        return _refuse(f"--scenario: expected one of {', '.join(SCENARIOS)}, found {options.scenario!r}")
    if (options.exit or options.json) and not (options.exit and options.scenario):
        return _refuse("--exit needs --scenario NAME, and --json needs --exit")
    logs.configure(human=True, quiet=True)
    try:
        return _play(options) if options.exit else _perform(options)
    except ConfigError as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(error.strerror or str(error))


def _play(options: argparse.Namespace) -> int:
    from watchdog.simulator.demo import play
    from watchdog.simulator.scenarios import SCENARIOS

    outcome = play(SCENARIOS[options.scenario])
    print(json.dumps(outcome.as_json(), indent=2) if options.json else outcome.text())
    return Exit.FINE if outcome.ok else Exit.FINDING


def _perform(options: argparse.Namespace) -> int:
    from watchdog.simulator.demo import serve
    from watchdog.simulator.scenarios import SCENARIOS

    async def perform() -> None:
        stop = asyncio.Event()
        _stop_on_signal(stop)
        await serve((8001, 8002, 8080), options.clock, SCENARIOS.get(options.scenario), stop)

    asyncio.run(perform())
    return Exit.FINE


# rules


def _rules_check(options: argparse.Namespace) -> int:
    from watchdog.config import ConfigError, runbooks_of
    from watchdog.rules.load import RulesError, load, read

    try:
        rules = load(read(options.file), runbooks=runbooks_of(options.config) if options.config else None)
    except RulesError as error:
        for problem in error.problems:
            print(f"watchdog: {problem}", file=sys.stderr)
        return Exit.UNTOLD
    except ConfigError as error:
        return _refuse(str(error))
    print(f"{len(rules.rules)} rules in {len(options.file)} files: fine")
    return Exit.FINE


def _rules_test(options: argparse.Namespace) -> int:
    from watchdog.rules.load import RulesError
    from watchdog.rules.testing import run_tests

    try:
        report = run_tests(options.file)
    except RulesError as error:
        for problem in error.problems:
            print(f"watchdog: {problem}", file=sys.stderr)
        return Exit.UNTOLD
    for failure in report.failures:
        print(failure)
    print(f"{report.tests - len(report.failures)} of {report.tests} tests passed")
    return Exit.FINE if report.ok else Exit.FINDING


if __name__ == "__main__":
    sys.exit(main())
