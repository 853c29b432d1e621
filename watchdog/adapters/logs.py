"""Structured logs on stdout: one JSON object a line in Google Cloud Logging's keys; for a person, lines on stderr.

What libraries say through ``logging`` (aiohttp's of a page that raised, asyncio's of a task) goes the same way, so that
stdout is JSON and nothing else. Nothing waits for who reads, and nothing sensitive is in a line.
"""

from __future__ import annotations

import atexit
import logging
import os
import queue
import threading
from typing import Any

import structlog

from watchdog.core.redaction import redacted
from watchdog.core.severity import Sev

LEVELS = {"debug": "DEBUG", "info": "INFO", "warning": "WARNING", "error": "ERROR", "critical": "CRITICAL"}
STDOUT, STDERR = 1, 2

KEPT = 10_000
"""Lines that wait for a reader at most; those beyond are dropped, and counted."""
LAST_WAIT = 1.0
"""Seconds for which the end of the process waits for a reader."""


class Lines:
    """A text stream that never makes its writer wait and never raises: a log must not stop the pager.

    A pipe that nobody reads would block a plain ``print`` for ever, and with it the event loop; here it blocks a thread
    of its own. How many lines were dropped is the next line that gets through.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._waiting, self._dropped = descriptor, queue.Queue[str](KEPT), 0
        threading.Thread(target=self._pass_on, name="logs", daemon=True).start()

    def write(self, line: str) -> None:
        try:
            self._waiting.put_nowait(line)
        except queue.Full:
            self._dropped += 1

    def flush(self) -> None:
        """The thread does."""

    def close(self) -> None:
        """Waits a moment for a reader of what was said last, the line that is half written included."""
        with self._waiting.all_tasks_done:
            self._waiting.all_tasks_done.wait_for(lambda: not self._waiting.unfinished_tasks, LAST_WAIT)

    def _pass_on(self) -> None:
        while True:
            self._write_out(self._waiting.get())
            self._waiting.task_done()
            if self._dropped and not self._waiting.full():
                dropped, self._dropped = self._dropped, 0
                structlog.get_logger().error("log lines dropped: nobody read them in time", dropped=dropped)

    def _write_out(self, line: str) -> None:
        left = line.encode("utf-8", "replace")
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError:  # nobody reads any more
            pass


def configure(*, human: bool, quiet: bool = False) -> None:
    """``quiet`` leaves the daemon's own failures only (a terminal on which pages are read)."""
    level, stream = logging.CRITICAL if quiet else logging.INFO, Lines(STDERR if human else STDOUT)
    atexit.register(stream.close)
    processors: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp" if human else "time"),
        structlog.processors.format_exc_info,
        *([] if human else [_cloud_logging]),
        _redact,
    ]
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    renderer: Any = plain if human else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*processors, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(stream),  # type: ignore[arg-type] # it writes and flushes
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=processors))
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)


def _cloud_logging(logger: object, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """``severity``, ``message`` and the incident as ``operation`` (conventions.md, Logs)."""
    level = LEVELS.get(str(event.pop("level", method)), "DEFAULT")
    sev, incident = event.get("sev"), event.pop("incident", "")
    severity = level
    if isinstance(sev, int):  # what is over must not alert whoever alerts on severity
        severity = Sev(sev).cloud_logging if level == "ERROR" else "NOTICE"
    named: structlog.typing.EventDict = {"severity": severity, "message": event.pop("event", "")}
    if incident:
        named["logging.googleapis.com/operation"] = {"id": incident, "producer": "watchdog"}
    return {**named, **event}


def _redact(logger: object, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """domain.md §9. What structlog keeps for itself (``_record``, ``exc_info``) stays as it is."""
    return {key: value if key.startswith("_") else redacted(value, key) for key, value in event.items()}
