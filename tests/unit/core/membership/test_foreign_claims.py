"""Claims of members that lost their labels: nobody deletes them, so their members stay."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.core.bootstrap.rule import must_see_claims
from etcd_operator.core.membership.replace_lost import replace_lost_members
from etcd_operator.core.membership.replace_stuck import replace_stuck_members
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import attention
from tests.builders.diverging import asked, differing
from tests.builders.lost_members import homeless
from tests.builders.snapshots import (
    change_claim,
    change_pod,
    formed,
    silent,
    without_claims,
    without_pods,
)

CORRUPT = {
    "ready": False,
    "running": False,
    "restarts": 3,
    "termination_message": "failed to recover v3 backend from snapshot",
}
EMPTY = {**CORRUPT, "termination_message": "cannot fetch cluster info from peer urls"}
LABEL = (
    "PersistentVolumeClaim data-db-1 does not have the labels of this cluster, so its disk is not "
    "deleted. If it may be: `kubectl label pvc data-db-1 etcd.etcd.io/cluster=db "
    "etcd.etcd.io/cluster-uid=0c1c2c3c`."
)


def without_labels(snapshot: Snapshot, *, seen: bool = True) -> Snapshot:
    """Somebody took the labels off a member's claim; `seen`: it was looked up."""
    names = (snapshot.naming.claim(1),) if seen else None
    return replace(without_claims(snapshot, 1), unlabelled_claims=names)


def in_trouble(**pod: object) -> Snapshot:
    """A member that does not serve, in its own last words."""
    return change_pod(silent(formed(3), 1), 1, **pod)


@pytest.mark.parametrize(
    ("scene", "why"),
    [
        (homeless(formed(3), 1), "has its disk on a node that cannot be used"),
        (asked(formed(3), 1), "is to be replaced, as its Pod's annotation says"),
        (differing("aba"), "has other data than the majority at revision 110"),
        (in_trouble(**CORRUPT), "has data that it cannot use"),
    ],
    ids=["no node", "asked", "differs", "unusable"],
)
@pytest.mark.parametrize("lost", [True, False], ids=["all labels", "the uid"])
@pytest.mark.situation(
    "data",
    "the labels of a member's claim are removed",
    "its member is not replaced until they are back, and the message says how",
)
def test_a_member_is_not_replaced_whose_disk_would_stay(
    scene: Snapshot, why: str, *, lost: bool
) -> None:
    scene = without_labels(scene) if lost else change_claim(scene, 1, owner_uid="")
    made = plan(scene)
    assert (made.rule, made.decision.reason) == ("wait_to_replace", attention.CANNOT_REPLACE_MEMBER)
    assert made.decision.message == f"Member db-1 {why}. {LABEL}"
    assert (made.decision.blocked, made.decision.phase) == (True, Phase.RUNNING)
    assert not [action for action in made.actions if "Member" in type(action).__name__]


@pytest.mark.parametrize(
    "scene",
    [homeless(formed(3), 1), asked(formed(3), 1), differing("aba"), in_trouble(**CORRUPT)],
    ids=["no node", "asked", "differs", "unusable"],
)
def test_it_waits_until_somebody_has_looked(scene: Snapshot) -> None:
    unknown = without_labels(scene, seen=False)
    assert must_see_claims(unknown)
    assert replace_stuck_members(unknown) is None
    assert replace_lost_members(unknown) is None
    gone = replace(unknown, unlabelled_claims=())
    assert replace_stuck_members(gone) or replace_lost_members(gone) or plan(gone).actions


def test_claims_are_looked_up_only_where_one_may_have_to_go() -> None:
    hidden = without_labels(formed(3), seen=False)
    assert not must_see_claims(hidden)
    assert not must_see_claims(asked(formed(3), 1))
    assert must_see_claims(without_pods(hidden, 1))
    assert not must_see_claims(without_labels(silent(formed(3), 0, 1), seen=False))


def test_an_empty_disk_may_stay_whoever_it_belongs_to() -> None:
    made = plan(without_labels(in_trouble(**EMPTY)))
    assert made.rule == "replace_lost_members"
