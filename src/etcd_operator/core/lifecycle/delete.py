"""The EtcdCluster is being deleted: everything of it goes, nothing else does.

Unless it is deleted with --cascade=orphan: then everything stays as it is, and serves.

Needs neither etcd nor a quorum. Disks go last and only by uid; the finalizer is let go when they
are gone, so that a new cluster of the same name never meets them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import Action, DeleteObject, SetFinalizer
from etcd_operator.core.lifecycle.orphans import is_orphaning
from etcd_operator.core.model.decision import OUTSIDE_CHANGE, Decision
from etcd_operator.core.model.finalizers import explain_finalizers
from etcd_operator.core.model.naming import FINALIZER
from etcd_operator.core.model.parse import read_finalizers
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.reasons import attention, routine

WHY = "its EtcdCluster is being deleted"
ORPHANED = "Pods, disks and objects stay, as --cascade=orphan asks"


def leave_orphans(snapshot: Snapshot) -> Decision | None:
    """Leave Pods, disks and objects as they are, if the deletion is to leave what it owns."""
    cluster = snapshot.cluster
    if not is_orphaning(snapshot):
        return None
    release = SetFinalizer(False, cluster.uid, cluster.resource_version, ORPHANED)
    return Decision(
        reason=routine.LEAVING_ORPHANS,
        message="Pods, disks and objects stay as they are: it is deleted with --cascade=orphan.",
        phase=Phase.DELETING,
        actions=(release,) if FINALIZER in cluster.finalizers else (),
        corrects_objects=False,
    )


def delete_cluster(snapshot: Snapshot) -> Decision | None:
    """Delete the StatefulSet, the Pods and the disks, then let the EtcdCluster go."""
    cluster = snapshot.cluster
    if not cluster.deleting:
        return None
    if FINALIZER not in cluster.finalizers:
        return _wait_for_others(snapshot)
    left = tuple(_find_left(snapshot))
    actions: tuple[Action, ...] = tuple(_delete(snapshot, each) for each in left if not each.going)
    if not left:
        actions = (SetFinalizer(False, cluster.uid, cluster.resource_version),)
    held = [each for each in left if each.going and each.finalizers]
    names = ", ".join(each.title for each in left)
    return Decision(
        reason=attention.HELD_BY_FINALIZER if held else routine.DELETING,
        message=f"Waiting for {names} to be deleted.{_name_holders(held)}"
        if left
        else "Every object is deleted.",
        phase=Phase.DELETING,
        actions=actions,
        requeue_after=OUTSIDE_CHANGE if left else None,
        corrects_objects=False,
    )


@dataclass(frozen=True, slots=True)
class Left:
    """One object that the deletion waits for; `finalizers` are those of others than Kubernetes."""

    kind: str
    name: str
    uid: str
    going: bool
    finalizers: tuple[str, ...]

    @property
    def title(self) -> str:
        """Its kind and name."""
        return f"{self.kind} {self.name}"


def _find_left(snapshot: Snapshot) -> Iterator[Left]:
    live, uid = snapshot.statefulset, snapshot.cluster.uid
    if live and live.owner_uid == uid:
        yield Left(live.kind, live.name, live.uid, live.deleting, read_finalizers(live.body))
    for pod in snapshot.pods:
        yield Left("Pod", pod.name, pod.uid, pod.deleting, pod.finalizers)
    if _keeps_disks(snapshot):
        return
    # Disks of an earlier cluster of the same name are nobody's to wait for.
    for claim in snapshot.claims:
        if claim.owner_uid == uid:
            yield Left(
                "PersistentVolumeClaim", claim.name, claim.uid, claim.deleting, claim.finalizers
            )


def _keeps_disks(snapshot: Snapshot) -> bool:
    return snapshot.spec.storage.retention_policy.when_deleted == "Retain"


def _delete(snapshot: Snapshot, left: Left) -> DeleteObject:
    if left.kind == "Pod":
        # A leader that stops looks seconds long for an heir among members that stop as well; with
        # disks that go too there is nothing to hand over.
        grace = None if _keeps_disks(snapshot) else 1
        return DeleteObject("Pod", left.name, left.uid, WHY, grace_seconds=grace)
    if left.kind == "StatefulSet":
        return DeleteObject("StatefulSet", left.name, left.uid, WHY)
    return DeleteObject("PersistentVolumeClaim", left.name, left.uid, WHY)


def _name_holders(held: list[Left]) -> str:
    return "".join(f" {explain_finalizers(each.title, each.finalizers)}" for each in held)


def _wait_for_others(snapshot: Snapshot) -> Decision:
    """Without our finalizer there is nothing left to delete, or somebody said that we must not."""
    others = ", ".join(snapshot.cluster.finalizers)
    return Decision(
        reason=routine.DELETING,
        message=f"The operator is done; EtcdCluster {snapshot.cluster.name} waits for {others}.",
        phase=Phase.DELETING,
        corrects_objects=False,
    )
