"""Everything the operator can do, as data: a closed union of frozen values.

Each action carries the preconditions that the server checks (uid, resourceVersion, member and
cluster ID), so that acting on an old view fails instead of doing harm. `describe` is the sentence
of the event and of the log line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, assert_never

from etcd_operator.core.credentials import Leaf, Trusted
from etcd_operator.core.replacement import Replacement
from etcd_operator.core.users import Change

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SetFinalizer:
    """Add the finalizer to the EtcdCluster, or remove it. Fenced by uid and resourceVersion."""

    present: bool
    uid: str
    resource_version: str


@dataclass(frozen=True, slots=True)
class ApplyObject:
    """Server-side apply one rendered object.

    `uid` is that of the live object that was looked at (empty: there was none, and the server
    creates it); the server refuses if another object has taken its place. `resource_version`,
    where given, makes it refuse as well if anything changed since: so an operator that slept
    through its lease can neither open a gate nor stop Pods from an old view.
    """

    kind: str
    name: str
    uid: str
    resource_version: str
    why: str
    manifest: Json = field(hash=False)


@dataclass(frozen=True, slots=True)
class DeleteObject:
    """Delete one Pod, claim or StatefulSet: exactly this one, by uid.

    `resource_version`, where given, makes the server refuse if anything changed since it was
    looked at: a disk that was seen unused may be in use by now. `grace_seconds` shortens the time
    that a Pod has to end; `orphan` leaves what the object owns as it is.
    """

    kind: str
    name: str
    uid: str
    why: str
    resource_version: str = ""
    grace_seconds: int | None = None
    orphan: bool = False


@dataclass(frozen=True, slots=True)
class QuarantineDisk:
    """Set a disk aside: its volume is kept whatever becomes of the claim, and the claim is deleted.

    `uid` is the claim's, `volume` the name of its PersistentVolume (empty: it never had one). The
    volume must be bound to this very claim.
    """

    name: str
    uid: str
    volume: str


@dataclass(frozen=True, slots=True)
class KeepVolume:
    """Tell a volume to stay whatever becomes of its claim, which is this very one."""

    name: str
    uid: str
    volume: str


@dataclass(frozen=True, slots=True)
class PutBackDisk:
    """Make the claim of a volume that was set aside; `uid` is that of the claim it had then."""

    name: str
    uid: str
    volume: str


@dataclass(frozen=True, slots=True)
class ReleaseVolume:
    """Let a volume be what it was before it was told to stay, if it is still this claim's.

    A volume whose claim is gone is then deleted, unless its StorageClass keeps it.
    """

    name: str
    uid: str
    volume: str


@dataclass(frozen=True, slots=True)
class RecordReplacement:
    """Write on the EtcdCluster how far its restore in place is; None: it is over.

    `undone`: over, and nothing has changed. Fenced by uid and resourceVersion.
    """

    following: Replacement | None
    uid: str
    resource_version: str
    undone: bool = False


@dataclass(frozen=True, slots=True)
class ResizeClaim:
    """Ask for a larger disk; `size` is a quantity such as 20Gi."""

    name: str
    uid: str
    size: str


@dataclass(frozen=True, slots=True)
class LabelPod:
    """Say on a Pod whether it is a voter or a learner: Services and budgets select by it."""

    name: str
    uid: str
    role: str


@dataclass(frozen=True, slots=True)
class AddLearner:
    """Announce a new member, without a vote."""

    ordinal: int
    peer_url: str
    cluster_id: int


@dataclass(frozen=True, slots=True)
class PromoteMember:
    """Give a learner its vote."""

    ordinal: int
    member_id: int
    cluster_id: int


@dataclass(frozen=True, slots=True)
class RemoveMember:
    """Take a member out of the cluster."""

    ordinal: int
    member_id: int
    cluster_id: int


@dataclass(frozen=True, slots=True)
class MoveLeader:
    """Hand leadership from one member to another."""

    from_ordinal: int
    from_id: int
    to_ordinal: int
    to_id: int
    cluster_id: int


@dataclass(frozen=True, slots=True)
class Compact:
    """Forget the history of keys up to a revision; what they hold now stays."""

    revision: int
    cluster_id: int


@dataclass(frozen=True, slots=True)
class Defragment:
    """Have one member write its database anew, without unused space; it serves nobody meanwhile."""

    ordinal: int
    member_id: int
    cluster_id: int


@dataclass(frozen=True, slots=True)
class DisarmAlarm:
    """Take back an alarm (NOSPACE, CORRUPT) about one member."""

    alarm: str
    member_id: int
    cluster_id: int


@dataclass(frozen=True, slots=True)
class SetDowngrade:
    """Begin etcd's downgrade to a minor version such as 3.5, or end it where it stands (empty)."""

    target: str
    cluster_id: int


