"""Shards that this replica holds: an Election for each, and who is to stand for which.

With one shard, this is the election of one replica that acts. With more, each replica takes the
free Leases that its share has, and gives up those that another's share has: it ends the passes
first, and releases the Lease then. Nobody takes what is held, so that no cluster ever has two.

A replica works only while the Lease of shard 0 records its own number of shards, as it read within
the time after which it would give up a Lease. Who records another number waits for longer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from etcd_operator.core.sharding.assignment import assign
from etcd_operator.core.sharding.shards import (
    ANNOTATION_SHARDS,
    ROSTER_NAME,
    Recorded,
    name_lease,
    read_recorded,
    succeed,
)
from etcd_operator.json_types import Json
from etcd_operator.runtime.kubernetes.api import KubeApi
from etcd_operator.runtime.kubernetes.lease import Candidacy, Election, Terms
from etcd_operator.runtime.kubernetes.roster import Roster
from etcd_operator.runtime.process.clock import Clock

log = structlog.get_logger("shards")

# How often a replica asks itself whether it is still to hold a shard, in seconds.
CHECK_SECONDS: Final = 1.0


class ShardElections:
    """The elections of one replica for `count` shards."""

    def __init__(
        self,
        api: KubeApi,
        clock: Clock,
        namespace: str,
        identity: str,
        count: int,
        terms: Terms | None = None,
    ) -> None:
        self._clock = clock
        self._identity = identity
        self._terms = terms = terms or Terms()
        # When a Lease of theirs was last seen to have expired.
        self._gone: dict[str, float] = {}
        self.record = CountRecord(clock, identity, count, terms)
        self._roster = Roster(api, clock, namespace, ROSTER_NAME, identity, str(count), terms)
        self._elections = [
            Election(api, clock, namespace, identity, name_lease(shard), terms, _Stand(self, shard))
            for shard in range(count)
        ]

    @property
    def _shared(self) -> bool:
        return len(self._elections) > 1

    async def run(self, work: Callable[[int], Awaitable[None]]) -> None:
        """Run `work(shard)` for each shard while this replica holds it, until cancelled."""
        if self._shared:
            # Who took one Lease before it has seen the others would take too many.
            await asyncio.gather(
                self._roster.enter(), *(election.look() for election in self._elections)
            )
        async with asyncio.TaskGroup() as group:
            if self._shared:
                group.create_task(self._roster.run())
            for shard, election in enumerate(self._elections):
                group.create_task(self._stand(shard, election, work))

    async def _stand(
        self, shard: int, election: Election, work: Callable[[int], Awaitable[None]]
    ) -> None:
        while True:
            await election.hold(lambda: self._serve(shard, work))

    async def _serve(self, shard: int, work: Callable[[int], Awaitable[None]]) -> None:
        """Work while this is this replica's shard; returns when it is another's."""
        while not self.record.in_force:
            if shard:  # whoever holds shard 0 makes the record what it is to be
                return
            await asyncio.sleep(CHECK_SECONDS)
        serving = asyncio.ensure_future(work(shard))
        try:
            while self.record.in_force and self.is_due(shard) and not serving.done():
                await asyncio.wait({serving}, timeout=CHECK_SECONDS)
            if not serving.done():
                log.info("giving up a shard", lease=name_lease(shard))
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
        if not serving.cancelled():
            serving.result()

    def is_due(self, shard: int) -> bool:
        """Whether this replica's share has the shard, by what it has read."""
        if not self._shared:
            return True
        holders = [election.holder for election in self._elections]
        there = (self._roster.find_replicas() | set(holders)) - self._find_gone() - {""}
        return assign(holders, there | {self._identity})[shard] == self._identity

    def _find_gone(self) -> set[str]:
        """Return the replicas that have let a Lease expire: their others will, one by one."""
        now = self._clock.monotonic()
        self._gone |= {e.expired_holder: now for e in self._elections if e.expired_holder}
        self._gone = {who: at for who, at in self._gone.items() if now - at <= self._terms.lease}
        return set(self._gone)


class CountRecord:
    """Number of shards by which this replica goes, beside the one that is recorded."""

    def __init__(self, clock: Clock, identity: str, count: int, terms: Terms) -> None:
        self._clock = clock
        self._identity = identity
        self._count = count
        self._terms = terms
        self._recorded = Recorded()
        self._read_at: float | None = None
        # Since when this replica has known that its own record is there, and pending.
        self._pending_since: float | None = None

    @property
    def is_ours(self) -> bool:
        """Whether replicas share by the same number as this one, now or soon."""
        return self._recorded.count == self._count

    @property
    def in_force(self) -> bool:
        """Whether they do now, and this one has read it of late."""
        read_at = self._read_at
        fresh = read_at is not None and (
            self._clock.monotonic() - read_at < self._terms.renew_deadline
        )
        return fresh and self._recorded == Recorded(self._count)

    def saw(self, lease: Json, at: float) -> None:
        """Note the Lease of shard 0."""
        self._recorded, self._read_at = read_recorded(lease), at

    def annotate(self, lease: Json, *, taken: bool) -> Json:
        """Return what to write on the Lease of shard 0, as its holder."""
        wanted = succeed(lease, self._count)
        if taken or not wanted.pending:
            self._pending_since = None
        elif read_recorded(lease) == wanted and self._is_over():
            wanted = Recorded(self._count)
        present = ((lease.get("metadata") or {}).get("annotations") or {}).get(ANNOTATION_SHARDS)
        text = wanted.write(self._identity)
        return {} if text == present else {ANNOTATION_SHARDS: text}

    def _is_over(self) -> bool:
        """Whether everybody has read the record, or has stopped because it could not."""
        now = self._clock.monotonic()
        if self._pending_since is None:
            self._pending_since = now
        return now - self._pending_since >= self._terms.lease


class _Stand(Candidacy):
    """A replica's candidacy for the Lease of one shard."""

    def __init__(self, shards: ShardElections, shard: int) -> None:
        self._shards = shards
        self._shard = shard

    def saw(self, lease: Json, at: float) -> None:
        """The Lease of shard 0 has the record."""
        if self._shard == 0:
            self._shards.record.saw(lease, at)

    def may_take(self) -> bool:
        """Shard 0 first: who takes it may record another number of shards."""
        record = self._shards.record
        if self._shard == 0 and not record.is_ours:
            return True
        return (self._shard == 0 or record.in_force) and self._shards.is_due(self._shard)

    def annotate(self, lease: Json, *, taken: bool) -> Json:
        """The record is on the Lease of shard 0."""
        return self._shards.record.annotate(lease, taken=taken) if self._shard == 0 else {}
