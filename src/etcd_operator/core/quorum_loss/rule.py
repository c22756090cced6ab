"""Go on without a majority that will not come back: only when a person approves it.

The request in the spec names the etcd cluster and a revision. The most advanced of the members that
run is kept, if it has reached that revision. A member that started without a majority serves
nobody, but says what is on its disk; who may still come to say so is waited for, as long as
`spec.recovery.memberReplacementDelay`, whatever keeps it away. What others
acknowledged later may be missing afterwards, so nothing of theirs is destroyed.

1. ISOLATE: the StatefulSet runs the kept ordinal only. When the Pods of the others are gone, their
   disks are set aside: the volumes are kept, the claims go.
2. FORCE: when no claim of another is left, none of them can start any more. The kept member starts
   with a file of its own that says `force-new-cluster`, and is then the only member.
3. SETTLE: it starts once more with the usual file. Only then are members announced, for who started
   with that file again beside others would cast them out.

Each step follows from the record on the ConfigMap and from what is there. See decision 9.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import Action, ApplyObject, QuarantineDisk
from etcd_operator.core.bootstrap.gate import Gate, Layout
from etcd_operator.core.certificates.wanted import all_trust
from etcd_operator.core.membership.disks import classify_disk
from etcd_operator.core.model.decision import OUTSIDE_CHANGE, POD_START, Decision
from etcd_operator.core.model.live_objects import Pod
from etcd_operator.core.model.members import RaftProgress
from etcd_operator.core.model.quorum import has_quorum, voter_ids
from etcd_operator.core.model.snapshot import Seat, Snapshot
from etcd_operator.core.objects.cluster_objects import render_config_map
from etcd_operator.core.objects.corrections import find_wrong
from etcd_operator.core.objects.statefulset import render_statefulset
from etcd_operator.core.objects.tls import render_trust
from etcd_operator.core.quorum_loss.approval import (
    find_recovered,
    find_request,
    lasts,
    lost_since,
    spent_approvals,
)
from etcd_operator.core.quorum_loss.record import (
    Recovery,
    Stage,
    answers_with_data,
    find_raft_progress,
    find_recovery,
    is_for,
)
from etcd_operator.core.reasons import attention, routine
from etcd_operator.core.rollout.stop_pod import stop_pod
from etcd_operator.core.rollout.versions import next_record

WHY: Final = "the majority of the members was given up"


def recover_quorum(snapshot: Snapshot) -> Decision | None:
    """Take the next step of a recovery that was approved."""
    recovery = find_recovery(snapshot)
    if recovery is None:
        return _begin(snapshot)
    if recovery.stage is not Stage.ISOLATE and _is_lost(snapshot, recovery):
        return _give_up(snapshot, recovery)
    match recovery.stage:
        case Stage.ISOLATE:
            return _isolate(snapshot, recovery)
        case Stage.FORCE:
            return _force(snapshot, recovery)
        case Stage.SETTLE:
            return _settle(snapshot, recovery)


def _begin(snapshot: Snapshot) -> Decision | None:
    request = find_request(snapshot)
    if request is None or _has_majority(snapshot) or not lasts(snapshot):
        return None
    if not is_for(request, snapshot):
        return _refuse("it names another etcd cluster than status.clusterID")
    kept, others = choose_kept(snapshot), _find_untold(snapshot)
    waited_for = _wait_for_word(snapshot, others)
    if waited_for:
        return replace(_refuse(waited_for), requeue_after=POD_START)
    if kept is None:
        return _refuse("no member runs that could be kept")
    seat, progress = kept
    accepted = int(request.partition("/")[2])
    if progress.revision < accepted:
        name = snapshot.naming.member(seat.ordinal)
        return _refuse(
            f"{name} is the most advanced member that runs, and has revision "
            f"{progress.revision}; bring a better one back, or accept that revision"
        )
    recovery = Recovery(seat.ordinal, progress.member_id, progress.revision, request, Stage.ISOLATE)
    unknown = f"Nobody knows what {_name(snapshot, others)} had." if others else ""
    return _step(snapshot, recovery, _write(snapshot, recovery), unknown)


def choose_kept(snapshot: Snapshot) -> tuple[Seat, RaftProgress] | None:
    """The voter that has committed the most, of those that say what they have."""
    able = [
        (seat, progress)
        for seat in snapshot.seats()
        if (progress := find_raft_progress(seat.probe, snapshot))
        and not progress.is_learner
        and _may_stay(seat)
    ]
    return max(able, key=lambda pair: _advance(*pair), default=None)


def _find_untold(snapshot: Snapshot) -> list[Seat]:
    """Those that have a disk and have not said what is on it."""
    return [
        seat
        for seat in snapshot.seats()
        if seat.claim
        and not seat.claim.deleting
        and not (seat.member and seat.member.is_learner)
        and classify_disk(seat) is None
        and find_raft_progress(seat.probe, snapshot) is None
    ]


def _wait_for_word(snapshot: Snapshot, untold: list[Seat]) -> str:
    """Why to wait for what others have to say: they seem to serve, or may come up; else empty."""
    ready = [seat for seat in untold if seat.pod and seat.pod.ready and not seat.pod.deleting]
    if ready:
        return (
            f"{_name(snapshot, ready)} does not answer but is Ready, so a majority may serve "
            "clients where the operator does not reach it"
        )
    delay = snapshot.cluster.spec.recovery.member_replacement_delay.length
    until = {seat.ordinal: _away_since(seat, snapshot) + delay for seat in untold}
    late = [s for s in untold if _has_data(s) and until[s.ordinal] > snapshot.now]
    if not late:
        return ""
    moment = max(until[seat.ordinal] for seat in late).strftime("%H:%M:%SZ")
    return f"{_name(snapshot, late)} may still say what is on the disk, until {moment}"


def _away_since(seat: Seat, snapshot: Snapshot) -> datetime:
    """Since when a member has not come to say what it has; at the latest since the loss."""
    pod = seat.pod
    since = pod.unready_since or pod.created if pod and not pod.deleting else None
    return since or lost_since(snapshot) or snapshot.now


def _has_data(seat: Seat) -> bool:
    """Whether there may be something on the disk: a claim without a volume has nothing."""
    claim = seat.claim
    used = bool(seat.pod and seat.pod.ever_ran)
    return claim is not None and not claim.lost and (claim.bound or used)


def _name(snapshot: Snapshot, seats: list[Seat]) -> str:
    return ", ".join(snapshot.naming.member(seat.ordinal) for seat in seats)


def _may_stay(seat: Seat) -> bool:
    """Whether nobody is about to take the disk or the Pod away."""
    claim, pod = seat.claim, seat.pod
    return claim is not None and not claim.deleting and pod is not None and not pod.deleting


def _is_lost(snapshot: Snapshot, recovery: Recovery) -> bool:
    """Whether the disk that was to be kept is gone, or its member says that it is of no use."""
    seat = snapshot.seat(recovery.ordinal)
    gone = seat.claim is None or seat.claim.deleting
    return gone or classify_disk(seat) is not None


def _has_majority(snapshot: Snapshot) -> bool:
    """Whether a majority runs, if only to elect a leader: then nothing is given up."""
    if snapshot.quorum_confirmed:
        return True
    told = [find_raft_progress(probe, snapshot) for probe in snapshot.probes.values()]
    running = {progress.member_id for progress in told if progress and not progress.is_learner}
    voters = voter_ids(snapshot)
    if voters:
        return has_quorum(voters, running)
    # Nobody is left who would tell the list.
    return len(running) * 2 > max(len(snapshot.seats()), snapshot.cluster.spec.size)


def _advance(seat: Seat, progress: RaftProgress) -> tuple[int, int, int]:
    """Order of members by what they know to be committed; ties go to the lowest ordinal."""
    return progress.index, progress.revision, -seat.ordinal


def _isolate(snapshot: Snapshot, recovery: Recovery) -> Decision:
    others = _others(snapshot, recovery)
    if others and _has_majority(snapshot):
        return _step(snapshot, recovery, _write(snapshot, None), "The majority came back.")
    if _is_lost(snapshot, recovery):
        return _step(snapshot, recovery, _write(snapshot, None), "Its disk is lost: another one.")
    run = _run_alone(snapshot, recovery)
    claims = [claim for claim in snapshot.claims if claim.ordinal != recovery.ordinal]
    if run or others:
        names = ", ".join(pod.name for pod in others)
        nodes = ", ".join(sorted({pod.node for pod in others if pod.deleting and pod.node}))
        waits = f"Waiting for Pods {names} to end; if {nodes} is gone, delete that Node."
        return _step(snapshot, recovery, run, waits if nodes else "")
    if claims and not answers_with_data(recovery, snapshot):
        return _step(snapshot, recovery, (), "Waiting for it to run.")
    if claims:
        actions = tuple(
            QuarantineDisk(claim.name, claim.uid, claim.volume)
            for claim in claims
            if not claim.deleting
        )
        return _step(snapshot, recovery, actions)
    following = replace(recovery, stage=Stage.FORCE)
    return _step(snapshot, recovery, _write(snapshot, following))


def _force(snapshot: Snapshot, recovery: Recovery) -> Decision:
    alone = len(snapshot.members) == 1 and recovery.ordinal in snapshot.ownership.own
    if snapshot.quorum_confirmed and alone:
        following = replace(recovery, stage=Stage.SETTLE)
        return _step(snapshot, recovery, _write(snapshot, following))
    run = _run_alone(snapshot, recovery)
    return _step(snapshot, recovery, run or _restart(snapshot, recovery, forced=True))


def _settle(snapshot: Snapshot, recovery: Recovery) -> Decision:
    run = _run_alone(snapshot, recovery)
    pod = snapshot.seat(recovery.ordinal).pod
    if run or pod is None or pod.deleting or pod.forced or not snapshot.quorum_confirmed:
        return _step(snapshot, recovery, run or _restart(snapshot, recovery, forced=False))
    return _step(snapshot, recovery, _write(snapshot, None, done=recovery))


def _others(snapshot: Snapshot, recovery: Recovery) -> list[Pod]:
    return [pod for pod in snapshot.pods if pod.ordinal != recovery.ordinal]


def _restart(snapshot: Snapshot, recovery: Recovery, *, forced: bool) -> tuple[Action, ...]:
    """Have the kept member's Pod made anew, unless it is from the right template."""
    pod = snapshot.seat(recovery.ordinal).pod
    if pod is None or pod.deleting or pod.forced == forced:
        return ()
    return (stop_pod(pod, WHY),)


