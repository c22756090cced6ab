"""The guards of votes: nobody is promoted, removed or stopped whom the majority would miss.

Members that did not answer in this very pass count as dead. They share no judgement with the rules.
"""

from __future__ import annotations

from typing import Final

from etcd_operator.core.actions import DeleteObject, EvictPod
from etcd_operator.core.guards.pods import refuse_stop_without_quorum
from etcd_operator.core.in_place_restore.guard import may_stop_all
from etcd_operator.core.model.live_objects import Pod
from etcd_operator.core.model.members import CORRUPT, Member
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.quorum_loss.guard import is_alone_by_approval
from etcd_operator.wording import counted

_GOES_WITH_POD: Final = "the disk of the Pod is being deleted and would go with it"
# What etcd says when it is to join, and has no data to join with (server/etcdserver/bootstrap.go).
_NO_DATA: Final = "cannot fetch cluster info from peer urls"
_IN_POD: Final = "the data of the Pod is in an emptyDir and would go with it"


def refuse_vote(by_id: dict[int, Member], member_id: int, snapshot: Snapshot) -> str | None:
    """A vote for one that does not answer raises the majority that the others must be."""
    member = by_id.get(member_id)
    if member is None or not member.is_learner:
        return "the member is not a learner"
    voters = {m.id for m in by_id.values() if not m.is_learner} | {member_id}
    alive = answering(snapshot) & voters
    if len(alive) * 2 <= len(voters):
        return f"only {len(alive)} of {counted(len(voters), 'voter')} would be answering"
    return None


def refuse_vote_loss(
    by_id: dict[int, Member], member_id: int, snapshot: Snapshot, *, still_voting: bool
) -> str | None:
    """A voter goes, or is stopped and remains one, only if the others have a majority then."""
    member = by_id.get(member_id)
    if member is None:
        return "etcd's member list does not have this member ID"
    if member.is_learner:
        return None
    voters = {m.id for m in by_id.values() if not m.is_learner}
    alive = answering(snapshot) & voters - {member_id}
    those = voters if still_voting else voters - {member_id}
    if still_voting:
        alive -= _ending(snapshot)
    if not those or len(alive) * 2 <= len(those):
        return f"only {len(alive)} of {counted(len(those), 'voter')} would be left answering"
    return None


def _ending(snapshot: Snapshot) -> set[int]:
    """The member IDs whose Pods are being deleted: they may still answer, and soon do not."""
    ordinals = {pod.ordinal for pod in snapshot.pods if pod.deleting}
    find = snapshot.naming.ordinal_of_member
    return {member.id for member in snapshot.members if find(member) in ordinals}


def answering(snapshot: Snapshot) -> set[int]:
    """The member IDs that answered as members of this cluster and see a leader."""
    live, probes = snapshot.membership, list(snapshot.probes.values())
    if snapshot.source:  # members of somebody else vote as well
        probes += [pod.probe for pod in snapshot.source.pods if pod.probe]
    return {
        probe.status.member_id
        for probe in probes
        if probe.status
        and probe.status.leader
        and live is not None
        and probe.status.cluster_id == live.cluster_id
    }


def refuse_stop(action: DeleteObject | EvictPod, snapshot: Snapshot) -> str | None:
    """Stopping a Pod: nobody's vote may be missed, unless it never had a process or all must go."""
    if snapshot.cluster.deleting:
        return None
    pod = next((p for p in snapshot.pods if p.uid == action.uid), None)
    if pod is None:
        return "the Pod does not exist any more"
    if not pod.ever_ran:
        return None
    lost = _refuse_lost_disk(pod, snapshot)
    if lost is not None or may_stop_all(snapshot):
        return lost
    if not snapshot.quorum_confirmed:
        if is_alone_by_approval(snapshot, pod.ordinal):
            return None
        if isinstance(action, EvictPod):
            return "no quorum has confirmed the member list"
        return refuse_stop_without_quorum(action, pod, snapshot)
    by_id = {m.id: m for m in snapshot.members}
    voters = [member for member in members_at(pod.ordinal, snapshot) if not member.is_learner]
    if not voters:
        return None
    losses = (_refuse_stop_of_voter(by_id, voter.id, snapshot) for voter in voters)
    return _refuse_late(action, pod) or next(filter(None, losses), None)


