"""``watchdog ack``: somebody knows of an alert. It ends a latch and stops its escalation, and never a condition."""

from __future__ import annotations

import argparse
import asyncio
import sys

from watchdog.cli.saying import add_saying, say
from watchdog.cli.usage import Commands, add_command, add_url, refuse, time
from watchdog.reports import Exit

LIMIT = 1 << 26
"""Bytes of an answer."""
LATE = 55.0
"""Seconds by which a daemon's last turn may lie behind our clock: it takes no entry of a minute in its future."""


def add(commands: Commands) -> None:
    does = "acknowledge an alert: prints the kubectl command that does (or writes the file)"
    parser = add_command(commands, "ack", ack, does, "ack 9f1c5b0e7d2a4c68 --by ann --why 'a drill of ours'")
    parser.add_argument("alert", metavar="ALERT", help="its fingerprint, or its name where one such alert is open")
    add_saying(parser)
    parser.add_argument(
        "--through", type=time, metavar="TIME", help="cover what was told up to then (RFC 3339; what is listed now)"
    )
    add_url(parser)


def ack(options: argparse.Namespace) -> int:
    from watchdog.adapters.clock import SystemClock
    from watchdog.core.instant import exact, from_rfc3339
    from watchdog.ports import Unreachable
    from watchdog.reports.listing import decoded, named

    try:
        listing = decoded(asyncio.run(_fetched(f"{options.url.rstrip('/')}/api/v1/alerts")))
        alert = named(listing, options.alert)
    except Unreachable as error:
        return refuse(f"{options.url}: {error}")
    except ValueError as error:
        return refuse(str(error))
    as_of, now = from_rfc3339(listing.as_of), SystemClock().now().wall
    if as_of is None or (now - as_of).total_seconds() > LATE:
        return refuse(
            f"{options.url}: the daemon's last turn was at {listing.as_of}, and here it is {exact(now)}: "
            "it is stuck, or the clocks differ"
        )
    through = options.through or as_of
    told_at = from_rfc3339(alert.record.told_at or "")
    if told_at is not None and through < told_at:
        return refuse(f"--through: expected {exact(told_at)} or later, when {alert} was told, found {exact(through)}")
    said = {"verb": "ack", "alert": alert.fingerprint, "through": exact(through)}
    code = say(options, f"ack-{alert.fingerprint}", max(now, as_of), said)
    if code is Exit.FINE:
        print(f"watchdog: what was told up to {exact(through)} of {alert}", file=sys.stderr)
    return code


async def _fetched(url: str) -> bytes:
    from watchdog.adapters.http import AioHttp

    async with AioHttp() as http:
        return (await http.get(url, headers={}, timeout=5.0, limit=LIMIT)).body
