"""What a restore in place adds to the world: the EtcdRestore, set-aside volumes, another cluster.

The EtcdRestore has checked its backup before the user's move "replace"; "undo" takes the wish away.
"""

from __future__ import annotations

from collections.abc import Iterator

from etcd_operator.core.in_place_restore.record import Stage, read_record
from etcd_operator.simulation import etcd, kubernetes
from etcd_operator.simulation.world import (
    NAME,
    Claim,
    Cluster,
    Disk,
    Etcd,
    Line,
    Shelved,
    State,
    put,
)

Step = tuple[str, State]
Change = tuple[State, str | None]

_RESTORED = 0x8000  # the bit of a cluster ID that says that the cluster comes from a backup
_GENERATION = 0xF0  # of the members of such a cluster


def is_restored(cluster: int) -> bool:
    """Whether an etcd cluster comes from a backup."""
    return bool(cluster & _RESTORED)


def user_step(state: State, move: str) -> Iterator[Step]:
    """The EtcdRestore wishes to replace what the cluster holds, or is deleted."""
    cluster = state.cluster
    if cluster is None or cluster.deleting:
        return
    marks = cluster.marks
    if move == "replace" and cluster.status.cluster_id and not (marks.wish or marks.record):
        wished = cluster._replace(marks=marks._replace(wish=True))
        yield "restore: wishes to replace what is there", state._replace(cluster=wished)
    elif move == "undo" and marks.wish:
        undone = cluster._replace(marks=marks._replace(wish=False))
        yield "user: undoes the restore", state._replace(cluster=undone)


def restore_steps(state: State) -> Iterator[Step]:
    """The EtcdRestore makes and fills one disk after the other, when that is recorded."""
    cluster = state.cluster
    record = read_record(cluster.marks.record) if cluster else None
    if cluster is None or record is None or cluster.deleting or cluster.marks.filled:
        return
    if record.stage is not Stage.FILL or not cluster.marks.wish:
        return
    for ordinal in range(record.size):
        claim = state.claims[ordinal]
        if claim is None:
            yield f"restore: makes disk {ordinal}", _put_claim(state, ordinal, cluster.life, None)
            return
        if claim.volume == 0:
            raise etcd.Unsafe(f"disk {ordinal} is to be filled beside the one of before")
        if claim.disk is None and not claim.deleting:
            disk = _restored_disk(cluster.life, ordinal, record.size)
            filled = claim._replace(bound=True, disk=disk)
            yield f"restore: fills disk {ordinal}", _put(state, ordinal, filled)
            return
    if all(claim and not claim.deleting for claim in state.claims[: record.size]):
        marked = cluster._replace(marks=cluster.marks._replace(filled=True))
        yield "restore: says that all disks are filled", state._replace(cluster=marked)


def late_claims(state: State) -> Iterator[Step]:
    """A restore that was undone makes a disk yet, from an old view."""
    cluster = state.cluster
    record = read_record(cluster.marks.record) if cluster else None
    if cluster is None or record is None or record.stage is not Stage.PUT_BACK:
        return
    for ordinal in range(record.size):
        if state.claims[ordinal] is None:
            late = _put_claim(state, ordinal, cluster.life, None)
            yield f"the restore makes disk {ordinal} too late", late


def _put(state: State, ordinal: int, claim: Claim | None) -> State:
    return state._replace(claims=put(state.claims, ordinal, claim))


def _put_claim(state: State, ordinal: int, life: int, disk: Disk | None) -> State:
    uid = int(state.remembered)
    claim = Claim(uid, life, bound=False, deleting=False, disk=disk, volume=1)
    return _put(state, ordinal, claim)


def _restored_disk(life: int, ordinal: int, size: int) -> Disk:
    identity = life * 0x10000 + _RESTORED + (1 << size) - 1
    view = tuple(
        Line(o, etcd.member_id(life, o, _GENERATION), learner=False, started=False)
        for o in range(size)
    )
    return Disk(identity, view[ordinal].id, view, synced=True)


# What the operator asks of the API server


def keep(state: State, ordinal: int, uid: int) -> Change:
    """Have a volume stay when its claim goes."""
    claim = state.claims[ordinal]
    if claim is None or claim.uid != uid:
        return state, kubernetes.CONFLICT
    return _put(state, ordinal, claim._replace(kept=True)), None


