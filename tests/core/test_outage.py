"""What a page says of a source that does not see (core.outage)."""

from __future__ import annotations

from watchdog.core.facts import Unknown
from watchdog.core.outage import LONGEST, explained, reworded

REFUSED = Unknown("ConnectionRefused", "nobody listens there")


def test_a_message_is_said_once_with_the_first_three_of_its_looks() -> None:
    assert explained((f"look {n}", REFUSED) for n in range(5)) == (
        "ConnectionRefused: nobody listens there (look 0, look 1, look 2 and 2 more)"
    )


def test_a_source_of_one_nameless_look_has_the_message_alone() -> None:
    assert explained([("", REFUSED)]) == "ConnectionRefused: nobody listens there"
    assert explained([("", Unknown("Crashed"))]) == "Crashed"
    assert explained([("read", Unknown("Crashed"))]) == "Crashed (read)"


def test_what_is_longer_than_a_page_names_the_rest_and_stays_bounded() -> None:
    many = [(f"tap {n}", Unknown("NotFound", f"create it with: {n}" + " gcloud" * 45)) for n in range(9)]
    told = explained(many)
    assert many[0][1].message in told and told.endswith("; also tap 1, tap 2, tap 3 and 5 more")
    assert len(explained([("x" * 900, Unknown("A", "y" * 900))])) == LONGEST >= len(told)


def test_what_is_secret_in_a_message_is_hidden_before_it_is_put_on_one_line() -> None:
    assert "hunter2" not in explained([("", Unknown("Bad", "it says\npassword: hunter2"))])
    assert "hunter2" not in explained([("", Unknown("Bad", "password: hunter2"))])


def test_other_numbers_are_other_words_for_the_same_and_other_reasons_are_not() -> None:
    assert reworded(Unknown("A", "port 1"), Unknown("A", "port 2"))
    assert not reworded(Unknown("A", "port 1"), Unknown("B", "port 2"))
    assert not reworded(Unknown("A", "port 1"), Unknown("A", "host 1"))
    assert not reworded(None, REFUSED) and not reworded(REFUSED, REFUSED)
