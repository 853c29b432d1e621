"""What a finding is worth: domain.md §2."""

from __future__ import annotations

from enum import IntEnum


class Sev(IntEnum):
    """Sev-0 is the worst; ``min`` of two is the worse one."""

    SEV0 = 0
    SEV1 = 1
    SEV2 = 2
    SEV3 = 3

    def __str__(self) -> str:
        return f"Sev-{self.value}"

    @property
    def alertmanager(self) -> str:
        """The ``severity`` label that routes in the wild key on (conventions.md, Alertmanager)."""
        return ("critical", "critical", "warning", "info")[self.value]

    @property
    def cloud_logging(self) -> str:
        """The ``severity`` of a log entry (conventions.md, Logs)."""
        return ("ALERT", "CRITICAL", "ERROR", "NOTICE")[self.value]
