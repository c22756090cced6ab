"""A cluster that is not formed yet: all members of the first generation start at once.

`new` is allowed exactly until a quorum has answered and the cluster ID is recorded. How many
members the first generation has is fixed when the first object is written: a later change of
`size` is carried out by scaling once the cluster exists.
"""

from __future__ import annotations

from etcd_operator.api.cluster import Phase
from etcd_operator.api.quantity import parse_quantity
from etcd_operator.core.actions import Action, DeleteObject
from etcd_operator.core.decision import LATER, PRESENTLY, Decision
from etcd_operator.core.layout import recorded_bootstrap
from etcd_operator.core.quorum import majority
from etcd_operator.core.snapshot import Snapshot


def rest_uncreated(snapshot: Snapshot) -> Decision | None:
    """Size 0 from the beginning: nothing to run, and nothing to keep."""
    begun = recorded_bootstrap(snapshot) is not None or snapshot.claims
    if snapshot.recorded_cluster_id is not None or snapshot.cluster.spec.size != 0 or begun:
        return None
    return Decision(
        reason="Stopped",
        message="The cluster is not created while spec.size is 0.",
        phase=Phase.STOPPED,
        upkeep=False,
        settled=True,
    )


def wait_for_remains(snapshot: Snapshot) -> Decision | None:
    """Never begin a bootstrap beside Pods or disks whose record is gone: they may have lived."""
    if _is_formed(snapshot) or recorded_bootstrap(snapshot) is not None:
        return None
    remains = [pod.name for pod in snapshot.pods] + [claim.name for claim in snapshot.claims]
    if not remains:
        return None
    leaving = all(p.deleting for p in snapshot.pods) and all(c.deleting for c in snapshot.claims)
    remedy = (
        "They are being deleted."
        if leaving
        else "If they hold nothing of value, delete the PersistentVolumeClaims to begin anew."
    )
    return Decision(
        reason="EarlierLife",
        message=f"{', '.join(remains)} exists, but no record of how it was formed. {remedy}",
        phase=Phase.CREATING,
        wake_after=PRESENTLY if leaving else LATER,
        upkeep=False,
        blocked=not leaving,
    )


def restart_bootstrap(snapshot: Snapshot) -> Decision | None:
    """Begin again after a correction of what cannot be changed in place.

    Allowed only while fewer than a majority of the first generation ever had a disk: then no
    write can have been acknowledged. Crash-safe in this order: as long as one record of the
    bootstrap is left, the difference is seen again.
    """
    begun = recorded_bootstrap(snapshot)
    if _is_formed(snapshot) or begun is None or snapshot.cluster.spec.size == 0:
        return None
    why = _changed_since(snapshot, begun)
    had_disk = sum(claim.bound for claim in snapshot.claims)
    if why is None or had_disk >= majority(begun):
        return None
    actions: list[Action] = [
        DeleteObject("PersistentVolumeClaim", claim.name, claim.uid, why)
        for claim in snapshot.claims
        if not claim.deleting
    ]
    for child in (snapshot.config_map, snapshot.statefulset):
        if child and not child.deleting:
            actions.append(DeleteObject(child.kind, child.name, child.uid, why))
    return Decision(
        reason="BootstrapRestarted",
        message=f"Beginning again, because {why} before any member could start.",
        phase=Phase.CREATING,
        actions=tuple(actions),
        wake_after=PRESENTLY,
        upkeep=False,
    )


def _changed_since(snapshot: Snapshot, begun: int) -> str | None:
    spec = snapshot.cluster.spec
    if spec.size != begun:
        return f"spec.size was changed from {begun} to {spec.size}"
    live = snapshot.statefulset
    templates = live.body.get("spec", {}).get("volumeClaimTemplates") if live else None
    if not templates or spec.storage.volume_claim_template:
        return None
    claim = templates[0]["spec"]
    if claim.get("storageClassName") != spec.storage.storage_class_name:
        return f"spec.storage.storageClassName was changed to {spec.storage.storage_class_name}"
    size = claim["resources"]["requests"]["storage"]
    if parse_quantity(str(size)) != parse_quantity(str(spec.storage.size)):
        return f"spec.storage.size was changed to {spec.storage.size}"
    return None


def form(snapshot: Snapshot) -> Decision | None:
    """Let the first generation start, and wait until a quorum of it answers."""
    if _is_formed(snapshot):
        return None
    begun = recorded_bootstrap(snapshot)
    size = snapshot.cluster.spec.size if begun is None else begun
    stopped = snapshot.cluster.spec.size == 0
    answering = sum(1 for probe in snapshot.probes.values() if probe.status)
    running = sum(pod.running for pod in snapshot.pods)
    return Decision(
        reason="Stopping" if stopped else "Bootstrapping",
        message=(
            f"Forming a cluster of {size}: {running} running, {answering} answering."
            if not stopped
            else "Stopping before the cluster was formed."
        ),
        phase=Phase.STOPPED if stopped and not snapshot.pods else Phase.CREATING,
        wake_after=0.15 if answering else PRESENTLY if running else None,
    )


def _is_formed(snapshot: Snapshot) -> bool:
    return snapshot.recorded_cluster_id is not None or snapshot.quorum_confirmed
