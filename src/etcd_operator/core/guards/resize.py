"""The guards of Pods that get larger or smaller while they are in use; see `guards`.

A container that gets too little memory may be killed: so nobody's vote may be missed, as if the
Pod were stopped. And a Pod is called up to date only with what the template gives.
"""

from __future__ import annotations

from etcd_operator.core.actions import ResizePod, SetPodRevision
from etcd_operator.core.guards.votes import members_at, refuse_vote_loss
from etcd_operator.core.model.compute import read_compute
from etcd_operator.core.model.live_objects import Pod
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.model.template import read_resources


def refuse_pod_resize(action: ResizePod | SetPodRevision, snapshot: Snapshot) -> str | None:
    """Return why a Pod must not be resized, or not be called so."""
    pod = next((p for p in snapshot.pods if p.uid == action.uid), None)
    if pod is None or pod.deleting or not action.resource_version:
        return "the Pod does not exist any more, or is being deleted"
    if snapshot.statefulset is None or not snapshot.spec.in_place_resize:
        return "the spec asks for no resize"
    if isinstance(action, SetPodRevision):
        return _refuse_revision(action, pod, snapshot)
    template = read_compute(read_resources(snapshot.statefulset.body))
    if read_compute(action.resources) != template:
        return "these are not the CPU and memory of the template"
    if not snapshot.quorum_confirmed:
        return "no quorum has confirmed the member list"
    by_id = {member.id: member for member in snapshot.members}
    if len(by_id) == 1:
        return None
    losses = (
        refuse_vote_loss(by_id, member.id, snapshot, still_voting=True)
        for member in members_at(pod.ordinal, snapshot)
    )
    return next(filter(None, losses), None)


def _refuse_revision(action: SetPodRevision, pod: Pod, snapshot: Snapshot) -> str | None:
    body = snapshot.statefulset.body if snapshot.statefulset else {}
    if action.revision != (body.get("status") or {}).get("updateRevision"):
        return "this is not the revision of the StatefulSet's template"
    given = read_compute(read_resources(body))
    if not pod.compute == pod.compute_in_effect == given:
        return "the Pod does not have the CPU and memory of the template"
    return None
