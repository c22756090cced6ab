"""Mirror an etcd cluster that cannot be joined: start its Job, wait for the approval, end it.

The Job copies and follows by itself, and says in etcd how far it is. A cut-over is another Job that
goes on where the first was. When all was equal, that is recorded in the status before anything is
cleared away, and nothing is copied ever after.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from etcd_operator.api.cluster import Phase
from etcd_operator.api.mirror import MIRROR, Mirror
from etcd_operator.core.actions import Action, EndMirror, StartMirror, StopMirror
from etcd_operator.core.mirror.job import render_mirror_job
from etcd_operator.core.mirror.progress import ANNOTATION_CUT_OVER, MirrorPhase, Progress
from etcd_operator.core.mirror.state import MirrorJob, MirrorState
from etcd_operator.core.mirror.view import find_mirror, is_cut_over
from etcd_operator.core.model.decision import OUTSIDE_CHANGE, POD_START, Decision
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.reasons import attention, routine
from etcd_operator.core.reasons.condition_types import READY
from etcd_operator.core.reasons.reason import Reason

# How soon after a Job that failed the next one begins.
RETRY_AFTER: Final = timedelta(seconds=15)
NOT_KEPT: Final = "revisions, versions of keys, leases, users and the cluster ID"


def mirror_source(snapshot: Snapshot) -> Decision | None:
    """Take the next step of a mirror; nothing if there is none, or it is over and cleared away."""
    seen, wish = snapshot.mirror, find_mirror(snapshot)
    if seen is None:
        return None
    if is_cut_over(snapshot):
        return _clear_away(snapshot, seen)
    if wish is None:
        why = f"{MIRROR} was removed"
        return _decide(f"Ending the mirror: {why}.", _stop(seen.jobs, why)) if seen.jobs else None
    if seen.progress and seen.progress.phase is MirrorPhase.CUT_OVER:
        return _decide("Cut over: every key of the source is here.", reason=routine.CUTTING_OVER)
    if not seen.asked:
        return _decide("Mirroring: no member has told how far it is.")
    if why := _find_unusable_password(snapshot, wish):
        return _fail(why)
    return _carry_on(snapshot, seen, wish)


def _clear_away(snapshot: Snapshot, seen: MirrorState) -> Decision | None:
    actions: tuple[Action, ...] = _stop(seen.jobs, "the mirror is over")
    if seen.progress:
        shown = snapshot.cluster.status.mirror
        keys = shown.keys if shown else 0
        actions = (*actions, EndMirror(keys, snapshot.live_cluster_id))
    message = "Cut over: every key of the source is here. Let all clients use this cluster."
    return _decide(message, actions, routine.CUTTING_OVER) if actions else None


def _stop(jobs: tuple[MirrorJob, ...], why: str) -> tuple[Action, ...]:
    return tuple(StopMirror(job.name, job.uid, why) for job in jobs if not job.deleting)


def _find_unusable_password(snapshot: Snapshot, wish: Mirror) -> str:
    """Why the password of the source cannot be used: any key of any Secret would be sent else."""
    name = wish.source.password_secret
    if not name:
        return ""
    found = snapshot.passwords.get(name)
    if found is not None and not found.problem:
        return ""
    problem = found.problem if found else "it does not exist"
    return f"Secret {name} of {MIRROR}.source.passwordSecret cannot be used: {problem}. Correct it"


def _carry_on(snapshot: Snapshot, seen: MirrorState, wish: Mirror) -> Decision:
    """See that the Job runs that is wanted, and no other."""
    given = snapshot.cluster.annotations.get(ANNOTATION_CUT_OVER, "")
    approved = seen.progress is not None and given == seen.progress.approval
    job = render_mirror_job(snapshot, wish, cut_over=approved)
    name = job["metadata"]["name"]
    others = tuple(each for each in seen.jobs if each.name != name)
    current = next((each for each in seen.jobs if each.name == name), None)
    stops = _stop(others, "the mirror goes on with another Job")
    if current is None:
        why = "it cuts over" if approved else "it mirrors the source"
        approval = given if approved else ""
        start = StartMirror(name, approval, why, snapshot.live_cluster_id, job)
        return _begin(snapshot, seen, "Mirroring: its Job starts.", (*stops, start))
    if current.state == "failed" and not current.deleting:
        return _wait_after_failure(snapshot, current, stops)
    if current.problem:
        return _fail(f"Job {name} does not run: {current.problem}", stops)
    if seen.progress is None:
        return _begin(snapshot, seen, "Mirroring: its Job connects to the source.", stops)
    return _tell(snapshot, seen.progress, stops, given, approved=approved)


def _begin(
    snapshot: Snapshot, seen: MirrorState, message: str, actions: tuple[Action, ...]
) -> Decision:
    """A Job begins. Why the one before failed stays said until this one has got further."""
    failed = (
        condition.message
        for condition in snapshot.cluster.status.conditions
        if condition.type == READY and condition.reason == attention.MIRROR_FAILED.name
    )
    said = next(failed, "") if seen.progress is None else ""
    if not said:
        return _decide(message, actions)
    return replace(_fail("", actions), message=said, requeue_after=POD_START)


def _wait_after_failure(snapshot: Snapshot, job: MirrorJob, stops: tuple[Action, ...]) -> Decision:
    why = job.failure or "its Pod was deleted or evicted, and did not say more"
    ended = job.finished or snapshot.now
    if snapshot.now - ended >= RETRY_AFTER:
        stops = (*stops, StopMirror(job.name, job.uid, "it failed, and is tried again"))
    return _fail(why, stops)


def _fail(why: str, actions: tuple[Action, ...] = ()) -> Decision:
    message = f"The mirror does not go on: {why.rstrip('.')}."
    return Decision(
        reason=attention.MIRROR_FAILED,
        message=message,
        phase=Phase.RUNNING,
        actions=actions,
        requeue_after=OUTSIDE_CHANGE,
    )


def _tell(
    snapshot: Snapshot,
    progress: Progress,
    actions: tuple[Action, ...],
    given: str,
    *,
    approved: bool,
) -> Decision:
    """The Job runs as it should: how far it is."""
    if progress.phase is MirrorPhase.COPYING:
        return _decide("Mirroring: the keys of the source are copied.", actions)
    if approved and progress.problem:
        return _decide(f"{progress.problem}.", actions, attention.MIRROR_SOURCE_WRITTEN)
    if approved:
        return _decide(
            "Cutting over: the last writes are copied, then all keys are compared.",
            actions,
            routine.CUTTING_OVER,
        )
    wrong = f"The annotation {ANNOTATION_CUT_OVER} approves another mirror. " if given else ""
    return _decide(
        f"{wrong}Every write of the source is followed; see status.mirror. To cut over, stop all "
        f"writers, then: `kubectl annotate etcd {snapshot.cluster.name} --overwrite "
        f"{ANNOTATION_CUT_OVER}={progress.approval}`. Not kept: {NOT_KEPT}.",
        actions,
        attention.MIRROR_AWAITS_CUT_OVER,
    )


def _decide(
    message: str, actions: tuple[Action, ...] = (), reason: Reason = routine.MIRRORING
) -> Decision:
    return Decision(
        reason=reason,
        message=message,
        phase=Phase.RUNNING,
        actions=actions,
        requeue_after=POD_START,
    )
