"""Stop and start: size 0 keeps every disk; starting again begins with the recorded membership.

Three members that were stopped start as three, whatever the new size: fewer could not form the
majority of the three that etcd remembers. Resizing comes after.
"""

from __future__ import annotations

from etcd_operator.api.cluster import Phase
from etcd_operator.core.bootstrap.gate_record import recorded_members
from etcd_operator.core.model.decision import OUTSIDE_CHANGE, POD_START, Decision
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.reasons import attention, condition_types, routine
from etcd_operator.core.storage.deleted_claims import find_going, name_going


def stop(snapshot: Snapshot) -> Decision | None:
    """Run no Pod while the size is 0."""
    if snapshot.spec.size != 0:
        return None
    going = find_going(snapshot)
    if going and snapshot.replicas:
        return Decision(
            reason=attention.STOP_WOULD_LOSE_DATA,
            message=f"Not stopping: PersistentVolumeClaim {name_going(going)} is being deleted, "
            "and its data would go with its Pod. Set spec.size back until its member has a new "
            "disk.",
            phase=snapshot.cluster.status.phase or Phase.RUNNING,
            requeue_after=OUTSIDE_CHANGE,
            corrects_objects=False,
        )
    left = len(snapshot.pods)
    if left or snapshot.replicas != 0:
        return Decision(
            reason=routine.STOPPING,
            message=f"Stopping the cluster; Pods that are left: {left}. The disks are kept.",
            phase=Phase.SCALING,
        )
    return Decision(
        reason=routine.STOPPED,
        message="The cluster is stopped and its disks are kept; set spec.size to start it.",
        phase=Phase.STOPPED,
        settled=True,
    )


def start(snapshot: Snapshot) -> Decision | None:
    """Bring back the members of before the stop."""
    if snapshot.quorum_confirmed or not _was_stopped(snapshot):
        return None
    if snapshot.take_over is not None:
        return None  # it has no Pod yet, and was never stopped
    count = len(recorded_members(snapshot))
    return Decision(
        reason=routine.STARTING,
        message=f"Starting the members that were stopped: {count}.",
        phase=Phase.SCALING,
        requeue_after=POD_START,
    )


def _was_stopped(snapshot: Snapshot) -> bool:
    """The first pass raises `replicas`: the ones after it know the start from the status."""
    status = snapshot.cluster.status
    starting = any(
        c.type == condition_types.PROGRESSING and c.reason == routine.STARTING.name
        for c in status.conditions
    )
    return snapshot.replicas == 0 or status.phase is Phase.STOPPED or starting
