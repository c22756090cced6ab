"""The record in the annotations of the gate, as it was read: members, bootstrap, service."""

from __future__ import annotations

from typing import Final

from etcd_operator.core.in_place_restore.record import Stage, find_restore_record
from etcd_operator.core.model.naming import (
    ANNOTATION_BOOTSTRAP,
    ANNOTATION_MEMBERS,
    ANNOTATION_SERVED,
    MOST_MEMBERS,
)
from etcd_operator.core.model.numbers import read_number, read_ordinals, read_size
from etcd_operator.core.model.snapshot import Snapshot

# On an EtcdCluster that an EtcdRestore makes: its uid, how many disks it fills, and its uid again
# when all of them are filled.
ANNOTATION_RESTORE: Final = "etcd.etcd.io/restore"


ANNOTATION_RESTORE_SIZE: Final = "etcd.etcd.io/restore-size"


ANNOTATION_RESTORED: Final = "etcd.etcd.io/restored"


def has_served(snapshot: Snapshot) -> bool:
    """Whether a member was Ready, now or ever: only a majority can have made it so."""
    ours = (child for child in (snapshot.config_map, snapshot.statefulset) if child)
    recorded = any(
        child.annotations.get(ANNOTATION_SERVED)
        for child in ours
        if child.owner_uid == snapshot.naming.uid
    )
    return recorded or any(pod.was_ready for pod in snapshot.pods)


def recorded_members(snapshot: Snapshot) -> tuple[int, ...]:
    """The ordinals that were members when last seen: from the gate, else the Pods and disks."""
    gate = snapshot.config_map
    text = gate.annotations.get(ANNOTATION_MEMBERS) if gate else None
    if text and gate and gate.owner_uid == snapshot.naming.uid:
        listed = read_ordinals(text)
        if listed is not None:
            return listed
    running = range(min(snapshot.replicas or 0, MOST_MEMBERS))
    disks = {claim.ordinal for claim in snapshot.claims}
    disks |= {pod.ordinal for pod in snapshot.pods if pod.ephemeral}
    return tuple(sorted(set(running) | disks))


def recorded_bootstrap(snapshot: Snapshot) -> int | None:
    """The size of the first generation if a bootstrap was begun in this life of the cluster."""
    restore = find_restore_record(snapshot.cluster)
    if restore and restore.stage is Stage.START:
        return restore.size
    for child in (snapshot.config_map, snapshot.statefulset):
        if child and child.owner_uid == snapshot.naming.uid:
            begun = read_size(child.annotations.get(ANNOTATION_BOOTSTRAP, ""))
            if begun is not None:
                return begun
    return restored_members(snapshot)


def restored_members(snapshot: Snapshot) -> int | None:
    """How many disks an EtcdRestore filled for this cluster; None if none did, or not all yet."""
    annotations = snapshot.cluster.annotations
    maker, size = annotations.get(ANNOTATION_RESTORE), annotations.get(ANNOTATION_RESTORE_SIZE, "")
    if not maker or annotations.get(ANNOTATION_RESTORED) != maker:
        return None
    return read_number(size, MOST_MEMBERS, least=1)