def quarantine(state: State, ordinal: int, uid: int, *, bound: bool) -> Change:
    """The same, then delete the claim."""
    if bound:
        state, error = keep(state, ordinal, uid)
        if error:
            return state, error
    return kubernetes.delete_claim(state, ordinal, uid)


def put_back(state: State, ordinal: int) -> Change:
    """Make a claim for a volume that was set aside."""
    shelved, cluster = state.shelf[ordinal], state.cluster
    if state.claims[ordinal] is not None or shelved is None or cluster is None:
        return state, kubernetes.CONFLICT
    uid = int(state.remembered)
    claim = Claim(uid, cluster.life, bound=True, deleting=False, disk=shelved.disk, kept=True)
    return _put(state._replace(shelf=put(state.shelf, ordinal, None)), ordinal, claim), None


def release(state: State, ordinal: int, uid: int, volume: int) -> Change:
    """A volume is what it was before: without a claim it is deleted."""
    claim = state.claims[ordinal]
    if claim is not None and claim.volume == volume:
        if claim.uid != uid:
            return state, None
        return _put(state, ordinal, claim._replace(kept=False)), None
    return state._replace(shelf=put(state.shelf, ordinal, None)), None


def record(state: State, life: int, revision: str, text: str, *, undone: bool) -> Change:
    """Write the record; at its end the wish goes too."""
    cluster = state.cluster
    if cluster is None:
        return state, kubernetes.NOT_FOUND
    if cluster.life != life or kubernetes.cluster_revision(cluster) != revision:
        return state, kubernetes.CONFLICT
    marks = cluster.marks._replace(record=text)
    if not text:
        marks = marks._replace(wish=False)
    if undone:
        marks = marks._replace(filled=False)
    return state._replace(cluster=cluster._replace(marks=marks)), None


# What becomes of etcd


def choose_volume(state: State) -> int:
    """Which volume a claim gets that the StatefulSet makes now."""
    return 2 if state.cluster and state.cluster.marks.record else 0


def must_keep(cluster: Cluster | None) -> bool:
    """Whether what was there before has to be kept."""
    record = read_record(cluster.marks.record) if cluster else None
    if cluster is None or record is None or cluster.deleting:
        return False
    return record.stage not in (Stage.START, Stage.SERVE)


def shelve(state: State, ordinal: int, claim: Claim) -> State:
    """A claim is gone: its volume is set aside, if it was told to stay."""
    if not must_keep(state.cluster) or not claim.bound or claim.volume:
        return state
    members = state.etcd.members if state.etcd else ()
    of_member = claim.disk is not None and claim.disk.member in {line.id for line in members}
    if of_member and not claim.kept:
        raise etcd.Unsafe(f"the disk {ordinal} of before was deleted")
    if not claim.kept:
        return state
    return state._replace(shelf=put(state.shelf, ordinal, Shelved(claim.disk)))


def check_lives(state: State, ordinal: int, disk: Disk) -> None:
    """Members of two etcd clusters of one EtcdCluster never run at the same time."""
    for other in range(len(state.pods)):
        beside = etcd.disk_at(state, other)
        if other == ordinal or beside is None or not etcd.runs(state, other):
            continue
        if beside.cluster != disk.cluster and beside.cluster >> 16 == disk.cluster >> 16:
            raise etcd.Unsafe(f"member {ordinal} of {NAME} runs beside {other} of another life")


def return_steps(state: State) -> Iterator[Step]:
    """The cluster of before runs again, when nobody of the restored one does."""
    former, now = state.former, state.etcd
    if former is None or now is None or any(etcd.is_up(state, m) for m in now.members):
        return
    if etcd.has_majority(state, former):
        back = state._replace(etcd=former._replace(leader=-1), former=None)
        yield "etcd: the cluster of before runs again", back


def known_clusters(state: State) -> set[int]:
    """The etcd clusters that have been formed and may run."""
    return {one.cluster for one in (state.etcd, state.former) if one is not None}


def take_over(state: State, formed: Etcd) -> State:
    """A restored cluster is formed: the one of before is remembered."""
    if is_restored(formed.cluster) and state.etcd and state.etcd.life == formed.life:
        return state._replace(etcd=formed, former=state.etcd)
    return state._replace(etcd=formed)
