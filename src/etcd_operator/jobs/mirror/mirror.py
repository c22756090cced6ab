"""The step `mirror`: copy what the source has, follow what it writes, cut over if it is told to.

What is done next is read from the progress, which is in the same transaction as the keys: so this
goes on after whatever ended it. A revision that the source has compacted leads to a comparison of
everything, deletions included; the first copy is the same comparison with nothing here yet.
"""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from etcd_operator.core.mirror.copying import (
    Batch,
    Change,
    Comparison,
    Event,
    compare,
    plan_batches,
    split_changes,
    split_events,
)
from etcd_operator.core.mirror.progress import MirrorPhase, Progress, show_key
from etcd_operator.errors import EtcdError, EtcdRefused, EtcdUnreachable, Refusal, TaskError
from etcd_operator.jobs.members import open_member
from etcd_operator.jobs.mirror.ranges import KeyRange, is_compacted
from etcd_operator.jobs.mirror.source import Source, read_events
from etcd_operator.jobs.mirror.target import Target
from etcd_operator.json_types import Json
from etcd_operator.runtime.etcd.watch import WatchStream
from etcd_operator.wording import counted

# For errors that pass: so long without any success, then the Job says what it is.
PATIENCE_SECONDS: Final = 60.0
# For what a person has to mend, which an etcd that has just started says too.
REFUSED_SECONDS: Final = 15.0
# Between two looks at the source, and two writes of a progress without keys.
LOOK_SECONDS: Final = 1.0
# Without a write of the source, after all was compared.
QUIET_SECONDS: Final = 1.0
# Between two looks whether a range without events is unchanged, which reads all of it.
PROOF_SECONDS: Final = 5.0
# A watch without events for so long, while there were writes, is not the one of a member that has
# them.
STALLED_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class _Compared:
    """All was equal, at this time of the monotonic clock."""

    keys: int
    leased: int
    at: float


@dataclass(slots=True)
class _Ending:
    """A cut-over: the revision with which nothing was missing for the first time, and since when.

    `changed_at` is when something was written here the last time; what was `compared` before that
    counts no more.
    """

    revision: int = 0
    since: float = 0.0
    changed_at: float = 0.0
    compared: _Compared | None = None


async def mirror_keys(task: Json) -> Json:
    """Copy, follow, and cut over if the task says so. Raises TaskError.

    Returns only after a cut-over, with the number of keys and the revision of the source.
    """
    prefix = task["prefix"].encode()
    source = Source(task["endpoints"], prefix)
    here = KeyRange(open_member(task["target"], plain=not task["targetTls"]), prefix)
    writer = f"{os.environ.get('HOSTNAME', '')[-40:]}/{os.urandom(4).hex()}"
    mirror = Mirror(
        source,
        Target(here, writer),
        leases=task["leasedKeys"] == "Copy",
        cut_over=bool(task["cutOver"]),
        scope=f"{task['leasedKeys']} {sha256(prefix).hexdigest()[:16]}",
    )
    try:
        done = await mirror.run()
    finally:
        await source.close()
        await here.client.close()
    return {"keys": done.keys, "leased": done.leased, "revision": done.revision}


