"""Steps that stages of a restore in place share: to stop members, set disks aside, record."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from etcd_operator.api.cluster import EtcdClusterSpec, Phase
from etcd_operator.core.actions import (
    Action,
    ApplyObject,
    DeleteObject,
    QuarantineDisk,
    RecordRestore,
)
from etcd_operator.core.bootstrap.gate import Gate, Layout
from etcd_operator.core.certificates.wanted import all_trust
from etcd_operator.core.in_place_restore.record import OldDisk, RestoreRecord, find_restore_record
from etcd_operator.core.model.decision import POD_START, Decision
from etcd_operator.core.model.live_objects import Claim
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.objects.statefulset import render_statefulset
from etcd_operator.core.reasons import routine
from etcd_operator.core.rollout.versions import next_record

WHY: Final = "a backup is restored in place"


def is_at_rest(snapshot: Snapshot) -> bool:
    """Whether nothing runs, and nothing is about to be started."""
    return not snapshot.pods and snapshot.starts_nothing


def stop_pods(snapshot: Snapshot) -> tuple[Action, ...]:
    """Have the StatefulSet run nothing; without one, delete the Pods that it left."""
    live, restore = snapshot.statefulset, find_restore_record(snapshot.cluster)
    if live is None or restore is None:
        left = (pod for pod in snapshot.pods if not pod.deleting)
        return tuple(DeleteObject("Pod", pod.name, pod.uid, WHY) for pod in left)
    spec, naming = spec_of_before(snapshot, restore), snapshot.naming
    layout, trust = lay_out_at_rest(snapshot, restore), ",".join(all_trust(snapshot))
    manifest = render_statefulset(spec, naming, layout, live.body, trust)
    if live.deleting or not snapshot.replicas:
        return ()
    version = live.resource_version
    return (ApplyObject(live.kind, live.name, live.uid, version, WHY, manifest),)


def spec_of_before(snapshot: Snapshot, restore: RestoreRecord) -> EtcdClusterSpec:
    """The spec with the version that can read the disks of before, should they come back."""
    spec = snapshot.cluster.spec
    ran = restore.version or spec.version
    return spec.at_version(ran, snapshot.kept_image)


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
    return snapshot.naming.claim(disk.ordinal), disk.claim_uid, disk.volume


def name_stuck(snapshot: Snapshot) -> str:
    """Pods whose node may be gone: only a person knows."""
    now = snapshot.now
    late = [p for p in snapshot.pods if p.deleting and p.ends_by and p.ends_by < now]
    if not late:
        return ""
    names, nodes = ", ".join(p.name for p in late), ", ".join(sorted({p.node for p in late}))
    return f"Waiting for Pods {names} to end; if Node {nodes} is gone, delete it."


def write_record(
    snapshot: Snapshot, following: RestoreRecord | None, *, undone: bool = False
) -> RecordRestore:
    """The write of the record onto the EtcdCluster as it was looked at; None takes it off."""
    cluster = snapshot.cluster
    return RecordRestore(following, cluster.uid, cluster.resource_version, undone)


def record_stage(snapshot: Snapshot, following: RestoreRecord) -> Decision:
    """Nothing but the record of the next stage: whoever goes on from here sees it."""
    return step("", (write_record(snapshot, following),))


def step(message: str, actions: tuple[Action, ...] = (), waits: str = "") -> Decision:
    """One step, with what it waits for; no object is corrected beside it."""
    return Decision(
        reason=routine.RESTORING,
        message=" ".join(filter(None, ("A backup is restored in place.", message, waits))),
        phase=Phase.RESTORING,
        actions=actions,
        requeue_after=POD_START,
        corrects_objects=False,
    )
