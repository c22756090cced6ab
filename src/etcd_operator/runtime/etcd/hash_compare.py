"""Compare what members hold, now and then, beside the passes.

A member reads its whole database to hash it. So it is one member after the other, few clusters at a
time, and the seldomer the larger the database is. Nothing is written anywhere.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from etcd_operator.core.consistency.divergence import is_comparable
from etcd_operator.core.model.members import Comparison
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.takeover.record import Stage
from etcd_operator.errors import EtcdError
from etcd_operator.runtime.etcd.pool import EtcdPool, address_of
from etcd_operator.runtime.process.clock import Clock
from etcd_operator.runtime.process.latest import Latest

log = structlog.get_logger("comparison")

# Between two comparisons of a cluster, and longer by the time that reading its database takes at
# this pace.
INTERVAL_SECONDS: Final = 300.0
BYTES_PER_SECOND: Final = 2**20
# Until a difference is looked at once more, and until a new cluster is compared for the first time,
# or what could not be compared is tried again.
CONFIRM_SECONDS: Final = 10.0
AGAIN_SECONDS: Final = 60.0
# For one member; one that takes longer is not compared.
CALL_SECONDS: Final = 60.0
AT_ONCE: Final = 2
REMEMBERED: Final = 10_000


@dataclass(slots=True)
class Known:
    """State of the comparisons of one cluster: the last ones, and when the next one is due.

    `hurried`: one was made early for a take-over; if it failed, the next keeps to its time.
    """

    due: float
    compared: tuple[Comparison, ...] = ()
    task: asyncio.Task[None] | None = None
    hurried: bool = False


class Comparer:
    """Remembers the last two comparisons of each cluster, and makes the next when it is due."""

    def __init__(self, etcd: EtcdPool, clock: Clock) -> None:
        self._etcd = etcd
        self._clock = clock
        self._known: Latest[str, Known] = Latest(REMEMBERED)
        self._turn = asyncio.Semaphore(AT_ONCE)

    def look(self, snapshot: Snapshot) -> tuple[Comparison, ...]:
        """Return the last comparisons of a cluster, the newest last; begin one if it is due."""
        uid, now = snapshot.naming.uid, self._clock.monotonic()
        known = self._known.get(uid)
        if known is None:
            known = Known(now + self._wait_first(snapshot))
        self._known[uid] = known
        idle = known.task is None or known.task.done()
        awaited = _is_awaited(known, snapshot)
        is_due = now >= known.due or awaited or _is_old(known, snapshot)
        if idle and is_due and is_comparable(snapshot):
            known.hurried = awaited or known.hurried
            known.task = asyncio.create_task(self._compare(known, snapshot))
        return known.compared

    def _wait_first(self, snapshot: Snapshot) -> float:
        """Seconds until the first comparison: soon of a new cluster, which has little to read.

        The others are spread: an operator that has started sees all of them at the same time.
        """
        created = snapshot.cluster.created
        if created and self._clock.now() - created < timedelta(seconds=INTERVAL_SECONDS):
            return AGAIN_SECONDS
        return zlib.crc32(snapshot.naming.uid.encode()) % int(INTERVAL_SECONDS)

    async def _compare(self, known: Known, snapshot: Snapshot) -> None:
        """Compare once. Whatever goes wrong, nothing was found, and it is tried again."""
        try:
            await self._compare_once(known, snapshot)
        finally:
            known.task = None  # what is over would be kept for each cluster

    async def _compare_once(self, known: Known, snapshot: Snapshot) -> None:
        known.due = float("inf")  # whoever looks meanwhile need not begin another
        async with self._turn:
            try:
                found = await self._hash_all(snapshot)
            except EtcdError as error:
                name = f"{snapshot.naming.namespace}/{snapshot.naming.name}"
                log.info("not compared", cluster=name, error=str(error)[:200])
                found = None
        before = known.compared[-1:] if found else known.compared
        known.compared = (*before, found) if found else before
        known.due = self._clock.monotonic() + _pause(known, found, snapshot)

    async def _hash_all(self, snapshot: Snapshot) -> Comparison | None:
        """Hash every member's keys up to what all have; None if their histories differ."""
        statuses = [probe.status for probe in snapshot.probes.values() if probe.status]
        statuses += snapshot.source_statuses
        revision = min(status.revision for status in statuses)
        hashes: dict[int, int] = {}
        histories = set()
        for member, address, of in _find_members(snapshot):
            client = await self._etcd.client(address, of=of)
            value, compacted = await client.hash_kv(
                revision, member_id=member, timeout=CALL_SECONDS
            )
            hashes[member] = value
            histories.add(compacted)
        if len(histories) != 1:
            return None
        return Comparison(self._clock.now(), revision, hashes)


def _find_members(snapshot: Snapshot) -> Iterator[tuple[int, str, str]]:
    """Each member, where it serves, and of whom that is, also of those that are taken over."""
    for seat in snapshot.seats():
        if seat.member and seat.pod:
            yield seat.member.id, address_of(seat.pod), ""
    for pod in snapshot.source.pods if snapshot.source else ():
        if pod.status and pod.allows and snapshot.take_over:
            yield pod.status.member_id, pod.address, snapshot.naming.uid


def _is_awaited(known: Known, snapshot: Snapshot) -> bool:
    """Whether a take-over waits for a comparison of all members, and none was begun for it."""
    record = snapshot.take_over
    if record is None or record.stage is not Stage.COMPARE or known.hurried:
        return False
    members = {member.id for member in snapshot.members}
    return not known.compared or not members <= known.compared[-1].hashes.keys()


def _is_old(known: Known, snapshot: Snapshot) -> bool:
    """Whether what was found is about members that are not all there any more."""
    if not known.compared or len(set(known.compared[-1].hashes.values())) == 1:
        return False
    return set(known.compared[-1].hashes) != {member.id for member in snapshot.members}


def _pause(known: Known, found: Comparison | None, snapshot: Snapshot) -> float:
    """How long until the next comparison: soon, if this one has to be confirmed or repeated."""
    if found is None:
        return AGAIN_SECONDS
    differs = [len(set(each.hashes.values())) > 1 for each in known.compared]
    if differs[-1] and differs != [True, True]:
        return CONFIRM_SECONDS
    sizes = [probe.status.db_size for probe in snapshot.probes.values() if probe.status]
    return INTERVAL_SECONDS + max(sizes, default=0) / BYTES_PER_SECOND
