"""Everything one pass knows about one cluster, as frozen values.

Unknown is not absent and not false: a member that nobody asked, one that did not answer and one
that answered badly are told apart, and so are "no member list" and "an empty member list".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from etcd_operator.api.cluster import EtcdCluster, EtcdClusterSpec
from etcd_operator.api.image import Image
from etcd_operator.api.image_catalog import ImageCatalog
from etcd_operator.api.release import Version
from etcd_operator.core.auth.state import EtcdAuth, PasswordSecret
from etcd_operator.core.certificates.state import Credential, Trusted
from etcd_operator.core.connections.state import ConnectionSecret
from etcd_operator.core.in_place_restore.record import find_restore_record
from etcd_operator.core.mirror.state import MirrorState
from etcd_operator.core.model.live_objects import Child, Claim, NodeState, ObjectWarning, Pod, Probe
from etcd_operator.core.model.members import Comparison, Member, MemberList, MemberStatus
from etcd_operator.core.model.naming import ANNOTATION_CLUSTER_ID, ANNOTATION_IMAGE_VERSION, Naming
from etcd_operator.core.model.numbers import read_identity
from etcd_operator.core.model.ownership import Ownership, count_announced, sort_members
from etcd_operator.core.model.source import Source
from etcd_operator.core.model.template import read_image, read_version
from etcd_operator.core.model.uncorrected import UncorrectedDrift
from etcd_operator.core.required_backup.state import BackupState
from etcd_operator.core.takeover.record import TakeOver, find_take_over


@dataclass(frozen=True, slots=True)
class Seat:
    """All that exists for one ordinal: the member in etcd, its Pod, its disks and its answer.

    `claim` is the disk with the data, `wal` that of the write-ahead log, if it has one of its own.
    """

    ordinal: int
    member: Member | None
    pod: Pod | None
    claim: Claim | None
    probe: Probe | None
    wal: Claim | None = None

    @property
    def claims(self) -> tuple[Claim, ...]:
        """The disks that exist for it."""
        return tuple(claim for claim in (self.claim, self.wal) if claim)

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
class EffectiveSpec:
    """The spec as it counts in this pass: the user's, or the same with another version.

    `held_version` is the tag of a version that the user asks for and that waits for a backup, until
    which `spec` has the one of before; empty if none waits. `rendered` is what objects are rendered
    from: where the version of `spec` cannot follow what members run, it has theirs, and where they
    cannot serve clients so yet, they serve as they can. `route` are the tags of all versions from
    the next one on, up to that of the user, where the next is one between; empty otherwise.
    """

    spec: EtcdClusterSpec
    rendered: EtcdClusterSpec
    held_version: str = ""
    route: tuple[str, ...] = ()


# Without slots, so that what every rule asks for is worked out once per snapshot.
@dataclass(frozen=True)
class Snapshot:
    """One cluster at one moment. `now` is the only clock that decisions may look at.

    `unlabelled_claims` are claims with our members' names that the operator did not make. They
    are looked up live (and with them those of our own that the caches do not show yet), but only
    where the next step of a bootstrap depends on them (else None).
    `nodes` says by ordinal what became of the node that a Pod cannot leave or its disk is bound to;
    only for Pods that do not come up, and only as far as the operator may look. `compacted` says
    whether the history of keys is gone; asked only while etcd's quota is used up (else None).
    `credentials` are the Secrets with certificates that the spec speaks of, by name. `gate_trust`
    is whom members were told to trust, by file. `presented` is which authority signed what a member
    shows at a port, asked only when it matters. `access` is None while nobody was asked for users.
    `passwords` are the Secrets with passwords of users that exist, by name,
    and `connections` the connection Secrets.
    `cert_manager` says whether Kubernetes knows the Certificates of cert-manager.
    `effective` is None until the planner has worked out which spec counts: see `spec`.
    `compared` are the last comparisons of what members hold, the newest last.
    `warnings` are those of Kubernetes about what members wait for, asked only while they do.
    `image_catalog` is the ConfigMap of images that the spec names, as it was half a minute ago.
    `source` is the StatefulSet whose members the cluster takes over, read only while it does, and
    `source_credentials` are the Secrets with certificates for that, by name.
    `mirror` is the mirror of another cluster, read only while there is one.
    `kept` is what of our objects stays different, `upgrade_waits` why a new template of ours waits.
    `out_of_service` are the uids of Pods that may end without further wait for clients: the client
    Service has led to them no more for a while, or it was waited for that for long enough.
    `stop_refused`: Kubernetes has refused the last evictions, one after the other.
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
    nodes: Mapping[int, NodeState] = field(default_factory=dict)
    compacted: bool | None = None
    credentials: Mapping[str, Credential] = field(default_factory=dict)
    gate_trust: Mapping[str, tuple[Trusted, ...]] = field(default_factory=dict)
    presented: Mapping[tuple[int, int], str] = field(default_factory=dict)
    access: EtcdAuth | None = None
    passwords: Mapping[str, PasswordSecret] = field(default_factory=dict)
    connections: Mapping[str, ConnectionSecret] = field(default_factory=dict)
    compared: tuple[Comparison, ...] = ()
    backups: tuple[BackupState, ...] = ()
    operator_namespace: str = "etcd-operator-system"
    cert_manager: bool = False
    effective: EffectiveSpec | None = None
    warnings: tuple[ObjectWarning, ...] = ()
    kept: Mapping[tuple[str, str], UncorrectedDrift] = field(default_factory=dict)
    upgrade_waits: str = ""
    out_of_service: frozenset[str] = frozenset()
    stop_refused: bool = False
    source: Source | None = None
    source_credentials: Mapping[str, Credential] = field(default_factory=dict)
    image_catalog: ImageCatalog | None = None
    mirror: MirrorState | None = None

    def evolve(self, **changes: Any) -> Snapshot:
        """Return a copy with some fields changed, and what was worked out from the others."""
        copy = replace(self, **changes)
        for name, inputs in WORKED_OUT.items():
            if name in self.__dict__ and inputs.isdisjoint(changes):
                copy.__dict__[name] = self.__dict__[name]
        return copy

    def without_worked_out(self) -> Snapshot:
        """Return a copy without what was worked out, to be kept."""
        return replace(self)

    @property
    def spec(self) -> EtcdClusterSpec:
        """The effective spec: what rules, guards and the status go by."""
        return self.effective.spec if self.effective else self.cluster.spec

    @property
    def rendered_spec(self) -> EtcdClusterSpec:
        """The effective spec, with a version that members can run now."""
        return self.effective.rendered if self.effective else self.cluster.spec

    @property
    def held_version(self) -> str:
        """The tag of the version that waits for the backup before the upgrade; empty if none."""
        return self.effective.held_version if self.effective else ""

    @property
    def upgrade_route(self) -> tuple[str, ...]:
        """The tags of the versions to come, the next one first, of an upgrade by several steps."""
        return self.effective.route if self.effective else ()

    def child(self, kind: str, name: str) -> Child | None:
        """The live object of this kind and name, ours or not."""
        return self.children.get((kind, name))

    @cached_property
    def statefulset(self) -> Child | None:
        """The live StatefulSet."""
        return self.child("StatefulSet", self.naming.statefulset)

    @cached_property
    def config_map(self) -> Child | None:
        """The live ConfigMap with the gate."""
        return self.child("ConfigMap", self.naming.config_map)

    @property
    def certificates(self) -> tuple[Child, ...]:
        """The live Certificates of cert-manager that are ours and not being deleted."""
        return tuple(
            child
            for child in self.children.values()
            if child.kind == "Certificate"
            and child.owner_uid == self.naming.uid
            and not child.deleting
        )

    @property
    def replicas(self) -> int | None:
        """Replicas that the live StatefulSet asks for; None without one."""
        live = self.statefulset
        return None if live is None else int(live.body.get("spec", {}).get("replicas", 0))

    @cached_property
    def template_version(self) -> Version:
        """The version that the StatefulSet's template is to run; empty without one."""
        return read_version(self.statefulset.body if self.statefulset else {})

    @cached_property
    def template_image(self) -> Image:
        """The image of etcd in the StatefulSet's template; empty without one."""
        return read_image(self.statefulset.body if self.statefulset else {})

    @property
    def kept_image(self) -> Image | None:
        """The image to stay with while another version waits; None: that of repository and tag."""
        live = self.statefulset
        named = self.cluster.spec.image or (live and ANNOTATION_IMAGE_VERSION in live.annotations)
        return self.template_image or None if named else None

    @property
    def starts_nothing(self) -> bool:
        """Whether no Pod can appear: no StatefulSet, or one that says that it is done with none."""
        live = self.statefulset
        if live is None:
            return True
        left = live.body.get("status", {}).get("replicas", 0)
        return self.statefulset_observed and self.replicas == 0 and not left

    @property
    def statefulset_observed(self) -> bool:
        """Whether the StatefulSet's status is about what its spec says now, and not before.

        Of one that is being deleted it never is: the next one may have another template.
        """
        live = self.statefulset
        return live is None or (live.observed and not live.deleting)

    def is_current(self, pod: Pod) -> bool:
        """Whether a Pod was made from the template that the StatefulSet has now."""
        live = self.statefulset
        wanted = live.update_revision if live else ""
        return bool(self.statefulset_observed and wanted and pod.revision == wanted)

    @cached_property
    def recorded_cluster_id(self) -> int | None:
        """The cluster ID that fences every decision, once there is one.

        It is recorded in the status, on the gate and on the StatefulSet: any of them is enough. A
        restore in place makes another etcd cluster, and may be undone.
        """
        restore = find_restore_record(self.cluster)
        if restore and restore.ends_with_old:
            return restore.cluster_id
        retired = restore.retired if restore else None
        identities = (read_identity(text) for text in self.cluster_id_records)
        return next((one for one in identities if one is not None and one != retired), None)

    @cached_property
    def cluster_id_records(self) -> tuple[str, ...]:
        """Cluster ID in each place that records it: empty where it is not."""
        ours = (child for child in (self.config_map, self.statefulset) if child)
        ours = (child for child in ours if child.owner_uid == self.naming.uid)
        said = (child.annotations.get(ANNOTATION_CLUSTER_ID, "") for child in ours)
        return (self.cluster.status.cluster_id, *said)

    @property
    def live_cluster_id(self) -> int:
        """The cluster ID that the members gave; 0 when nobody answered."""
        return self.membership.cluster_id if self.membership else 0

    @cached_property
    def alarms(self) -> frozenset[tuple[str, int]]:
        """The active alarms, each with the ID of the member it is about: any member lists all."""
        own = [p.status for p in self.probes.values() if p.status]
        return frozenset(
            alarm
            for status in (*own, *self.source_statuses)
            if status.cluster_id == self.live_cluster_id
            for alarm in status.alarms
        )

    @property
    def members(self) -> tuple[Member, ...]:
        """The best known members: empty when nobody answered."""
        return self.membership.members if self.membership else ()

    @cached_property
    def announced(self) -> int:
        """How many ordinals, from 0 on, the operator has announced to etcd or is about to."""
        made = {pod.ordinal + 1 for pod in self.pods} | {c.ordinal + 1 for c in self.claims}
        made |= {self.cluster.spec.size, self.replicas or 0}
        return count_announced(self.gate_annotations, made)

    @cached_property
    def data_claims(self) -> tuple[Claim, ...]:
        """The disks with the data, one for each member."""
        return tuple(claim for claim in self.claims if not claim.wal)

    @property
    def gate_annotations(self) -> Mapping[str, str]:
        """The annotations of the gate, if it is this cluster's."""
        gate = self.config_map
        return gate.annotations if gate and gate.owner_uid == self.naming.uid else {}

    @cached_property
    def ownership(self) -> Ownership:
        """The members that are the operator's, by ordinal, and those that are not."""
        answering = {
            pod.ordinal: probe.status.member_id
            for pod in self.pods
            if (probe := self.probes.get(pod.ordinal)) and probe.status
            if pod.owner_uid == self.naming.uid and probe.status.cluster_id == self.live_cluster_id
        }
        allowed = self.take_over.members.values() if self.take_over else ()
        return sort_members(self.members, self.naming, self.announced, answering, allowed)

    @cached_property
    def take_over(self) -> TakeOver | None:
        """The record of the take-over that is under way, if one is."""
        return find_take_over(self.gate_annotations)

    @cached_property
    def member_statuses(self) -> tuple[MemberStatus, ...]:
        """The answers of this cluster's members."""
        found = (seat.probe.status for seat in self.seats() if seat.member and seat.probe)
        return tuple(s for s in found if s and s.cluster_id == self.live_cluster_id)

    @property
    def source_statuses(self) -> tuple[MemberStatus, ...]:
        """The answers of members that are to be taken over, of the cluster that was listed."""
        return tuple(self.source.statuses(self.live_cluster_id)) if self.source else ()

    @property
    def quorum_confirmed(self) -> bool:
        """Whether a quorum confirmed the member list in this very pass."""
        return self.membership is not None and self.membership.linearizable

    def seats(self) -> tuple[Seat, ...]:
        """All ordinals that anything exists for, in order."""
        return tuple(self._seats.values())

    @cached_property
    def _seats(self) -> Mapping[int, Seat]:
        members = self.ownership.own
        pods = {pod.ordinal: pod for pod in self.pods}
        claims = {claim.ordinal: claim for claim in self.data_claims}
        wals = {claim.ordinal: claim for claim in self.claims if claim.wal}
        ordinals = sorted(members.keys() | pods.keys() | claims.keys() | wals.keys())
        return {
            o: Seat(o, members.get(o), pods.get(o), claims.get(o), self.probes.get(o), wals.get(o))
            for o in ordinals
        }

    def seat(self, ordinal: int) -> Seat:
        """Objects and the member of one ordinal."""
        seat = self._seats.get(ordinal)
        return seat or Seat(ordinal, None, None, None, self.probes.get(ordinal))

    @cached_property
    def leader_id(self) -> int:
        """The leader's member ID as the answer of the highest term has it; 0 when unknown."""
        own = [p.status for p in self.probes.values() if p.status]
        answers = [status for status in (*own, *self.source_statuses) if status.leader]
        return max(answers, key=lambda s: s.raft_term).leader if answers else 0


_OBJECTS: Final = frozenset({"naming", "children"})
_RECORDS: Final = _OBJECTS | {"cluster"}
_MADE: Final = _RECORDS | {"pods", "claims"}
_TOLD: Final = _MADE | {"membership", "probes"}
# What is worked out once per snapshot, and the fields that it is worked out from.
WORKED_OUT: Final[Mapping[str, frozenset[str]]] = {
    "statefulset": _OBJECTS,
    "config_map": _OBJECTS,
    "template_version": _OBJECTS,
    "template_image": _OBJECTS,
    "recorded_cluster_id": _RECORDS,
    "cluster_id_records": _RECORDS,
    "announced": _MADE,
    "data_claims": frozenset({"claims"}),
    "ownership": _TOLD,
    "_seats": _TOLD,
    "member_statuses": _TOLD,
    "take_over": _OBJECTS,
    "alarms": frozenset({"membership", "probes", "source"}),
    "leader_id": frozenset({"membership", "probes", "source"}),
}
