"""Rest of a cluster: when a pass need not plan, because nothing that counts has changed.

A plan is a pure function of a snapshot. So for a snapshot that differs from an earlier one only in
what no rule acts upon while all is well, the plan is the earlier one: nothing to do. What may
differ is how far the members' logs have come, the size of their databases within a step of that in
the status, and the time, for which `UNCHANGED_FOR` is the limit: whatever falls due by time alone
(a renewal, a defragmentation in its window, a backup that is late) is found that much later. Of the
life of a certificate, and of such a window, no more than `PART` passes so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Final

from etcd_operator.core.certificates.exchange import find_waiting
from etcd_operator.core.certificates.issuer_machine import must_see_shown
from etcd_operator.core.certificates.peer_trust import must_see_peers
from etcd_operator.core.model.live_objects import Probe
from etcd_operator.core.model.members import MemberStatus
from etcd_operator.core.model.quorum import all_serve
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import Plan
from etcd_operator.core.status.report import SIZE_STEP

UNCHANGED_FOR: Final = timedelta(minutes=3)
PART: Final = 1 / 60
_PROGRESS: Final = {"revision", "raft_index", "raft_applied_index"}
_SIZES: Final = {"db_size", "db_size_in_use"}
# What of a status, and of a probe beside it, stays as it is while all is well.
_lasting_of = attrgetter(
    *(f.name for f in fields(MemberStatus) if f.compare and f.name not in _PROGRESS | _SIZES)
)
_beside_status = attrgetter(*(f.name for f in fields(Probe) if f.compare and f.name != "status"))


def is_at_rest(planned: Plan) -> bool:
    """Whether there is nothing to do until something changes: all is as specified, and well."""
    decision, snapshot = planned.decision, planned.snapshot
    nothing_due = not planned.actions and decision.requeue_after is None
    if must_see_shown(snapshot) or must_see_peers(snapshot) or find_waiting(snapshot):
        # The kubelet tells nobody when members show another certificate, nor do clients.
        return False
    return decision.settled and nothing_due and not snapshot.upgrade_waits and all_serve(snapshot)


def is_unchanged(before: Snapshot, snapshot: Snapshot) -> bool:
    """Whether a plan for `snapshot` is that for `before`, which was at rest."""
    return answer_as_before(before, snapshot.probes, snapshot.now) and before == replace(
        snapshot, now=before.now, probes=before.probes, effective=before.effective
    )


def find_limit(snapshot: Snapshot) -> timedelta:
    """Return how long a plan counts that found nothing to do."""
    return min((UNCHANGED_FOR, *(length * PART for length in _find_terms(snapshot))))


def _find_terms(snapshot: Snapshot) -> Iterator[timedelta]:
    """How long that lasts which begins and ends by itself."""
    routine = snapshot.spec.maintenance.defragmentation
    if routine and routine.window:
        yield routine.window.duration.length
    for live in snapshot.credentials.values():
        if live.certificate:
            yield live.certificate.not_after - live.certificate.not_before
        for one in live.trusted:
            if one.not_before:
                yield one.not_after - one.not_before


def answer_as_before(before: Snapshot, probes: Mapping[int, Probe], now: datetime) -> bool:
    """Whether members answer as in a snapshot that may still count, but for their progress."""
    if not timedelta(0) <= now - before.now < find_limit(before):
        return False  # also where the clock was set back
    return before.probes.keys() == probes.keys() and all(
        _is_same_answer(before.probes[ordinal], probe) for ordinal, probe in probes.items()
    )


def _is_same_answer(before: Probe, probe: Probe) -> bool:
    old, new = before.status, probe.status
    if old is None or new is None:
        return before == probe
    return bool(
        _lasting_of(old) == _lasting_of(new)
        and _is_within_step(old.db_size, new.db_size)
        and _is_within_step(old.db_size_in_use, new.db_size_in_use)
        and _beside_status(before) == _beside_status(probe)
    )


def _is_within_step(old: int, new: int) -> bool:
    return abs(new - old) <= old * SIZE_STEP
