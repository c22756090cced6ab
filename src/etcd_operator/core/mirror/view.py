"""How far a mirror is, for the status. It is also the record that a cut-over is over."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from etcd_operator.api.mirror import Mirror, MirrorView
from etcd_operator.api.parse import parse_time
from etcd_operator.core.mirror.progress import MirrorPhase, Progress
from etcd_operator.core.model.members import format_id
from etcd_operator.core.model.snapshot import Snapshot

CUT_OVER: Final = MirrorPhase.CUT_OVER.value
# Between two writes of the status for numbers alone.
PACE: Final = timedelta(seconds=5)


def find_mirror(snapshot: Snapshot) -> Mirror | None:
    """The mirror that the spec asks for."""
    bootstrap = snapshot.cluster.spec.bootstrap
    return bootstrap.mirror if bootstrap else None


def is_cut_over(snapshot: Snapshot) -> bool:
    """Whether the status has on record that the cut-over is over."""
    shown = snapshot.cluster.status.mirror
    return shown is not None and shown.phase == CUT_OVER


def view_mirror(snapshot: Snapshot) -> MirrorView | None:
    """Return what to show of a mirror; what is on record of one that is over stays for ever."""
    shown = snapshot.cluster.status.mirror
    if is_cut_over(snapshot) or find_mirror(snapshot) is None:
        return shown
    seen = snapshot.mirror
    if seen is None or seen.progress is None:
        return shown or MirrorView(phase="Starting")
    return _step(snapshot, shown, _write(seen.progress))


def _write(progress: Progress) -> MirrorView:
    return MirrorView(
        phase=progress.phase.value,
        source_cluster_id=format_id(progress.source),
        keys=progress.keys,
        total=progress.total,
        leased_keys=progress.leased,
        revision=progress.revision,
        source_revision=progress.seen,
        lag=progress.lag,
        approval=progress.approval if progress.phase is MirrorPhase.FOLLOWING else "",
    )


def _step(snapshot: Snapshot, shown: MirrorView | None, now: MirrorView) -> MirrorView:
    """Numbers follow in steps of time, so that a busy source causes few writes of the status."""
    written = parse_time(snapshot.cluster.status.last_update_time)
    if shown is None or shown.phase != now.phase or written is None:
        return now
    return now if snapshot.now - written >= PACE else shown
