"""Snapshots to decide about, built from whole scenes: `formed(3)`, then change what matters.

Every function returns a new Snapshot, so that a test reads as a sentence:
`silent(with_spec(formed(5), size=3), 4)` is a cluster of five, told to be three, whose member 4
does not answer.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from etcd_operator.api.cluster import EtcdClusterStatus
from etcd_operator.api.parse import parse_cluster
from etcd_operator.api.quantity import read_quantity
from etcd_operator.core.actions import Action, ApplyObject, LabelPod
from etcd_operator.core.model.live_objects import Claim, Pod, Probe
from etcd_operator.core.model.members import Member, MemberList, MemberStatus, format_id
from etcd_operator.core.model.naming import ANNOTATION_ANNOUNCED, FINALIZER, ROLE_VOTER, Naming
from etcd_operator.core.model.parse import observe_child
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.objects.apply import correct_objects
from etcd_operator.core.plan.effective_spec import with_effective_spec
from etcd_operator.core.plan.planner import choose_layout
from etcd_operator.json_types import Json
from tests.builders.built_once import built_once
from tests.builders.written import write, write_json

UID = "0c1c2c3c"
CLUSTER_ID = 0xC1D
NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
NAMING = Naming("team", "db", UID)
REVISION = "db-new"
DB_SIZE = 16 * 2**20


def member_id(ordinal: int) -> int:
    """The member ID of the member with this ordinal: 0xa0, 0xa1 and so on."""
    return 0xA0 + ordinal


def raw_cluster(spec: Json | None = None, **metadata: Any) -> Json:
    """An EtcdCluster as the API server sends it."""
    return {
        "apiVersion": "etcd.etcd.io/v1alpha1",
        "kind": "EtcdCluster",
        "metadata": {
            "namespace": NAMING.namespace,
            "name": NAMING.name,
            "uid": UID,
            "resourceVersion": "7",
            "generation": 2,
            "finalizers": [FINALIZER],
            **metadata,
        },
        "spec": spec or {},
    }


def new(size: int = 3, **spec: Any) -> Snapshot:
    """An EtcdCluster that the operator has taken charge of; nothing else exists, nor any client."""
    cluster = parse_cluster(raw_cluster({"size": size, **spec}))
    away = frozenset(f"pod-{o}" for o in range(9))
    return Snapshot(cluster, NAMING, NOW, unlabelled_claims=(), out_of_service=away)


def restoring(size: int = 3, *, filled: bool = False, by: str = "r") -> Snapshot:
    """A cluster that an EtcdRestore has made, whose disks exist, and are filled or not yet."""
    marks = {"etcd.etcd.io/restore": "r", "etcd.etcd.io/restore-size": str(size)}
    if filled:
        marks["etcd.etcd.io/restored"] = by
    cluster = parse_cluster(raw_cluster({"size": size}, annotations=marks))
    return replace(new(size), cluster=cluster, claims=tuple(claim(o) for o in range(size)))


@built_once
def begun(size: int = 3, **spec: Any) -> Snapshot:
    """A bootstrap under way: objects and Pods exist, nobody answers yet."""
    snapshot = settled(new(size, **spec))
    return replace(
        snapshot,
        pods=tuple(pod(o, ready=False, role=ROLE_VOTER) for o in range(size)),
        claims=tuple(claim(o) for o in range(size)),
    )


@built_once
def formed(members: int = 3, *, version: str = "3.5.21", **spec: Any) -> Snapshot:
    """A healthy cluster at rest: member 0 leads, every object is as rendered."""
    base = new(members, version=version, **spec)
    answers = {o: answer(o, version=version) for o in range(members)}
    snapshot = replace(
        base,
        pods=tuple(pod(o) for o in range(members)),
        claims=tuple(claim(o) for o in range(members)),
        membership=MemberList(CLUSTER_ID, tuple(member(o) for o in range(members)), True),
        probes=answers,
        unlabelled_claims=None,
    )
    return with_status(
        settled(snapshot),
        phase="Running",
        clusterID=format_id(CLUSTER_ID),
        members=[{"name": NAMING.member(o)} for o in range(members)],
    )


def pod(ordinal: int, **changes: Any) -> Pod:
    """A member's Pod that runs and is Ready."""
    usual: dict[str, Any] = {
        "name": NAMING.member(ordinal),
        "ordinal": ordinal,
        "uid": f"pod-{ordinal}",
        "owner_uid": UID,
        "resource_version": "1",
        "address": f"10.0.0.{ordinal + 1}",
        "node": "node-1",
        "running": True,
        "ever_ran": True,
        "ready": True,
        "role": ROLE_VOTER,
        "revision": REVISION,
        "created": NOW,
    }
    return Pod(**{**usual, **changes})


