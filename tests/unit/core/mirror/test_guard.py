"""The guard of a mirror: what may not happen, whatever a rule says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_operator.core.actions import EndMirror, MirrorAction, StopMirror
from etcd_operator.core.guards import judge
from etcd_operator.core.mirror.state import MirrorJob
from etcd_operator.core.model.snapshot import Snapshot
from tests.builders.mirrors import PROGRESS, approved, cut_over, mirroring, started
from tests.builders.snapshots import CLUSTER_ID, formed

JOB = MirrorJob("db-1f", "job-1", "running")
FOLLOWS = started(mirroring(PROGRESS))
ENDS = started(approved(mirroring(PROGRESS)))
END = EndMirror(3, CLUSTER_ID)
UNKNOWN = replace(mirroring(PROGRESS), membership=None)
GOING = mirroring(PROGRESS)
DELETED = replace(GOING, cluster=replace(GOING.cluster, deleting=True))


@pytest.mark.parametrize(
    ("action", "scene", "words"),
    [
        (FOLLOWS, mirroring(PROGRESS), None),
        (FOLLOWS, mirroring(), None),
        (FOLLOWS, cut_over(mirroring(PROGRESS)), "was cut over"),
        (FOLLOWS, formed(3), "asks for no mirror"),
        (FOLLOWS, DELETED, "asks for no mirror"),
        (FOLLOWS, UNKNOWN, "no quorum"),
        (replace(FOLLOWS, cluster_id=7), mirroring(PROGRESS), "another cluster ID"),
        (FOLLOWS, mirroring(PROGRESS).evolve(mirror=None), "no member has told"),
        (ENDS, approved(mirroring(PROGRESS)), None),
        (ENDS, mirroring(PROGRESS), "nobody has approved"),
        (ENDS, approved(mirroring()), "nobody has approved"),
        (ENDS, approved(mirroring(replace(PROGRESS, began=6))), "nobody has approved"),
        (StopMirror("db-1f", "job-1", "why"), mirroring(PROGRESS, JOB), None),
        (StopMirror("db-1f", "job-1", "why"), mirroring(PROGRESS), "not one of this cluster's"),
        (StopMirror("db-1f", "job-1", "why"), formed(3), "not one of this cluster's"),
        (END, cut_over(mirroring(PROGRESS)), None),
        (END, mirroring(PROGRESS), "not on record"),
        (replace(END, cluster_id=7), cut_over(mirroring(PROGRESS)), "another cluster ID"),
    ],
)
def test_what_the_guard_of_a_mirror_refuses(
    action: MirrorAction, scene: Snapshot, words: str | None
) -> None:
    veto = judge(action, scene)
    assert (veto.guard if veto else None) == ("mirror" if words else None)
    assert words is None or (veto and words in veto.why)
