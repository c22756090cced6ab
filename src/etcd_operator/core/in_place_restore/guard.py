"""The second opinion on a restore in place: what was there is kept until the new cluster serves.

What is taken from the record is who the disks of before are; where things stand is judged anew.

* No member is stopped without the wish of an EtcdRestore, or before its volume is on record.
* A disk of before is set aside only when no Pod is left, and never deleted by us.
* Members start from fresh disks only when no claim of before is left.
* The volumes of before are let go only when every member of another etcd cluster serves, or when
  they are back.
"""

from __future__ import annotations

from typing import assert_never

from etcd_operator.core.actions import (
    QuarantineDisk,
    RebindVolume,
    RecordRestore,
    RestoreReclaimPolicy,
    RetainVolume,
    VolumeAction,
)
from etcd_operator.core.bootstrap.gate_record import ANNOTATION_RESTORED
from etcd_operator.core.in_place_restore.record import (
    RestoreRecord,
    Stage,
    find_restore_record,
    find_restore_request,
)
from etcd_operator.core.model.live_objects import Claim
from etcd_operator.core.model.snapshot import Snapshot

_NOT_UNDER_WAY = "no restore in place is under way"
_ONWARDS = {
    Stage.KEEP: (Stage.STOP,),
    Stage.STOP: (Stage.KEEP, Stage.SET_ASIDE),
    Stage.SET_ASIDE: (Stage.SET_ASIDE, Stage.FILL, Stage.PUT_BACK),
    Stage.FILL: (Stage.START, Stage.PUT_BACK),
    Stage.START: (Stage.SERVE, Stage.WITHDRAW),
    Stage.WITHDRAW: (Stage.START, Stage.PUT_BACK),
    Stage.SERVE: (),
    Stage.PUT_BACK: (),
}


def may_stop_all(snapshot: Snapshot) -> bool:
    """Whether every member may be stopped: a restore wants it, or it is withdrawn unserved."""
    restore = find_restore_record(snapshot.cluster)
    if restore is None:
        return False
    if restore.stage is Stage.STOP:
        ours = (c for c in snapshot.claims if c.owner_uid == snapshot.naming.uid)
        bound = {claim.uid for claim in ours if claim.bound and not claim.deleting}
        known = {disk.claim_uid for disk in restore.disks}
        return find_restore_request(snapshot.cluster) == restore.restore and bound <= known
    if restore.stage is Stage.WITHDRAW:
        return not _is_led(snapshot)
    # Where nothing should have started, it was started by a StatefulSet from before.
    return restore.stage in (Stage.SET_ASIDE, Stage.FILL, Stage.PUT_BACK)


def refuse_record(action: RecordRestore, snapshot: Snapshot) -> str | None:
    """Refuse a step that the world is not ready for."""
    before, after = find_restore_record(snapshot.cluster), action.following
    if after is None:
        return _refuse_end(before, snapshot, undone=action.undone)
    if before is None:
        wished = (
            after.restore == find_restore_request(snapshot.cluster) and after.stage is Stage.KEEP
        )
        return None if wished else "no EtcdRestore asks for a restore in place"
    if after.stage not in _ONWARDS[before.stage] or after.restore != before.restore:
        return "this stage does not follow the recorded one"
    forgotten = {d.claim_uid for d in before.disks} - {d.claim_uid for d in after.disks}
    there = {claim.uid for claim in snapshot.claims}
    if forgotten & there or (forgotten and before.stage not in (Stage.KEEP, Stage.STOP)):
        return "the record would lose a disk of the previous cluster"
    return _refuse_stage(after, snapshot)


def _refuse_stage(after: RestoreRecord, snapshot: Snapshot) -> str | None:
    match after.stage:
        case Stage.SET_ASIDE | Stage.FILL | Stage.PUT_BACK if snapshot.pods:
            return "Pods of the cluster still exist"
        case Stage.FILL | Stage.START if _claims_of_before(after, snapshot):
            return "a disk of the previous cluster is still bound to the cluster's names"
        case Stage.START:
            filled = snapshot.cluster.annotations.get(ANNOTATION_RESTORED) == after.restore
            there = {claim.name for claim in snapshot.claims if not claim.deleting}
            kinds = (False, True) if snapshot.spec.storage.wal else (False,)
            naming, ordinals = snapshot.naming, range(after.size)
            needed = {naming.claim(ordinal, wal=wal) for ordinal in ordinals for wal in kinds}
            whole = filled and there >= needed
            return None if whole else "the EtcdRestore has not filled every disk"
        case Stage.SERVE:
            return None if _serves_anew(after, snapshot) else "the restored cluster does not serve"
        case Stage.WITHDRAW if _is_led(snapshot) or snapshot.recorded_cluster_id is not None:
            return "the restored cluster serves, or has served"
    return None


