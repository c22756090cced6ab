"""The guard of a take-over; see `guards`. It shares no judgement with its rules.

* The old cluster's Pods and members are touched only as recorded, only by consent, and only once
  every new member votes and the rest has a majority without the one that goes.
* A member leaves only when its process is gone: its Pod, or what answered at its endpoint. One that
  a person stopped is away for a while first, for it may have been restarted.
* While old members are there, they are not left without their majority: not by a deletion of the
  EtcdCluster, and not by a recovery from a lost majority.
* Members that take one learner never see two.
"""

from __future__ import annotations

from etcd_operator.core.actions import (
    Action,
    AddLearner,
    ApplyObject,
    DeleteObject,
    IssueAuthority,
    PassLeadership,
    QuarantineDisk,
    RecordRestore,
    RemoveSourceMember,
    ScaleSource,
    ShareTrust,
    TakeOverAction,
)
from etcd_operator.core.model.members import Member
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.model.source import Source
from etcd_operator.core.takeover.record import (
    ANNOTATION_APPROVED,
    ANNOTATION_GONE,
    LONGEST_AWAY,
    PATIENCE_SECONDS,
    Stage,
    TakeOver,
    find_take_over,
)
from etcd_operator.wording import counted


def refuse_beside_source(action: Action, snapshot: Snapshot) -> str | None:
    """Refuse what is harmless in a cluster of its own, and not beside members of somebody else."""
    record = _read_record(snapshot)
    if isinstance(action, IssueAuthority | ShareTrust):
        return _refuse_other_authority(action, snapshot, record)
    if record is None:
        return None
    match action:
        case AddLearner():
            learners = [m for m in snapshot.members if m.is_learner]
            beside = learners and _find_old(record, snapshot)
            return "members that are taken over take one learner at a time" if beside else None
        case QuarantineDisk():
            return _refuse_recovery(snapshot)
        case RecordRestore():
            return "the cluster is being taken over: its members must not stop"
        case ApplyObject(kind="Service") if action.name in snapshot.spec.service.aliases:
            return "clients may reach old members by this name: it is for the time after them"
        case ApplyObject(kind="ConfigMap"):
            files = action.manifest["data"].values()
            forces = any("force-new-cluster: true" in text for text in files)
            forced = _refuse_recovery(snapshot) if forces else None
            return forced or _refuse_backdating(action, record, snapshot)
        case DeleteObject(kind="Pod" | "StatefulSet" | "PersistentVolumeClaim"):
            return _refuse_desertion(record, snapshot) if snapshot.cluster.deleting else None
        case _:
            return None


def refuse_take_over(action: TakeOverAction, snapshot: Snapshot, answering: set[int]) -> str | None:
    """Refuse a step beyond what is on record, agreed upon, and survived by the majority."""
    gate, source, record = snapshot.config_map, snapshot.source, _read_record(snapshot)
    if gate is None or gate.owner_uid != snapshot.naming.uid or record is None or source is None:
        return "no take-over is on record"
    if isinstance(action, PassLeadership):
        return _refuse_leadership(action, snapshot, answering)
    if record.stage is not Stage.REMOVE or not _is_agreed(record, snapshot, source):
        return "it was not agreed that the old members go"
    if isinstance(action, ScaleSource):
        return _refuse_scaling(action, record, snapshot, source, answering)
    refused = _refuse_removal(action, record, snapshot, source)
    return refused or _refuse_impatience(action, record, snapshot, source)


def _refuse_other_authority(
    action: IssueAuthority | ShareTrust, snapshot: Snapshot, record: TakeOver | None
) -> str | None:
    """Old members know one authority of peers: it is shared from the first member to the last."""
    joins = snapshot.cluster.spec.joins
    begins = joins is not None and snapshot.recorded_cluster_id is None
    if action.secret != snapshot.naming.peer_authority or not (begins or record):
        return None
    handed = action.handed_over if isinstance(action, IssueAuthority) else None
    if handed is None or joins is None or handed.secret != joins.source.peer_ca_secret:
        return "old members trust no CA but their own, which was handed over"
    return None


def _read_record(snapshot: Snapshot) -> TakeOver | None:
    gate = snapshot.config_map
    return find_take_over(gate.annotations) if gate else None


def _refuse_recovery(snapshot: Snapshot) -> str | None:
    source = snapshot.source
    gone = source is not None and (_all_stopped(snapshot) if source.listed else not source.pods)
    return None if gone else "members that are taken over may run, and have the quorum"


def _all_stopped(snapshot: Snapshot) -> bool:
    """Whether a person says that no process at the endpoints runs, and none answers."""
    source, recorded = snapshot.source, snapshot.recorded_cluster_id
    if source is None or not recorded or any(pod.responds for pod in source.pods):
        return False
    return snapshot.cluster.annotations.get(ANNOTATION_GONE) == f"{recorded:x}"