def _layout(snapshot: Snapshot, recovery: Recovery | None) -> Layout:
    """Every gate is closed; who is kept has data and needs none."""
    recorded = [claim.ordinal for claim in snapshot.claims]
    highest = max([*recorded, recovery.ordinal if recovery else 0]) + 1
    return Layout(
        gates=(Gate.CLOSED,) * highest,
        listed=tuple(sorted(set(recorded))),
        replicas=1 if recovery else highest,
        cluster_id=snapshot.recorded_cluster_id,
        bootstrap=None,
        recovery=recovery,
        recovered=" ".join(find_recovered(snapshot)).strip(),
        spent=spent_approvals(snapshot),
        version=next_record(snapshot),
        announced=snapshot.announced,
    )


def _write(
    snapshot: Snapshot, recovery: Recovery | None, done: Recovery | None = None
) -> tuple[Action, ...]:
    """Record the next stage, onto the very ConfigMap that was looked at."""
    layout = _layout(snapshot, recovery)
    if done:
        layout = replace(layout, recovered=f"{done.request} {done.revision}")
    gate = snapshot.config_map
    files, trust = render_trust(snapshot), ",".join(all_trust(snapshot))
    manifest = render_config_map(snapshot.cluster.spec, snapshot.naming, layout, files, trust)
    uid, version = (gate.uid, gate.resource_version) if gate else ("", "")
    return (ApplyObject("ConfigMap", snapshot.naming.config_map, uid, version, WHY, manifest),)