def _refuse_end(before: RestoreRecord | None, snapshot: Snapshot, *, undone: bool) -> str | None:
    if before is None:
        return _NOT_UNDER_WAY
    if not undone:
        well = _serves_anew(before, snapshot) and _all_serve(snapshot)
        return (
            None
            if well and before.stage is Stage.SERVE
            else "not every member of the restored cluster serves"
        )
    if before.stage in (Stage.KEEP, Stage.STOP):
        return None
    back = {claim.volume for claim in snapshot.claims if not claim.deleting}
    whole = before.stage is Stage.PUT_BACK and before.volumes <= back
    return None if whole else "not every disk of the previous cluster is back"


def refuse_volume(action: VolumeAction, snapshot: Snapshot) -> str | None:
    """Refuse what would endanger the disks of before, or leave two claims of one ordinal."""
    restore = find_restore_record(snapshot.cluster)
    if restore is None:
        return _NOT_UNDER_WAY
    claim = next((c for c in snapshot.claims if c.uid == action.uid), None)
    match action:
        case RetainVolume():
            return (
                None
                if claim and claim.volume == action.volume
                else "the PersistentVolumeClaim has another volume"
            )
        case QuarantineDisk():
            return _refuse_quarantine(claim, restore, snapshot)
        case RebindVolume(name=name, volume=volume):
            if restore.stage is not Stage.PUT_BACK or volume not in restore.volumes:
                return "the PersistentVolume was not set aside by this restore"
            taken = name in {one.name for one in snapshot.claims} or bool(snapshot.pods)
            return "a Pod, or a PersistentVolumeClaim of this name, exists" if taken else None
        case RestoreReclaimPolicy(name=name, uid=uid, volume=volume):
            if not _is_known(name, uid, volume, snapshot):
                return "the PersistentVolume was not set aside by this restore"
            if claim and claim.volume == volume and not claim.deleting:
                return None  # it is in use: nothing can happen to it
            well = _serves_anew(restore, snapshot) and _all_serve(snapshot)
            over = well and restore.stage is Stage.SERVE
            return None if over else "the restored cluster does not serve"
    assert_never(action)


def _is_known(name: str, uid: str, volume: str, snapshot: Snapshot) -> bool:
    """Whether the record, or a claim that is there, has this volume for the claim of this name.

    Anybody who may write the EtcdCluster may write the record: whose the volume is, it says itself.
    """
    restore = find_restore_record(snapshot.cluster)
    disks = restore.disks if restore else ()
    named = snapshot.naming.claim
    known = {(named(d.ordinal, wal=d.wal), d.claim_uid, d.volume) for d in disks}
    back = {(claim.name, claim.uid, claim.volume) for claim in snapshot.claims}
    volumes = restore.volumes if restore else ()
    return volume in volumes and (name, uid, volume) in known | back


def refuse_claim_deletion(claim: Claim, snapshot: Snapshot) -> str | None:
    """Only what a restore that is undone has made, and no member was started from."""
    restore = find_restore_record(snapshot.cluster)
    if restore is None or restore.stage is not Stage.PUT_BACK or snapshot.pods:
        return "a restore in place is under way"
    old = restore.is_old(claim.uid, claim.volume)
    return "the disk is one of the previous cluster" if old else None


def is_before_service(snapshot: Snapshot) -> bool:
    """Whether a restore in place is under way that nobody is served by yet."""
    restore = find_restore_record(snapshot.cluster)
    return restore is not None and restore.stage is not Stage.SERVE


def _refuse_quarantine(
    claim: Claim | None, restore: RestoreRecord, snapshot: Snapshot
) -> str | None:
    if claim is None or claim.owner_uid != snapshot.naming.uid:
        return "the PersistentVolumeClaim is gone, or belongs to another EtcdCluster"
    if snapshot.pods or not snapshot.starts_nothing:
        return "Pods of the cluster exist, or may be started"
    old = restore.is_old(claim.uid, claim.volume)
    if restore.stage is Stage.SET_ASIDE and old:
        return None
    if restore.stage is Stage.WITHDRAW and not old:
        return None
    return "the stage of the restore does not set this disk aside"


def _claims_of_before(restore: RestoreRecord, snapshot: Snapshot) -> bool:
    return any(restore.is_old(claim.uid, claim.volume) for claim in snapshot.claims)


def _is_led(snapshot: Snapshot) -> bool:
    return any(probe.status and probe.status.leader for probe in snapshot.probes.values())


def _serves_anew(restore: RestoreRecord, snapshot: Snapshot) -> bool:
    return snapshot.quorum_confirmed and snapshot.live_cluster_id != restore.cluster_id


def _all_serve(snapshot: Snapshot) -> bool:
    answering = {
        probe.status.member_id
        for probe in snapshot.probes.values()
        if probe.status
        and probe.status.leader
        and probe.status.cluster_id == snapshot.live_cluster_id
    }
    return bool(snapshot.members) and {member.id for member in snapshot.members} <= answering
