"""Look at a mirror: its Jobs from the caches, and its progress in the etcd of the cluster.

The source is never asked here: only the Job connects to what an EtcdCluster names.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from etcd_operator.api.cluster import EtcdCluster
from etcd_operator.core.mirror.progress import PROGRESS_KEY, Progress, read_progress
from etcd_operator.core.mirror.state import MirrorJob, MirrorState
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.errors import EtcdError
from etcd_operator.runtime.etcd.pool import EtcdPool, address_of

JobsOf = Callable[[EtcdCluster], tuple[MirrorJob, ...]]
_SECONDS: Final = 1.0


class MirrorReader:
    """Adds to snapshots what is known of a mirror."""

    def __init__(self, etcd: EtcdPool, jobs_of: JobsOf) -> None:
        self._etcd = etcd
        self._jobs_of = jobs_of

    async def add_mirror(self, snapshot: Snapshot) -> Snapshot:
        """Return the snapshot with the mirror of the cluster, if it has one or had one."""
        cluster, bootstrap = snapshot.cluster, snapshot.cluster.spec.bootstrap
        jobs = self._jobs_of(cluster)
        wanted = bootstrap is not None and bootstrap.mirror is not None
        if cluster.deleting or not (wanted or jobs):
            return snapshot
        asked, progress = await self._read_progress(snapshot)
        if progress:
            progress = replace(progress, cursor=b"")
        return snapshot.evolve(mirror=MirrorState(jobs, progress, asked))

    async def _read_progress(self, snapshot: Snapshot) -> tuple[bool, Progress | None]:
        """Ask the first voter that serves; its answer is linearizable."""
        if not snapshot.quorum_confirmed:
            return False, None
        for seat in snapshot.seats():
            voter = seat.member and not seat.member.is_learner
            if voter and seat.pod and seat.serves(snapshot.live_cluster_id):
                client = await self._etcd.client(address_of(seat.pod))
                with contextlib.suppress(EtcdError):
                    value = await client.get(PROGRESS_KEY, timeout=_SECONDS)
                    return True, read_progress(value)
        return False, None


def find_source_passwords(cluster: EtcdCluster) -> set[str]:
    """Return the Secret with a password of the source, by name, if there is one."""
    mirror = cluster.spec.bootstrap.mirror if cluster.spec.bootstrap else None
    secret = mirror.source.password_secret if mirror and not cluster.deleting else None
    return {secret} if secret else set()