MembershipAction = AddLearner | PromoteMember | RemoveMember | MoveLeader
CareAction = Compact | Defragment | DisarmAlarm | SetDowngrade
EtcdAction = MembershipAction | CareAction


@dataclass(frozen=True, slots=True)
class IssueAuthority:
    """Make a certificate authority and put it into its Secret; `keep` stays trusted beside it.

    `uid` and `resource_version` are those of the Secret that was looked at, empty if there was
    none, here and in the next two.
    """

    secret: str
    uid: str
    resource_version: str
    generation: int
    keep: tuple[Trusted, ...]
    why: str


@dataclass(frozen=True, slots=True)
class IssueCertificate:
    """Issue a certificate and put it into its Secret, with those who are `trusted`.

    `signer` is the key ID that the authority must have (empty: any); `trusted` is empty for a
    Secret that is to trust its authority alone.
    """

    leaf: Leaf
    uid: str
    resource_version: str
    signer: str
    lifetime: timedelta
    trusted: tuple[Trusted, ...]
    why: str


@dataclass(frozen=True, slots=True)
class ShareTrust:
    """Say in a Secret which authorities are trusted; its certificate stays."""

    secret: str
    uid: str
    resource_version: str
    trusted: tuple[Trusted, ...]
    why: str


CertificateAction = IssueAuthority | IssueCertificate | ShareTrust


@dataclass(frozen=True, slots=True)
class ChangeAccess:
    """Take one step with etcd's users and roles."""

    change: Change
    cluster_id: int


@dataclass(frozen=True, slots=True)
class RequestBackup:
    """Create an EtcdBackup that must not exist; its name follows from what it is for."""

    name: str
    why: str
    manifest: Json = field(hash=False)


VolumeAction = QuarantineDisk | KeepVolume | PutBackDisk | ReleaseVolume
KubeAction = (
    SetFinalizer
    | RecordReplacement
    | ApplyObject
    | DeleteObject
    | VolumeAction
    | ResizeClaim
    | LabelPod
)
Action = EtcdAction | KubeAction | CertificateAction | ChangeAccess | RequestBackup


def describe(action: Action, cluster: str) -> tuple[str, str]:
    """Return the event reason and sentence for an action that took effect on `cluster`."""
    if isinstance(action, EtcdAction):
        return _describe_within_etcd(action, cluster)
    if isinstance(action, CertificateAction | ChangeAccess):
        return _describe_security(action)
    if isinstance(action, VolumeAction | RecordReplacement):
        return _describe_replacement(action)
    match action:
        case SetFinalizer(present=present):
            verb = "Took charge of" if present else "Let go of"
            return ("Adopted" if present else "Released"), f"{verb} {cluster}."
        case ApplyObject(kind=kind, name=name, uid=uid, why=why):
            verb = "Updated" if uid else "Created"
            return f"{verb}{kind}", f"{verb} {kind} {name}: {why}."
        case DeleteObject(kind=kind, name=name, why=why):
            return f"Deleted{kind}", f"Deleted {kind} {name}: {why}."
        case ResizeClaim(name=name, size=size):
            return "ResizedDisk", f"Asked for {size} for PersistentVolumeClaim {name}."
        case LabelPod(name=name, role=role):
            return "PodRole", f"Pod {name} is now a {role}."
        case RequestBackup(name=name, why=why):
            return "CreatedEtcdBackup", f"Created EtcdBackup {name}: {why}."
    assert_never(action)


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
