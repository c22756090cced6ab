"""What a pass sees: the caches as they are shown to it, and what the members answer.

The snapshot's parts are the real ones; each is built once per value.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from etcd_operator.api.cluster import (
    Condition,
    EtcdCluster,
    EtcdClusterSpec,
    EtcdClusterStatus,
    Phase,
)
from etcd_operator.core.layout import (
    ANNOTATION_RESTORE,
    ANNOTATION_RESTORE_SIZE,
    ANNOTATION_RESTORED,
)
from etcd_operator.core.live_objects import Child as CoreChild
from etcd_operator.core.live_objects import Claim as CoreClaim
from etcd_operator.core.live_objects import Host, Probe, Trouble
from etcd_operator.core.live_objects import Pod as CorePod
from etcd_operator.core.members import Comparison, Member, MemberList, MemberStatus, Standing
from etcd_operator.core.naming import FINALIZER, FORCED, Naming
from etcd_operator.core.replacement import ANNOTATION_RECORD, ANNOTATION_WISH
from etcd_operator.core.snapshot import Snapshot
from tests.model.etcd import has_majority, is_up, runs
from tests.model.kubernetes import (
    child_revision,
    claim_revision,
    cluster_revision,
    is_ready,
    pod_revision,
    tell,
)
from tests.model.world import (
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
    Hashes,
    Line,
    Pod,
    State,
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


class Answer(NamedTuple):
    """One member's answer to a status request; who is `mute` only says what is on its disk."""

    member: int
    cluster: int
    leader: int
    learner: bool
    version: str
    mute: bool = False
    alarms: tuple[int, ...] = ()


NO_ANSWER: Final = Answer(0, 0, 0, learner=False, version="")


class Membership(NamedTuple):
    """A member list as it was answered."""

    cluster: int
    lines: tuple[Line, ...]
    linearizable: bool
    foreign: tuple[Stranger, ...] = ()


class Seen(NamedTuple):
    """Everything that one pass sees; `answers` are None where nobody was asked.

    `looked_up`: the claims are not those of a cache but were asked for. `compared` is what the
    operator remembers of what members hold.
    """

    cluster: Cluster
    cluster_revision: str
    children: tuple[Child | None, ...]
    told: Told
    pods: tuple[tuple[Any, ...] | None, ...]
    claims: tuple[tuple[Any, ...] | None, ...]
    looked_up: bool
    answers: tuple[Answer | None, ...]
    membership: Membership | None
    hosts: tuple[bool, ...]
    compared: tuple[Hashes, ...]


def see(state: State, *, looked_up: bool) -> Seen | None:
    """Return what a pass that starts now sees; None if the caches show no EtcdCluster.

    `looked_up`: it asks for the claims instead of believing the cache.
    """
    frozen = state.frozen
    cluster = frozen.cluster[0] if frozen and frozen.cluster else state.cluster
    if cluster is None:
        return None
    pods = (frozen and frozen.pods) or state.pods
    children = (frozen and frozen.children) or state.children
    told = frozen.told if frozen and frozen.children else tell(state)
    claims = (not looked_up and frozen and frozen.claims) or state.claims
    answers = tuple(_ask_all(state, pods, cluster.life))
    if state.shut_out:
        answers = tuple(answer and NO_ANSWER for answer in answers)
    return Seen(
        cluster,
        cluster_revision(cluster),
        children,
        told,
        tuple(
            _show_pod(state, o, p) if p and p.life == cluster.life else None
            for o, p in enumerate(pods)
        ),
        tuple(((*c[:4], c.volume, c.asked, c.has) if c else None) for c in claims),
        looked_up,
        answers,
        _list_members(state, answers),
        tuple(_is_lost(state, o) for o in range(len(pods))),
        state.compared,
    )


def _show_pod(state: State, ordinal: int, pod: Pod) -> tuple[Any, ...]:
    """What a pass sees of a Pod.

    `stale`: its configuration was written anew since it was made. `soon`: a majority runs, and an
    election takes less time than anybody waits for a process that runs to be Ready.
    """
    stale = len(pod.mounts) > 1
    soon = pod.process == RUNNING and state.etcd is not None and has_majority(state, state.etcd)
    ready = is_ready(state, ordinal)
    return (*pod[:3], *pod[4:10], ready, stale, soon, pod_revision(pod))


def _is_lost(state: State, ordinal: int) -> bool:
    """Whether the node that a Pod or its disk is bound to does not answer: asked of the present."""
    pod, claim = state.pods[ordinal], state.claims[ordinal]
    return bool((pod and pod.lost) or (claim and claim.lost))


