"""The API server without a transport: a request in, a response out. Sockets and in-process clients share all of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from watchdog.simulator import reads, writes
from watchdog.simulator.cluster import Cluster
from watchdog.simulator.discovery import discover
from watchdog.simulator.errors import ApiError, PageNotFound
from watchdog.simulator.faults import Faults
from watchdog.simulator.scale import scale_of
from watchdog.simulator.tables import view_for
from watchdog.simulator.views import View
from watchdog.simulator.watches import watch
from watchdog.simulator.wire import TEXT_TYPE, Request, Response, Target, answer, refusal, target

_Write = Callable[[Cluster, Target, Request, View], Response]
_WRITES: Mapping[str, _Write] = {
    "create": writes.create,
    "update": writes.replace,
    "patch": writes.patch,
    "delete": writes.delete,
    "deletecollection": writes.delete_collection,
}


class ApiServer:
    """Answers for one cluster. ``faults`` may be switched at run time."""

    def __init__(self, cluster: Cluster, faults: Faults | None = None) -> None:
        self.cluster, self.faults = cluster, faults or Faults()

    async def answer(self, request: Request) -> Response:
        """A bad request is a response, never raised. Raises ConnectionRefusedError under the fault ``Down``."""
        try:
            return await self._answer(request)
        except ApiError as error:
            return refusal(error)
        except PageNotFound:
            return Response(404, b"404 page not found\n", TEXT_TYPE)

    async def _answer(self, request: Request) -> Response:
        found = discover(request) if request.method == "GET" else None
        wanted = None if found else target(request)
        verb = wanted.verb if wanted else "get"
        if instead := await self.faults.before(verb, request.path):
            return instead
        response = found or await self._about_objects(wanted or target(request), request)
        return self.faults.after(verb, request.path, response)

    async def _about_objects(self, wanted: Target, request: Request) -> Response:
        view = view_for(request.accept, self.cluster)
        if write := _WRITES.get(wanted.verb):
            return write(self.cluster, wanted, request, view)
        if wanted.verb == "watch":
            return watch(self.cluster, wanted, request, view, self.faults)
        if wanted.verb == "list":
            return await reads.list_(self.cluster, wanted, request, view)
        if wanted.subresource == "scale":
            return answer(200, scale_of(self.cluster.get(wanted.resource, wanted.namespace, wanted.name)))
        return await reads.get(self.cluster, wanted, request, view)