def claim(ordinal: int, **changes: Any) -> Claim:
    """A member's disk, bound."""
    usual: dict[str, Any] = {
        "name": NAMING.claim(ordinal),
        "ordinal": ordinal,
        "uid": f"claim-{ordinal}",
        "owner_uid": UID,
        "resource_version": "1",
        "bound": True,
    }
    return Claim(**{**usual, **_parse_sizes(changes)})


def _parse_sizes(changes: Json) -> Json:
    """Sizes of a claim may be given as texts."""
    sizes = {name: changes[name] for name in ("requested", "capacity") if name in changes}
    return {**changes, **{name: read_quantity(text) for name, text in sizes.items()}}


def member(ordinal: int, **changes: Any) -> Member:
    """A voter that has served."""
    usual: dict[str, Any] = {
        "id": member_id(ordinal),
        "name": NAMING.member(ordinal),
        "peer_urls": (NAMING.peer_url(ordinal),),
        "client_urls": (NAMING.client_url(ordinal),),
    }
    return Member(**{**usual, **changes})


def answer(ordinal: int, *, leader: int = 0, version: str = "3.5.21", **changes: Any) -> Probe:
    """A member's own answer; `leader` is the ordinal it follows."""
    usual: dict[str, Any] = {
        "member_id": member_id(ordinal),
        "cluster_id": CLUSTER_ID,
        "version": version,
        "db_size": DB_SIZE,
        "db_size_in_use": DB_SIZE,
        "leader": member_id(leader),
        "revision": 100,
        "raft_term": 2,
        "raft_index": 200,
        "raft_applied_index": 200,
        "is_learner": False,
    }
    return Probe(MemberStatus(**{**usual, **changes}))


def with_cluster(snapshot: Snapshot, **changes: Any) -> Snapshot:
    """Change fields of the EtcdCluster itself, e.g. `deleting=True`."""
    return replace(snapshot, cluster=replace(snapshot.cluster, **changes))


def with_spec(snapshot: Snapshot, **spec: Any) -> Snapshot:
    """The user changes the spec; keys are as in YAML."""
    parsed = parse_cluster(raw_cluster(write_json({**write(snapshot.cluster.spec), **spec})))
    return with_cluster(snapshot, spec=parsed.spec, flaws=parsed.flaws)


def with_status(snapshot: Snapshot, **status: Any) -> Snapshot:
    """Replace fields of the shown status; keys are as in YAML."""
    before = snapshot.cluster.status.model_dump(by_alias=True, exclude_unset=True)
    shown = EtcdClusterStatus.model_validate({**before, **status})
    return with_cluster(snapshot, status=shown)


def without_status(snapshot: Snapshot) -> Snapshot:
    """The status was lost, e.g. by a restore of the EtcdCluster from a backup."""
    return with_cluster(snapshot, status=EtcdClusterStatus())


