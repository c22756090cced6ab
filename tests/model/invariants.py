"""What must hold on every edge, whatever happened before: judged by the truth, not by a snapshot.

Each function returns the sentence of what is violated, or None.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from etcd_operator.core.actions import (
    ApplyObject,
    DeleteObject,
    EvictPod,
    LabelPod,
    PromoteMember,
    RemoveMember,
    RestoreReclaimPolicy,
    SetFinalizer,
)
from etcd_operator.core.in_place_restore.record import Stage, read_record
from etcd_operator.core.model.naming import ANNOTATION_CLUSTER_ID
from etcd_operator.core.reasons import attention, routine
from etcd_operator.simulation import etcd, kubernetes, replacing
from etcd_operator.simulation.membership import NOT_YET
from etcd_operator.simulation.passes import JudgedAction, Planned
from etcd_operator.simulation.snapshots import Specs
from etcd_operator.simulation.world import (
    CONFIG_MAP,
    DANGLING,
    SLOT_OF,
    STATEFUL_SET,
    Line,
    State,
    put,
)
from tests.model import agreement, approvals, clients, strangers

Judgement = Callable[[State, State, JudgedAction, Planned, Specs], str | None]


def judge_effect(
    before: State, after: State, judged: JudgedAction, planned: Planned, specs: Specs
) -> str | None:
    """Return what an action that took effect violates."""
    if before == after:
        return None
    seen = planned.seen.cluster
    if specs[seen.spec].paused and not seen.deleting:
        return "something was changed while the user paused it"
    for judgement in _JUDGEMENTS:
        violated = judgement(before, after, judged, planned, specs)
        if violated is not None:
            return violated
    return None


def judge_report(state: State, planned: Planned) -> str | None:
    """What the status says must be true of what the pass saw."""
    if planned.status.phase == "Stopped" and any(state.pods):
        return "the status says Stopped while there are Pods"
    if state.shut_out and planned.reason == attention.NO_QUORUM and _serves(state):
        return "the majority is said to be lost, although it serves all others"
    if planned.reason == routine.ROLLING_UPDATE_WAITING and _is_well(state):
        return "it waits to roll although every member is well"
    return None


def _serves(state: State) -> bool:
    """Whether a majority of the voters runs with a leader, each at a Pod that can be Ready."""
    members = state.etcd
    if members is None or members.leader < 0 or state.frozen is not None:
        return False
    up = [line for line in members.voters if etcd.is_up(state, line) and _may_be_ready(state, line)]
    return len(up) * 2 > len(members.voters)


def _may_be_ready(state: State, line: Line) -> bool:
    pod = state.pods[line.ordinal]
    return pod is not None and not pod.deleting and not etcd.is_never_ready(pod.revision)


def _is_well(state: State) -> bool:
    """Whether every member runs with its Pod Ready and to stay."""
    members = state.etcd
    if members is None or members.leader < 0:
        return False
    for line in members.members:
        pod = state.pods[line.ordinal]
        well = etcd.is_up(state, line) and pod is not None and not pod.deleting
        if not well or pod is None or etcd.is_never_ready(pod.revision):
            return False
    return True


def judge_refusal(judged: JudgedAction, error: str) -> str | None:
    """A pass that saw the present must not be refused, except for what ends by waiting."""
    if judged.veto is not None:
        return f"the guard refused an action planned on a true view: {error}"
    if error in NOT_YET or error == kubernetes.BUDGET_REFUSES:
        return None
    return f"the server refused an action planned on a true view: {error}"


def _lives(state: State) -> bool:
    """Whether the cluster is formed and the user wants it."""
    cluster, members = state.cluster, state.etcd
    return (
        cluster is not None
        and members is not None
        and members.life == cluster.life
        and not cluster.deleting
    )


def _keeps_quorum(
    before: State, after: State, judged: JudgedAction, planned: Planned, specs: Specs
) -> str | None:
    """A voter is never removed while the voters left, the dead counted, have no majority."""
    if not isinstance(judged.action, RemoveMember) or after.etcd is None or before.etcd is None:
        return None
    if len(after.etcd.voters) == len(before.etcd.voters):
        return None
    if not etcd.has_majority(after, after.etcd):
        return "a voter was removed and the rest has no majority"
    return None


def _stops_nobody_needed(
    before: State, after: State, judged: JudgedAction, planned: Planned, specs: Specs
) -> str | None:
    """No Pod is stopped by our hand whose voter is needed for the majority."""
    if not _lives(before) or before.etcd is None or before.cluster is None:
        return None
    wanted = specs[planned.seen.cluster.spec].size  # what the user wanted when it was looked at
    if _may_stop_all(planned):
        return None
    if wanted == 0 or not etcd.has_majority(before, before.etcd):
        return None
    stopped = _stopped(before, after, judged)
    if not stopped:
        return None
    pods = before.pods
    for ordinal in stopped:
        pods = put(pods, ordinal, None)
    if len(before.etcd.members) > 1 and not etcd.has_majority(
        before._replace(pods=pods), before.etcd
    ):
        return f"Pods {stopped} were stopped and the rest has no majority"
    members = [o for o in stopped if (m := before.etcd.line(o)) and not m.learner]
    if isinstance(judged.action, ApplyObject) and members:
        return f"voters {members} lost their Pods by fewer replicas"
    return None


def _may_stop_all(planned: Planned) -> bool:
    """A restore in place was wished for when it was looked at, or undone before it served."""
    marks = planned.seen.cluster.marks
    record = read_record(marks.record)
    if record is None:
        return False
    if record.stage is Stage.STOP:
        return marks.wish
    return record.stage in (Stage.SET_ASIDE, Stage.FILL, Stage.WITHDRAW, Stage.PUT_BACK)


def _keeps_what_was_before(
    before: State, after: State, judged: JudgedAction, planned: Planned, specs: Specs
) -> str | None:
    """A set-aside volume goes only when every member of the restored cluster serves."""
    if isinstance(judged.action, DeleteObject) and judged.action.kind == "PersistentVolumeClaim":
        for ordinal, claim in enumerate(before.claims):
            old = claim is not None and claim.volume == 0 and claim != after.claims[ordinal]
            if old and replacing.must_keep(before.cluster):
                return f"disk {ordinal} of before was deleted"
    if not isinstance(judged.action, RestoreReclaimPolicy) or before.shelf == after.shelf:
        return None
    now, seen = before.etcd, planned.seen.membership
    if now is None or seen is None or not seen.linearizable or seen.cluster != now.cluster:
        return "a volume of before was let go although nobody had confirmed that another serves"
    disks = [(line, etcd.disk_at(before, line.ordinal)) for line in now.members]
    whole = all(disk and disk.member == line.id for line, disk in disks)
    if not replacing.is_restored(now.cluster) or not whole:
        return "a volume of before was let go although the restored cluster is not whole"
    return None


def _stopped(before: State, after: State, judged: JudgedAction) -> list[int]:
    """The ordinals whose running Pods this action condemns."""
    match judged.action:
        case DeleteObject(kind="Pod") | EvictPod():
            condemned = [
                o
                for o, (old, new) in enumerate(zip(before.pods, after.pods, strict=True))
                if old and new and new.deleting and not old.deleting
            ]
        case DeleteObject(kind="StatefulSet"):
            condemned = [
                o
                for o, (old, new) in enumerate(zip(before.pods, after.pods, strict=True))
                if old and new and new.owner == DANGLING and old.owner != DANGLING
            ]
        case ApplyObject(kind="StatefulSet"):
            live, old = after.children[STATEFUL_SET], before.children[STATEFUL_SET]
            condemned = [o for o in range(len(before.pods)) if not (live and live.manifest.runs(o))]
            if old is not None and not any(old.manifest.runs(o) for o in condemned):
                return []
        case _:
            return []
    return [o for o in condemned if etcd.runs(before, o)]


def _keeps_disks(
    before: State, after: State, judged: JudgedAction, planned: Planned, specs: Specs
) -> str | None:
    """No disk of a member is deleted by us, nor one that the user wants kept."""
    action = judged.action
    if not isinstance(action, DeleteObject) or action.kind != "PersistentVolumeClaim":
        return None
    cluster = before.cluster
    for ordinal, claim in enumerate(before.claims):
        if claim is None or claim == after.claims[ordinal]:
            continue
        if cluster is None or claim.life != cluster.life:
            return f"disk {ordinal} of another cluster was deleted"
        policy = specs[cluster.spec].storage.retention_policy
        if cluster.deleting:
            return f"disk {ordinal} was to be kept" if policy.when_deleted == "Retain" else None
        left = before.etcd is not None and before.etcd.line(ordinal) is None
        if policy.when_scaled == "Retain" and left and not _has_pod(before, ordinal, specs):
            return f"disk {ordinal} was to be kept"
        if before.etcd is not None and before.etcd.life == cluster.life:
            line = before.etcd.line(ordinal)
            disk = claim.disk
            if disk is not None and line is not None and disk.member == line.id:
                return f"the disk of member {ordinal} was deleted"
    return None


def _has_pod(state: State, ordinal: int, specs: Specs) -> bool:
    """Whether a member is to be there: where the cluster was scaled in, there is no Pod."""
    cluster, live = state.cluster, state.children[STATEFUL_SET]
    wanted = cluster is not None and ordinal < specs[cluster.spec].size
    return wanted and live is not None and live.manifest.runs(ordinal)


def _ends_no_pod_with_its_data(
    before: State, after: State, judged: JudgedAction, planned: Planned, specs: Specs
) -> str | None:
    """No Pod of a voter is stopped by our hand with its data: a deleted claim, an emptyDir."""
    if not _lives(before) or before.etcd is None or _is_seen_late(before, planned):
        return None
    for ordinal in _stopped(before, after, judged):
        claim, line, pod = before.claims[ordinal], before.etcd.line(ordinal), before.pods[ordinal]
        if claim is None or claim.disk is None or line is None:
            continue
        if not claim.deleting and not claim.ephemeral:
            continue
        if pod is None or pod.deleting:
            continue  # it ends already, by somebody else's hand
        if not line.learner and claim.disk.member == line.id:
            return f"Pod {ordinal} was stopped and its data went with it"
    return None


def _is_seen_late(state: State, planned: Planned) -> bool:
    """Whether the pass could not know yet that a claim is being deleted."""
    shown = (bool(c and c[3]) if c else False for c in planned.seen.claims)
    return any(
        bool(c and c.deleting) != known for c, known in zip(state.claims, shown, strict=True)
    )


def _opens_no_gate(
    before: State, after: State, judged: JudgedAction, planned: Planned, specs: Specs
) -> str | None:
    """Nobody may form a cluster once a cluster ID was recorded or a quorum had answered."""
    gate = after.children[CONFIG_MAP]
    if (
        not isinstance(judged.action, ApplyObject)
        or judged.action.kind != "ConfigMap"
        or gate is None
    ):
        return None
    if not any(file.new for file in gate.manifest.files):
        return None
    if before.cluster is not None and before.cluster.status.cluster_id:
        return "the gate was opened although the cluster ID was recorded in the status"
    for slot in (CONFIG_MAP, STATEFUL_SET):
        old = before.children[slot]
        if old is not None and ANNOTATION_CLUSTER_ID in old.manifest.annotations:
            kind = old.manifest.body["kind"]
            return f"the gate was opened although the cluster ID was recorded in the {kind}"
    membership = planned.seen.membership
    if membership is not None and membership.linearizable:
        return "the gate was opened although a quorum had answered"
    return None


def _touches_only_ours(
    before: State, after: State, judged: JudgedAction, planned: Planned, specs: Specs
) -> str | None:
    """An object of another owner is never touched."""
    life = planned.seen.cluster.life
    for slot, (old, new) in enumerate(zip(before.children, after.children, strict=True)):
        if old is not None and old != new and old.life != life:
            return f"object {slot} of another owner was touched"
    if isinstance(judged.action, LabelPod | DeleteObject):
        for old_pod, new_pod in zip(before.pods, after.pods, strict=True):
            if old_pod is not None and old_pod != new_pod and old_pod.life != life:
                # Those of a deleted StatefulSet lose their owner, not their life.
                if isinstance(judged.action, DeleteObject) and judged.action.kind == "StatefulSet":
                    continue
                return "a Pod of another cluster was touched"
    if isinstance(judged.action, ApplyObject):
        slot = SLOT_OF[judged.action.kind, judged.action.name]
        applied = after.children[slot]
        if applied is not None and applied.life != life:
            return f"object {slot} was written for another owner"
    return None


def _promotes_one_at_a_time(
    before: State, after: State, judged: JudgedAction, planned: Planned, specs: Specs
) -> str | None:
    """A learner gets its vote only while every other voter has started."""
    if not isinstance(judged.action, PromoteMember) or before.etcd is None:
        return None
    if any(not line.started and not etcd.is_up(before, line) for line in before.etcd.voters):
        return "a learner was promoted while another voter had never started"
    return None


def _leaves_nothing(
    before: State, after: State, judged: JudgedAction, planned: Planned, specs: Specs
) -> str | None:
    """When the finalizer goes, so has everything that held data or could make some."""
    action, cluster = judged.action, before.cluster
    if not isinstance(action, SetFinalizer) or action.present or cluster is None:
        return None
    if not cluster.deleting:
        return "the finalizer was removed from a cluster that is not being deleted"
    if any(p and p.life == cluster.life for p in before.pods):
        return "a Pod was left behind"
    keep = specs[cluster.spec].storage.retention_policy.when_deleted == "Retain"
    if not keep and any(c and c.life == cluster.life for c in before.claims):
        return "a disk was left behind"
    live = before.children[STATEFUL_SET]
    if live is not None and live.life == cluster.life:
        return "the StatefulSet was left behind"
    return None


def _grows_around_members(
    before: State, after: State, judged: JudgedAction, planned: Planned, specs: Specs
) -> str | None:
    """No disk is asked to be smaller; for growth nobody ends, leaves or loses a disk."""
    both = list(zip(before.claims, after.claims, strict=True))
    for ordinal, (old, new) in enumerate(both):
        if old and new and kubernetes.is_smaller(new.asked, old.asked):
            return f"disk {ordinal} was asked to be smaller"
    if planned.plan.rule != "grow_disks" or judged not in planned.judged_actions:
        return None
    if any(old != new and (new is None or new.deleting) for old, new in both):
        return "a disk was deleted to let it grow"
    if before.etcd != after.etcd:
        return "the membership was changed to let disks grow"
    return judge_calm(before, after)


def judge_calm(before: State, after: State) -> str | None:
    """No Pod ends, and none loses its owner to the garbage collector."""
    for ordinal, (old, new) in enumerate(zip(before.pods, after.pods, strict=True)):
        if old is None or old.deleting or old.owner == DANGLING:
            continue
        if new is None or new.deleting or new.owner == DANGLING:
            return f"Pod {ordinal} has to end, for no reason"
    return None


_JUDGEMENTS: Final[tuple[Judgement, ...]] = (
    _keeps_quorum,
    _stops_nobody_needed,
    _keeps_disks,
    _ends_no_pod_with_its_data,
    _keeps_what_was_before,
    _opens_no_gate,
    _touches_only_ours,
    _promotes_one_at_a_time,
    _leaves_nothing,
    _grows_around_members,
    clients.ends_nobody_with_clients,
    clients.stops_whom_it_removes,
    agreement.keeps_agreement,
    agreement.counts_on_the_right,
    agreement.replaces_one_known_to_be_wrong,
    agreement.votes_for_the_right,
    approvals.is_fresh,
    strangers.follows_nobody,
)
