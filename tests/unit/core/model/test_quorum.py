"""Raft arithmetic, against its definition, for every small cluster."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest

from etcd_operator.core.model.quorum import (
    has_quorum,
    keeps_quorum_while_down,
    keeps_quorum_without,
    majority,
    serving_ids,
    voter_ids,
    voters_not_serving,
)
from tests.builders.snapshots import formed, member_id, silent, with_learner, with_spec


def subsets(everyone: range) -> list[tuple[int, ...]]:
    """All subsets, as the members that may be alive."""
    return [s for n in range(len(everyone) + 1) for s in combinations(everyone, n)]


@pytest.mark.parametrize("voters", range(1, 10))
def test_two_majorities_always_meet(voters: int) -> None:
    assert 2 * majority(voters) > voters
    assert 2 * (majority(voters) - 1) <= voters


@pytest.mark.parametrize("voters", range(1, 8))
def test_quorum_for_every_set_of_living_members(voters: int) -> None:
    everyone = range(voters)
    for alive in subsets(everyone):
        assert has_quorum(everyone, alive) == (2 * len(alive) > voters)
        for one in everyone:
            rest = len(set(alive) - {one})
            assert keeps_quorum_without(everyone, alive, one) == (
                voters > 1 and 2 * rest > voters - 1
            )
            assert keeps_quorum_while_down(everyone, alive, one) == (2 * rest > voters)


def test_strangers_do_not_count() -> None:
    assert not has_quorum([1, 2, 3], [1, 8, 9])


def test_learners_neither_vote_nor_count_as_missing() -> None:
    snapshot = with_learner(with_spec(formed(3), size=5), 3)
    assert voter_ids(snapshot) == {member_id(0), member_id(1), member_id(2)}
    assert voters_not_serving(snapshot) == ()


def test_serving_means_answering_as_this_member_of_this_cluster() -> None:
    snapshot = silent(formed(3), 1)
    assert serving_ids(snapshot) == {member_id(0), member_id(2)}
    assert [seat.ordinal for seat in voters_not_serving(snapshot)] == [1]


def test_an_answer_counts_for_the_member_that_gave_it() -> None:
    """A Pod that answers with another member's ID does not serve for its ordinal."""
    snapshot = formed(3)
    swapped = replace(snapshot, probes={**snapshot.probes, 2: snapshot.probes[1]})
    assert serving_ids(swapped) == {member_id(0), member_id(1)}
