"""An approval of quorum loss that is not carried out, and why."""

from __future__ import annotations

from datetime import timedelta

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.core.model.live_objects import PodProblem
from etcd_operator.core.quorum_loss.rule import recover_quorum
from etcd_operator.core.reasons import attention
from tests.builders.actions import Fires, flags
from tests.builders.quorum_loss import LOST, approve, lost, started_again, with_standing
from tests.builders.snapshots import NOW, change_pod, with_status, without_pods

TWO_MINUTES_AGO = NOW - timedelta(minutes=2)
JUST_LOST = with_status(
    approve(lost(1, 2)),
    conditions=[{**LOST[0], "lastTransitionTime": f"{TWO_MINUTES_AGO:%Y-%m-%dT%H:%M:%SZ}"}],
)
# The delay is waited for, whatever keeps a member away.
AWAY_FOR_TWO_MINUTES = {
    f"its Pod has a trouble: {reason}": change_pod(
        approve(lost(1, 2)),
        1,
        running=False,
        problem=PodProblem(reason, "why"),
        unready_since=TWO_MINUTES_AGO,
    )
    for reason in ("Unschedulable", "CrashLoopBackOff", "ImagePullBackOff")
} | {
    "it has no Pod": without_pods(JUST_LOST, 1),
    "its Pod ends": change_pod(JUST_LOST, 1, deleting=True),
}

FIRES = (
    Fires(
        "another cluster is named",
        recover_quorum,
        approve(lost(1, 2), cluster_id="abc"),
        attention.RECOVERY_REFUSED,
        "spec.recovery.quorumLoss is not carried out: it names another etcd cluster than "
        "status.clusterID.",
        Phase.FAILED,
        flags=flags("blocked"),
    ),
    Fires(
        "more is wanted than is there",
        recover_quorum,
        approve(lost(1, 2), revision=101),
        attention.RECOVERY_REFUSED,
        "spec.recovery.quorumLoss is not carried out: db-0 is the most advanced member that "
        "runs, and has revision 100; bring a better one back, or accept that revision.",
        Phase.FAILED,
        flags=flags("blocked"),
    ),
    Fires(
        "nobody runs",
        recover_quorum,
        approve(lost(0, 1, 2)),
        attention.RECOVERY_REFUSED,
        "spec.recovery.quorumLoss is not carried out: no member runs that could be kept.",
        Phase.FAILED,
        flags=flags("blocked"),
    ),
    Fires(
        "the disks have less than is wanted",
        recover_quorum,
        approve(started_again(0, 3, size=5, m0=80, m3=85)),
        attention.RECOVERY_REFUSED,
        "spec.recovery.quorumLoss is not carried out: db-3 is the most advanced member that "
        "runs, and has revision 85; bring a better one back, or accept that revision.",
        Phase.FAILED,
        flags=flags("blocked"),
    ),
    Fires(
        "another one is still starting: it may have more",
        recover_quorum,
        change_pod(approve(lost(1, 2)), 1, unready_since=NOW - timedelta(minutes=2)),
        attention.RECOVERY_REFUSED,
        "spec.recovery.quorumLoss is not carried out: db-1 may still say what is on the disk, "
        f"until {NOW + timedelta(minutes=3):%H:%M:%SZ}.",
        Phase.FAILED,
        flags=flags("blocked"),
    ),
    *(
        Fires(
            title,
            recover_quorum,
            scene,
            attention.RECOVERY_REFUSED,
            "spec.recovery.quorumLoss is not carried out: db-1 may still say what is on the disk, "
            f"until {NOW + timedelta(minutes=3):%H:%M:%SZ}.",
            Phase.FAILED,
            flags=flags("blocked"),
        )
        for title, scene in AWAY_FOR_TWO_MINUTES.items()
    ),
    Fires(
        "another one serves, says Kubernetes: the majority may be out of our sight",
        recover_quorum,
        change_pod(approve(lost(1, 2)), 2, ready=True, unready_since=None),
        attention.RECOVERY_REFUSED,
        "spec.recovery.quorumLoss is not carried out: db-2 does not answer but is Ready, so a "
        "majority may serve clients where the operator does not reach it.",
        Phase.FAILED,
        flags=flags("blocked"),
    ),
    Fires(
        "only a learner is left",
        recover_quorum,
        approve(with_standing(started_again(), 1, 99, is_learner=True)),
        attention.RECOVERY_REFUSED,
        "spec.recovery.quorumLoss is not carried out: no member runs that could be kept.",
        Phase.FAILED,
        flags=flags("blocked"),
    ),
)


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_fires(row: Fires) -> None:
    row.check()