def _refuse_desertion(record: TakeOver, snapshot: Snapshot) -> str | None:
    source = snapshot.source
    if source is not None and source.listed and _all_stopped(snapshot):
        return None
    if source is not None and not source.pods and not (source.exists and source.replicas):
        return None
    if not snapshot.quorum_confirmed:
        return "no quorum has confirmed that the members have left etcd"
    if not _find_old(record, snapshot):
        return None
    own = [m for m in snapshot.members if _is_own(m, snapshot)]
    return "old members would miss the votes of those that go" if own else None


def _refuse_leadership(
    action: PassLeadership, snapshot: Snapshot, answering: set[int]
) -> str | None:
    voters = {m.id for m in snapshot.members if not m.is_learner}
    if action.to_id not in voters & answering:
        return "the transferee is not a voter that answers"
    return None if snapshot.leader_id in (0, action.from_id) else "another member leads meanwhile"


def _refuse_scaling(
    action: ScaleSource,
    record: TakeOver,
    snapshot: Snapshot,
    source: Source,
    answering: set[int],
) -> str | None:
    looked_at = (source.name, source.uid, source.resource_version, source.replicas - 1)
    if (action.name, action.uid, action.resource_version, action.replicas) != looked_at:
        return "the StatefulSet is not as it was looked at, or more than one Pod would go"
    if source.name != record.source or not action.uid or action.replicas < 0:
        return "the StatefulSet is not the one on record"
    joins = snapshot.cluster.spec.joins
    if joins is None or joins.scale_in != "Automatic":
        return "the StatefulSet is for a person to scale"
    if source.owner:
        return "the StatefulSet belongs to an EtcdCluster"
    own = {m.id for m in snapshot.members if _is_own(m, snapshot) and not m.is_learner}
    if len(own & answering) < record.size:
        return f"only {len(own & answering)} of {record.size} new members vote and answer"
    stopped = record.members.get(source.start + action.replicas)
    voters = {m.id for m in snapshot.members if not m.is_learner}
    if stopped not in voters:
        return "the Pod that would go is not that of a member on record"
    if snapshot.leader_id == stopped:
        return "the member that would stop is the leader"
    if any(source.start + action.replicas < pod.ordinal for pod in source.pods):
        return "another Pod of the StatefulSet is still going"
    left = len((answering & voters) - {stopped})
    return (
        f"only {left} of {counted(len(voters), 'voter')} would be left answering"
        if (left * 2 <= len(voters))
        else None
    )


def _refuse_removal(
    action: RemoveSourceMember, record: TakeOver, snapshot: Snapshot, source: Source
) -> str | None:
    if record.members.get(action.ordinal) != action.member_id:
        return "the member is not on record as one that is taken over"
    if source.listed:
        return _refuse_unstopped(action, record, snapshot, source)
    if source.name != record.source or source.wants(action.ordinal):
        return "its StatefulSet would start the member again"
    if any(pod.ordinal == action.ordinal for pod in source.pods):
        return "its Pod is still there"
    return None


def _refuse_impatience(
    action: RemoveSourceMember, record: TakeOver, snapshot: Snapshot, source: Source
) -> str | None:
    """A person may have restarted what the operator did not stop: it is away for a while first."""
    joins = snapshot.cluster.spec.joins
    if source.exists and joins is not None and joins.scale_in == "Automatic":
        return None
    seconds = snapshot.now.timestamp() - record.away.get(action.ordinal, 0)
    if not PATIENCE_SECONDS <= seconds <= LONGEST_AWAY + 1:
        return "its process may only have been restarted"
    return None


def _refuse_backdating(action: ApplyObject, record: TakeOver, snapshot: Snapshot) -> str | None:
    """Since when a member is away was recorded as it was seen, at that time."""
    written = find_take_over(action.manifest.get("metadata", {}).get("annotations") or {})
    now = int(snapshot.now.timestamp())
    for ordinal, since in written.away.items() if written else ():
        if since != record.away.get(ordinal) and since < now:
            return "nobody has seen before that the member is away"
    return None


def _refuse_unstopped(
    action: RemoveSourceMember, record: TakeOver, snapshot: Snapshot, source: Source
) -> str | None:
    """Nobody sees a process at an endpoint end: it is silent here, and to every new member."""
    if record.source or len(source.pods) != len(record.members):
        return "the endpoints are not those on record"
    if any(pod.status and pod.status.member_id == action.member_id for pod in source.pods):
        return "its process still answers"
    if snapshot.leader_id == action.member_id:
        return "the member is the leader"
    if source.connected is None or action.member_id in source.connected:
        return "new members may be connected to its process"
    return None


def _is_agreed(record: TakeOver, snapshot: Snapshot, source: Source) -> bool:
    cluster = snapshot.cluster
    joins = cluster.spec.joins
    if joins is None or not record.revision:
        return False
    if source.exists and source.consent != cluster.name:
        return False
    approved = f"{snapshot.live_cluster_id:x}/{record.revision}"
    return joins.take_over == "Automatic" or (
        cluster.annotations.get(ANNOTATION_APPROVED) == approved
    )


def _find_old(record: TakeOver, snapshot: Snapshot) -> list[Member]:
    known = set(record.members.values())
    return [member for member in snapshot.members if member.id in known]


def _is_own(member: Member, snapshot: Snapshot) -> bool:
    return snapshot.naming.ordinal_of_member(member) is not None
