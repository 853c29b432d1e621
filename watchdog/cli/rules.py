"""``watchdog rules check`` and ``watchdog rules test``."""

from __future__ import annotations

import argparse
from pathlib import Path

from watchdog.cli.usage import Commands, add_command, refuse
from watchdog.reports import Exit, counted


def add(commands: Commands) -> None:
    rules = commands.add_parser("rules", help="check and test rules").add_subparsers(required=True, metavar="COMMAND")
    parser = add_command(rules, "check", check, "refuse what is wrong", "rules check config/rules/*.yaml")
    parser.add_argument("file", nargs="+", type=Path)
    parser.add_argument("--config", type=Path, help="also check that this configuration lists every runbook")
    parser = add_command(rules, "test", test, "run unit tests of rules", "rules test config/rules/tests/*.yaml")
    parser.add_argument("file", nargs="+", type=Path)


def check(options: argparse.Namespace) -> int:
    from watchdog.config import runbooks_of
    from watchdog.refusal import ConfigError
    from watchdog.rules.load import RulesError, load, read

    try:
        rules = load(read(options.file), runbooks=runbooks_of(options.config) if options.config else None)
    except RulesError as error:
        return refuse(*error.problems)
    except ConfigError as error:
        return refuse(str(error))
    print(f"{counted(len(rules.rules), 'rule')} in {counted(len(options.file), 'file')}: fine")
    return Exit.FINE


def test(options: argparse.Namespace) -> int:
    from watchdog.rules.load import RulesError
    from watchdog.rules.testing import run_tests

    try:
        report = run_tests(options.file)
    except RulesError as error:
        return refuse(*error.problems)
    for failure in report.failures:
        print(failure)
    print(f"{report.tests - len(report.failures)} of {report.tests} tests passed")
    return Exit.FINE if report.ok else Exit.FINDING
