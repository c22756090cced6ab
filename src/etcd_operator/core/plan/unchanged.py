"""Rest of a cluster: when a pass need not plan, because nothing that counts has changed.

A plan is a pure function of a snapshot. So for a snapshot that differs from an earlier one only in
what no rule acts upon while all is well, the plan is the earlier one: nothing to do. What may
differ is how far the members' logs have come, the size of their databases within a step of that in
the status, and the time, for which `UNCHANGED_FOR` is the limit: whatever falls due by time alone
(a renewal, a defragmentation in its window, a backup that is late) is found that much later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

from etcd_operator.core.model.live_objects import Probe
from etcd_operator.core.model.members import MemberStatus
from etcd_operator.core.model.quorum import all_serve
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import Plan
from etcd_operator.core.status.report import SIZE_STEP

UNCHANGED_FOR: Final = timedelta(seconds=60)


def is_at_rest(planned: Plan) -> bool:
    """Whether there is nothing to do until something changes: all is as specified, and well."""
    decision, snapshot = planned.decision, planned.snapshot
    nothing_due = not planned.actions and decision.requeue_after is None
    return decision.settled and nothing_due and not snapshot.upgrade_waits and all_serve(snapshot)


def is_unchanged(before: Snapshot, snapshot: Snapshot) -> bool:
    """Whether a plan for `snapshot` is that for `before`, which was at rest."""
    if not timedelta(0) <= snapshot.now - before.now < UNCHANGED_FOR:
        return False  # also where the clock was set back
    if not _are_same_answers(before.probes, snapshot.probes):
        return False
    return before == replace(
        snapshot, now=before.now, probes=before.probes, effective=before.effective
    )


def _are_same_answers(before: Mapping[int, Probe], probes: Mapping[int, Probe]) -> bool:
    return before.keys() == probes.keys() and all(
        _is_same_answer(before[ordinal], probe) for ordinal, probe in probes.items()
    )


def _is_same_answer(before: Probe, probe: Probe) -> bool:
    old, new = before.status, probe.status
    if old is None or new is None:
        return before == probe
    return before == replace(probe, status=_without_progress(old, new))


def _without_progress(old: MemberStatus, new: MemberStatus) -> MemberStatus:
    """The newer answer with the older one's progress, and sizes that are about the same."""
    return replace(
        new,
        revision=old.revision,
        raft_index=old.raft_index,
        raft_applied_index=old.raft_applied_index,
        db_size=_within_step(old.db_size, new.db_size),
        db_size_in_use=_within_step(old.db_size_in_use, new.db_size_in_use),
    )


def _within_step(old: int, new: int) -> int:
    return old if abs(new - old) <= old * SIZE_STEP else new
