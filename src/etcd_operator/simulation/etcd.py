"""The modelled etcd: its processes and disks, and elections.

The membership is one value that a quorum has committed; a member that was away remembers the list
it last saw. How it is changed, and what etcd refuses, is in `membership`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from etcd_operator.api.release import Version
from etcd_operator.core.model.naming import FORCED
from etcd_operator.simulation import replacing, versions
from etcd_operator.simulation.manifest import File, life_of
from etcd_operator.simulation.world import (
    CONFIG_MAP,
    COUNTED_RESTARTS,
    CRASHED,
    NO_MINOR,
    OLD,
    RUNNING,
    SAYS_EMPTY,
    SAYS_INCOMPATIBLE,
    SAYS_REMOVED,
    Claim,
    Disk,
    Etcd,
    Line,
    Pod,
    State,
    put,
)

# Limits in a template that make its processes crash, or keep its Pods from being Ready.
CRASHING: Final = '"memory": "1Mi"'
NEVER_READY: Final = '"cpu": "1m"'

# What members made of the log by a defect that whoever applies it again does not have.
DEFECT: Final = 99


class Unsafe(Exception):
    """The process did something that can lose data or make two clusters."""


def cluster_id(file: File) -> int:
    """A bootstrap's cluster ID: a function of token and list."""
    return life_of(file.token) * 0x10000 + sum(1 << ordinal for ordinal in file.listed)


def member_id(life: int, ordinal: int, generation: int = 0) -> int:
    """A member's ID; generation 0 is that of a bootstrap."""
    return life * 0x100000 + (ordinal + 1) * 0x100 + generation


def runs(state: State, ordinal: int) -> bool:
    """Whether an etcd process runs there."""
    pod = state.pods[ordinal]
    return pod is not None and pod.process == RUNNING


def disk_at(state: State, ordinal: int) -> Disk | None:
    """What is on the disk of an ordinal."""
    claim = state.claims[ordinal]
    return claim.disk if claim else None


def is_up(state: State, line: Line) -> bool:
    """Whether this member of the list runs, on the disk of this very member."""
    claim = state.claims[line.ordinal]
    return (
        claim is not None
        and claim.disk is not None
        and claim.disk.member == line.id
        and runs(state, line.ordinal)
    )


def voters_up(state: State, etcd: Etcd) -> tuple[Line, ...]:
    """The voters that run."""
    return tuple(line for line in etcd.members if not line.learner and is_up(state, line))


def votes_up(state: State, etcd: Etcd) -> int:
    """How many voters run, old ones as well."""
    return len(voters_up(state, etcd)) + sum(each.up for each in etcd.old)


def has_majority(state: State, etcd: Etcd) -> bool:
    """Whether a majority of the voters runs."""
    return votes_up(state, etcd) * 2 > etcd.votes


def leads(state: State, etcd: Etcd) -> bool:
    """Whether the leader runs, and may lead: a majority runs."""
    if etcd.leader >= OLD:
        up = any(each.up and each.ordinal + OLD == etcd.leader for each in etcd.old)
        return up and has_majority(state, etcd)
    line = etcd.line(etcd.leader)
    return line is not None and is_up(state, line) and has_majority(state, etcd)


def settle_leader(state: State) -> State:
    """A leader that stopped, or lost its majority, leads no more; the others catch up with it."""
    etcd = state.etcd
    if etcd is None or etcd.leader < 0:
        return state
    if not leads(state, etcd):
        return state._replace(etcd=etcd._replace(leader=-1))
    claims = state.claims
    for line in etcd.members:
        claim = claims[line.ordinal]
        if claim and claim.disk and claim.disk.view and is_up(state, line):
            caught_up = claim._replace(disk=claim.disk._replace(view=()))
            claims = put(claims, line.ordinal, caught_up)
    return state if claims is state.claims else state._replace(claims=claims)


def crashes(revision: str) -> bool:
    """Whether a process of this template ends as soon as it starts."""
    return CRASHING in revision


def is_never_ready(revision: str) -> bool:
    """Whether a Pod of this template is never Ready, although its member serves."""
    return NEVER_READY in revision


