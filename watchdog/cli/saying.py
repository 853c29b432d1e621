"""How ``ack``, ``note`` and ``drill`` say something to the daemon: by an entry in the ConfigMap that it reads, or in a
file.

Into a cluster they write nothing themselves: they print the command that does, for whoever has the right to.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from watchdog.cli.usage import refuse
from watchdog.reports import Exit

LIMIT = 1 << 20
"""Bytes of the file, as the daemon reads it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the daemon reads what operators say; without a ``file``, a ConfigMap."""

    namespace: str = "watchdog"
    config_map: str = "watchdog-operator"
    file: str = ""


def add_saying(parser: argparse.ArgumentParser) -> None:
    """Who says it and why, and where."""
    parser.add_argument("--by", required=True, metavar="NAME", help="who says so; recorded as claimed")
    parser.add_argument("--why", required=True, metavar="TEXT", help="why")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--config", type=Path, metavar="FILE", help="the daemon's configuration: where it reads entries")
    where.add_argument("--file", metavar="FILE", help="write to this file, which a daemon without a cluster reads")


def say(options: argparse.Namespace, stem: str, at: datetime, said: Mapping[str, object]) -> int:
    """Says it in the name of ``options.by``: prints the command that writes the entry, or writes it to the file; the
    exit code. ``stem``: what its key begins with; ``said``: what the entry says beside by, why and at."""
    from watchdog.core.instant import exact
    from watchdog.core.operators import judge
    from watchdog.refusal import ConfigError

    key = f"{stem}-{compact(at)}"
    content = {**said, "by": options.by, "why": options.why, "at": exact(at)}
    if problem := judge(key, content, at).told.problem:
        return refuse(f"--{problem}")
    try:
        place = place_of(options)
        if not place.file:
            print(command(place, key, content))
            return Exit.FINE
        _write(place.file, key, content)
    except ConfigError as error:
        return refuse(str(error))
    except ValueError as error:  # core.operators.Malformed among them
        return refuse(f"{place.file}: cannot be read as a whole, so nothing was written: {error}")
    except OSError as error:
        return refuse(f"{place.file}: {error.strerror or error}")
    print(f"watchdog: written to {place.file} as {key}", file=sys.stderr)
    return Exit.FINE


def compact(at: datetime) -> str:
    """A time as a ConfigMap's key may have it, to the microsecond: 20261123T150000.000000Z."""
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}"


def command(place: Place, key: str, content: Mapping[str, object]) -> str:
    """For a POSIX shell. In ASCII: a terminal that knows no other letters changes nothing of it."""
    patch = json.dumps({"data": {key: json.dumps(content)}})
    where = ["-n", place.namespace, "patch", "configmap", place.config_map]
    return shlex.join(["kubectl", *where, "--type=merge", "-p", patch])


def place_of(options: argparse.Namespace) -> Place:
    """Raises ``ConfigError``."""
    if options.file or options.config is None:
        return Place(file=options.file or "")
    from watchdog.config import document
    from watchdog.plugins import plugins
    from watchdog.refusal import ConfigError
    from watchdog.sources import Source
    from watchdog.sources.operator import Operator

    stanzas = document(options.config).get("sources")
    ours = (
        [s for s in stanzas if isinstance(s, dict) and s.get("kind") == "operator"] if isinstance(stanzas, list) else []
    )
    for source in plugins(options.config, "sources", ours, Source, {}):  # type: ignore[type-abstract]
        if isinstance(source, Operator):
            return Place(source.namespace, source.config_map, source.file)
    raise ConfigError(f"{options.config}: sources: expected a stanza of kind operator, found none")


def _write(path: str, key: str, content: Mapping[str, object]) -> None:
    """Raises ``OSError``, and ``ValueError`` for a file that is damaged, which stays as it is."""
    from watchdog.adapters.files import update_now
    from watchdog.core.operators import decoded

    def with_ours(before: bytes) -> bytes:
        entries = decoded(before.decode()) if before.strip() else {}
        return json.dumps({**entries, key: content}, indent=1).encode() + b"\n"

    update_now(path, with_ours, LIMIT)
