"""What a person asks of the operator once, by an annotation on the EtcdCluster.

A request is a time, and for some of them a member. Nothing has to be taken back: what was done
after that time counts as done, and a request that is old counts no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

# Certificates that were issued before this time are issued anew.
ANNOTATION_RENEW: Final = "etcd.etcd.io/renew-certificates"
# Members with unused space are defragmented, within an hour of this time.
ANNOTATION_DEFRAGMENT: Final = "etcd.etcd.io/defragment"
# The member that is to lead, and when that was asked for: `db-1 2026-11-28T17:00:00Z`.
ANNOTATION_MOVE_LEADER: Final = "etcd.etcd.io/move-leader"

# Below this a file is mostly the pages that every database has.
SMALLEST_FILE: Final = 2**20
# Less than this part of a file is left unused by every defragmentation.
WORTH_IT: Final = 0.1

DEFRAGMENT_WITHIN: Final = timedelta(hours=1)
MOVE_LEADER_WITHIN: Final = timedelta(minutes=5)
# The clock of the person may be ahead.
CLOCKS_DIFFER: Final = timedelta(minutes=5)
_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"


def write_time(moment: datetime) -> str:
    """Return a time as a request has it."""
    return moment.strftime(_TIME)


def read_time(text: str) -> datetime | None:
    """Read the time of a request; anybody may write one: what is no time asks for nothing."""
    if not text:
        return None
    try:
        return datetime.strptime(text, _TIME).replace(tzinfo=UTC)
    except ValueError:
        return None


def is_defragmentation_asked(annotations: Mapping[str, str], now: datetime) -> bool:
    """Whether somebody has asked for a defragmentation within the last hour."""
    return _is_recent(annotations.get(ANNOTATION_DEFRAGMENT, ""), now, DEFRAGMENT_WITHIN)


def is_worth_defragmenting(size: int, in_use: int) -> bool:
    """Whether a defragmentation on request makes a file smaller; sizes are in bytes."""
    return size >= SMALLEST_FILE and size - in_use >= WORTH_IT * size


def find_wanted_leader(annotations: Mapping[str, str], now: datetime) -> str:
    """Return the member that somebody has just asked to lead; empty for none."""
    member, _, moment = annotations.get(ANNOTATION_MOVE_LEADER, "").partition(" ")
    return member if _is_recent(moment, now, MOVE_LEADER_WITHIN) else ""


def find_renewal_time(annotations: Mapping[str, str], now: datetime) -> datetime | None:
    """Return the time before which no certificate may have been issued; None without any.

    A time that has not come asks for nothing: each renewal would be too early for it.
    """
    moment = read_time(annotations.get(ANNOTATION_RENEW, ""))
    return moment if moment and moment <= now else None


def _is_recent(text: str, now: datetime, within: timedelta) -> bool:
    moment = read_time(text)
    return moment is not None and -CLOCKS_DIFFER <= now - moment < within
