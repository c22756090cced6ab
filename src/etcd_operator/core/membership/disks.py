"""Disks of members as their own words and Kubernetes tell of them: empty, unusable, lost."""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from etcd_operator.core.model.snapshot import Seat

# What etcd says when it starts on an empty disk behind a closed gate (server/etcdserver).
EMPTY: Final = ("cannot fetch cluster info from peer urls",)


# What etcd says when there is data that it cannot or must not use.
UNUSABLE: Final = (
    "crc mismatch",
    "file is corrupted",
    "is out of range [lastIndex",
    "failed to find database snapshot file",
    "the member has been permanently removed from the cluster",
    "invalid database",
    "failed to recover v3 backend from snapshot",
    "walpb: ",
    "wal: ",
    "snap: ",
    "proto: ",
)


# A write that failed names its file: `….wal: no space left on device` is no word of the data.
_FILE: Final = re.compile(r"\S*[./]\S*: ")


class Disk(Enum):
    """State of a member's data."""

    EMPTY = "lost its data"
    UNUSABLE = "has data that it cannot use"
    LOST = "lost its disk"


def classify_disk(seat: Seat) -> Disk | None:
    """Return what is wrong with a member's disk, if somebody said so; None otherwise."""
    if seat.claim and seat.claim.lost:
        return Disk.LOST
    pod = seat.pod
    # Of a process that runs again the last words are history, whatever else is wrong with it.
    if pod is None or pod.running or pod.ready or pod.deleting or pod.restarts == 0:
        return None
    if any(text in pod.termination_message for text in EMPTY):
        return Disk.EMPTY
    if any(text in _FILE.sub("", pod.termination_message) for text in UNUSABLE):
        return Disk.UNUSABLE
    return None
