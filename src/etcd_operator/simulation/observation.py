"""What a pass sees: the caches as they are shown to it, and what the members answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from etcd_operator.api.release import STEPS_DOWN, Minor
from etcd_operator.simulation.etcd import advertises_otherwise, has_majority, is_up, runs
from etcd_operator.simulation.kubernetes import cluster_revision, is_ready, pod_revision, tell
from etcd_operator.simulation.versions import read_minor
from etcd_operator.simulation.world import (
    NO_MINOR,
    RUNNING,
    Child,
    Cluster,
    Hashes,
    Line,
    Pod,
    State,
    Stranger,
    Told,
)


class Answer(NamedTuple):
    """One member's answer to a status request; who is `mute` only says what is on its disk.

    `speaks` and `downgrade` are those of the cluster; members before 3.6 do not tell of them.
    """

    member: int
    cluster: int
    leader: int
    learner: bool
    version: str
    mute: bool = False
    alarms: tuple[int, ...] = ()
    speaks: Minor = NO_MINOR
    downgrade: Minor = NO_MINOR


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
    nodes: tuple[bool, ...]
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
        tuple(
            ((*c[:4], c.volume, c.asked, c.has) if c and not c.ephemeral else None) for c in claims
        ),
        looked_up,
        answers,
        _list_members(state, answers),
        tuple(_is_lost(state, o) for o in range(len(pods))),
        state.compared,
    )


def _show_pod(state: State, ordinal: int, pod: Pod) -> tuple[Any, ...]:
    """What a pass sees of a Pod.

    `stale`: its configuration was written anew since it was made; of one whose process runs this is
    seen by the URLs that it advertises. `soon`: a majority runs, and an election takes less time
    than anybody waits for a process that runs to be Ready.
    """
    stale = len(pod.mounts) > 1 or (
        pod.process == RUNNING and advertises_otherwise(state, ordinal, pod)
    )
    soon = pod.process == RUNNING and state.etcd is not None and has_majority(state, state.etcd)
    ready = is_ready(state, ordinal)
    return (*pod[:3], *pod[4:10], ready, stale, soon, pod_revision(pod), pod.has, pod.ephemeral)


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
    line = etcd.line(ordinal)
    learner = line is not None and line.id == disk.member and line.learner
    # etcd serves clients only when it has seen a quorum since it started.
    mute, leads = not etcd.leader_id and pod.restarts > 0, etcd.leader_id
    tells = read_minor(pod.revision) in STEPS_DOWN
    told = (etcd.speaks, etcd.downgrade) if tells else ()
    return Answer(disk.member, disk.cluster, leads, learner, version, mute, etcd.alarms, *told)


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
