"""Nothing to change: say whether everything is well."""

from __future__ import annotations

from etcd_operator.api.cluster import Phase
from etcd_operator.core.model.decision import Decision
from etcd_operator.core.model.finalizers import name_held
from etcd_operator.core.model.quorum import voters_not_serving
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.reasons import attention, routine


def report_settled(snapshot: Snapshot) -> Decision:
    """The cluster has the members it should have; some of them may be away."""
    size = snapshot.spec.size
    away = voters_not_serving(snapshot)
    unready = [
        seat.ordinal
        for seat in snapshot.seats()
        if seat.member and not (seat.pod and seat.pod.ready)
    ]
    if away or unready:
        ordinals = sorted({seat.ordinal for seat in away} | set(unready))
        names = ", ".join(snapshot.naming.member(o) for o in ordinals)
        return Decision(
            reason=attention.MEMBERS_NOT_READY,
            message=" ".join([f"Waiting for {names} to be ready.", *name_held(snapshot.pods)]),
            phase=_unsettled_phase(snapshot),
            requeue_after=1.0,
        )
    return Decision(
        reason=routine.HEALTHY,
        message=f"All {size} members are healthy." if size > 1 else "The member is healthy.",
        phase=Phase.RUNNING,
        settled=True,
    )


def _unsettled_phase(snapshot: Snapshot) -> Phase:
    """A cluster that was changing is changing until all is well; a running one stays Running."""
    before = snapshot.cluster.status.phase
    if before in (Phase.CREATING, Phase.SCALING, Phase.UPGRADING):
        return before
    return Phase.SCALING if before is Phase.STOPPED else Phase.RUNNING
