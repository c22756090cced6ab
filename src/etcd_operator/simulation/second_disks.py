"""Second disks of members, for their write-ahead logs: a claim of the world stands for both.

etcd uses neither of the two without the other, and exits as it does on an empty disk. So the loss
of one is the loss of what is on the claim. What is done to the claim of the log follows from what
is done to that of the data.
"""

from __future__ import annotations

from dataclasses import replace

from etcd_operator.core.actions import (
    Action,
    DeleteObject,
    QuarantineDisk,
    RebindVolume,
    ResizeClaim,
    RestoreReclaimPolicy,
    RetainVolume,
)
from etcd_operator.core.model.live_objects import Claim
from etcd_operator.core.model.naming import Naming, is_wal_claim
from etcd_operator.core.model.snapshot import Snapshot


def with_logs(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot as it is where members have two disks, if they are to have them."""
    if snapshot.cluster.spec.storage.wal is None:
        return snapshot
    logs = (_find_log(claim, snapshot.naming) for claim in snapshot.claims)
    pods = tuple(replace(pod, wal=True) for pod in snapshot.pods)
    return snapshot.evolve(claims=(*snapshot.claims, *logs), pods=pods)


def _find_log(claim: Claim, naming: Naming) -> Claim:
    """The claim of the log beside that of the data; of its size nothing is known."""
    return replace(
        claim,
        name=naming.claim(claim.ordinal, wal=True),
        uid=claim.uid.replace("claim-", "log-"),
        volume=name_log(claim.volume),
        requested=None,
        capacity=None,
        wal=True,
    )


def name_log(volume: str) -> str:
    """Name of the volume of the log beside that of the data; empty where that has none."""
    return volume.replace("volume-", "log-")


def is_about_log(action: Action, naming: Naming) -> bool:
    """Whether an action is about the claim of a log, or its volume."""
    match action:
        case (
            DeleteObject(kind="PersistentVolumeClaim", name=name)
            | ResizeClaim(name=name)
            | QuarantineDisk(name=name)
            | RetainVolume(name=name)
            | RebindVolume(name=name)
            | RestoreReclaimPolicy(name=name)
        ):
            return is_wal_claim(name, naming.name)
        case _:
            return False
