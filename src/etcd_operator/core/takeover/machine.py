"""The stages of a take-over, as a table: its conditions, and what follows.

The usual rules add the new members and look after them, beside the old ones that are on record; so
JOIN and COMPARE only wait. Only when all have the same data, and a person has agreed or need not,
the old members go: the StatefulSet is scaled in by one, its Pod ends, and then the member leaves. A
member that left while its process runs would be started again, and may add itself again. Where the
operator cannot or shall not stop them, a person does. It waits for each, and whether it comes back:
since when it is away is on record. Until the first of them goes, deleting the EtcdCluster gives the
old cluster back as it was.
"""

from __future__ import annotations

from typing import Final

from etcd_operator.core.model.decision import Decision
from etcd_operator.core.model.quorum import (
    all_serve,
    keeps_quorum_while_down,
    keeps_quorum_without,
    serving_ids,
    voter_ids,
)
from etcd_operator.core.model.state_machine import Meanwhile, StateMachine, Transition, otherwise
from etcd_operator.core.takeover import steps
from etcd_operator.core.takeover.inspection import find_refusal
from etcd_operator.core.takeover.record import ANNOTATION_APPROVED, Stage
from etcd_operator.core.takeover.steps import TakingOver

# Conditions


def is_refused(view: TakingOver) -> bool:
    """Whether something speaks against joining the running cluster."""
    return bool(find_refusal(view.snapshot))


def is_hindered(view: TakingOver) -> bool:
    """Whether the StatefulSet or the spec has been changed in a way that a person has to judge."""
    return bool(steps.find_obstacle(view))


def every_member_serves(view: TakingOver) -> bool:
    """Whether the new members are complete and vote, and every member serves, old and new."""
    return not a_member_is_missing(view) and all_serve(view.snapshot)


def a_member_is_missing(view: TakingOver) -> bool:
    """Whether a new member is missing, or has no vote."""
    own = view.snapshot.ownership.own
    incomplete = set(own) != set(range(view.taken_over.size))
    return incomplete or any(member.is_learner for member in own.values())


def have_the_same_data(view: TakingOver) -> bool:
    """Whether a comparison of all members, old and new, has found no difference."""
    return steps.find_comparison(view.snapshot) is not None


def is_approved(view: TakingOver) -> bool:
    """Whether `takeOver` is Automatic, or a person has approved the comparison."""
    cluster = view.snapshot.cluster
    if cluster.spec.joins and cluster.spec.joins.take_over == "Automatic":
        return True
    return cluster.annotations.get(ANNOTATION_APPROVED) == steps.write_approval(view)


def is_not_approved(view: TakingOver) -> bool:
    """Whether the approval was taken back, or `takeOver` set to Manual."""
    return not is_approved(view)


def nothing_is_left(view: TakingOver) -> bool:
    """Whether no old member and no Pod of the StatefulSet is left."""
    source, members = view.source, view.snapshot.ownership.taken_over
    pods = () if source.listed else source.pods
    return not members and not pods and not (source.exists and source.replicas)


def a_process_is_gone(view: TakingOver) -> bool:
    """Whether the process of an old member is gone for good, and its vote will not be missed."""
    snapshot = view.snapshot
    voters, alive = voter_ids(snapshot), serving_ids(snapshot)
    gone = [view.taken_over.members[ordinal] for ordinal in view.gone[:1]]
    return any(keeps_quorum_without(voters, alive, member) for member in gone)


def who_is_away_has_changed(view: TakingOver) -> bool:
    """Whether an old member that a person stops has ended or come back since it was recorded."""
    return view.away_since != view.taken_over.away


def a_process_may_come_back(view: TakingOver) -> bool:
    """Whether an old member is away, and not yet for long enough to be gone for good."""
    return set(view.away) > set(view.gone)


def a_pod_is_going(view: TakingOver) -> bool:
    """Whether a Pod that the StatefulSet is not to have any more is still there."""
    return bool(view.going)


def may_not_stop_another(view: TakingOver) -> bool:
    """Whether a new member does not serve, or the vote of the next old one would be missed."""
    snapshot = view.snapshot
    voters, alive = voter_ids(snapshot), serving_ids(snapshot)
    own = snapshot.ownership.own
    votes = {m.id for m in own.values() if not m.is_learner and m.id in alive}
    following = view.taken_over.members.get(view.last, 0)
    keeps = keeps_quorum_while_down(voters, alive, following)
    return bool(view.away) or len(votes) < view.taken_over.size or not keeps


def a_person_stops_them(view: TakingOver) -> bool:
    """Whether the operator cannot stop the old members, or shall not."""
    joins = view.snapshot.cluster.spec.joins
    return view.source.listed or (joins is not None and joins.stopped_by_hand)


def an_old_member_leads(view: TakingOver) -> bool:
    """Whether one of the old members is the leader."""
    return view.snapshot.leader_id in view.taken_over.members.values()


MACHINE: Final[StateMachine[TakingOver, Decision]] = StateMachine(
    (
        Meanwhile(None, is_refused, steps.refuse),
        Transition(None, otherwise, steps.begin, Stage.JOIN),
        # The usual rules add members, one learner after the other.
        Meanwhile(Stage.JOIN, is_hindered, steps.stop),
        Transition(Stage.JOIN, every_member_serves, steps.go_on, Stage.COMPARE),
        Meanwhile(Stage.JOIN, otherwise, steps.await_members),
        # What is compared counts for the members that there are.
        Meanwhile(Stage.COMPARE, is_hindered, steps.stop),
        Transition(Stage.COMPARE, a_member_is_missing, steps.go_on, Stage.JOIN),
        Transition(Stage.COMPARE, have_the_same_data, steps.go_on, Stage.APPROVE),
        Meanwhile(Stage.COMPARE, otherwise, steps.await_comparison),
        Meanwhile(Stage.APPROVE, is_hindered, steps.stop),
        Transition(Stage.APPROVE, a_member_is_missing, steps.go_on, Stage.JOIN),
        Transition(Stage.APPROVE, is_approved, steps.go_on, Stage.REMOVE),
        Meanwhile(Stage.APPROVE, otherwise, steps.await_approval),
        # There is no way back to all old members.
        Meanwhile(Stage.REMOVE, is_hindered, steps.stop),
        Transition(Stage.REMOVE, nothing_is_left, steps.end, None),
        Meanwhile(Stage.REMOVE, is_not_approved, steps.await_approval),
        Transition(Stage.REMOVE, who_is_away_has_changed, steps.go_on, Stage.REMOVE),
        Meanwhile(Stage.REMOVE, a_process_is_gone, steps.remove_member),
        Meanwhile(Stage.REMOVE, a_process_may_come_back, steps.await_silence),
        Meanwhile(Stage.REMOVE, a_pod_is_going, steps.await_pod),
        Meanwhile(Stage.REMOVE, may_not_stop_another, steps.await_members),
        Meanwhile(Stage.REMOVE, an_old_member_leads, steps.take_leadership),
        Meanwhile(Stage.REMOVE, a_person_stops_them, steps.await_stop),
        Meanwhile(Stage.REMOVE, otherwise, steps.scale_in),
    )
)
