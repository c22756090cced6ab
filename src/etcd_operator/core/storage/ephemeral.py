"""Members whose data is in an emptyDir: it goes with the Pod, so no Pod of a voter is just stopped.

A new Pod starts on an empty directory behind a closed gate, and says so: to replace the member is
`replace_lost_members`' part. Where a majority says it, nobody has the data any more.
"""

from __future__ import annotations

from typing import Final

from etcd_operator.api.cluster import Phase
from etcd_operator.core.bootstrap.gate_record import recorded_members
from etcd_operator.core.membership.disks import Disk, classify_disk
from etcd_operator.core.model.decision import OUTSIDE_CHANGE, Decision
from etcd_operator.core.model.live_objects import Pod
from etcd_operator.core.model.quorum import majority
from etcd_operator.core.model.snapshot import Seat, Snapshot
from etcd_operator.core.model.template import find_claim_template, is_ephemeral
from etcd_operator.core.reasons import attention
from etcd_operator.wording import counted

_EMPTY_DIR: Final = "an emptyDir"
_DISKS: Final = "disks"
_TWO_DISKS: Final = "disks, and others for the write-ahead logs"


def holds_data(snapshot: Snapshot, pod: Pod) -> bool:
    """Whether a Pod has data in itself that a quorum may need: of a voter, or of who knows whom."""
    if not pod.ephemeral or not pod.ever_ran:
        return False
    member = snapshot.seat(pod.ordinal).member
    return not snapshot.quorum_confirmed or (member is not None and not member.is_learner)


def refuse_storage_switch(snapshot: Snapshot) -> Decision | None:
    """Change nothing if the spec wants the data of members elsewhere than it is."""
    live = _find_live_kind(snapshot)
    wanted = _name_kind(
        ephemeral=snapshot.spec.storage.ephemeral is not None,
        wal=snapshot.spec.storage.wal is not None,
    )
    if live is None or live == wanted:
        return None
    field = "ephemeral" if _EMPTY_DIR in (live, wanted) else "wal"
    return Decision(
        reason=attention.STORAGE_IMMUTABLE,
        message=(
            f"spec.storage.{field} cannot be added or removed on an existing cluster (current: "
            f"{live}, requested: {wanted}): set it back, or create another cluster and move the "
            "data."
        ),
        phase=snapshot.cluster.status.phase or Phase.FAILED,
        requeue_after=OUTSIDE_CHANGE,
        corrects_objects=False,
    )


def _name_kind(*, ephemeral: bool, wal: bool) -> str:
    return _EMPTY_DIR if ephemeral else _TWO_DISKS if wal else _DISKS


def _find_live_kind(snapshot: Snapshot) -> str | None:
    """Where the members that are there, or are to be, have their data; None if there are none."""
    live, uid = snapshot.statefulset, snapshot.naming.uid
    if live is not None:
        template = live.body.get("spec", {}).get("template", {})
        wal = find_claim_template(live.body, wal=True) is not None
        return _name_kind(ephemeral=is_ephemeral(template), wal=wal)
    if snapshot.pods:
        ephemeral = any(pod.ephemeral for pod in snapshot.pods)
        return _name_kind(ephemeral=ephemeral, wal=any(pod.wal for pod in snapshot.pods))
    ours = [claim for claim in snapshot.claims if claim.owner_uid == uid]
    return _name_kind(ephemeral=False, wal=any(c.wal for c in ours)) if ours else None


def report_lost_data(snapshot: Snapshot) -> Decision | None:
    """Say that a majority of the members has lost its data with its Pods: none of it comes back."""
    if snapshot.quorum_confirmed or snapshot.recorded_cluster_id is None:
        return None
    voters = _find_voters(snapshot)
    lost = [s for s in voters if s.pod and s.pod.ephemeral and classify_disk(s) is Disk.EMPTY]
    if not lost or len(voters) - len(lost) >= majority(len(voters)):
        return None
    names = ", ".join(snapshot.naming.member(seat.ordinal) for seat in lost)
    return Decision(
        reason=attention.DATA_LOST,
        message=(
            f"The Pods of {names} were replaced, and their data went with them "
            f"(spec.storage.ephemeral): no majority of {counted(len(voters), 'member')} has it. "
            f"{_explain_remedy(snapshot)}"
        ),
        phase=Phase.FAILED,
        requeue_after=OUTSIDE_CHANGE,
    )


def _find_voters(snapshot: Snapshot) -> list[Seat]:
    """The members with a vote, as one that runs tells; else those on record."""
    if snapshot.members:
        return [s for s in snapshot.seats() if s.member and not s.member.is_learner]
    return [snapshot.seat(ordinal) for ordinal in recorded_members(snapshot)]


def _explain_remedy(snapshot: Snapshot) -> str:
    again = "delete the EtcdCluster and create it again"
    left = [o for o, probe in sorted(snapshot.probes.items()) if probe.status]
    if not left:
        return f"To begin with an empty one, {again}."
    name, member = snapshot.naming.name, snapshot.naming.member(left[0])
    save = f"kubectl etcd snapshot save {name} FILE --member {member}"
    return f"Save what {member} still holds with `{save}`, then {again}."
