"""Begin a simulation with a real cluster: a State from a Snapshot.

What no pass can see is taken to be as it should be: every disk holds the data of the member that
etcd lists for it, and the caches are up to date.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from etcd_operator.api.validation import find_problems
from etcd_operator.core.bootstrap.gate_record import ANNOTATION_RESTORED
from etcd_operator.core.certificates.client_trust import all_trust
from etcd_operator.core.in_place_restore.record import ANNOTATION_RECORD, ANNOTATION_WISH
from etcd_operator.core.membership.disks import Disk as DiskProblem
from etcd_operator.core.membership.disks import classify_disk
from etcd_operator.core.model import live_objects
from etcd_operator.core.model.members import CORRUPT, NO_SPACE, Member
from etcd_operator.core.model.naming import ANNOTATION_TEMPLATE, FINALIZER, FORCED
from etcd_operator.core.model.snapshot import Seat, Snapshot
from etcd_operator.core.objects.statefulset import render_statefulset
from etcd_operator.core.plan.effective_spec import with_effective_spec
from etcd_operator.core.plan.planner import choose_layout
from etcd_operator.core.reasons.condition_types import QUORUM_HEALTHY
from etcd_operator.json_types import Json
from etcd_operator.simulation import etcd
from etcd_operator.simulation.manifest import FIRST_LIFE, Manifest
from etcd_operator.simulation.origin import FIRST_UID, Beyond, Origin
from etcd_operator.simulation.take_over import adopt_leader, adopt_old
from etcd_operator.simulation.world import (
    CONTROLLED,
    COUNTED_RESTARTS,
    CRASHED,
    NO_MINOR,
    RUNNING,
    SAYS_EMPTY,
    SLOTS,
    WAITING,
    Child,
    Claim,
    Cluster,
    Disk,
    Etcd,
    Line,
    Marks,
    Pod,
    State,
    Status,
    Stranger,
    empty_world,
    find_slot,
    put,
)

FOREIGN_LIFE: Final = 0
# A StatefulSet makes the claims of a Pod, then at once the Pod; times are in whole seconds.
MADE_TOGETHER: Final = timedelta(seconds=1)


def adopt(origin: Origin) -> State:
    """Return the state of the world in which a pass sees this snapshot."""
    snapshot = origin.snapshot
    seats = snapshot.seats()
    highest = max((seat.ordinal + 1 for seat in seats), default=0)
    width = max(1, highest, snapshot.replicas or 0, *(spec.size for spec in origin.specs))
    state = empty_world(width, 0)._replace(
        cluster=_adopt_cluster(snapshot), children=_adopt_children(snapshot)
    )
    state = state._replace(etcd=_adopt_etcd(snapshot))
    for seat in seats:
        state = _adopt_seat(state, snapshot, seat)
    return etcd.settle_leader(state._replace(beyond=_adopt_beyond(snapshot)))


def _adopt_cluster(snapshot: Snapshot) -> Cluster:
    cluster, status = snapshot.cluster, snapshot.cluster.status
    lost = any(c.type == QUORUM_HEALTHY and c.status == "False" for c in status.conditions)
    annotations = cluster.annotations
    marks = Marks(
        wish=ANNOTATION_WISH in annotations,
        record=annotations.get(ANNOTATION_RECORD, ""),
        filled=ANNOTATION_RESTORED in annotations,
    )
    told = Status(
        str(status.phase or ""),
        status.cluster_id,
        starting=False,
        recovered=status.last_recovery,
        lost=lost,
        spent=status.spent_approvals,
    )
    return Cluster(FIRST_LIFE, 0, cluster.deleting, FINALIZER in cluster.finalizers, told, marks)


def _adopt_children(snapshot: Snapshot) -> tuple[Child | None, ...]:
    children: tuple[Child | None, ...] = (None,) * len(SLOTS)
    for (kind, name), child in snapshot.children.items():
        slot = find_slot(kind, name, snapshot.naming.name)
        if slot is not None:
            life = FIRST_LIFE if child.owner_uid == snapshot.naming.uid else FOREIGN_LIFE
            body = {**child.body, "kind": kind}
            template = _find_template(snapshot) if kind == "StatefulSet" else None
            children = put(children, slot, Child(FIRST_UID, life, Manifest.observe(body, template)))
    return children


def _find_template(snapshot: Snapshot) -> Json | None:
    """Return the template as the operator rendered it, if it would render the same one now."""
    live, made = snapshot.statefulset, _render(snapshot)
    if live is None or made is None:
        return None
    same = made["metadata"]["annotations"][ANNOTATION_TEMPLATE] == live.annotations.get(
        ANNOTATION_TEMPLATE
    )
    template: Json = made["spec"]["template"]
    return template if same else None


def _render(snapshot: Snapshot) -> Json | None:
    """Return the StatefulSet as the operator would render it now; None for a spec with problems."""
    if find_problems(snapshot.cluster):
        return None
    live, snapshot = snapshot.statefulset, with_effective_spec(snapshot)
    trust, layout = ",".join(all_trust(snapshot)), choose_layout(snapshot)
    body = live.body if live else None
    return render_statefulset(snapshot.rendered_spec, snapshot.naming, layout, body, trust)


def _recall_statefulset(snapshot: Snapshot) -> Manifest | None:
    """Return the StatefulSet that somebody has deleted: its Pods are taken to be as it said."""
    made = _render(snapshot) if snapshot.statefulset is None and snapshot.pods else None
    if made is None:
        return None
    revision = max(pod.revision for pod in snapshot.pods)
    return Manifest.observe(
        {**made, "status": {"updateRevision": revision}}, made["spec"]["template"]
    )


def _adopt_beyond(snapshot: Snapshot) -> Beyond:
    kept = {
        key: child
        for key, child in snapshot.children.items()
        if find_slot(*key, snapshot.naming.name) is None
    }
    return Beyond(
        now=snapshot.now,
        status=snapshot.cluster.status,
        children=kept,
        credentials=dict(snapshot.credentials),
        gate_trust=dict(snapshot.gate_trust),
        access=snapshot.access,
        passwords=dict(snapshot.passwords),
        connections=dict(snapshot.connections),
        backups=snapshot.backups,
        no_space=any(alarm == NO_SPACE for alarm, _ in snapshot.alarms),
        compacted=snapshot.compacted,
        last_statefulset=_recall_statefulset(snapshot),
        source=snapshot.source,
        mirror=snapshot.mirror,
    )


def _adopt_etcd(snapshot: Snapshot) -> Etcd | None:
    """Return the membership; of a cluster that runs no Pod, as its status has it."""
    identity = snapshot.live_cluster_id or snapshot.recorded_cluster_id
    if identity is None:
        return None
    own = snapshot.ownership.own
    if snapshot.membership is None:
        return Etcd(FIRST_LIFE, identity, _recall_members(snapshot), -1)
    lines = tuple(_adopt_line(ordinal, member) for ordinal, member in sorted(own.items()))
    old = adopt_old(snapshot)
    taken = {each.id for each in old}
    leader = adopt_leader(snapshot, old)
    alarms = tuple(sorted(member for alarm, member in snapshot.alarms if alarm == CORRUPT))
    foreign = tuple(
        Stranger(member.id, member.peer_urls[0] if member.peer_urls else "")
        for member in snapshot.ownership.foreign
        if member.id not in taken
    )
    told = (*snapshot.member_statuses, *snapshot.source_statuses)
    stored = [s.storage_minor for s in told if any(s.storage_minor)]
    speaks = min(stored or [s.minor for s in told], default=NO_MINOR)
    target = next((s.downgrade_minor for s in told if any(s.downgrade_minor)), NO_MINOR)
    return Etcd(FIRST_LIFE, identity, lines, leader, alarms, foreign, old, speaks, target)


def _adopt_line(ordinal: int, member: Member) -> Line:
    return Line(ordinal, member.id, member.is_learner, member.started)


def _recall_members(snapshot: Snapshot) -> tuple[Line, ...]:
    """Return the members that the status shows, else one for each disk."""
    shown = {view.name: view for view in snapshot.cluster.status.members}
    lines = []
    for claim in sorted(snapshot.data_claims, key=lambda each: each.ordinal):
        view = shown.get(snapshot.naming.member(claim.ordinal))
        identity = etcd.member_id(FIRST_LIFE, claim.ordinal)
        if view is not None and view.id:
            identity = int(view.id, 16)
        learner = view is not None and view.role == "learner"
        if claim.ordinal >= 0 and claim.owner_uid == snapshot.naming.uid:
            lines.append(Line(claim.ordinal, identity, learner, started=True))
    return tuple(lines)


def _adopt_seat(state: State, snapshot: Snapshot, seat: Seat) -> State:
    if seat.ordinal < 0:
        return state  # a copy of a member's Pod or disk
    pod = seat.pod and _adopt_pod(state, snapshot, seat, seat.pod)
    claim = seat.claim and _adopt_claim(state, snapshot, seat, seat.claim)
    if seat.pod is not None and seat.pod.ephemeral:
        claim = _adopt_empty_dir(state, snapshot, seat, seat.pod)
    return state._replace(
        pods=put(state.pods, seat.ordinal, pod), claims=put(state.claims, seat.ordinal, claim)
    )


def _adopt_pod(state: State, snapshot: Snapshot, seat: Seat, pod: live_objects.Pod) -> Pod:
    status = seat.probe.status if seat.probe else None
    answers = status is not None and pod.running
    # A Pod with a problem of its own, and a process that does not answer, stay as they are.
    silent = (pod.running and not answers) or (pod.problem is not None and not pod.running)
    begins = _begins_empty(seat)  # it is about to say so, and to end
    stuck = silent and not (begins and pod.running)
    version = status.version if status else snapshot.template_version.number
    revision = f"{version} {pod.revision}{FORCED if pod.forced else ''}"
    stopped = CRASHED if pod.ever_ran and not begins else WAITING
    file = etcd.current_file(state, seat.ordinal, revision)
    return Pod(
        uid=FIRST_UID,
        life=FIRST_LIFE,
        revision=revision,
        owner=CONTROLLED,
        deleting=pod.deleting,
        role=pod.role,
        process=RUNNING if answers else stopped,
        restarts=min(pod.restarts, COUNTED_RESTARTS),
        ever_ran=pod.ever_ran and not begins,
        termination_message=pod.termination_message,
        mounts=(file,),
        lost=bool(pod.node) and _is_lost(snapshot, seat.ordinal),
        stuck=stuck,
        ephemeral=pod.ephemeral,
    )


def _begins_empty(seat: Seat) -> bool:
    """Whether a member that has served before is about to start on a disk as new as its Pod."""
    pod, claim, member = seat.pod, seat.claim, seat.member
    if pod is None or claim is None or member is None or not member.started:
        return False
    answered = pod.ready or pod.was_ready or bool(seat.probe and seat.probe.status)
    if answered or pod.restarts or pod.created is None or claim.created is None:
        return False
    return claim.created + MADE_TOGETHER >= pod.created


def _is_lost(snapshot: Snapshot, ordinal: int) -> bool:
    down = (live_objects.NodeState.DOWN, live_objects.NodeState.GONE)
    return snapshot.nodes.get(ordinal) in down


def _adopt_claim(state: State, snapshot: Snapshot, seat: Seat, claim: live_objects.Claim) -> Claim:
    ours = claim.owner_uid == snapshot.naming.uid
    has_log = seat.wal is not None or snapshot.spec.storage.wal is None
    whole = has_log and all(each.bound for each in seat.claims)
    return Claim(
        uid=FIRST_UID,
        life=FIRST_LIFE if ours else FOREIGN_LIFE,
        bound=claim.bound,
        deleting=any(each.deleting for each in seat.claims),
        disk=_find_disk(state, seat) if whole else None,
        lost=any(each.lost for each in seat.claims) or _is_lost(snapshot, seat.ordinal),
        asked=str(claim.requested or ""),
        has=str(claim.capacity or ""),
    )


def _adopt_empty_dir(state: State, snapshot: Snapshot, seat: Seat, pod: live_objects.Pod) -> Claim:
    return Claim(
        uid=FIRST_UID,
        life=FIRST_LIFE,
        bound=True,
        deleting=False,
        disk=_find_disk(state, seat) if pod.ever_ran else None,
        lost=_is_lost(snapshot, seat.ordinal),
        ephemeral=True,
    )


def _find_disk(state: State, seat: Seat) -> Disk | None:
    """What is on a disk: of a member that never served, and where etcd said so, nothing.

    What it said when it ended counts until it serves: who joins may need more than one try.
    """
    members = state.etcd
    line = members.line(seat.ordinal) if members else None
    if members is None or line is None:
        return None
    said_empty = seat.pod is not None and SAYS_EMPTY in seat.pod.termination_message
    said_empty = said_empty or classify_disk(seat) is DiskProblem.HALF
    serves = seat.probe is not None and seat.probe.status is not None
    if not line.started or _begins_empty(seat) or (said_empty and not serves):
        return None
    return Disk(members.cluster, line.id, (), synced=not line.learner)
