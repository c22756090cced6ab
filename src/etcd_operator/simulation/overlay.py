"""Give what a pass sees in the modelled world the names and the values of the real cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from etcd_operator.api.client_tls import ClientTls
from etcd_operator.api.cluster import EtcdCluster
from etcd_operator.core.auth.state import EtcdAuth
from etcd_operator.core.bootstrap.gate_record import ANNOTATION_RESTORED
from etcd_operator.core.in_place_restore.record import ANNOTATION_RECORD, ANNOTATION_WISH
from etcd_operator.core.model.addresses import with_addresses
from etcd_operator.core.model.issuer_record import with_stages
from etcd_operator.core.model.live_objects import Child, Claim, Pod, Probe
from etcd_operator.core.model.members import NO_SPACE, Member, MemberList, MemberStatus
from etcd_operator.core.model.naming import (
    ANNOTATION_TRUST,
    CLIENT_PORT,
    FINALIZER,
    PEER_PORT,
    Naming,
)
from etcd_operator.core.model.parse import read_client_tls
from etcd_operator.core.model.peer_stage import has_peer_volume
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.model.template import find_claim_template, read_server_certificate
from etcd_operator.simulation.manifest import FIRST_LIFE, life_of
from etcd_operator.simulation.observation import Seen
from etcd_operator.simulation.origin import FIRST_UID, Beyond, Origin
from etcd_operator.simulation.snapshots import LONG_AGO, NOW, build_snapshot
from etcd_operator.simulation.take_over import show_source
from etcd_operator.simulation.world import Line, State

# A Pod that is stopped ends in time.
GRACE: Final = timedelta(minutes=1)
# A Pod that is made in the simulation is past all haste of those that have just begun, and the
# files of members that it has read are older.
AGE_OF_POD: Final = timedelta(minutes=10)
AGE_OF_GATE: Final = timedelta(minutes=11)


def see_real(seen: Seen, state: State, origin: Origin) -> Snapshot:
    """Return the snapshot that a pass over the real cluster would have."""
    beyond: Beyond = state.beyond
    real = origin.snapshot
    cluster = _cluster(seen, beyond, origin)
    naming = Naming.of(cluster, real.naming.domain)
    model = build_snapshot(seen, origin.specs)
    children = {**beyond.children, **_children(model, naming)}
    times = _Times.of(real.config_map, children.get(("ConfigMap", naming.config_map)), beyond.now)
    if times.gate:
        children["ConfigMap", naming.config_map] = times.gate
    naming = with_addresses(with_stages(naming, children, cluster.spec), cluster.spec, children)
    template = _read_template(children.get(("StatefulSet", naming.statefulset)))
    pods = tuple(_pod(pod, state, real, naming, template, times) for pod in model.pods)
    found = replace(
        real,
        cluster=cluster,
        naming=naming,
        now=beyond.now,
        children=children,
        pods=pods,
        claims=tuple(_claim(claim, beyond, real, naming, template) for claim in model.claims),
        membership=_membership(seen, model, real, _Roster(naming, pods, beyond.peer_urls)),
        probes={o: _probe(o, p, state, real) for o, p in model.probes.items()}
        | _silent(state, real),
        unlabelled_claims=model.unlabelled_claims if not real.unlabelled_claims
        else real.unlabelled_claims,
        nodes={pod.ordinal: real.nodes[pod.ordinal] for pod in pods if _is_held(pod, real)},
        credentials=beyond.credentials,
        gate_trust=beyond.gate_trust,
        presented=_find_presented(pods, beyond, naming),
        access=_find_access(beyond, cluster, real),
        passwords=beyond.passwords,
        connections=beyond.connections,
        backups=beyond.backups,
        compacted=beyond.compacted,
        out_of_service=model.out_of_service,
        effective=None,
    )  # fmt: skip
    return _show_others(found, state, real)


def _is_held(pod: Pod, real: Snapshot) -> bool:
    """Whether the node that was observed still counts for a Pod: without one it ends at once."""
    first = pod.uid.endswith(f"-{FIRST_UID}") and pod.ordinal in real.nodes
    return first and (bool(pod.node) or not pod.deleting)


def _show_others(found: Snapshot, state: State, real: Snapshot) -> Snapshot:
    known = {member.id: member for member in real.members}
    lines = state.etcd.members if state.etcd else ()
    roster = _Roster(found.naming, found.pods, state.beyond.peer_urls)
    listed = tuple(roster.show(line, known.get(line.id)) for line in lines)
    return show_source(found.evolve(mirror=state.beyond.mirror), state, known, listed)


def _cluster(seen: Seen, beyond: Beyond, origin: Origin) -> EtcdCluster:
    real, now = origin.snapshot.cluster, seen.cluster
    others = tuple(f for f in real.finalizers if f != FINALIZER)
    managed = (ANNOTATION_WISH, ANNOTATION_RECORD)
    annotations = {k: v for k, v in real.annotations.items() if k not in managed}
    if now.marks.wish:
        annotations[ANNOTATION_WISH] = real.annotations.get(ANNOTATION_WISH, "restore")
    if now.marks.record:
        annotations[ANNOTATION_RECORD] = now.marks.record
    if now.marks.filled and ANNOTATION_RESTORED not in annotations:
        annotations[ANNOTATION_RESTORED] = real.annotations.get(ANNOTATION_WISH, "restore")
    return replace(
        real,
        resource_version=seen.cluster_revision,
        generation=real.generation + now.spec,
        deleting=now.deleting,
        finalizers=(*others, FINALIZER) if now.finalizer else others,
        annotations=annotations,
        spec=origin.specs[now.spec],
        status=beyond.status,
        flaws=real.flaws if now.spec == 0 else (),
    )


def _children(model: Snapshot, naming: Naming) -> dict[tuple[str, str], Child]:
    found = {}
    for (kind, modelled), child in model.children.items():
        name = f"{naming.name}{modelled.removeprefix(model.naming.name)}"
        ours = bool(child.owner_uid) and life_of(child.owner_uid) == FIRST_LIFE
        owner = naming.uid if ours else "another"
        found[kind, name] = replace(child, name=name, owner_uid=owner)
    return found


class _Times(NamedTuple):
    """When the gate was written, and which Pods were made before that.

    `read_since` is when an observed Pod was made at the earliest, if it has read this gate; None
    if none has, because the gate was written anew in the simulation. A real gate may have been
    written a moment ago: it is taken to be older, and so are the Pods that are older than it.
    """

    gate: Child | None
    read_since: datetime | None
    now: datetime

    @classmethod
    def of(cls, before: Child | None, gate: Child | None, now: datetime) -> _Times:
        if gate is None:
            return cls(None, None, now)
        written = now - AGE_OF_GATE
        same = before is not None and before.body.get("data") == gate.body.get("data")
        if before is None or before.written is None or not same:
            return cls(replace(gate, written=written), None, now)
        written = min(written, before.written)
        return cls(replace(gate, written=written), before.written, now)

    def find_observed(self, made: datetime | None) -> datetime | None:
        """When a Pod that was observed was made: before the gate, unless it has read it."""
        written = self.gate.written if self.gate else None
        if made is None or written is None or (self.read_since and made > self.read_since):
            return made
        return min(made, written)

    def find_new(self, made: datetime | None) -> datetime | None:
        """When a Pod of the simulation was made, by its time there."""
        if made is None or made == NOW:
            return made and self.now
        return self.now - (NOW - made if made == LONG_AGO else AGE_OF_POD)


def _shift(moment: datetime, beyond: Beyond) -> datetime:
    """A time of the modelled world, as long before now as it is there."""
    return beyond.now + (moment - NOW)


class _Template(NamedTuple):
    """What is made now has of its template: whom a Pod trusts, how it serves clients and members.

    `attributes` are the VolumeAttributesClasses of disks: of those with the data, and of the logs.
    """

    trust: tuple[str, ...]
    client_tls: ClientTls
    server_certificate: str
    peer_tls: bool
    attributes: tuple[str, str]


def _read_template(statefulset: Child | None) -> _Template:
    body = statefulset.body if statefulset else {}
    template = body.get("spec", {}).get("template", {})
    annotations: Mapping[str, str] = template.get("metadata", {}).get("annotations") or {}
    trust = tuple(filter(None, annotations.get(ANNOTATION_TRUST, "").split(",")))
    claims = [(find_claim_template(body, wal=wal) or {}).get("spec", {}) for wal in (False, True)]
    data, log = (str(claim.get("volumeAttributesClassName") or "") for claim in claims)
    return _Template(
        trust,
        read_client_tls(template),
        read_server_certificate(template),
        has_peer_volume(template),
        (data, log),
    )


def _find_presented(
    pods: tuple[Pod, ...], beyond: Beyond, naming: Naming
) -> dict[tuple[int, int], str]:
    """Signers of what running members show: they load their Secrets by themselves."""
    secrets = {CLIENT_PORT: naming.server_secret, PEER_PORT: naming.peer_secret}
    shown = {
        port: beyond.credentials[secret].certificate
        for port, secret in secrets.items()
        if secret in beyond.credentials
    }
    return {
        (pod.ordinal, port): certificate.issuer_key_id
        for pod in pods
        for port, certificate in shown.items()
        if pod.running and certificate is not None
    }


def _find_access(beyond: Beyond, cluster: EtcdCluster, real: Snapshot) -> EtcdAuth | None:
    """Users and roles; none in a new cluster, and where the spec said nothing of them yet."""
    new = not real.live_cluster_id and real.recorded_cluster_id is None
    unasked = new or real.cluster.spec.auth is None
    if beyond.access is None and unasked and cluster.spec.auth is not None:
        return EtcdAuth()
    return beyond.access


def _pod(
    pod: Pod, state: State, real: Snapshot, naming: Naming, template: _Template, times: _Times
) -> Pod:
    modelled = state.pods[pod.ordinal]
    before = next((each for each in real.pods if each.ordinal == pod.ordinal), None)
    if before is None or modelled is None or modelled.uid != FIRST_UID:
        return _new_pod(pod, state.beyond, naming, template, times)
    told = replace(
        before,
        uid=pod.uid,
        resource_version=pod.resource_version,
        created=times.find_observed(before.created),
        role=pod.role,
        deleting=pod.deleting,
        revision=pod.revision,
        ends_by=before.ends_by or (state.beyond.now + GRACE if pod.deleting else None),
    )
    if modelled.has:
        told = replace(told, compute=pod.compute, compute_in_effect=pod.compute, resize_waits="")
    if modelled.stuck:
        return told
    return replace(
        told,
        running=pod.running,
        ever_ran=pod.ever_ran,
        ready=pod.ready,
        was_ready=before.was_ready or pod.ready,
        restarts=max(before.restarts, pod.restarts),
        problem=None if pod.running else pod.problem,
        unready_since=before.unready_since or (None if pod.ready else real.now),
        termination_message=pod.termination_message,
    )


def _new_pod(pod: Pod, beyond: Beyond, naming: Naming, template: _Template, times: _Times) -> Pod:
    return replace(
        pod,
        name=naming.member(pod.ordinal),
        owner_uid=naming.uid,
        trust=template.trust,
        client_tls=template.client_tls,
        server_certificate=template.server_certificate,
        peer_tls=template.peer_tls,
        created=times.find_new(pod.created),
        unready_since=pod.unready_since and _shift(pod.unready_since, beyond),
        ends_by=pod.ends_by and beyond.now + GRACE,
    )


def _claim(
    claim: Claim, beyond: Beyond, real: Snapshot, naming: Naming, template: _Template
) -> Claim:
    same = (each for each in real.claims if (each.ordinal, each.wal) == (claim.ordinal, claim.wal))
    before = next(same, None)
    ours = life_of(claim.owner_uid) == FIRST_LIFE
    owner = naming.uid if ours or before is None else before.owner_uid
    name = naming.claim(claim.ordinal, wal=claim.wal)
    asked = beyond.attributes_classes.get(name)
    made_with = asked or template.attributes[claim.wal]
    named = replace(claim, name=name, owner_uid=owner, attributes_class=made_with)
    storage = real.cluster.spec.storage
    if claim.wal:
        known = before.requested if before else storage.requested_wal
        size = beyond.wal_sizes.get(name, known)
        named = replace(named, requested=size, capacity=size)
    if before is None or not claim.uid.endswith(f"-{FIRST_UID}"):
        kind = storage.wal if claim.wal and storage.wal else storage
        wanted = kind.storage_class_name or ""
        return replace(
            named,
            storage_class=before.storage_class if before else wanted,
            created=claim.created and _shift(claim.created, beyond),
        )
    return replace(
        named,
        storage_class=before.storage_class,
        created=before.created,
        lost=before.lost,
        finalizers=before.finalizers,
        attributes_class=asked or before.attributes_class,
    )


def _membership(seen: Seen, model: Snapshot, real: Snapshot, roster: _Roster) -> MemberList | None:
    told = seen.membership
    if told is None or model.membership is None:
        return None
    known = {member.id: member for member in real.members}
    foreign = tuple(known[each.id] for each in told.foreign if each.id in known)
    lines = tuple(roster.show(line, known.get(line.id)) for line in told.lines)
    return MemberList(told.cluster, (*lines, *foreign), told.linearizable)


class _Roster(NamedTuple):
    """Members by their lines; `changed` are peer URLs by member ID that were changed since."""

    naming: Naming
    pods: tuple[Pod, ...]
    changed: Mapping[int, tuple[str, ...]]

    def show(self, line: Line, known: Member | None) -> Member:
        """Return the member as etcd lists it; `known` is the one that was observed."""
        naming = self.naming
        urls = (naming.client_url(line.ordinal),) if line.started else ()
        name = naming.member(line.ordinal) if line.started else ""
        if known is None:
            peer_urls = self.changed.get(line.id, (naming.peer_url(line.ordinal),))
            return Member(line.id, name, peer_urls, urls, line.learner)
        pod = next((each for each in self.pods if each.ordinal == line.ordinal), None)
        if pod and known.client_urls and not pod.uid.endswith(f"-{FIRST_UID}"):
            # It has published anew what it serves since its Pod was made.
            told = naming.advertised_urls(line.ordinal, pod.client_tls)
            known = replace(known, client_urls=told)
        return replace(
            known,
            is_learner=line.learner,
            peer_urls=self.changed.get(line.id, known.peer_urls),
            client_urls=known.client_urls or urls,
            name=known.name or name,
        )


def _silent(state: State, real: Snapshot) -> dict[int, Probe]:
    """Answers of members that stay as they are: those that run, and do not answer."""
    return {
        ordinal: real.probes[ordinal]
        for ordinal, pod in enumerate(state.pods)
        if pod is not None and pod.uid == FIRST_UID and pod.stuck and ordinal in real.probes
    }


def _probe(ordinal: int, probe: Probe, state: State, real: Snapshot) -> Probe:
    told = probe.status
    if told is None:
        return probe
    pods = real.source.pods if real.source else ()
    told_by = (*real.probes.values(), *(pod.probe for pod in pods if pod.probe))
    answers = [each.status for each in told_by if each.status]
    before = next((each for each in answers if each.member_id == told.member_id), None)
    like = before or max(answers, key=lambda each: each.raft_applied_index, default=None)
    return replace(probe, status=_status(ordinal, told, like, state) if like else told)


def _status(ordinal: int, told: MemberStatus, like: MemberStatus, state: State) -> MemberStatus:
    beyond: Beyond = state.beyond
    alarms = tuple(e for e in like.errors if NO_SPACE in e) if beyond.no_space else ()
    speaks = told.minor >= (3, 6)
    return replace(
        told,
        db_size=beyond.database_sizes.get(ordinal, like.db_size),
        db_size_in_use=like.db_size_in_use,
        db_size_quota=like.db_size_quota if speaks else 0,
        revision=like.revision,
        raft_term=like.raft_term,
        raft_index=like.raft_index,
        raft_applied_index=like.raft_index,
        errors=(*told.errors, *alarms),
    )
