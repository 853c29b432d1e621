"""Which namespaces count, by their labels, and what of the others is told all the same.

The streams look at the whole cluster, so that an execution workload or a forbidden mode is found wherever it stands;
the other modes of a namespace that is not selected are held back, and that they are, is a blind spot.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from watchdog.core.facts import Blindspot, Fact, Mode, Subject
from watchdog.core.observation import Coverage, Facts
from watchdog.ports import Kubernetes, Ports
from watchdog.sources import Stream
from watchdog.sources.kubernetes import selectors
from watchdog.sources.kubernetes.listing import Target
from watchdog.sources.kubernetes.objects import Namespace, Selector
from watchdog.sources.kubernetes.reflector import Alive, Found, Happened, LookedOver, Opened, Reflector
from watchdog.sources.kubernetes.resources import NAMESPACES
from watchdog.sources.kubernetes.store import Store

SHOWN = 20
"""Namespaces that the blind spot names."""


class Namespaces:
    def __init__(self, selector: Selector) -> None:
        self._selector = selector
        self.reconsidered: Callable[[str], None] = lambda namespace: None  # told whose selection has changed
        self._labels: dict[str, bool] = {}  # whether it is selected
        self._held_back: dict[Subject, Mode] = {}
        self._told: dict[Subject, Mode] = {}  # what could be held back tomorrow
        self._changed: dict[str, None] = {}  # namespaces that count since, or no more, until that is told
        self._teller: dict[Subject, str] = {}  # the stream of each mode, whose looks keep it fresh
        self._owed: dict[str, dict[Subject, None]] = {}  # by stream: what was told before it could tell it itself

    def selected(self, namespace: str) -> bool:
        """One that is not known (yet) counts: the stricter case."""
        return self._labels.get(namespace, True)

    # the namespaces themselves

    def stream(self, connect: Callable[[Ports], Kubernetes], stale: float, deadline: float) -> tuple[str, Stream]:
        reflector = Reflector(Target(NAMESPACES, ""), Store[Any]().looking)
        coverage = Coverage(frozenset({Blindspot.KIND}), stale, quiet=True)
        return "watch namespaces", Stream(coverage, lambda ports: self._looks(connect(ports), reflector), deadline)

    async def _looks(self, kubernetes: Kubernetes, reflector: Reflector[Namespace]) -> AsyncGenerator[Facts, None]:
        async with aclosing(reflector.steps(kubernetes)) as steps:
            async for step in steps:
                match step:
                    case Found(objects=objects):
                        for namespace in objects:
                            self._note(namespace)
                        yield Facts(partial=True)
                    case LookedOver(found=found):
                        names = {key.name for key in found}
                        for name in [name for name in self._labels if name not in names]:
                            self._select(name, None)
                        yield self._retold()
                    case Happened(object=namespace, deleted=deleted):
                        self._note(namespace)
                        if deleted:
                            self._select(namespace.metadata.name, None)
                        yield self._retold()
                    case Opened() | Alive():
                        yield Facts()

    def _note(self, namespace: Namespace) -> None:
        meta = namespace.metadata
        self._select(meta.name, selectors.matches(self._selector, meta.labels or {}))

    def _select(self, name: str, selected: bool | None) -> None:
        before = self.selected(name)
        if selected is None:
            self._labels.pop(name, None)
        else:
            self._labels[name] = selected
        if self.selected(name) is not before:
            self._changed[name] = None
            self.reconsidered(name)

    def _retold(self) -> Facts:
        """What counts now and did not before, and the other way round. This stream proves nothing of a mode: whoever
        told it first tells it once more, and its looks are what keeps it fresh."""
        held = (*self._held_back.values(), *self._told.values())
        facts = self.shown(Facts(tuple(fact for fact in held if fact.namespace in self._changed)))
        self._changed.clear()
        for fact in facts.seen:
            self._owed.setdefault(self._teller[fact.subject], {})[fact.subject] = None
        return replace(facts, seen=(*facts.seen, self._blindspot()))

    def _blindspot(self) -> Blindspot:
        names = sorted(name for name, selected in self._labels.items() if not selected)
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        text = f"of {', '.join(names[:SHOWN])}{more} only execution workloads and forbidden modes count"
        return every_other(text if names else "every namespace is selected")

    # what is told of them

    def shown(self, facts: Facts) -> Facts:
        """Without what is of namespaces that do not count; what was told of it before is gone."""
        seen: list[Fact] = []
        gone = [*facts.gone]
        for fact in facts.seen:
            if not isinstance(fact, Mode):
                seen.append(fact)
                continue
            counts = self.selected(fact.namespace) or fact.execution or fact.unsafe is not False
            into, out_of = (self._told, self._held_back) if counts else (self._held_back, self._told)
            was_told = out_of.pop(fact.subject, None) is not None and not counts
            into[fact.subject] = fact
            seen += [fact] if counts else []
            gone += [fact.subject] if was_told else []
        for subject in facts.gone:
            self._held_back.pop(subject, None)
            self._told.pop(subject, None)
            self._teller.pop(subject, None)
        return replace(facts, seen=tuple(seen), gone=tuple(gone))

    def sifting(self, part: str, stream: Stream) -> Stream:
        async def looks(ports: Ports) -> AsyncGenerator[Facts, None]:
            if owed := self._once_more(part):  # also where it fails at once: it governs them, and they are unknown
                yield owed
            async with aclosing(stream.looks(ports)) as told:  # type: ignore[type-var]
                async for facts in told:
                    if owed := self._once_more(part):
                        yield owed
                    self._teller |= {fact.subject: part for fact in facts.seen if isinstance(fact, Mode)}
                    yield self.shown(facts)

        return replace(stream, looks=looks)

    def _once_more(self, part: str) -> Facts | None:
        owed = [self._told[subject] for subject in self._owed.pop(part, {}) if subject in self._told]
        return Facts(tuple(owed), partial=True) if owed else None


def parsed(text: str) -> Selector:
    """'label=value,other=value'. Raises ``ValueError``."""
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(name.strip() and equals and value.strip() for name, equals, value in pairs):
        raise ValueError(f"namespace_selector: expected 'label=value,...', found {text!r}")
    return Selector({name.strip(): value.strip() for name, _, value in pairs})


def every_other(explanation: str) -> Blindspot:
    return Blindspot("namespace", "every other namespace", "NotSelected", explanation)
