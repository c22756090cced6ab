"""What `plan` begins with: a snapshot of a cluster, read with the user's own rights.

The API server has the objects. What only members know (who is a member, what each one runs) the
operator has seen in its last pass, which it keeps; where that cannot be read it is taken from the
status. What was assumed is said.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from etcd_operator.api.cluster import EtcdCluster
from etcd_operator.api.parse import parse_cluster
from etcd_operator.core.model.live_objects import Child, Claim, Pod, Probe
from etcd_operator.core.model.members import Member, MemberList, MemberStatus
from etcd_operator.core.model.naming import Naming, ordinal_of_pod
from etcd_operator.core.model.numbers import read_identity
from etcd_operator.core.model.parse import observe_child, observe_claim, observe_pod
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.recording.recorded_pass import RecordedPass
from etcd_operator.json_types import Json
from etcd_operator.plugin.clusters import selector_of
from etcd_operator.plugin.exits import PluginError
from etcd_operator.plugin.rights import Gaps
from etcd_operator.plugin.session import Session
from etcd_operator.runtime.kubernetes import api as kube

CHILD_KINDS: Final = (
    kube.STATEFUL_SETS,
    kube.SERVICES,
    kube.CONFIG_MAPS,
    kube.DISRUPTION_BUDGETS,
    kube.NETWORK_POLICIES,
)


@dataclass(frozen=True, slots=True)
class Observation:
    """A snapshot, and what was assumed."""

    snapshot: Snapshot
    assumptions: tuple[str, ...]


async def observe(own: Session, raw: Json, last: RecordedPass | None, why_not: str) -> Observation:
    """Observe a cluster; `last` is its last recorded pass, `why_not` why there is none.

    Raises PluginError where neither that nor the cluster's objects can be read.
    """
    cluster = parse_cluster(raw)
    if last is not None and last.snapshot.cluster.uid == cluster.uid:
        return observe_from(cluster, last)
    snapshot, gaps = await _observe_objects(own, raw, cluster)
    why_not = why_not or "it has none of this cluster"
    if gaps.sentences:
        raise PluginError(
            "A preview begins with the operator's last pass, or with every object of the cluster. "
            f"The pass: {why_not}. The objects: {gaps.sentences[0]}. Who may read the pass can "
            f"`kubectl etcd record {cluster.name} --to FILE`, and you `kubectl etcd plan --from "
            "FILE` then.",
            gaps.code,
        )
    assumed = [
        f"Members are as the status shows them; its last pass was not read: {why_not}.",
    ]
    if cluster.spec.client_tls or cluster.spec.peer_tls:
        assumed.append("Certificates are not looked at: they are issued anew in this preview.")
    return Observation(snapshot, tuple(assumed))


def observe_from(cluster: EtcdCluster, last: RecordedPass) -> Observation:
    """Observe a cluster as the operator saw it in its last pass over it."""
    when = last.snapshot.now.strftime("%H:%M:%SZ")
    known = replace(
        last.snapshot, cluster=_as_the_operator_reads(cluster, last.snapshot), upgrade_waits=""
    )
    said = f"Pods, disks and members are as the operator saw them at {when}."
    return Observation(known, (said,))


def _as_the_operator_reads(cluster: EtcdCluster, seen: Snapshot) -> EtcdCluster:
    """The EtcdCluster of now; as the operator saw it where nobody has changed it since."""
    same = cluster.generation == seen.cluster.generation
    return seen.cluster if same and cluster.deleting == seen.cluster.deleting else cluster


async def _observe_objects(own: Session, raw: Json, cluster: EtcdCluster) -> tuple[Snapshot, Gaps]:
    gaps, selector = Gaps(), selector_of(raw)
    naming = Naming.of(cluster, "cluster.local")
    children: dict[tuple[str, str], Child] = {}
    for kind in CHILD_KINDS:
        for item in await gaps.list_or_none(own, kind, own.home, selector):
            child = observe_child(kind.name, item)
            children[kind.name, child.name] = child
    pods = [observe_pod(each) for each in await gaps.list_or_none(own, kube.PODS, own.home,
                                                                  selector)]  # fmt: skip
    claims = [observe_claim(each) for each in await gaps.list_or_none(own, kube.CLAIMS, own.home,
                                                                      selector)]  # fmt: skip
    snapshot = Snapshot(
        cluster=cluster,
        naming=naming,
        now=datetime.now(UTC),
        children=children,
        pods=tuple(p for p in pods if _is_ours(p, cluster)),
        claims=tuple(c for c in claims if c.ordinal >= 0),
        unlabelled_claims=(),
    )
    return _recall_members(snapshot), gaps


def _is_ours(pod: Pod | Claim, cluster: EtcdCluster) -> bool:
    return pod.owner_uid == cluster.uid and pod.ordinal >= 0


def _recall_members(snapshot: Snapshot) -> Snapshot:
    """Take membership and answers from the status: as the operator reported them last."""
    status, naming = snapshot.cluster.status, snapshot.naming
    identity = read_identity(status.cluster_id)
    running = {pod.ordinal for pod in snapshot.pods if pod.running}
    if identity is None or not running:
        return snapshot
    members, probes = [], {}
    leader = read_identity(status.leader_id) or 0
    for view in status.members:
        ordinal, member_id = ordinal_of_pod(view.name, naming.name), read_identity(view.id)
        if ordinal is None or member_id is None:
            continue
        learner = view.role == "learner"
        urls = (view.peer_url or naming.peer_url(ordinal),)
        served = (view.client_url,) if view.client_url else ()
        members.append(Member(member_id, view.name if served else "", urls, served, learner))
        if ordinal in running and view.ready:
            probes[ordinal] = _answer(identity, member_id, leader, view.version, view.db_size,
                                      learner=learner)  # fmt: skip
        elif ordinal in running:
            probes[ordinal] = Probe(None, "not Ready, as the status says")
    membership = MemberList(identity, tuple(members), linearizable=bool(leader))
    return replace(snapshot, membership=membership, probes=probes)


def _answer(
    cluster: int, member: int, leader: int, version: str, size: int, *, learner: bool
) -> Probe:
    return Probe(
        MemberStatus(
            member_id=member,
            cluster_id=cluster,
            version=version,
            db_size=size,
            db_size_in_use=size,
            leader=leader,
            revision=1,
            raft_term=1,
            raft_index=1,
            raft_applied_index=1,
            is_learner=learner,
        )
    )
