"""What is done at the stages of a take-over."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from etcd_operator.api.bootstrap import ANNOTATION_CONSENT, JOIN, KEY_CONSENT
from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import PassLeadership, RemoveSourceMember, ScaleSource
from etcd_operator.core.membership.add_window import find_pause
from etcd_operator.core.model.decision import OUTSIDE_CHANGE, POD_START, Decision
from etcd_operator.core.model.members import Member, format_id
from etcd_operator.core.model.naming import METRICS_PORT
from etcd_operator.core.model.quorum import serving_ids, silent_source_members, voters_not_serving
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.model.source import Source
from etcd_operator.core.reasons import attention, routine
from etcd_operator.core.takeover.inspection import find_missing_consent, find_refusal
from etcd_operator.core.takeover.record import (
    ANNOTATION_APPROVED,
    LONGEST_AWAY,
    PATIENCE_SECONDS,
    Stage,
    TakeOver,
)
from etcd_operator.wording import counted

# How a person lets it go on after an obstacle, or ends it.
GIVE_BACK: Final = "or delete the EtcdCluster to give the old cluster back"


@dataclass(frozen=True, slots=True)
class TakingOver:
    """The snapshot, and the record of the take-over that is under way, if one is."""

    snapshot: Snapshot
    record: TakeOver | None

    @property
    def stage(self) -> Stage | None:
        """How far it is; None if none is under way."""
        return self.record.stage if self.record else None

    @property
    def source(self) -> Source:
        """The StatefulSet or endpoints that are taken over, at a stage that has looked at them."""
        if self.snapshot.source is None:
            raise ValueError("the old members were not looked at")
        return self.snapshot.source

    @property
    def taken_over(self) -> TakeOver:
        """The record, at a stage that has one; before that, as it is to be written first."""
        return self.record or begin_record(self.snapshot)

    def listed(self, ordinal: int) -> Member | None:
        """The member of the Pod of this ordinal, if etcd still has it."""
        identity = self.taken_over.members.get(ordinal)
        return next((m for m in self.snapshot.members if m.id == identity), None)

    @property
    def away(self) -> list[int]:
        """Ordinals of members whose processes are gone, the highest first."""
        known = sorted(self.taken_over.members.items(), reverse=True)
        return [o for o, member in known if self.listed(o) and self.source.is_gone(o, member)]

    @property
    def stopped_by_hand(self) -> bool:
        """Whether a person stops the old members, who may also restart one."""
        joins = self.snapshot.cluster.spec.joins
        return not self.source.exists or joins is None or joins.stopped_by_hand

    @property
    def away_since(self) -> dict[int, int]:
        """Since when members are away that a person stops: as recorded, or now."""
        if not self.stopped_by_hand:
            return {}
        now, recorded = int(self.snapshot.now.timestamp()), self.taken_over.away
        since = {ordinal: recorded.get(ordinal, now) for ordinal in self.away}
        return {o: s if now - LONGEST_AWAY <= s <= now else now for o, s in since.items()}

    @property
    def gone(self) -> list[int]:
        """Ordinals of members whose processes are gone for good, the highest first."""
        if not self.stopped_by_hand:
            return self.away
        latest = int(self.snapshot.now.timestamp()) - PATIENCE_SECONDS
        since = self.away_since
        return [o for o in self.away if o in self.taken_over.away and since[o] <= latest]

    @property
    def going(self) -> list[str]:
        """Pods that the StatefulSet is not to have any more, and that are still there."""
        source = self.source
        return [p.name for p in source.pods if not (source.listed or source.wants(p.ordinal))]

    @property
    def last(self) -> int:
        """The ordinal of the next member to stop: of the last Pod, or the last that etcd has."""
        if self.source.listed:
            return max(filter(self.listed, self.taken_over.members), default=-1)
        return self.source.start + self.source.replicas - 1

    def name(self, ordinal: int) -> str:
        """The Pod of an old member, or the address of its endpoint."""
        return name_source_member(self.snapshot, ordinal)


def name_source_member(snapshot: Snapshot, ordinal: int) -> str:
    """The Pod of an old member, or the address of its endpoint."""
    record, joins = snapshot.take_over, snapshot.cluster.spec.joins
    if record and record.source:
        return f"{record.source}-{ordinal}"
    listed = joins.source.addresses if joins else ()
    return listed[ordinal] if 0 <= ordinal < len(listed) else f"number {ordinal}"


def begin_record(snapshot: Snapshot) -> TakeOver:
    """The first record: the StatefulSet, its members, and what is asked for of the new ones."""
    source, spec = snapshot.source, snapshot.cluster.spec
    pods = source.pods if source else ()
    members = {pod.ordinal: pod.status.member_id for pod in pods if pod.status}
    return TakeOver(Stage.JOIN, source.name if source else "", spec.size, spec.version, members)


def write_approval(view: TakingOver) -> str:
    """What a person approves: this etcd cluster, compared at this revision."""
    return f"{format_id(view.snapshot.live_cluster_id)}/{view.taken_over.revision}"


def find_comparison(snapshot: Snapshot) -> int | None:
    """The revision at which every member was found to have the same data."""
    if not snapshot.compared:
        return None
    last, members = snapshot.compared[-1], {member.id for member in snapshot.members}
    agree = members <= last.hashes.keys() and len({last.hashes[m] for m in members}) == 1
    return last.revision if agree else None


def find_obstacle(view: TakingOver) -> str:
    """Return what somebody has changed of the old members, or of the spec, in the way; or ''."""
    record, snapshot, source = view.taken_over, view.snapshot, view.snapshot.source
    joins = snapshot.cluster.spec.joins
    listed = joins.source.addresses if joins else ()
    if not record.source and len(listed) != len(record.members):
        return f"{JOIN}.source.endpoints were others when the take-over began: put them back"
    if joins is None or (joins.source.stateful_set or "") != record.source:
        return (
            f"{JOIN}.source.statefulSet was {record.source} when the take-over began: put it back"
        )
    if source is None:
        return f"the members of {record.title} were not looked at yet"
    return _find_return(view) if source.listed else _find_scaling(view, source)


def _find_scaling(view: TakingOver, source: Source) -> str:
    """What somebody has changed of the StatefulSet."""
    snapshot = view.snapshot
    if source.exists and source.consent != snapshot.cluster.name:
        return (
            f"StatefulSet {source.name} has lost the annotation {ANNOTATION_CONSENT}="
            f"{snapshot.cluster.name}: put it back"
        )
    wanted = [ordinal for ordinal in range(source.start, view.last + 1) if source.exists]
    back = [o for o in wanted if o not in view.taken_over.members or view.listed(o) is None]
    if back:
        return (
            f"StatefulSet {source.name} has {source.replicas} replicas, but its Pod "
            f"{source.name}-{back[0]} is no member of etcd any more. Something has scaled it out, "
            "such as a Helm release or a GitOps controller: suspend that, and scale it to "
            f"{back[0] - source.start}"
        )
    return ""


def _find_return(view: TakingOver) -> str:
    """A process that serves again at an endpoint, although its member was removed.

    What somebody has started on an empty disk has no consent either.
    """
    present = {member.id for member in view.snapshot.members}
    for ordinal, member in view.taken_over.members.items():
        pod = view.source.pod(ordinal)
        if pod and pod.status and member not in present and pod.status.member_id not in present:
            return (
                f"etcd answers again at {pod.name}, whose member {format_id(member)} was removed. "
                "Something has started it again, such as its service or a GitOps controller: stop "
                "it there, and delete its data directory"
            )
    return find_missing_consent(view.snapshot, view.source)


# What is done


def refuse(view: TakingOver) -> Decision:
    """The status says why the running cluster cannot be joined; it is left as it is."""
    return Decision(
        reason=attention.TAKE_OVER_REFUSED,
        message=f"{JOIN} is not carried out: {find_refusal(view.snapshot)}.",
        phase=Phase.CREATING,
        requeue_after=OUTSIDE_CHANGE,
        corrects_objects=False,
    )


def begin(view: TakingOver) -> Decision:
    """The cluster ID and the old members are recorded."""
    members = len(view.taken_over.members)
    return _step(f"Joining {counted(members, 'member')} of {view.source.title}.")


def go_on(view: TakingOver) -> Decision:
    """Nothing but the record of what follows."""
    return _step(f"Taking over {view.taken_over.title}.")


def stop(view: TakingOver) -> Decision:
    """Nothing is changed, and the status says what is in the way."""
    message = f"The take-over waits: {find_obstacle(view)}, {GIVE_BACK}."
    return Decision(
        reason=attention.TAKE_OVER_STOPPED,
        message=message,
        phase=Phase.SCALING,
        requeue_after=OUTSIDE_CHANGE,
    )


def await_members(view: TakingOver) -> Decision:
    """Nothing is changed until every member serves, old and new."""
    snapshot = view.snapshot
    names = [snapshot.naming.member(seat.ordinal) for seat in voters_not_serving(snapshot)]
    by_id = {identity: ordinal for ordinal, identity in view.taken_over.members.items()}
    names += [view.name(by_id[member.id]) for member in silent_source_members(snapshot)]
    return _step(f"Taking over: waiting for {', '.join(names) or 'the new members'} to serve.")


def await_comparison(_: TakingOver) -> Decision:
    """Every member hashes its keys at one revision."""
    return _step("Taking over: comparing the data of all members, old and new.")


def await_approval(view: TakingOver) -> Decision:
    """The old members stay until a person approves what was compared."""
    snapshot, approval = view.snapshot, write_approval(view)
    return Decision(
        reason=attention.TAKE_OVER_AWAITS_APPROVAL,
        message=(
            f"All {len(snapshot.members)} members have the same data at revision "
            f"{view.taken_over.revision}. To remove those of {view.source.title}: "
            f"`kubectl annotate etcd {snapshot.cluster.name} --overwrite "
            f"{ANNOTATION_APPROVED}={approval}`, {GIVE_BACK}."
        ),
        phase=Phase.RUNNING,
        requeue_after=OUTSIDE_CHANGE,
    )


def await_silence(view: TakingOver) -> Decision:
    """A member that a person may only have restarted is waited for, before it leaves etcd."""
    names = ", ".join(map(view.name, view.away))
    return _step(
        f"Taking over: waiting {PATIENCE_SECONDS} s for {names} to come back, before the removal "
        "from etcd."
    )


def remove_member(view: TakingOver) -> Decision:
    """A member whose process is gone for good leaves etcd."""
    ordinal, cluster_id = view.gone[0], view.snapshot.live_cluster_id
    name, identity = view.name(ordinal), view.taken_over.members[ordinal]
    return replace(
        _step(f"Taking over: removing the old member {name}."),
        actions=(RemoveSourceMember(name, ordinal, identity, cluster_id),),
        requeue_after=find_pause(view.snapshot),
    )


def await_pod(view: TakingOver) -> Decision:
    """The Pod of an old member ends before its member leaves etcd."""
    return _step(f"Taking over: waiting for Pod {', '.join(view.going)} to be gone.")


def take_leadership(view: TakingOver) -> Decision:
    """A new member leads, before the old one that does is stopped."""
    snapshot, leader = view.snapshot, view.snapshot.leader_id
    ordinals = {identity: ordinal for ordinal, identity in view.taken_over.members.items()}
    serving = serving_ids(snapshot)
    heirs = [s for s in snapshot.seats() if s.member and s.member.id in serving]
    heirs = [s for s in heirs if s.member and not s.member.is_learner]
    moves = tuple(
        PassLeadership(
            view.name(ordinals[leader]),
            leader,
            snapshot.naming.member(seat.ordinal),
            seat.member.id,
            snapshot.live_cluster_id,
        )
        for seat in heirs[:1]
        if seat.member
    )
    return replace(_step("Taking over: a new member is to lead."), actions=moves)


def await_stop(view: TakingOver) -> Decision:
    """A person stops the next old member, which the operator cannot or shall not do."""
    return Decision(
        reason=attention.TAKE_OVER_AWAITS_STOP,
        message=f"Taking over: {_ask_to_stop(view)}",
        phase=Phase.SCALING,
        requeue_after=OUTSIDE_CHANGE,
    )


_HAPPENS_NEXT: Final = f"Its member is removed from etcd {PATIENCE_SECONDS} s later."


def _ask_to_stop(view: TakingOver) -> str:
    source, last = view.source, view.last
    if not source.listed:
        return (
            f"scale StatefulSet {source.name} in by one: `kubectl scale statefulset {source.name} "
            f"--replicas={source.replicas - 1}`. {_HAPPENS_NEXT}"
        )
    identity, name = view.taken_over.members[last], view.name(last)
    if source.answers(identity):
        return (
            f"stop etcd at {name} for good (member {format_id(identity)}), and what restarts it. "
            f"{_HAPPENS_NEXT}"
        )
    if source.connected is None:
        return (
            f"etcd at {name} does not answer, and not every new member says whether it is "
            f"connected to it: let the operator reach their metrics at port {METRICS_PORT}."
        )
    return (
        f"etcd at {name} does not answer, but new members are connected to it (member "
        f"{format_id(identity)}): stop it for good, and what restarts it. {_HAPPENS_NEXT}"
    )


def scale_in(view: TakingOver) -> Decision:
    """The StatefulSet is scaled in by one: its last Pod ends, whose member leaves next."""
    source = view.source
    action = ScaleSource(
        source.name,
        source.uid,
        source.resource_version,
        source.replicas - 1,
        view.snapshot.live_cluster_id,
    )
    return replace(
        _step(f"Taking over: stopping the old member {source.name}-{view.last}."),
        actions=(action,),
    )


def end(view: TakingOver) -> Decision:
    """The record goes, and the usual rules go on."""
    left = (
        "the StatefulSet itself, its PersistentVolumeClaims, Services and Secrets, and whatever "
        "deploys it"
    )
    if not view.taken_over.source:
        left = f"the data directories, what starts etcd there, and the key {KEY_CONSENT} in etcd"
    return _step(f"Took over {view.taken_over.title}. What is left: {left}.")


def _step(message: str) -> Decision:
    return Decision(
        reason=routine.TAKING_OVER,
        message=message,
        phase=Phase.SCALING,
        requeue_after=POD_START,
    )
