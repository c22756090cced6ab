"""The members that a simulated cluster takes over: Pods or endpoints, and what becomes of them.

Old members vote and serve as long as their processes run: at endpoints until a person stops them,
which nobody does here. What they answered when they were observed they go on to answer, apart from
who leads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from etcd_operator.api.bootstrap import MOST_SOURCES
from etcd_operator.api.cluster import EtcdClusterSpec
from etcd_operator.core.actions import (
    PassLeadership,
    RemoveSourceMember,
    ScaleSource,
    TakeOverAction,
)
from etcd_operator.core.certificates.handed_over import source_secrets
from etcd_operator.core.certificates.state import (
    AUTHORITY_LIFETIME,
    Certificate,
    Credential,
    Trusted,
)
from etcd_operator.core.model.live_objects import Probe
from etcd_operator.core.model.members import (
    Comparison,
    Member,
    MemberList,
    MemberStatus,
    read_host,
)
from etcd_operator.core.model.naming import PEER_PORT
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.model.source import Source, SourcePod
from etcd_operator.core.takeover.inspection import must_see_source
from etcd_operator.simulation import etcd, kubernetes
from etcd_operator.simulation.world import OLD, Etcd, OldMember, State

Outcome = tuple[State, str | None]

# The ID of the cluster and of its first member, where nobody has asked for them.
_ASSUMED: Final = 1
_SERVES: Final = MemberStatus(
    member_id=_ASSUMED,
    cluster_id=_ASSUMED,
    version="",
    db_size=1,
    db_size_in_use=1,
    leader=_ASSUMED,
    revision=1,
    raft_term=1,
    raft_index=1,
    raft_applied_index=1,
    is_learner=False,
)


def say_resolver(observed: Snapshot, spec: EtcdClusterSpec) -> str:
    """What members at endpoints outside the DNS of Kubernetes have to find; empty without any.

    The leader dials a new member at its name, if only to send it a snapshot.
    """
    if spec.joins is None or not must_see_source(observed):
        return ""
    naming = observed.naming
    inside = (".svc", f".svc.{naming.domain}")
    hosts = (read_host(url) for url in spec.joins.source.endpoints or ())
    far = sorted({host for host in hosts if not host.endswith(inside)})
    return (
        f"The members at {', '.join(far)} resolve *.{naming.peer_service}.{naming.namespace}.svc."
        f"{naming.domain} and reach port {PEER_PORT} of Pods, as processes outside Kubernetes do "
        "only by its DNS server and a route. If they cannot, mirror their keys by "
        "spec.bootstrap.mirror, or restore a snapshot."
        if far
        else ""
    )


def adopt_old(snapshot: Snapshot) -> tuple[OldMember, ...]:
    """Return the old members: those on record, before that those that answered from their Pods."""
    source, record = snapshot.source, snapshot.take_over
    answering = {p.ordinal: p.status.member_id for p in source.pods if p.status} if source else {}
    listed = {member.id for member in snapshot.members}
    known = record.members if record else answering
    return tuple(
        OldMember(ordinal, identity, answering.get(ordinal) == identity)
        for ordinal, identity in sorted(known.items())
        if identity in listed
    )


def adopt_leader(snapshot: Snapshot, old: tuple[OldMember, ...]) -> int:
    """Return the leader as `Etcd.leader` has it; -1 for none."""
    own = {member.id: ordinal for ordinal, member in snapshot.ownership.own.items()}
    known = own | {each.id: each.ordinal + OLD for each in old}
    return known.get(snapshot.leader_id, -1)


def assume_members(snapshot: Snapshot, source: Source) -> Snapshot:
    """Return the snapshot in which a member serves in every Pod of a StatefulSet, or endpoint.

    It consents, and the Secrets that are handed over can be used: for a cluster that nobody has
    looked at yet. Of more Pods than can be joined the first ones are enough to have it refused.
    """
    spec, naming = snapshot.cluster.spec, snapshot.naming
    scheme = "https" if spec.peer_tls else "http"
    ordinals = range(min(source.replicas, MOST_SOURCES))
    members = tuple(
        Member(
            _ASSUMED + ordinal,
            name := f"{source.name or 'endpoint'}-{source.start + ordinal}",
            (f"{scheme}://{name}.{source.name or 'old'}.{naming.namespace}.svc:{PEER_PORT}",),
            (f"{scheme}://{name}",),
        )
        for ordinal in ordinals
    )
    answers = (replace(_SERVES, member_id=each.id, version=spec.version.number) for each in members)
    names = [pod.name for pod in source.pods] or [member.name for member in members]
    pods = tuple(
        SourcePod(name, source.start + ordinal, name, probe=Probe(answer))
        for ordinal, (name, answer) in enumerate(zip(names, answers, strict=True))
    )
    told = replace(source, pods=pods, consent=snapshot.cluster.name, observed=True)
    return replace(
        snapshot,
        source=told,
        membership=MemberList(_ASSUMED, members, linearizable=True),
        source_credentials={name: _hand_over(name, snapshot) for name in source_secrets(spec)},
    )


def _hand_over(name: str, snapshot: Snapshot) -> Credential:
    ends = snapshot.now + AUTHORITY_LIFETIME
    usable = Certificate(name, name, snapshot.now, ends, client=True, authority=True)
    trusted = Trusted(name, f"assumed authority {name}", ends, snapshot.now)
    return Credential(name, name, "", "1", usable, (trusted,))


def handle(action: TakeOverAction) -> Callable[[State], Outcome]:
    """Return how an action of a take-over is carried out."""
    match action:
        case ScaleSource(resource_version=version, replicas=replicas):
            return lambda state: _scale(state, version, replicas)
        case RemoveSourceMember(member_id=identity):
            return lambda state: _remove(state, identity)
        case PassLeadership(from_id=source, to_id=target):
            return lambda state: _pass_leadership(state, source, target)


def _scale(state: State, version: str, replicas: int) -> Outcome:
    source: Source | None = state.beyond.source
    if source is None or source.resource_version != version:
        return state, kubernetes.CONFLICT
    scaled = replace(source, replicas=replicas, resource_version=f"{version}/{replicas}")
    return _put(state, scaled), None


def _put(state: State, source: Source) -> State:
    return state._replace(beyond=replace(state.beyond, source=source))


def _remove(state: State, identity: int) -> Outcome:
    now = state.etcd
    if now is None or now.leader < 0:
        return state, "no leader"
    left = tuple(each for each in now.old if each.id != identity)
    if len(left) == len(now.old):
        return state, "member not found"
    return etcd.settle_leader(state._replace(etcd=now._replace(old=left))), None


def _pass_leadership(state: State, source: int, target: int) -> Outcome:
    now = state.etcd
    if now is None or now.leader_id != source:
        return state, "not leader"
    heirs = {line.id: line.ordinal for line in etcd.voters_up(state, now)}
    heirs |= {each.id: each.ordinal + OLD for each in now.old if each.up}
    if target not in heirs:
        return state, "bad leader transferee"
    return state._replace(etcd=now._replace(leader=heirs[target])), None


def source_steps(state: State) -> Iterator[tuple[str, State]]:
    """The last Pod that the StatefulSet is not to have any more ends, and its process with it."""
    source: Source | None = state.beyond.source
    if source is None or source.listed:
        return
    going = [pod for pod in source.pods if not source.wants(pod.ordinal)]
    if not going:
        return
    last = going[-1]
    left = replace(source, pods=tuple(pod for pod in source.pods if pod is not last))
    now = state.etcd
    if now is not None:
        old = tuple(each._replace(up=each.up and each.ordinal != last.ordinal) for each in now.old)
        state = state._replace(etcd=now._replace(old=old))
    yield f"kubernetes: Pod {last.name} is gone", etcd.settle_leader(_put(state, left))


def show_source(
    snapshot: Snapshot, state: State, known: Mapping[int, Member], own: tuple[Member, ...]
) -> Snapshot:
    """Return what a pass sees with what it sees of the StatefulSet, and of its members by that.

    `known` are members that were observed, by ID, and `own` the new ones as etcd lists them.
    """
    source, now = state.beyond.source, state.etcd
    if source is None or now is None or snapshot.cluster.spec.joins is None:
        return replace(snapshot, source=source)
    old = tuple(known[each.id] for each in now.old)
    seen = snapshot.membership
    if seen is not None:
        snapshot = replace(snapshot, membership=replace(seen, members=(*old, *seen.members)))
    if not must_see_source(snapshot):
        return replace(snapshot, source=None)
    pods = tuple(_show_pod(pod, now) for pod in source.pods)
    confirms = now.leader >= 0 and any(each.up for each in now.old)
    if confirms and not snapshot.quorum_confirmed:
        listed = MemberList(now.cluster, (*old, *own), linearizable=True)
        snapshot = replace(snapshot, membership=listed)
    compared = _compare(snapshot, state, now) or snapshot.compared
    connected = tuple(each.id for each in now.old if each.up) if source.listed else None
    source = replace(source, pods=pods, connected=connected)
    return replace(snapshot, source=source, compared=compared)


def _show_pod(pod: SourcePod, now: Etcd) -> SourcePod:
    if pod.probe is None or pod.probe.status is None:
        return pod
    status = replace(pod.probe.status, leader=now.leader_id)
    return replace(pod, probe=replace(pod.probe, status=status))


def _compare(snapshot: Snapshot, state: State, now: Etcd) -> tuple[Comparison, ...]:
    """Every member hashes its keys, once all vote: they have the same data."""
    everyone = etcd.votes_up(state, now) == len(snapshot.members) == now.votes
    if not everyone or snapshot.take_over is None:
        return ()
    revisions = [status.revision for status in snapshot.member_statuses]
    hashes = {member.id: 1 for member in snapshot.members}
    return (Comparison(snapshot.now, max(revisions, default=1), hashes),)
