"""The second opinion about versions; see `guards`."""

from __future__ import annotations

from etcd_operator.api.release import SAFE_FOR_36, Version
from etcd_operator.core.actions import ApplyObject, SetDowngrade
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.model.template import read_version


def refuse_downgrade(action: SetDowngrade, snapshot: Snapshot) -> str | None:
    """A downgrade begins only when all members answer and run the next minor version."""
    if not action.target:
        return None
    told = {p.status.member_id: p.status for p in snapshot.probes.values() if p.status}
    major, minor = Version(f"{action.target}.0").minor
    for member in snapshot.members:
        if member.is_learner or member.id not in told:
            return "a member is joining or does not answer"
        if told[member.id].minor != (major, minor + 1):
            return f"a member runs etcd {told[member.id].version}"
    return None


def refuse_version(action: ApplyObject, snapshot: Snapshot) -> str | None:
    """No Pod may start with a version that cannot read its disk, or that is too far above."""
    return _refuse_unreadable(action, snapshot) or _refuse_skipped(action, snapshot)


def _refuse_unreadable(action: ApplyObject, snapshot: Snapshot) -> str | None:
    """No Pod may start on a disk whose member says that a later version has to read it."""
    wanted = read_version(action.manifest).minor
    live = snapshot.statefulset
    if not any(wanted) or (live and read_version(live.body).minor == wanted):
        return None
    for ordinal, probe in snapshot.probes.items():
        status = probe.status
        if status and min(status.minor, status.storage_minor) > wanted:
            name = snapshot.naming.member(ordinal)
            return f"the disk of {name} can be read by {status.storage_version} or later only"
    return None


def _refuse_skipped(action: ApplyObject, snapshot: Snapshot) -> str | None:
    """No Pod may start with a version that cannot follow the one that a member runs.

    Between two minor versions there is none, and 3.6 follows 3.5.26 and later.
    """
    wanted, live = read_version(action.manifest).minor, snapshot.statefulset
    if live and read_version(live.body).minor == wanted:
        return None
    for ordinal, probe in snapshot.probes.items():
        ran = probe.status.release if probe.status else None
        if ran and (wanted > (ran[0], ran[1] + 1) or ran < SAFE_FOR_36 < (*wanted, 0)):
            name, after = snapshot.naming.member(ordinal), Version.name_minor(wanted)
            return f"{name} runs etcd {Version.of(ran)}, which {after} cannot follow"
    return None
