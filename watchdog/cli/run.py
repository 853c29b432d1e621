"""``watchdog run``: the daemon."""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
from typing import TYPE_CHECKING

from watchdog.cli.usage import Commands, add_command, add_config, refuse, stop_on_signal
from watchdog.reports import Exit

if TYPE_CHECKING:
    from watchdog.config import Configuration
    from watchdog.daemon import Daemon


def add(commands: Commands) -> None:
    does = "watch, assess and page until SIGTERM"
    add_config(add_command(commands, "run", run, does, "run --config config/watchdog.yaml"))


def run(options: argparse.Namespace) -> int:
    from watchdog.adapters import logs
    from watchdog.config import load
    from watchdog.refusal import ConfigError

    logs.configure(human=sys.stdout.isatty())
    try:
        asyncio.run(_serve(load(options.config)))
    except ConfigError as error:
        return refuse(str(error))
    except BrokenPipeError:
        raise
    except OSError as error:
        return refuse(error.strerror or str(error))
    return Exit.FINE


async def _serve(configuration: Configuration) -> None:
    from watchdog.daemon import Daemon, real_ports

    server = configuration.settings.server
    async with real_ports(server.host, server.port, configuration.labels) as ports:
        daemon = Daemon(configuration.plan, ports)
        if configuration.late:
            daemon.log.warning("a page may be late", detail=configuration.late)
        stop_on_signal(daemon.stop)
        gc.set_threshold(*gc.get_threshold()[:2], OLDEST)
        _keep()
        daemon.on_turn = lambda assessment: _keep_the_first_sight(daemon)
        await daemon.run()


OLDEST = 100
"""Younger collections for one of the oldest generation (usually 10): the first sight of a large cluster is none."""


def _keep_the_first_sight(daemon: Daemon) -> None:
    """Ten thousand Pods stay as well, once they were all seen."""
    if daemon.sees_everything:
        daemon.on_turn = lambda assessment: None
        _keep()


def _keep() -> None:
    """What was made up to now stays: a collection that went through it again would delay a page by 50 ms and more."""
    gc.collect()
    gc.freeze()