def start_process(state: State, ordinal: int, version: int) -> State:
    """Start etcd with one of the versions of its file; it runs, or it exits and will be retried."""
    pod = state.pods[ordinal]
    claim = state.claims[ordinal]
    assert pod is not None
    assert claim is not None
    file = pod.mounts[version] if pod.mounts else None
    disk, words = claim.disk, ""
    if file is None or crashes(pod.revision):
        survives = False  # without its file the process does not even look at its disk
    elif disk is None:
        disk, words = _open_empty_disk(state, ordinal, file)
        survives = disk is not None
    elif file.forced == ordinal:
        state, disk = _force(state, ordinal, disk)
        survives = True
    else:
        survives, words = not _is_told_of_removal(state, ordinal, disk), SAYS_REMOVED
        _check_readable(state, ordinal, disk)
    claim = claim._replace(bound=True, disk=disk, has=claim.has or claim.asked)
    state = state._replace(claims=put(state.claims, ordinal, claim))
    if survives and disk:
        replacing.check_lives(state, ordinal, disk)
        urls = file.advertised if file else ""
        started = pod._replace(process=RUNNING, ever_ran=True, mounts=(), advertised=urls)
    else:
        started = _crash(pod, words)._replace(mounts=pod.mounts[version:])
    return settle_leader(state._replace(pods=put(state.pods, ordinal, started)))


