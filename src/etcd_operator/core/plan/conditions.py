"""Conditions of the rules: what has to be so for each to decide. `explain` says those that passed.

A rule that had nothing to say found its condition, or the room to act on it, missing.
"""

from __future__ import annotations

from typing import Final

# Each completes "only while …".
CONDITIONS: Final[dict[str, str]] = {
    "leave_orphans": "the EtcdCluster is being deleted with --cascade=orphan",
    "back_up_before_deletion": "it is being deleted and its spec asks for a backup before that",
    "give_back": "it is being deleted while it takes over members that are still there",
    "delete_cluster": "the EtcdCluster is being deleted",
    "refuse_invalid_spec": "a field of the spec cannot be carried out",
    "pause": "spec.paused is true",
    "refuse_foreign_objects": "an object that it needs belongs to another owner",
    "refuse_unreadable_records": "a record of the operator cannot be read",
    "restore_in_place": "an EtcdRestore replaces the data of this cluster",
    "wait_for_restore": "the EtcdRestore that made the cluster has a disk to fill",
    "refuse_foreign_disks": "a claim of an earlier cluster has the name of one of its own",
    "wait_uncreated": "spec.size is 0 and it never had a member",
    "wait_for_image": "no StatefulSet is there, nor an image in the catalog that the spec names",
    "add_finalizer": "the EtcdCluster has no finalizer",
    "refuse_storage_switch": "spec.storage differs from where the members' data is: ephemeral, wal",
    "refuse_tls_switch": "spec.security.tls asks for TLS that members cannot come to step by step",
    "refuse_foreign_secrets": "a Secret that it needs belongs to another owner",
    "request_from_cert_manager": "issuerRef of the spec is set and a Certificate is not as wanted",
    "wait_for_issuer": "issuerRef of the spec names an issuer that has yet to issue a certificate",
    "refuse_unusable_certificate": "a certificate that a member has to start with cannot work",
    "manage_certificates": "a certificate is missing or outdated, or an authority changes",
    "begin_take_over": "spec.bootstrap.joinExisting names a cluster that it has not joined yet",
    "refuse_other_cluster": "members answer with another cluster ID than the recorded one",
    "hold_recovery": "it takes over members whose Pods are there, and the quorum is lost",
    "recover_quorum": "spec.recovery.quorumLoss approves it, and the quorum is lost",
    "refuse_unrecorded_resources": "Pods or claims are there without the record of their cluster",
    "restart_bootstrap": "it has not formed, no majority has disks, and its template is outdated",
    "replace_failed_pods": "the process of an outdated Pod does not run",
    "replace_unready_pods": "there is no quorum, no member is Ready, and an outdated Pod runs",
    "reschedule_pods": "a Pod waits for a node because of another that has gone since",
    "grow_full_disks": "there is no quorum and spec.storage.size is above a claim's",
    "wait_for_answers": "a majority is Ready and none of it answers the operator",
    "bootstrap": "it has not formed yet",
    "stop": "spec.size is 0",
    "start": "spec.size is above 0 again after a stop",
    "report_lost_data": "Pods with the data of a majority are gone, and had it in an emptyDir",
    "wait_for_quorum": "no quorum confirms the member list",
    "refuse_foreign_members": "etcd has a member that the operator did not add",
    "end_downgrade_for_learners": "a member is to join and etcd has a downgrade enabled",
    "restart_failed_learners": "a learner's process failed on a file older than the member list",
    "release_old_disks": "a restore in place is complete and the disks of before are still there",
    "update_claim_template": "spec.inheritedMetadata differs from the claim template's",
    "announce_next_learner": "etcd takes several learners, one is joining, and another is missing",
    "promote": "a learner serves",
    "report_divergence": "members of one revision have different hashes",
    "shrink": "etcd has more members than spec.size and one can go without the quorum at risk",
    "replace_lost_members": "a member lost its disk or its data and the others keep the quorum",
    "replace_stuck_members": "a member is stuck for longer than spec.recovery allows",
    "release_stuck_pods": "the Pod of a member that left is stuck on a node that is lost",
    "disarm_corrupt": "the alarm CORRUPT is of a member that is gone",
    "free_space": "the alarm NOSPACE is raised",
    "delete_left_disks": "a claim of a member that left is still there",
    "wait_for_learners": "a learner that was announced has yet to join",
    "grow": "etcd has fewer members than spec.size and would take one now",
    "take_over": "it takes over members of a StatefulSet",
    "grow_disks": "spec.storage.size is above a claim's",
    "sync_auth": "etcd's users, roles or authentication differ from spec.security.auth",
    "refuse_image": "a member runs another version than the spec says of its image",
    "refuse_version": "the spec's version cannot follow the one that members run",
    "prepare_version": "the spec's version needs etcd to prepare the disks",
    "end_downgrade": "etcd has a downgrade enabled that the spec does not ask for",
    "resize_pods": (
        "spec.inPlaceResize is true, and a Pod that is Ready differs from the template in CPU and "
        "memory alone"
    ),
    "roll": "a voter's Pod is outdated and all the other voters are well",
    "change_disk_attributes": (
        "a disk of a member has another VolumeAttributesClass than spec.storage names for it"
    ),
    "report_authentication_off": (
        "authentication is wanted and off, and a password of the operator cannot be used"
    ),
    "restore_peer_urls": "etcd lists a member at no peer URL at which its file has it listen",
    "change_peer_urls": (
        "TLS between members is turned on or off and every member runs in a Pod of this stage"
    ),
    "wait_to_change_peer_tls": "TLS between members is not as spec.security.tls has it",
    "wait_for_client_certificates": (
        "members need a certificate to serve TLS, or the operator a user to be let in without it"
    ),
    "back_up_before_take_over": (
        "old members of a take-over are to go, and the spec asks for a backup before that"
    ),
    "back_up_before_upgrade": "the version changes and the spec asks for a backup before that",
    "report_missing_image": "the image catalog that the spec names has no image for the version",
    "wait_to_shrink": "etcd has more members than spec.size",
    "wait_to_replace": "a member is stuck",
    "wait_to_grow": "etcd has fewer members than spec.size",
    "wait_for_left_disks": "a claim of a member that left is being deleted",
    "report_late_learners": "a learner has not joined in time",
    "report_alarms": "an alarm is raised",
    "move_leader": "the annotation etcd.etcd.io/move-leader asks for another leader",
    "defragment": "a member has much unused space, or the annotation asks for it",
    "mirror_source": "spec.bootstrap.mirror names a cluster, and its cut-over is not over",
    "report_settled": "no other rule decides",
}
