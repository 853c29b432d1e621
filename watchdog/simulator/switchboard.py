"""What a person can do to the floor by ``curl -X POST``: what kubectl cannot."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from watchdog.simulator.data_plane import INGEST, LANES
from watchdog.simulator.platform import Floor
from watchdog.simulator.services import OPS_UI
from watchdog.simulator.wire import Request, Response, answer

SIGNALS = LANES[-1]
"""The lane that is played with: trade-signals."""
HOURS = 3600.0

SWITCHES: Mapping[str, Callable[[Floor], None]] = {
    "/tick/stop": lambda floor: floor.market_data.stop(),
    "/tick/start": lambda floor: floor.market_data.start(),
    "/poison": lambda floor: floor.data.poison(SIGNALS),
    "/poison/flood": lambda floor: floor.data.poison(SIGNALS, 12),
    "/drain": lambda floor: floor.data.drain(SIGNALS),
    "/consumer/stop": lambda floor: floor.data.stop_consumer(SIGNALS, waiting=HOURS),
    "/consumer/start": lambda floor: floor.data.start_consumer(SIGNALS),
    "/errors/raise": lambda floor: floor.data.errors(INGEST, 0.08),
    "/errors/clear": lambda floor: floor.data.errors(INGEST, 0.0),
    "/ops-ui/stop": lambda floor: floor.services.stop(OPS_UI),
    "/ops-ui/start": lambda floor: floor.services.start(OPS_UI),
}


class Switchboard:
    """The market-data service, and the switches beside it."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    async def answer(self, request: Request) -> Response:
        switch = SWITCHES.get(request.path)
        if request.method != "POST" or switch is None:
            return await self._floor.market_data.answer(request)
        switch(self._floor)
        return answer(200, {"done": request.path})
