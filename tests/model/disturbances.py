"""What people and bad luck do: the user's moves, and faults within a budget."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from etcd_operator.simulation import etcd, kubernetes, replacing
from etcd_operator.simulation.world import (
    CONFIG_MAP,
    CRASHED,
    LIVE,
    NO_STATUS,
    PEER_SERVICE,
    RUNNING,
    SLOTS,
    STATEFUL_SET,
    Cluster,
    State,
    View,
    put,
)
from tests.model import differing, strangers

Step = tuple[str, State]
Fault = Callable[[State], Iterator[Step]]

CREATE: Final = "create"
DELETE: Final = "delete"
REPLACE: Final = "replace"
UNDO: Final = "undo"
GATE_DELETED: Final = "gate deleted"


def user_steps(state: State, script: tuple[str | int, ...]) -> Iterator[Step]:
    """The next move of the script: create, delete, or the place of another spec."""
    if state.script >= len(script):
        return
    move, cluster = script[state.script], state.cluster
    following = state._replace(script=state.script + 1)
    if move == CREATE:
        if cluster is None:
            life = state.etcd.life + 1 if state.etcd else 1
            life = max([life, *(c.life + 1 for c in state.children if c)])
            created = Cluster(life, 0, deleting=False, finalizer=False, status=NO_STATUS)
            yield "user: creates the EtcdCluster", following._replace(cluster=created)
    elif cluster is None:
        return
    elif move in (REPLACE, UNDO):
        yield from replacing.user_step(following, str(move))
    elif move == DELETE:
        if not cluster.deleting:
            gone = cluster._replace(deleting=True) if cluster.finalizer else None
            yield "user: deletes the EtcdCluster", following._replace(cluster=gone)
    elif not cluster.deleting:
        changed = cluster._replace(spec=int(move))
        yield f"user: changes to spec {move}", following._replace(cluster=changed)


def fault_steps(state: State, faults: tuple[str, ...]) -> Iterator[Step]:
    """Every fault that may happen now, each at the cost of one from the budget."""
    if state.faults == 0:
        return
    left = state.faults - 1
    for name in faults:
        for label, following in FAULTS[name](state):
            yield f"fault: {label}", following._replace(faults=left)


def _caches_lag(state: State) -> Iterator[Step]:
    yield from _lag(state, "all")


def _one_cache_lags(state: State) -> Iterator[Step]:
    for kind in ("cluster", "children", "pods", "claims"):
        yield from _lag(state, kind)


def _lag(state: State, kind: str) -> Iterator[Step]:
    if state.remembered:
        return
    everything = kind == "all"
    view = View(
        (state.cluster,) if everything or kind == "cluster" else LIVE,
        state.children if everything or kind == "children" else LIVE,
        tuple(p and p._replace(mounts=()) for p in state.pods)
        if everything or kind == "pods"
        else LIVE,
        tuple(c and c._replace(disk=None) for c in state.claims)
        if everything or kind == "claims"
        else LIVE,
        kubernetes.tell(state),
    )
    yield f"the caches stop following ({kind})", state._replace(frozen=view)


def _status_lags(state: State) -> Iterator[Step]:
    """The StatefulSet controller has its work to do before it tells of it."""
    if state.told is None and state.statefulset is not None:
        told = kubernetes.tell(state)
        yield "the StatefulSet's status is not kept up", state._replace(told=told)


def _lose_status(state: State) -> Iterator[Step]:
    cluster = state.cluster
    if cluster is not None and cluster.status != NO_STATUS:
        yield "the status is lost", state._replace(cluster=cluster._replace(status=NO_STATUS))


def _delete_pod(state: State) -> Iterator[Step]:
    for ordinal, pod in enumerate(state.pods):
        if pod is not None and not pod.deleting and _may_go(state, ordinal):
            following, _ = kubernetes.delete_pod(state, ordinal, pod.uid)
            yield f"Pod {ordinal} is deleted", following


def _drain_pod(state: State) -> Iterator[Step]:
    """Somebody drains a node: the API server is asked as by the operator."""
    for ordinal, pod in enumerate(state.pods):
        if pod is not None and not pod.deleting and _may_go(state, ordinal):
            following, error = kubernetes.evict_pod(state, ordinal, pod.uid)
            if error is None:
                yield f"Pod {ordinal} is evicted", following


def _may_go(state: State, ordinal: int) -> bool:
    """Whether a Pod can go: one with its data only when its gate is closed to the next one."""
    pod = state.pods[ordinal]
    return pod is not None and (not pod.ephemeral or _is_shut(state, ordinal))


def _crash_process(state: State) -> Iterator[Step]:
    for ordinal, pod in enumerate(state.pods):
        if pod is not None and pod.process == RUNNING:
            yield f"process {ordinal} crashes", etcd.stop_process(state, ordinal)


def _wipe_disk(state: State) -> Iterator[Step]:
    """Empty a disk under its member, whose gate is closed (and was, when it was last mounted)."""
    for ordinal, claim in enumerate(state.claims):
        if claim is None or claim.disk is None or not _is_shut(state, ordinal):
            continue
        wiped = state._replace(claims=put(state.claims, ordinal, claim._replace(disk=None)))
        if etcd.runs(state, ordinal):
            wiped = etcd.stop_process(wiped, ordinal)
        yield f"disk {ordinal} is wiped", wiped


def _lose_disk(state: State) -> Iterator[Step]:
    """A node is lost with its disk: the Pod and the claim are deleted by hand."""
    for ordinal, claim in enumerate(state.claims):
        pod = state.pods[ordinal]
        if claim is None or claim.deleting or claim.disk is None or not _is_shut(state, ordinal):
            continue
        following, _ = kubernetes.delete_claim(state, ordinal, claim.uid)
        if pod is not None:
            following, _ = kubernetes.delete_pod(following, ordinal, pod.uid)
        yield f"claim {ordinal} is deleted with its Pod", following


def _delete_claim(state: State) -> Iterator[Step]:
    """Somebody deletes a claim under its running Pod: it goes when the Pod ends."""
    for ordinal, claim in enumerate(state.claims):
        if claim is None or claim.deleting or claim.disk is None or state.pods[ordinal] is None:
            continue
        if etcd.runs(state, ordinal) and _is_shut(state, ordinal):
            following, _ = kubernetes.delete_claim(state, ordinal, claim.uid)
            yield f"claim {ordinal} is deleted under its Pod", following


def _lose_node(state: State) -> Iterator[Step]:
    """A node stops answering, with the member on it and the disk that is only there."""
    for ordinal, (pod, claim) in enumerate(zip(state.pods, state.claims, strict=True)):
        if pod is None or claim is None or claim.disk is None or pod.lost or claim.lost:
            continue
        if pod.process != RUNNING:
            continue
        stranded = pod._replace(process=CRASHED, deleting=True, mounts=(), lost=True)
        following = state._replace(
            pods=put(state.pods, ordinal, stranded),
            claims=put(state.claims, ordinal, claim._replace(lost=True)),
        )
        yield f"the node of member {ordinal} is lost", etcd.settle_leader(following)


def _return_nodes(state: State) -> Iterator[Step]:
    """Lost nodes answer again: their Pods end, their disks can be used."""
    pods = tuple(p and (p._replace(lost=False) if p.lost else p) for p in state.pods)
    claims = tuple(c and (c._replace(lost=False) if c.lost else c) for c in state.claims)
    if pods != state.pods or claims != state.claims:
        yield "lost nodes are back", state._replace(pods=pods, claims=claims)


def _is_shut(state: State, ordinal: int) -> bool:
    gate = state.children[CONFIG_MAP]
    if gate is None or ordinal >= len(gate.manifest.files):
        return False
    file = gate.manifest.files[ordinal]
    return not file.new and file.listed == (ordinal,)


def _delete_slots(*slots: int) -> Fault:
    def delete(state: State) -> Iterator[Step]:
        for slot in slots:
            child = state.children[slot]
            if child is not None and child.life:
                kind, name = SLOTS[slot]
                following, _ = kubernetes.delete_child(state, slot, child.uid)
                yield f"{kind} {name} is deleted", following

    return delete


def _orphan_statefulset(state: State) -> Iterator[Step]:
    live = state.children[STATEFUL_SET]
    if live is not None and live.life:
        following, _ = kubernetes.delete_child(state, STATEFUL_SET, live.uid, orphan=True)
        yield "the StatefulSet is deleted, its Pods are orphaned", following


def _shut_out(state: State) -> Iterator[Step]:
    """Somebody's network policy or service mesh comes between the operator and the members."""
    if not state.shut_out:
        yield "the operator is shut out", state._replace(shut_out=True)


