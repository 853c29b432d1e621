"""LAW: a module a command; it says how it is used, and imports what it needs when it runs. None knows another.

Exit codes: 0 fine, GO; 1 a finding, NO-GO; 2 could not tell, or wrong usage or configuration (one clear sentence).
``--help`` and ``check`` answer at once: they do not load what the others need.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from types import TracebackType

from watchdog import __version__
from watchdog.cli import ack, check, coverage, demo, drill, ledger, note, rules, run, status
from watchdog.cli.usage import Command, Parser, refuse
from watchdog.reports import Exit

INTERRUPTED = 130
"""As a shell says it of a process that SIGINT ended: 128 + 2."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command ``watchdog``. Raises ``SystemExit(2)`` on wrong usage."""
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type] # structlog would load it: 8 MB that nothing here uses
    sys.excepthook = _untold
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that knows ASCII only still gets the rest of the line
    try:
        try:
            options = _parser().parse_args(arguments)
            command: Command = options.command
            return command(options)
        finally:
            sys.stdout.flush()  # here, where somebody hears that nobody reads it
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush of the interpreter's end
        return Exit.UNTOLD


def _parser() -> Parser:
    parser = Parser(prog="watchdog", description="Knows that a trading platform cannot trade when it must not.")
    parser.add_argument("--version", action="version", version=f"watchdog {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in (run, check, status, coverage, demo, rules, ack, note, drill, ledger):
        module.add(commands)
    return parser


def _untold(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """The interpreter's last word on what nobody caught, after the whole traceback. Its own would be exit 1, and 1 is a
    finding about the platform: a fault of ours must not read as one."""
    sys.__excepthook__(kind, error, trace)
    raise SystemExit(refuse("could not tell: the above is a fault of the watchdog itself"))
