"""What the commands' usage has in common."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import NoReturn, TypeAlias

from watchdog.reports import Exit

HERE = "http://127.0.0.1:8080"
"""Where a daemon serves unless told otherwise."""


class Parser(argparse.ArgumentParser):
    """Wrong usage is one sentence, without the usage in front of it."""

    def error(self, message: str) -> NoReturn:
        self.exit(Exit.UNTOLD, f"{self.prog}: {message}; {self.prog} --help tells how it is used\n")


Command: TypeAlias = Callable[[argparse.Namespace], int]
Options: TypeAlias = "argparse.ArgumentParser | argparse._MutuallyExclusiveGroup"
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_command(commands: Commands, name: str, command: Command, does: str, example: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=does, description=does, epilog=f"example: watchdog {example}")
    parser.set_defaults(command=command)
    return parser


def add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the configuration, YAML")


def add_url(parser: Options) -> None:
    parser.add_argument("--url", type=url, default=HERE, help=f"where the daemon serves ({HERE})")


def url(text: str) -> str:
    """Without a slash at its end. Raises ``ArgumentTypeError``."""
    from watchdog.core.address import is_http_url

    if not is_http_url(text) or "@" in text:
        found = "one with a user or password" if "@" in text else repr(text)
        raise argparse.ArgumentTypeError(f"expected an http(s) URL, such as {HERE}, found {found}")
    return text.rstrip("/")


def seconds(text: str) -> float:
    """Raises ``ArgumentTypeError``."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 3600:
        raise argparse.ArgumentTypeError(f"expected more than 0 and less than 3600 seconds, found {text!r}")
    return value


def time(text: str) -> datetime:
    """Raises ``ArgumentTypeError``."""
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        value = None
    if value is None or value.tzinfo is None:
        raise argparse.ArgumentTypeError(
            f"expected a time with its zone, such as 2026-11-23T10:00:00-05:00, found {text!r}"
        )
    return value


def refuse(*sentences: str) -> int:
    """Says on stderr what is wrong, a line each; the exit code."""
    for sentence in sentences:
        print(f"watchdog: {sentence}", file=sys.stderr)
    return Exit.UNTOLD


def stop_on_signal(stop: asyncio.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
