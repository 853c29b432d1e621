"""LAW: say what a service says of itself, and whether it answers; whatever cannot be read as agreed is unknown.

``form`` reads one answer, pure; ``source`` asks, and makes facts of it.
"""

from watchdog.sources.ops_status.form import BODY_LIMIT
from watchdog.sources.ops_status.source import Modes, OpsStatus, Service

__all__ = ["BODY_LIMIT", "Modes", "OpsStatus", "Service"]
