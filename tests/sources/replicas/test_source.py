"""The other replicas: who lives, who we are ourselves, and what is not known."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.fakes import HandClock, Outside, Reply, ScriptedHttp
from tests.virtual import in_virtual_time
from watchdog.adapters.http import AioHttp
from watchdog.adapters.status_server import AioStatusServer
from watchdog.core.facts import Peer, Replicas, Unknown
from watchdog.core.observation import Facts
from watchdog.ports import Answer, Document, KubernetesError, Ports, Unreachable
from watchdog.sources.replicas import OtherReplicas, Pods

BY_NAME = OtherReplicas("replicas", service="watchdog-peers.watchdog")
ME, OTHER, THIRD = "10.0.0.1", "10.0.0.2", "fd00::3"


def lives(boot: str, message: str = "the loop turned") -> Answer:
    return Answer(200, {}, json.dumps({"ok": True, "message": message, "boot": boot}).encode())


STUCK = Answer(503, {}, b'{"ok": false, "message": "no turn for 20 s", "boot": "b"}')
REFUSED = Unreachable("ConnectionRefused", "nobody listens there")


@dataclass
class Directory:
    """A DNS that names these addresses, or fails."""

    named: Sequence[str] | Unreachable = (ME, OTHER)

    async def addresses(self, host: str, timeout: float) -> Sequence[str]:
        assert (host, timeout) == ("watchdog-peers.watchdog", 1.0)
        if isinstance(self.named, Unreachable):
            raise self.named
        return self.named


@dataclass
class World:
    """Looks one after the other, at what a test changes in between."""

    source: OtherReplicas = field(default_factory=lambda: replace(BY_NAME))
    directory: Directory = field(default_factory=Directory)
    answers: dict[str, Reply] = field(default_factory=lambda: {f"{ME}:8080": lives("a"), f"{OTHER}:8080": lives("b")})
    clock: HandClock = field(default_factory=HandClock)
    _looks: AsyncIterator[Facts] | None = None

    @property
    def ports(self) -> Ports:
        http = ScriptedHttp(REFUSED, self.answers)
        return replace(Outside(self.clock, http).ports(), names=lambda: self.directory, boot="a")

    async def look(self) -> Facts:
        """Each in a stream that began anew."""
        return await anext(self.source.streams()[""].looks(self.ports))


def replicas(facts: Facts) -> Replicas:
    (fact,) = (fact for fact in facts.seen if isinstance(fact, Replicas))
    return fact


def peers(facts: Facts) -> dict[str, bool]:
    return {fact.peer: fact.live for fact in facts.seen if isinstance(fact, Peer)}


async def test_the_other_lives_and_we_ourselves_do_not_count() -> None:
    seen = await World().look()
    assert replicas(seen) == Replicas(1, 1, "1 of 1 other lives") and seen.at is not None
    assert peers(seen) == {f"{OTHER}:8080": True}


async def test_two_are_expected_and_the_third_is_reached_over_ipv6() -> None:
    world = World(OtherReplicas("replicas", service="watchdog-peers.watchdog", expected=2))
    world.directory.named, world.answers[f"[{THIRD}]:8080"] = (ME, OTHER, THIRD), lives("c")
    assert replicas(await world.look()) == Replicas(2, 2, "2 of 2 others live")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (STUCK, "no turn for 20 s"),
        (REFUSED, "ConnectionRefused: nobody listens there"),
        (Unreachable("Timeout", "no whole answer within 1 s"), "Timeout: no whole answer within 1 s"),
        (Answer(200, {}, b"<html>"), "Http200: it answers 200, and not as a watchdog does"),
        (Answer(200, {}, b'{"ok": false, "message": "not today"}'), "not today"),
        (Answer(503, {}, b'{"ok": true, "boot": "b"}'), "it says nothing more"),
        (Answer(302, {}, b""), "Http302: it answers 302, and not as a watchdog does"),
        (Answer(200, {}, b'{"ok": ' + b"[" * 9000), "Http200: it answers 200, and not as a watchdog does"),
    ],
)
async def test_whoever_does_not_say_that_it_lives_does_not(answer: Reply, why: str) -> None:
    world = World()
    world.answers[f"{OTHER}:8080"] = answer
    seen = await world.look()
    assert replicas(seen) == Replicas(1, 0, f"0 of 1 other lives; {OTHER}:8080: {why}")
    assert peers(seen) == {f"{OTHER}:8080": False}


async def test_when_a_peer_last_lived_is_remembered_until_its_address_is_gone() -> None:
    world = World()
    began = world.clock.now().wall.timestamp()
    await world.look()
    world.clock.pass_(10)
    world.answers[f"{OTHER}:8080"] = STUCK
    (peer,) = (fact for fact in (await world.look()).seen if isinstance(fact, Peer))
    assert (peer.live, peer.last_seen_epoch_seconds, peer.explanation) == (False, began, "no turn for 20 s")
    world.directory.named = (ME,)
    alone = await world.look()
    assert alone.gone == (peer.subject,) and not peers(alone)
    assert replicas(alone).explanation == "0 of 1 other lives; no other address is known"
    world.directory.named = (ME, OTHER)
    (again,) = (fact for fact in (await world.look()).seen if isinstance(fact, Peer))
    assert again.last_seen_epoch_seconds == Unknown("Never", "it has not said that it lives")


async def test_we_are_no_other_where_we_once_answered_and_now_do_not() -> None:
    world = World()
    await world.look()
    world.answers[f"{ME}:8080"] = Unreachable("Timeout", "busy")
    assert peers(await world.look()) == {f"{OTHER}:8080": True}
    world.answers[f"{ME}:8080"] = lives("c")
    assert peers(await world.look()) == {f"{ME}:8080": True, f"{OTHER}:8080": True}


async def test_who_answers_at_two_addresses_is_one() -> None:
    world = World(OtherReplicas("replicas", service="watchdog-peers.watchdog", expected=2))
    world.directory.named, world.answers[f"[{THIRD}]:8080"] = (ME, OTHER, THIRD), lives("b")
    assert replicas(await world.look()).live == 1


async def test_a_version_that_tells_no_boot_counts() -> None:
    world = World()
    world.answers[f"{OTHER}:8080"] = Answer(200, {}, b'{"ok": true, "message": "the loop turned"}')
    assert replicas(await world.look()).live == 1


@pytest.mark.parametrize("reason", ["Timeout", "NameNotFound", "DnsFailure"])
async def test_without_the_dns_it_is_not_known_who_lives(reason: str) -> None:
    world = World(directory=Directory(Unreachable(reason, "no answer")))
    seen = replicas(await world.look())
    assert seen.live == Unknown(reason, "no answer")
    assert seen.explanation == (
        f"0 of 1 other lives; who else there may be could not be found out: {reason}: no answer"
    )


async def test_a_dns_that_fails_later_hides_nobody_whom_it_named_before() -> None:
    world = World()
    await world.look()
    world.directory.named = Unreachable("Timeout", "no answer")
    seen = await world.look()
    assert replicas(seen).live == 1 and peers(seen) == {f"{OTHER}:8080": True}
    world.answers[f"{OTHER}:8080"] = STUCK  # another may have taken its place, where we do not know
    seen = await world.look()
    assert replicas(seen).live == Unknown("Timeout", "no answer") and peers(seen) == {f"{OTHER}:8080": False}


async def test_a_name_that_stands_for_very_many_costs_no_more_than_sixteen_requests() -> None:
    world = World(directory=Directory([f"10.0.1.{n}" for n in range(200)]))
    assert len(peers(await world.look())) == 16


async def test_addresses_can_be_given() -> None:
    world = World(OtherReplicas("replicas", urls=(f"http://{ME}:8080", f"http://{OTHER}:8080")))
    world.directory.named = Unreachable("Timeout", "nobody asks")
    assert replicas(await world.look()).live == 1


@pytest.mark.parametrize("hanging", [0, 1, 2])
def test_a_look_takes_no_longer_than_two_timeouts_however_many_hang(hanging: int) -> None:
    @dataclass
    class Hanging:
        async def get(self, url: str, *, headers: Mapping[str, str], timeout: float, limit: int) -> Answer:
            await asyncio.sleep(timeout)
            raise Unreachable("Timeout", "")

    async def run() -> float:
        world = World(directory=Directory([f"10.0.1.{n}" for n in range(hanging)]))
        await anext(world.source.streams()[""].looks(replace(world.ports, http=Hanging())))  # type: ignore[arg-type]
        return asyncio.get_running_loop().time()

    assert in_virtual_time(run()) <= 1.0


# Its Pods


@dataclass
class Listing:
    """An API server that lists these Pods."""

    answer: bytes | Exception
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)

    async def read(self, path: str, query: Mapping[str, str], timeout: float) -> bytes:
        self.asked.append((path, query))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def pod(name: str, phase: str, ready: str, **metadata: str) -> dict[str, Any]:
    conditions = [{"type": "Initialized", "status": "True"}, {"type": "Ready", "status": ready}]
    return {"metadata": {"name": name, **metadata}, "status": {"phase": phase, "conditions": conditions}}


WITH_PODS = OtherReplicas(
    "replicas",
    service="watchdog-peers.watchdog",
    pods=Pods("watchdog", {"app.kubernetes.io/part-of": "y", "app.kubernetes.io/name": "watchdog"}),
)


async def explained(answer: bytes | Exception) -> str:
    """What a lonely replica says after a look at its Pods."""
    world, listing = World(replace(WITH_PODS)), Listing(answer)
    world.directory.named = (ME,)
    ports = replace(world.ports, kubernetes=lambda kubeconfig, context: listing)  # type: ignore[arg-type, return-value]
    try:
        assert await anext(world.source.streams()["pods"].looks(ports)) == Facts()
    except (KubernetesError, Unreachable):
        assert not isinstance(answer, bytes) or b"items" not in answer
    selector = "app.kubernetes.io/name=watchdog,app.kubernetes.io/part-of=y"
    assert listing.asked == [("/api/v1/namespaces/watchdog/pods", {"labelSelector": selector, "limit": "20"})]
    return replicas(await world.look()).explanation


async def test_the_pods_explain_why_it_is_alone() -> None:
    listed = [
        pod("watchdog-b", "Pending", "False"),
        pod("watchdog-a", "Running", "True"),
        pod("watchdog-c", "Running", "False", deletionTimestamp="2026-11-23T15:00:00Z"),
        {"metadata": {"name": "watchdog-d"}},
    ]
    assert (await explained(json.dumps({"items": listed}).encode())).endswith(
        "; Pod watchdog-a is Running, ready; Pod watchdog-b is Pending, not ready; "
        "Pod watchdog-c is Running, not ready, being deleted; Pod watchdog-d is Unknown, not ready"
    )


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (KubernetesError(403, "Forbidden", "no"), "the Pods cannot be seen: 403 Forbidden: no"),
        (Unreachable("Timeout", "late"), "the Pods cannot be seen: Timeout: late"),
        (b"<html>", "the Pods cannot be seen: Undecodable: the API server answers otherwise than agreed"),
        (b'{"items": []}', "no Pod bears the labels"),
    ],
)
async def test_that_the_pods_cannot_be_seen_is_said_and_hides_nothing(answer: bytes | Exception, said: str) -> None:
    assert f"0 of 1 other lives; no other address is known; {said}" in await explained(answer)


# What they remember


def remembering(boot: str, *alerts: Any) -> Answer:
    document = {"as_of": "2026-11-23T14:59:00Z", "boot": boot, "alerts": alerts}
    return Answer(200, {}, json.dumps(document).encode())


def record(rule: str) -> dict[str, Any]:
    subject = {"kind": "workload", "labels": [["namespace", "a"], ["kind", "Deployment"], ["workload", "x"]]}
    told = {"labels": {}, "annotations": {"summary": "it runs"}}
    return {
        "record": {
            "rule": rule, "subject": subject, "cause": "breach", "group": "execution", "state": "firing", "sev": 0,
            "active_since": "2026-11-23T14:58:00Z", "fired_at": "2026-11-23T14:58:00Z", "description": told,
            "incident": "i",
        }
    }  # fmt: skip


async def recalled(world: World) -> list[str]:
    return [f"{one.alert.identity.rule} of {one.origin}" for one in await world.source.recalled(world.ports)]


async def test_what_the_other_knows_is_recalled_and_not_what_we_know() -> None:
    world = World()
    world.answers = {f"{ME}:8080": remembering("a", record("Mine")), f"{OTHER}:8080": remembering("b", record("X"))}
    assert await recalled(world) == ["X of peer"]


async def test_a_record_that_is_not_sound_sinks_no_other() -> None:
    world = World()
    world.answers[f"{OTHER}:8080"] = remembering("b", {"record": {"rule": 1}}, 7, record("Y"))
    assert await recalled(world) == ["Y of peer"]


async def test_one_that_answers_is_enough_and_no_other_is_nothing_to_recall() -> None:
    world = World()
    world.directory.named = (ME, OTHER, THIRD)
    world.answers = {f"{ME}:8080": remembering("a"), f"{OTHER}:8080": remembering("b", record("X"))}
    assert await recalled(world) == ["X of peer"]
    world.directory.named = (ME,)
    assert await recalled(world) == []


@pytest.mark.parametrize(
    "answer",
    [
        STUCK, REFUSED, Answer(503, {}, remembering("b", record("X")).body),
        *(Answer(200, {}, body) for body in (b"<html>", b"[]", b"{}", b"[" * 9000)),
    ],
)  # fmt: skip
async def test_where_none_answers_it_may_yet(answer: Reply) -> None:
    world = World()
    world.answers = {f"{ME}:8080": remembering("a"), f"{OTHER}:8080": answer}
    with pytest.raises(Unreachable):
        await recalled(world)


async def test_where_the_dns_is_silent_they_may_yet_be_found() -> None:
    with pytest.raises(Unreachable, match="no answer"):
        await recalled(World(directory=Directory(Unreachable("Timeout", "no answer"))))


async def test_over_a_socket_too() -> None:
    async with AioStatusServer("127.0.0.1", 0) as server, AioHttp() as http:
        server.show("/livez", lambda headers: Document(lives("b").body))
        source = OtherReplicas("replicas", urls=(f"http://127.0.0.1:{server.port}/",))
        ports = replace(Outside(http=http).ports(), boot="a")
        assert replicas(await anext(source.streams()[""].looks(ports))).live == 1


REFUSED_STANZAS: list[Any] = [
    lambda: OtherReplicas("r"),
    lambda: OtherReplicas("r", service="peers", urls=("http://a",)),
    lambda: OtherReplicas("r", service="http://peers"),
    lambda: OtherReplicas("r", urls=("a:8080",)),
    lambda: OtherReplicas("r", urls=("http://a", "http://a")),
    lambda: OtherReplicas("r", service="peers", port=0),
    lambda: OtherReplicas("r", service="peers", expected=0),
    lambda: OtherReplicas("r", service="peers", poll_interval=0),
    lambda: OtherReplicas("r", service="peers", timeout=0),
    lambda: OtherReplicas("r", service="peers", stale_after=4),
    lambda: Pods("not a namespace", {"a": "b"}),
    lambda: Pods("watchdog", {}),
    lambda: Pods("watchdog", {"a": "b"}, poll_interval=0),
]


@pytest.mark.parametrize("made", REFUSED_STANZAS)
def test_a_stanza_that_cannot_be_is_refused(made: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        made()
