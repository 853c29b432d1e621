"""How far one history of events is known without a gap, and what a gap in it is worth.

A trail follows one WATCH: its events and lists, never a direct read (which sees what is, and not what was). Where the
history breaks, it is compared with the next list, object by object (``core.accounting``).
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from watchdog.core.accounting import Account, Finding, Recollection, Version, account
from watchdog.core.facts import Fact, Gap, Mark, Subject, UnseenWrite
from watchdog.core.instant import Instant, rfc3339
from watchdog.core.observation import Facts, Position, Scope
from watchdog.sources.kubernetes.listing import Target, key_of
from watchdog.sources.kubernetes.objects import Object
from watchdog.sources.kubernetes.reflector import Break, version
from watchdog.sources.kubernetes.resources import Key, Resource, revision

SEEN_REVISIONS = 8
FIRST_LOOK = Break("FirstLook", "nothing is known of the time before")
RESTARTED = Break("Restarted", "the daemon was away")


@dataclass(frozen=True, slots=True)
class Window:
    """A time in which nobody looked; ``seconds`` by the monotonic clock where it spans no restart."""

    began: datetime
    ended: datetime
    seconds: float


class Sightings:
    """Which revisions of an object the direct reads saw, and from when to when: they see no events, but they say that
    until then nothing had happened."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, Key], dict[int, tuple[datetime, datetime]]] = {}

    def note(self, resource: Resource[Any], key: Key, revision: int, began: datetime, ended: datetime) -> None:
        of_object = self._seen.setdefault((resource.plural, key), {})
        first, _ = of_object.pop(revision, (ended, began))
        of_object[revision] = (first, began)
        if len(of_object) > SEEN_REVISIONS:
            del of_object[next(iter(of_object))]

    def narrowed(
        self, window: Window, resource: Resource[Any], key: Key, before: Version | None, after: Version | None
    ) -> Window:
        """Only the time between the last read that saw the one end and the first that saw the other counts."""
        seen = self._seen.get((resource.plural, key), {})
        began, ended = window.began, window.ended
        if before is not None and before.revision in seen:
            began = max(began, seen[before.revision][1])
        if after is not None and after.revision in seen:
            ended = min(ended, seen[after.revision][0])
        if (began, ended) == (window.began, window.ended) or ended < began:
            return window
        return Window(began, ended, (ended - began).total_seconds())


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something may have been written to ``fact``'s object in the window."""

    fact: UnseenWrite
    resource: Resource[Any]
    key: Key
    window: Window
    excludable: bool  # whoever wrote it may have written something else: to be asked before it is told


