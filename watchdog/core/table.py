"""A persistent map: a change copies one small bucket and not the whole, so that a turn's cost does not grow with what
is known.

The bucket is chosen by CRC-32 of the key's text and not by ``hash()``: the order of iteration is then the same in every
process, whatever PYTHONHASHSEED.
"""

from __future__ import annotations

from collections.abc import Hashable, ItemsView, Iterator, Mapping, ValuesView
from functools import lru_cache
from typing import Any, Generic, TypeVar, overload
from zlib import crc32

K = TypeVar("K")
V = TypeVar("V")
D = TypeVar("D")

BUCKETS = 256


@lru_cache(4096, typed=True)  # one turn asks for one subject a dozen times
def _bucket(key: Hashable) -> int:
    return crc32(str(key).encode("utf-8", "surrogatepass")) % BUCKETS


class Table(Mapping[K, V], Generic[K, V]):
    """Immutable to its holders; ``with_`` answers a new one that shares all but the buckets that changed."""

    __slots__ = ("_buckets", "_size")

    def __init__(self, _buckets: tuple[dict[K, V], ...] | None = None, _size: int = 0) -> None:
        self._buckets: tuple[dict[K, V], ...] = _buckets or ({},) * BUCKETS
        self._size = _size

    def __getitem__(self, key: K) -> V:
        return self._buckets[_bucket(key)][key]

    @overload
    def get(self, key: K, default: None = None) -> V | None: ...

    @overload
    def get(self, key: K, default: D) -> V | D: ...

    def get(self, key: K, default: D | None = None) -> V | D | None:
        """As ``Mapping.get``, without its exception: most look-ups of an alert find none."""
        return self._buckets[_bucket(key)].get(key, default)

    def __iter__(self) -> Iterator[K]:
        for bucket in self._buckets:
            yield from bucket

    def __len__(self) -> int:
        return self._size

    def values(self) -> ValuesView[V]:
        return _Values(self)

    def items(self) -> ItemsView[K, V]:
        return _Items(self)

    def bucket(self, number: int) -> Mapping[K, V]:
        """One of the ``BUCKETS`` parts, for work that is spread over time."""
        return self._buckets[number]

    def with_(self, changes: Mapping[K, V | None]) -> Table[K, V]:
        """The map after ``changes``; ``None`` removes a key."""
        if not changes:
            return self
        buckets, size, copied = list(self._buckets), self._size, dict[int, dict[K, V]]()
        for key, value in changes.items():
            number = _bucket(key)
            if number not in copied:
                buckets[number] = copied[number] = dict(buckets[number])
            size += _put(copied[number], key, value)
        return Table(tuple(buckets), size)


class _Values(ValuesView[V]):
    """Those of ``Mapping`` look every key up again."""

    def __init__(self, table: Table[Any, V]) -> None:
        self._mapping = table

    def __iter__(self) -> Iterator[V]:
        return (value for number in range(BUCKETS) for value in self._mapping.bucket(number).values())


class _Items(ItemsView[K, V]):
    """Likewise."""

    def __init__(self, table: Table[K, V]) -> None:
        self._mapping = table

    def __iter__(self) -> Iterator[tuple[K, V]]:
        return (item for number in range(BUCKETS) for item in self._mapping.bucket(number).items())


def _put(bucket: dict[K, V], key: K, value: V | None) -> int:
    before = len(bucket)
    if value is None:
        bucket.pop(key, None)
    else:
        bucket[key] = value
    return len(bucket) - before
