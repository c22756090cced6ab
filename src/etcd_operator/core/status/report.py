"""Snapshot and plan in, status out: computed on every path, from live answers.

Each member is paired with its own health by member ID. What is not known in this pass is not
shown as known: a member that did not answer has no role.
"""

from __future__ import annotations

from typing import Literal

from etcd_operator.api.cluster import Binding, CertificateView, EtcdClusterStatus, MemberView
from etcd_operator.api.parse import format_time, parse_time
from etcd_operator.core.bootstrap.gate_record import recorded_members
from etcd_operator.core.membership.foreign_members import find_moved
from etcd_operator.core.mirror.view import view_mirror
from etcd_operator.core.model.client_tls import find_common_mode, find_gate_mode, speaks_tls
from etcd_operator.core.model.decision import Decision
from etcd_operator.core.model.finalizers import explain_finalizers, find_held
from etcd_operator.core.model.members import format_id
from etcd_operator.core.model.naming import ROLE_LEAVING, ROLE_VOTER
from etcd_operator.core.model.numbers import read_identity
from etcd_operator.core.model.ownership import NAMED, show_urls
from etcd_operator.core.model.snapshot import Seat, Snapshot
from etcd_operator.core.peer_tls.machine import find_peer_tls
from etcd_operator.core.quorum_loss.approval import find_recovered, spent_approvals
from etcd_operator.core.status.conditions import judge
from etcd_operator.core.status.verdict import date_verdicts

# The size in status follows the real one in steps, so that a busy cluster causes no writes.
SIZE_STEP = 0.1
_NOT_ADDED = "It was not added by the operator."
_MOVED = "Its peer URL was changed by a client of etcd."


def report(snapshot: Snapshot, decision: Decision) -> EtcdClusterStatus:
    """Return the status to show; equal to the old one (times included) if nothing changed."""
    before = snapshot.cluster.status
    members = _view_members(snapshot)
    shown = (*members, *_view_foreign(snapshot))
    cluster_id = snapshot.recorded_cluster_id
    joins = snapshot.cluster.spec.joins is not None  # then it is another's until that is on record
    if cluster_id is None and not joins and snapshot.quorum_confirmed and snapshot.membership:
        cluster_id = snapshot.membership.cluster_id
    leader = snapshot.leader_id
    status = EtcdClusterStatus(
        phase=decision.phase,
        message=decision.message,
        conditions=date_verdicts(
            judge(snapshot, decision), before.conditions, snapshot.now, snapshot.cluster.generation
        ),
        members=shown,
        replicas=len(members),
        ready_replicas=sum(member.ready for member in members),
        selector=",".join(f"{k}={v}" for k, v in snapshot.naming.selector.items()),
        leader_id=format_id(leader) if leader else "",
        cluster_id=format_id(cluster_id) if cluster_id is not None else _keep_unreadable(before),
        client_endpoints=tuple(m.client_url for m in members if m.ready and m.role != "learner"),
        client_tls=find_common_mode(snapshot),
        peer_tls=find_peer_tls(snapshot),
        disk_size=_disk_size(snapshot, wal=False),
        wal_disk_size=_disk_size(snapshot, wal=True),
        certificates=_view_certificates(snapshot),
        binding=_find_binding(snapshot),
        last_recovery=" ".join(find_recovered(snapshot)).strip() or before.last_recovery,
        spent_approvals=spent_approvals(snapshot),
        mirror=view_mirror(snapshot),
        last_backup_time=_find_last_backup(snapshot),
        last_update_time=before.last_update_time,
        observed_generation=snapshot.cluster.generation,
    )
    if status == before:
        return before
    return status.model_copy(update={"last_update_time": format_time(snapshot.now)})


def _keep_unreadable(before: EtcdClusterStatus) -> str:
    """Record that was edited: it counts as of an earlier life, as long as no other record does."""
    return before.cluster_id if read_identity(before.cluster_id) is None else ""


def _find_last_backup(snapshot: Snapshot) -> str | None:
    """When the newest backup was complete; it stays when the EtcdBackup is deleted."""
    before = snapshot.cluster.status.last_backup_time
    newest = max((b.last for b in snapshot.backups if b.last), default=None)
    shown = parse_time(before)
    if newest is None or (shown and shown >= newest):
        return before
    return format_time(newest)


def _disk_size(snapshot: Snapshot, *, wal: bool) -> str:
    """The largest size that was asked for; disks never have less for long, nor shrink."""
    uid, claims = snapshot.naming.uid, snapshot.claims
    ours = [c.requested for c in claims if c.owner_uid == uid and c.wal == wal]
    return str(max(filter(None, ours), default=""))


def _find_binding(snapshot: Snapshot) -> Binding | None:
    """The connection Secret of the cluster, once it is there."""
    live = snapshot.connections.get(snapshot.naming.connection_secret())
    ours = live is not None and live.owner_uid == snapshot.naming.uid and not live.deleting
    return Binding(name=live.name) if live and ours else None


