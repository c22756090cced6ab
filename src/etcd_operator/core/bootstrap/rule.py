"""A cluster that is not formed yet: all members of the first generation start at once.

`new` is allowed exactly until a quorum has answered and the cluster ID is recorded. How many
members the first generation has is fixed when the first object is written: a later change of
`size` is carried out by scaling once the cluster exists.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from etcd_operator.api.cluster import Phase
from etcd_operator.api.disk import name_attributes_field
from etcd_operator.core.actions import Action, ApplyObject, DeleteObject
from etcd_operator.core.bootstrap.gate import lay_out_bootstrap
from etcd_operator.core.bootstrap.gate_record import (
    ANNOTATION_RESTORE,
    recorded_bootstrap,
    restored_members,
)
from etcd_operator.core.in_place_restore.record import Stage, find_restore_record
from etcd_operator.core.membership.foreign_claims import may_lose_unseen_disk
from etcd_operator.core.model.decision import OUTSIDE_CHANGE, POD_START, Decision
from etcd_operator.core.model.quorum import majority
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.model.template import find_claim_template, read_disk_size
from etcd_operator.core.objects.drift import find_drift
from etcd_operator.core.objects.statefulset import render_claim, render_statefulset
from etcd_operator.core.reasons import attention, routine
from etcd_operator.json_types import Json
from etcd_operator.wording import counted


def wait_uncreated(snapshot: Snapshot) -> Decision | None:
    """Size 0 from the beginning: nothing to run, and nothing to keep."""
    begun = recorded_bootstrap(snapshot) is not None or snapshot.claims
    if snapshot.recorded_cluster_id is not None or snapshot.spec.size != 0 or begun:
        return None
    return Decision(
        reason=routine.STOPPED,
        message="The cluster is not created while spec.size is 0.",
        phase=Phase.STOPPED,
        corrects_objects=False,
        settled=True,
    )


def wait_for_restore(snapshot: Snapshot) -> Decision | None:
    """Never form before the EtcdRestore that made the cluster has filled every disk."""
    restoring = snapshot.cluster.annotations.get(ANNOTATION_RESTORE)
    if _is_formed(snapshot) or not restoring or restored_members(snapshot) is not None:
        return None
    filled = sum(claim.bound for claim in snapshot.data_claims)
    return Decision(
        reason=routine.RESTORING,
        message=f"An EtcdRestore fills the disks, {filled} of which exist; then the members start.",
        phase=Phase.CREATING,
        requeue_after=POD_START,
        corrects_objects=False,
    )


def refuse_unrecorded_resources(snapshot: Snapshot) -> Decision | None:
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
        reason=attention.UNRECORDED_RESOURCES,
        message=f"{', '.join(remains)} exists, but no record of how it was formed. {remedy}",
        phase=Phase.CREATING,
        requeue_after=POD_START if leaving else OUTSIDE_CHANGE,
        corrects_objects=False,
        passing=leaving,
    )


def restart_bootstrap(snapshot: Snapshot) -> Decision | None:
    """Begin again after a correction of what cannot be changed in place.

    Allowed only while fewer than a majority of the first generation ever had a disk: then no
    write can have been acknowledged.
    """
    begun = recorded_bootstrap(snapshot)
    if _is_formed(snapshot) or begun is None or snapshot.spec.size == 0:
        return None
    if find_restore_record(snapshot.cluster):
        return None  # what is on the disks comes from a backup
    if snapshot.spec.storage.ephemeral is not None:
        return None  # no claim says whether a member had data, and it would go with its Pod
    why = _changed_since(snapshot, begun)
    had_disk = len({claim.ordinal for claim in snapshot.claims if claim.bound})
    if why is None or had_disk >= majority(begun) or snapshot.unlabelled_claims is None:
        return None
    return Decision(
        reason=routine.BOOTSTRAP_RESTARTED,
        message=f"Restarting the bootstrap: {why} before any member could start.",
        phase=Phase.CREATING,
        actions=tuple(_begin_anew(snapshot, begun, why)),
        requeue_after=POD_START,
        corrects_objects=False,
    )


def _begin_anew(snapshot: Snapshot, begun: int, why: str) -> Iterator[Action]:
    """Stop everything; when that is done delete the disks; when they are gone, the record.

    What we see may be old, and the members may have formed the cluster meanwhile. So the
    StatefulSet must be as it was seen, and so must every disk; those that were unused come first,
    for without them no majority can form. Until the StatefulSet says that it is done with nothing
    there may be disks that it has yet to create: as long as there is one, the record must tell
    whose it is.
    """
    live = snapshot.statefulset
    if live and not live.deleting and snapshot.replicas:
        layout = replace(lay_out_bootstrap(snapshot, begun), replicas=0)
        manifest = render_statefulset(snapshot.rendered_spec, snapshot.naming, layout, live.body)
        yield ApplyObject(live.kind, live.name, live.uid, live.resource_version, why, manifest)
    if not snapshot.starts_nothing or snapshot.pods:
        return
    for claim in sorted(snapshot.claims, key=lambda claim: claim.bound):
        if not claim.deleting:
            revision = claim.resource_version
            yield DeleteObject("PersistentVolumeClaim", claim.name, claim.uid, why, revision)
    if snapshot.claims:
        return
    for child in (snapshot.config_map, live):
        if child and not child.deleting:
            revision = child.resource_version
            yield DeleteObject(child.kind, child.name, child.uid, why, revision)


def must_see_claims(snapshot: Snapshot) -> bool:
    """Whether what comes next depends on every disk there is: caches may not show it yet."""
    restore = find_restore_record(snapshot.cluster)
    if restore and restore.stage is not Stage.SERVE and not snapshot.cluster.deleting:
        return snapshot.starts_nothing
    if snapshot.cluster.deleting:
        return False
    if _is_formed(snapshot):
        return _is_growing(snapshot) or may_lose_unseen_disk(snapshot)
    begun = recorded_bootstrap(snapshot)
    return snapshot.starts_nothing or (
        begun is not None and _changed_since(snapshot, begun) is not None
    )


def _is_growing(snapshot: Snapshot) -> bool:
    """Whether a member may be announced: it would get whatever claim has the name of its disk."""
    if not snapshot.quorum_confirmed:
        return False
    taken = {snapshot.naming.ordinal_of_member(member) for member in snapshot.members}
    return not set(range(snapshot.spec.size)) <= taken


def _changed_since(snapshot: Snapshot, begun: int) -> str | None:
    spec = snapshot.spec
    if spec.size != begun:
        return f"spec.size was changed from {begun} to {spec.size}"
    live = snapshot.statefulset
    template = find_claim_template(live.body) if live else None
    if live is None or template is None:
        return None
    return _changed_disk(snapshot, live.body, template) or _changed_wal(snapshot, live.body)


def _changed_wal(snapshot: Snapshot, live: Json) -> str | None:
    """What was changed about the disks of write-ahead logs."""
    spec, template = snapshot.spec, find_claim_template(live, wal=True)
    if template is None or spec.storage.wal is None:
        return None
    after = render_claim(spec, snapshot.naming, wal=True)["spec"]
    if template["spec"].get("storageClassName") != after.get("storageClassName"):
        named = after.get("storageClassName") or "the default"
        return f"spec.storage.wal.storageClassName was changed to {named}"
    if read_disk_size(live, wal=True) != spec.storage.wal.size:
        return f"spec.storage.wal.size was changed to {spec.storage.wal.size}"
    return _changed_attributes(template["spec"], after, name_attributes_field(wal=True))


def _changed_disk(snapshot: Snapshot, live: Json, made_from: Json) -> str | None:
    """What was changed about the disks of the data."""
    spec = snapshot.spec
    before, after = made_from["spec"], render_claim(spec, snapshot.naming)["spec"]
    template = spec.storage.volume_claim_template
    if before.get("storageClassName") != after.get("storageClassName"):
        field = "volumeClaimTemplate" if template else "storageClassName"
        named = after.get("storageClassName") or "the default"
        return f"spec.storage.{field} was changed to {named}"
    if read_disk_size(live) != spec.storage.requested:
        return f"spec.storage.size was changed to {spec.storage.requested}"
    if template is None and (
        changed := _changed_attributes(before, after, name_attributes_field(wal=False))
    ):
        return changed
    if find_drift(after, before) or before.keys() - after.keys():
        return "spec.storage.volumeClaimTemplate was changed"
    return None


def _changed_attributes(before: Json, after: Json, field: str) -> str | None:
    was, named = (claim.get("volumeAttributesClassName") for claim in (before, after))
    return f"{field} was changed to {named or 'none'}" if was != named else None


def bootstrap(snapshot: Snapshot) -> Decision | None:
    """Let the first generation start, and wait until a quorum of it answers."""
    if _is_formed(snapshot):
        return None
    begun = recorded_bootstrap(snapshot)
    size = snapshot.spec.size if begun is None else begun
    answering = sum(1 for probe in snapshot.probes.values() if probe.status)
    running = sum(pod.running for pod in snapshot.pods)
    if snapshot.spec.size == 0:
        return _stop_unformed(snapshot)
    return Decision(
        reason=routine.BOOTSTRAPPING,
        message=(
            f"Bootstrapping {counted(size, 'member')}: {running} running, {answering} answering."
        ),
        phase=Phase.RESTORING if find_restore_record(snapshot.cluster) else Phase.CREATING,
        requeue_after=0.15 if answering else POD_START if running else None,
    )


def _stop_unformed(snapshot: Snapshot) -> Decision:
    if snapshot.pods or snapshot.replicas:
        return Decision(
            reason=routine.STOPPING,
            message="Stopping before the cluster was formed.",
            phase=Phase.CREATING,
        )
    return Decision(
        reason=routine.STOPPED,
        message="The cluster was stopped before it was formed; set spec.size to go on.",
        phase=Phase.STOPPED,
        settled=True,
    )


def _is_formed(snapshot: Snapshot) -> bool:
    return snapshot.recorded_cluster_id is not None or snapshot.quorum_confirmed