def silent(snapshot: Snapshot, *ordinals: int) -> Snapshot:
    """These members do not serve; without a majority nobody does, nor confirms the member list."""
    probes = dict(snapshot.probes)
    for ordinal in ordinals:
        probes[ordinal] = Probe(None, "connection refused")
    answering = {p.status.member_id for p in probes.values() if p.status}
    voters = {m.id for m in snapshot.members if not m.is_learner}
    confirmed = len(answering & voters) * 2 > len(voters)
    membership = snapshot.membership
    if membership is not None:
        membership = replace(membership, linearizable=confirmed) if answering else None
    if not confirmed:
        probes = {o: _without_leader(probe) for o, probe in probes.items()}
    pods = tuple(
        replace(pod, ready=pod.ready and confirmed and pod.ordinal not in ordinals)
        for pod in snapshot.pods
    )
    return replace(snapshot, probes=probes, membership=membership, pods=pods)


def unheard(
    snapshot: Snapshot, *ordinals: int, words: str = "no route", user: bool = False
) -> Snapshot:
    """These members do not answer us, or (`user`) nobody without a user; they stay Ready."""
    probes = {o: Probe(None, words, asks_for_user=user) for o in ordinals}
    heard = {o: p for o, p in snapshot.probes.items() if o not in ordinals}
    return replace(snapshot, probes={**heard, **probes}, membership=None)


def _without_leader(probe: Probe) -> Probe:
    return Probe(replace(probe.status, leader=0)) if probe.status else probe


def led_by(snapshot: Snapshot, leader: int) -> Snapshot:
    """Another member leads."""
    probes = {
        o: Probe(replace(p.status, leader=member_id(leader))) if p.status else p
        for o, p in snapshot.probes.items()
    }
    return replace(snapshot, probes=probes)


def change_pod(snapshot: Snapshot, ordinal: int, **changes: Any) -> Snapshot:
    """Change fields of one Pod."""
    pods = tuple(replace(p, **changes) if p.ordinal == ordinal else p for p in snapshot.pods)
    return replace(snapshot, pods=pods)


def change_claim(snapshot: Snapshot, ordinal: int, **changes: Any) -> Snapshot:
    """Change fields of one disk."""
    sizes = _parse_sizes(changes)
    claims = tuple(replace(c, **sizes) if c.ordinal == ordinal else c for c in snapshot.claims)
    return replace(snapshot, claims=claims)


def change_member(snapshot: Snapshot, ordinal: int, **changes: Any) -> Snapshot:
    """Change fields of one line of the member list."""
    members = tuple(
        replace(m, **changes) if m.id == member_id(ordinal) else m for m in snapshot.members
    )
    return with_members(snapshot, *members)


def with_members(snapshot: Snapshot, *members: Member) -> Snapshot:
    """Replace the member list, confirmed by a quorum."""
    return replace(snapshot, membership=MemberList(CLUSTER_ID, members, True))


def without_pods(snapshot: Snapshot, *ordinals: int) -> Snapshot:
    """These Pods do not exist."""
    return replace(snapshot, pods=tuple(p for p in snapshot.pods if p.ordinal not in ordinals))


def without_claims(snapshot: Snapshot, *ordinals: int) -> Snapshot:
    """These disks do not exist."""
    claims = tuple(c for c in snapshot.claims if c.ordinal not in ordinals)
    return replace(snapshot, claims=claims)


def without_member(snapshot: Snapshot, ordinal: int) -> Snapshot:
    """Etcd knows this member no more; its Pod and disk are still there."""
    probes = {o: p for o, p in snapshot.probes.items() if o != ordinal}
    members = tuple(m for m in snapshot.members if m.id != member_id(ordinal))
    return with_members(replace(snapshot, probes=probes), *members)


def with_learner(
    snapshot: Snapshot,
    ordinal: int,
    *,
    serves: bool = False,
    version: str = "3.5.21",
    **pod_changes: Any,
) -> Snapshot:
    """Etcd knows a learner; `serves` says whether its process has joined already."""
    snapshot = announcing(snapshot, ordinal + 1)
    line = member(ordinal, is_learner=True)
    if not serves:
        line = replace(line, name="", client_urls=())
    snapshot = with_members(snapshot, *snapshot.members, line)
    state = {"ready": serves, "running": serves, "ever_ran": serves, "role": "learner"}
    snapshot = replace(
        snapshot,
        pods=(*snapshot.pods, pod(ordinal, **{**state, **pod_changes})),
        claims=(*snapshot.claims, claim(ordinal)),
    )
    if not serves:
        return settled(snapshot)
    probes = {**snapshot.probes, ordinal: answer(ordinal, is_learner=True, version=version)}
    return settled(replace(snapshot, probes=probes))


