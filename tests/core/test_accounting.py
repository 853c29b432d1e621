"""What two ends of a gap say of one object: every combination, against the sentence of the rule."""

from __future__ import annotations

from itertools import product

import pytest

from watchdog.core.accounting import Account, Finding, Version, account

BEFORE = Version("uid", 3, 100)
COUNTLESS = Version("uid", 0, 100)
"""Of a kind that counts no writes: a ConfigMap, a Pod before 1.33."""


@pytest.mark.parametrize(
    ("before", "after", "finding", "reason", "excludable"),
    [
        (None, None, Finding.NOTHING, "", False),
        (BEFORE, BEFORE, Finding.NOTHING, "", False),
        (BEFORE, Version("uid", 3, 107), Finding.NOTHING, "", False),  # status writes
        (BEFORE, Version("uid", 4, 101), Finding.SEEN, "", False),  # a flip and back needs two
        (BEFORE, Version("uid", 5, 102), Finding.UNSEEN, "Rewritten", False),
        (BEFORE, Version("uid", 900, 1002), Finding.UNSEEN, "Rewritten", False),
        (BEFORE, Version("other", 1, 102), Finding.UNSEEN, "Recreated", False),
        (BEFORE, Version("other", 3, 100), Finding.UNSEEN, "Recreated", False),
        (BEFORE, Version("uid", 3, 99), Finding.UNSEEN, "RolledBack", False),
        (BEFORE, Version("uid", 2, 101), Finding.UNSEEN, "RolledBack", False),
        (BEFORE, None, Finding.UNSEEN, "Vanished", False),
        (None, Version("uid", 1, 102), Finding.SEEN, "", False),
        (None, Version("uid", 2, 102), Finding.UNSEEN, "Appeared", False),
        (COUNTLESS, COUNTLESS, Finding.NOTHING, "", False),
        (COUNTLESS, Version("uid", 0, 101), Finding.UNSEEN, "Rewritten", True),
        (COUNTLESS, Version("uid", 0, 99), Finding.UNSEEN, "RolledBack", False),
        (COUNTLESS, Version("other", 0, 101), Finding.UNSEEN, "Recreated", False),
        (COUNTLESS, None, Finding.UNSEEN, "Vanished", False),
        (None, COUNTLESS, Finding.UNSEEN, "Appeared", True),
        (COUNTLESS, Version("uid", 1, 101), Finding.UNSEEN, "Rewritten", True),  # the server was upgraded meanwhile
    ],
)
def test_what_an_object_before_and_after_says(
    before: Version | None, after: Version | None, finding: Finding, reason: str, excludable: bool
) -> None:
    said = account(before, after)
    assert (said.finding, said.reason, said.excludable) == (finding, reason, excludable)
    assert bool(said.suspicion) == (finding is Finding.UNSEEN), "a suspicion is a sentence"


VERSIONS = [None, *(Version(*v) for v in product(("a", "b"), range(4), range(4)))]


def test_in_no_case_can_two_writes_of_one_object_pass_for_none_or_one() -> None:
    """Exhaustively: whatever could have passed between the two is in doubt."""
    for before, after in product(VERSIONS, VERSIONS):
        said = account(before, after)
        if said.finding is not Finding.UNSEEN:
            assert _one_write_at_most(before, after), (before, after, said)
        else:
            assert said != Account(Finding.UNSEEN) and said.reason and before != after


def _one_write_at_most(before: Version | None, after: Version | None) -> bool:
    if before is None or after is None:
        return before is after or (after is not None and after.generation == 1)
    if before.uid != after.uid or after.revision < before.revision:
        return False
    if before.generation and after.generation:
        return after.generation - before.generation in (0, 1)
    return after.revision == before.revision and after.generation >= before.generation
