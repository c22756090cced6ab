"""What a change of size waits for stops nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import attention, routine
from etcd_operator.core.reasons.reason import Reason
from tests.builders.scaling import KEPT, shrinking, shrunk
from tests.builders.snapshots import (
    change_claim,
    change_pod,
    formed,
    growing,
    outdated,
    settled,
    silent,
    with_spec,
)


@pytest.mark.parametrize(
    ("waiting", "reason"),
    [
        (replace(growing(3, 5), unlabelled_claims=("data-db-3",)), attention.FOREIGN_CLAIM),
        (
            replace(with_spec(growing(3, 5), storage=KEPT), claims=formed(4).claims),
            attention.RETAINED_DISK_EXISTS,
        ),
        (
            change_claim(replace(growing(3, 5), claims=formed(4).claims), 3, deleting=True),
            routine.WAITING_FOR_DISKS,
        ),
        (
            change_claim(settled(replace(shrunk(4, 3), pods=formed(3).pods)), 3, deleting=True),
            routine.DELETING_DISKS,
        ),
        (silent(shrinking(3, 1), 0), attention.QUORUM_AT_RISK),
        (change_pod(silent(growing(3, 5), 0), 0, ready=False), attention.MEMBER_UNAVAILABLE),
    ],
    ids=["foreign claim", "kept disk", "old disk", "left disk", "shrink", "member away"],
)
def test_what_a_change_of_size_waits_for_holds_back_no_roll(
    waiting: Snapshot, reason: Reason
) -> None:
    """It may stay for ever, and a roll may be its remedy, or the next certificate authority."""
    assert plan(waiting).decision.reason == reason
    assert plan(outdated(waiting, 0, 1, 2)).rule == "roll"
