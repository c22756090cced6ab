"""What is done at the stages of a restore in place, and what several of them share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import (
    Action,
    ApplyObject,
    DeleteObject,
    QuarantineDisk,
    RestoreReclaimPolicy,
    RetainVolume,
)
from etcd_operator.core.bootstrap.gate import Gate, Layout
from etcd_operator.core.certificates.client_trust import all_trust
from etcd_operator.core.in_place_restore.record import (
    OldDisk,
    RestoreRecord,
    Stage,
    find_restore_record,
)
from etcd_operator.core.model.decision import POD_START, Decision
from etcd_operator.core.model.live_objects import Claim
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.objects.statefulset import render_statefulset
from etcd_operator.core.reasons import routine
from etcd_operator.core.rollout.versions import next_record
from etcd_operator.wording import counted

WHY: Final = "a backup is restored in place"
# Each message begins with one of these.
RESTORING: Final = "Restoring a backup in place"
UNDOING: Final = "Undoing the restore in place"


@dataclass(frozen=True, slots=True)
class Restoring:
    """The snapshot, and the record of the restore in place that is under way, if one is."""

    snapshot: Snapshot
    record: RestoreRecord | None

    @property
    def stage(self) -> Stage | None:
        """How far it is; None if none is under way."""
        return self.record.stage if self.record else None

    @property
    def restore(self) -> RestoreRecord:
        """The record, at a stage that has one."""
        if self.record is None:
            raise ValueError("no restore in place is under way")
        return self.record


# What is done


def go_on(_: Restoring) -> Decision:
    """Nothing but the record of the next stage."""
    return step("")


def retain_volumes(view: Restoring) -> Decision:
    """The volumes are retained: a missing right shows while the cluster still serves."""
    kept = (RetainVolume(*name_disk(view.snapshot, d)) for d in find_disks(view) if d.volume)
    return step("setting the reclaim policy of its volumes to Retain.", tuple(kept))


def stop_members(view: Restoring) -> Decision:
    """The StatefulSet runs no Pod."""
    snapshot = view.snapshot
    return step("stopping the members.", stop_pods(snapshot), waits=name_stuck(snapshot))


def look_for_claims(_: Restoring) -> Decision:
    """Claims are looked up before they count as all."""
    return step("the members have stopped.")


def set_aside(view: Restoring) -> Decision:
    """The claims are deleted, their volumes stay."""
    return step(
        "deleting the claims of before, whose volumes are kept.", quarantine(find_claims(view))
    )


def await_disks(view: Restoring) -> Decision:
    """The EtcdRestore fills fresh disks."""
    return step(f"waiting for the EtcdRestore to fill {counted(view.restore.size, 'disk')}.")


def record_cluster_id(_: Restoring) -> Decision:
    """The new cluster ID is recorded, in the status and on the objects."""
    said = step("the members serve; recording their cluster ID.")
    return replace(said, corrects_objects=True)


def release_old_volumes(view: Restoring) -> Decision:
    """The earlier volumes get the reclaim policy back that they had."""
    freed = (
        RestoreReclaimPolicy(*name_disk(view.snapshot, disk))
        for disk in view.restore.disks
        if disk.volume
    )
    return Decision(
        reason=routine.RESTORED_IN_PLACE,
        message="Every member of the restored cluster serves: restoring the reclaim policy of the "
        "volumes of before.",
        phase=Phase.RESTORING,
        actions=tuple(freed),
        requeue_after=POD_START,
    )


# What stages share


def find_disks(view: Restoring) -> tuple[OldDisk, ...]:
    """The disks of the earlier cluster, as they are to be recorded now.

    Before their claims go they are those that there are; while they go, those on record as well.
    """
    match view.stage:
        case None | Stage.KEEP | Stage.STOP:
            known = {}
        case Stage.SET_ASIDE:
            known = {disk.claim_uid: disk for disk in view.restore.disks}
        case _:
            return view.restore.disks
    for claim in find_claims(view):
        if not claim.deleting:
            volume = "" if claim.lost else claim.volume
            known[claim.uid] = OldDisk(claim.ordinal, claim.uid, volume, claim.wal)
    return tuple(sorted(known.values(), key=lambda disk: (disk.ordinal, disk.claim_uid)))


def find_claims(view: Restoring) -> list[Claim]:
    """The claims of this cluster."""
    snapshot = view.snapshot
    return [claim for claim in snapshot.claims if claim.owner_uid == snapshot.naming.uid]


def is_at_rest(snapshot: Snapshot) -> bool:
    """Whether nothing runs, and nothing is about to be started."""
    return not snapshot.pods and snapshot.starts_nothing


def stop_pods(snapshot: Snapshot) -> tuple[Action, ...]:
    """Have the StatefulSet run nothing; without one, delete the Pods that it left."""
    live, restore = snapshot.statefulset, find_restore_record(snapshot.cluster)
    if live is None or restore is None:
        left = (pod for pod in snapshot.pods if not pod.deleting)
        return tuple(DeleteObject("Pod", pod.name, pod.uid, WHY) for pod in left)
    spec, naming = snapshot.rendered_spec, snapshot.naming
    layout, trust = lay_out_at_rest(snapshot, restore), ",".join(all_trust(snapshot))
    manifest = render_statefulset(spec, naming, layout, live.body, trust)
    if live.deleting or not snapshot.replicas:
        return ()
    version = live.resource_version
    return (ApplyObject(live.kind, live.name, live.uid, version, WHY, manifest),)


def lay_out_at_rest(snapshot: Snapshot, restore: RestoreRecord) -> Layout:
    """The etcd cluster of before, at rest."""
    return Layout(
        gates=(Gate.CLOSED,) * (max(restore.members, default=-1) + 1),
        listed=restore.members,
        replicas=0,
        cluster_id=restore.cluster_id,
        bootstrap=None,
        version=next_record(snapshot),
    )


def quarantine(claims: Iterable[Claim]) -> tuple[Action, ...]:
    """Set these disks aside."""
    return tuple(
        QuarantineDisk(claim.name, claim.uid, "" if claim.lost else claim.volume)
        for claim in claims
        if not claim.deleting
    )


def name_disk(snapshot: Snapshot, disk: OldDisk) -> tuple[str, str, str]:
    """The name of a disk's claim, that claim's uid, and its volume."""
    return snapshot.naming.claim(disk.ordinal, wal=disk.wal), disk.claim_uid, disk.volume


def name_stuck(snapshot: Snapshot) -> str:
    """Pods whose node may be gone: only a person knows."""
    now = snapshot.now
    late = [p for p in snapshot.pods if p.deleting and p.ends_by and p.ends_by < now]
    if not late:
        return ""
    names, nodes = ", ".join(p.name for p in late), ", ".join(sorted({p.node for p in late}))
    return f"Waiting for Pods {names} to end; if Node {nodes} is gone, delete it."


def step(
    message: str, actions: tuple[Action, ...] = (), *, whole: str = RESTORING, waits: str = ""
) -> Decision:
    """One step of the `whole`, with what it waits for; no object is corrected beside it."""
    return Decision(
        reason=routine.RESTORING,
        message=" ".join(filter(None, (f"{whole}: {message}" if message else f"{whole}.", waits))),
        phase=Phase.RESTORING,
        actions=actions,
        requeue_after=POD_START,
        corrects_objects=False,
    )