def _run_alone(snapshot: Snapshot, recovery: Recovery) -> tuple[Action, ...]:
    """Let the StatefulSet run the kept ordinal only, in the way that the stage calls for."""
    live = snapshot.statefulset
    layout = _layout(snapshot, recovery)
    spec, naming, trust = snapshot.cluster.spec, snapshot.naming, ",".join(all_trust(snapshot))
    manifest = render_statefulset(spec, naming, layout, live.body if live else None, trust)
    if live is not None and (live.deleting or not find_wrong(snapshot, manifest, live)):
        return ()
    uid, version = (live.uid, live.resource_version) if live else ("", "")
    return (ApplyObject("StatefulSet", naming.statefulset, uid, version, WHY, manifest),)


def _step(
    snapshot: Snapshot, recovery: Recovery, actions: tuple[Action, ...], waits: str = ""
) -> Decision:
    name = snapshot.naming.member(recovery.ordinal)
    return Decision(
        reason=routine.RECOVERING_QUORUM,
        message=f"Going on from member {name} at revision {recovery.revision}. {waits}".strip(),
        phase=Phase.FAILED,
        actions=actions,
        requeue_after=POD_START,
        corrects_objects=False,
    )


def _give_up(snapshot: Snapshot, recovery: Recovery) -> Decision:
    name = snapshot.naming.member(recovery.ordinal)
    return Decision(
        reason=attention.RECOVERY_FAILED,
        message=(
            f"The disk of {name}, which was to be kept, is lost as well. The volumes of the others "
            "were set aside; restore a backup into a new cluster, or one of them by hand."
        ),
        phase=Phase.FAILED,
        requeue_after=OUTSIDE_CHANGE,
        corrects_objects=False,
    )


def _refuse(why: str) -> Decision:
    return Decision(
        reason=attention.RECOVERY_REFUSED,
        message=f"spec.recovery.quorumLoss is not carried out: {why}.",
        phase=Phase.FAILED,
        requeue_after=OUTSIDE_CHANGE,
    )
