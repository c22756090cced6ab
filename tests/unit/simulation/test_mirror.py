"""Previews of a mirror: its Jobs come and go, and what a person has to do is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_operator.core.mirror.progress import MirrorPhase
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.simulation.predict import predict
from tests.builders.mirrors import (
    PROGRESS,
    approved,
    cut_over,
    failed,
    mirroring,
    running,
    with_jobs,
)
from tests.builders.snapshots import with_spec

DONE = replace(PROGRESS, phase=MirrorPhase.CUT_OVER)


@pytest.mark.parametrize(
    ("scene", "reason", "steps"),
    [
        (mirroring(), "Mirroring", ["StartMirror"]),
        (running(mirroring(PROGRESS)), "MirrorAwaitsCutOver", []),
        (approved(running(mirroring(PROGRESS))), "CuttingOver", ["StopMirror", "StartMirror"]),
        (with_jobs(mirroring(DONE)), "CuttingOver", []),
        (cut_over(mirroring(PROGRESS)), "Healthy", ["EndMirror"]),
        (failed(mirroring()), "MirrorFailed", []),
    ],
)
def test_what_the_operator_will_do_by_itself(
    scene: Snapshot, reason: str, steps: list[str]
) -> None:
    found = predict(scene)
    assert (found.reason, [step.action for step in found.steps]) == (reason, steps)


def test_a_mirror_delays_no_other_change() -> None:
    found = predict(with_spec(running(mirroring(PROGRESS)), size=5))
    assert found.reason == "MirrorAwaitsCutOver"
    assert [step.action for step in found.steps].count("PromoteMember") == 2
