"""Restore in place: an EtcdRestore replaces what the cluster holds, undoable until that serves.

The EtcdRestore has fetched and checked the backup before it puts its wish on the EtcdCluster. From
there on no other rule decides, until members start from the restored disks.

1. KEEP, STOP, SET_ASIDE: the volumes are told to stay, then the Pods end, then the claims go.
2. FILL: the EtcdRestore makes fresh claims and fills them.
3. START: the usual rules form the cluster from them, another etcd cluster than before.
4. SERVE: a quorum of it has answered, so clients may have written: there is no way back. The usual
   rules look after it. When all of it is well the old volumes are let go.

Undone, the old volumes get claims again: WITHDRAW, PUT_BACK. See decision 14.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import (
    Action,
    ApplyObject,
    DeleteObject,
    RebindVolume,
    RestoreReclaimPolicy,
    RetainVolume,
)
from etcd_operator.core.bootstrap.gate import lay_out
from etcd_operator.core.bootstrap.gate_record import ANNOTATION_RESTORED
from etcd_operator.core.certificates.wanted import all_trust
from etcd_operator.core.in_place_restore.record import (
    OldDisk,
    RestoreRecord,
    Stage,
    find_restore_record,
    find_restore_request,
    is_unreadable,
)
from etcd_operator.core.in_place_restore.steps import (
    WHY,
    is_at_rest,
    lay_out_at_rest,
    name_disk,
    name_stuck,
    quarantine,
    record_stage,
    spec_of_before,
    step,
    stop_pods,
    write_record,
)
from etcd_operator.core.model.decision import OUTSIDE_CHANGE, POD_START, Decision
from etcd_operator.core.model.live_objects import Claim
from etcd_operator.core.model.members import format_id
from etcd_operator.core.model.quorum import voters_not_serving
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.objects.cluster_objects import render_config_map
from etcd_operator.core.objects.corrections import find_wrong
from etcd_operator.core.objects.statefulset import render_statefulset
from etcd_operator.core.objects.tls import render_trust
from etcd_operator.core.quorum_loss.record import find_recovery
from etcd_operator.core.reasons import attention, routine
from etcd_operator.core.storage.deleted_claims import would_lose_data

# Where nothing may run.
_AT_REST: Final = (Stage.SET_ASIDE, Stage.FILL, Stage.PUT_BACK)


def restore_in_place(snapshot: Snapshot) -> Decision | None:
    """Take the next step of a restore in place, or of undoing it."""
    if is_unreadable(snapshot.cluster):
        return _refuse_unreadable()
    restore = find_restore_record(snapshot.cluster)
    if restore is None:
        return _begin(snapshot)
    undone = find_restore_request(snapshot.cluster) != restore.restore
    if restore.stage in _AT_REST and not is_at_rest(snapshot):
        # The StatefulSet that was looked at was an old one.
        return step("The members stop.", stop_pods(snapshot), name_stuck(snapshot))
    match restore.stage:
        case Stage.KEEP | Stage.STOP:
            return _clear_the_way(snapshot, restore, undone=undone)
        case Stage.SET_ASIDE:
            return _set_aside(snapshot, restore, undone=undone)
        case Stage.FILL:
            return _await_filled(snapshot, restore, undone=undone)
        case Stage.START:
            return _await_quorum(snapshot, restore, undone=undone)
        case Stage.WITHDRAW | Stage.PUT_BACK:
            return _go_back(snapshot, restore)
        case Stage.SERVE:
            return None


def _refuse_unreadable() -> Decision:
    return Decision(
        reason=attention.RESTORE_UNREADABLE,
        message=(
            "The annotation etcd.etcd.io/replacement was edited and cannot be read: put back what "
            "it was. PersistentVolumes with etcd.etcd.io/quarantined-from hold the earlier data."
        ),
        phase=Phase.FAILED,
        requeue_after=OUTSIDE_CHANGE,
        corrects_objects=False,
    )


def _begin(snapshot: Snapshot) -> Decision | None:
    request, cluster_id = find_restore_request(snapshot.cluster), snapshot.recorded_cluster_id
    size = snapshot.cluster.spec.size
    if not request or cluster_id is None or not size or find_recovery(snapshot):
        return None
    if would_lose_data(snapshot):
        return None  # its member gets a new disk first, or a person has to decide
    members = lay_out(snapshot, cluster_id).listed
    disks = _find_disks(snapshot)
    ran = snapshot.template_version
    return record_stage(
        snapshot, RestoreRecord(Stage.KEEP, request, cluster_id, size, members, disks, ran)
    )


def _find_disks(snapshot: Snapshot, before: tuple[OldDisk, ...] = ()) -> tuple[OldDisk, ...]:
    """The disks that there are, and those on record from before."""
    known = {disk.claim_uid: disk for disk in before}
    for claim in snapshot.claims:
        if claim.owner_uid == snapshot.naming.uid and not claim.deleting:
            volume = "" if claim.lost else claim.volume
            known[claim.uid] = OldDisk(claim.ordinal, claim.uid, volume)
    return tuple(sorted(known.values(), key=lambda disk: (disk.ordinal, disk.claim_uid)))


# Forwards


def _clear_the_way(snapshot: Snapshot, restore: RestoreRecord, *, undone: bool) -> Decision:
    if undone:
        return _leave(snapshot, restore, "It was undone.")
    if would_lose_data(snapshot):
        return _leave(snapshot, restore, "It waits for a claim that is being deleted.")
    if restore.stage is Stage.KEEP:
        return _keep(snapshot, restore)
    return _stop(snapshot, restore)


def _keep(snapshot: Snapshot, restore: RestoreRecord) -> Decision:
    """Retain the volumes first: a missing right shows while the cluster still serves."""
    disks = _find_disks(snapshot)
    kept = (RetainVolume(*name_disk(snapshot, disk)) for disk in disks if disk.volume)
    following = write_record(snapshot, replace(restore, stage=Stage.STOP, disks=disks))
    return step("The disks are told to stay.", (*kept, following))


def _stop(snapshot: Snapshot, restore: RestoreRecord) -> Decision:
    disks = _find_disks(snapshot)
    if disks != restore.disks:
        return record_stage(snapshot, replace(restore, stage=Stage.KEEP, disks=disks))
    if not is_at_rest(snapshot):
        return step("The members stop.", stop_pods(snapshot), name_stuck(snapshot))
    if snapshot.unlabelled_claims is None:
        return step("The members have stopped.")
    return record_stage(snapshot, restore.at(Stage.SET_ASIDE))


def _set_aside(snapshot: Snapshot, restore: RestoreRecord, *, undone: bool) -> Decision:
    found = replace(restore, disks=_find_disks(snapshot, restore.disks))
    if found != restore:
        return record_stage(snapshot, found)
    if undone:
        return record_stage(snapshot, restore.at(Stage.PUT_BACK))
    ours = [claim for claim in snapshot.claims if claim.owner_uid == snapshot.naming.uid]
    if not ours and snapshot.unlabelled_claims is not None:
        return record_stage(snapshot, restore.at(Stage.FILL))
    return step("The disks of the earlier cluster are set aside.", quarantine(ours))


def _await_filled(snapshot: Snapshot, restore: RestoreRecord, *, undone: bool) -> Decision:
    if undone:
        return record_stage(snapshot, restore.at(Stage.PUT_BACK))
    if snapshot.cluster.annotations.get(ANNOTATION_RESTORED) == restore.restore:
        return record_stage(snapshot, restore.at(Stage.START))
    return step(f"The EtcdRestore fills {restore.size} fresh disks.")


def _await_quorum(snapshot: Snapshot, restore: RestoreRecord, *, undone: bool) -> Decision | None:
    if snapshot.quorum_confirmed:
        if snapshot.recorded_cluster_id == snapshot.live_cluster_id:
            return record_stage(snapshot, restore.at(Stage.SERVE))
        said = step("The members serve, and their cluster ID is recorded.")
        return replace(said, corrects_objects=True)
    if undone and snapshot.recorded_cluster_id is None and not _is_led(snapshot):
        return record_stage(snapshot, restore.at(Stage.WITHDRAW))
    return None


def _is_led(snapshot: Snapshot) -> bool:
    """Whether the new cluster may have been written to, as far as anybody can see."""
    led = any(probe.status and probe.status.leader for probe in snapshot.probes.values())
    return led or snapshot.quorum_confirmed


def release_old_disks(snapshot: Snapshot) -> Decision | None:
    """Let the earlier cluster's disks go when every member of the restored one serves."""
    restore = find_restore_record(snapshot.cluster)
    if restore is None or not _is_well(snapshot):
        return None
    freed = (
        RestoreReclaimPolicy(*name_disk(snapshot, disk)) for disk in restore.disks if disk.volume
    )
    return Decision(
        reason=routine.RESTORED_IN_PLACE,
        message="Every member of the restored cluster serves: the earlier disks are let go.",
        phase=Phase.RESTORING,
        actions=(*freed, write_record(snapshot, None)),
        requeue_after=POD_START,
    )


