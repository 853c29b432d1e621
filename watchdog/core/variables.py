"""An environment variable that can enable execution, and which of its values do. domain.md §4."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from watchdog.core.switch import FALSY, TRUTHY

Words = Literal["truthy", "falsy", "not_truthy"]


@dataclass(frozen=True, slots=True)
class WatchedVariable:
    """A stanza's entry.

    ``unsafe`` and ``safe`` are values (white space and letter case do not matter), or a word for ``unsafe``:
    ``truthy``, ``falsy``, ``not_truthy``. With both given as values, whatever is in neither is not *listed*.
    """

    name: str
    unsafe: tuple[str, ...] | Words
    safe: tuple[str, ...] = ()
    execution_only: bool = False
    required_on_execution: bool = False

    def __post_init__(self) -> None:
        if not (self.name and self.unsafe):
            raise ValueError("name, unsafe: expected a variable's name, and at least one value that is unsafe")
        if self.safe and isinstance(self.unsafe, str):
            raise ValueError(f"variables: {self.name}: expected no list of safe values beside the word {self.unsafe!r}")
        if both := sorted({_plain(v) for v in self.safe} & {_plain(v) for v in self.unsafe}):
            raise ValueError(f"variables: {self.name}: expected a value to be safe or unsafe, {both[0]!r} is both")

    def is_unsafe(self, value: str) -> bool:
        match self.unsafe:
            case "truthy":
                return _word(value) in TRUTHY
            case "falsy":
                return _word(value) in FALSY
            case "not_truthy":
                return _word(value) not in TRUTHY
        return any(_plain(value) == _plain(unsafe) for unsafe in self.unsafe)

    def is_listed(self, value: str) -> bool:
        """Also an empty value: the platform reads it as unset."""
        listed = not self.safe or not value.strip() or self.is_unsafe(value)
        return listed or any(_plain(value) == _plain(safe) for safe in self.safe)


def _plain(value: str) -> str:
    """The platform strips and upper-cases: a dotless i is a capital I then."""
    return value.strip().upper().lower()


def _word(value: str) -> str:
    return value.strip().lower()
