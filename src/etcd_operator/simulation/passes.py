"""The operator's passes in the modelled world: gather, plan, guard, perform, report.

This mirrors the runtime's reconciler; planner, guards and status are the real ones. What a pass
does depends only on what it sees, so a plan is made once for everything that looks the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, assert_never

from etcd_operator.api.cluster import EtcdClusterStatus
from etcd_operator.api.release import Version
from etcd_operator.core import guards
from etcd_operator.core.actions import (
    Action,
    AddLearner,
    ApplyObject,
    ChangeAuth,
    ChangeClaimAttributes,
    Compact,
    CopyCertificate,
    CreatePasswordSecret,
    Defragment,
    DeleteObject,
    DisarmAlarm,
    EvictPod,
    IssueAuthority,
    IssueCertificate,
    LabelPod,
    MirrorAction,
    MoveLeader,
    PromoteMember,
    QuarantineDisk,
    RebindVolume,
    RecordRestore,
    RemoveMember,
    RequestBackup,
    ResizeClaim,
    ResizePod,
    RestoreReclaimPolicy,
    RetainVolume,
    SetDowngrade,
    SetFinalizer,
    SetPodRevision,
    ShareTrust,
    TakeOverAction,
    UpdateMember,
    VolumeAction,
    WriteConnection,
)
from etcd_operator.core.bootstrap.rule import must_see_claims
from etcd_operator.core.model.naming import ordinal_of_claim, ordinal_of_pod
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import Plan, plan, predict
from etcd_operator.core.reasons import routine
from etcd_operator.core.reasons.condition_types import QUORUM_HEALTHY
from etcd_operator.core.reasons.reason import Reason
from etcd_operator.core.status.report import report
from etcd_operator.simulation import kubernetes, membership, replacing
from etcd_operator.simulation.manifest import Manifest, life_of
from etcd_operator.simulation.observation import Seen, see
from etcd_operator.simulation.second_disks import is_about_log
from etcd_operator.simulation.snapshots import Specs, build_snapshot
from etcd_operator.simulation.versions import set_downgrade
from etcd_operator.simulation.world import State, Status, find_slot

AskedOfMembers = AddLearner | PromoteMember | RemoveMember | MoveLeader | DisarmAlarm | SetDowngrade
NotModelled = Compact | Defragment | RequestBackup | TakeOverAction | MirrorAction | UpdateMember
Outcome = tuple[State, str | None]


class JudgedAction(NamedTuple):
    """One action of a plan, and what the guard says to it after those before it succeeded."""

    action: Action
    veto: str | None
    perform: Callable[[State], Outcome]
    window: bool  # etcd may refuse it for five seconds


# How an action is carried out on what a pass has seen; etcd takes at most so many learners.
Handler = Callable[[Action, Snapshot, int], Callable[[State], Outcome]]


class Planned:
    """What a pass that sees this does. Equal sights share one Planned.

    `snapshot` and `handler` are those of a real cluster, whose whole status is `reported`;
    scenarios have the world's own, and keep the part of the status on which decisions depend.
    """

    __slots__ = (
        *("judged_actions", "plan", "remembered_ids", "reported", "seen", "snapshot", "stale"),
        "status",
    )

    def __init__(
        self,
        seen: Seen,
        specs: Specs,
        snapshot: Snapshot | None = None,
        handler: Handler | None = None,
    ) -> None:
        self.seen = seen
        self.plan: Plan = plan(snapshot or build_snapshot(seen, specs))
        self.snapshot = self.plan.snapshot
        limit = 8 if self.snapshot.rendered_spec.minor >= (3, 6) else 1
        self.judged_actions = tuple(
            _weigh(self.snapshot, self.plan.actions, limit, handler or handle)
        )
        self.stale = frozenset(_find_stale(seen, specs))
        approves = any(spec.recovery.quorum_loss for spec in specs)
        reported = report(self.snapshot, self.plan.decision)
        self.reported = reported if snapshot else None
        self.status = _abstract(reported, approves=approves)
        self.remembered_ids = frozenset(
            getattr(action, name)
            for action in self.plan.actions
            for name in ("member_id", "from_id", "to_id")
            if hasattr(action, name)
        )

    @property
    def reason(self) -> Reason:
        """Why, in one word."""
        return self.plan.decision.reason


class Paused(NamedTuple):
    """A pass that was interrupted before the action at `place`."""

    planned: Planned
    place: int

    @property
    def remembered_ids(self) -> frozenset[int]:
        """The member IDs that its actions name."""
        return self.planned.remembered_ids


# What a pass does by what it sees; None: it looks at the claims before it plans.
Plans = dict[Seen, Planned | None]


class Operator:
    """Plans passes for one scenario, remembering what it planned.

    `gate_can_go`: somebody may delete the ConfigMap, which is the record of a bootstrap. `plans`
    are those of other scenarios with the same specs.
    """

    def __init__(self, specs: Specs, *, gate_can_go: bool, plans: Plans | None = None) -> None:
        self.specs: Final = specs
        self.gate_can_go: Final = gate_can_go
        self._plans: Final[Plans] = {} if plans is None else plans

    def plan(self, state: State) -> Planned | None:
        """Return what a pass would do now; None if the caches show no EtcdCluster."""
        seen = see(state, looked_up=False)
        if seen is None:
            return None
        if seen not in self._plans:
            snapshot = build_snapshot(seen, self.specs)
            looks = must_see_claims(snapshot)
            self._plans[seen] = None if looks else Planned(seen, self.specs, snapshot)
        return self._plans[seen] or self._look_up(state)

    def _look_up(self, state: State) -> Planned:
        """The pass asks for the claims before it plans."""
        seen = see(state, looked_up=True)
        assert seen is not None
        found = self._plans.get(seen)
        if found is None:
            found = self._plans[seen] = Planned(seen, self.specs, build_snapshot(seen, self.specs))
        return found


def _find_stale(seen: Seen, specs: Specs) -> Iterator[int]:
    """The approval that is there beside a quorum, by its revision."""
    given = specs[seen.cluster.spec].recovery.quorum_loss
    if given is not None and seen.membership is not None and seen.membership.linearizable:
        yield given.accepted_revision


def _abstract(status: EtcdClusterStatus, *, approves: bool) -> Status:
    """The part of the reported status on which later decisions depend."""
    starting = any(
        c.type == "Progressing" and c.reason == routine.STARTING.name for c in status.conditions
    )
    phase = str(status.phase or "")
    lost = any(c.type == QUORUM_HEALTHY and c.status == "False" for c in status.conditions)
    told = (lost, status.spent_approvals) if approves else (False, ())
    return Status(phase, status.cluster_id, starting, status.last_recovery, *told)


def _weigh(
    snapshot: Snapshot, actions: tuple[Action, ...], limit: int, handler: Handler
) -> Iterator[JudgedAction]:
    current = snapshot
    for action in actions:
        window = isinstance(action, AddLearner | RemoveMember)
        veto = guards.refuse(action, current)
        yield JudgedAction(action, veto, handler(action, current, limit), window)
        current = predict(current, (action,))


def handle(action: Action, snapshot: Snapshot, limit: int) -> Callable[[State], Outcome]:
    """Return how the action is carried out; etcd takes at most `limit` learners."""
    if is_about_log(action, snapshot.naming):
        return lambda state: (state, None)
    return _handle(action, snapshot, limit)


def _handle(action: Action, snapshot: Snapshot, limit: int) -> Callable[[State], Outcome]:
    if isinstance(action, NotModelled):
        raise NotImplementedError("no sizes of databases, backups, take-overs or URLs are here")
    if isinstance(action, AskedOfMembers):
        return _member_handler(action, snapshot, limit)
    match action:
        case ApplyObject():
            return _apply_handler(action, snapshot)
        case DeleteObject() | EvictPod():
            return _delete_handler(action, snapshot)
        case LabelPod() | ResizePod() | SetPodRevision():
            return _pod_handler(action, _ordinal(snapshot, action.name))
        case SetFinalizer(present=present, resource_version=revision, uid=uid):
            life = life_of(uid)
            return lambda state: kubernetes.set_finalizer(state, life, revision, present=present)
        case (
            QuarantineDisk()
            | RetainVolume()
            | RebindVolume()
            | RestoreReclaimPolicy()
            | RecordRestore()
        ):
            return _replacement_handler(action, snapshot)
        case ResizeClaim(name=name, uid=uid, size=size):
            place, number = _ordinal(snapshot, name), _number(uid)
            return lambda state: kubernetes.resize_claim(state, place, number, str(size))
        # Changes of authority have a world of their own: model/test_certificate_phases.py.
        case (
            CopyCertificate()
            | IssueAuthority()
            | IssueCertificate()
            | ShareTrust()
            | ChangeAuth()
            | ChangeClaimAttributes()
            | CreatePasswordSecret()
            | WriteConnection()
        ):
            raise NotImplementedError("nothing is encrypted here")
    assert_never(action)


def _record_handler(action: RecordRestore) -> Callable[[State], Outcome]:
    following, revision, undone = action.following, action.resource_version, action.undone
    life, text = life_of(action.uid), following.write() if following else ""
    return lambda state: replacing.record(state, life, revision, text, undone=undone)


def _replacement_handler(
    action: VolumeAction | RecordRestore, snapshot: Snapshot
) -> Callable[[State], Outcome]:
    if isinstance(action, RecordRestore):
        return _record_handler(action)
    place, number = _ordinal(snapshot, action.name), _number(action.uid)
    match action:
        case QuarantineDisk(volume=volume):
            bound = bool(volume)
            return lambda state: replacing.quarantine(state, place, number, bound=bound)
        case RetainVolume():
            return lambda state: replacing.keep(state, place, number)
        case RebindVolume():
            return lambda state: replacing.put_back(state, place)
        case RestoreReclaimPolicy(volume=volume):
            which = _number(volume)
            return lambda state: replacing.release(state, place, number, which)


def _apply_handler(action: ApplyObject, snapshot: Snapshot) -> Callable[[State], Outcome]:
    slot = _slot(action, snapshot)
    manifest = Manifest.of(action.manifest)
    uid = _number(action.uid) if action.uid else None
    life = life_of(action.manifest["metadata"]["ownerReferences"][0]["uid"])
    revision = action.resource_version
    return lambda state: kubernetes.apply(state, slot, uid, revision, manifest, life)


def _delete_handler(
    action: DeleteObject | EvictPod, snapshot: Snapshot
) -> Callable[[State], Outcome]:
    uid = _number(action.uid)
    if isinstance(action, EvictPod):
        place = _ordinal(snapshot, action.name)
        return lambda state: kubernetes.evict_pod(state, place, uid)
    revision = action.resource_version
    if action.kind == "Pod":
        place = _ordinal(snapshot, action.name)
        at_once = action.grace_seconds == 0
        return lambda state: kubernetes.delete_pod(state, place, uid, revision, at_once=at_once)
    if action.kind == "PersistentVolumeClaim":
        place = _ordinal(snapshot, action.name)
        return lambda state: kubernetes.delete_claim(state, place, uid, revision)
    slot = _slot(action, snapshot)
    orphan = action.orphan
    return lambda state: kubernetes.delete_child(state, slot, uid, revision=revision, orphan=orphan)


def _pod_handler(
    action: LabelPod | ResizePod | SetPodRevision, place: int
) -> Callable[[State], Outcome]:
    number = _number(action.uid)
    match action:
        case LabelPod(role=role):
            return lambda state: kubernetes.label_pod(state, place, number, role)
        case ResizePod(resource_version=version, resources=resources):
            text = json.dumps(resources, sort_keys=True)
            return lambda state: kubernetes.resize_pod(state, place, number, version, text)
        case SetPodRevision(resource_version=version, revision=made):
            return lambda state: kubernetes.set_pod_revision(state, place, number, version, made)


def _member_handler(
    action: AskedOfMembers, snapshot: Snapshot, limit: int
) -> Callable[[State], Outcome]:
    """Ask the leader or another serving voter; without one the request goes nowhere."""
    leaving = action.member_id if isinstance(action, RemoveMember) else None
    reachable = any(
        seat.member and seat.pod and not seat.member.is_learner
        and seat.member.id != leaving and seat.serves(action.cluster_id)
        for seat in snapshot.seats()
    )  # fmt: skip
    old = snapshot.source is not None and snapshot.source.serving(action.cluster_id)
    if not reachable and not old:
        return lambda state: (state, "unreachable")
    match action:
        case AddLearner(ordinal=ordinal):
            return lambda state: membership.add_learner(state, ordinal, limit)
        case PromoteMember(member_id=identity):
            return lambda state: membership.promote(state, identity)
        case RemoveMember(member_id=identity):
            return lambda state: membership.remove(state, identity)
        case MoveLeader(from_id=source, to_id=target):
            return lambda state: membership.move_leader(state, source, target)
        case DisarmAlarm(member_id=identity):
            return lambda state: membership.disarm(state, identity)
        case SetDowngrade(target=below):
            minor = Version(f"{below}.0").minor
            return lambda state: set_downgrade(state, minor)


def _ordinal(snapshot: Snapshot, name: str) -> int:
    cluster = snapshot.naming.name
    found = (ordinal_of_pod(name, cluster), ordinal_of_claim(name, cluster))
    ordinal = next((one for one in found if one is not None), None)
    assert ordinal is not None
    return ordinal


def _slot(action: ApplyObject | DeleteObject, snapshot: Snapshot) -> int:
    slot = find_slot(action.kind, action.name, snapshot.naming.name)
    assert slot is not None
    return slot


def _number(uid: str) -> int:
    return int(uid.rpartition("-")[2])


def perform(state: State, judged: JudgedAction) -> Outcome:
    """Carry out one action; a missing object is as good as a deleted one."""
    after, error = judged.perform(state)
    if error == kubernetes.NOT_FOUND and isinstance(judged.action, DeleteObject | EvictPod):
        return after, None
    return after, error


def write_status(state: State, planned: Planned) -> State:
    """Write what the pass reports; refused if the EtcdCluster has changed since it was seen."""
    live = state.cluster
    if live is None or live.life != planned.seen.cluster.life:
        return state
    if live.status == planned.status and live.stale >= planned.stale:
        return state
    if kubernetes.cluster_revision(live) != planned.seen.cluster_revision:
        return state
    stale = live.stale | planned.stale
    return state._replace(cluster=live._replace(status=planned.status, stale=stale))


def end_pass(state: State, planned: Planned, done: list[JudgedAction]) -> State:
    """The end of every pass that is not cut off."""
    if not any(isinstance(judged.action, SetFinalizer) for judged in done):
        state = write_status(state, planned)
    return state
