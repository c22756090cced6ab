"""A second opinion before every effect. It derives safety from scratch and can only say no.

It shares no judgement with the rules, only records: a wrong rule still meets the invariants.

* Voters: no action of ours removes or stops a voter if the others, counting those that did not
  answer as dead, would have no majority.
* Membership is judged only on a list that a quorum confirmed for this snapshot, of the cluster
  whose ID was recorded.
* Of members that do not have the same data, those that agree stay the majority.
* A disk is deleted only when its member is gone from etcd, or everything is being deleted, or no
  quorum of disks ever existed.
* A gate never opens for forming a cluster once its ID is known, nor cuts anybody off by TLS.
* Nobody who signed a certificate that is in use stops being trusted, and nobody signs one whom a
  member does not trust.
* Where a backup is asked for before an upgrade or a deletion, neither begins without it.
* Nothing is copied from another cluster after the cut-over.
* Nothing of somebody else is touched, and the finalizer goes last.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

from etcd_operator.core.actions import (
    Action,
    AddLearner,
    ApplyObject,
    CertificateAction,
    ChangeAuth,
    ClaimAction,
    CreatePasswordSecret,
    DeleteObject,
    EtcdAction,
    EvictPod,
    LabelPod,
    MaintenanceAction,
    MembershipAction,
    MirrorAction,
    MoveLeader,
    PromoteMember,
    QuarantineDisk,
    RecordRestore,
    RemoveMember,
    RemoveSourceMember,
    RequestBackup,
    ResizePod,
    SetFinalizer,
    SetPodRevision,
    TakeOverAction,
    UpdateMember,
    VolumeAction,
    WriteConnection,
)
from etcd_operator.core.auth.guard import (
    refuse_auth_change,
    refuse_password_secret,
    refuse_plain_members,
)
from etcd_operator.core.bootstrap.gate_record import recorded_bootstrap
from etcd_operator.core.bootstrap.guard import refuse_gate
from etcd_operator.core.certificates.exchange_guard import refuse_unknown_certificate
from etcd_operator.core.certificates.guard import refuse_certificate, refuse_cut_off
from etcd_operator.core.certificates.issuer_guard import (
    refuse_certificate_removal,
    refuse_forgotten_issuer,
    refuse_untrusted_issuer,
)
from etcd_operator.core.certificates.peer_issuer_guard import refuse_forgotten_peer_ca
from etcd_operator.core.connections.guard import refuse_connection
from etcd_operator.core.consistency.guard import refuse_lost_agreement
from etcd_operator.core.guards.claims import refuse_claim_change, refuse_disks_of_before
from etcd_operator.core.guards.maintenance import refuse_maintenance
from etcd_operator.core.guards.names import refuse_stranger, refuse_unannounced
from etcd_operator.core.guards.orphans import refuse_orphan, refuse_release
from etcd_operator.core.guards.pods import count_empty_dirs, refuse_loss_with_pods, refuse_too_few
from etcd_operator.core.guards.resize import refuse_pod_resize
from etcd_operator.core.guards.services import may_go, refuse_service_removal
from etcd_operator.core.guards.votes import (
    answering,
    members_at,
    refuse_loss_of_disks,
    refuse_stop,
    refuse_vote,
    refuse_vote_loss,
)
from etcd_operator.core.in_place_restore.guard import (
    is_before_service,
    may_stop_all,
    refuse_claim_deletion,
    refuse_record,
    refuse_volume,
)
from etcd_operator.core.in_place_restore.record import find_restore_record
from etcd_operator.core.mirror.guard import refuse_mirror
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.peer_tls.guard import refuse_peer_urls, refuse_unreachable
from etcd_operator.core.quorum_loss.guard import is_approved, refuse_quarantine, refuse_recovery
from etcd_operator.core.required_backup.guard import refuse_request, refuse_without_backup
from etcd_operator.core.rollout.guard import refuse_version
from etcd_operator.core.takeover.guard import refuse_beside_source, refuse_take_over

# What is neither asked of etcd nor done to a volume.
ObjectAction = (
    ApplyObject
    | DeleteObject
    | EvictPod
    | LabelPod
    | RequestBackup
    | ResizePod
    | SetFinalizer
    | SetPodRevision
)
Verdicts = Iterator[tuple[str, str | None]]


@dataclass(frozen=True, slots=True)
class Veto:
    """Refusal of an action: which guard found it unsafe, and why."""

    guard: str
    why: str


def refuse(action: Action, snapshot: Snapshot) -> str | None:
    """Return why the action must not happen in this snapshot; None if it may."""
    veto = judge(action, snapshot)
    return veto.why if veto else None


def judge(action: Action, snapshot: Snapshot) -> Veto | None:
    """Return the refusal of the first guard that has one; None if the action may happen."""
    for guard, why in _ask(action, snapshot):
        if why is not None:
            return Veto(guard, why)
    return None


def _ask(action: Action, snapshot: Snapshot) -> Verdicts:
    """Yield each guard that the action concerns, by name; none is asked after a refusal."""
    yield "ownership", _refuse_foreign(action, snapshot)
    yield "orphan", refuse_orphan(action, snapshot)
    yield "names", refuse_stranger(action, snapshot)
    yield "required-backup", refuse_without_backup(action, snapshot)
    yield "take-over", refuse_beside_source(action, snapshot)
    if isinstance(action, EtcdAction | ChangeAuth):
        yield "identity", _refuse_identity(action, snapshot)
        yield from _ask_within_etcd(action, snapshot)
    elif isinstance(action, TakeOverAction):
        yield "identity", _refuse_identity(action, snapshot)
        yield "take-over", refuse_take_over(action, snapshot, answering(snapshot))
        yield "membership", _refuse_source_member(action, snapshot)
    elif isinstance(action, VolumeAction | RecordRestore | ClaimAction):
        yield from _ask_about_disk(action, snapshot)
    elif isinstance(action, MirrorAction):
        yield "mirror", refuse_mirror(action, snapshot)
    elif isinstance(action, WriteConnection):
        yield "connection", refuse_connection(action, snapshot)
    elif isinstance(action, CreatePasswordSecret):
        yield "authentication", refuse_password_secret(action, snapshot)
    elif isinstance(action, CertificateAction):
        yield "certificate", refuse_certificate(action, snapshot)
    else:
        yield from _ask_about_object(action, snapshot)


def _ask_within_etcd(action: EtcdAction | ChangeAuth, snapshot: Snapshot) -> Verdicts:
    if isinstance(action, ChangeAuth):
        yield "authentication", refuse_auth_change(action, snapshot)
    elif isinstance(action, MaintenanceAction):
        yield "maintenance", refuse_maintenance(action, snapshot)
    else:
        yield "membership", _refuse_membership(action, snapshot)


def _ask_about_disk(
    action: VolumeAction | RecordRestore | ClaimAction, snapshot: Snapshot
) -> Verdicts:
    if isinstance(action, RecordRestore):
        yield "in-place-restore", refuse_record(action, snapshot)
    elif isinstance(action, ClaimAction):
        yield "resize", refuse_claim_change(action, snapshot)
    elif isinstance(action, QuarantineDisk) and find_restore_record(snapshot.cluster) is None:
        yield "quarantine", refuse_quarantine(action, snapshot)
    else:
        yield "in-place-restore", refuse_volume(action, snapshot)


def _ask_about_object(action: ObjectAction, snapshot: Snapshot) -> Verdicts:
    match action:
        case ApplyObject():
            yield from _ask_about_manifest(action, snapshot)
        case EvictPod() | DeleteObject(kind="Pod"):
            yield "votes", refuse_stop(action, snapshot)
        case ResizePod() | SetPodRevision():
            yield "pod-resize", refuse_pod_resize(action, snapshot)
        case DeleteObject(kind="PersistentVolumeClaim"):
            yield "disk", _refuse_disk(action, snapshot)
        case DeleteObject():
            yield "record", _refuse_deletion(action, snapshot)
        case SetFinalizer():
            yield "finalizer", None if action.present else refuse_release(snapshot)
        case RequestBackup():
            yield "required-backup", refuse_request(action, snapshot)
        case LabelPod():
            return
        case _:
            assert_never(action)


def _ask_about_manifest(action: ApplyObject, snapshot: Snapshot) -> Verdicts:
    match action.kind:
        case "StatefulSet":
            yield "fewer-pods", _refuse_fewer_pods(action, snapshot)
            yield "version", refuse_version(action, snapshot)
            yield "certificate", refuse_unknown_certificate(action, snapshot)
        case "ConfigMap":
            yield "gate", refuse_gate(action, snapshot)
            yield "client-tls", refuse_cut_off(action, snapshot)
            yield "issuer", refuse_forgotten_issuer(action, snapshot)
            yield "peer-issuer", refuse_forgotten_peer_ca(action, snapshot)
            yield "peer-tls", refuse_unreachable(action, snapshot)
            yield "authentication", refuse_plain_members(action, snapshot)
            yield "quorum-loss", refuse_recovery(action, snapshot)
        case "Certificate":
            yield "issuer", refuse_untrusted_issuer(action, snapshot)


def _refuse_foreign(action: Action, snapshot: Snapshot) -> str | None:
    if not isinstance(action, ApplyObject | DeleteObject):
        return None
    live = snapshot.child(action.kind, action.name)
    foreign = live is not None and live.owner_uid != snapshot.naming.uid
    return "the object has another owner than the EtcdCluster" if foreign else None


def _refuse_deletion(action: DeleteObject, snapshot: Snapshot) -> str | None:
    match action.kind:
        case "NetworkPolicy":
            wanted = snapshot.spec.network_rules is not None
            return "spec.security.networkPolicy asks for this NetworkPolicy" if wanted else None
        case "Certificate":
            return refuse_certificate_removal(action.name, snapshot)
        case "Service" if may_go(action.name, snapshot):
            return refuse_service_removal(action, snapshot)
        case "StatefulSet" if action.orphan:
            return None if snapshot.quorum_confirmed else "no quorum has confirmed the member list"
        case _:
            return _refuse_removal_of_record(snapshot)


def _refuse_source_member(action: TakeOverAction, snapshot: Snapshot) -> str | None:
    if not isinstance(action, RemoveSourceMember):
        return None
    by_id = {member.id: member for member in snapshot.members}
    lost = refuse_vote_loss(by_id, action.member_id, snapshot, still_voting=False)
    return lost or refuse_lost_agreement(action.member_id, snapshot)


def _refuse_identity(
    action: EtcdAction | ChangeAuth | TakeOverAction, snapshot: Snapshot
) -> str | None:
    live = snapshot.membership
    if live is None or not live.linearizable:
        return "no quorum has confirmed the member list"
    recorded = snapshot.recorded_cluster_id
    if action.cluster_id != live.cluster_id or recorded not in (None, live.cluster_id):
        return "the members answer with another cluster ID than the one of the plan"
    return None


def _refuse_membership(action: MembershipAction, snapshot: Snapshot) -> str | None:
    by_id = {member.id: member for member in snapshot.members}
    match action:
        case AddLearner():
            return refuse_unannounced(action, snapshot) or refuse_disks_of_before(action, snapshot)
        case PromoteMember(member_id=member_id):
            return refuse_vote(by_id, member_id, snapshot)
        case MoveLeader(from_id=from_id, to_id=to_id):
            if to_id not in by_id or by_id[to_id].is_learner:
                return "the transferee is not a voter"
            return None if snapshot.leader_id in (0, from_id) else "another member leads meanwhile"
        case RemoveMember(member_id=member_id):
            lost = refuse_vote_loss(by_id, member_id, snapshot, still_voting=False)
            lost = lost or refuse_loss_of_disks(member_id, snapshot)
            return lost or refuse_lost_agreement(member_id, snapshot)
        case UpdateMember():
            return refuse_peer_urls(action, snapshot)
    assert_never(action)


def _refuse_disk(action: DeleteObject, snapshot: Snapshot) -> str | None:
    claim = next((c for c in snapshot.claims if c.uid == action.uid), None)
    if claim is None:
        return "the PersistentVolumeClaim does not exist any more"
    if claim.owner_uid != snapshot.naming.uid:
        return "the PersistentVolumeClaim belongs to another EtcdCluster"
    policy = snapshot.spec.storage.retention_policy
    if snapshot.cluster.deleting:
        kept = policy.when_deleted == "Retain"
        return "spec.storage.retentionPolicy.whenDeleted is Retain" if kept else None
    if is_before_service(snapshot):
        return refuse_claim_deletion(claim, snapshot)
    if snapshot.quorum_confirmed:
        if members_at(claim.ordinal, snapshot):
            return "the member of this disk is in etcd's member list"
        kept = policy.when_scaled == "Retain" and not _is_replaced(claim.ordinal, snapshot)
        return "spec.storage.retentionPolicy.whenScaled is Retain" if kept else None
    if snapshot.recorded_cluster_id is not None:
        return "no quorum has confirmed that the member of this disk was removed"
    return _refuse_if_data(snapshot)


def _is_replaced(ordinal: int, snapshot: Snapshot) -> bool:
    """Whether another member is to have this place: it has its Pod, and the spec wants it.

    When a cluster shrinks, the spec does not; and of one that grows later it has no Pod yet.
    """
    return ordinal < min(snapshot.spec.size, snapshot.replicas or 0)


def _refuse_removal_of_record(snapshot: Snapshot) -> str | None:
    if snapshot.cluster.deleting:
        return None
    if snapshot.recorded_cluster_id is not None or snapshot.quorum_confirmed:
        return "the etcd cluster exists, and this object records how it was formed"
    if snapshot.claims or snapshot.pods or snapshot.replicas:
        return "disks or Pods exist, and this object records whose they are"
    if not snapshot.starts_nothing or snapshot.unlabelled_claims is None:
        return "disks may exist that the operator has not seen yet"
    return None


def _refuse_if_data(snapshot: Snapshot) -> str | None:
    """A member that waits for the others of its generation has promised nothing yet."""
    bound = len({c.ordinal for c in snapshot.claims if c.bound}) + count_empty_dirs(snapshot)
    begun = recorded_bootstrap(snapshot) or max(snapshot.replicas or 0, len(snapshot.data_claims))
    return "a majority of the members may have had data" if bound * 2 > begun else None


def _refuse_fewer_pods(action: ApplyObject, snapshot: Snapshot) -> str | None:
    before, after = snapshot.replicas, action.manifest["spec"]["replicas"]
    if before is None or after >= before:
        return refuse_too_few(after, snapshot) if before is None else None
    running = {pod.ordinal for pod in snapshot.pods if pod.ever_ran and not pod.deleting}
    if snapshot.quorum_confirmed:  # of whom left etcd there is nothing to lose
        running &= {snapshot.naming.ordinal_of_member(m) for m in snapshot.members}
    if after == 0 and (lost := refuse_loss_with_pods(running, snapshot)):
        return lost
    if snapshot.spec.size == 0:
        return None
    if may_stop_all(snapshot):
        return None
    if snapshot.recorded_cluster_id is None and not snapshot.quorum_confirmed:
        return _refuse_if_data(snapshot)
    if not snapshot.quorum_confirmed:
        if action.manifest["spec"].get("ordinals") and is_approved(snapshot):
            return None
        return "no quorum has confirmed which members may stop"
    kept = [snapshot.naming.ordinal_of_member(m) for m in snapshot.members]
    stopped = [ordinal for ordinal in kept if ordinal is not None and after <= ordinal < before]
    return f"member {stopped[0]} still belongs to the cluster" if stopped else None
