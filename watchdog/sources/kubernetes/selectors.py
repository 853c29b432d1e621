"""Label selectors as the API server applies them, and an index that finds who selects whom without asking everybody."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Generic, TypeVar

from watchdog.ports import Unreachable
from watchdog.sources.kubernetes.objects import Requirement, Selector

K = TypeVar("K", bound=Hashable)
Pair = tuple[str, str, str]  # namespace, label, value


def matches(selector: Selector, labels: Mapping[str, str]) -> bool:
    pairs = (selector.match_labels or {}).items()
    return all(labels.get(key) == value for key, value in pairs) and all(
        _meets(requirement, labels) for requirement in selector.match_expressions or ()
    )


def _meets(requirement: Requirement, labels: Mapping[str, str]) -> bool:
    values = requirement.values or ()
    match requirement.operator:
        case "In":
            return requirement.key in labels and labels[requirement.key] in values
        case "NotIn":
            return requirement.key not in labels or labels[requirement.key] not in values
        case "Exists":
            return requirement.key in labels
        case "DoesNotExist":
            return requirement.key not in labels
    raise Unreachable("Undecodable", f"expected an operator of label selectors, found {requirement.operator!r}")


def query(selector: Selector) -> str:
    """The selector as a LIST takes it (``labelSelector=``)."""
    pairs = [f"{key}={value}" for key, value in (selector.match_labels or {}).items()]
    return ",".join(pairs + [_clause(requirement) for requirement in selector.match_expressions or ()])


def _clause(requirement: Requirement) -> str:
    values = ",".join(requirement.values or ())
    clauses = {
        "In": f"{requirement.key} in ({values})",
        "NotIn": f"{requirement.key} notin ({values})",
        "Exists": requirement.key,
        "DoesNotExist": f"!{requirement.key}",
    }
    if requirement.operator not in clauses:
        raise Unreachable("Undecodable", f"expected an operator of label selectors, found {requirement.operator!r}")
    return clauses[requirement.operator]


class ByLabel(Generic[K]):
    """Keys by the label pairs that they are filed under. Ordered, so that what comes out is the same everywhere."""

    def __init__(self) -> None:
        self._filed: dict[Pair, dict[K, None]] = {}

    def add(self, key: K, pairs: Iterable[Pair]) -> None:
        for pair in pairs:
            self._filed.setdefault(pair, {})[key] = None

    def discard(self, key: K, pairs: Iterable[Pair]) -> None:
        for pair in pairs:
            filed = self._filed.get(pair, {})
            filed.pop(key, None)
            if not filed:
                self._filed.pop(pair, None)

    def under(self, pairs: Iterable[Pair]) -> Iterator[K]:
        """Each key once."""
        seen: dict[K, None] = {}
        for pair in pairs:
            seen |= self._filed.get(pair, {})
        return iter(seen)


EVERYTHING = ("", "")


def pairs_of(namespace: str, labels: Mapping[str, str]) -> list[Pair]:
    """Where a labelled object is filed: under each of its labels, and where selectors without a label look."""
    return [(namespace, *EVERYTHING), *((namespace, key, value) for key, value in labels.items())]


def pair_of(namespace: str, selector: Selector) -> Pair:
    """Where to look for what a selector selects: under one of its labels."""
    key, value = next(iter((selector.match_labels or {}).items()), EVERYTHING)
    return (namespace, key, value)
