"""Let disks grow: the claims first, while members run, then the template for members to come.

Kubernetes grows a volume under a running Pod where the StorageClass allows it, and refuses the
change where it does not; its sentence is shown then. It refuses it as well before a claim has its
volume, so a claim that was made a moment ago, in place of a lost one, is asked when it has one. The
claim template of a StatefulSet can not be changed, so the StatefulSet is made anew around its Pods.
"""

from __future__ import annotations

from etcd_operator.api.cluster import Phase
from etcd_operator.api.quantity import Quantity
from etcd_operator.core.actions import DeleteObject, ResizeClaim
from etcd_operator.core.bootstrap.gate_record import recorded_members
from etcd_operator.core.model.decision import OUTSIDE_CHANGE, POD_START, Decision
from etcd_operator.core.model.live_objects import Claim
from etcd_operator.core.model.naming import ANNOTATION_CLAIM_METADATA
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.model.template import read_disk_size
from etcd_operator.core.objects.statefulset import hash_claim_metadata
from etcd_operator.core.reasons import routine


def grow_disks(snapshot: Snapshot) -> Decision | None:
    """Take the next step towards disks of the wanted size."""
    return _grow(snapshot, wal=False) or _grow(snapshot, wal=True)


def _grow(snapshot: Snapshot, *, wal: bool) -> Decision | None:
    """Take the next step with the disks of the data, or with those of the write-ahead logs."""
    size = _wanted(snapshot, wal=wal)
    if size is None:
        return None
    disks = [
        claim
        for seat in snapshot.seats()
        for claim in seat.claims
        if seat.member and claim.wal == wal and claim.owner_uid == snapshot.naming.uid
    ]
    small = [
        claim
        for claim in disks
        if claim.bound and not claim.deleting and _is_below(claim.requested, size)
    ]
    if small:
        return _decide(
            small, size, tuple(ResizeClaim(claim.name, claim.uid, size) for claim in small)
        )
    live = snapshot.statefulset
    if live and not live.deleting and _is_below(read_disk_size(live.body, wal=wal), size):
        why = f"its template has to ask for {size}; the Pods stay as they are"
        return _decide(
            disks, size, (DeleteObject(live.kind, live.name, live.uid, why, orphan=True),)
        )
    growing = [claim for claim in disks if _is_below(claim.capacity, size)]
    return _decide(growing, size, ()) if growing else None


def _wanted(snapshot: Snapshot, *, wal: bool) -> Quantity | None:
    """The size that these disks are to have; None where there are none."""
    storage = snapshot.spec.storage
    return storage.requested_wal if wal else storage.requested


def grow_full_disks(snapshot: Snapshot) -> Decision | None:
    """Without a quorum: ask for larger disks, for a full one may be what took the majority.

    To grow a claim asks nobody's vote and ends no Pod. The rest waits for the quorum.
    """
    if snapshot.quorum_confirmed:
        return None
    if snapshot.spec.size == 0:
        return None
    return _ask_without_quorum(snapshot, wal=False) or _ask_without_quorum(snapshot, wal=True)


def _ask_without_quorum(snapshot: Snapshot, *, wal: bool) -> Decision | None:
    size, ours = _wanted(snapshot, wal=wal), set(recorded_members(snapshot))
    if size is None:
        return None
    small = [
        claim
        for claim in snapshot.claims
        if claim.ordinal in ours
        and claim.wal == wal
        and claim.owner_uid == snapshot.naming.uid
        and claim.bound
        and not claim.deleting
        and _is_below(claim.requested, size)
    ]
    if not small:
        return None
    return _decide(small, size, tuple(ResizeClaim(c.name, c.uid, size) for c in small))


def update_claim_template(snapshot: Snapshot) -> Decision | None:
    """Make the StatefulSet anew whose claim template was handed down other labels or annotations.

    Before members join: where a policy asks for a label, disks of the template of before are
    refused. Disks that exist stay as they are. The record of what was handed down decides, and not
    the template, to which a webhook may add what it likes.
    """
    live = snapshot.statefulset
    if live is None or live.deleting or snapshot.spec.storage.ephemeral is not None:
        return None
    recorded = live.annotations.get(ANNOTATION_CLAIM_METADATA, "")
    if recorded == hash_claim_metadata(snapshot.naming):
        return None
    why = "the metadata of its claim template has to change; the Pods stay as they are"
    return Decision(
        reason=routine.UPDATING_CLAIM_TEMPLATE,
        message="Updating the template of disks to come: spec.inheritedMetadata has changed.",
        phase=Phase.UPGRADING,
        actions=(DeleteObject(live.kind, live.name, live.uid, why, orphan=True),),
        requeue_after=POD_START,
    )


def _decide(
    claims: list[Claim], size: Quantity, actions: tuple[ResizeClaim | DeleteObject, ...]
) -> Decision:
    names = ", ".join(claim.name for claim in claims)
    return Decision(
        reason=routine.GROWING_DISKS,
        message=f"Expanding the disks to {size}: {names}.",
        phase=Phase.UPGRADING,
        actions=actions,
        requeue_after=POD_START if actions else OUTSIDE_CHANGE,
    )


def _is_below(have: Quantity | None, want: Quantity) -> bool:
    """Whether a size is known and smaller."""
    return have is not None and have < want
