"""Reasons of Events about an EtcdCluster: what the operator has done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from etcd_operator.core.reasons.reason import Reason

_APPLIED: Final = (
    "StatefulSet",
    "Service",
    "ConfigMap",
    "PodDisruptionBudget",
    "NetworkPolicy",
    "Certificate",
)
_DELETED: Final = (
    "StatefulSet",
    "ConfigMap",
    "Service",
    "NetworkPolicy",
    "Certificate",
    "Pod",
    "PersistentVolumeClaim",
)

FINALIZER_ADDED: Final = Reason("FinalizerAdded", "Added the finalizer to the EtcdCluster.")
FINALIZER_REMOVED: Final = Reason("FinalizerRemoved", "Removed the finalizer from the EtcdCluster.")

# Objects, by kind

CREATED: Final[Mapping[str, Reason]] = {
    kind: Reason(f"Created{kind}", f"Created a {kind} of the cluster.") for kind in _APPLIED
}
UPDATED: Final[Mapping[str, Reason]] = {
    kind: Reason(f"Updated{kind}", f"Corrected a {kind} of the cluster.") for kind in _APPLIED
}
DELETED: Final[Mapping[str, Reason]] = {
    kind: Reason(f"Deleted{kind}", f"Deleted a {kind} of the cluster.") for kind in _DELETED
}
CREATED_ETCD_BACKUP: Final = Reason(
    "CreatedEtcdBackup", "Created the EtcdBackup before an upgrade or a deletion."
)
EVICTED_POD: Final = Reason("EvictedPod", "Evicted a Pod, through its PodDisruptionBudget.")
POD_ROLE: Final = Reason("PodRole", "Labelled a Pod as a voter or a learner.")
POD_LEAVES_SERVICE: Final = Reason(
    "PodLeavesService", "Took a Pod out of the client Service, because it is about to end."
)
POD_RESIZED: Final = Reason(
    "PodResized", "Asked for other CPU and memory of a running Pod, or noted that it has them."
)
POD_LABELLED: Final = Reason("PodLabelled", "Put back labels that were taken off a Pod.")

# Disks

DISK_RESIZED: Final = Reason("DiskResized", "Asked for a larger PersistentVolumeClaim.")
DISK_ATTRIBUTES_CHANGED: Final = Reason(
    "DiskAttributesChanged", "Asked for another VolumeAttributesClass of a PersistentVolumeClaim."
)
DISK_SET_ASIDE: Final = Reason(
    "DiskSetAside", "Deleted a PersistentVolumeClaim and kept its volume."
)
VOLUME_RETAINED: Final = Reason(
    "VolumeRetained", "Set the reclaim policy of a PersistentVolume to Retain."
)
VOLUME_REBOUND: Final = Reason("VolumeRebound", "Made the claim of a PersistentVolume anew.")
RECLAIM_POLICY_RESTORED: Final = Reason(
    "ReclaimPolicyRestored", "Gave a PersistentVolume that was kept its former reclaim policy."
)
RESTORE_STAGE: Final = Reason("RestoreStage", "A restore in place went on to its next stage.")
RESTORE_ENDED: Final = Reason("RestoreEnded", "A restore in place is over, or was undone.")

# etcd

MEMBER_ADDED: Final = Reason("MemberAdded", "Added a member to etcd as a learner.")
MEMBER_PROMOTED: Final = Reason("MemberPromoted", "Promoted a learner to a voter.")
MEMBER_UPDATED: Final = Reason("MemberUpdated", "Changed the peer URLs of a member in etcd.")
MEMBER_REMOVED: Final = Reason("MemberRemoved", "Removed a member from etcd.")
SOURCE_SCALED: Final = Reason(
    "SourceScaled", "Scaled in the StatefulSet that the cluster takes over."
)
MIRROR_STARTED: Final = Reason("MirrorStarted", "Created a Job that mirrors an etcd cluster.")
MIRROR_STOPPED: Final = Reason("MirrorStopped", "Deleted a Job that mirrors an etcd cluster.")
MIRROR_ENDED: Final = Reason(
    "MirrorEnded", "A mirror was cut over: all keys were equal, and its progress was deleted."
)
LEADER_MOVED: Final = Reason("LeaderMoved", "Moved leadership to another member.")
COMPACTED: Final = Reason("Compacted", "Compacted the history of keys up to a revision.")
DEFRAGMENTED: Final = Reason("Defragmented", "Defragmented the database of a member.")
ALARM_DISARMED: Final = Reason("AlarmDisarmed", "Disarmed an alarm of etcd.")
DOWNGRADE_ENABLED: Final = Reason("DowngradeEnabled", "Enabled a downgrade of etcd.")
DOWNGRADE_CANCELED: Final = Reason("DowngradeCanceled", "Cancelled or ended a downgrade of etcd.")
PASSWORD_CREATED: Final = Reason("PasswordCreated", "Created a random password for a user.")
AUTH_SYNCED: Final = Reason("AuthSynced", "Changed a user or a role of etcd.")

# Certificates

CA_ISSUED: Final = Reason("CAIssued", "Issued a certificate authority.")
CERTIFICATE_ISSUED: Final = Reason("CertificateIssued", "Issued or renewed a certificate.")
CA_BUNDLE_UPDATED: Final = Reason("CABundleUpdated", "Changed which CAs a Secret trusts.")

CONNECTION_WRITTEN: Final = Reason(
    "ConnectionWritten", "Created or updated a connection Secret of the cluster."
)

# Warnings

NO_ANSWER: Final = Reason(
    "NoAnswer", "A request got no answer, so it may have been carried out; the next pass finds out."
)
SERVED_BY_ANOTHER: Final = Reason(
    "ServedByAnother",
    "Another operator, in the namespace that the message names, serves the EtcdCluster.",
    "Uninstall one of them, or give them different WATCH_NAMESPACES.",
)
