"""The stages of a restore in place, as a table: each stage, its conditions, and what follows.

The EtcdRestore has fetched and checked the backup before it puts its wish on the EtcdCluster. From
there on no other rule decides, except in START and SERVE: the usual rules form the new etcd cluster
from the restored disks, and look after it. It is undone by taking the wish away, until the new
cluster serves: from then on clients may have written to it. See decision 14.
"""

from __future__ import annotations

from typing import Final

from etcd_operator.core.bootstrap.gate_record import ANNOTATION_RESTORED
from etcd_operator.core.in_place_restore import steps, undo
from etcd_operator.core.in_place_restore.record import Stage, find_restore_request
from etcd_operator.core.in_place_restore.steps import Restoring, find_disks, is_at_rest
from etcd_operator.core.model.decision import Decision
from etcd_operator.core.model.quorum import voters_not_serving
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.model.state_machine import Meanwhile, StateMachine, Transition, otherwise
from etcd_operator.core.quorum_loss.record import find_recovery
from etcd_operator.core.storage.deleted_claims import would_lose_data

# Conditions


def is_wanted(view: Restoring) -> bool:
    """Whether an EtcdRestore wants to replace what the cluster holds, and nothing is in its way."""
    snapshot = view.snapshot
    wanted = find_restore_request(snapshot.cluster) and snapshot.spec.size
    if not wanted or snapshot.recorded_cluster_id is None or find_recovery(snapshot):
        return False
    if snapshot.take_over is not None:
        return False  # members of somebody else would be left without their majority
    # Of a claim that is being deleted its member gets a new disk first, or a person has to decide.
    return not would_lose_data(snapshot)


def is_undone(view: Restoring) -> bool:
    """Whether the EtcdRestore does not want it any more."""
    return find_restore_request(view.snapshot.cluster) != view.restore.restore


def would_lose_a_disk(view: Restoring) -> bool:
    """Whether a claim is being deleted, which would go with its Pod."""
    return would_lose_data(view.snapshot)


def may_go_on(view: Restoring) -> bool:
    """Whether it is still wanted, and no claim is being deleted."""
    return not is_undone(view) and not would_lose_a_disk(view)


def has_other_disks(view: Restoring) -> bool:
    """Whether a disk has appeared, changed or gone since they were recorded."""
    return find_disks(view) != view.restore.disks


def members_run(view: Restoring) -> bool:
    """Whether Pods run, or are about to be started."""
    return not is_at_rest(view.snapshot)


def members_have_stopped(view: Restoring) -> bool:
    """Whether nothing runs, and every claim is known."""
    return is_at_rest(view.snapshot) and _knows_every_claim(view)


def every_disk_is_aside(view: Restoring) -> bool:
    """Whether no claim of the cluster is left."""
    return not steps.find_claims(view) and _knows_every_claim(view)


def disks_are_filled(view: Restoring) -> bool:
    """Whether the EtcdRestore has filled every fresh disk."""
    return view.snapshot.cluster.annotations.get(ANNOTATION_RESTORED) == view.restore.restore


def new_cluster_serves(view: Restoring) -> bool:
    """Whether a quorum of the restored members answers."""
    return view.snapshot.quorum_confirmed


def new_cluster_is_recorded(view: Restoring) -> bool:
    """Whether a quorum of the restored members answers, and its cluster ID is recorded."""
    snapshot = view.snapshot
    recorded = snapshot.recorded_cluster_id == snapshot.live_cluster_id
    return new_cluster_serves(view) and recorded


def is_undone_unserved(view: Restoring) -> bool:
    """Whether it is undone before the restored members elected a leader."""
    unrecorded = view.snapshot.recorded_cluster_id is None
    return is_undone(view) and unrecorded and not has_leader(view)


def has_leader(view: Restoring) -> bool:
    """Whether the restored members have a leader, so that clients may have written."""
    probes = view.snapshot.probes.values()
    return view.snapshot.quorum_confirmed or any(
        probe.status and probe.status.leader for probe in probes
    )


def every_member_serves(view: Restoring) -> bool:
    """Whether every restored member serves, and the new cluster ID is in every record."""
    snapshot = view.snapshot
    recorded = undo.is_recorded(snapshot, snapshot.live_cluster_id)
    return recorded and _all_serve(snapshot)


def _all_serve(snapshot: Snapshot) -> bool:
    pods = {pod.ordinal for pod in snapshot.pods if pod.ready and not pod.deleting}
    members = snapshot.ownership.own.keys()
    serve = snapshot.quorum_confirmed and not voters_not_serving(snapshot) and members <= pods
    return serve and len(snapshot.members) == snapshot.replicas


