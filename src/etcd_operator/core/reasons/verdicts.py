"""Reasons that only the conditions of an EtcdCluster give, beside those of decisions."""

from __future__ import annotations

from typing import Final

from etcd_operator.core.reasons.reason import Reason

# Available and QuorumHealthy

QUORUM_AVAILABLE: Final = Reason("QuorumAvailable", "Clients can read and write.")
NO_READY_MEMBER: Final = Reason(
    "NoReadyMember",
    "A majority answers, but no Pod of a voter is Ready, so no client reaches one.",
    "Look at the Pods of the members.",
    alert="EtcdUnavailable",
)
NO_SPACE: Final = Reason(
    "NoSpace",
    "etcd refuses writes: its quota is exceeded.",
    "Delete keys, or raise spec.etcdConfig.quotaBackendBytes.",
    alert="EtcdNoSpace",
)
MAJORITY_ANSWERS: Final = Reason("MajorityAnswers", "A majority of the voters answers and agrees.")
MAJORITY_READY: Final = Reason(
    "MajorityReady", "A majority of the Pods is Ready; etcd answers authenticated users only."
)
MAJORITY_LOST: Final = Reason(
    "MajorityLost",
    "A majority of the voters does not answer.",
    "Bring members back: look at their Pods, nodes and disks.",
    alert="EtcdNoQuorum",
)
NOT_FORMED: Final = Reason("NotFormed", "The first members have not formed the cluster yet.")

# Degraded

AS_EXPECTED: Final = Reason("AsExpected", "Nothing is wrong.")
ALARM: Final = Reason(
    "Alarm",
    "etcd raised an alarm: NOSPACE or CORRUPT.",
    "Act as for QuotaExceeded or CorruptData, which the operator reports if it cannot help.",
)
DISK_BEING_DELETED: Final = Reason(
    "DiskBeingDeleted",
    "A claim was deleted under the running Pod of a member, and goes when the Pod ends.",
    "Restart no Pod until the condition is gone; grow a cluster of one to three.",
    alert="EtcdDiskBeingDeleted",
)
MEMBERS_UNAVAILABLE: Final = Reason(
    "MembersUnavailable",
    "A majority answers, and a voter does not.",
    "Look at the Pods of the members that the message names.",
    alert="EtcdMemberDown",
)
POD_MISSING: Final = Reason(
    "PodMissing",
    "A Pod was not created, and no Event says why.",
    "Look at kubectl describe statefulset, and whether kube-controller-manager runs.",
    alert="EtcdMemberDown",
)
NOT_SCHEDULED: Final = Reason(
    "NotScheduled",
    "No scheduler has looked at a Pod.",
    "Look whether the scheduler that the Pod names runs.",
    alert="EtcdMemberDown",
)

# DataLossPossible and QuorumLossApproved

NO_RECOVERY: Final = Reason("NoRecovery", "The cluster was never recovered from a lost quorum.")
RECOVERED_FROM_ONE_MEMBER: Final = Reason(
    "RecoveredFromOneMember",
    "Quorum was lost and recovered from one member: writes that it did not have are missing.",
    "Compare with the volumes that were set aside, if such writes are of value.",
)
QUORUM_LOSS_APPROVED: Final = Reason(
    "QuorumLossApproved",
    "spec.recovery.quorumLoss is set: unless quorum comes back, the cluster is recovered from one "
    "member.",
    "Remove it from the spec to withdraw it.",
    alert="EtcdQuorumLossApprovalStands",
)
APPROVAL_IN_USE: Final = Reason(
    "ApprovalInUse", "The recovery that spec.recovery.quorumLoss approves is under way."
)
APPROVAL_CARRIED_OUT: Final = Reason(
    "ApprovalCarriedOut",
    "Quorum was recovered from one member, as spec.recovery.quorumLoss approved.",
    "Remove spec.recovery.quorumLoss.",
)
APPROVAL_VOID: Final = Reason(
    "ApprovalVoid",
    "The approval was used, or was given while no loss of quorum was reported.",
    "Remove spec.recovery.quorumLoss; a loss of quorum needs one with another acceptedRevision, "
    "given after it.",
)

# Paused

PAUSED_BY_USER: Final = Reason(
    "PausedByUser", "spec.paused is true, so nothing is changed.", "Set spec.paused to false."
)
NOT_PAUSED: Final = Reason("NotPaused", "The operator manages the cluster.")

# SpecWarning

