"""A majority that seems to serve, and that the operator does not hear of: change nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from etcd_operator.api.cluster import Phase
from etcd_operator.api.parse import parse_time
from etcd_operator.core.model.decision import POD_START, Decision
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.reachability.unreachable import find_unreachable
from etcd_operator.core.reasons import attention, condition_types

# A pass whose every question got lost is no news; and a dead node's Pods stay Ready for a while.
NEWS_AFTER: Final = timedelta(seconds=10)


def wait_for_answers(snapshot: Snapshot) -> Decision | None:
    """Members are Ready, but the operator is not let in: nothing is lost, and nothing is changed.

    Our own objects are corrected all the same, and Kubernetes makes missing Pods anew.
    """
    unheard = find_unreachable(snapshot)
    if unheard is None or snapshot.spec.size == 0:
        return None
    if unheard.asks_for_user:
        return Decision(
            reason=attention.AUTHENTICATION_REQUIRED,
            message=unheard.message,
            phase=_phase_without_failure(snapshot),
            requeue_after=POD_START,
        )
    return Decision(
        reason=attention.OPERATOR_CANNOT_REACH,
        message=unheard.message,
        phase=_phase_without_failure(snapshot),
        requeue_after=POD_START,
        passing=not _lasts(snapshot),
    )


def _phase_without_failure(snapshot: Snapshot) -> Phase:
    """The phase as it is shown: what nobody knows has not failed."""
    shown = snapshot.cluster.status.phase
    if shown is not None and shown is not Phase.FAILED:
        return shown
    return Phase.CREATING if snapshot.recorded_cluster_id is None else Phase.RUNNING


def _lasts(snapshot: Snapshot) -> bool:
    """Whether the status has said this for long enough to tell somebody."""
    for condition in snapshot.cluster.status.conditions:
        since = parse_time(condition.last_transition_time)
        told = (
            condition.type == condition_types.DEGRADED
            and condition.reason == attention.OPERATOR_CANNOT_REACH.name
        )
        if told and since:
            return snapshot.now - since >= NEWS_AFTER
    return False
