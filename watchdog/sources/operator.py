"""What operators say: acknowledgements, notes and drills, in a ConfigMap or a file, one key an entry.

Nobody needs more than the right to patch that one ConfigMap; the watchdog only reads it, and every replica does. What
an entry may say, and what is wrong with one, is ``core.operators``' business. That the ConfigMap is not there is no
"nobody said anything": then nobody *can* say anything, and the source does not see. A file that is not there has no
entries.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import msgspec

from watchdog.core.address import is_kubernetes_name, is_namespace
from watchdog.core.facts import Drill, Fact, OperatorEntry, Subject
from watchdog.core.instant import Instant
from watchdog.core.observation import Coverage, Facts, Sees
from watchdog.core.operators import Judged, Malformed, decoded, facts_of, judged
from watchdog.ports import KubernetesError, Ports, Unreachable
from watchdog.sources import Source, Stream

LIMIT = 1 << 20
"""Bytes of the file: as many as a ConfigMap may have."""
Contents = Mapping[str, object]
Told = dict[Subject, Fact]


class ConfigMap(msgspec.Struct):
    data: dict[str, str] | None = None
    binaryData: dict[str, str] | None = None  # the API's name


_config_maps = msgspec.json.Decoder(ConfigMap)


@dataclass(frozen=True)
class Operator(Source):
    """Either ``namespace`` (and the name of a ConfigMap in it) or ``file``."""

    name: str
    namespace: str = ""
    config_map: str = "watchdog-operator"
    kubeconfig: str = ""
    context: str = ""
    file: str = ""
    poll_interval: float = 1.0
    timeout: float = 2.0
    stale_after: float = 10.0
    _judged: dict[str, Judged] = field(init=False, repr=False, compare=False, default_factory=dict)
    _told: Told = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        if bool(self.namespace) == bool(self.file):
            raise ValueError("expected either namespace (and config_map) or file")
        if self.file and not self.file.startswith("/"):
            raise ValueError(f"file: expected an absolute path, found {self.file!r}")
        if self.namespace and not is_namespace(self.namespace):
            raise ValueError(f"namespace: expected the name of a namespace, found {self.namespace!r}")
        if not is_kubernetes_name(self.config_map):
            raise ValueError(f"config_map: expected the name of a ConfigMap, found {self.config_map!r}")
        if not (self.poll_interval > 0 and self.timeout > 0):
            raise ValueError("expected poll_interval and timeout above 0")
        if not self.stale_after > self.poll_interval + self.timeout:
            raise ValueError("stale_after: expected more than poll_interval and timeout together")

    @property
    def place(self) -> str:
        return self.file or f"ConfigMap {self.namespace}/{self.config_map}"

    def streams(self) -> Mapping[str, Stream]:
        sees = Sees("operator_entries", self.place)
        coverage = Coverage(frozenset({OperatorEntry.KIND, Drill.KIND}), self.stale_after, sees=(sees,))
        return {"": Stream(coverage, self._looks, self.stale_after)}

    async def _looks(self, ports: Ports) -> AsyncIterator[Facts]:
        """Raises ``KubernetesError``, ``Unreachable`` and ``OSError``. Tells everything once, and then what changes."""
        read = self._of_file if self.file else self._of_config_map
        whole = True
        while True:
            began = ports.clock.now()
            contents = await read(ports)
            yield self._seen(contents, began, ports.clock.now(), whole=whole)
            whole = False
            await asyncio.sleep(self.poll_interval)

    def _seen(self, contents: Contents, began: Instant, now: Instant, *, whole: bool) -> Facts:
        entries = judged(self._judged, contents, now.wall)
        told: Told = {fact.subject: fact for fact in facts_of(entries, now.wall)}
        gone = tuple(subject for subject in self._told if subject not in told)
        new = tuple(fact for subject, fact in told.items() if whole or self._told.get(subject) != fact)
        _become(self._judged, entries)
        _become(self._told, told)
        return Facts(new, gone, at=began)

    async def _of_file(self, ports: Ports) -> Contents:
        try:
            content = await ports.files.read(self.file, LIMIT + 1)
        except FileNotFoundError:
            return {}
        if len(content) > LIMIT:
            raise Unreachable("TooLarge", f"{self.file} holds more than 1 MiB: remove old entries")
        try:
            return decoded(content.decode())
        except (Malformed, UnicodeDecodeError) as error:
            raise Unreachable("Undecodable", f"{self.file} cannot be read as a whole: {error}") from None

    async def _of_config_map(self, ports: Ports) -> Contents:
        path = f"/api/v1/namespaces/{self.namespace}/configmaps/{self.config_map}"
        try:
            body = await ports.kubernetes(self.kubeconfig, self.context).read(path, {}, self.timeout)
        except KubernetesError as error:
            raise self._explained(error) from None
        try:
            found = _config_maps.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise Unreachable("Undecodable", f"the API server answers otherwise than agreed: {error}") from None
        return {**(found.data or {}), **dict.fromkeys(found.binaryData or {})}

    def _explained(self, error: KubernetesError) -> Exception:
        """What to do, where somebody has to do something."""
        if error.status == 404 and error.reason == "NotFound" and f'"{self.config_map}"' in error.message:
            make = f"kubectl create configmap {self.config_map} -n {self.namespace}"
            return Unreachable("Missing", f"there is no {self.place}, so nobody can acknowledge anything: {make}")
        if error.status == 403:
            allow = f"it needs a Role in {self.namespace} that lets it get ConfigMap {self.config_map} (deploy/k8s)"
            return KubernetesError(403, error.reason, f"{error.message}; {allow}")
        return error


def _become(held: dict[str, Judged] | Told, now: Mapping[str, Judged] | Told) -> None:
    held.clear()
    held.update(now)  # type: ignore[arg-type]