def _let_in(state: State) -> Iterator[Step]:
    if state.shut_out:
        yield "the operator is let in again", state._replace(shut_out=False)


FAULTS: Final[dict[str, Fault]] = {
    "caches lag": _caches_lag,
    "the cache of claims lags": lambda state: _lag(state, "claims"),
    "one cache lags": _one_cache_lags,
    "StatefulSet status lags": _status_lags,
    "status lost": _lose_status,
    "Pod deleted": _delete_pod,
    "Pod drained": _drain_pod,
    "process crashes": _crash_process,
    "disk wiped": _wipe_disk,
    "disk lost": _lose_disk,
    "claim deleted": _delete_claim,
    "node lost": _lose_node,
    "node back": _return_nodes,
    GATE_DELETED: _delete_slots(CONFIG_MAP),
    "StatefulSet deleted": _delete_slots(STATEFUL_SET),
    "Service deleted": _delete_slots(PEER_SERVICE),
    "StatefulSet orphaned": _orphan_statefulset,
    "write": etcd.write_steps,
    "disk made too late": replacing.late_claims,
    differing.DIFFERS: differing.spoil,
    differing.MISLED: differing.mislead,
    strangers.ADDED: strangers.add_by_hand,
    strangers.REMOVED: strangers.remove_by_hand,
    strangers.EDITED: strangers.edit_record,
    strangers.STALE: strangers.put_back,
    "comparisons forgotten": differing.forget,
    "operator shut out": _shut_out,
    "operator let in": _let_in,
    "alarm about corrupt data": differing.raise_alarm,
}
# Taken care of by the passes themselves: a pass that is interrupted between two actions.
SLOW_PASS: Final = "slow pass"
FAULTS[SLOW_PASS] = lambda _: iter(())
