"""Shares are even, one shard has one replica, and few shards change hands."""

from __future__ import annotations

import itertools
import random
from collections import Counter

import pytest

from etcd_operator.core.sharding.assignment import assign
from tests.builders.exhaustive import exhaustive


@pytest.mark.parametrize(
    ("holders", "replicas", "assigned"),
    [
        (("",), ("a",), ("a",)),
        (("", "", "", ""), ("a", "b"), ("a", "a", "b", "b")),
        (("b", "", "b", ""), ("a", "b"), ("b", "a", "b", "a")),
        # A replica that comes gets the last shards of who has most.
        (("a", "a", "a", "a"), ("a", "b"), ("a", "a", "b", "b")),
        (("a", "b", "a", "b"), ("a", "b", "c"), ("a", "b", "a", "c")),
        # A replica that is gone leaves its shards.
        (("a", "b", "a", "b"), ("b",), ("b", "b", "b", "b")),
        (("a", "b", "c", "a"), ("b", "c"), ("b", "b", "c", "c")),
        # More replicas than shards: the others wait.
        (("a", "b"), ("a", "b", "c"), ("a", "b")),
        (("", ""), ("c", "b", "a"), ("a", "b")),
        (("a", ""), (), ("", "")),
    ],
)
def test_who_holds_what(
    holders: tuple[str, ...], replicas: tuple[str, ...], assigned: tuple[str, ...]
) -> None:
    assert assign(holders, replicas) == assigned


@pytest.mark.parametrize("seed", [*range(20), *exhaustive(*range(20, 200))])
def test_shares_are_even_and_few_shards_move(seed: int) -> None:
    choice = random.Random(seed)
    replicas = [f"r{number}" for number in range(choice.randint(1, 9))]
    known = ["", "gone", *replicas]
    holders = [choice.choice(known) for _ in range(choice.randint(1, 16))]
    assigned = assign(holders, replicas)
    assert assigned == assign(holders, list(reversed(replicas)))
    sizes = Counter(assigned)
    shares = [sizes[replica] for replica in replicas]
    assert sum(shares) == len(holders)
    assert max(shares) - min(shares) <= 1
    # Nobody who is there loses a shard that would not make the shares uneven.
    moved = Counter(
        before
        for before, after in zip(holders, assigned, strict=True)
        if before in replicas and before != after
    )
    for replica in moved:
        assert sizes[replica] >= len(holders) // len(replicas)


@pytest.mark.parametrize("seed", range(50))
def test_it_is_at_rest_once_everybody_has_followed_it(seed: int) -> None:
    choice = random.Random(seed)
    replicas = [f"r{number}" for number in range(choice.randint(1, 9))]
    holders = [choice.choice(["", *replicas]) for _ in range(choice.randint(1, 16))]
    assigned = assign(holders, replicas)
    assert assign(assigned, replicas) == assigned


def test_one_that_comes_and_one_that_goes_move_no_more_than_a_share() -> None:
    for shards, replicas in itertools.product(range(1, 17), range(1, 9)):
        names = [f"r{number}" for number in range(replicas)]
        before = assign([""] * shards, names)
        with_new = assign(before, [*names, "new"])
        assert _count_moves(before, with_new) == with_new.count("new")
        without = assign(before, names[1:])
        if len(names) > 1:
            assert _count_moves(before, without) == before.count(names[0])


def _count_moves(before: tuple[str, ...], after: tuple[str, ...]) -> int:
    return sum(old != new for old, new in zip(before, after, strict=True))
