"""From a page to somebody who hears it (core.delivery): when it goes around, when it escalates, and when it is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.core.worlds import START, at
from watchdog.core.alert import Acknowledgement, Alert, Cause, Description, Edge, EdgeKind, Identity, Seen, State
from watchdog.core.delivery import RECEIVERS, Deliveries, Delivery, Paging, Step
from watchdog.core.facts import Subject
from watchdog.core.report import Accepted, Hearing, ReadBack, Recalled, Report
from watchdog.core.severity import Sev

PAGING = Paging(peers=True, fallback_after=1, readback_within=10, escalation=(Step(60, ("lead",)), Step(90, ("cto",))))
QUIET = replace(PAGING, escalation=())
FIRED, ROSE, LATCHED, REFIRED = EdgeKind.FIRED, EdgeKind.ROSE, EdgeKind.LATCHED, EdgeKind.REFIRED
RESOLVED, ACKNOWLEDGED, RESTORED = EdgeKind.RESOLVED, EdgeKind.ACKNOWLEDGED, EdgeKind.RESTORED
HEARD, UNHEARD, UNKNOWN = Hearing
SILENCED = "silenced by ops@example until 2026-11-24T10:00:00.000Z: deploy"


def named(number: int = 0) -> Identity:
    return Identity("KillSwitchNotHalted", Subject("kill_switch", (("location", str(number)),)), Cause.BREACH)


def alert(told_at: float, sev: Sev = Sev.SEV0, number: int = 0, acknowledged: float | None = None) -> Alert:
    said, when = Description({}, {}), at(told_at)
    by = None if acknowledged is None else Acknowledgement("e", "ann", "on it", at(acknowledged).wall, when.wall)
    return Alert(
        named(number), "execution", State.FIRING, sev, Seen.PRESENT, when, when, None, (), said, said, "i",
        told_at=when, acknowledged=by,
    )  # fmt: skip


def happens(kind: EdgeKind, seconds: float, told_at: float = 0, sev: Sev = Sev.SEV0, number: int = 0) -> Edge:
    known = alert(told_at, sev, number, seconds if kind is ACKNOWLEDGED else None)
    return Edge(kind, known, at(seconds))


def takes(seconds: float, receiver: str = "am-0", told_at: float = 0, peer: bool = True, number: int = 0) -> Accepted:
    return Accepted(named(number), receiver, told_at, at(seconds), at(seconds), peer)


def says(seconds: float, hearing: Hearing, why: str = "", peer: str = "am-0", number: int = 0) -> ReadBack:
    return ReadBack(named(number), peer, hearing, why, at(seconds))


class Life:
    """Drives deliveries as the daemon does: at what happens, and when they say that time alone changes something."""

    def __init__(self, paging: Paging = PAGING) -> None:
        self.paging, self.of = paging, Deliveries()
        self.told: list[str] = []
        self.edges: list[Edge] = []
        self.alerts: dict[Identity, Alert] = {}

    def until(self, seconds: float) -> Life:
        while (due := self.of.next_due()) is not None and due < seconds:
            self._turn(due, ())
        return self

    def turn(self, seconds: float, *news: Edge | Report) -> Life:
        self.until(seconds)._turn(seconds, news)
        return self

    def _turn(self, seconds: float, news: Sequence[Edge | Report]) -> None:
        edges = [edge for edge in news if isinstance(edge, Edge)]
        reports = [report for report in news if not isinstance(report, Edge)]
        for edge in edges:
            if edge.kind is RESOLVED:
                self.alerts.pop(edge.alert.identity, None)
            else:
                self.alerts[edge.alert.identity] = edge.alert
        self.of, more = self.of.after(edges, reports, self.alerts, self.paging, at(seconds))
        self.edges.extend(more)
        self.told.extend(
            f"{edge.at.mono:g} {edge.kind} {edge.why}" + "".join(f" > {to}" for to in edge.to) for edge in more
        )


UNTAKEN = "no Alertmanager has accepted it within 1 s"
UNSURE = "it could not be found out within 10 s whether anybody hears of it"
News = Mapping[float, Edge | Report | tuple[Edge | Report, ...]]
CASES: Mapping[str, tuple[News, list[str]]] = {
    "nobody takes it": ({0: happens(FIRED, 0)}, [f"1 unheard {UNTAKEN}"]),
    "nobody takes a Sev-1": ({0: happens(FIRED, 0, sev=Sev.SEV1)}, [f"1 unheard {UNTAKEN}"]),
    "a Sev-2 is nobody's page": ({0: happens(FIRED, 0, sev=Sev.SEV2)}, []),
    "taken at the last moment": ({0: happens(FIRED, 0, sev=Sev.SEV1), 1: takes(1)}, []),
    "taken too late": ({0: happens(FIRED, 0, sev=Sev.SEV1), 1.1: takes(1.1)}, [f"1 unheard {UNTAKEN}"]),
    "only a webhook took it": ({0: happens(FIRED, 0), 0.5: takes(0.5, "hook", peer=False)}, [f"1 unheard {UNTAKEN}"]),
    "it ended before anybody took it": (
        {0: happens(FIRED, 0), 0.5: happens(RESOLVED, 0.5)}, [f"1 unheard {UNTAKEN}"],
    ),
    "taken after its end": (
        {0: happens(FIRED, 0, sev=Sev.SEV1), 0.5: happens(RESOLVED, 0.5, sev=Sev.SEV1), 0.7: takes(0.7)}, [],
    ),
    "taken and ended": (
        {0: happens(FIRED, 0, sev=Sev.SEV1), 0.5: takes(0.5), 0.6: happens(RESOLVED, 0.6, sev=Sev.SEV1)}, [],
    ),
    "ended before it could be said who hears of it": (
        {0: happens(FIRED, 0), 0.1: takes(0.1), 0.2: happens(RESOLVED, 0.2)}, [f"10.1 unheard {UNSURE}"],
    ),
    "ended and then seen to be silenced, once": (
        {0: happens(FIRED, 0), 0.1: takes(0.1), 0.2: happens(RESOLVED, 0.2), 0.3: says(0.3, UNHEARD, SILENCED),
         0.4: says(0.4, UNHEARD, "muted by nights", "am-1")},
        [f"0.3 unheard {SILENCED} (am-0)"],
    ),
    "ended and then seen to be heard": (
        {0: happens(FIRED, 0), 0.1: takes(0.1), 0.2: happens(RESOLVED, 0.2), 0.3: says(0.3, HEARD)}, [],
    ),
    "ended after it was heard": (
        {0: happens(FIRED, 0), 0.1: (takes(0.1), says(0.1, HEARD)), 0.2: happens(RESOLVED, 0.2)}, [],
    ),
    "ended after it had gone around": (
        {0: happens(FIRED, 0), 1.5: takes(1.5), 1.6: happens(RESOLVED, 1.6)}, [f"1 unheard {UNTAKEN}"],
    ),
    "acknowledged before it would go around": ({0: happens(FIRED, 0), 0.5: happens(ACKNOWLEDGED, 0.5)}, []),
    "acknowledged, and over": (
        {0: happens(FIRED, 0), 0.5: (happens(ACKNOWLEDGED, 0.5), happens(RESOLVED, 0.5))}, [],
    ),
    "who took the page before has not taken this one": (
        {0: happens(FIRED, 0, sev=Sev.SEV1), 0.5: takes(0.5), 20: happens(ROSE, 20, 20, Sev.SEV1), 20.5: takes(20.5)},
        [f"21 unheard {UNTAKEN}"],
    ),
    "a rise from Sev-2 is a page": ({0: happens(ROSE, 0, sev=Sev.SEV1)}, [f"1 unheard {UNTAKEN}"]),
    "each page goes around": (
        {0: happens(FIRED, 0, sev=Sev.SEV1), 5: happens(LATCHED, 5), 9: happens(REFIRED, 9, 9, Sev.SEV1)},
        [f"1 unheard {UNTAKEN}", f"10 unheard {UNTAKEN}"],
    ),
    "what was acknowledged pages again": (
        {0: happens(FIRED, 0, sev=Sev.SEV1), 0.2: happens(ACKNOWLEDGED, 0.2), 9: happens(REFIRED, 9, 9, Sev.SEV1)},
        [f"10 unheard {UNTAKEN}"],
    ),
    "what flaps cannot put its page off": (
        {t / 4: happens(FIRED if t % 2 == 0 else RESOLVED, t / 4, t / 4, Sev.SEV1) for t in range(8)},
        [f"1 unheard {UNTAKEN}", f"2.5 unheard {UNTAKEN}"],
    ),
    "heard": ({0: happens(FIRED, 0), 0.1: takes(0.1), 0.2: says(0.2, HEARD)}, []),
    "silenced": (
        {0: happens(FIRED, 0), 0.1: takes(0.1), 0.2: says(0.2, UNHEARD, SILENCED)}, [f"0.2 unheard {SILENCED} (am-0)"],
    ),
    "silenced, a Sev-1": (
        {0: happens(FIRED, 0, sev=Sev.SEV1), 0.1: takes(0.1), 0.2: says(0.2, UNHEARD, SILENCED)}, [],
    ),
    "one peer through which it is heard is enough": (
        {0: happens(FIRED, 0), 0.1: takes(0.1), 0.2: (says(0.2, UNHEARD, SILENCED), says(0.2, HEARD, peer="am-1"))}, [],
    ),
    "who does not know says nothing": (
        {0: happens(FIRED, 0), 0.1: takes(0.1), 0.2: (says(0.2, UNHEARD, SILENCED), says(0.2, UNKNOWN, peer="am-1"))},
        [f"0.2 unheard {SILENCED} (am-0)"],
    ),
    "silenced later, at every peer": (
        {0: happens(FIRED, 0), 0.1: (takes(0.1), says(0.1, HEARD)), 0.2: says(0.2, HEARD, peer="am-1"),
         40: says(40, UNHEARD, SILENCED), 41: says(41, UNHEARD, SILENCED, "am-1")},
        [f"41 unheard {SILENCED} (am-0)"],
    ),
    "each cause once": (
        {0: happens(FIRED, 0), 0.1: takes(0.1), 1: says(1, UNHEARD, SILENCED), 2: says(2, UNHEARD, "muted by nights"),
         3: says(3, UNHEARD, SILENCED), 4: says(4, UNHEARD, "inhibited by x"),
         5: says(5, UNHEARD, "to receiver null, which has no integration")},
        [f"1 unheard {SILENCED} (am-0)", "2 unheard muted by nights (am-0)", "4 unheard inhibited by x (am-0)",
         "5 unheard to receiver null, which has no integration (am-0)"],
    ),
    "two causes at once are one page": (
        {0: happens(FIRED, 0), 0.1: (takes(0.1), says(0.1, UNKNOWN), says(0.1, UNKNOWN, peer="am-1")),
         1: (says(1, UNHEARD, SILENCED), says(1, UNHEARD, "inhibited by x", "am-1"))},
        [f"1 unheard inhibited by x (am-1); {SILENCED} (am-0)"],
    ),
    "a comment is no cause": (
        {0: happens(FIRED, 0), 0.1: takes(0.1), 1: says(1, UNHEARD, "silenced by x: muted"),
         2: says(2, UNHEARD, "muted by n: silenced")},
        ["1 unheard silenced by x: muted (am-0)", "2 unheard muted by n: silenced (am-0)"],
    ),
    "read back of the page before": (
        {0: happens(FIRED, 0), 0.1: takes(0.1), 0.2: says(0.2, HEARD), 20: happens(REFIRED, 20, 20),
         20.1: (takes(20.1, told_at=20), says(19.9, UNHEARD, SILENCED))}, [f"30.1 unheard {UNSURE}"],
    ),
    "silenced, and acknowledged": (
        {0: happens(FIRED, 0), 0.1: takes(0.1), 5: happens(ACKNOWLEDGED, 5), 6: says(6, UNHEARD, SILENCED)}, [],
    ),
    "silenced, and over": (
        {0: happens(FIRED, 0), 0.1: takes(0.1), 5: happens(RESOLVED, 5), 6: says(6, UNHEARD, SILENCED)},
        [f"6 unheard {SILENCED} (am-0)"],
    ),
    "no peer says anything": ({0: happens(FIRED, 0), 0.5: takes(0.5)}, [f"10.5 unheard {UNSURE}"]),
    "no peer can say": (
        {0: happens(FIRED, 0), 0.5: takes(0.5), 1: says(1, UNKNOWN, "Timeout")},
        [f"10.5 unheard {UNSURE} (am-0: Timeout)"],
    ),
    "heard once, and unknown since": (
        {0: happens(FIRED, 0), 0.5: takes(0.5), 1: says(1, HEARD), 2: says(2, UNKNOWN, "Timeout")}, [],
    ),
    "of a Sev-1 nobody asks": ({0: happens(FIRED, 0, sev=Sev.SEV1), 0.5: takes(0.5)}, []),
    "late, and then unknown": (
        {0: happens(FIRED, 0), 2: takes(2)}, [f"1 unheard {UNTAKEN}", f"12 unheard {UNSURE}"],
    ),
    "what flaps cannot put off that it is unknown": (
        {0: happens(FIRED, 0), 0.5: takes(0.5), 6: happens(REFIRED, 6, 6), 6.5: takes(6.5, told_at=6)},
        [f"10.5 unheard {UNSURE}"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_page_goes_around_when_and_only_when_nobody_hears_of_it(case: str) -> None:
    news, expected = CASES[case]
    life = Life(QUIET)
    for seconds, what in news.items():
        life.turn(seconds, *(what if isinstance(what, tuple) else (what,)))
    assert life.until(1_000).told == expected


def test_without_alertmanagers_or_who_stands_in_for_them_nothing_goes_around_and_nothing_stays() -> None:
    life = Life(replace(QUIET, peers=False)).turn(0, happens(FIRED, 0)).turn(1, says(1, UNHEARD, SILENCED))
    assert life.until(1_000).told == []
    assert not life.turn(1_000, happens(RESOLVED, 1_000)).of.of


ESCALATIONS: Mapping[str, tuple[News, list[str]]] = {
    "nobody answers": (
        {}, ["60 escalated nobody has acknowledged it within 60 s > lead",
             "90 escalated nobody has acknowledged it within 90 s > cto"],
    ),
    "answered": ({59: happens(ACKNOWLEDGED, 59)}, []),
    "answered late": ({70: happens(ACKNOWLEDGED, 70)}, ["60 escalated nobody has acknowledged it within 60 s > lead"]),
    "over": ({59: happens(RESOLVED, 59)}, []),
    "latched is not over": (
        {59: happens(LATCHED, 59), 80: happens(ACKNOWLEDGED, 80)},
        ["60 escalated nobody has acknowledged it within 60 s > lead"],
    ),
    "a new page begins anew": (
        {70: happens(REFIRED, 70, 70), 70.1: (takes(70.1, told_at=70), says(70.1, HEARD)), 140: happens(RESOLVED, 140)},
        ["60 escalated nobody has acknowledged it within 60 s > lead",
         "130 escalated nobody has acknowledged it within 60 s > lead"],
    ),
    "a loop that stood still tells each once": (
        {200: ()}, ["200 escalated nobody has acknowledged it within 90 s > lead > cto"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ESCALATIONS)
def test_a_sev_0_that_nobody_acknowledges_escalates_step_by_step(case: str) -> None:
    news, expected = ESCALATIONS[case]
    life = Life().turn(0, happens(FIRED, 0)).turn(0.1, takes(0.1), says(0.1, HEARD))
    for seconds, what in news.items():
        if what == ():
            life._turn(seconds, ())  # nobody turned until then
        else:
            life.turn(seconds, *(what if isinstance(what, tuple) else (what,)))
    assert life.until(1_000).told == expected
    assert life.of.escalated == sum(line.count(" > ") for line in life.told)


def test_a_sev_1_never_escalates() -> None:
    assert Life().turn(0, happens(FIRED, 0, sev=Sev.SEV1)).turn(0.1, takes(0.1)).until(1_000).told == []


def test_what_goes_around_is_the_alert_as_it_was_told_and_what_escalates_as_it_is_now() -> None:
    life = Life().turn(0, happens(FIRED, 0))
    now = replace(alert(0), description=Description({}, {"summary": "worse"}))
    life.alerts[named()] = now
    life.until(70)
    assert [edge.alert for edge in life.edges] == [alert(0), now]


def test_a_restored_alert_is_waited_for_from_its_restoration_and_escalates_since_its_page() -> None:
    life = Life().turn(50, happens(RESTORED, 50))
    assert life.until(61).told == [
        f"51 unheard {UNTAKEN}",
        "60 escalated nobody has acknowledged it within 60 s > lead",
    ]


def recalls(**known: object) -> Recalled:
    return replace(Recalled(alert(0), "memory", at(49)), **known)  # type: ignore[arg-type]


def test_what_an_earlier_life_knew_of_a_page_is_known_of_the_restored_one() -> None:
    known = recalls(accepted=(takes(0.3),), around=("silenced",), escalated=1)
    life = Life().turn(50, happens(RESTORED, 50), known).turn(51, says(51, UNHEARD, SILENCED))
    assert life.until(1_000).told == ["90 escalated nobody has acknowledged it within 90 s > cto"]


def test_whether_a_restored_page_is_heard_is_asked_for_anew() -> None:
    life = Life(QUIET).turn(50, happens(RESTORED, 50), recalls(accepted=(takes(0.3),)))
    assert life.until(1_000).told == [f"60 unheard {UNSURE}"]


def test_what_is_remembered_of_another_page_or_of_what_had_ended_says_nothing_of_this_one() -> None:
    taken = (takes(0.3),)
    for known in (recalls(alert=alert(-5), accepted=taken), recalls(ended=True, accepted=taken)):
        assert Life(QUIET).turn(0, happens(RESTORED, 0), known).until(5).told == [f"1 unheard {UNTAKEN}"]


def test_a_restored_alert_that_is_over_at_once_and_that_nobody_took_still_goes_around() -> None:
    life = Life().turn(50, happens(RESTORED, 50), happens(RESOLVED, 50))
    assert life.until(1_000).told == [f"51 unheard {UNTAKEN}"]


def test_a_restored_alert_that_is_over_escalates_to_nobody() -> None:
    life = Life().turn(100, happens(RESTORED, 100), happens(RESOLVED, 100))
    assert life.until(1_000).told == [f"101 unheard {UNTAKEN}"]


def test_a_restored_alert_that_somebody_acknowledged_is_quiet() -> None:
    assert Life().turn(50, replace(happens(ACKNOWLEDGED, 50), kind=RESTORED)).until(1_000).told == []


def test_nothing_is_kept_of_what_is_over() -> None:
    life = Life()
    for number in range(200):
        life.turn(number, happens(FIRED, number, number, number=number))
        if number % 2:
            life.turn(number + 0.5, takes(number + 0.5, told_at=number, number=number))
        life.turn(number + 0.5, happens(RESOLVED, number + 0.5, number, number=number))
        assert len(life.of.of) <= 2 + PAGING.readback_within
    life.until(1_000)
    assert not life.of.of
    assert life.of.next_due() is None
    assert life.of.unheard == {"unaccepted": 100, "unknown": 100}


def test_receivers_that_come_and_go_by_other_names_are_forgotten_oldest_first() -> None:
    life = Life().turn(0, happens(FIRED, 0))
    for number in range(RECEIVERS + 10):
        life.turn(0.1, takes(0.1, f"am-{number}"), says(0.1, HEARD, "x" * 10_000, f"am-{number}"))
    (delivery,) = life.of.of.values()
    newest = [f"am-{number}" for number in range(10, RECEIVERS + 10)]
    assert ([*delivery.accepted], [*delivery.read_back]) == (newest, newest)
    assert max(len(read.why) for read in delivery.read_back.values()) <= 300


def test_a_peer_that_still_speaks_is_not_forgotten_for_those_that_do_not() -> None:
    life = Life().turn(0, happens(FIRED, 0)).turn(0.1, says(0.1, HEARD, peer="am"))
    life.turn(0.1, *(says(0.1, UNHEARD, SILENCED, f"gone-{number}") for number in range(RECEIVERS - 1)))
    life.turn(0.2, says(0.2, HEARD, "again", "am")).turn(0.2, says(0.2, UNHEARD, SILENCED, "one more"))
    (delivery,) = life.of.of.values()
    assert delivery.hearing is HEARD


def test_the_first_acceptance_of_a_page_counts_and_the_newest_word_on_it() -> None:
    life = Life().turn(0, happens(FIRED, 0)).turn(0.1, takes(0.1), says(0.1, UNKNOWN)).turn(5, takes(5), says(5, HEARD))
    (delivery,) = life.of.of.values()
    assert (delivery.accepted["am-0"].at, delivery.read_back["am-0"].at) == (at(0.1), at(5))
    assert delivery.hearing is HEARD


def test_a_turn_in_which_nothing_happens_answers_the_very_same() -> None:
    before = Life().turn(0, *(happens(FIRED, 0, number=number) for number in range(100))).of
    after, edges = before.after((), (), {}, PAGING, at(0.9))
    assert after is before
    assert not edges


def test_a_turn_touches_what_is_due_and_nothing_else() -> None:
    life = Life(QUIET).turn(0, *(happens(FIRED, number / 100, number / 100, number=number) for number in range(50)))
    before = life.of.of
    life.turn(1.0)
    assert [i for i in before if life.of.of[i] is not before[i]] == [named(0)]


def test_an_unused_date_does_not_make_the_loop_spin() -> None:
    life = Life(QUIET).turn(0, happens(FIRED, 0, sev=Sev.SEV1)).turn(0.5, takes(0.5)).until(50)
    assert life.of.next_due() is None


def test_a_page_by_the_wall_clock_of_another_year_still_counts_by_the_monotonic_one() -> None:
    edge = happens(FIRED, 0)
    when = replace(at(0), wall=START - timedelta(days=400))
    life = Life(QUIET).turn(0, replace(edge, alert=replace(edge.alert, told_at=when)))
    assert life.until(10).told == [f"1 unheard {UNTAKEN}"]


def test_pages_go_around_in_the_order_in_which_they_were_told() -> None:
    life = Life(QUIET).turn(0, *(happens(FIRED, 0, number=number) for number in (3, 1, 2))).turn(1)
    assert [edge.alert.identity for edge in life.edges] == [named(1), named(2), named(3)]
    assert isinstance(life.of.of[named(1)], Delivery)