def _is_well(snapshot: Snapshot) -> bool:
    """Whether all members serve, and the new cluster ID stands in every place it is read from."""
    recorded = _is_recorded(snapshot, snapshot.live_cluster_id)
    pods = {pod.ordinal for pod in snapshot.pods if pod.ready and not pod.deleting}
    members = snapshot.ownership.own.keys()
    serve = snapshot.quorum_confirmed and not voters_not_serving(snapshot) and members <= pods
    serve = serve and len(snapshot.members) == snapshot.replicas
    return recorded and serve


def _is_recorded(snapshot: Snapshot, cluster_id: int) -> bool:
    return set(snapshot.cluster_id_records) == {format_id(cluster_id)}


# Backwards


def _leave(snapshot: Snapshot, restore: RestoreRecord, why: str) -> Decision:
    """Undone before any claim went: the members start again, if they were stopped at all.

    The volume of a claim that is being deleted stays: it is all that is left of its data.
    """
    claims = {claim.uid for claim in snapshot.claims if not claim.deleting}
    freed = [
        RestoreReclaimPolicy(*name_disk(snapshot, disk))
        for disk in restore.disks
        if disk.volume and disk.claim_uid in claims
    ]
    return step(why, (*freed, write_record(snapshot, None, undone=True)))


def _go_back(snapshot: Snapshot, restore: RestoreRecord) -> Decision:
    if restore.stage is Stage.WITHDRAW:
        return _withdraw(snapshot, restore)
    return _put_back(snapshot, restore)


