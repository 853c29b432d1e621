"""Which revisions of a service requests reach: by traffic, or by the URL of a tag.

What is asked for (``traffic``) and what is so (``trafficStatuses``) differ while a change is under way: both count.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from watchdog.sources.cloud_run import api

MOST = 20
"""Revisions of a service that are read, and named, at each look."""
_ALL_TO_LATEST = (api.Target(percent=100),)
"""What an empty ``traffic`` means (google/cloud/run/v2/service.proto)."""


@dataclass(frozen=True, slots=True)
class Reached:
    revision: str
    percent: int
    tags: tuple[str, ...] = ()

    @property
    def by_tag_alone(self) -> bool:
        """It takes no share of the traffic, and can be called all the same."""
        return not self.percent

    def __str__(self) -> str:
        by_tag = f"by tag {', '.join(self.tags)}"
        return f"{self.revision} {by_tag if self.by_tag_alone else f'{self.percent} %'}"


def reached(service: api.Service) -> tuple[Reached, ...]:
    """In the order of their share. A target that is no revision's name stands among them: a request may reach it."""
    found: dict[str, Reached] = {}
    asked = service.traffic or _ALL_TO_LATEST
    for targets in (asked, service.trafficStatuses):
        shares: dict[str, int] = {}
        for name, target in _named(service, targets):
            shares[name] = shares.get(name, 0) + target.percent
            before = found.get(name, Reached(name, 0))
            tags = before.tags if not target.tag or target.tag in before.tags else (*before.tags, target.tag)
            found[name] = Reached(name, max(before.percent, shares[name]), tags)
    return tuple(sorted(found.values(), key=lambda one: (-one.percent, one.revision)))


def listed(reached: Sequence[Reached]) -> str:
    more = f" and {len(reached) - MOST} more" if len(reached) > MOST else ""
    return ", ".join(map(str, reached[:MOST])) + more


def _named(service: api.Service, targets: tuple[api.Target, ...]) -> Iterator[tuple[str, api.Target]]:
    latest = api.short(service.latestReadyRevision) or api.short(service.latestCreatedRevision)
    for target in targets:
        name = api.short(target.revision) or latest
        if name and (target.percent > 0 or target.tag):
            yield name, target
