"""The stages of a recovery from a lost quorum, as a table: its conditions, and what follows.

The request in the spec names the etcd cluster and a revision. The most advanced of the members that
run is kept, if it has reached that revision. What others acknowledged later may be missing
afterwards, so nothing of theirs is destroyed. See decision 9.
"""

from __future__ import annotations

from typing import Final

from etcd_operator.core.membership.disks import classify_disk
from etcd_operator.core.model.decision import Decision
from etcd_operator.core.model.state_machine import Meanwhile, StateMachine, Transition, otherwise
from etcd_operator.core.quorum_loss import steps
from etcd_operator.core.quorum_loss.approval import find_request, lasts
from etcd_operator.core.quorum_loss.kept import find_refusal, has_every_disk, has_majority
from etcd_operator.core.quorum_loss.record import Stage, answers_with_data
from etcd_operator.core.quorum_loss.steps import Recovering

# Conditions


def is_refused(view: Recovering) -> bool:
    """Whether the loss is approved, and a check of `kept` speaks against it."""
    request = _find_approval(view)
    return request is not None and find_refusal(view.snapshot, request) is not None


def is_approved(view: Recovering) -> bool:
    """Whether the loss is approved, and nothing speaks against it."""
    request = _find_approval(view)
    return request is not None and find_refusal(view.snapshot, request) is None


def _find_approval(view: Recovering) -> str | None:
    """The approval of a loss that lasts."""
    request = find_request(view.snapshot)
    if request is None or has_majority(view.snapshot) or not lasts(view.snapshot):
        return None
    return request


def majority_is_back(view: Recovering) -> bool:
    """Whether a majority runs again, and other Pods are still there."""
    return bool(steps.find_other_pods(view)) and has_majority(view.snapshot)


def kept_disk_is_lost(view: Recovering) -> bool:
    """Whether the kept disk is gone, or its member says that it is of no use."""
    seat = view.snapshot.seat(view.recovery.ordinal)
    return not has_every_disk(view.snapshot, seat) or classify_disk(seat) is not None


def others_may_run(view: Recovering) -> bool:
    """Whether other Pods are there, or the StatefulSet may start some."""
    return bool(steps.find_other_pods(view) or steps.run_alone(view))


def no_other_claim_is_left(view: Recovering) -> bool:
    """Whether no Pod and no claim of another member is left, so that none of them can start."""
    return not others_may_run(view) and not steps.find_other_claims(view)


def kept_member_is_silent(view: Recovering) -> bool:
    """Whether the kept member does not answer with its data."""
    return not answers_with_data(view.recovery, view.snapshot)


def kept_member_is_alone(view: Recovering) -> bool:
    """Whether the kept member serves, as the only member."""
    snapshot = view.snapshot
    alone = len(snapshot.members) == 1 and view.recovery.ordinal in snapshot.ownership.own
    return snapshot.quorum_confirmed and alone


def kept_member_serves_as_usual(view: Recovering) -> bool:
    """Whether the kept member serves from the usual template, with the usual file."""
    snapshot = view.snapshot
    pod = snapshot.seat(view.recovery.ordinal).pod
    if steps.run_alone(view) or pod is None or pod.deleting or pod.forced:
        return False
    return snapshot.quorum_confirmed


MACHINE: Final[StateMachine[Recovering, Decision]] = StateMachine(
    (
        Meanwhile(None, is_refused, steps.refuse),
        Transition(None, is_approved, steps.begin, Stage.ISOLATE),
        # The others' Pods end, then their disks are set aside: the volumes are kept.
        Transition(Stage.ISOLATE, majority_is_back, steps.call_off, None),
        Transition(Stage.ISOLATE, kept_disk_is_lost, steps.choose_again, None),
        Meanwhile(Stage.ISOLATE, others_may_run, steps.isolate),
        Transition(Stage.ISOLATE, no_other_claim_is_left, steps.go_on, Stage.FORCE),
        Meanwhile(Stage.ISOLATE, kept_member_is_silent, steps.await_kept),
        Meanwhile(Stage.ISOLATE, otherwise, steps.set_aside),
        # The kept member becomes a cluster of its own.
        Meanwhile(Stage.FORCE, kept_disk_is_lost, steps.give_up),
        Transition(Stage.FORCE, kept_member_is_alone, steps.go_on, Stage.SETTLE),
        Meanwhile(Stage.FORCE, otherwise, steps.force),
        # Only then are members announced: who started with the forcing file again, beside others,
        # would cast them out.
        Meanwhile(Stage.SETTLE, kept_disk_is_lost, steps.give_up),
        Transition(Stage.SETTLE, kept_member_serves_as_usual, steps.go_on, None),
        Meanwhile(Stage.SETTLE, otherwise, steps.settle),
    )
)