def _force(state: State, ordinal: int, disk: Disk) -> tuple[State, Disk]:
    """A member casts all others out of its list: whatever it knows is the truth from now on."""
    others = [o for o, c in enumerate(state.claims) if o != ordinal and c and c.disk]
    if others:
        raise Unsafe(f"member {ordinal} was forced while members {others} could still start")
    line = Line(ordinal, disk.member, learner=False, started=True)
    speaks = versions.minor_at(state, ordinal)
    etcd = Etcd(disk.cluster // 0x10000, disk.cluster, (line,), ordinal, speaks=speaks)
    return state._replace(etcd=etcd), disk._replace(view=(), synced=True)


def _crash(pod: Pod, words: str) -> Pod:
    restarts = min(pod.restarts + 1, COUNTED_RESTARTS)
    return pod._replace(
        process=CRASHED, ever_ran=True, restarts=restarts, termination_message=words
    )


def stop_process(state: State, ordinal: int, words: str = "") -> State:
    """End a running process; what it then may read of its file is the present version."""
    pod = state.pods[ordinal]
    assert pod is not None
    gate = state.children[CONFIG_MAP]
    mounts = (current_file(state, ordinal, pod.revision),) if gate else ()
    stopped = _crash(pod, words)._replace(mounts=mounts)
    return settle_leader(state._replace(pods=put(state.pods, ordinal, stopped)))


def current_file(state: State, ordinal: int, revision: str) -> File | None:
    """The configuration file, as the live ConfigMap has it, that a Pod of this revision reads."""
    gate = state.children[CONFIG_MAP]
    if gate is not None and revision.endswith(FORCED):
        return next((file for file in gate.manifest.files if file.forced == ordinal), None)
    files = [file for file in gate.manifest.files if file.forced < 0] if gate else []
    return files[ordinal] if ordinal < len(files) else None


def advertises_otherwise(state: State, ordinal: int, pod: Pod) -> bool:
    """Whether a process was started with other client URLs than its file has now."""
    file = current_file(state, ordinal, pod.revision)
    return file is not None and file.advertised != pod.advertised


def _open_empty_disk(state: State, ordinal: int, file: File) -> tuple[Disk | None, str]:
    """What a process without a write-ahead log makes of its file; None and its words if it ends."""
    if ordinal not in file.listed:
        return None, SAYS_EMPTY
    if file.new:
        return _bootstrap(state, ordinal, file), ""
    etcd = state.etcd
    if etcd is None or tuple(line.ordinal for line in etcd.members) != file.listed:
        return None, SAYS_EMPTY
    if etcd.foreign or len(etcd.old) != file.beside:
        return None, SAYS_EMPTY  # the file lists another number of members
    line = etcd.line(ordinal)
    reachable = any(is_up(state, peer) for peer in etcd.members if peer.ordinal != ordinal)
    reachable = reachable or any(each.up for each in etcd.old)
    if line is None or not reachable:
        return None, SAYS_EMPTY
    if not versions.may_join(etcd, versions.minor_at(state, ordinal)):
        return None, SAYS_INCOMPATIBLE
    if line.started and not line.learner:
        raise Unsafe(f"voter {ordinal} joined again with an empty disk under its old identity")
    return Disk(etcd.cluster, line.id, (), synced=False), ""


def _check_readable(state: State, ordinal: int, disk: Disk) -> None:
    """No version may start on a disk that only a later one can read: it ends, and a vote is lost.

    Nor one that is more than one minor version above. A disk stores as the cluster did when its
    member was last there: at most as it does now.
    """
    etcd, minor = state.etcd, versions.minor_at(state, ordinal)
    if etcd is None or etcd.cluster != disk.cluster or disk.view or etcd.speaks == NO_MINOR:
        return
    now, stored = Version.name_minor(minor), Version.name_minor(etcd.speaks)
    if etcd.speaks > minor:
        raise Unsafe(f"member {ordinal} starts with {now} on a disk that {stored} has to read")
    if minor > (etcd.speaks[0], etcd.speaks[1] + 1):
        raise Unsafe(f"member {ordinal} starts with {now} on a disk that {stored} has written")


def _bootstrap(state: State, ordinal: int, file: File) -> Disk:
    identity, life = cluster_id(file), life_of(file.token)
    etcd = state.etcd
    if etcd is not None and etcd.life == life:
        if etcd.cluster != identity:
            raise Unsafe(f"member {ordinal} began a new cluster beside the one that was formed")
        # Who is late is as good as slow, even if it was removed; who was there has forgotten.
        line, pod = etcd.line(ordinal), state.pods[ordinal]
        known = line is not None and line.id == member_id(life, ordinal) and line.started
        if known or (pod and pod.ever_ran):
            raise Unsafe(f"member {ordinal} began again with an empty disk")
    view = tuple(Line(o, member_id(life, o), learner=False, started=False) for o in file.listed)
    first = etcd is None or etcd.life != life
    return Disk(identity, member_id(life, ordinal), view, synced=first)


def _is_told_of_removal(state: State, ordinal: int, disk: Disk) -> bool:
    etcd = state.etcd
    if etcd is None or etcd.cluster != disk.cluster:
        return False
    line = etcd.line(ordinal)
    if line is not None and line.id == disk.member:
        return False
    return any(is_up(state, peer) for peer in etcd.members)


def process_steps(state: State) -> Iterator[tuple[str, State]]:
    """What etcd does by itself: elections, publishing, catching up, removed members stopping."""
    etcd = state.etcd
    yield from _formations(state)
    if etcd is None:
        return
    for ordinal, pod in enumerate(state.pods):
        disk = disk_at(state, ordinal)
        if pod and pod.process == RUNNING and disk and _is_told_of_removal(state, ordinal, disk):
            yield (
                f"etcd: removed member {ordinal} stops itself",
                stop_process(state, ordinal, SAYS_REMOVED),
            )
    if etcd.leader < 0:
        yield from _elections(state, etcd)
        return
    for line in etcd.members:
        if not is_up(state, line):
            continue
        claim = state.claims[line.ordinal]
        assert claim is not None
        assert claim.disk is not None
        if not line.started or line.advertised != _advertises(state, line):
            yield f"etcd: member {line.ordinal} publishes its client URL", _publish(state, line)
        elif not claim.disk.synced:
            yield from _sync(state, line, claim, claim.disk)
    all_up = all(is_up(state, line) for line in etcd.members)
    yield from versions.version_steps(state, all_up=all_up)


def _sync(state: State, line: Line, claim: Claim, disk: Disk) -> Iterator[tuple[str, State]]:
    """A member catches up: by the log, or by a snapshot of whatever its leader holds.

    Once one has joined by a snapshot, the log does not reach back for others who join.
    """
    own = state.etcd is not None and state.etcd.leader < OLD
    leader = disk_at(state, state.etcd.leader) if state.etcd and own else None
    copied = leader.data if leader else 0
    alike = sum(other is not None and other.disk is not None and other.disk.data == copied
                for other in state.claims)  # fmt: skip
    ways = {"is in sync": disk.data, "has a snapshot of the leader": copied}
    if copied in (disk.data, DEFECT):  # beside a defect the log reaches back to the beginning
        del ways["has a snapshot of the leader"]
    elif line.learner and copied and alike > 1:
        del ways["is in sync"]
    for way, data in ways.items():
        synced = claim._replace(disk=disk._replace(synced=True, data=data))
        claims = put(state.claims, line.ordinal, synced)
        yield f"etcd: member {line.ordinal} {way}", state._replace(claims=claims)


def _advertises(state: State, line: Line) -> str:
    pod = state.pods[line.ordinal]
    return pod.advertised if pod else line.advertised


def _publish(state: State, line: Line) -> State:
    etcd = state.etcd
    assert etcd is not None
    told = line._replace(started=True, advertised=_advertises(state, line))
    members = tuple(told if m is line else m for m in etcd.members)
    return state._replace(etcd=etcd._replace(members=members))


def _formations(state: State) -> Iterator[tuple[str, State]]:
    """A majority of a first generation runs: it elects a leader, and the cluster exists."""
    etcd = state.etcd
    running: dict[int, list[int]] = {}
    views: dict[int, tuple[Line, ...]] = {}
    for ordinal in range(len(state.pods)):
        disk = disk_at(state, ordinal)
        if disk and disk.view and runs(state, ordinal):
            if disk.cluster in replacing.known_clusters(state):
                continue
            running.setdefault(disk.cluster, []).append(ordinal)
            views[disk.cluster] = disk.view
    for identity, ordinals in running.items():
        if len(ordinals) * 2 <= len(views[identity]):
            continue
        life = identity // 0x10000
        if etcd is not None and etcd.life == life and not replacing.is_restored(identity):
            raise Unsafe("a second cluster was formed for the same EtcdCluster")
        for leader in ordinals:
            speaks = min(versions.minor_at(state, ordinal) for ordinal in ordinals)
            formed = Etcd(life, identity, views[identity], leader, speaks=speaks)
            yield (
                f"etcd: members {ordinals} form the cluster, {leader} leads",
                settle_leader(replacing.take_over(state, formed)),
            )


def _elections(state: State, etcd: Etcd) -> Iterator[tuple[str, State]]:
    if not has_majority(state, etcd):
        return
    for old in etcd.old:
        if old.up:
            elected = state._replace(etcd=etcd._replace(leader=old.ordinal + OLD))
            yield f"etcd: old member {old.ordinal} is elected", settle_leader(elected)
    up = voters_up(state, etcd)
    able = [line for line in up if (disk := disk_at(state, line.ordinal)) and disk.synced]
    if not able and not etcd.old:
        raise Unsafe("a majority runs, but no member of it has the acknowledged data")
    if len(etcd.members) > 3:
        able = [able[0], able[-1]] if len(able) > 1 else able  # who else leads is much the same
    for line in able:
        elected = state._replace(etcd=etcd._replace(leader=line.ordinal))
        yield f"etcd: member {line.ordinal} is elected", settle_leader(elected)


def write_steps(state: State) -> Iterator[tuple[str, State]]:
    """A client's write is acknowledged by a bare majority; all others lack it."""
    etcd = state.etcd
    if etcd is None or etcd.leader < 0 or state.written:
        return
    up = [line.ordinal for line in voters_up(state, etcd)]
    others = [ordinal for ordinal in up if ordinal != etcd.leader]
    needed = len(etcd.voters) // 2
    for group in (others[:needed], others[len(others) - needed :]):
        holders = {etcd.leader, *group}
        claims = tuple(
            c._replace(disk=c.disk._replace(synced=False))
            if c and c.disk and o not in holders
            else c
            for o, c in enumerate(state.claims)
        )
        yield (
            f"client: a write is acknowledged by {sorted(holders)}",
            state._replace(claims=claims, written=True),
        )
