"""The planner's input, built from what a pass sees.

The snapshot's parts are the real ones; each is built once per value.
"""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from etcd_operator.api.cluster import (
    Condition,
    EtcdCluster,
    EtcdClusterSpec,
    EtcdClusterStatus,
    Phase,
)
from etcd_operator.api.quantity import read_quantity
from etcd_operator.api.release import Minor, Version
from etcd_operator.core.bootstrap.gate_record import (
    ANNOTATION_RESTORE,
    ANNOTATION_RESTORE_SIZE,
    ANNOTATION_RESTORED,
)
from etcd_operator.core.in_place_restore.record import ANNOTATION_RECORD, ANNOTATION_WISH
from etcd_operator.core.model.addresses import with_addresses
from etcd_operator.core.model.compute import Compute, read_compute
from etcd_operator.core.model.live_objects import Child as CoreChild
from etcd_operator.core.model.live_objects import Claim as CoreClaim
from etcd_operator.core.model.live_objects import NodeState, PodProblem, Probe
from etcd_operator.core.model.live_objects import Pod as CorePod
from etcd_operator.core.model.members import (
    Comparison,
    Member,
    MemberList,
    MemberStatus,
    RaftProgress,
)
from etcd_operator.core.model.naming import FINALIZER, FORCED, ROLE_LEAVING, Naming
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.reasons import routine
from etcd_operator.core.reasons.condition_types import QUORUM_HEALTHY
from etcd_operator.simulation.kubernetes import child_revision, claim_revision
from etcd_operator.simulation.observation import NO_ANSWER, Answer, Seen
from etcd_operator.simulation.second_disks import with_logs
from etcd_operator.simulation.world import (
    CRASHED,
    NAME,
    NAMESPACE,
    RUNNING,
    SLOTS,
    STATEFUL_SET,
    WAITING,
    Child,
    Claim,
    Cluster,
    Line,
    Status,
    Stranger,
    Told,
)

Specs = tuple[EtcdClusterSpec, ...]
NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
# What every member has: approvals may differ in the revision that they accept.
REVISION: Final = 9
# Every delay is over: the model has no clock.
LONG_AGO: Final = datetime(2025, 1, 1, tzinfo=UTC)
# The gate was written after the Pods that have seen an older one, and before all others.
WRITTEN: Final = datetime(2025, 7, 1, tzinfo=UTC)
SINCE: Final = datetime(2025, 8, 1, tzinfo=UTC)


def build_snapshot(seen: Seen, specs: Specs) -> Snapshot:
    """Build the planner's input."""
    cluster, naming = _cluster(seen, specs), Naming(NAMESPACE, NAME, f"life-{seen.cluster.life}")
    pods = tuple(_pod(o, p, seen.nodes[o]) for o, p in enumerate(seen.pods) if p)
    claims = tuple(_claim(o, c, seen.nodes[o]) for o, c in enumerate(seen.claims) if c)
    children = {
        SLOTS[slot]: _child(slot, child, seen.told)
        for slot, child in enumerate(seen.children)
        if child
    }
    if cluster.spec.member_addresses is not None:
        naming = with_addresses(naming, cluster.spec, children)
    lines = seen.membership
    snapshot = Snapshot(
        cluster=cluster,
        naming=naming,
        now=NOW,
        children=children,
        pods=pods,
        claims=claims,
        membership=lines
        and MemberList(
            lines.cluster,
            (*map(_member, lines.lines), *map(_stranger, lines.foreign)),
            lines.linearizable,
        ),
        probes={o: _probe(a) for o, a in enumerate(seen.answers) if a},
        nodes={pod.ordinal: NodeState.DOWN for pod in pods if seen.nodes[pod.ordinal]},
        compared=tuple(Comparison(NOW, 1, dict(hashes)) for hashes in seen.compared),
        out_of_service=frozenset(pod.uid for pod in pods if pod.role == ROLE_LEAVING),
    )
    return with_logs(replace(snapshot, unlabelled_claims=() if seen.looked_up else None))


def _cluster(seen: Seen, specs: Specs) -> EtcdCluster:
    cluster = seen.cluster
    return EtcdCluster(
        namespace=NAMESPACE,
        name=NAME,
        uid=f"life-{cluster.life}",
        resource_version=seen.cluster_revision,
        generation=1,
        deleting=cluster.deleting,
        finalizers=(FINALIZER,) if cluster.finalizer else (),
        annotations=_annotate(cluster, specs),
        spec=specs[cluster.spec],
        status=build_status(cluster.status),
    )


def _annotate(cluster: Cluster, specs: Specs) -> dict[str, str]:
    marks, annotations = cluster.marks, {}
    if marks.wish:
        annotations[ANNOTATION_WISH] = "restore"
    if marks.record:
        annotations[ANNOTATION_RECORD] = marks.record
    if marks.filled:
        annotations[ANNOTATION_RESTORE] = annotations[ANNOTATION_RESTORED] = "restore"
        annotations[ANNOTATION_RESTORE_SIZE] = str(specs[0].size)
    return annotations


