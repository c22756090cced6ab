"""The modelled Kubernetes: the API server's answers, the controllers and the kubelet."""

from __future__ import annotations

from collections.abc import Iterator

from etcd_operator.api.quantity import Quantity
from etcd_operator.core.model.naming import ROLE_LEAVING, ROLE_VOTER
from etcd_operator.simulation import etcd, replacing
from etcd_operator.simulation.manifest import File, Manifest
from etcd_operator.simulation.world import (
    BUDGET,
    CONFIG_MAP,
    CONTROLLED,
    CRASHED,
    DANGLING,
    ORPHANED,
    RUNNING,
    STATEFUL_SET,
    WAITING,
    Child,
    Claim,
    Cluster,
    Pod,
    State,
    Told,
    forget_uids,
    put,
)

CONFLICT = "conflict"
NOT_FOUND = "not found"
BUDGET_REFUSES = "the budget refuses"
INVALID = "invalid"

_cluster_revisions: dict[Cluster, int] = {}


def cluster_revision(cluster: Cluster) -> str:
    """The EtcdCluster's resourceVersion."""
    return str(_cluster_revisions.setdefault(cluster, len(_cluster_revisions) + 1))


def tell(state: State) -> Told:
    """What the StatefulSet's status says of its Pods: one sign each."""
    if state.told is not None:
        return state.told
    live = state.statefulset
    created = "".join("-" if p is None else str(int(p.process == RUNNING)) for p in state.pods)
    return Told(live.manifest.index if live else 0, created if live else "")


def child_revision(child: Child, told: Told) -> str:
    """A child's resourceVersion; that of a StatefulSet changes with its status as well."""
    if child.manifest.body["kind"] != "StatefulSet":
        return f"{child.manifest.index}"
    return f"{child.manifest.index}/{told.manifest}/{told.created}"


def pod_revision(pod: Pod) -> str:
    """A Pod's resourceVersion: its status changes whenever its process starts or ends.

    That it is not Ready any more is told later than what follows in the same pass.
    """
    return f"{pod.process}/{pod.restarts}/{int(pod.deleting)}/{pod.role}/{pod.owner}/{pod.has}"


def claim_revision(claim: Claim) -> str:
    """A claim's resourceVersion."""
    return f"{int(claim.bound)}{int(claim.deleting)}/{claim.asked}/{claim.has}"


# -- what the API server does on request ----------------------------------------------------------


def apply(
    state: State, slot: int, uid: int | None, revision: str, manifest: Manifest, life: int
) -> tuple[State, str | None]:
    """Server-side apply: `uid` None creates and never takes over; a revision is insisted on."""
    live = state.children[slot]
    if uid is None:
        if live is not None:
            return state, CONFLICT
        live = Child(int(state.remembered), life, manifest)
    else:
        if live is None or live.uid != uid:
            return state, CONFLICT
        if revision and child_revision(live, tell(state)) != revision:
            return state, CONFLICT
        if live.manifest.storage != manifest.storage:
            return state, INVALID  # the claim template of a StatefulSet never changes
        live = live._replace(manifest=manifest.over(live.manifest))
    state = state._replace(children=put(state.children, slot, live))
    return (_show_gate(state) if slot == CONFIG_MAP else state), None


def _show_gate(state: State) -> State:
    """A changed ConfigMap may be read by every process that starts from now on."""
    pods = list(state.pods)
    for ordinal, pod in enumerate(pods):
        if pod is None or pod.process == RUNNING:
            continue
        file = etcd.current_file(state, ordinal, pod.revision)
        if not pod.mounts or pod.mounts[-1] != file:
            pods[ordinal] = pod._replace(mounts=_forget_rounds((*pod.mounts, file)))
    return state._replace(pods=tuple(pods))


