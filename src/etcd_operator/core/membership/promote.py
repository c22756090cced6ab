"""Learners on their way in: wait for them, promote them, and say what keeps those that are late.

Every rule here runs only with a member list that a quorum confirmed in this very pass.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import PromoteMember
from etcd_operator.core.membership.growth import joining, learners
from etcd_operator.core.membership.learners import is_late
from etcd_operator.core.model.decision import LEARNER_SYNC, POD_START, Decision
from etcd_operator.core.model.quorum import keeps_quorum_with_another, serving_ids, voter_ids
from etcd_operator.core.model.snapshot import Seat, Snapshot
from etcd_operator.core.reasons import attention, routine

# A Pod whose image is there runs within a few seconds.
FRESH: Final = timedelta(seconds=10)


def promote(snapshot: Snapshot) -> Decision | None:
    """Give the first serving learner that is to stay its vote; etcd refuses until it caught up."""
    size = snapshot.spec.size
    cluster_id = snapshot.live_cluster_id
    for seat in learners(snapshot):
        joined = seat.serves(cluster_id) or _joined_just_now(snapshot, seat)
        if seat.ordinal < size and seat.member and joined:
            return Decision(
                reason=routine.PROMOTING_LEARNER,
                message=f"Learner {snapshot.naming.member(seat.ordinal)} is catching up.",
                phase=Phase.SCALING,
                actions=(PromoteMember(seat.ordinal, seat.member.id, cluster_id),),
                requeue_after=LEARNER_SYNC,
            )
    return None


def _joined_just_now(snapshot: Snapshot, seat: Seat) -> bool:
    """Whether the leader alone is to judge a learner, before the kubelet says that it runs.

    That word comes up to a second late, and the next readiness probe a second after the vote.
    Only for a new Pod: a learner that ended long ago would count as caught up where nobody writes.
    And only while the others are a majority without it.
    """
    pod = seat.pod
    if pod is None or pod.running or pod.restarts:
        return False
    if seat.member is None or not seat.member.started:
        return False
    others_suffice = keeps_quorum_with_another(voter_ids(snapshot), serving_ids(snapshot))
    return others_suffice and _may_join(snapshot, seat)


def wait_for_learners(snapshot: Snapshot) -> Decision | None:
    """Wait for announced learners to join, and then to serve.

    None may be announced before they have joined: a joiner refuses to start if its file does not
    list exactly the members that etcd knows, and it may have read its file already.
    """
    awaited = joining(snapshot)
    if not awaited:
        return None
    if all(is_late(snapshot, seat) for seat in awaited):
        return None  # nobody can say when, and the others need their certificates and versions
    names = ", ".join(snapshot.naming.member(seat.ordinal) for seat in awaited)
    return Decision(
        reason=routine.MEMBER_STARTING,
        message=f"Waiting for new member {names} to start.",
        phase=Phase.SCALING,
        requeue_after=LEARNER_SYNC
        if any(_may_join(snapshot, seat) for seat in awaited)
        else POD_START,
    )


def report_late_learners(snapshot: Snapshot) -> Decision | None:
    """Say of members that do not come up what keeps them, when nothing else can be done."""
    late = joining(snapshot)
    if not late:
        return None
    said = []
    for seat in late:
        name, trouble = snapshot.naming.member(seat.ordinal), seat.pod and seat.pod.problem
        said.append(f"{name} ({trouble.reason}: {trouble.message})" if trouble else name)
    return Decision(
        reason=attention.MEMBER_NOT_JOINING,
        message=f"Waiting for new member {', '.join(said)} to start.",
        phase=Phase.SCALING,
        requeue_after=1.0,
    )


def _may_join(snapshot: Snapshot, seat: Seat) -> bool:
    """Whether a joiner may be there any moment.

    The leader knows of it up to a second before the kubelet says that its process runs. But an
    image that is being pulled for minutes is not waited for like that.
    """
    pod = seat.pod
    if pod is None or pod.problem or not pod.node:
        return False
    return pod.running or pod.created is None or snapshot.now - pod.created < FRESH