@functools.cache
def build_status(status: Status) -> EtcdClusterStatus:
    """The status that carries what decisions depend on; a loss that it tells of has lasted."""
    lost = Condition(type=QUORUM_HEALTHY, status="False", last_transition_time=LONG_AGO.isoformat())
    starting = Condition(type="Progressing", status="True", reason=routine.STARTING.name)
    return EtcdClusterStatus(
        phase=Phase(status.phase) if status.phase else None,
        cluster_id=status.cluster_id,
        conditions=(*((starting,) if status.starting else ()), *((lost,) if status.lost else ())),
        last_recovery=status.recovered,
        spent_approvals=status.spent,
    )


@functools.cache
def _pod(ordinal: int, seen: tuple[Any, ...], lost: bool) -> CorePod:
    uid, life, revision, deleting, role, process, restarts, ever_ran, words, ready = seen[:10]
    stale, soon, version, has, ephemeral = seen[10:]
    compute = _read_compute(has, revision)
    homeless = lost and process == WAITING and not deleting
    crash = PodProblem("CrashLoopBackOff", "etcd ended") if process == CRASHED else None
    return CorePod(
        name=f"{NAME}-{ordinal}",
        ordinal=ordinal,
        uid=f"pod-{ordinal}-{uid}",
        owner_uid=f"life-{life}",
        resource_version=version,
        created=LONG_AGO if stale else NOW if process == WAITING and not homeless else SINCE,
        address=f"10.0.{uid}.{ordinal}",
        running=process == RUNNING,
        ever_ran=ever_ran,
        ready=ready,
        was_ready=ready,
        deleting=deleting,
        restarts=restarts,
        revision=revision,
        role=role,
        node="" if homeless else "n",
        problem=PodProblem("Unschedulable", "no node") if homeless else crash,
        unready_since=NOW if soon else LONG_AGO,
        ends_by=LONG_AGO if deleting else None,
        termination_message=words,
        forced=revision.endswith(FORCED),
        compute=compute,
        compute_in_effect=compute,
        ephemeral=ephemeral,
    )


def name_volume(ordinal: int, volume: int) -> str:
    """Name of the PersistentVolume of a claim; `volume` is that of `world.Claim`."""
    return f"volume-{ordinal}-{volume}"


def _read_compute(has: str, revision: str) -> Compute | None:
    """CPU and memory of a Pod: what it was given since, or what its revision in a scenario says."""
    text = has or revision.partition(" ")[2].removesuffix(FORCED)
    return read_compute(json.loads(text)) if text.startswith("{") else None


@functools.cache
def _claim(ordinal: int, seen: tuple[Any, ...], lost: bool) -> CoreClaim:
    uid, life, bound, deleting, volume, asked, has = seen
    live = Claim(uid, life, bound, deleting, None, asked=asked, has=has)
    return CoreClaim(
        name=f"data-{NAME}-{ordinal}",
        ordinal=ordinal,
        uid=f"claim-{ordinal}-{volume}-{uid}",
        volume=name_volume(ordinal, volume) if bound else "",
        owner_uid=f"life-{life}",
        bound=bound,
        deleting=deleting,
        resource_version=claim_revision(live),
        created=LONG_AGO if lost else NOW,
        requested=read_quantity(asked),
        capacity=read_quantity(has),
    )


@functools.cache
def _child(slot: int, child: Child, told: Told) -> CoreChild:
    kind, name = SLOTS[slot]
    body = child.manifest.body
    if slot == STATEFUL_SET:
        status = {
            "updateRevision": child.manifest.revision,
            "observedGeneration": told.manifest,
            "replicas": len(told.created.replace("-", "")),
        }
        metadata = {**body["metadata"], "generation": child.manifest.index}
        body = {**body, "metadata": metadata, "status": status}
    return CoreChild(
        kind=kind,
        name=name,
        uid=f"child-{slot}-{child.uid}",
        owner_uid=f"life-{child.life}" if child.life else "",
        resource_version=child_revision(child, told),
        body=body,
        written=WRITTEN if kind == "ConfigMap" else None,
    )


@functools.cache
def _member(line: Line) -> Member:
    host = f"{NAME}-{line.ordinal}.{NAME}-peer.{NAMESPACE}.svc.cluster.local"
    urls = line.advertised or f"http://{host}:2379"
    return Member(
        id=line.id,
        name=f"{NAME}-{line.ordinal}" if line.started else "",
        peer_urls=(f"http://{host}:2380",),
        client_urls=tuple(urls.split(",")) if line.started else (),
        is_learner=line.learner,
    )


@functools.cache
def _stranger(line: Stranger) -> Member:
    return Member(line.id, "", (line.url,), is_learner=True)


@functools.cache
def _probe(answer: Answer) -> Probe:
    if answer is NO_ANSWER or not answer.member:
        return Probe(None, "connection refused")
    if answer.mute:
        return Probe(None, "no answer", RaftProgress(answer.member, REVISION, 1, answer.learner))
    status = MemberStatus(
        member_id=answer.member,
        cluster_id=answer.cluster,
        version=answer.version,
        db_size=1,
        db_size_in_use=1,
        leader=answer.leader,
        revision=REVISION,
        raft_term=1,
        raft_index=1,
        raft_applied_index=1,
        is_learner=answer.learner,
        errors=tuple(f"memberID:{each} alarm:CORRUPT " for each in answer.alarms),
        storage_version=_name(answer.speaks),
        downgrade_target=_name(answer.downgrade),
    )
    return Probe(status)


def _name(minor: Minor) -> str:
    """A version as members tell of the cluster's; empty for none."""
    return f"{Version.name_minor(minor)}.0" if any(minor) else ""