@dataclass
class Trail:
    """``elsewhere``: objects that have a WATCH of their own, whose trail accounts for them."""

    scope: Scope
    target: Target[Any]
    guards: Callable[[Resource[Any], Key], bool]
    elsewhere: Container[Key] = ()
    versions: dict[Key, Version] = field(default_factory=dict)
    told: dict[Key, Version] = field(default_factory=dict)  # as marks
    last: Instant | None = None  # when this history last said something, and nothing older was to come
    position: Position | None = None  # how far it is complete: in this life, or in an earlier one
    agreed: Instant | None = None  # when a list last showed what it had told
    doubtful: dict[Key, Version | None] = field(default_factory=dict)  # as told when a list showed otherwise
    departed: dict[Key, None] = field(default_factory=dict)  # deleted since a list began beside the WATCH

    # what the history says

    def heard(self, revision: int, now: Instant, *, late: bool = False) -> None:
        """What comes ``late`` says nothing of the time until now."""
        if late and self.position is not None:
            self.position = self.position._replace(revision=revision)
        else:
            self.last, self.position = now, Position(revision, now.wall)

    def happened(self, object_: Object, deleted: bool, now: Instant, *, late: bool = False) -> Facts:
        key = key_of(object_)
        if deleted:
            self.versions.pop(key, None)
            self.departed[key] = None
        else:
            self.versions[key] = version(object_.metadata)
        self.heard(revision(object_.metadata.resource_version), now, late=late)
        return self.marks((key,))

    def adopt(self, found: dict[Key, Version], at_revision: int, now: Instant) -> None:
        """A list is the beginning of a history."""
        self.versions, self.agreed = found, now
        self.heard(at_revision, now)
        self.doubtful.clear()

    def marks(self, keys: Iterable[Key], *, sweep: bool = False) -> Facts:
        """The marks of guarded objects that are new or otherwise than they were told, and those that are gone. What is
        guarded no more keeps its mark until a ``sweep``: at the start it may only not be known yet."""
        seen: list[Fact] = []
        gone: list[Subject] = []
        for key in keys:
            held, told = self.versions.get(key), self.told.get(key)
            if held is not None and (self._accounts_for(key) or (told is not None and not sweep)):
                if held != told:
                    self.told[key] = held
                    seen.append(self._mark(key, held))
            elif told is not None:
                del self.told[key]
                gone.append(self._mark(key, told).subject)
        return Facts(tuple(seen), tuple(gone))

    def _accounts_for(self, key: Key) -> bool:
        return key not in self.elsewhere and self.guards(self.target.resource, key)

    def _mark(self, key: Key, held: Version) -> Mark:
        return Mark(key.namespace, self.target.resource.kind, key.name, *held)

    # where an earlier life of the daemon had left off

    def recall(self, recollection: Recollection) -> None:
        """Before anything was seen in this one."""
        if self.position is not None or self.scope not in recollection.looked:
            return
        self.position = Position(recollection.revisions.get(self.scope, 0), recollection.looked[self.scope])
        for mark in recollection.marks.values():
            key = Key(mark.namespace, mark.name)
            if mark.kind == self.target.resource.kind and self.target.covers(key) and key not in self.elsewhere:
                self.versions[key] = self.told[key] = Version(mark.uid, mark.generation, mark.revision)

    def recalled(self) -> Facts:
        """It is told again, so that a life that learns nothing leaves it behind as it was."""
        return Facts(tuple(self._mark(*told) for told in self.told.items()), partial=True, position=self.position)

    def resumable(self, found: Mapping[Key, Version], at_revision: int) -> int:
        """Up to which revision that life had seen, if a list that shows this is of the same history: what was not
        written to since is as it was left. 0: it had not, or it is not."""
        if self.last is not None or self.position is None or self.position.revision > at_revision:
            return 0
        left = self.position.revision
        shown = ((key, found.get(key)) for key in self.versions)
        same = all(now is None or now.revision > left or now == self.versions[key] for key, now in shown)
        return left if same else 0

    def resume(self, found: Mapping[Key, Version]) -> None:
        """From there: as it was then; the rest of what a list has ``found`` comes as events."""
        assert self.position is not None
        since = self.position.revision
        self.versions = {key: now for key, now in found.items() if now.revision <= since} | self.versions

    # what a gap is worth

    def gap(self, why: Break, window: Window) -> Gap:
        began, ended = rfc3339(window.began), rfc3339(window.ended)
        return Gap(*self.scope, began, ended, round(window.seconds, 3), why.reason, why.explanation)

    def why(self, break_: Break | None, recollection: Recollection) -> Break | None:
        """Why a list begins a history anew; ``None``: it does not."""
        if break_ is not None or self.last is not None:
            return break_
        return RESTARTED if self.scope in recollection.looked else FIRST_LOOK

    def window(self, why: Break | None, recollection: Recollection, now: Instant) -> Window:
        last = self.agreed if why is not None and why.reason == MISSED else self.last
        if last is not None:
            return Window(min(last.wall, now.wall), now.wall, now.since(last))
        looked = self.position.at if self.position is not None else recollection.looked.get(self.scope, now.wall)
        began = min(looked, now.wall)
        return Window(began, now.wall, (now.wall - began) / timedelta(seconds=1))

    def doubts(self, found: Mapping[Key, Version], window: Window, sightings: Sightings) -> list[Doubt]:
        """The guarded objects (by what is or by what was) that may have been written to in the window."""
        doubts: list[Doubt] = []
        for key in dict.fromkeys([*self.versions, *found]):
            before, after = self.versions.get(key), found.get(key)
            if before != after and (key in self.told or self._accounts_for(key)):
                said = account(before, after)
                if said.finding is Finding.UNSEEN:
                    narrow = sightings.narrowed(window, self.target.resource, key, before, after)
                    doubts.append(self._doubt(key, said, narrow))
        return doubts

    def _doubt(self, key: Key, said: Account, window: Window) -> Doubt:
        fact = UnseenWrite(
            key.namespace, self.target.resource.kind, key.name, rfc3339(window.began), rfc3339(window.ended),
            said.reason, said.suspicion, learned="",
        )  # fmt: skip
        return Doubt(fact, self.target.resource, key, window, said.excludable)

    # what a list beside the history says of it

    def beside(self) -> None:
        """A list begins beside the open WATCH."""
        self.departed.clear()

    def compared(self, found: Mapping[Key, Version], at_revision: int, now: Instant) -> None:
        """Notes what that list, as of ``at_revision``, shows and this history has not told. It may be on its way."""
        keys = dict.fromkeys([*self.versions, *found])
        pairs = ((key, self.versions.get(key), found.get(key)) for key in keys)
        self.doubtful = {key: told for key, told, shown in pairs if self._is_behind(key, told, shown, at_revision)}
        if not self.doubtful:
            self.agreed = now

    def _is_behind(self, key: Key, told: Version | None, shown: Version | None, at_revision: int) -> bool:
        if told is None:
            return key not in self.departed
        return told != shown and told.revision <= at_revision

    def missed(self) -> Break | None:
        """What the list showed and the WATCH has not told since: it cannot be trusted."""
        untold = [key for key, told in self.doubtful.items() if self.versions.get(key) == told]
        still = [key for key in untold if key not in self.departed]
        self.doubtful = {}
        if not still:
            return None
        where = f"{self.target.resource.kind} {still[0].namespace}/{still[0].name}"
        more = f" and {len(still) - 1} more" if len(still) > 1 else ""
        return Break(MISSED, f"a list showed of {where}{more} what the WATCH had not told")


MISSED = "Missed"
