"""Guards of changes of a member's claim that stop no Pod: its size, and its attributes."""

from __future__ import annotations

from etcd_operator.core.actions import ChangeClaimAttributes, ClaimAction, ResizeClaim
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
    return _refuse_attributes(action, snapshot)


def _refuse_resize(action: ResizeClaim, claim: Claim) -> str | None:
    """Return why a disk must not be expanded."""
    if claim.requested and action.size <= claim.requested:
        return "a PersistentVolumeClaim can only be expanded"
    return None


def _refuse_attributes(action: ChangeClaimAttributes, snapshot: Snapshot) -> str | None:
    """Return why a disk must not get another VolumeAttributesClass."""
    if action.attributes_class != snapshot.cluster.spec.storage.volume_attributes_class_name:
        return "spec.storage.volumeAttributesClassName does not name this class"
    return None