def announcing(snapshot: Snapshot, count: int) -> Snapshot:
    """The gate says that members of so many ordinals may be announced."""
    gate = snapshot.config_map
    if gate is None or count <= snapshot.announced:
        return snapshot
    body = copy.deepcopy(gate.body)
    body["metadata"]["annotations"][ANNOTATION_ANNOUNCED] = str(count)
    return change_child(snapshot, gate.kind, gate.name, body=body)


def outdated(snapshot: Snapshot, *ordinals: int) -> Snapshot:
    """These Pods are of an older revision than the StatefulSet's template."""
    for ordinal in ordinals:
        snapshot = change_pod(snapshot, ordinal, revision="db-old")
    return snapshot


def without_child(snapshot: Snapshot, kind: str, name: str) -> Snapshot:
    """Somebody deleted this object."""
    children = {k: v for k, v in snapshot.children.items() if k != (kind, name)}
    return replace(snapshot, children=children)


def change_child(snapshot: Snapshot, kind: str, name: str, **changes: Any) -> Snapshot:
    """Change fields of a live object's record."""
    child = snapshot.children[kind, name]
    return replace(
        snapshot, children={**snapshot.children, (kind, name): replace(child, **changes)}
    )


def settled(snapshot: Snapshot) -> Snapshot:
    """Let the corrections of our own objects take effect, as Kubernetes would."""
    for _ in range(5):
        actions = correct_objects(with_effective_spec(snapshot), choose_layout(snapshot))
        if not actions:
            return snapshot
        for action in actions:
            snapshot = after_kubernetes(snapshot, action)
    raise AssertionError(f"corrections never end: {actions}")


@built_once
def growing(members: int, size: int, version: str = "3.5.21") -> Snapshot:
    """A healthy cluster whose size was just raised, the closed gates already written."""
    return settled(with_spec(formed(members, version=version), size=size))


def after_kubernetes(snapshot: Snapshot, action: Action) -> Snapshot:
    """What an applied object or a labelled Pod looks like in the next pass."""
    match action:
        case ApplyObject(kind=kind, name=name, manifest=manifest):
            live = copy.deepcopy(manifest)
            before = snapshot.children.get((kind, name))
            version = int(before.resource_version) + 1 if before else 1
            live["metadata"].update(
                uid=f"{kind}-{name}", resourceVersion=str(version), generation=version
            )
            if kind == "StatefulSet":
                live["status"] = {"updateRevision": REVISION, "observedGeneration": version}
            child = observe_child(kind, live)
            return replace(snapshot, children={**snapshot.children, (kind, name): child})
        case LabelPod(uid=uid, role=role):
            ordinal = next(p.ordinal for p in snapshot.pods if p.uid == uid)
            return change_pod(snapshot, ordinal, role=role, selected=True)
        case _:
            return snapshot


def left(snapshot: Snapshot, *ordinals: int) -> Snapshot:
    """These members left etcd; Pods and disks are still there."""
    for ordinal in ordinals:
        snapshot = without_member(snapshot, ordinal)
    return snapshot


def deleted(snapshot: Snapshot) -> Snapshot:
    """The user has deleted the EtcdCluster; the finalizer keeps it."""
    return with_cluster(snapshot, deleting=True)


def stopped(members: int = 3) -> Snapshot:
    """A cluster at rest at size 0."""
    off = with_spec(formed(members), size=0)
    off = replace(off, pods=(), membership=None, probes={})
    return with_status(settled(off), phase="Stopped")
