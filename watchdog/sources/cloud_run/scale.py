"""How many instances of a service are kept, and whether a request could start one. Pure.

https://cloud.google.com/run/docs/configuring/min-instances and .../configuring/services/manual-scaling:

* Manual scaling keeps exactly its count among the revisions that take traffic, and ignores the minimum of each of them.
  A revision that only a tag reaches keeps its own minimum beside it; without one a request to the tag's URL starts one.
* Automatic scaling keeps the larger of the service's minimum and its revisions', and starts more by requests. Its
  maximum bounds nothing here: 0 is what the API says for its default.

The API does not say how many instances run. None can where the count of manual scaling is 0 and no tag reaches a
revision, or where requests reach no revision at all, once a change is no longer under way. Elsewhere it is unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from watchdog.core.facts import Unknown
from watchdog.sources.cloud_run import api
from watchdog.sources.cloud_run.reach import Reached, listed

NOT_TOLD = Unknown("NotTold", "the Admin API does not say how many instances run")
NOT_SETTLED = Unknown("NotSettled", "a change of the service is under way, or has failed")
NOT_STATED = Unknown("NotStated", "its scaling is manual, and no count is stated")


@dataclass(frozen=True, slots=True)
class Scale:
    desired: int | Unknown  # instances that are kept whether requests come or not
    reported: int | Unknown  # of these, what is provisioned now
    live: int | Unknown  # at least
    could_start: bool | Unknown  # a request could start one
    explanation: str  # why, one clause


NOTHING = Scale(0, 0, 0, False, "the service does not exist")

Read = Sequence[tuple[Reached, api.Revision]]
"""The revisions that requests reach, as they are."""


def scale(service: api.Service, reached: Sequence[Reached], read: Read | Unknown) -> Scale:
    """``read``: those of ``reached``, or why they could not be read."""
    desired, reported = _desired(service, read), _reported(read)
    could_start, explanation = _could_start(service, reached)
    none_can = could_start is False and (service.scaling.scalingMode == api.MANUAL or not reached)
    live = _live(desired, reported, _settled(service), none_can)
    return Scale(desired, reported, live, could_start, explanation)


def _desired(service: api.Service, read: Read | Unknown) -> int | Unknown:
    if service.scaling.scalingMode == api.MANUAL:
        counts = [service.scaling.manualInstanceCount, _minimum(read, by_tag_alone=True)]
        return _total([NOT_STATED if count is None else count for count in counts])
    stated = max(service.scaling.minInstanceCount, service.template.scaling.minInstanceCount)
    kept = _minimum(read, by_tag_alone=False)
    return max(stated, kept) if isinstance(kept, int) else _total([stated, kept])


def _minimum(read: Read | Unknown, by_tag_alone: bool) -> int | Unknown:
    if isinstance(read, Unknown):
        return read
    return sum(r.scaling.minInstanceCount for reached, r in read if reached.by_tag_alone or not by_tag_alone)


def _reported(read: Read | Unknown) -> int | Unknown:
    return read if isinstance(read, Unknown) else sum(r.scalingStatus.desiredMinInstanceCount for _, r in read)


def _total(counts: Sequence[int | Unknown]) -> int | Unknown:
    """Above zero is above zero, whatever else is not known."""
    known = sum(count for count in counts if isinstance(count, int))
    return known or next((count for count in counts if isinstance(count, Unknown)), 0)


def _could_start(service: api.Service, reached: Sequence[Reached]) -> tuple[bool | Unknown, str]:
    mode, tagged = service.scaling.scalingMode, [one for one in reached if one.by_tag_alone]
    if mode != api.MANUAL and mode not in api.AUTOMATIC:
        why = Unknown("NotResolved", f"its scaling mode {mode[:80]!r} is of a kind that is not known here")
        return why, str(why)
    if not reached:
        return False, "requests reach no revision of it"
    if service.ingress == api.NO_INGRESS:
        return False, f"its ingress is {api.NO_INGRESS}: no request reaches it"
    if mode != api.MANUAL:
        return True, f"its scaling is automatic: a request starts an instance of {listed(reached)}"
    if tagged:
        return True, f"its scaling is manual, but a request to a tag's URL starts an instance of {listed(tagged)}"
    return False, "its scaling is manual: requests start nothing"


def _settled(service: api.Service) -> bool:
    return not service.reconciling and service.generation == service.observedGeneration


def _live(desired: int | Unknown, reported: int | Unknown, settled: bool, none_can: bool) -> int | Unknown:
    if isinstance(reported, int) and reported > 0:
        return reported
    if not settled:
        return NOT_SETTLED
    return 0 if (desired, reported) == (0, 0) and none_can else NOT_TOLD
