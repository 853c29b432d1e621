"""What every fact is made of, and the value that says that something is not known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple


@dataclass(frozen=True, slots=True)
class Unknown:
    """What could not be seen. ``reason`` is CamelCase, as in a Kubernetes condition; ``message`` is a sentence."""

    reason: str
    message: str = ""

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}" if self.message else self.reason


class Subject(NamedTuple):
    """Which thing a fact or an alert is about: the fact's kind and its identity fields, in order."""

    kind: str
    labels: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return f"{self.kind} " + "/".join(value for _, value in self.labels)


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that is known of one subject."""

    KIND: ClassVar[str]
    IDENTITY: ClassVar[tuple[str, ...]]

    @property
    def subject(self) -> Subject:
        return Subject(self.KIND, tuple((name, str(getattr(self, name))) for name in self.IDENTITY))