class Mirror:
    """One mirror, as one Pod carries it on."""

    def __init__(
        self, source: Source, target: Target, *, leases: bool, cut_over: bool, scope: str
    ) -> None:
        self._source = source
        self._target = target
        self._leases = leases
        self._cut_over = cut_over
        self._scope = scope
        self._written = 0.0
        self._looked = 0.0
        self._proved = 0.0
        self._advanced = time.monotonic()
        # Between two looks at the newest revision: when all wait for the end, sooner.
        self._pace = LOOK_SECONDS / 4 if cut_over else LOOK_SECONDS
        self._success = time.monotonic()
        self._shown: Progress | None = None
        self._ending = _Ending()

    async def run(self) -> Progress:
        """Go on until the cut-over; raises TaskError for what lasts."""
        pause = 0.1
        while True:
            try:
                return await self._go_on()
            except EtcdError as error:
                since = time.monotonic() - self._success
                if since < 1.0:
                    pause = 0.1
                if since > _find_patience(error):
                    raise TaskError(_explain(error)) from error
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5.0)
            await self._source.turn()

    async def _go_on(self) -> Progress:
        progress = await self._begin()
        while progress.phase is not MirrorPhase.CUT_OVER:
            try:
                if progress.phase is MirrorPhase.COPYING:
                    progress = await self._copy(progress)
                else:
                    progress = await self._follow(progress)
            except EtcdRefused as error:
                if not is_compacted(error):
                    raise
                progress = await self._copy_anew()
        return progress

    # The beginning

    async def _begin(self) -> Progress:
        """Return the progress, as this Pod goes on from it."""
        known = await self._target.load()
        self._ending.compared = None
        cluster, revision = await self._source.look(known.source if known else 0)
        if known is None:
            known = await self._find_first(cluster, revision)
        elif known.scope != self._scope:
            raise TaskError(
                "The mirror began with another prefix or another leasedKeys: set them back in "
                "spec.bootstrap.mirror, or delete the EtcdCluster and begin again."
            )
        elif revision < known.revision:
            raise EtcdUnreachable(
                f"{self._source.keys.client.address}: its revision is {revision}, and it had "
                f"{known.revision} before"
            )
        if known.phase is not MirrorPhase.CUT_OVER:
            known = replace(known, problem="")
            await self._write((), known, known)
        return known

    async def _find_first(self, cluster: int, revision: int) -> Progress:
        there, _ = await self._target.keys.count()
        if there:
            under = " under the prefix" if self._target.keys.prefix else ""
            raise TaskError(
                f"This cluster has {counted(there, 'key')}{under} that no mirror has written, and "
                "nothing is overwritten: create the EtcdCluster anew, or delete these keys."
            )
        total, _ = await self._source.keys.count(revision)
        return Progress(
            MirrorPhase.COPYING, cluster, began=revision, revision=revision, seen=revision,
            total=total, scope=self._scope,
        )  # fmt: skip

    async def _copy_anew(self) -> Progress:
        """Begin with a comparison of everything: the source has compacted what was to follow."""
        known = await self._target.load()
        if known is None:
            raise EtcdUnreachable(f"{self._target.keys.client.address}: the progress is gone")
        self._ending.compared = None
        _, revision = await self._source.look(known.source)
        total, _ = await self._source.keys.count(revision)
        anew = replace(
            known, phase=MirrorPhase.COPYING, revision=revision, seen=revision, keys=0,
            leased=0, total=total, cursor=b"",
        )  # fmt: skip
        await self._write((), known, anew)
        return anew

    # The first phase

    async def _copy(self, progress: Progress) -> Progress:
        start = max(progress.cursor, self._source.keys.first)
        while True:
            found = await self._compare_from(start, progress.revision)
            if found.stranger is not None:
                raise TaskError(
                    f"The key {show_key(found.stranger)} of this cluster was written by somebody "
                    "else. Until the cut-over only the mirror may write here: delete the key, or "
                    "delete the EtcdCluster and begin again."
                )
            after = replace(
                progress,
                keys=progress.keys + found.keys,
                leased=progress.leased + found.leased,
                cursor=found.following or b"",
                phase=MirrorPhase.COPYING if found.following else MirrorPhase.FOLLOWING,
            )
            parts = list(split_changes(found.changes))
            for part in parts[:-1]:
                await self._write(part, progress, progress)
            if parts or found.following is None or self._is_due():
                await self._write(parts[-1] if parts else (), progress, after)
            progress = after
            if found.following is None:
                return progress
            start = found.following

    async def _compare_from(self, start: bytes, revision: int) -> Comparison:
        there, here = await asyncio.gather(
            self._source.keys.read_page(start, revision), self._target.keys.read_page(start)
        )
        self._success = time.monotonic()
        return compare(there, here, leases=self._leases, last_write=self._target.revision)

    # The second phase

    async def _follow(self, progress: Progress) -> Progress:
        self._advanced = time.monotonic()
        async with await self._source.watch(progress.revision + 1) as stream:
            while True:
                progress, idle = await self._take_events(stream, progress)
                if time.monotonic() - self._looked < self._pace:
                    continue
                self._looked = time.monotonic()
                _, seen = await self._source.look(progress.source)
                self._success = time.monotonic()
                progress = await self._catch_up(progress, seen, idle=idle)
                progress = replace(progress, seen=max(seen, progress.revision))
                self._insist_on_events(progress)
                if self._cut_over and not progress.lag:
                    progress = await self._try_to_end(progress)
                if progress != self._shown:
                    await self._write((), progress, progress)
                if progress.phase is MirrorPhase.CUT_OVER:
                    return progress

    def _insist_on_events(self, progress: Progress) -> None:
        now = time.monotonic()
        if not progress.lag:
            self._advanced = now
        elif now - self._advanced > STALLED_SECONDS:
            raise EtcdUnreachable(f"{self._source.keys.client.address}: its watch is silent")

    async def _take_events(self, stream: WatchStream, progress: Progress) -> tuple[Progress, bool]:
        """Apply what has come; return the progress, and whether nothing came for a while."""
        response = await stream.read(LOOK_SECONDS / 4)
        if response is None:
            return progress, True
        pending: tuple[Event, ...] = ()
        while response is not None:
            complete, pending = split_events(
                pending, read_events(response), whole=not response.fragment
            )
            for batch in plan_batches(complete, progress.revision, leases=self._leases):
                progress = await self._apply(progress, batch)
            if not pending:
                return progress, False
            response = await stream.read(PATIENCE_SECONDS)  # the rest of one revision
        raise EtcdUnreachable("the rest of a revision does not come")

    async def _apply(self, progress: Progress, batch: Batch) -> Progress:
        revision = max(batch.revision, progress.revision)
        after = replace(progress, revision=revision, seen=max(progress.seen, revision))
        self._advanced = time.monotonic()
        if batch.changes:
            changed = await self._write(batch.changes, progress, after)
            if changed:
                self._ending.changed_at, self._ending.compared = time.monotonic(), None
        return after

    async def _catch_up(self, progress: Progress, seen: int, *, idle: bool) -> Progress:
        """Advance to a revision at which the range is as it was: keys beside it were written.

        Of a write in the range there is an event; without a prefix that is every write.
        """
        now, pause = time.monotonic(), LOOK_SECONDS if self._cut_over else PROOF_SECONDS
        waits = not idle or seen <= progress.revision or now - self._proved < pause
        if waits or not self._source.keys.prefix:
            return progress
        self._proved = now
        found = await self._source.keys.find_unchanged(progress.revision)
        return replace(progress, revision=found) if found else progress

    # The third phase

    async def _try_to_end(self, progress: Progress) -> Progress:
        """Compare everything; end if it is equal, and nothing is written for a while after that."""
        ending, now = self._ending, time.monotonic()
        if not ending.since:
            ending.since, ending.revision = now, progress.revision
        problem = ""
        if ending.changed_at > ending.since:
            problem = (
                f"The source is still written to: its revision went from {ending.revision} to "
                f"{progress.revision}. Stop all writers"
            )
        progress = replace(progress, problem=problem)
        if now - ending.changed_at < QUIET_SECONDS:
            return progress
        found = ending.compared
        if found is None:
            ending.compared = await self._compare_all(progress.revision)
        if found is None or now - found.at < QUIET_SECONDS:
            return progress
        return replace(
            progress, phase=MirrorPhase.CUT_OVER, keys=found.keys, total=found.keys,
            leased=found.leased, problem="",
        )  # fmt: skip

    async def _compare_all(self, revision: int) -> _Compared:
        start, keys, leased = self._source.keys.first, 0, 0
        while True:
            found = await self._compare_from(start, revision)
            if found.changes:
                raise TaskError(
                    f"The key {show_key(found.changes[0].key)} is not the same in the source and "
                    "here, so it is not cut over. Somebody else has written or deleted it here: "
                    "put it right, or delete the EtcdCluster and begin again."
                )
            keys, leased = keys + found.keys, leased + found.leased
            if found.following is None:
                return _Compared(keys, leased, time.monotonic())
            start = found.following

    # Writes

    def _is_due(self) -> bool:
        return time.monotonic() - self._written >= LOOK_SECONDS

    async def _write(self, changes: tuple[Change, ...], before: Progress, after: Progress) -> int:
        changed = await self._target.write(changes, before, after)
        self._written = self._success = time.monotonic()
        self._shown = after
        return changed


def _find_patience(error: EtcdError) -> float:
    if isinstance(error, EtcdRefused):
        return REFUSED_SECONDS if error.refusal is Refusal.AUTHENTICATION else 0.0
    return PATIENCE_SECONDS


def _explain(error: EtcdError) -> str:
    if isinstance(error, EtcdRefused) and error.refusal is Refusal.AUTHENTICATION:
        return (
            f"{error}. Correct user and password, or the certificate, in the Secrets that "
            "spec.bootstrap.mirror.source names; the user needs to read the range."
        )
    if isinstance(error, EtcdRefused):
        return f"etcd refuses it: {error}."
    return f"No answer for {PATIENCE_SECONDS:.0f} s: {error}."
