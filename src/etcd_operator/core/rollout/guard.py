"""The second opinion about versions; see `guards`."""

from __future__ import annotations

from etcd_operator.api.release import parse_release
from etcd_operator.core.actions import ApplyObject, SetDowngrade
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.model.template import read_version


def refuse_downgrade(action: SetDowngrade, snapshot: Snapshot) -> str | None:
    """A downgrade begins only when all members answer and run the next minor version."""
    if not action.target:
        return None
    told = {p.status.member_id: p.status for p in snapshot.probes.values() if p.status}
    below = _minor(f"{action.target}.0")
    for member in snapshot.members:
        if member.is_learner or member.id not in told:
            return "a member is joining or does not answer"
        if _minor(told[member.id].version) != below + 1:
            return f"a member runs {told[member.id].version}"
    return None


def refuse_unreadable(action: ApplyObject, snapshot: Snapshot) -> str | None:
    """No Pod may start on a disk whose member says that a later version has to read it."""
    wanted = _minor(read_version(action.manifest))
    live = snapshot.statefulset
    if wanted < 0 or (live and _minor(read_version(live.body)) == wanted):
        return None
    for ordinal, probe in snapshot.probes.items():
        status = probe.status
        if status and _minor(status.version) > wanted and _minor(status.storage_version) > wanted:
            name = snapshot.naming.member(ordinal)
            return f"the disk of {name} can be read by {status.storage_version} or later only"
    return None


def _minor(version: str) -> int:
    """The second number of a version of etcd 3; -1 if it is none."""
    release = parse_release(version)
    return release[1] if release and release[0] == 3 else -1
