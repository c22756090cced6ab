"""The reason and the sentence of each action: of its Event and of its line in the log."""

from __future__ import annotations

from typing import assert_never

from etcd_operator.core.actions import (
    Action,
    AddLearner,
    ApplyObject,
    CareAction,
    CertificateAction,
    ChangeAccess,
    Compact,
    Defragment,
    DeleteObject,
    DisarmAlarm,
    EtcdAction,
    EvictPod,
    IssueAuthority,
    IssueCertificate,
    KeepVolume,
    LabelPod,
    MembershipAction,
    MoveLeader,
    PromoteMember,
    PutBackDisk,
    QuarantineDisk,
    RecordReplacement,
    ReleaseVolume,
    RemoveMember,
    RequestBackup,
    ResizeClaim,
    SetDowngrade,
    SetFinalizer,
    ShareTrust,
    VolumeAction,
)


def describe(action: Action, cluster: str) -> tuple[str, str]:
    """Return the event reason and sentence for an action that took effect on `cluster`."""
    if isinstance(action, EtcdAction):
        return _describe_within_etcd(action, cluster)
    if isinstance(action, CertificateAction | ChangeAccess):
        return _describe_security(action)
    if isinstance(action, VolumeAction | RecordReplacement):
        return _describe_replacement(action)
    match action:
        case SetFinalizer(present=present, why=why):
            verb, because = "Took charge of" if present else "Let go of", f": {why}" if why else ""
            return ("Adopted" if present else "Released"), f"{verb} {cluster}{because}."
        case ApplyObject(kind=kind, name=name, uid=uid, why=why):
            verb = "Updated" if uid else "Created"
            return f"{verb}{kind}", f"{verb} {kind} {name}: {why}."
        case DeleteObject() | EvictPod():
            return _describe_deletion(action)
        case ResizeClaim(name=name, size=size):
            return "ResizedDisk", f"Asked for {size} for PersistentVolumeClaim {name}."
        case LabelPod(name=name, role=role):
            return "PodRole", f"Pod {name} is now a {role}."
        case RequestBackup(name=name, why=why):
            return "CreatedEtcdBackup", f"Created EtcdBackup {name}: {why}."
    assert_never(action)


def _describe_deletion(action: DeleteObject | EvictPod) -> tuple[str, str]:
    if isinstance(action, EvictPod):
        return "EvictedPod", f"Evicted Pod {action.name}: {action.why}."
    return f"Deleted{action.kind}", f"Deleted {action.kind} {action.name}: {action.why}."


def _describe_within_etcd(action: EtcdAction, cluster: str) -> tuple[str, str]:
    if isinstance(action, CareAction):
        return _describe_care(action, cluster)
    return _describe_membership(action, cluster)


def _describe_replacement(action: VolumeAction | RecordReplacement) -> tuple[str, str]:
    match action:
        case QuarantineDisk(name=name, volume=volume):
            return "DiskSetAside", f"Deleted PersistentVolumeClaim {name}; volume {volume} is kept."
        case KeepVolume(name=name, volume=volume):
            return "VolumeKept", f"Volume {volume} stays, whatever becomes of {name}."
        case PutBackDisk(name=name, volume=volume):
            return "DiskPutBack", f"Made PersistentVolumeClaim {name} of volume {volume} again."
        case ReleaseVolume(name=name, volume=volume):
            return "VolumeReleased", f"Volume {volume} of {name} is not set aside any more."
        case RecordReplacement(following=None, undone=undone):
            said = "was undone" if undone else "is over, and the cluster serves"
            return "RestoreEnded", f"The restore in place {said}."
        case RecordReplacement(following=following):
            stage = following.stage.value if following else ""
            return "RestoreStage", f"The restore in place went on to the stage {stage}."
    assert_never(action)


def _describe_membership(action: MembershipAction, cluster: str) -> tuple[str, str]:
    match action:
        case AddLearner(ordinal=ordinal):
            return "MemberAdded", f"Added member {cluster}-{ordinal} as a learner."
        case PromoteMember(ordinal=ordinal, member_id=member_id):
            return (
                "MemberPromoted",
                f"Promoted learner {cluster}-{ordinal} ({member_id:x}) to voter.",
            )
        case RemoveMember(ordinal=ordinal, member_id=member_id):
            return "MemberRemoved", f"Removed member {cluster}-{ordinal} ({member_id:x})."
        case MoveLeader(from_ordinal=source, to_ordinal=target):
            return (
                "LeaderMoved",
                f"Moved leadership from {cluster}-{source} to {cluster}-{target}.",
            )
    assert_never(action)


def _describe_care(action: CareAction, cluster: str) -> tuple[str, str]:
    match action:
        case Compact(revision=revision):
            return "Compacted", f"Removed the history of keys up to revision {revision}."
        case Defragment(ordinal=ordinal):
            return "Defragmented", f"Defragmented the database of {cluster}-{ordinal}."
        case DisarmAlarm(alarm=alarm, member_id=member_id):
            return "AlarmDisarmed", f"Disarmed the alarm {alarm} of member {member_id:x}."
        case SetDowngrade(target=""):
            return "DowngradeEnded", "Ended etcd's downgrade."
        case SetDowngrade(target=target):
            return "DowngradeBegun", f"Told etcd to store as {target} does."
    assert_never(action)


def _describe_security(action: CertificateAction | ChangeAccess) -> tuple[str, str]:
    match action:
        case IssueAuthority(secret=secret, why=why):
            return "IssuedAuthority", f"Made a certificate authority in Secret {secret}: {why}."
        case IssueCertificate(leaf=leaf, why=why):
            return "IssuedCertificate", f"Issued the certificate in Secret {leaf.secret}: {why}."
        case ChangeAccess(change=change):
            return "ChangedAccess", f"{change.sentence[0].upper()}{change.sentence[1:]}."
        case ShareTrust(secret=secret, why=why):
            return "SharedTrust", f"Updated ca.crt in Secret {secret}: {why}."
    assert_never(action)
