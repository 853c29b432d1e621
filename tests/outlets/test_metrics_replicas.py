"""What /metrics says of the other replicas, and of clocks."""

from __future__ import annotations

from tests.core.worlds import World, saw
from tests.outlets.test_metrics import samples
from watchdog.core.assessment import Assessment
from watchdog.core.facts import ClockSkew, Fact, Peer, Replicas, Unknown
from watchdog.core.observation import Coverage, Scope

LOST = Unknown("Timeout", "no answer")
OURSELVES = Scope("ourselves", "")


def level(*facts: Fact) -> Assessment:
    kinds = frozenset({Replicas.KIND, Peer.KIND, ClockSkew.KIND})
    return World(coverage={OURSELVES: Coverage(kinds, 60.0)}).turn(1, saw(1, OURSELVES, *facts))


async def test_peers_are_counted_and_each_says_whether_it_lives_and_when_it_last_did() -> None:
    never = Unknown("Never")
    facts = (Replicas(2, 1, ""), Peer("10.0.0.2:8080", True, 1e9, ""), Peer("10.0.0.3:8080", False, never, ""))
    found = await samples(level(*facts))
    assert (found["watchdog_peers_expected{}"], found["watchdog_peers_live{}"]) == (2.0, 1.0)
    assert found["watchdog_peer_up{peer=10.0.0.2:8080}"] == 1.0
    assert found["watchdog_peer_up{peer=10.0.0.3:8080}"] == 0.0
    assert found["watchdog_peer_last_seen_timestamp_seconds{peer=10.0.0.2:8080}"] == 1e9
    assert "watchdog_peer_last_seen_timestamp_seconds{peer=10.0.0.3:8080}" not in found
    assert found["watchdog_fact_known{fact=replicas}"] == 1.0


async def test_how_many_live_has_no_sample_while_it_is_unknown() -> None:
    found = await samples(level(Replicas(1, LOST, "")))
    assert "watchdog_peers_live{}" not in found
    assert (found["watchdog_peers_expected{}"], found["watchdog_fact_known{fact=replicas}"]) == (1.0, 0.0)


async def test_each_clock_says_how_far_ours_is_ahead_and_nothing_while_it_is_unknown() -> None:
    found = await samples(level(ClockSkew("kubernetes", -3.5, ""), ClockSkew("am-0:9093", LOST, "")))
    assert found["watchdog_clock_ahead_seconds{against=kubernetes}"] == -3.5
    assert "watchdog_clock_ahead_seconds{against=am-0:9093}" not in found
    assert found["watchdog_fact_known{against=am-0:9093,fact=clock}"] == 0.0
