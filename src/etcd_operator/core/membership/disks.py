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


# Where etcd has its database and snapshots, below its data directory.
SNAPSHOTS: Final = "member/snap"
# What etcd says when it cannot open its log output, which leads through that directory of the data
# where the write-ahead log has a disk of its own.
_NO_DATA: Final = re.compile(rf"open sink .*/{SNAPSHOTS}/\.\..*: no such file or directory")


# How often a process ends as it does when its member is removed, before that is taken to be why.
ENDS_REMOVED: Final = 2
# Its last words if it ends so quickly that it has not begun to serve: else it ends well.
STOPS_ITSELF: Final = "server is stopping"


# A write that failed names its file: `….wal: no space left on device` is no word of the data.
_FILE: Final = re.compile(r"\S*[./]\S*: ")


class Disk(Enum):
    """State of a member's data."""

    EMPTY = "lost its data"
    UNUSABLE = "has data that it cannot use"
    LOST = "lost its disk"
    HALF = "lost its data or its write-ahead log"


def classify_disk(seat: Seat) -> Disk | None:
    """Return what is wrong with a member's disks, if somebody said so; None otherwise.

    Of two disks neither is any use without the other: etcd would take what is left on one for the
    beginning of another life.
    """
    if any(claim.lost for claim in seat.claims):
        return Disk.LOST
    pod = seat.pod
    # Of a process that runs again the last words are history, whatever else is wrong with it.
    if pod is None or pod.running or pod.ready or pod.deleting or pod.restarts == 0:
        return None
    if any(text in pod.termination_message for text in EMPTY):
        return Disk.HALF if pod.wal else Disk.EMPTY
    if pod.wal and _NO_DATA.search(pod.termination_message):
        return Disk.HALF
    if any(text in _FILE.sub("", pod.termination_message) for text in UNUSABLE):
        return Disk.UNUSABLE
    if _is_of_removed_member(seat):
        return Disk.UNUSABLE
    return None


def _is_of_removed_member(seat: Seat) -> bool:
    """Whether a disk has another member than the one that was announced for it.

    Who learns from its own log that it was removed stops itself, and is started again and again
    (`run` in server/etcdserver/server.go, `startEtcd` in server/etcdmain/etcd.go); so it ends when
    it is stopped, but not twice in a row. Who is announced and has never started has nothing there
    yet.
    """
    pod, member = seat.pod, seat.member
    if pod is None or member is None or member.started:
        return False
    stopped = pod.exit_code == 0 or STOPS_ITSELF in pod.termination_message
    return stopped and pod.restarts >= ENDS_REMOVED
