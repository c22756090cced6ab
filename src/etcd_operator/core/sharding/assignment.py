"""Assignment of shards to the replicas that are there.

Each replica computes it by itself, from what it has read. Two that have read something else may
compute something else for a moment: the Lease of each shard has one holder all the same.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence


def assign(holders: Sequence[str], replicas: Collection[str]) -> tuple[str, ...]:
    """Return which replica is to hold each shard; shares differ by one at most.

    `holders` has the holder of each shard, empty for none. A holder that is none of the `replicas`
    has lost its shards. As few shards as can be change hands: a replica keeps the first of its
    own, and those that hold most have the larger shares. Without any replica, nobody holds one.
    """
    held = {
        replica: [shard for shard, holder in enumerate(holders) if holder == replica]
        for replica in replicas
    }
    order = sorted(held, key=lambda replica: (-len(held[replica]), replica))
    shares = _share(len(holders), len(order))
    assigned = [""] * len(holders)
    open_shares: list[str] = []
    for replica, share in zip(order, shares, strict=True):
        kept = held[replica][:share]
        for shard in kept:
            assigned[shard] = replica
        open_shares += [replica] * (share - len(kept))
    unassigned = (shard for shard, replica in enumerate(assigned) if not replica)
    for shard, replica in zip(unassigned, open_shares, strict=bool(order)):
        assigned[shard] = replica
    return tuple(assigned)


def _share(shards: int, replicas: int) -> list[int]:
    """Return the sizes of equal shares, the larger ones first."""
    if not replicas:
        return []
    least, more = divmod(shards, replicas)
    return [least + (number < more) for number in range(replicas)]