def members_at(ordinal: int, snapshot: Snapshot) -> list[Member]:
    """Every member at the host of an ordinal: a client of etcd may have added another one there."""
    find = snapshot.naming.ordinal_of_member
    return [member for member in snapshot.members if find(member) == ordinal]


def _refuse_lost_disk(pod: Pod, snapshot: Snapshot) -> str | None:
    """What goes with its Pod: a claim that is being deleted, or an emptyDir.

    Unless the majority has its data, and the member is away already or has no vote.
    """
    going = any(c.deleting for c in snapshot.claims if c.ordinal == pod.ordinal)
    if not going and not pod.ephemeral:
        return None
    lost = _GOES_WITH_POD if going else _IN_POD
    by_id = {m.id: m for m in snapshot.members}
    members = [m for m in by_id.values() if snapshot.naming.ordinal_of_member(m) == pod.ordinal]
    if not snapshot.quorum_confirmed:
        return lost
    if not members or members[0].is_learner:
        return None
    if members[0].id in answering(snapshot):
        return lost
    return refuse_vote_loss(by_id, members[0].id, snapshot, still_voting=True)


def refuse_loss_of_disks(member_id: int, snapshot: Snapshot) -> str | None:
    """While disks are being deleted, one voter leaves at a time, and never the last sound one."""
    going = {claim.ordinal for claim in snapshot.claims if claim.deleting}
    voters = {m.id: m for m in snapshot.members if not m.is_learner}
    leaving = voters.pop(member_id, None)
    if leaving is not None and (thin := _refuse_thin_copy(leaving, voters, snapshot)):
        return thin
    ordinals = {snapshot.naming.ordinal_of_member(m) for m in voters.values()}
    if leaving is None or not ordinals & going:
        return None
    if len(voters) + 1 < len(snapshot.members):
        return "disks are being deleted, and a learner has yet to be promoted"
    ordinal = snapshot.naming.ordinal_of_member(leaving)
    sound = ordinal not in going and not _has_ended_without_data(ordinal, snapshot)
    return (
        "only voters would be left whose disks are being deleted"
        if sound and ordinals <= going
        else None
    )


def _has_ended_without_data(ordinal: int | None, snapshot: Snapshot) -> bool:
    """Whether a member's process has ended as etcd does on an empty disk: it holds nothing."""
    pods = (pod for pod in snapshot.pods if pod.ordinal == ordinal)
    return any(not pod.running and _NO_DATA in pod.termination_message for pod in pods)


def _refuse_thin_copy(leaving: Member, voters: dict[int, Member], snapshot: Snapshot) -> str | None:
    """Of members with emptyDirs one that serves is replaced only while several others vote.

    Each copy of the data is a Pod that anybody may delete: the next one has to be there before.
    Not so of members whose data differs: which of it is right is judged elsewhere.
    """
    ordinal = snapshot.naming.ordinal_of_member(leaving)
    pod = next((pod for pod in snapshot.pods if pod.ordinal == ordinal), None)
    stays = ordinal is not None and ordinal < snapshot.spec.size
    if pod is None or not pod.ephemeral or not stays or leaving.id not in answering(snapshot):
        return None
    differ = snapshot.compared and len(set(snapshot.compared[-1].hashes.values())) > 1
    if differ or any(alarm == CORRUPT for alarm, _ in snapshot.alarms):
        return None
    if len(voters) + 1 < len(snapshot.members):
        return "its data is in an emptyDir, and a learner has yet to be promoted"
    return None if len(voters) > 1 else "its data is in an emptyDir, and only one other has it"


def _refuse_late(action: DeleteObject | EvictPod, pod: Pod) -> str | None:
    """Stops of voters need a precondition: what was seen may be old, and the API server decides.

    A voter that is Ready is in the PodDisruptionBudget, which lets one go at a time, whoever asks.
    One that is not Ready may be by now.
    """
    if pod.deleting or isinstance(action, EvictPod):
        return None
    if pod.ready:
        return "the Pod is Ready: it can only be evicted"
    return (
        None
        if action.resource_version
        else "the Pod may be Ready by now: its resourceVersion is no precondition"
    )


def _refuse_stop_of_voter(
    by_id: dict[int, Member], member_id: int, snapshot: Snapshot
) -> str | None:
    if len(by_id) == 1 or member_id not in answering(snapshot):
        return None  # it serves nobody now
    return refuse_vote_loss(by_id, member_id, snapshot, still_voting=True)
