"""Reasons of decisions about an EtcdCluster that need nobody: the operator goes on by itself."""

from __future__ import annotations

from typing import Final

from etcd_operator.core.reasons.reason import Reason

HEALTHY: Final = Reason("Healthy", "Every member serves, and nothing is left to do.")

# From the first object to the last

ADDING_FINALIZER: Final = Reason("AddingFinalizer", "The finalizer is put on the EtcdCluster.")
BOOTSTRAPPING: Final = Reason(
    "Bootstrapping", "The first members start; if it stays, a Pod of them cannot start."
)
BOOTSTRAP_RESTARTED: Final = Reason(
    "BootstrapRestarted",
    "The spec was corrected before a majority had disks: the bootstrap begins again.",
)
STARTING: Final = Reason("Starting", "The members that were stopped start again.")
STOPPING: Final = Reason("Stopping", "spec.size is 0: the Pods go, the disks stay.")
STOPPED: Final = Reason("Stopped", "spec.size is 0: no Pod runs, and the disks are there.")
DELETING: Final = Reason("Deleting", "The EtcdCluster is being deleted, with its Pods and disks.")
LEAVING_ORPHANS: Final = Reason(
    "LeavingOrphans", "The EtcdCluster is deleted with --cascade=orphan: nothing else is touched."
)

# Members come and go

SCALING_OUT: Final = Reason("ScalingOut", "A member is added to etcd as a learner.")
MEMBER_STARTING: Final = Reason("MemberStarting", "A new member is to join; its Pod starts.")
PROMOTING_LEARNER: Final = Reason("PromotingLearner", "A new member catches up, then votes.")
RESTARTING_LEARNERS: Final = Reason(
    "RestartingLearners",
    "The Pod of a new member crashed before its configuration was right: it is made anew, which "
    "spares it the kubelet's back-off.",
)
SCALING_IN: Final = Reason("ScalingIn", "Members are removed from etcd, then their Pods go.")
DELETING_DISKS: Final = Reason("DeletingDisks", "The disks of removed members are deleted.")
WAITING_FOR_DISKS: Final = Reason(
    "WaitingForDisks", "Scale-out waits until the disk of an earlier member is deleted."
)
REPLACING_MEMBER: Final = Reason(
    "ReplacingMember", "A member lost its data: it leaves etcd, and joins as a learner."
)
REPLACING_STUCK_MEMBER: Final = Reason(
    "ReplacingStuckMember", "A member cannot come back: it joins as a learner on a new disk."
)
FORCE_DELETING_PODS: Final = Reason(
    "ForceDeletingPods", "Pods of removed members are deleted by force: their nodes do not answer."
)
RECOVERING_QUORUM: Final = Reason(
    "RecoveringQuorum",
    "Quorum is lost, and as approved the cluster is recovered from one member.",
)

TAKING_OVER: Final = Reason(
    "TakingOver",
    "The members of a running etcd cluster are replaced by those of the EtcdCluster.",
)
GIVING_BACK: Final = Reason(
    "GivingBack",
    "The EtcdCluster is deleted in the middle of a take-over: its members leave etcd first.",
)

MIRRORING: Final = Reason(
    "Mirroring",
    "The keys of another etcd cluster are copied. Its revisions, versions of keys, leases, users "
    "and cluster ID are not kept.",
)
CUTTING_OVER: Final = Reason(
    "CuttingOver",
    "A mirror ends: the last writes are copied and all keys compared, or what it leaves is cleared "
    "away.",
)

# Pods and disks

REPLACING_PODS: Final = Reason(
    "ReplacingPods", "Pods that do not run or are not Ready get the corrected spec."
)
RESCHEDULING_PODS: Final = Reason(
    "ReschedulingPods",
    "Pods that fitted no node are made anew, now that the Pod in their way is gone.",
)
ROLLING_UPDATE: Final = Reason("RollingUpdate", "A Pod that differs from the template is replaced.")
ROLLING_UPDATE_WAITING: Final = Reason(
    "RollingUpdateWaiting",
    "The next Pod is replaced when the members that the message names are well.",
)
RESIZING_PODS: Final = Reason(
    "ResizingPods",
    "Kubernetes gives the running Pods the CPU and memory of the spec, one at a time.",
)
GROWING_DISKS: Final = Reason(
    "GrowingDisks", "Disks were asked for a larger size, which may take Kubernetes minutes."
)
CHANGING_DISK_ATTRIBUTES: Final = Reason(
    "ChangingDiskAttributes",
    "Disks get another VolumeAttributesClass while the members run.",
)
UPDATING_CLAIM_TEMPLATE: Final = Reason(
    "UpdatingClaimTemplate",
    "spec.inheritedMetadata has changed: the StatefulSet is made anew, and its Pods stay.",
)

# Inside etcd

PREPARING_VERSION: Final = Reason(
    "PreparingVersion",
    "etcd prepares its storage for spec.version: by its downgrade, or by a snapshot before 3.7.",
)
ENDING_DOWNGRADE: Final = Reason(
    "EndingDowngrade",
    "A downgrade of etcd is cancelled: the spec does not ask for it, or a member is to join.",
)
DISARMING_ALARM: Final = Reason(
    "DisarmingAlarm", "The alarm CORRUPT of a member that was removed is disarmed."
)
FREEING_SPACE: Final = Reason(
    "FreeingSpace", "The quota is exceeded: etcd is compacted, defragmented and disarmed."
)
DEFRAGMENTING: Final = Reason("Defragmenting", "A database with much unused space is defragmented.")
MOVING_LEADER: Final = Reason(
    "MovingLeader", "Leadership is moved to the member that was asked for."
)
SYNCING_AUTH: Final = Reason("SyncingAuth", "etcd's users and roles become those of the spec.")

# Certificates, and other kinds

ISSUING_CERTIFICATES: Final = Reason(
    "IssuingCertificates",
    "Certificates are issued or renewed; if it stays, the operator's log says why a Secret cannot "
    "be written.",
)
CHANGING_PEER_TLS: Final = Reason(
    "ChangingPeerTLS",
    "TLS between members is turned on or off: etcd lists members at other peer URLs.",
)
REQUESTING_CERTIFICATES: Final = Reason(
    "RequestingCertificates", "Certificates are requested from cert-manager."
)
RESTORING: Final = Reason("Restoring", "An EtcdRestore fills the disks of the cluster.")
RESTORED_IN_PLACE: Final = Reason(
    "RestoredInPlace",
    "Every member of the restored cluster serves: the disks of before the restore are released.",
)