def _forget_rounds(mounts: tuple[File | None, ...]) -> tuple[File | None, ...]:
    """Of versions that come again and again, keep the last two rounds.

    While nobody starts its process, a Pod may see its gate open and close for ever. A start that
    fails leaves only last words and a count that ends at two: a third round adds no future.
    """
    for length in range(1, len(mounts) // 3 + 1):
        last = mounts[-length:]
        if last == mounts[-2 * length : -length] == mounts[-3 * length : -2 * length]:
            return mounts[:-length]
    return mounts


def delete_child(
    state: State, slot: int, uid: int, *, revision: str = "", orphan: bool = False
) -> tuple[State, str | None]:
    """Delete one of the rendered objects; a StatefulSet's Pods are collected, unless orphaned."""
    live = state.children[slot]
    if live is None:
        return state, NOT_FOUND
    if live.uid != uid or (revision and child_revision(live, tell(state)) != revision):
        return state, CONFLICT
    state = state._replace(children=put(state.children, slot, None))
    if slot == STATEFUL_SET:
        owner = ORPHANED if orphan else DANGLING
        pods = tuple(
            p._replace(owner=owner) if p and p.owner == CONTROLLED else p for p in state.pods
        )
        state = state._replace(pods=pods, told=None)
    return state, None


def delete_pod(
    state: State, ordinal: int, uid: int, revision: str = "", *, at_once: bool = False
) -> tuple[State, str | None]:
    """Begin to delete a Pod: its process gets its time to end; `at_once`: nobody waits for it."""
    pod = state.pods[ordinal]
    if pod is None:
        return state, NOT_FOUND
    if pod.uid != uid or (revision and pod_revision(pod) != revision):
        return state, CONFLICT
    if at_once:
        return _end_pod(state, ordinal), None
    return state._replace(pods=put(state.pods, ordinal, pod._replace(deleting=True))), None


def _end_pod(state: State, ordinal: int) -> State:
    """The Pod is gone, and its emptyDir with it."""
    pod = state.pods[ordinal]
    if pod is not None and pod.ephemeral:
        state = state._replace(claims=put(state.claims, ordinal, None))
    return etcd.settle_leader(state._replace(pods=put(state.pods, ordinal, None)))


def is_ready(state: State, ordinal: int) -> bool:
    """Readiness asks the member for a linearizable read."""
    members = state.etcd
    line = members.line(ordinal) if members else None
    return (
        members is not None and line is not None and members.leader >= 0 and etcd.is_up(state, line)
    )


def evict_pod(state: State, ordinal: int, uid: int) -> tuple[State, str | None]:
    """Delete a Pod if the PodDisruptionBudget allows it, which counts Pods with a voter's label."""
    pod, live, budget = state.pods[ordinal], state.statefulset, state.children[BUDGET]
    if pod is None:
        return state, NOT_FOUND
    if pod.uid != uid:
        return state, CONFLICT
    if budget is not None and pod.process == RUNNING and not pod.deleting:
        healthy = sum(
            p is not None
            and p.role in (ROLE_VOTER, ROLE_LEAVING)
            and not p.deleting
            and is_ready(state, o)
            for o, p in enumerate(state.pods)
        )
        runs, spec = live.manifest.replicas if live else 0, budget.manifest.body["spec"]
        wanted = spec.get("minAvailable", runs - spec.get("maxUnavailable", 0))
        if healthy <= wanted:
            return state, BUDGET_REFUSES
    return delete_pod(state, ordinal, uid)


def delete_claim(
    state: State, ordinal: int, uid: int, revision: str = ""
) -> tuple[State, str | None]:
    """Begin to delete a claim: it stays while a Pod uses it."""
    claim = state.claims[ordinal]
    if claim is None:
        return state, NOT_FOUND
    if claim.uid != uid or (revision and claim_revision(claim) != revision):
        return state, CONFLICT
    return state._replace(claims=put(state.claims, ordinal, claim._replace(deleting=True))), None


def resize_claim(state: State, ordinal: int, uid: int, size: str) -> tuple[State, str | None]:
    """Ask for a disk of another size: a bound claim may, for no less than its volume has.

    Newer versions of Kubernetes let go of what it asked for before.
    """
    claim = state.claims[ordinal]
    if claim is None:
        return state, NOT_FOUND
    if claim.uid != uid:
        return state, CONFLICT
    if not claim.bound or is_smaller(size, claim.has):
        return state, INVALID
    return state._replace(claims=put(state.claims, ordinal, claim._replace(asked=size))), None


def is_smaller(size: str, other: str) -> bool:
    """Whether a size is below another; an unknown size is below none, and none is below it."""
    return bool(size and other) and Quantity.parse(size) < Quantity.parse(other)


def label_pod(state: State, ordinal: int, uid: int, role: str) -> tuple[State, str | None]:
    """Change a Pod's role."""
    pod = state.pods[ordinal]
    if pod is None:
        return state, NOT_FOUND
    if pod.uid != uid:
        return state, CONFLICT
    return state._replace(pods=put(state.pods, ordinal, pod._replace(role=role))), None


def resize_pod(
    state: State, ordinal: int, uid: int, revision: str, resources: str
) -> tuple[State, str | None]:
    """Give a Pod that runs other resources: the kubelet does so at once."""
    pod = state.pods[ordinal]
    if pod is None:
        return state, NOT_FOUND
    if pod.uid != uid or pod_revision(pod) != revision:
        return state, CONFLICT
    return state._replace(pods=put(state.pods, ordinal, pod._replace(has=resources))), None


def set_pod_revision(
    state: State, ordinal: int, uid: int, version: str, revision: str
) -> tuple[State, str | None]:
    """Change the label that says of which template a Pod is."""
    pod = state.pods[ordinal]
    if pod is None:
        return state, NOT_FOUND
    if pod.uid != uid or pod_revision(pod) != version:
        return state, CONFLICT
    made = pod._replace(revision=revision, has="")
    return state._replace(pods=put(state.pods, ordinal, made)), None


def set_finalizer(
    state: State, life: int, revision: str, *, present: bool
) -> tuple[State, str | None]:
    """Add or remove the finalizer; without it a deleted EtcdCluster is gone."""
    cluster = state.cluster
    if cluster is None:
        return state, NOT_FOUND
    if cluster.life != life or cluster_revision(cluster) != revision:
        return state, CONFLICT
    if cluster.deleting and not present:
        # What was set aside stays for a person to delete.
        return state._replace(cluster=None, former=None, shelf=(None,) * len(state.shelf)), None
    return state._replace(cluster=cluster._replace(finalizer=present)), None


# -- what Kubernetes does by itself ---------------------------------------------------------------


def kubernetes_steps(state: State) -> Iterator[tuple[str, State]]:
    """The StatefulSet controller, the garbage collector and the kubelet, one step each."""
    yield from _controller_steps(state)
    yield from _collector_steps(state)
    for ordinal, pod in enumerate(state.pods):
        claim = state.claims[ordinal]
        # A Pod uses a claim once it is scheduled, and for that the claim must be bound.
        if claim is not None and claim.deleting and (pod is None or not claim.bound):
            gone = replacing.shelve(state, ordinal, claim)
            gone = gone._replace(claims=put(gone.claims, ordinal, None))
            yield f"kubernetes: claim {ordinal} is gone", gone
        if pod is None or pod.lost:
            continue
        if claim is not None and claim.bound and not claim.lost and claim.has != claim.asked:
            grown = put(state.claims, ordinal, claim._replace(has=claim.asked))
            yield f"kubernetes: disk {ordinal} has {claim.asked}", state._replace(claims=grown)
        if pod.deleting:
            yield f"kubernetes: Pod {ordinal} is gone", _end_pod(state, ordinal)
        elif pod.process != RUNNING:
            yield from _kubelet_steps(state, ordinal, pod)


def _controller_steps(state: State) -> Iterator[tuple[str, State]]:
    live = state.statefulset
    if live is None:
        return
    pods, claims = list(state.pods), list(state.claims)
    uid = int(state.remembered)
    for ordinal, pod in enumerate(pods):
        claim = claims[ordinal]
        if live.manifest.runs(ordinal):
            if claim is None and (pod is None or pod.process == WAITING):
                claims[ordinal] = _new_claim(state, live, uid)
            if pod is None and not (claim and claim.deleting):
                pods[ordinal] = _new_pod(state, live, ordinal, uid)
            elif pod is not None and pod.owner == ORPHANED and pod.life == live.life:
                pods[ordinal] = pod._replace(owner=CONTROLLED)
        elif pod is not None and pod.owner == CONTROLLED and not pod.deleting:
            pods[ordinal] = pod._replace(deleting=True)
        elif pod is not None and pod.owner == ORPHANED and pod.life == live.life:
            pods[ordinal] = pod._replace(owner=CONTROLLED, deleting=True)
    if tuple(pods) != state.pods or tuple(claims) != state.claims:
        synced = state._replace(pods=tuple(pods), claims=tuple(claims))
        yield "kubernetes: the StatefulSet's Pods are as it says", synced


def catch_up(state: State) -> State:
    """Let the StatefulSet's controller do what it does at the same time as the operator looks.

    That is to make Pods and claims for a StatefulSet that somebody has scaled out.
    """
    for _, following in _controller_steps(state):
        return following
    return state


def _new_claim(state: State, live: Child, uid: int) -> Claim:
    if live.manifest.ephemeral:
        return Claim(uid, live.life, bound=True, deleting=False, disk=None, ephemeral=True)
    volume = replacing.choose_volume(state)
    fresh = Claim(uid, live.life, bound=False, deleting=False, disk=None, volume=volume)
    return fresh._replace(asked=live.manifest.storage)


def _new_pod(state: State, live: Child, ordinal: int, uid: int) -> Pod:
    gate = state.children[CONFIG_MAP]
    return Pod(
        uid=uid,
        life=live.life,
        revision=live.manifest.revision,
        owner=CONTROLLED,
        deleting=False,
        role=ROLE_VOTER,
        process=WAITING,
        restarts=0,
        ever_ran=False,
        termination_message="",
        mounts=(etcd.current_file(state, ordinal, live.manifest.revision),) if gate else (),
        ephemeral=live.manifest.ephemeral,
    )


def _collector_steps(state: State) -> Iterator[tuple[str, State]]:
    living = state.cluster.life if state.cluster else 0
    for slot, child in enumerate(state.children):
        if child is not None and child.life and child.life != living:
            collected, _ = delete_child(state, slot, child.uid)
            yield f"kubernetes: ownerless {child.manifest.body['kind']} is collected", collected
            return  # the order among them decides nothing
    left = [o for o, p in enumerate(state.pods) if p and p.owner == DANGLING and not p.deleting]
    if left:
        pods = tuple(
            p._replace(deleting=True) if p and o in left else p for o, p in enumerate(state.pods)
        )
        yield f"kubernetes: ownerless Pods {left} are collected", state._replace(pods=pods)


def _kubelet_steps(state: State, ordinal: int, pod: Pod) -> Iterator[tuple[str, State]]:
    claim = state.claims[ordinal]
    if claim is None or claim.deleting or claim.lost or not pod.mounts or pod.stuck:
        return
    verb = "restarts" if pod.process == CRASHED else "starts"
    for version, file in enumerate(pod.mounts):
        following = etcd.start_process(state, ordinal, version)
        if following != state:
            says = "nothing" if file is None else _describe(file.new, file.listed)
            yield f"kubernetes: process {ordinal} {verb} (its file: {says})", following


def _describe(new: bool, listed: tuple[int, ...]) -> str:
    return f"{'new' if new else 'existing'} {','.join(map(str, listed))}"


def thaw(state: State) -> State:
    """The caches are up to date again."""
    return forget_uids(state._replace(frozen=None))
