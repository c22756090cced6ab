"""Clusters that mirror another one, at every stage."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from etcd_operator.core.actions import StartMirror
from etcd_operator.core.mirror.progress import ANNOTATION_CUT_OVER, MirrorPhase, Progress
from etcd_operator.core.mirror.rule import mirror_source
from etcd_operator.core.mirror.state import MirrorJob, MirrorState
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.json_types import Json
from tests.builders.snapshots import NOW, formed, with_status

SOURCE: Json = {"endpoints": ["http://old:2379"]}
PROGRESS = Progress(MirrorPhase.FOLLOWING, 0xB1D, began=5, revision=90, seen=90, keys=3, total=3)
APPROVAL = "b1d/5"
AGO = timedelta(minutes=1)


def mirroring(progress: Progress | None = None, *jobs: MirrorJob, **mirror: Any) -> Snapshot:
    """A cluster that serves, and is to have the keys of another one."""
    wish = {"source": SOURCE, **mirror}
    state = MirrorState(jobs, progress, asked=True)
    return formed(3, bootstrap={"mirror": wish}).evolve(mirror=state)


def approved(snapshot: Snapshot, value: str = APPROVAL) -> Snapshot:
    """The same with the annotation of a cut-over."""
    marks = {**snapshot.cluster.annotations, ANNOTATION_CUT_OVER: value}
    return snapshot.evolve(cluster=replace(snapshot.cluster, annotations=marks))


def with_jobs(snapshot: Snapshot, *jobs: MirrorJob) -> Snapshot:
    """The same with these Jobs."""
    state = snapshot.mirror or MirrorState()
    return snapshot.evolve(mirror=replace(state, jobs=jobs))


def started(snapshot: Snapshot) -> StartMirror:
    """The action that starts the Job that is wanted, where there is none."""
    decision = mirror_source(with_jobs(snapshot))
    assert decision is not None
    (start,) = (a for a in decision.actions if isinstance(a, StartMirror))
    return start


def running(snapshot: Snapshot, **changes: Any) -> Snapshot:
    """The same with the Job that is wanted."""
    job = MirrorJob(started(snapshot).name, "job-1", "running")
    return with_jobs(snapshot, replace(job, **changes))


def failed(snapshot: Snapshot, seconds: float = 1, **changes: Any) -> Snapshot:
    """The same with a Job that failed a while ago."""
    ended = NOW - timedelta(seconds=seconds)
    return running(snapshot, state="failed", finished=ended, **changes)


def cut_over(snapshot: Snapshot) -> Snapshot:
    """The same, with the cut-over on record."""
    return with_status(snapshot, mirror={"phase": "CutOver", "keys": 3})
