"""Structured logs on stdout: one JSON object a line in Google Cloud Logging's keys; for a person, lines on stderr.

What libraries say through ``logging`` (aiohttp's of a page that raised, asyncio's of a task) goes the same way, so that
stdout is JSON and nothing else.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from watchdog.core.severity import Sev

LEVELS = {"debug": "DEBUG", "info": "INFO", "warning": "WARNING", "error": "ERROR", "critical": "CRITICAL"}


def configure(*, human: bool, quiet: bool = False) -> None:
    """``quiet`` leaves the daemon's own failures only (a terminal on which pages are read)."""
    level, stream = logging.CRITICAL if quiet else logging.INFO, sys.stderr if human else sys.stdout
    processors: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp" if human else "time"),
        *([] if human else [structlog.processors.format_exc_info, _cloud_logging]),
    ]
    renderer: Any = structlog.dev.ConsoleRenderer(colors=False) if human else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*processors, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(stream),
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=processors))
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)


def _cloud_logging(logger: object, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """``severity``, ``message`` and the incident as ``operation`` (conventions.md, Logs)."""
    level = LEVELS.get(str(event.pop("level", method)), "DEFAULT")
    sev, incident = event.get("sev"), event.pop("incident", "")
    severity = Sev(sev).cloud_logging if isinstance(sev, int) else level
    named: structlog.typing.EventDict = {"severity": severity, "message": event.pop("event", "")}
    if incident:
        named["logging.googleapis.com/operation"] = {"id": incident, "producer": "watchdog"}
    return {**named, **event}
