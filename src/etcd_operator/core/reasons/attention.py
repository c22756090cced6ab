"""Reasons of decisions about an EtcdCluster that wait for a person, or for what others do."""

from __future__ import annotations

from typing import Final

from etcd_operator.core.reasons.reason import Reason

# The spec, and names

INVALID_SPEC: Final = Reason(
    "InvalidSpec",
    "The spec or the name cannot be carried out; members that run stay as they are.",
    "Correct the field that the message names.",
    blocks=True,
)
PAUSED: Final = Reason(
    "Paused", "spec.paused is true, so nothing is changed.", "Set spec.paused to false."
)
NAME_TAKEN: Final = Reason(
    "NameTaken",
    "An object of a name that the cluster needs belongs to somebody else.",
    "Delete that object, or create the cluster under another name.",
    blocks=True,
)
SECRET_NAME_TAKEN: Final = Reason(
    "SecretNameTaken",
    "A Secret of a name that the cluster needs belongs to somebody else.",
    "Delete that Secret, or create the cluster under another name.",
    blocks=True,
)
FOREIGN_CLAIM: Final = Reason(
    "ForeignClaim",
    "A PersistentVolumeClaim has the name of the next member's disk, and is not the cluster's.",
    "Delete the claim if its data is not needed; then the cluster scales out.",
    blocks=True,
)
DATA_FROM_EARLIER_CLUSTER: Final = Reason(
    "DataFromEarlierCluster",
    "Claims of an earlier cluster of this name exist, and no member is started on such a disk.",
    "Delete the claims if their data is not needed, or use another name.",
    blocks=True,
)
UNRECORDED_RESOURCES: Final = Reason(
    "UnrecordedResources",
    "Pods or disks of the cluster exist, but every record of how it was formed is gone.",
    "Delete the claims if they hold nothing of value.",
    blocks=True,
)
RECORD_UNREADABLE: Final = Reason(
    "RecordUnreadable",
    "An annotation or a field of the status that the operator wrote was edited and is unreadable.",
    "Put back what it was; the message says where it may be removed instead.",
    blocks=True,
)
RESTORE_UNREADABLE: Final = Reason(
    "RestoreUnreadable",
    "The annotation etcd.etcd.io/replacement, the record of a restore in place, was edited.",
    "Put back its former value; Events and annotations of the PersistentVolumes help to find it.",
    blocks=True,
)
HELD_BY_FINALIZER: Final = Reason(
    "HeldByFinalizer",
    "An object that is being deleted has a finalizer of another controller.",
    "Wait for that controller, or remove the finalizer if the controller is gone for good.",
    blocks=True,
)

# Members

NO_QUORUM: Final = Reason(
    "NoQuorum",
    "Fewer than a majority of the voters answer, so nothing is changed.",
    "Bring members back: look at their Pods, nodes and disks.",
    alert="EtcdNoQuorum",
)
OPERATOR_CANNOT_REACH: Final = Reason(
    "OperatorCannotReach",
    "A majority is Ready, but no member answers the operator, so nothing is changed.",
    "Let the operator's Pods reach port 2379 of the members, with a certificate they accept.",
    blocks=True,
)
AUTHENTICATION_REQUIRED: Final = Reason(
    "AuthenticationRequired",
    "Authentication of etcd is on, and the operator has no user in it.",
    "Disable etcd's authentication, or describe it in spec.security.auth.",
    blocks=True,
)
MEMBERS_NOT_READY: Final = Reason(
    "MembersNotReady",
    "A majority serves, but a member does not answer or its Pod is not Ready.",
    "Look at the Pod that the message names.",
)
FOREIGN_MEMBER: Final = Reason(
    "ForeignMember",
    "etcd has a member that the operator did not add, or one of the cluster's with another peer "
    "URL, so the membership is not changed.",
    "Run the command of the message: member update for one of the cluster's, else member remove.",
    blocks=True,
)
CLUSTER_ID_MISMATCH: Final = Reason(
    "ClusterIDMismatch",
    "The members belong to another etcd cluster than the recorded one.",
    "Decide which is right; move the members' data into a new EtcdCluster if it is theirs.",
    blocks=True,
)
MEMBER_NOT_JOINING: Final = Reason(
    "MemberNotJoining",
    "A new member has not come up for minutes; it has no vote, so the rest goes on.",
    "Remove what keeps its Pod from running, or set spec.size back.",
    alert="EtcdReplacementStuck",
)
MEMBER_UNAVAILABLE: Final = Reason(
    "MemberUnavailable",
    "Scale-out waits for a voter that does not answer.",
    "Bring that member back: look at its Pod, node and disk.",
)
MEMBER_STUCK: Final = Reason(
    "MemberStuck",
    "The Pod of a member cannot come back; the message says when the member is replaced.",
    "Nothing, or bring the Pod back before that time.",
    alert="EtcdReplacementStuck",
)
CANNOT_REPLACE_MEMBER: Final = Reason(
    "CannotReplaceMember",
    "A member has to be replaced, but the others have no majority without it.",
    "Bring another member back first; grow a cluster of one to three, or restore it.",
    blocks=True,
    alert="EtcdReplacementStuck",
)
QUORUM_AT_RISK: Final = Reason(
    "QuorumAtRisk",
    "Scale-in waits: without the member that would go, the healthy rest has no majority.",
    "Bring the unhealthy members back, or set spec.size back.",
)
STOP_WOULD_LOSE_DATA: Final = Reason(
    "StopWouldLoseData",
    "spec.size is 0, but a claim is being deleted, and its data would go with its Pod.",
    "Set spec.size back until the member has a new disk.",
    blocks=True,
)
ROLL_WOULD_LOSE_DATA: Final = Reason(
    "RollWouldLoseData",
    "The Pod of the only member is outdated, and with spec.storage.ephemeral its data would go.",
    "Set spec.size to 3, and back when the members are up to date; or create the cluster again.",
    blocks=True,
)
RETAINED_DISK_EXISTS: Final = Reason(
    "RetainedDiskExists",
    "Scale-out waits: the claim of an earlier member was kept, as "
    "spec.storage.retentionPolicy.whenScaled asks.",
    "Delete the claim that the message names.",
    blocks=True,
)
RECOVERY_REFUSED: Final = Reason(
    "RecoveryRefused",
    "Quorum is lost, and the recovery that spec.recovery.quorumLoss approves is not possible yet.",
    "Do what the message says, or withdraw the approval.",
    blocks=True,
)
RECOVERY_FAILED: Final = Reason(
    "RecoveryFailed",
    "While quorum was recovered from one member, the disk of that member was lost as well.",
    "Restore a backup, or a PersistentVolume with the annotation etcd.etcd.io/quarantined-from.",
    blocks=True,
)

