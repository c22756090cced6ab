"""The step `snapshot`: stream the database of a healthy follower into the spool.

A linearizable read first: the member that is chosen must have applied at least what had been
acknowledged by then, so that no write from before the backup is missing in it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from etcd_operator.core.model.members import CORRUPT, MemberStatus, format_id
from etcd_operator.core.tasks.jobs.paths import SNAPSHOT
from etcd_operator.errors import EtcdError, TaskError
from etcd_operator.jobs.io.files import SnapshotDigest, write_notes, writing
from etcd_operator.jobs.io.pipeline import join_pieces, use_behind
from etcd_operator.jobs.members import open_member, read_snapshot, serves_plain
from etcd_operator.json_types import Json
from etcd_operator.runtime.etcd.client import EtcdMemberClient

ASK_SECONDS: Final = 5.0
# A network that enforces policies knows the address of a new Pod a moment after the Pod begins.
ADMISSION_SECONDS: Final = 15.0
CATCH_UP_SECONDS: Final = 15.0
STREAM_SECONDS: Final = 6 * 3600.0
# Etcd sends 32 KiB at a time: what is hashed and written at a time.
PIECE: Final = 2**20


@dataclass(frozen=True, slots=True)
class Candidate:
    """A member that answers."""

    address: str
    status: MemberStatus


async def take_snapshot(task: Json) -> None:
    """Write the snapshot and what is known of it. Raises TaskError or EtcdError."""
    addresses = [urlsplit(url).netloc for url in task["endpoints"]]
    clients = {each: open_member(each, plain=serves_plain(task, each)) for each in addresses}
    try:
        notes = await _take(task, clients)
    finally:
        for client in clients.values():
            await client.close()
    write_notes(notes)


async def _take(task: Json, clients: dict[str, EtcdMemberClient]) -> Json:
    least, members = await _read_linearizable(clients, int(task["clusterId"] or "0", 16))
    chosen = await _choose(clients, least)
    taken, begun = datetime.now(UTC), time.monotonic()
    token = await clients[chosen.address].find_token()
    digest = SnapshotDigest()
    with writing(Path(SNAPSHOT)) as target:

        def use(piece: bytes) -> None:
            digest.update(piece)
            target.write(piece)

        # Nothing else is to be done meanwhile, so this loop may be kept waiting.
        plain = serves_plain(task, chosen.address)
        stream = read_snapshot(chosen.address, timeout=STREAM_SECONDS, token=token, plain=plain)
        use_behind(join_pieces(stream, PIECE), use)
    if not digest.is_whole:
        raise TaskError(
            f"The snapshot of {chosen.address} came damaged: its hash is not the one etcd appended."
        )
    return {
        "source": chosen.address,
        "clusterId": format_id(chosen.status.cluster_id),
        "etcdVersion": chosen.status.version,
        "leastRevision": chosen.status.revision,
        "taken": taken.isoformat(),
        "size": digest.size,
        "sha256": digest.hexdigest,
        "members": members,
        "seconds": round(time.monotonic() - begun, 3),
    }


async def _read_linearizable(
    clients: dict[str, EtcdMemberClient], cluster_id: int
) -> tuple[int, list[Json]]:
    """Return the revision and the members that a quorum stands behind; ask for a while."""
    deadline = time.monotonic() + ADMISSION_SECONDS
    while True:
        said = "no endpoint is known"
        for client in clients.values():
            try:
                return await _read_at(client, cluster_id)
            except EtcdError as error:
                said = str(error)
        if time.monotonic() > deadline:
            raise TaskError(
                f"No quorum of the cluster answers, so its newest writes may be unknown: {said}. "
                "Bring members back first."
            )
        await asyncio.sleep(0.2)


async def _read_at(client: EtcdMemberClient, cluster_id: int) -> tuple[int, list[Json]]:
    found = await client.member_list(linearizable=True, timeout=ASK_SECONDS)
    _, revision = await client.count(timeout=ASK_SECONDS * 6)
    if cluster_id and found.cluster_id != cluster_id:
        raise TaskError(
            f"{client.address} belongs to cluster {format_id(found.cluster_id)}, not to "
            f"{format_id(cluster_id)}: nothing is backed up."
        )
    members = [
        {"name": m.name, "id": format_id(m.id), "peerURLs": list(m.peer_urls)}
        for m in found.members
    ]
    return revision, members


async def _choose(clients: dict[str, EtcdMemberClient], least: int) -> Candidate:
    """Wait for a follower that has applied what a quorum has; the leader if there is none."""
    deadline = time.monotonic() + CATCH_UP_SECONDS
    while True:
        found = await asyncio.gather(*(_ask(client) for client in clients.values()))
        current = [c for c in found if c and c.status.revision >= least and not c.status.is_learner]
        best = choose_source(current)
        if best is not None:
            return best
        if time.monotonic() > deadline:
            raise TaskError(f"No member has applied revision {least} yet: is one far behind?")
        await asyncio.sleep(0.2)


async def _ask(client: EtcdMemberClient) -> Candidate | None:
    try:
        return Candidate(client.address, await client.status(timeout=ASK_SECONDS))
    except EtcdError:
        return None


def choose_source(candidates: Iterable[Candidate]) -> Candidate | None:
    """A follower without errors before the leader, and the one that has applied the most."""
    healthy = [c for c in candidates if c.status.leader and not _is_corrupt(c.status)]
    return min(
        healthy,
        key=lambda c: (
            c.status.leader == c.status.member_id,
            -c.status.raft_applied_index,
            c.address,
        ),
        default=None,
    )


def _is_corrupt(status: MemberStatus) -> bool:
    """Whether etcd calls any member corrupt: it lists the alarms of all."""
    return any(alarm == CORRUPT for alarm, _ in status.alarms)
