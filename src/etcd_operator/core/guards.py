"""A second opinion before every effect. It derives safety from scratch and can only say no.

It shares no judgement with the rules: a rule that is wrong still meets the invariants here.

* Voters: no action of ours removes or stops a voter if the others, counting those that did not
  answer as dead, would have no majority.
* Membership is judged only on a list that a quorum confirmed for this snapshot, of the cluster
  whose ID was recorded.
* A disk is deleted only when its member is gone from etcd, or everything is being deleted, or no
  quorum of disks ever existed.
* A gate is never opened for forming a cluster once a cluster ID is known.
"""

from __future__ import annotations

from typing import assert_never

from etcd_operator.core.actions import (
    Action,
    AddLearner,
    ApplyObject,
    DeleteObject,
    EtcdAction,
    LabelPod,
    MoveLeader,
    PromoteMember,
    RemoveMember,
    SetFinalizer,
)
from etcd_operator.core.members import Member
from etcd_operator.core.snapshot import Snapshot


def refuse(action: Action, snapshot: Snapshot) -> str | None:
    """Return why the action must not happen in this snapshot; None if it may."""
    match action:
        case AddLearner() | PromoteMember() | RemoveMember() | MoveLeader():
            return _refuse_identity(action, snapshot) or _refuse_membership(action, snapshot)
        case DeleteObject(kind="Pod"):
            return _refuse_stop(action, snapshot)
        case DeleteObject(kind="PersistentVolumeClaim"):
            return _refuse_disk(action, snapshot)
        case DeleteObject():
            return _refuse_removal_of_record(snapshot)
        case ApplyObject(kind="StatefulSet"):
            return _refuse_fewer_pods(action, snapshot)
        case ApplyObject(kind="ConfigMap"):
            return _refuse_open_gate(action, snapshot)
        case ApplyObject() | LabelPod() | SetFinalizer():
            return None
    assert_never(action)


def _refuse_identity(action: EtcdAction, snapshot: Snapshot) -> str | None:
    live = snapshot.membership
    if live is None or not live.linearizable:
        return "no quorum has confirmed the member list"
    recorded = snapshot.recorded_cluster_id
    if action.cluster_id != live.cluster_id or recorded not in (None, live.cluster_id):
        return "the members belong to another cluster than the one decided about"
    return None


def _refuse_membership(action: EtcdAction, snapshot: Snapshot) -> str | None:
    by_id = {member.id: member for member in snapshot.members}
    match action:
        case AddLearner(peer_url=peer_url):
            if any(peer_url in member.peer_urls for member in snapshot.members):
                return "a member with this peer URL exists"
            return None
        case PromoteMember(member_id=member_id):
            member = by_id.get(member_id)
            return None if member and member.is_learner else "it is not a learner"
        case MoveLeader(from_id=from_id, to_id=to_id):
            heir = by_id.get(to_id)
            if heir is None or heir.is_learner:
                return "only a voter can lead"
            return None if snapshot.leader_id in (0, from_id) else "leadership has moved meanwhile"
        case RemoveMember(member_id=member_id):
            return _refuse_vote_loss(by_id, member_id, snapshot, still_voting=False)
    assert_never(action)


def _refuse_vote_loss(
    by_id: dict[int, Member], member_id: int, snapshot: Snapshot, *, still_voting: bool
) -> str | None:
    member = by_id.get(member_id)
    if member is None:
        return "it is no member"
    if member.is_learner:
        return None
    voters = {m.id for m in by_id.values() if not m.is_learner}
    alive = _answering(snapshot) & voters - {member_id}
    counted = voters if still_voting else voters - {member_id}
    if not counted or len(alive) * 2 <= len(counted):
        return f"only {len(alive)} of {len(counted)} voters would be left answering"
    return None


def _answering(snapshot: Snapshot) -> set[int]:
    live = snapshot.membership
    return {
        probe.status.member_id
        for probe in snapshot.probes.values()
        if probe.status
        and probe.status.leader
        and live is not None
        and probe.status.cluster_id == live.cluster_id
    }


def _refuse_stop(action: DeleteObject, snapshot: Snapshot) -> str | None:
    """Stopping a Pod: nobody's vote may be missed, unless it never had a process or all must go."""
    if snapshot.cluster.deleting:
        return None
    pod = next((p for p in snapshot.pods if p.uid == action.uid), None)
    if pod is None:
        return "it is not there any more"
    if not pod.ever_ran:
        return None
    if not snapshot.quorum_confirmed:
        return "no quorum has confirmed the member list"
    by_id = {m.id: m for m in snapshot.members}
    member = next(
        (m for m in by_id.values() if snapshot.naming.ordinal_of_peer(m.peer_urls) == pod.ordinal),
        None,
    )
    if member is None or not member.started or len(by_id) == 1:
        return None
    if member.id not in _answering(snapshot):
        return None  # it serves nobody now
    return _refuse_vote_loss(by_id, member.id, snapshot, still_voting=True)


def _refuse_disk(action: DeleteObject, snapshot: Snapshot) -> str | None:
    claim = next((c for c in snapshot.claims if c.uid == action.uid), None)
    if claim is None:
        return "it is not there any more"
    if claim.owner_uid != snapshot.naming.uid:
        return "it belongs to another cluster"
    policy = snapshot.cluster.spec.storage.retention_policy
    if snapshot.cluster.deleting:
        return "the retention policy keeps it" if policy.when_deleted == "Retain" else None
    if snapshot.quorum_confirmed:
        ordinals = {snapshot.naming.ordinal_of_peer(m.peer_urls) for m in snapshot.members}
        if policy.when_scaled == "Retain":
            return "the retention policy keeps it"
        return "its member is part of the cluster" if claim.ordinal in ordinals else None
    if snapshot.recorded_cluster_id is not None:
        return "no quorum has confirmed that its member is gone"
    bound = sum(c.bound for c in snapshot.claims)
    begun = max(snapshot.replicas or 0, len(snapshot.claims))
    return "a majority of the members may have had data" if bound * 2 > begun else None


def _refuse_removal_of_record(snapshot: Snapshot) -> str | None:
    if snapshot.cluster.deleting:
        return None
    if snapshot.recorded_cluster_id is not None or snapshot.membership is not None:
        return "the cluster lives"
    return None


def _refuse_fewer_pods(action: ApplyObject, snapshot: Snapshot) -> str | None:
    before, after = snapshot.replicas, action.manifest["spec"]["replicas"]
    if before is None or after >= before or snapshot.cluster.spec.size == 0:
        return None
    if snapshot.recorded_cluster_id is None and not snapshot.quorum_confirmed:
        return "the cluster is not formed yet"
    if not snapshot.quorum_confirmed:
        return "no quorum has confirmed who may stop"
    kept = [snapshot.naming.ordinal_of_peer(m.peer_urls) for m in snapshot.members]
    stopped = [ordinal for ordinal in kept if ordinal is not None and ordinal >= after]
    return f"member {stopped[0]} still belongs to the cluster" if stopped else None


def _refuse_open_gate(action: ApplyObject, snapshot: Snapshot) -> str | None:
    formed = snapshot.recorded_cluster_id is not None or snapshot.membership is not None
    opens = any('initial-cluster-state: "new"' in text for text in action.manifest["data"].values())
    return "the cluster was formed before" if formed and opens else None
