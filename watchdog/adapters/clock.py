"""The system's clocks."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from watchdog.core.instant import Instant


class SystemClock:
    """``mono`` is what asyncio waits on too, so a deadline and a sleep agree."""

    def now(self) -> Instant:
        return Instant(datetime.now(UTC), time.monotonic())