# Data

DATA_LOST: Final = Reason(
    "DataLost",
    "With spec.storage.ephemeral, a majority of the members lost its data with its Pods.",
    "Save what the others still hold, then delete the EtcdCluster and create it again.",
    blocks=True,
)
DATA_DIFFERS: Final = Reason(
    "DataDiffers",
    "Members hold different data; where Ready gives this reason, no majority of them agrees.",
    "Decide which member is right, make it the leader, then have the others replaced.",
    blocks=True,
    alert="EtcdDataDiffers",
)
CORRUPT_DATA: Final = Reason(
    "CorruptData",
    "etcd raised the alarm CORRUPT and does not say which member is wrong.",
    "Compare with etcdctl endpoint hashkv, replace the member that differs, disarm the alarm.",
    blocks=True,
)
QUOTA_EXCEEDED: Final = Reason(
    "QuotaExceeded",
    "etcd refuses writes: its quota is exceeded, and nothing can be freed without a person.",
    "Delete keys, or raise spec.etcdConfig.quotaBackendBytes.",
    blocks=True,
    alert="EtcdNoSpace",
)

DISK_ATTRIBUTES_REFUSED: Final = Reason(
    "DiskAttributesRefused",
    "The driver cannot give a disk the VolumeAttributesClass that the spec names.",
    "Name another class in the field that the message names.",
    blocks=True,
)

# Versions

VERSION_REFUSED: Final = Reason(
    "VersionRefused",
    "spec.version cannot follow the version that the members run.",
    "Set spec.version as the message says.",
    blocks=True,
)
VERSION_DIFFERS: Final = Reason(
    "VersionDiffers",
    "The image has another etcd than spec.version says, so no further Pod is replaced.",
    "Correct spec.version, or name an image of that version in spec.image.",
    blocks=True,
)

IMAGE_NOT_IN_CATALOG: Final = Reason(
    "ImageNotInCatalog",
    "The ConfigMap that spec.imageCatalogRef names has no usable image for spec.version.",
    "Add the image for the version to the ConfigMap, as the message says.",
    blocks=True,
)

# Take-over

TAKE_OVER_REFUSED: Final = Reason(
    "TakeOverRefused",
    "spec.bootstrap.joinExisting cannot be carried out as the running etcd cluster is.",
    "Do what the message says; the running cluster is untouched.",
    blocks=True,
)
TAKE_OVER_STOPPED: Final = Reason(
    "TakeOverStopped",
    "Something stands in the way of a take-over that is under way.",
    "Do what the message says, or delete the EtcdCluster to give the old cluster back.",
    blocks=True,
)
TAKE_OVER_AWAITS_APPROVAL: Final = Reason(
    "TakeOverAwaitsApproval",
    "All members, old and new, have the same data: the old ones go when somebody approves it.",
    "Annotate the EtcdCluster as the message says, or delete it to give the old cluster back.",
)
TAKE_OVER_AWAITS_STOP: Final = Reason(
    "TakeOverAwaitsStop",
    "The next old member is to be stopped by you, because the operator cannot or shall not do it.",
    "Do what the message says; then the operator removes that member from etcd.",
)

# Mirror

