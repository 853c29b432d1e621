"""Structured logs on stdout: one JSON object a line in Google Cloud Logging's keys, or lines for a person on a
terminal."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from watchdog.core.severity import Sev

LEVELS = {"debug": "DEBUG", "info": "INFO", "warning": "WARNING", "error": "ERROR", "critical": "CRITICAL"}


def configure(*, human: bool, quiet: bool = False) -> None:
    """``quiet`` leaves the daemon's own failures only (a terminal on which pages are read)."""
    renderer: Any = structlog.dev.ConsoleRenderer(colors=False) if human else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp" if human else "time"),
            *([] if human else [structlog.processors.format_exc_info, _cloud_logging]),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL if quiet else logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr if human else sys.stdout),
    )


def _cloud_logging(logger: object, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """``severity``, ``message`` and the incident as ``operation`` (conventions.md, Logs)."""
    level = LEVELS.get(str(event.pop("level", method)), "DEFAULT")
    sev, incident = event.get("sev"), event.pop("incident", "")
    named = {"severity": Sev(sev).cloud_logging if isinstance(sev, int) else level, "message": event.pop("event", "")}
    if incident:
        named["logging.googleapis.com/operation"] = {"id": incident, "producer": "watchdog"}
    return {**named, **event}
