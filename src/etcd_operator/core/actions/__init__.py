"""Everything the operator can do to a cluster, as data: a closed union of frozen values.

Each action carries the preconditions that the server checks (uid, resourceVersion, member and
cluster ID), so that acting on an old view fails instead of doing harm, and knows its Event.
"""

from __future__ import annotations

from etcd_operator.core.actions.certificates import (
    CopyCertificate,
    IssueAuthority,
    IssueCertificate,
    ShareTrust,
)
from etcd_operator.core.actions.connections import WriteConnection
from etcd_operator.core.actions.etcd import (
    AddLearner,
    ChangeAuth,
    Compact,
    Defragment,
    DisarmAlarm,
    MoveLeader,
    PromoteMember,
    RemoveMember,
    SetDowngrade,
    UpdateMember,
)
from etcd_operator.core.actions.event import ActionEvent
from etcd_operator.core.actions.kubernetes import (
    ApplyObject,
    CreatePasswordSecret,
    DeleteObject,
    EvictPod,
    LabelPod,
    RecordRestore,
    RequestBackup,
    ResizePod,
    SetFinalizer,
    SetPodRevision,
)
from etcd_operator.core.actions.mirror import EndMirror, StartMirror, StopMirror
from etcd_operator.core.actions.take_over import PassLeadership, RemoveSourceMember, ScaleSource
from etcd_operator.core.actions.volumes import (
    ChangeClaimAttributes,
    QuarantineDisk,
    RebindVolume,
    ResizeClaim,
    RestoreReclaimPolicy,
    RetainVolume,
)

MembershipAction = AddLearner | PromoteMember | RemoveMember | MoveLeader | UpdateMember
MaintenanceAction = Compact | Defragment | DisarmAlarm | SetDowngrade
EtcdAction = MembershipAction | MaintenanceAction
VolumeAction = QuarantineDisk | RetainVolume | RebindVolume | RestoreReclaimPolicy
ClaimAction = ResizeClaim | ChangeClaimAttributes
TakeOverAction = PassLeadership | RemoveSourceMember | ScaleSource
MirrorAction = StartMirror | StopMirror | EndMirror
CertificateAction = CopyCertificate | IssueAuthority | IssueCertificate | ShareTrust
KubeAction = (
    SetFinalizer
    | RecordRestore
    | ApplyObject
    | CreatePasswordSecret
    | DeleteObject
    | EvictPod
    | VolumeAction
    | ClaimAction
    | LabelPod
    | ResizePod
    | SetPodRevision
)
Action = (
    EtcdAction
    | KubeAction
    | TakeOverAction
    | MirrorAction
    | CertificateAction
    | ChangeAuth
    | RequestBackup
    | WriteConnection
)

__all__ = [
    "Action",
    "ActionEvent",
    "AddLearner",
    "ApplyObject",
    "CertificateAction",
    "ChangeAuth",
    "ChangeClaimAttributes",
    "ClaimAction",
    "Compact",
    "CopyCertificate",
    "CreatePasswordSecret",
    "Defragment",
    "DeleteObject",
    "DisarmAlarm",
    "EndMirror",
    "EtcdAction",
    "EvictPod",
    "IssueAuthority",
    "IssueCertificate",
    "KubeAction",
    "LabelPod",
    "MaintenanceAction",
    "MembershipAction",
    "MirrorAction",
    "MoveLeader",
    "PassLeadership",
    "PromoteMember",
    "QuarantineDisk",
    "RebindVolume",
    "RecordRestore",
    "RemoveMember",
    "RemoveSourceMember",
    "RequestBackup",
    "ResizeClaim",
    "ResizePod",
    "RestoreReclaimPolicy",
    "RetainVolume",
    "ScaleSource",
    "SetDowngrade",
    "SetFinalizer",
    "SetPodRevision",
    "ShareTrust",
    "StartMirror",
    "StopMirror",
    "TakeOverAction",
    "UpdateMember",
    "VolumeAction",
    "WriteConnection",
]
