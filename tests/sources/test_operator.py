"""What operators say, as it is read: from a ConfigMap, or from a file."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from tests.fakes import START, HandClock, Outside
from watchdog.core.facts import Drill, Fact, OperatorEntry
from watchdog.core.instant import exact
from watchdog.core.observation import Facts
from watchdog.ports import KubernetesError, Unreachable
from watchdog.sources.operator import LIMIT, Operator

FILE = "/operators.json"
MISSING = KubernetesError(404, "NotFound", 'configmaps "watchdog-operator" not found')
FORBIDDEN = KubernetesError(403, "Forbidden", 'configmaps "watchdog-operator" is forbidden')


def note(why: str = "lunch") -> dict[str, str]:
    return {"verb": "note", "by": "ann", "why": why, "at": exact(START)}


def drill() -> dict[str, Any]:
    return {**note(), "verb": "drill", "sev": 0}


@dataclass
class Cluster:
    """A ``ports.Kubernetes`` that shows one object."""

    reply: Any = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)

    async def read(self, path: str, query: Mapping[str, str], timeout: float) -> bytes:
        self.paths.append(path)
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply if isinstance(self.reply, bytes) else json.dumps(self.reply).encode()

    def says(self, **entries: object) -> None:
        self.reply = {"data": {key: json.dumps(content) for key, content in entries.items()}}


@dataclass
class Desk:
    """Where operators write, and the source that reads it, look by look."""

    source: Operator
    clock: HandClock = field(default_factory=HandClock)
    outside: Outside = field(init=False)
    cluster: Cluster = field(default_factory=Cluster)
    looks: AsyncIterator[Facts] | None = None

    def __post_init__(self) -> None:
        self.outside = Outside(clock=self.clock)

    async def look(self, *, anew: bool = False) -> Facts:
        if self.looks is None or anew:
            cluster: Any = self.cluster
            ports = replace(self.outside.ports(), kubernetes=lambda kubeconfig, context: cluster)
            self.looks = self.source.streams()[""].looks(ports)
        try:
            return await anext(self.looks)
        except (KubernetesError, Unreachable, OSError):
            self.looks = None
            raise


@pytest.fixture
def desk() -> Desk:
    return Desk(Operator("operator", namespace="watchdog", poll_interval=0.001))


@pytest.fixture
def paper() -> Desk:
    return Desk(Operator("operator", file=FILE, poll_interval=0.001))


def told(seen: tuple[Fact, ...]) -> list[tuple[str, str]]:
    return [(fact.entry, fact.why) for fact in seen if isinstance(fact, OperatorEntry)]


async def test_each_key_of_the_config_map_is_an_entry(desk: Desk) -> None:
    desk.cluster.says(a=note(), b=note("tea"))
    looked = await desk.look()
    assert told(looked.seen) == [("a", "lunch"), ("b", "tea")] and looked.at == desk.clock.now()
    assert desk.cluster.paths == ["/api/v1/namespaces/watchdog/configmaps/watchdog-operator"]


@pytest.mark.parametrize("empty", [{}, {"data": None}, {"data": {}}])
async def test_a_config_map_without_data_has_no_entries(desk: Desk, empty: Any) -> None:
    desk.cluster.reply = empty
    assert await desk.look() == Facts(at=desk.clock.now())


async def test_binary_data_is_an_entry_that_nobody_can_understand(desk: Desk) -> None:
    desk.cluster.reply = {"binaryData": {"a": "AA=="}}
    [entry] = (await desk.look()).seen
    assert isinstance(entry, OperatorEntry) and entry.problem == "it is no JSON object"


async def test_what_is_told_once_is_not_told_again_until_it_changes(desk: Desk) -> None:
    desk.cluster.says(a=note(), b=note())
    await desk.look()
    looked = await desk.look()
    assert (looked.seen, looked.gone) == ((), ())
    desk.cluster.says(a=note(), b=note("tea"))
    assert told((await desk.look()).seen) == [("b", "tea")]


async def test_an_entry_that_vanishes_is_gone_also_while_nobody_looked(desk: Desk) -> None:
    desk.cluster.says(a=note(), b=note(), c=note())
    await desk.look()
    desk.cluster.says(a=note(), b=note())
    assert [dict(subject.labels) for subject in (await desk.look()).gone] == [{"entry": "c"}]
    desk.cluster.reply = Unreachable("Timeout")
    with pytest.raises(Unreachable):
        await desk.look()
    desk.cluster.says(a=note())
    looked = await desk.look()
    assert told(looked.seen) == [("a", "lunch")], "after a failure everything is told anew"
    assert [dict(subject.labels) for subject in looked.gone] == [{"entry": "b"}]


async def test_a_drill_ends_by_time_alone_and_goes_with_its_entry(desk: Desk) -> None:
    desk.cluster.says(d=drill())
    assert [f.running for f in (await desk.look()).seen if isinstance(f, Drill)] == [True]
    desk.clock.pass_(59)
    assert (await desk.look()).seen == ()
    desk.clock.pass_(2)
    assert [f.running for f in (await desk.look()).seen if isinstance(f, Drill)] == [False]
    desk.cluster.says()
    assert {subject.kind for subject in (await desk.look()).gone} == {Drill.KIND, OperatorEntry.KIND}


async def test_an_entry_that_becomes_malformed_is_told_so_and_its_drill_is_over(desk: Desk) -> None:
    desk.cluster.says(d=drill())
    await desk.look()
    desk.cluster.says(d={**drill(), "by": ""})
    looked = await desk.look()
    assert [f.problem for f in looked.seen if isinstance(f, OperatorEntry)] == ["by: missing or empty"]
    assert [subject.kind for subject in looked.gone] == [Drill.KIND]


async def test_an_entry_of_the_future_never_counts_while_it_stands_there_also_after_a_failure(desk: Desk) -> None:
    desk.cluster.says(a={**note(), "at": exact(START + timedelta(hours=1))})
    await desk.look()
    desk.clock.pass_(7200)
    [entry] = (await desk.look(anew=True)).seen
    assert isinstance(entry, OperatorEntry) and "in the future" in entry.problem


async def test_a_missing_config_map_is_unknown_and_says_what_to_make(desk: Desk) -> None:
    desk.cluster.reply = MISSING
    with pytest.raises(Unreachable) as raised:
        await desk.look()
    assert raised.value.reason == "Missing"
    assert raised.value.message == (
        "there is no ConfigMap watchdog/watchdog-operator, so nobody can acknowledge anything: "
        "kubectl create configmap watchdog-operator -n watchdog"
    )


async def test_a_config_map_that_may_not_be_read_is_unknown_and_says_what_it_needs(desk: Desk) -> None:
    desk.cluster.reply = FORBIDDEN
    with pytest.raises(KubernetesError) as raised:
        await desk.look()
    assert raised.value.status == 403 and "lets it get ConfigMap watchdog-operator" in raised.value.message


@pytest.mark.parametrize(
    "reply",
    [
        KubernetesError(404, "NotFound", "the server could not find the requested resource"),
        KubernetesError(500, "InternalError", "etcd"),
    ],
)
async def test_other_refusals_are_told_as_they_are(desk: Desk, reply: KubernetesError) -> None:
    desk.cluster.reply = reply
    with pytest.raises(KubernetesError) as raised:
        await desk.look()
    assert raised.value is reply


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'{"data": {"a": 1}}', b'{"data": []}'])
async def test_an_answer_that_is_no_config_map_is_unknown(desk: Desk, body: bytes) -> None:
    desk.cluster.reply = body
    with pytest.raises(Unreachable, match="Undecodable"):
        await desk.look()


async def test_a_file_that_is_not_there_has_no_entries_and_its_keys_may_hold_objects_or_texts(paper: Desk) -> None:
    assert (await paper.look()).seen == ()
    paper.outside.files.content[FILE] = json.dumps({"a": note(), "b": json.dumps(note("tea"))}).encode()
    assert told((await paper.look()).seen) == [("a", "lunch"), ("b", "tea")]
    del paper.outside.files.content[FILE]
    assert len((await paper.look()).gone) == 2


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", b'{"a": {}, "a": {}}', b""])
async def test_a_file_that_cannot_be_read_as_a_whole_is_unknown_and_takes_nothing_back(
    paper: Desk, content: bytes
) -> None:
    paper.outside.files.content[FILE] = json.dumps({"a": note()}).encode()
    await paper.look()
    paper.outside.files.content[FILE] = content
    with pytest.raises(Unreachable, match="Undecodable"):
        await paper.look()


async def test_a_file_that_is_too_large_or_may_not_be_read_is_unknown(paper: Desk) -> None:
    paper.outside.files.content[FILE] = b" " * (LIMIT + 1)
    with pytest.raises(Unreachable, match="TooLarge"):
        await paper.look()
    paper.outside.files.content[FILE] = PermissionError(13, "Permission denied")
    with pytest.raises(PermissionError):
        await paper.look()


@pytest.mark.parametrize(
    ("stanza", "why"),
    [
        ({}, "expected either namespace"),
        ({"namespace": "watchdog", "file": FILE}, "expected either namespace"),
        ({"file": "operators.json"}, "file: expected an absolute path"),
        ({"namespace": "a/b"}, "namespace: expected the name of a namespace"),
        ({"namespace": "watchdog", "config_map": "../x"}, "config_map: expected the name of a ConfigMap"),
        ({"namespace": "watchdog", "poll_interval": 0}, "poll_interval and timeout above 0"),
        ({"namespace": "watchdog", "stale_after": 3}, "stale_after: expected more than"),
    ],
)
def test_a_stanza_that_cannot_work_is_refused(stanza: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Operator("operator", **stanza)