def _ask_all(state: State, pods: tuple[Pod | None, ...], life: int) -> Iterator[Answer | None]:
    """Ask every Pod that is shown as running; one that was replaced meanwhile does not answer."""
    for ordinal, pod in enumerate(pods):
        if pod is None or pod.process != RUNNING or pod.life != life:
            yield None
            continue
        live = state.pods[ordinal]
        same = live is not None and live.uid == pod.uid
        yield _ask(state, ordinal) if same and runs(state, ordinal) else NO_ANSWER


def _ask(state: State, ordinal: int) -> Answer:
    claim, pod, etcd = state.claims[ordinal], state.pods[ordinal], state.etcd
    if claim is None or claim.disk is None or pod is None:
        return NO_ANSWER
    disk = claim.disk
    version = pod.revision.partition(" ")[0]
    if etcd is None or etcd.cluster != disk.cluster:
        return Answer(disk.member, disk.cluster, 0, learner=False, version=version)
    leader = etcd.line(etcd.leader) if etcd.leader >= 0 else None
    line = etcd.line(ordinal)
    learner = line is not None and line.id == disk.member and line.learner
    # etcd serves clients only when it has seen a quorum since it started.
    mute = leader is None and pod.restarts > 0
    leads = leader.id if leader else 0
    return Answer(disk.member, disk.cluster, leads, learner, version, mute, etcd.alarms)


def _list_members(state: State, answers: tuple[Answer | None, ...]) -> Membership | None:
    """Ask for a list that a quorum confirms, else for the first member's own view."""
    etcd = state.etcd
    able = [
        o for o, a in enumerate(answers) if a and a is not NO_ANSWER and not (a.learner or a.mute)
    ]
    if etcd is not None and etcd.leader >= 0:
        for ordinal in able:
            line = etcd.line(ordinal)
            if line is not None and is_up(state, line):
                return Membership(etcd.cluster, etcd.members, True, etcd.foreign)
    for ordinal in able:
        claim = state.claims[ordinal]
        if claim and claim.disk:
            disk = claim.disk
            current = etcd.members if etcd and etcd.cluster == disk.cluster else ()
            return Membership(disk.cluster, disk.view or current, linearizable=False)
    return None


def build_snapshot(seen: Seen, specs: Specs) -> Snapshot:
    """Build the planner's input."""
    cluster, naming = _cluster(seen, specs), Naming(NAMESPACE, NAME, f"life-{seen.cluster.life}")
    pods = tuple(_pod(o, p, seen.hosts[o]) for o, p in enumerate(seen.pods) if p)
    claims = tuple(_claim(o, c, seen.hosts[o]) for o, c in enumerate(seen.claims) if c)
    children = {
        SLOTS[slot]: _child(slot, child, seen.told)
        for slot, child in enumerate(seen.children)
        if child
    }
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
        hosts={pod.ordinal: Host.DOWN for pod in pods if seen.hosts[pod.ordinal]},
        compared=tuple(Comparison(NOW, 1, dict(hashes)) for hashes in seen.compared),
    )
    return replace(snapshot, unlabelled_claims=() if seen.looked_up else None)


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
    lost = Condition(
        type="QuorumHealthy", status="False", last_transition_time=LONG_AGO.isoformat()
    )
    starting = Condition(type="Progressing", status="True", reason="Starting")
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
    stale, soon, version = seen[10:]
    homeless = lost and process == WAITING and not deleting
    crash = Trouble("CrashLoopBackOff", "etcd ended") if process == CRASHED else None
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
        trouble=Trouble("Unschedulable", "no node") if homeless else crash,
        unready_since=NOW if soon else LONG_AGO,
        ends_by=LONG_AGO if deleting else None,
        last_words=words,
        forced=revision.endswith(FORCED),
    )


@functools.cache
def _claim(ordinal: int, seen: tuple[Any, ...], lost: bool) -> CoreClaim:
    uid, life, bound, deleting, volume, asked, has = seen
    live = Claim(uid, life, bound, deleting, None, asked=asked, has=has)
    return CoreClaim(
        name=f"data-{NAME}-{ordinal}",
        ordinal=ordinal,
        uid=f"claim-{ordinal}-{volume}-{uid}",
        volume=f"volume-{ordinal}-{volume}" if bound else "",
        owner_uid=f"life-{life}",
        bound=bound,
        deleting=deleting,
        resource_version=claim_revision(live),
        created=LONG_AGO if lost else NOW,
        requested=asked,
        capacity=has,
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
    return Member(
        id=line.id,
        name=f"{NAME}-{line.ordinal}" if line.started else "",
        peer_urls=(f"http://{host}:2380",),
        client_urls=(f"http://{host}:2379",) if line.started else (),
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
        return Probe(None, "no answer", Standing(answer.member, REVISION, 1, answer.learner))
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
    )
    return Probe(status)