def no_fresh_disk_is_left(view: Restoring) -> bool:
    """Whether no Pod and no restored disk is left."""
    fresh = undo.find_fresh_claims(view)
    return is_at_rest(view.snapshot) and not fresh and _knows_every_claim(view)


def has_fresh_disks(view: Restoring) -> bool:
    """Whether a restored disk is left, or may be."""
    return bool(undo.find_fresh_claims(view)) or not _knows_every_claim(view)


def misses_old_disks(view: Restoring) -> bool:
    """Whether a volume of the earlier cluster is not bound to its claim yet."""
    return bool(undo.find_unbound(view))


def earlier_cluster_is_back(view: Restoring) -> bool:
    """Whether every earlier disk is back, and the records are those of the earlier cluster."""
    return undo.is_recorded(view.snapshot, view.restore.cluster_id) and not undo.write_records(view)


def _knows_every_claim(view: Restoring) -> bool:
    return view.snapshot.unlabelled_claims is not None


MACHINE: Final[StateMachine[Restoring, Decision]] = StateMachine(
    (
        Transition(None, is_wanted, steps.go_on, Stage.KEEP),
        # The volumes are told to stay, while the cluster serves.
        Transition(Stage.KEEP, is_undone, undo.leave, None),
        Transition(Stage.KEEP, would_lose_a_disk, undo.leave_to_deletion, None),
        Transition(Stage.KEEP, may_go_on, steps.retain_volumes, Stage.STOP),
        # The members' Pods end.
        Transition(Stage.STOP, is_undone, undo.leave, None),
        Transition(Stage.STOP, would_lose_a_disk, undo.leave_to_deletion, None),
        Transition(Stage.STOP, has_other_disks, steps.go_on, Stage.KEEP),
        Transition(Stage.STOP, members_have_stopped, steps.go_on, Stage.SET_ASIDE),
        Meanwhile(Stage.STOP, members_run, steps.stop_members),
        Meanwhile(Stage.STOP, otherwise, steps.look_for_claims),
        # Their claims go. A StatefulSet of before may still start Pods: here and below nothing is
        # done until they have ended.
        Meanwhile(Stage.SET_ASIDE, members_run, steps.stop_members),
        Transition(Stage.SET_ASIDE, has_other_disks, steps.go_on, Stage.SET_ASIDE),
        Transition(Stage.SET_ASIDE, is_undone, steps.go_on, Stage.PUT_BACK),
        Transition(Stage.SET_ASIDE, every_disk_is_aside, steps.go_on, Stage.FILL),
        Meanwhile(Stage.SET_ASIDE, otherwise, steps.set_aside),
        # The EtcdRestore makes fresh claims and fills them.
        Meanwhile(Stage.FILL, members_run, steps.stop_members),
        Transition(Stage.FILL, is_undone, steps.go_on, Stage.PUT_BACK),
        Transition(Stage.FILL, disks_are_filled, steps.go_on, Stage.START),
        Meanwhile(Stage.FILL, otherwise, steps.await_disks),
        # The usual rules form another etcd cluster from them.
        Transition(Stage.START, new_cluster_is_recorded, steps.go_on, Stage.SERVE),
        Meanwhile(Stage.START, new_cluster_serves, steps.record_cluster_id),
        Transition(Stage.START, is_undone_unserved, steps.go_on, Stage.WITHDRAW),
        # There is no way back.
        Transition(Stage.SERVE, every_member_serves, steps.release_old_volumes, None),
        # Members that were started may have been written to: their disks are set aside as well.
        Transition(Stage.WITHDRAW, has_leader, steps.go_on, Stage.START),
        Meanwhile(Stage.WITHDRAW, members_run, undo.stop_restored_members),
        Transition(Stage.WITHDRAW, no_fresh_disk_is_left, steps.go_on, Stage.PUT_BACK),
        Meanwhile(Stage.WITHDRAW, otherwise, undo.set_fresh_disks_aside),
        # What was never started from goes, and the earlier volumes get claims again.
        Meanwhile(Stage.PUT_BACK, members_run, steps.stop_members),
        Meanwhile(Stage.PUT_BACK, has_fresh_disks, undo.delete_fresh_disks),
        Meanwhile(Stage.PUT_BACK, misses_old_disks, undo.rebind_old_volumes),
        Transition(Stage.PUT_BACK, earlier_cluster_is_back, undo.start_again, None),
        Meanwhile(Stage.PUT_BACK, otherwise, undo.restore_records),
    )
)
