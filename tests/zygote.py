"""A process that has imported everything and read its configuration, and forks one daemon a line that it is sent: a
start then costs milliseconds and not a second. ``python -m tests.zygote CONFIG.json LOG`` answers each with a pid."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from pathlib import Path

from watchdog import config
from watchdog.adapters import logs
from watchdog.cli.run import _serve
from watchdog.simulator import scene


def main(content: str, log: str) -> None:
    configuration = config.build(scene.shipped(), json.loads(Path(content).read_text()))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever dies is reaped
    print("ready", flush=True)
    pid = 0
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _live(configuration, log)
        print(pid, flush=True)
    if pid:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _live(configuration: config.Configuration, log: str) -> None:
    """A daemon's whole life; it does not return."""
    number = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(number, 1)
    os.dup2(number, 2)
    try:
        logs.configure(human=False)
        asyncio.run(_serve(configuration))
    finally:
        os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
