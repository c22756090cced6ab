"""The mirror in the status: how far it is, and the record that it is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from etcd_operator.core.mirror.progress import MirrorPhase
from etcd_operator.core.mirror.view import view_mirror
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.status.report import report
from tests.builders.mirrors import APPROVAL, PROGRESS, cut_over, mirroring
from tests.builders.snapshots import formed, with_status

DONE = replace(PROGRESS, phase=MirrorPhase.CUT_OVER)
LATER = replace(PROGRESS, revision=95, seen=99)


def shown(snapshot: Snapshot) -> Snapshot:
    """The same, when the status was written."""
    status = report(snapshot, plan(snapshot).decision)
    return replace(snapshot, cluster=replace(snapshot.cluster, status=status))


def test_it_says_how_far_it_is() -> None:
    view = view_mirror(mirroring(LATER))
    assert view is not None
    assert (view.phase, view.source_cluster_id) == ("Following", "b1d")
    assert (view.keys, view.total, view.revision, view.source_revision, view.lag) == (
        3,
        3,
        95,
        99,
        4,
    )
    assert view.approval == APPROVAL
    first = view_mirror(mirroring())
    assert first is not None
    assert first.phase == "Starting"
    assert view_mirror(formed(3)) is None


@pytest.mark.parametrize(
    ("seconds", "now", "revision"),
    [
        (1, LATER, 90),
        (6, LATER, 95),
        (1, replace(LATER, phase=MirrorPhase.CUT_OVER), 95),
    ],
)
def test_numbers_alone_are_written_seldom(seconds: int, now: object, revision: int) -> None:
    before = shown(mirroring(PROGRESS))
    assert before.mirror is not None
    after = before.evolve(
        mirror=replace(before.mirror, progress=now),  # type: ignore[arg-type]
        now=before.now + timedelta(seconds=seconds),
    )
    view = view_mirror(after)
    assert view is not None
    assert view.revision == revision


def test_the_record_of_a_cut_over_stays() -> None:
    done = shown(mirroring(DONE))
    view = done.cluster.status.mirror
    assert view is not None
    assert view.phase == "CutOver"
    gone = done.evolve(mirror=None)
    without = with_status(formed(3), mirror={"phase": "CutOver", "keys": 3})
    for scene in (gone, cut_over(mirroring(PROGRESS)), without):
        assert view_mirror(scene) == scene.cluster.status.mirror
