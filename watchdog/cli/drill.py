"""``watchdog drill``: a page that is practised, through the whole path, with how long each part of it took."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from contextlib import nullcontext, redirect_stdout
from datetime import datetime
from typing import TYPE_CHECKING

from watchdog.cli.saying import add_saying, compact, say
from watchdog.cli.usage import Commands, add_command, add_url, refuse, seconds
from watchdog.reports import Exit

if TYPE_CHECKING:
    from watchdog.ports import Http
    from watchdog.reports.drill import Outcome, Page

LIMIT = 1 << 26
"""Bytes of an answer."""
EVERY, SETTLED = 0.2, 4.0
"""Seconds: between two looks at the daemon, and for which nothing more has to come before the table is printed. One
attempt at a receiver that hangs is given up within the latter."""


def add(commands: Commands) -> None:
    does = "practise a page: prints the kubectl command that asks for it (or writes the file), and how long it took"
    parser = add_command(commands, "drill", drill, does, "drill --sev 0 --by ann --why 'the weekly drill'")
    parser.add_argument("--sev", type=int, choices=(0, 1), default=0, help="what it is worth (0)")
    add_saying(parser)
    add_url(parser)
    parser.add_argument(
        "--wait", type=seconds, default=60.0, metavar="SECONDS", help="how long to wait for it at most (60)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON (and the command on standard error)")


def drill(options: argparse.Namespace) -> int:
    from watchdog.adapters.clock import SystemClock
    from watchdog.ports import Unreachable
    from watchdog.reports import drill as report

    asked = SystemClock().now().wall
    entry = f"drill-{compact(asked)}"
    with redirect_stdout(sys.stderr) if options.json else nullcontext():
        if (said := say(options, "drill", asked, {"verb": "drill", "sev": options.sev})) != Exit.FINE:
            return said
    sys.stdout.flush()
    print(f"watchdog: waiting for {options.url} to page", file=sys.stderr)
    try:
        told = asyncio.run(_watched(options.url.rstrip("/"), entry, asked, options.wait))
    except (Unreachable, ValueError) as error:
        return refuse(f"{options.url}: {error}")
    if told is None:
        return refuse(f"{options.url}: no page of {entry} within {options.wait:g} s")
    print(json.dumps(told.as_json(), indent=2) if options.json else report.text(told))
    return told.exit


async def _watched(url: str, entry: str, asked: datetime, wait: float) -> Outcome | None:
    """What became of it once nothing more comes, or after ``wait`` seconds. Raises ``Unreachable``, ``ValueError``."""
    from watchdog.adapters.clock import SystemClock
    from watchdog.adapters.http import AioHttp
    from watchdog.reports import drill as report

    clock = SystemClock()
    changed = clock.now()
    over_at = changed.plus(wait)
    newest: Page | None = None
    async with AioHttp() as http:
        while (now := clock.now()).mono < over_at.mono:
            told = report.decoded(await _get(http, f"{url}/api/v1/deliveries"))
            page = told.page(entry)
            if page is not None and page != newest:
                newest, changed = page, now
            over = page is None or report.complete(page)  # it ended, or there is nothing to wait for
            if newest is not None and over and now.since(changed) >= SETTLED:
                break
            await asyncio.sleep(EVERY)
        if newest is None:
            return None
        refused = report.refusing(await _get(http, f"{url}/api/v1/posture"))
    return report.outcome(newest, told.expected, entry, asked, refused)


async def _get(http: Http, url: str) -> bytes:
    return (await http.get(url, headers={}, timeout=5.0, limit=LIMIT)).body
