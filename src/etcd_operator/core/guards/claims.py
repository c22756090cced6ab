"""Guards of members' claims: of their size and attributes, and of members announced on them."""

from __future__ import annotations

from etcd_operator.api.disk import name_attributes_field
from etcd_operator.core.actions import AddLearner, ChangeClaimAttributes, ClaimAction, ResizeClaim
from etcd_operator.core.model.live_objects import Claim
from etcd_operator.core.model.snapshot import Snapshot


def refuse_claim_change(action: ClaimAction, snapshot: Snapshot) -> str | None:
    """Return why a claim must not get another size, or other attributes."""
    claim = next((c for c in snapshot.claims if c.uid == action.uid), None)
    if claim is None or claim.deleting or not claim.bound:
        return "the PersistentVolumeClaim is not bound, or is being deleted"
    if claim.owner_uid != snapshot.naming.uid:
        return "the PersistentVolumeClaim belongs to another EtcdCluster"
    if isinstance(action, ResizeClaim):
        return _refuse_resize(action, claim)
    return _refuse_attributes(action, snapshot, claim)


def refuse_disks_of_before(action: AddLearner, snapshot: Snapshot) -> str | None:
    """Return why no member may be announced there: with two disks, each of before has to go.

    A member with one disk may use one that is empty. Of two, one may be empty and the other not.
    """
    if snapshot.spec.storage.wal is None:
        return None
    left = [c.name for c in snapshot.claims if c.ordinal == action.ordinal and not c.deleting]
    return f"{', '.join(left)} may hold the data of the member before" if left else None


def _refuse_resize(action: ResizeClaim, claim: Claim) -> str | None:
    """Return why a disk must not be expanded."""
    if claim.requested and action.size <= claim.requested:
        return "a PersistentVolumeClaim can only be expanded"
    return None


def _refuse_attributes(
    action: ChangeClaimAttributes, snapshot: Snapshot, claim: Claim
) -> str | None:
    """Return why a disk must not get another VolumeAttributesClass."""
    storage = snapshot.cluster.spec.storage
    if action.attributes_class != storage.find_attributes_class(wal=claim.wal):
        return f"{name_attributes_field(wal=claim.wal)} does not name this class"
    return None
