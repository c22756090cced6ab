"""Places of rest: what the world may look like when nothing happens any more."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from etcd_operator.core.model.live_objects import Probe
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.plan.unchanged import UNCHANGED_FOR, is_at_rest, is_unchanged
from etcd_operator.core.reasons import attention, routine
from etcd_operator.core.status.report import report
from etcd_operator.simulation import etcd
from etcd_operator.simulation.passes import Operator, Planned
from etcd_operator.simulation.world import CONFIG_MAP, STATEFUL_SET, State
from tests.model import agreement, strangers
from tests.model.scenario import is_broken

Verdict = tuple[str, str | None]

# What a cluster may rest at until a person has corrected the spec that took its members down.
UNTIL_CORRECTED: Final = (
    routine.BOOTSTRAPPING,
    attention.MEMBER_NOT_JOINING,
    routine.MEMBER_STARTING,
    attention.MEMBERS_NOT_READY,
    attention.NO_QUORUM,
    routine.ROLLING_UPDATE_WAITING,
)


def judge_rest(operator: Operator, state: State) -> Verdict:
    """Return what kind of rest this is, and what is wrong with it if anything."""
    if state.cluster is None:
        return "gone", _judge_gone(operator, state)
    planned = operator.plan(state)
    assert planned is not None
    if planned.judged_actions and planned.judged_actions[0].veto is None:
        return planned.reason.name, "a pass at rest still wants to write"
    violated = (
        _judge_status(planned)
        or _judge_unchanged(planned)
        or _judge_reason(operator, planned, state)
    )
    return planned.reason.name, violated


def _judge_gone(operator: Operator, state: State) -> str | None:
    if any(state.pods) or any(child and child.life for child in state.children):
        return "the EtcdCluster is gone, but something of it is left"
    kept = any(s.storage.retention_policy.when_deleted == "Retain" for s in operator.specs)
    if any(state.claims) and not kept:
        return "the EtcdCluster is gone, but its disks are left"
    return None


def _judge_status(planned: Planned) -> str | None:
    """The status must be at rest as well: reporting twice writes once."""
    snapshot = planned.snapshot
    first = report(snapshot, planned.plan.decision)
    again = replace(snapshot, cluster=replace(snapshot.cluster, status=first))
    if report(again, planned.plan.decision) != first:
        return "the status is written for ever"
    return None


def _judge_unchanged(planned: Planned) -> str | None:
    """A pass at rest that plans nothing again misses nothing: the plan would be the same."""
    if not is_at_rest(planned.plan):
        return None
    snapshot = planned.snapshot
    probes = {ordinal: _advance(probe) for ordinal, probe in snapshot.probes.items()}
    now = snapshot.now + UNCHANGED_FOR - timedelta(seconds=1)
    later = replace(snapshot, now=now, probes=probes, effective=None)
    again = plan(later)
    if not is_unchanged(planned.plan.snapshot, later):
        return "members that write count as a change"
    if (again.actions, again.decision) != (planned.plan.actions, planned.plan.decision):
        return f"a pass that finds no change would have missed: {again.decision.message}"
    return None


def _advance(probe: Probe) -> Probe:
    """The answer of a member to which clients have written meanwhile."""
    if probe.status is None:
        return probe
    told, more = probe.status, 1000
    later = replace(
        told,
        revision=told.revision + more,
        raft_index=told.raft_index + more,
        raft_applied_index=told.raft_applied_index + more,
    )
    return replace(probe, status=later)


def _judge_reason(operator: Operator, planned: Planned, state: State) -> str | None:
    cluster = state.cluster
    assert cluster is not None
    spec = operator.specs[cluster.spec]
    if is_broken(spec) and planned.reason in UNTIL_CORRECTED:
        return None
    match planned.reason:
        case routine.HEALTHY:
            return (
                _judge_healthy(state, spec.size)
                or _judge_disks(state, "" if spec.storage.ephemeral else str(spec.storage.size))
                or _judge_advertised(state)
                or agreement.judge_held(state)
            )
        case routine.STOPPED:
            if spec.size or any(state.pods):
                return "it says Stopped, but it is not"
            return None
        case attention.NO_QUORUM | routine.STARTING | routine.BOOTSTRAPPING:
            members = state.etcd
            lost = _members_lost(state, served=False)
            if members is not None and lost * 2 >= len(members.voters):
                return None
            return f"{planned.reason.name} although a majority of the disks is there"
        case attention.OPERATOR_CANNOT_REACH:
            return _judge_shut_out(state)
        case attention.CANNOT_REPLACE_MEMBER if spec.size == 1 and _has_going_disk(state):
            return None
        case (
            attention.CANNOT_REPLACE_MEMBER
            | attention.MEMBERS_NOT_READY
            | attention.MEMBER_UNAVAILABLE
            | attention.MEMBER_NOT_JOINING
            | routine.MEMBER_STARTING
            | attention.QUORUM_AT_RISK
            | routine.ROLLING_UPDATE_WAITING
        ):
            # One lost disk is replaced; with more of them nobody is sure who still has what. Nor
            # is anybody where data differ.
            lost = _members_lost(state, served=True) + agreement.count_doubted(state)
            return None if lost > 1 else f"{planned.reason.name} with {lost} disks lost"
        case _:
            return _judge_blocked(operator, planned, state)


def _judge_shut_out(state: State) -> str | None:
    """It is said only where it is so, and whoever loses its disk meanwhile cannot begin anew."""
    if not state.shut_out:
        return "it says that it cannot reach members that answer"
    gate = state.children[CONFIG_MAP]
    if gate is None or any(file.new for file in gate.manifest.files):
        return "members serve, and one with an empty disk may still begin anew"
    return None


def _judge_blocked(operator: Operator, planned: Planned, state: State) -> str | None:
    """A person is needed: only for what only a person can decide."""
    cluster = planned.seen.cluster
    spec = operator.specs[cluster.spec]
    legitimate = {
        attention.FOREIGN_MEMBER: state.etcd is not None and bool(state.etcd.foreign),
        attention.RECORD_UNREADABLE: strangers.is_edited(state),
        attention.UNRECORDED_RESOURCES: operator.gate_can_go
        and state.children[CONFIG_MAP] is None
        and state.children[STATEFUL_SET] is None  # either of them has a record
        and not cluster.status.cluster_id
        and all(c is None or c.life == cluster.life for c in state.claims),
        attention.DATA_FROM_EARLIER_CLUSTER: any(
            c and c.life != cluster.life for c in state.claims
        ),
        attention.RETAINED_DISK_EXISTS: spec.storage.retention_policy.when_scaled == "Retain",
        attention.NAME_TAKEN: any(child and child.life != cluster.life for child in state.children),
        attention.PAUSED: spec.paused,
        attention.RECOVERY_REFUSED: not any(
            a and a.member and not a.learner for a in planned.seen.answers
        ),
        # Only a person knows that a node is off: the Pods on it end when it is deleted.
        routine.RECOVERING_QUORUM: any(pod and pod.lost for pod in state.pods),
        attention.RECOVERY_FAILED: _members_lost(state, served=True) > 0,
        attention.STOP_WOULD_LOSE_DATA: spec.size == 0 and _has_going_disk(state),
        attention.DATA_LOST: _members_lost(state, served=True) * 2
        >= len(state.etcd.voters if state.etcd else ()),
        attention.ROLL_WOULD_LOSE_DATA: spec.size == 1 and spec.storage.ephemeral is not None,
        attention.DATA_DIFFERS: agreement.is_undecided(state),
        attention.CORRUPT_DATA: state.etcd is not None and 0 in state.etcd.alarms,
    }
    if legitimate.get(planned.reason):
        return None
    return f"it rests with the reason {planned.reason.name}"


def _has_going_disk(state: State) -> bool:
    """Whether somebody has deleted a claim under its Pod."""
    return any(claim and claim.deleting for claim in state.claims)


def _members_lost(state: State, *, served: bool) -> int:
    """How many members (that have served) have no disk of their own any more, or cannot use it."""
    members = state.etcd.members if state.etcd else ()
    lost = 0
    for line in members:
        claim = state.claims[line.ordinal]
        disk = claim.disk if claim and not claim.lost else None
        lost += (line.started or not served) and (disk is None or disk.member != line.id)
    return lost


def _judge_healthy(state: State, size: int) -> str | None:
    """Spec, StatefulSet, Pods, disks and etcd say the same."""
    members, live = state.etcd, state.children[STATEFUL_SET]
    wanted = list(range(size))
    if members is None or [line.ordinal for line in members.voters] != wanted:
        return "it says Healthy, but etcd has other voters than the spec"
    cluster = state.cluster
    if cluster is None or cluster.marks.wish or cluster.marks.record or any(state.shelf):
        return "it says Healthy, but something of a restore in place is left"
    if members.foreign or strangers.is_edited(state):
        return "it says Healthy, but somebody has added a member, or edited a record"
    if len(members.members) != size or not all(etcd.is_up(state, m) for m in members.members):
        return "it says Healthy, but a member is away"
    if state.cluster is None or not state.cluster.finalizer:
        return "it says Healthy, but it has no finalizer"
    if live is None or live.manifest.replicas != size:
        return "it says Healthy, but the StatefulSet has another number of replicas"
    if [o for o, pod in enumerate(state.pods) if pod] != wanted:
        return "it says Healthy, but there are other Pods"
    if any(child is None for child in state.children):
        return "it says Healthy, but an object is missing"
    if any(p and live and p.revision != live.manifest.revision for p in state.pods):
        return "it says Healthy, but a Pod is of an older template"
    return None


def _judge_advertised(state: State) -> str | None:
    """Every member has told the others the addresses that the spec says now."""
    for line in state.etcd.members if state.etcd else ():
        pod = state.pods[line.ordinal]
        file = etcd.current_file(state, line.ordinal, pod.revision if pod else "")
        if file is None or line.advertised != file.advertised:
            return f"it says Healthy, but member {line.ordinal} advertises {line.advertised!r}"
    return None


def _judge_disks(state: State, size: str) -> str | None:
    """Every disk has the wanted size, and so will those to come."""
    live = state.children[STATEFUL_SET]
    if live is not None and live.manifest.storage != size:
        return f"it says Healthy, but new disks would have {live.manifest.storage}"
    for ordinal, claim in enumerate(state.claims):
        pod = state.pods[ordinal]
        if claim and pod and any(have not in ("", size) for have in (claim.asked, claim.has)):
            return f"it says Healthy, but disk {ordinal} has {claim.has} and asks for {claim.asked}"
    return None
