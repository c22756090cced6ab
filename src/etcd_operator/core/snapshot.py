"""Everything one pass knows about one cluster, as frozen values.

Unknown is not absent and not false: a member that nobody asked, one that did not answer and one
that answered badly are told apart, and so are "no member list" and "an empty member list".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from etcd_operator.api.cluster import EtcdCluster
from etcd_operator.core.members import Member, MemberList, MemberStatus
from etcd_operator.core.naming import Naming

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why something does not come up: a CamelCase reason and the sentence of whoever said it."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Pod:
    """A member's Pod. `running`: its etcd process runs now; `ever_ran`: now or before."""

    name: str
    ordinal: int
    uid: str
    resource_version: str = ""
    address: str = ""
    node: str = ""
    running: bool = False
    ever_ran: bool = False
    ready: bool = False
    deleting: bool = False
    restarts: int = 0
    revision: str = ""
    role: str = ""
    created: datetime | None = None
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A member's disk. `owner_uid` is the uid of the EtcdCluster it was made for."""

    name: str
    ordinal: int
    uid: str
    owner_uid: str
    bound: bool = False
    deleting: bool = False


@dataclass(frozen=True, slots=True)
class Child:
    """An object that the operator renders: StatefulSet, Service, ConfigMap, PodDisruptionBudget.

    `body` is the live object as the API server sent it; drift is judged against it.
    """

    kind: str
    name: str
    uid: str
    owner_uid: str
    resource_version: str = ""
    deleting: bool = False
    body: Json = field(default_factory=dict, hash=False)

    @property
    def annotations(self) -> Mapping[str, str]:
        """The live annotations."""
        annotations: Mapping[str, str] = self.body.get("metadata", {}).get("annotations") or {}
        return annotations


@dataclass(frozen=True, slots=True)
class Probe:
    """One member's answer: its status, or the reason why there is none."""

    status: MemberStatus | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Seat:
    """All that exists for one ordinal: the member in etcd, its Pod, its disk and its answer."""

    ordinal: int
    member: Member | None
    pod: Pod | None
    claim: Claim | None
    probe: Probe | None

    def serves(self, cluster_id: int) -> bool:
        """Whether this member of this cluster answered for itself and sees a leader."""
        status = self.probe.status if self.probe else None
        return (
            self.member is not None
            and status is not None
            and status.member_id == self.member.id
            and status.cluster_id == cluster_id
            and status.leader != 0
        )


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One cluster at one moment. `now` is the only clock that decisions may look at.

    `unlabelled_claims` are claims with our members' names that the operator did not make; they
    are looked up live, and only when the cluster is about to be bootstrapped (else None).
    """

    cluster: EtcdCluster
    naming: Naming
    now: datetime
    children: Mapping[tuple[str, str], Child] = field(default_factory=dict)
    pods: tuple[Pod, ...] = ()
    claims: tuple[Claim, ...] = ()
    membership: MemberList | None = None
    probes: Mapping[int, Probe] = field(default_factory=dict)
    unlabelled_claims: tuple[str, ...] | None = None

    def child(self, kind: str, name: str) -> Child | None:
        """The live object of this kind and name, ours or not."""
        return self.children.get((kind, name))

    @property
    def statefulset(self) -> Child | None:
        """The live StatefulSet."""
        return self.child("StatefulSet", self.naming.statefulset)

    @property
    def config_map(self) -> Child | None:
        """The live ConfigMap with the gate."""
        return self.child("ConfigMap", self.naming.config_map)

    @property
    def replicas(self) -> int | None:
        """What the live StatefulSet is told to run; None without one."""
        live = self.statefulset
        return None if live is None else int(live.body.get("spec", {}).get("replicas", 0))

    @property
    def recorded_cluster_id(self) -> int | None:
        """The cluster ID that fences every decision, once there is one: from status or the gate."""
        from_gate = None
        if self.config_map and self.config_map.owner_uid == self.naming.uid:
            from_gate = self.config_map.annotations.get("etcd.etcd.io/cluster-id")
        text = self.cluster.status.cluster_id or from_gate
        return int(text, 16) if text else None

    @property
    def members(self) -> tuple[Member, ...]:
        """The best known members: empty when nobody answered."""
        return self.membership.members if self.membership else ()

    @property
    def quorum_confirmed(self) -> bool:
        """Whether a quorum confirmed the member list in this very pass."""
        return self.membership is not None and self.membership.linearizable

    def seats(self) -> tuple[Seat, ...]:
        """All ordinals that anything exists for, in order."""
        members = {self.naming.ordinal_of_peer(m.peer_urls): m for m in self.members}
        pods = {pod.ordinal: pod for pod in self.pods}
        claims = {claim.ordinal: claim for claim in self.claims}
        ordinals = sorted({o for o in members if o is not None} | pods.keys() | claims.keys())
        return tuple(
            Seat(o, members.get(o), pods.get(o), claims.get(o), self.probes.get(o))
            for o in ordinals
        )

    def seat(self, ordinal: int) -> Seat:
        """What exists for one ordinal."""
        for seat in self.seats():
            if seat.ordinal == ordinal:
                return seat
        return Seat(ordinal, None, None, None, self.probes.get(ordinal))

    @property
    def leader_id(self) -> int:
        """The leader's member ID as the answer of the highest term has it; 0 when unknown."""
        answers = [p.status for p in self.probes.values() if p.status and p.status.leader]
        return max(answers, key=lambda s: s.raft_term).leader if answers else 0