MIRROR_AWAITS_CUT_OVER: Final = Reason(
    "MirrorAwaitsCutOver",
    "All keys of the source are here and its writes are followed, until somebody approves the "
    "cut-over. Revisions, versions of keys, leases, users and the cluster ID are not kept.",
    "Stop all writers, then annotate the EtcdCluster as the message says; or delete it.",
)
MIRROR_SOURCE_WRITTEN: Final = Reason(
    "MirrorSourceWritten",
    "The cut-over is approved, and somebody still writes to the source.",
    "Stop all writers of the source; the cut-over goes on a second after the last write.",
)
MIRROR_FAILED: Final = Reason(
    "MirrorFailed",
    "The Job of a mirror failed or cannot run; it is tried again, and goes on where it was.",
    "Do what the message says, or delete the EtcdCluster; the source is untouched.",
    blocks=True,
)

# Certificates

STORAGE_IMMUTABLE: Final = Reason(
    "StorageImmutable",
    "spec.storage.ephemeral or spec.storage.wal was added or removed, and the members' data is "
    "where it was.",
    "Set it back, or create another cluster and move the data.",
    blocks=True,
)
TLS_NEEDS_PERMISSIVE: Final = Reason(
    "TLSNeedsPermissive",
    "spec.security.tls turns TLS for clients on or off at once, and would cut them off.",
    "Set spec.security.tls.clientTLSMode to Permissive first, and wait for status.clientTLS.",
    blocks=True,
)
PEER_TLS_WAITS: Final = Reason(
    "PeerTLSWaits",
    "TLS between members is to be turned on or off, and something keeps the next step from being "
    "taken; members reach each other meanwhile.",
    "See status.message for what it waits for.",
    blocks=True,
)
LOGIN_NOT_READY: Final = Reason(
    "LoginNotReady",
    "TLS for clients is to be turned off, and members would not let the operator in without it.",
    "Wait until the operator has set its password in etcd; if SpecWarning says that a Secret "
    "cannot be used, correct it.",
    blocks=True,
)
AUTHENTICATION_OFF: Final = Reason(
    "AuthenticationOff",
    "The spec asks for authentication, and etcd lets everybody in: the operator could not log in.",
    "Correct the Secret that the message names, or delete it to have a random password.",
    blocks=True,
)
CERTIFICATE_UNUSABLE: Final = Reason(
    "CertificateUnusable",
    "The certificate that the spec names cannot be used for the cluster.",
    "Put a certificate into the Secret that fits; the message says what is wrong.",
    blocks=True,
)
CERT_MANAGER_MISSING: Final = Reason(
    "CertManagerMissing",
    "spec.security.tls.issuerRef names an issuer, but cert-manager is not installed.",
    "Install cert-manager, or remove issuerRef.",
    blocks=True,
)
WAITING_FOR_ISSUER: Final = Reason(
    "WaitingForIssuer",
    "cert-manager has not issued a certificate yet.",
    "If it stays, look at the issuer and at kubectl describe certificate.",
)

# Backups first

BACKUP_BEFORE_UPGRADE: Final = Reason(
    "BackupBeforeUpgrade",
    "The upgrade waits for the backup that spec.backup.beforeUpgrade asks for.",
    "If the backup fails, correct it, or empty spec.backup.beforeUpgrade.",
    blocks=True,
)
BACKUP_BEFORE_TAKE_OVER: Final = Reason(
    "BackupBeforeTakeOver",
    "No old member goes before the backup that spec.backup.beforeTakeOver asks for.",
    "If the backup fails, correct it, or empty spec.backup.beforeTakeOver.",
    blocks=True,
)
BACKUP_BEFORE_DELETION: Final = Reason(
    "BackupBeforeDeletion",
    "The deletion waits for the backup that spec.backup.beforeDeletion asks for.",
    "If the backup fails, correct it, or empty spec.backup.beforeDeletion.",
    blocks=True,
)

# What servers refuse, whatever the decision was

REFUSED_BY_KUBERNETES: Final = Reason(
    "RefusedByKubernetes",
    "Kubernetes refuses a step: a quota, an admission rule, a missing right or an invalid field.",
    "Correct what the message says; the step is tried again at most 30 s later.",
    blocks=True,
    alert="EtcdRefusedByKubernetes",
)
KUBERNETES_UNAVAILABLE: Final = Reason(
    "KubernetesUnavailable",
    "For ten seconds or more, the API server, or an admission webhook that it asks, has given no "
    "usable answer to a step, or somebody else has changed its object each time.",
    "Repair what the message names; the step is tried again until it is answered.",
    blocks=True,
)
REFUSED_BY_ETCD: Final = Reason(
    "RefusedByEtcd",
    "etcd refuses a step; it is asked again.",
    "If it stays, act on etcd's words in the message.",
)
EVICTION_REFUSED: Final = Reason(
    "EvictionRefused",
    "A PodDisruptionBudget does not let a Pod be evicted; it is tried again.",
    "Change a budget of your own that selects the members: see kubectl get pdb.",
    blocks=True,
)
STATEFULSET_NOT_OBSERVED: Final = Reason(
    "StatefulSetNotObserved",
    "Kubernetes has not looked at the changed StatefulSet, or let go of a deleted one, for 10 s.",
    "Look whether kube-controller-manager runs, and for finalizers of the StatefulSet.",
)
