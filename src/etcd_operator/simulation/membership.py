"""The modelled etcd's membership API: what it commits, and what it refuses.

Refusals that end by waiting (the five-second health window, a learner that is behind) may happen
at any time; all others follow from the state.
"""

from __future__ import annotations

from typing import Final

from etcd_operator.simulation.etcd import disk_at, is_up, member_id, settle_leader, votes_up
from etcd_operator.simulation.world import CONFIG_MAP, Etcd, Line, State, put

# Refusals that say "not yet": a pass that meets one tries again later.
NOT_YET: Final = ("unhealthy cluster", "learner is not in sync", "no leader")

Change = tuple[State, str | None]


def add_learner(state: State, ordinal: int, limit: int) -> Change:
    """MemberAdd with isLearner."""
    etcd = state.etcd
    if etcd is None or etcd.leader < 0:
        return state, "no leader"
    if etcd.line(ordinal) is not None:
        return state, "peer URL exists"
    if sum(line.learner for line in etcd.members) + len(etcd.foreign) >= limit:
        return state, "too many learners"
    line = Line(ordinal, _free_id(state, etcd, ordinal), learner=True, started=False)
    return _commit(state, tuple(sorted((*etcd.members, line)))), None


def _free_id(state: State, etcd: Etcd, ordinal: int) -> int:
    """The lowest ID for this ordinal that nobody remembers."""
    used = {line.id for line in etcd.members}
    for claim in state.claims:
        if claim and claim.disk:
            used.add(claim.disk.member)
            used.update(line.id for line in claim.disk.view)
    used.update(etcd.alarms)
    used.update(member for hashes in state.compared for member, _ in hashes)
    used.update(differed(state).values())
    if state.paused is not None:
        used.update(state.paused.remembered_ids)
    generation = 0
    while member_id(etcd.life, ordinal, generation) in used:
        generation += 1
    return member_id(etcd.life, ordinal, generation)


def differed(state: State) -> dict[int, int]:
    """The record of the gate: whose data differed, by ordinal."""
    gate = state.children[CONFIG_MAP]
    told = gate.manifest.annotations.get("etcd.etcd.io/differed", "") if gate else ""
    entries = (entry.split("/") for entry in told.split())
    return {int(ordinal): int(identity, 16) for ordinal, identity in entries}


def promote(state: State, identity: int) -> Change:
    """MemberPromote."""
    etcd = state.etcd
    if etcd is None or etcd.leader < 0:
        return state, "no leader"
    line = next((m for m in etcd.members if m.id == identity), None)
    if line is None:
        return state, "member not found"
    if not line.learner:
        return state, "not a learner"
    disk = disk_at(state, line.ordinal)
    if not is_up(state, line) or disk is None or not disk.synced:
        return state, "learner is not in sync"
    members = tuple(m._replace(learner=False) if m is line else m for m in etcd.members)
    return _commit(state, members), None


def remove(state: State, identity: int) -> Change:
    """MemberRemove, with etcd's own check that the rest keeps a quorum."""
    etcd = state.etcd
    if etcd is None or etcd.leader < 0:
        return state, "no leader"
    line = next((m for m in etcd.members if m.id == identity), None)
    if line is None:
        return state, "member not found"
    voters = etcd.votes
    if not line.learner:
        if voters == 1:
            return state, "not enough started members"
        up = votes_up(state, etcd)
        if is_up(state, line) and up - 1 < 1 + (voters - 1) // 2:
            return state, "unhealthy cluster"
    return _commit(state, tuple(m for m in etcd.members if m is not line)), None


def move_leader(state: State, source: int, target: int) -> Change:
    """MoveLeader, asked of the leader."""
    etcd = state.etcd
    if etcd is None or etcd.leader < 0:
        return state, "no leader"
    leader = etcd.line(etcd.leader)
    heir = next((m for m in etcd.members if m.id == target), None)
    if leader is None or leader.id != source:
        return state, "not leader"
    if heir is None or heir.learner or not is_up(state, heir):
        return state, "bad leader transferee"
    claims = state.claims
    claim = claims[heir.ordinal]
    assert claim is not None
    assert claim.disk is not None
    if not claim.disk.synced:  # the leader brings its heir up to date first
        claims = put(claims, heir.ordinal, claim._replace(disk=claim.disk._replace(synced=True)))
    return state._replace(claims=claims, etcd=etcd._replace(leader=heir.ordinal)), None


def disarm(state: State, identity: int) -> Change:
    """Take an alarm back."""
    etcd = state.etcd
    if etcd is None or etcd.leader < 0:
        return state, "no leader"
    left = tuple(member for member in etcd.alarms if member != identity)
    return state._replace(etcd=etcd._replace(alarms=left)), None


def _commit(state: State, members: tuple[Line, ...]) -> State:
    """Change the committed list; who does not hear of it remembers the old one."""
    etcd = state.etcd
    assert etcd is not None
    kept = {line.ordinal: line for line in members}
    claims = list(state.claims)
    for line in etcd.members:
        claim = claims[line.ordinal]
        if claim is None or claim.disk is None or claim.disk.member != line.id:
            continue
        hears = line.ordinal in kept and kept[line.ordinal].id == line.id and is_up(state, line)
        if not hears and not claim.disk.view:
            claims[line.ordinal] = claim._replace(disk=claim.disk._replace(view=etcd.members))
    return settle_leader(state._replace(claims=tuple(claims), etcd=etcd._replace(members=members)))
