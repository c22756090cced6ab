"""Which shard a cluster is in, and by which number of shards the replicas share."""

from __future__ import annotations

from collections import Counter

import pytest

from etcd_operator.core.sharding.shards import (
    ANNOTATION_SHARDS,
    MOST_SHARDS,
    Recorded,
    find_shard,
    name_lease,
    read_recorded,
    succeed,
)
from etcd_operator.json_types import Json


def lease(record: str | None = None, holder: str = "") -> Json:
    """The Lease of shard 0."""
    annotations = {} if record is None else {ANNOTATION_SHARDS: record}
    return {"metadata": {"annotations": annotations}, "spec": {"holderIdentity": holder}}


def test_the_shard_of_a_cluster_is_the_same_in_every_process_and_release() -> None:
    found = [find_shard("team", name, 4) for name in ("a", "b", "c", "db", "orders")]
    assert found == [0, 0, 2, 3, 2]
    assert find_shard("other", "a", 4) != find_shard("team", "a", 4)
    assert {find_shard("team", name, 1) for name in "abc"} == {0}


def test_clusters_are_spread_evenly() -> None:
    names = [(f"team-{number // 10}", f"c{number}") for number in range(10_000)]
    sizes = Counter(find_shard(*name, MOST_SHARDS) for name in names)
    assert len(sizes) == MOST_SHARDS
    assert max(sizes.values()) < 1.15 * min(sizes.values())


def test_the_first_lease_has_the_name_that_it_has_without_shards() -> None:
    assert [name_lease(shard) for shard in range(3)] == [
        "etcd-operator",
        "etcd-operator-1",
        "etcd-operator-2",
    ]


@pytest.mark.parametrize(
    ("found", "recorded"),
    [
        ({}, Recorded()),
        (lease(), Recorded()),
        (lease("4 a", "a"), Recorded(4)),
        (lease("4 a", ""), Recorded(4)),
        (lease("4 a pending", "a"), Recorded(4, pending=True)),
        # A holder of an earlier release, which leaves the annotation as it was.
        (lease("4 a", "b"), Recorded()),
        *[(lease(text, "a"), Recorded()) for text in ("", "x a", "0 a", "17 a", "-1 a", "٣ a")],
        (lease("9" * 5000 + " a", "a"), Recorded()),
        (lease("4", "a"), Recorded()),
    ],
)
def test_what_is_recorded(found: Json, recorded: Recorded) -> None:
    assert read_recorded(found) == recorded


@pytest.mark.parametrize(
    "recorded", [Recorded(), Recorded(4), Recorded(4, True), Recorded(1, True)]
)
def test_what_is_written_is_read_again(recorded: Recorded) -> None:
    assert read_recorded(lease(recorded.write("a"), "a")) == recorded


@pytest.mark.parametrize(
    ("found", "count", "recorded"),
    [
        (lease(), 1, Recorded(1)),
        # Nobody but the holder of this Lease can have worked.
        (lease(holder="old"), 4, Recorded(4)),
        (lease("4 a"), 4, Recorded(4)),
        (lease("4 a", "a"), 4, Recorded(4)),
        (lease("nonsense", "a"), 4, Recorded(4)),
        # Holders of other shards work until they have read it.
        (lease("4 a"), 2, Recorded(2, pending=True)),
        (lease("4 a"), 1, Recorded(1, pending=True)),
        (lease("4 a pending"), 4, Recorded(4, pending=True)),
        (lease("1 a pending"), 1, Recorded(1, pending=True)),
        # An earlier release has taken it from one of four, and may have had it for a second only.
        (lease("4 a", "old"), 4, Recorded(4, pending=True)),
        (lease("4 a", "old"), 1, Recorded(1, pending=True)),
    ],
)
def test_what_the_next_holder_records(found: Json, count: int, recorded: Recorded) -> None:
    assert succeed(found, count) == recorded
