"""The reason and the sentence of each action: of its Event and of its line in the log."""

from __future__ import annotations

from typing import assert_never

from etcd_operator.core.actions import (
    Action,
    AddLearner,
    ApplyObject,
    CertificateAction,
    ChangeAuth,
    Compact,
    Defragment,
    DeleteObject,
    DisarmAlarm,
    EtcdAction,
    EvictPod,
    IssueAuthority,
    IssueCertificate,
    LabelPod,
    MaintenanceAction,
    MembershipAction,
    MoveLeader,
    PromoteMember,
    QuarantineDisk,
    RebindVolume,
    RecordRestore,
    RemoveMember,
    RequestBackup,
    ResizeClaim,
    RestoreReclaimPolicy,
    RetainVolume,
    SetDowngrade,
    SetFinalizer,
    ShareTrust,
    VolumeAction,
)
from etcd_operator.core.reasons import events
from etcd_operator.core.reasons.reason import Reason


def describe(action: Action, cluster: str) -> tuple[Reason, str]:
    """Return the event reason and sentence for an action that took effect on `cluster`."""
    if isinstance(action, EtcdAction):
        return _describe_within_etcd(action, cluster)
    if isinstance(action, CertificateAction | ChangeAuth):
        return _describe_security(action)
    if isinstance(action, VolumeAction | RecordRestore):
        return _describe_restore_record(action)
    match action:
        case SetFinalizer(present=present, why=why):
            verb, because = "Took charge of" if present else "Let go of", f": {why}" if why else ""
            reason = events.FINALIZER_ADDED if present else events.FINALIZER_REMOVED
            return reason, f"{verb} {cluster}{because}."
        case ApplyObject(kind=kind, name=name, uid=uid, why=why):
            verb, reasons = ("Updated", events.UPDATED) if uid else ("Created", events.CREATED)
            return reasons[kind], f"{verb} {kind} {name}: {why}."
        case DeleteObject() | EvictPod():
            return _describe_deletion(action)
        case ResizeClaim(name=name, size=size):
            return events.DISK_RESIZED, f"Asked for {size} for PersistentVolumeClaim {name}."
        case LabelPod():
            return _describe_label(action)
        case RequestBackup(name=name, why=why):
            return events.CREATED_ETCD_BACKUP, f"Created EtcdBackup {name}: {why}."
    assert_never(action)


def _describe_label(action: LabelPod) -> tuple[Reason, str]:
    if action.lost:
        return events.POD_LABELLED, f"Put back the labels by which Pod {action.name} is selected."
    return events.POD_ROLE, f"Pod {action.name} is now a {action.role}."


def _describe_deletion(action: DeleteObject | EvictPod) -> tuple[Reason, str]:
    if isinstance(action, EvictPod):
        return events.EVICTED_POD, f"Evicted Pod {action.name}: {action.why}."
    return events.DELETED[action.kind], f"Deleted {action.kind} {action.name}: {action.why}."


def _describe_within_etcd(action: EtcdAction, cluster: str) -> tuple[Reason, str]:
    if isinstance(action, MaintenanceAction):
        return _describe_maintenance(action, cluster)
    return _describe_membership(action, cluster)


def _describe_restore_record(action: VolumeAction | RecordRestore) -> tuple[Reason, str]:
    match action:
        case QuarantineDisk(name=name, volume=volume):
            return (
                events.DISK_SET_ASIDE,
                f"Deleted PersistentVolumeClaim {name}; volume {volume} is kept.",
            )
        case RetainVolume(name=name, volume=volume):
            return events.VOLUME_RETAINED, f"Volume {volume} stays, whatever becomes of {name}."
        case RebindVolume(name=name, volume=volume):
            return (
                events.VOLUME_REBOUND,
                f"Made PersistentVolumeClaim {name} of volume {volume} again.",
            )
        case RestoreReclaimPolicy(name=name, volume=volume):
            return (
                events.RECLAIM_POLICY_RESTORED,
                f"Volume {volume} of {name} is not set aside any more.",
            )
        case RecordRestore(following=None, undone=undone):
            said = "was undone" if undone else "is over, and the cluster serves"
            return events.RESTORE_ENDED, f"The restore in place {said}."
        case RecordRestore(following=following):
            stage = following.stage.value if following else ""
            return events.RESTORE_STAGE, f"The restore in place went on to the stage {stage}."
    assert_never(action)


def _describe_membership(action: MembershipAction, cluster: str) -> tuple[Reason, str]:
    match action:
        case AddLearner(ordinal=ordinal):
            return events.MEMBER_ADDED, f"Added member {cluster}-{ordinal} as a learner."
        case PromoteMember(ordinal=ordinal, member_id=member_id):
            return (
                events.MEMBER_PROMOTED,
                f"Promoted learner {cluster}-{ordinal} ({member_id:x}) to voter.",
            )
        case RemoveMember(ordinal=ordinal, member_id=member_id):
            return events.MEMBER_REMOVED, f"Removed member {cluster}-{ordinal} ({member_id:x})."
        case MoveLeader(from_ordinal=source, to_ordinal=target):
            return (
                events.LEADER_MOVED,
                f"Moved leadership from {cluster}-{source} to {cluster}-{target}.",
            )
    assert_never(action)


def _describe_maintenance(action: MaintenanceAction, cluster: str) -> tuple[Reason, str]:
    match action:
        case Compact(revision=revision):
            return events.COMPACTED, f"Removed the history of keys up to revision {revision}."
        case Defragment(ordinal=ordinal):
            return events.DEFRAGMENTED, f"Defragmented the database of {cluster}-{ordinal}."
        case DisarmAlarm(alarm=alarm, member_id=member_id):
            return events.ALARM_DISARMED, f"Disarmed the alarm {alarm} of member {member_id:x}."
        case SetDowngrade(target=""):
            return events.DOWNGRADE_CANCELED, "Ended etcd's downgrade."
        case SetDowngrade(target=target):
            return events.DOWNGRADE_ENABLED, f"Told etcd to store as {target} does."
    assert_never(action)


def _describe_security(action: CertificateAction | ChangeAuth) -> tuple[Reason, str]:
    match action:
        case IssueAuthority(secret=secret, why=why):
            return events.CA_ISSUED, f"Made a certificate authority in Secret {secret}: {why}."
        case IssueCertificate(leaf=leaf, why=why):
            return (
                events.CERTIFICATE_ISSUED,
                f"Issued the certificate in Secret {leaf.secret}: {why}.",
            )
        case ChangeAuth(change=change):
            return events.AUTH_SYNCED, f"{change.sentence[0].upper()}{change.sentence[1:]}."
        case ShareTrust(secret=secret, why=why):
            return events.CA_BUNDLE_UPDATED, f"Updated ca.crt in Secret {secret}: {why}."
    assert_never(action)