def _view_certificates(snapshot: Snapshot) -> tuple[CertificateView, ...]:
    return tuple(
        CertificateView(secret=name, not_after=format_time(one.certificate.not_after))
        for name, one in sorted(snapshot.credentials.items())
        if one.certificate
    )


def _view_members(snapshot: Snapshot) -> tuple[MemberView, ...]:
    if snapshot.spec.size == 0 and not snapshot.pods:
        return ()
    if snapshot.membership is None:
        # Nobody answers: show who is missing rather than nothing, each with its own trouble.
        known = {pod.ordinal for pod in snapshot.pods}
        if snapshot.recorded_cluster_id is not None:
            known |= set(recorded_members(snapshot))
        return tuple(_view_pod(snapshot, snapshot.seat(ordinal)) for ordinal in sorted(known))
    shown = {member.name: member for member in snapshot.cluster.status.members}
    return tuple(
        _view_member(snapshot, seat, shown.get(snapshot.naming.member(seat.ordinal)))
        for seat in snapshot.seats()
        if seat.member
    )


def _view_foreign(snapshot: Snapshot) -> tuple[MemberView, ...]:
    """Members that a client of etcd has added, by their IDs: their names may be anybody's."""
    return tuple(
        MemberView(
            name=format_id(member.id),
            id=format_id(member.id),
            peer_url=show_urls(member),
            role="learner" if member.is_learner else "",
            message=_NOT_ADDED if find_moved(snapshot, member) is None else _MOVED,
        )
        for member in snapshot.ownership.foreign[:NAMED]
    )


def _view_pod(snapshot: Snapshot, seat: Seat) -> MemberView:
    """A member of which only the Pod is known; one that is Ready and asks for a user does serve."""
    naming, tls = snapshot.naming, _speaks_tls(snapshot, seat)
    asks = bool(seat.probe and seat.probe.asks_for_user)
    return MemberView(
        name=naming.member(seat.ordinal),
        peer_url=naming.peer_url(seat.ordinal),
        client_url=naming.client_url(seat.ordinal, tls=tls),
        external_url=naming.external_url(seat.ordinal, tls=tls),
        ready=asks and bool(seat.pod and seat.pod.ready),
        message=_explain(snapshot, seat),
    )


def _view_member(snapshot: Snapshot, seat: Seat, shown: MemberView | None) -> MemberView:
    member, naming = seat.member, snapshot.naming
    if member is None:
        return _view_pod(snapshot, seat)
    cluster_id, tls = snapshot.live_cluster_id, _speaks_tls(snapshot, seat)
    status = seat.probe.status if seat.probe else None
    serves = seat.serves(cluster_id)
    return MemberView(
        name=naming.member(seat.ordinal),
        id=format_id(member.id),
        peer_url=member.peer_urls[0] if member.peer_urls else naming.peer_url(seat.ordinal),
        client_url=naming.client_url(seat.ordinal, tls=tls),
        external_url=naming.external_url(seat.ordinal, tls=tls),
        ready=serves and not member.is_learner and bool(seat.pod and seat.pod.ready),
        role=_role(snapshot, seat),
        version=status.version if status else "",
        db_size=_step_size(status.db_size if status else 0, shown.db_size if shown else 0),
        message="" if serves else _explain(snapshot, seat),
    )


def _speaks_tls(snapshot: Snapshot, seat: Seat) -> bool | None:
    """Whether clients are told to use TLS with a member; None without a Pod: as the spec has it."""
    gate = find_gate_mode(snapshot.children, snapshot.naming)
    return speaks_tls(seat.pod, gate) if seat.pod else None


def _role(snapshot: Snapshot, seat: Seat) -> Literal["leader", "follower", "learner", ""]:
    member = seat.member
    if member is None:
        return ""
    if member.is_learner:
        return "learner"
    if seat.probe is None or seat.probe.status is None:
        return ""
    return "leader" if member.id == snapshot.leader_id else "follower"


def _explain(snapshot: Snapshot, seat: Seat) -> str:
    warnings = (one for one in snapshot.warnings if one.ordinal == seat.ordinal)
    warning = next(warnings, None)
    if warning and not (seat.pod and seat.pod.problem):
        return warning.sentence[:500]
    if seat.pod is None:
        return "It has no Pod."
    if seat.pod.problem:
        return f"{seat.pod.problem.reason}: {seat.pod.problem.message}"[:500]
    if find_held((seat.pod,)):
        return explain_finalizers("Its Pod", seat.pod.finalizers)[:500]
    if seat.pod.deleting:
        return "Its Pod is terminating."
    if not seat.pod.running:
        return "Its Pod is starting."
    if seat.pod.role not in (ROLE_VOTER, ROLE_LEAVING):
        return "It is joining."
    if seat.probe is not None and seat.probe.asks_for_user:
        return "It refuses the operator: it knows no such user, or another password."
    if seat.probe is not None and seat.probe.status is not None:
        return "It has no leader."
    return "It does not answer."


def _step_size(size: int, shown: int) -> int:
    return shown if size and abs(size - shown) <= shown * SIZE_STEP else size
