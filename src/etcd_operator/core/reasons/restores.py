"""Reasons of conditions and Events of an EtcdRestore."""

from __future__ import annotations

from typing import Final

from etcd_operator.core.reasons.reason import Reason

# What it waits for

INVALID_SPEC: Final = Reason(
    "InvalidSpec",
    "The spec cannot be carried out.",
    "Create another EtcdRestore with what the message says.",
    blocks=True,
)
NO_BACKUP: Final = Reason(
    "NoBackup",
    "The EtcdBackup does not exist, or has no complete backup yet.",
    "Name one that is complete, or wait until it is.",
    blocks=True,
)
NOT_ALLOWED: Final = Reason(
    "NotAllowed",
    "The EtcdBackup or the EtcdCluster is in another namespace and does not allow it.",
    "Annotate it as the message says.",
    blocks=True,
)
NAME_TAKEN: Final = Reason(
    "NameTaken",
    "An EtcdCluster or claims of the name exist; a restore never touches what it did not make.",
    "Choose another spec.clusterName, or delete what is in the way.",
    blocks=True,
)
NEWER_ETCD: Final = Reason(
    "NewerEtcd",
    "The backup was made by a newer etcd than the cluster is to have.",
    "Set the version that the message names, or a later one.",
    blocks=True,
)
RECORD_UNREADABLE: Final = Reason(
    "RecordUnreadable",
    "An annotation of the EtcdCluster in which the restore is recorded was edited.",
    "Do what the message says.",
    blocks=True,
)
CLUSTER_DELETED: Final = Reason(
    "ClusterDeleted",
    "The EtcdCluster was deleted before it was restored.",
    "Create another EtcdRestore to begin again.",
    blocks=True,
)
NO_CLUSTER: Final = Reason(
    "NoCluster",
    "The EtcdCluster that is to be restored in place does not exist.",
    "Restore with restoreType New.",
    blocks=True,
)
CLUSTER_BUSY: Final = Reason(
    "ClusterBusy",
    "Another EtcdRestore restores the EtcdCluster in place.",
    "Wait for it, or delete it.",
    blocks=True,
)
NOT_FORMED: Final = Reason(
    "NotFormed",
    "The EtcdCluster was never formed, so nothing can be restored in place.",
    "Wait until it is, or delete it and restore with restoreType New.",
    blocks=True,
)
STOPPED: Final = Reason(
    "Stopped", "The EtcdCluster is stopped.", "Set its spec.size above 0.", blocks=True
)
PAUSED: Final = Reason(
    "Paused", "The EtcdCluster is paused.", "Set its spec.paused to false.", blocks=True
)
INVALID_CLUSTER: Final = Reason(
    "InvalidCluster",
    "The spec of the EtcdCluster cannot be carried out.",
    "Correct the field that the message names.",
    blocks=True,
)

# How far it is

VERIFYING: Final = Reason(
    "Verifying", "A Job fetches the backup and restores it for trial; the cluster is not touched."
)
VERIFIED: Final = Reason("Verified", "The backup was fetched and restored for trial.")
RESTORABLE: Final = Reason("Restorable", "The backup was fetched and restored for trial.")
RESTORING: Final = Reason("Restoring", "Disks are made and filled from the backup.")
STARTING: Final = Reason("Starting", "Every disk is filled, and the members start.")
RESTORED: Final = Reason("Restored", "The EtcdCluster serves what the backup held.")
RESTORE_FAILED: Final = Reason(
    "RestoreFailed",
    "A Job failed; another is tried after a pause that grows up to 10 minutes.",
    "Correct what the message says.",
)
UNDOING: Final = Reason(
    "Undoing", "The restore in place is undone: the cluster gets its earlier disks back."
)
UNDONE: Final = Reason(
    "Undone",
    "The restore in place was undone, and the cluster has its earlier disks.",
    "Create another EtcdRestore to restore.",
)

# Events alone

DISKS_FILLED: Final = Reason("DisksFilled", "Every disk is filled from the backup.")
RESTORING_IN_PLACE: Final = Reason(
    "RestoringInPlace", "Asked for the restore in place on the EtcdCluster."
)
RESTORE_UNDONE: Final = Reason(
    "RestoreUndone", "The EtcdRestore is being deleted, so the restore in place is undone."
)
