"""Everything the operator can do, as data: a closed union of frozen values.

Each action carries the preconditions that the server checks (uid, resourceVersion, member and
cluster ID), so that acting on an old view fails instead of doing harm. Their sentences are in
`core.actions.sentences`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from etcd_operator.core.auth.state import Change
from etcd_operator.core.certificates.state import Leaf, Trusted
from etcd_operator.core.in_place_restore.record import RestoreRecord

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SetFinalizer:
    """Add the finalizer to the EtcdCluster, or remove it. Fenced by uid and resourceVersion."""

    present: bool
    uid: str
    resource_version: str
    why: str = ""


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
class EvictPod:
    """Stop a Pod that serves: exactly this one, and only if every PodDisruptionBudget allows it."""

    name: str
    uid: str
    why: str


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
class RetainVolume:
    """Tell a volume to stay whatever becomes of its claim, which is this very one."""

    name: str
    uid: str
    volume: str


@dataclass(frozen=True, slots=True)
class RebindVolume:
    """Make the claim of a volume that was set aside; `uid` is that of the claim it had then."""

    name: str
    uid: str
    volume: str


@dataclass(frozen=True, slots=True)
class RestoreReclaimPolicy:
    """Let a volume be what it was before it was told to stay, if it is still this claim's.

    A volume whose claim is gone is then deleted, unless its StorageClass keeps it.
    """

    name: str
    uid: str
    volume: str


@dataclass(frozen=True, slots=True)
class RecordRestore:
    """Write on the EtcdCluster how far its restore in place is; None: it is over.

    `undone`: over, and nothing has changed. Fenced by uid and resourceVersion.
    """

    following: RestoreRecord | None
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
    """Say on a Pod whether it is a voter or a learner: Services and budgets select by it.

    `lost`: its other labels are put back too, without which its StatefulSet does not know it.
    """

    name: str
    uid: str
    role: str
    lost: bool = False


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
MaintenanceAction = Compact | Defragment | DisarmAlarm | SetDowngrade
EtcdAction = MembershipAction | MaintenanceAction


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
class ChangeAuth:
    """Take one step with etcd's users and roles."""

    change: Change
    cluster_id: int


@dataclass(frozen=True, slots=True)
class RequestBackup:
    """Create an EtcdBackup that must not exist; its name follows from what it is for."""

    name: str
    why: str
    manifest: Json = field(hash=False)


VolumeAction = QuarantineDisk | RetainVolume | RebindVolume | RestoreReclaimPolicy
KubeAction = (
    SetFinalizer
    | RecordRestore
    | ApplyObject
    | DeleteObject
    | EvictPod
    | VolumeAction
    | ResizeClaim
    | LabelPod
)
Action = EtcdAction | KubeAction | CertificateAction | ChangeAuth | RequestBackup
