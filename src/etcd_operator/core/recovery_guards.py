"""The second opinion on a recovery from a lost majority; see `guards`.

What is taken from the record is who is kept and who approved it.

* No disk is set aside without approval, with a quorum, beside its Pod, or before the kept member
  answers with its data.
* A member counts as alone only when nothing of any other member is left.
"""

from __future__ import annotations

from etcd_operator.core.actions import QuarantineDisk
from etcd_operator.core.recovery import answers_with_data, find_recovery, is_for
from etcd_operator.core.snapshot import Snapshot


def refuse_quarantine(action: QuarantineDisk, snapshot: Snapshot) -> str | None:
    """A disk is set aside only by approval, without a quorum, and while no Pod can use it."""
    claim = next((c for c in snapshot.claims if c.uid == action.uid), None)
    if claim is None or claim.owner_uid != snapshot.naming.uid:
        return "it is not there any more, or belongs to another cluster"
    recovery = find_recovery(snapshot)
    if recovery is None or not is_approved(snapshot) or snapshot.quorum_confirmed:
        return "nobody has approved it"
    if claim.ordinal == recovery.ordinal:
        return "it is the disk of the member that is kept"
    if not answers_with_data(recovery, snapshot):
        return "the member that is kept does not answer with its data"
    in_use = any(pod.ordinal == claim.ordinal for pod in snapshot.pods)
    return "its Pod is still there" if in_use else None


def is_approved(snapshot: Snapshot) -> bool:
    """Whether a request for this very cluster was recorded."""
    recovery = find_recovery(snapshot)
    return recovery is not None and is_for(recovery.request, snapshot)


def is_alone_by_approval(snapshot: Snapshot, ordinal: int) -> bool:
    """Whether it is kept by approval, and no Pod or disk of another member is left."""
    recovery = find_recovery(snapshot)
    left = {pod.ordinal for pod in snapshot.pods} | {claim.ordinal for claim in snapshot.claims}
    kept = recovery is not None and recovery.ordinal == ordinal
    return kept and left == {ordinal} and is_approved(snapshot)