QUOTA_EXCEEDS_DISK: Final = Reason(
    "QuotaExceedsDisk",
    "etcd's quota does not fit on the disk beside the write-ahead log and snapshots.",
    "Lower spec.etcdConfig.quotaBackendBytes, or raise spec.storage.size.",
)
LOG_EXCEEDS_DISK: Final = Reason(
    "LogExceedsDisk",
    "etcd's write-ahead log does not fit on the disk that it has to itself.",
    "Raise spec.storage.wal.size.",
)
QUOTA_EXCEEDS_MEMORY: Final = Reason(
    "QuotaExceedsMemory",
    "etcd's quota is more than the memory limit of a member.",
    "Raise spec.resources.limits.memory, or lower spec.etcdConfig.quotaBackendBytes.",
)

PASSWORD_UNUSABLE: Final = Reason(
    "PasswordUnusable",
    "The Secret with a password cannot be used. A user keeps the password that it had; without "
    "TLS for clients the operator may not be able to log in.",
    "Correct the Secret. One that the operator creates can be deleted: it is created again with a "
    "random password.",
)
PASSWORDS_IN_PLAIN_TEXT: Final = Reason(
    "PasswordsInPlainText",
    "Members serve plain text, so whoever sees the network between clients and members reads "
    "passwords and keys.",
    "Turn on TLS for clients: by way of spec.security.tls.clientTLSMode Permissive, then Strict.",
)

CONNECTION_NAME_TAKEN: Final = Reason(
    "ConnectionNameTaken",
    "A Secret with the name of a connection Secret belongs to somebody else, and is left alone.",
    "Delete that Secret, or set spec.connectionSecrets to false.",
)

ALIAS_TAKEN: Final = Reason(
    "AliasTaken",
    "A Service with a name of spec.service.aliases belongs to somebody else, and is left alone.",
    "Delete that Service when nobody needs it, or take its name off spec.service.aliases.",
)

NO_MEMBER_ADDRESS: Final = Reason(
    "NoMemberAddress",
    "spec.memberAddresses says of no member at which address clients outside reach it.",
    "Name an address for each member in spec.memberAddresses.names, or set service.type there to "
    "LoadBalancer.",
)

# CertificatesValid

ALL_VALID: Final = Reason("AllValid", "Every certificate is valid.")
CA_CHANGING: Final = Reason(
    "CAChanging",
    "Every certificate is valid, and a certificate authority is being replaced.",
)
NOT_ISSUED: Final = Reason(
    "NotIssued",
    "cert-manager has not issued a certificate.",
    "Look at the issuer and at kubectl describe certificate.",
    alert="EtcdCertificateNotRenewed",
)
UNUSABLE: Final = Reason(
    "Unusable",
    "The certificate that the spec names cannot be used for the cluster.",
    "Put a certificate into the Secret that fits; the message says what is wrong.",
    alert="EtcdCertificateNotRenewed",
)
EXPIRED: Final = Reason(
    "Expired",
    "A certificate has expired.",
    "Renew one of your own; for others see what status.message waits for.",
    alert="EtcdCertificateExpired",
)
RENEWAL_HELD: Final = Reason(
    "RenewalHeld",
    "A certificate is due, and something keeps it from being renewed.",
    "Remove what the message names.",
    alert="EtcdCertificateNotRenewed",
)
EXPIRING_SOON: Final = Reason(
    "ExpiringSoon",
    "A certificate is about to expire.",
    "Renew one of your own; for others see what status.message waits for.",
    alert="EtcdCertificateNotRenewed",
)

# BackupHealthy

BACKED_UP: Final = Reason("BackedUp", "Every EtcdBackup of the cluster works.")
NO_BACKUP_YET: Final = Reason("NoBackupYet", "No EtcdBackup of the cluster has completed yet.")
BACKUP_FAILING: Final = Reason(
    "BackupFailing",
    "An EtcdBackup of the cluster fails.",
    "Correct what its message says: kubectl get etcdbackup.",
    alert="EtcdBackupFailing",
)
BACKUP_OVERDUE: Final = Reason(
    "BackupOverdue",
    "A backup did not begin at the time of its schedule.",
    "Look at that EtcdBackup, and whether the operator runs.",
    alert="EtcdBackupMissed",
)
UPGRADE_WAITS: Final = Reason("UpgradeWaits", "The upgrade waits for a backup.")

# ChangedByOthers and UpgradeWaiting

CHANGED_BY_OTHERS: Final = Reason(
    "ChangedByOthers",
    "Another controller, a policy or a person changes fields of the operator's objects.",
    "Exempt the object from the policy or controller that the message names.",
)
WAITING_FOR_TURN: Final = Reason(
    "WaitingForTurn",
    "Its Pods are replaced for a new version of the operator after those of other clusters.",
)
