"""Join a running etcd cluster and take it over, or give it back when the EtcdCluster is deleted.

Two rules walk the table of `machine`, at their places among the rules: one before anything of the
cluster exists, one when the usual rules have no member to add. A stage is recorded here, with what
its transition does, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from enum import Enum

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import Action, ApplyObject, PassLeadership, RemoveMember
from etcd_operator.core.bootstrap.gate import lay_out
from etcd_operator.core.bootstrap.gate_record import ANNOTATION_RESTORE
from etcd_operator.core.certificates.client_trust import all_trust
from etcd_operator.core.model.decision import ADD_WINDOW, OUTSIDE_CHANGE, POD_START, Decision
from etcd_operator.core.model.members import Member, format_id
from etcd_operator.core.model.naming import FINALIZER
from etcd_operator.core.model.quorum import keeps_quorum_without, serving_ids, voter_ids
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.model.state_machine import Transition
from etcd_operator.core.objects.cluster_objects import render_config_map
from etcd_operator.core.objects.tls import render_trust
from etcd_operator.core.quorum_loss.approval import find_request
from etcd_operator.core.quorum_loss.record import find_recovery
from etcd_operator.core.reasons import attention, routine
from etcd_operator.core.takeover.inspection import find_refused_login
from etcd_operator.core.takeover.machine import (
    MACHINE,
    a_process_is_gone,
    who_is_away_has_changed,
)
from etcd_operator.core.takeover.record import ANNOTATION_GONE, Stage
from etcd_operator.core.takeover.steps import (
    TakingOver,
    find_comparison,
    name_source_member,
    remove_member,
)


def begin_take_over(snapshot: Snapshot) -> Decision | None:
    """Look at the cluster that is to be joined, and record it before anything is done."""
    if snapshot.cluster.spec.joins is None or snapshot.take_over is not None:
        return None
    if ANNOTATION_RESTORE in snapshot.cluster.annotations:
        return None  # it begins with the data of a backup
    if snapshot.recorded_cluster_id is not None and not _is_beside_source(snapshot):
        return None  # it is over, or the records of it are all that is lost
    return _walk(TakingOver(snapshot, None))


def take_over(snapshot: Snapshot) -> Decision | None:
    """Take the next step of the take-over; no rule further down decides until it is over."""
    view = TakingOver(snapshot, snapshot.take_over)
    return _walk(view) if view.stage else None


def hold_recovery(snapshot: Snapshot) -> Decision | None:
    """Never go on from one member while old members may form the quorum with each other."""
    record = snapshot.take_over
    if record is None or snapshot.quorum_confirmed or _none_runs(snapshot):
        return None
    if find_request(snapshot) is None and find_recovery(snapshot) is None:
        return None
    return Decision(
        reason=attention.TAKE_OVER_STOPPED,
        message=(
            f"spec.recovery.quorumLoss is not carried out while members of {record.title} may run, "
            f"for they may have the quorum: bring them back, or {_stop_all(snapshot)}."
        ),
        phase=Phase.FAILED,
        requeue_after=OUTSIDE_CHANGE,
        corrects_objects=False,
    )


def _none_runs(snapshot: Snapshot) -> bool:
    """Whether no Pod of the StatefulSet is left, or no process at the endpoints, as a person says.

    A process that does not answer here may still have the quorum with others.
    """
    source = snapshot.source
    if source is None or not source.listed:
        return source is not None and not source.pods
    told = snapshot.cluster.annotations.get(ANNOTATION_GONE)
    silent = not any(pod.responds for pod in source.pods)
    return silent and told == format_id(snapshot.recorded_cluster_id or 0)


def _stop_all(snapshot: Snapshot) -> str:
    record, name = snapshot.take_over, snapshot.cluster.name
    if record and record.source:
        return f"scale StatefulSet {record.source} to 0"
    said = f"{ANNOTATION_GONE}={format_id(snapshot.recorded_cluster_id or 0)}"
    return f"stop them all and say so: `kubectl annotate etcd {name} --overwrite {said}`"


def give_back(snapshot: Snapshot) -> Decision | None:
    """Let the own members leave etcd before their Pods go, where old members need the majority."""
    cluster, record, source = snapshot.cluster, snapshot.take_over, snapshot.source
    if not cluster.deleting or record is None or FINALIZER not in cluster.finalizers:
        return None
    if _none_runs(snapshot) and source and (source.listed or not source.replicas):
        return None  # nobody is left to give it back to
    own, others = snapshot.ownership.own, snapshot.ownership.taken_over
    if snapshot.quorum_confirmed and not (own and others):
        return None
    actions = tuple(_leave(snapshot))
    return Decision(
        reason=routine.GIVING_BACK if actions else attention.TAKE_OVER_STOPPED,
        message=(
            f"Giving the cluster back to the members of {record.title}: "
            f"{_say_leaving(snapshot, actions)}."
        ),
        phase=Phase.DELETING,
        actions=actions,
        requeue_after=ADD_WINDOW if actions else POD_START,
        corrects_objects=False,
    )


def _say_leaving(snapshot: Snapshot, actions: tuple[Action, ...]) -> str:
    """Whether the members leave, or why not: one that refuses the operator may have a quorum."""
    if not snapshot.quorum_confirmed and (refused := find_refused_login(snapshot)):
        return f"its members cannot leave while the operator does not get in: {refused}"
    words = "its members leave etcd" if actions else "its members cannot leave without a quorum"
    return f"{words}. To delete it with all data, {_stop_all(snapshot)}"


def _leave(snapshot: Snapshot) -> Iterator[Action]:
    """The next member that leaves: one without a vote, one that is silent, or the highest.

    Before that an old one whose Pod was stopped already, for it would be missed.
    """
    alive, voters = serving_ids(snapshot), voter_ids(snapshot)
    own, cluster_id = snapshot.ownership.own, snapshot.live_cluster_id
    if not snapshot.quorum_confirmed or not own:
        return
    view = TakingOver(snapshot, snapshot.take_over)
    if view.stage is Stage.REMOVE and snapshot.source:
        if who_is_away_has_changed(view):
            yield _record(view, Stage.REMOVE)
            return
        if a_process_is_gone(view):
            yield from remove_member(view).actions
            return

    def order(each: tuple[int, Member]) -> tuple[bool, bool, int]:
        ordinal, member = each
        return not member.is_learner, member.id in alive, -ordinal

    ordinal, member = min(own.items(), key=order)
    leading = next(((o, m) for o, m in own.items() if m.id == snapshot.leader_id), None)
    heirs = [m for m in snapshot.ownership.taken_over if m.id in alive and not m.is_learner]
    if leading and heirs:
        name = snapshot.naming.member(leading[0])
        yield PassLeadership(
            name, leading[1].id, _name(snapshot, heirs[0]), heirs[0].id, cluster_id
        )
    elif member.is_learner or keeps_quorum_without(voters, alive, member.id):
        yield RemoveMember(ordinal, member.id, cluster_id)


def _name(snapshot: Snapshot, old: Member) -> str:
    record = snapshot.take_over
    known = {member: ordinal for ordinal, member in record.members.items()} if record else {}
    return name_source_member(snapshot, known.get(old.id, -1))


def _is_beside_source(snapshot: Snapshot) -> bool:
    """Whether etcd has members that answer from Pods of the StatefulSet, or at the endpoints."""
    answering = {status.member_id for status in snapshot.source_statuses}
    return any(member.id in answering for member in snapshot.ownership.foreign)


def _walk(view: TakingOver) -> Decision | None:
    row = MACHINE.find_row(view.stage, view)
    if row is None:
        return None
    decision = row.do(view)
    if isinstance(row, Transition):
        recorded = _record(view, row.to)
        actions = (*decision.actions, recorded)
        return replace(decision, actions=actions, corrects_objects=False)
    return decision


def _record(view: TakingOver, to: Enum | None) -> ApplyObject:
    """Record the next stage, onto the very ConfigMap that was looked at; at the end it goes."""
    snapshot = view.snapshot
    following = None
    if to is not None:
        revision = find_comparison(snapshot) if to is Stage.APPROVE else view.taken_over.revision
        away = view.away_since if view.stage is Stage.REMOVE else {}
        following = replace(view.taken_over, stage=Stage(to), revision=revision or 0, away=away)
    layout = replace(lay_out(snapshot, snapshot.live_cluster_id), take_over=following)
    files, trust = render_trust(snapshot), ",".join(all_trust(snapshot))
    manifest = render_config_map(snapshot.rendered_spec, snapshot.naming, layout, files, trust)
    gate = snapshot.config_map
    uid, version = (gate.uid, gate.resource_version) if gate else ("", "")
    why = f"the take-over of {view.taken_over.title} {'goes on' if following else 'is over'}"
    return ApplyObject("ConfigMap", snapshot.naming.config_map, uid, version, why, manifest)
