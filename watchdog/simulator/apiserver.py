"""The API server without a transport: a request in, a response out. Sockets and in-process clients share all of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from watchdog.simulator import reads, writes
from watchdog.simulator.authentication import Authentication, User
from watchdog.simulator.authorization import Authorizer, forbidden
from watchdog.simulator.cluster import Cluster
from watchdog.simulator.discovery import discover
from watchdog.simulator.errors import ApiError, PageNotFound
from watchdog.simulator.faults import Faults
from watchdog.simulator.flow_control import flow_control
from watchdog.simulator.health import health
from watchdog.simulator.impersonation import impersonated
from watchdog.simulator.outages import Outages, Process
from watchdog.simulator.request_info import Attributes, attributes
from watchdog.simulator.reviews import Reviews
from watchdog.simulator.scale import scale_of
from watchdog.simulator.tables import view_for
from watchdog.simulator.versions import InVersion
from watchdog.simulator.views import View, Whole
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
    """Answers for one cluster: authentication, impersonation, authorization, routing. ``faults`` may be switched at run
    time, ``outages`` be called; ``authentication.demanded``: who shows no credentials is anonymous."""

    def __init__(self, cluster: Cluster, faults: Faults | None = None) -> None:
        self.cluster, self.faults = cluster, faults or Faults()
        self.authentication, self.authorizer = Authentication(cluster), Authorizer(cluster)
        self.outages = Outages(cluster, self.faults, self.authentication)
        self._reviews = Reviews(cluster, self.authentication, self.authorizer)

    async def answer(self, request: Request) -> Response:
        """A bad request is a response, never raised. Raises ConnectionRefusedError while the server is down."""
        asked = attributes(request)
        if instead := await self.faults.before(asked.verb, request.path):
            return self._dated(instead)
        process = self.outages.process
        if not process.listens:
            raise ConnectionRefusedError("the simulated API server does not run")
        try:
            user = impersonated(self.authentication.user(request), request, self.authorizer)
        except ApiError as error:
            return refusal(error)
        response = await self._answered(asked, user, request, process)
        headers = {**flow_control(user, request.path, started=process.authorizes), **response.headers}
        return self._dated(replace(response, headers=headers))

    def _dated(self, response: Response) -> Response:
        return replace(response, headers={**response.headers, "Date": self.cluster.date()})

    async def _answered(self, asked: Attributes, user: User, request: Request, process: Process) -> Response:
        try:
            if not process.authorizes and not user.is_master:  # RBAC is still being read
                raise forbidden(user, asked)
            self.authorizer.check(user, asked)
            response = await self._routed(user, request, process)
        except ApiError as error:
            return refusal(error)
        except PageNotFound:
            return Response(404, b"404 page not found\n", TEXT_TYPE)
        return self.faults.after(asked.verb, request.path, response)

    async def _routed(self, user: User, request: Request, process: Process) -> Response:
        if found := health(request, ready=process.ready):
            return found
        catalog = self.cluster.catalog
        if request.method == "GET" and (found := discover(request, catalog)):
            return found
        wanted = target(request, catalog)
        return self._reviews.answer(wanted, user, request) or await self._about_objects(wanted, request, process)

    async def _about_objects(self, wanted: Target, request: Request, process: Process) -> Response:
        view: View = view_for(request.accept, self.cluster, wanted.resource)
        view = InVersion(view, wanted.asked) if wanted.other_version and isinstance(view, Whole) else view
        if write := _WRITES.get(wanted.verb):
            return write(self.cluster, wanted, request, view)
        if wanted.verb == "watch":
            return watch(self.cluster, wanted, request, view, self.faults, process)
        if wanted.verb == "list":
            return await reads.list_(self.cluster, wanted, request, view)
        if wanted.subresource == "scale":
            return answer(200, scale_of(self.cluster.get(wanted.resource, wanted.namespace, wanted.name)))
        return await reads.get(self.cluster, wanted, request, view)