def _withdraw(snapshot: Snapshot, restore: RestoreRecord) -> Decision:
    """Members that were started may have been written to: their disks are set aside as well."""
    if _is_led(snapshot):
        return record_stage(snapshot, restore.at(Stage.START))  # too late
    if not is_at_rest(snapshot):
        return step("It is undone.", stop_pods(snapshot), name_stuck(snapshot))
    fresh = _fresh_claims(snapshot, restore)
    if fresh or snapshot.unlabelled_claims is None:
        return step("It is undone.", quarantine(fresh))
    return record_stage(snapshot, restore.at(Stage.PUT_BACK))


def _put_back(snapshot: Snapshot, restore: RestoreRecord) -> Decision:
    """Delete what was never started from, give old volumes claims, remember whose they are."""
    fresh = _fresh_claims(snapshot, restore)
    if fresh or snapshot.unlabelled_claims is None:
        actions = tuple(
            DeleteObject("PersistentVolumeClaim", c.name, c.uid, WHY, c.resource_version)
            for c in fresh
            if not c.deleting
        )
        return step("It is undone: the fresh disks are deleted.", actions)
    taken = {claim.ordinal for claim in snapshot.claims}
    wanted = [disk for disk in restore.disks if disk.volume]
    missing = tuple(
        RebindVolume(*name_disk(snapshot, disk)) for disk in wanted if disk.ordinal not in taken
    )
    back = {c.volume: c for c in snapshot.claims if c.bound and not c.deleting}
    if missing or not {disk.volume for disk in wanted} <= back.keys():
        return step("It is undone: the earlier disks come back.", missing)
    records = _restore_records(snapshot, restore)
    if records or not _is_recorded(snapshot, restore.cluster_id):
        return step("It is undone: the earlier disks are back.", records)
    freed = (
        RestoreReclaimPolicy(back[disk.volume].name, back[disk.volume].uid, disk.volume)
        for disk in wanted
    )
    over = write_record(snapshot, None, undone=True)
    return step("It is undone: the members start again.", (*freed, over))


def _fresh_claims(snapshot: Snapshot, restore: RestoreRecord) -> tuple[Claim, ...]:
    return tuple(
        claim
        for claim in snapshot.claims
        if claim.owner_uid == snapshot.naming.uid and not restore.is_old(claim.uid, claim.volume)
    )


def _restore_records(snapshot: Snapshot, restore: RestoreRecord) -> tuple[Action, ...]:
    """Say whose disks these are, as before: everyone's gate is closed, and nothing runs yet."""
    layout, naming = lay_out_at_rest(snapshot, restore), snapshot.naming
    spec = spec_of_before(snapshot, restore)
    files, trust = render_trust(snapshot), ",".join(all_trust(snapshot))
    live = snapshot.statefulset
    wanted = [
        (snapshot.config_map, render_config_map(spec, naming, layout, files, trust)),
        (live, render_statefulset(spec, naming, layout, live.body if live else None, trust)),
    ]
    return tuple(
        ApplyObject(
            manifest["kind"],
            manifest["metadata"]["name"],
            child.uid if child else "",
            child.resource_version if child else "",
            WHY,
            manifest,
        )
        for child, manifest in wanted
        if child is None or find_wrong(snapshot, manifest, child)
    )


# Both ways
