"""``watchdog note``: a word for the record; it changes nothing."""

from __future__ import annotations

import argparse

from watchdog.cli.saying import add_saying, say
from watchdog.cli.usage import Commands, add_command


def add(commands: Commands) -> None:
    does = "leave a note for the record: prints the kubectl command that does (or writes the file)"
    add_saying(add_command(commands, "note", note, does, "note --by ann --why 'the broker is told'"))


def note(options: argparse.Namespace) -> int:
    from watchdog.adapters.clock import SystemClock

    return say(options, "note", SystemClock().now().wall, {"verb": "note"})
