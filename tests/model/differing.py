"""Members that do not hold the same data: how it comes about, and how it is found.

A member's data becomes another, and nobody notices. Then the operator compares, whenever a pass
sees that it can; a scenario without the fault has nothing to compare. A hash that is taken over
minutes says no more than one of a moment: a member that is replaced meanwhile does not answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import count
from typing import Final

from etcd_operator.core.consistency.divergence import is_comparable
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.simulation import etcd
from etcd_operator.simulation.membership import differed
from etcd_operator.simulation.world import Etcd, Line, State, put

Step = tuple[str, State]

DIFFERS: Final = "data differs"
MISLED: Final = "data of a majority is wrong"


def spoil(state: State) -> Iterator[Step]:
    """One member's data becomes such as no other member has."""
    members = state.etcd
    for line in members.members if members else ():
        claim = state.claims[line.ordinal]
        disk = claim.disk if claim else None
        if claim is None or disk is None or disk.member != line.id:
            continue
        taken = {each.disk.data for each in state.claims if each and each.disk}
        other = next(number for number in count(1) if number not in taken)
        claims = put(state.claims, line.ordinal, claim._replace(disk=disk._replace(data=other)))
        yield f"the data of member {line.ordinal} is another", state._replace(claims=claims)


def mislead(state: State) -> Iterator[Step]:
    """All voters but one made the same wrong data of the log, which itself is right."""
    voters = state.etcd.voters if state.etcd else ()
    if len(voters) < 3 or any(held(state, line) != 0 for line in voters):
        return
    for line in voters:
        misled = state
        for other in voters:
            claim = state.claims[other.ordinal]
            if other is not line and claim and claim.disk:
                wrong = claim._replace(disk=claim.disk._replace(data=etcd.DEFECT))
                claims = put(misled.claims, other.ordinal, wrong)
                misled = misled._replace(claims=claims)
        yield f"all but member {line.ordinal} have wrong data", misled


def forget(state: State) -> Iterator[Step]:
    """Another replica of the operator takes over: it has compared nothing yet."""
    if state.compared:
        yield "what was compared is forgotten", state._replace(compared=())


def raise_alarm(state: State) -> Iterator[Step]:
    """etcd's own check, where somebody switched it on: it names those that differ from a majority.

    Where no majority agrees it raises the alarm about nobody.
    """
    members = state.etcd
    if members is None or members.leader < 0 or members.alarms:
        return
    data = {line.id: held(state, line) for line in etcd.voters_up(state, members)}
    if len(data) < len(members.voters) or len(set(data.values())) < 2:
        return
    right = agreed(state, members)
    named = (0,) if right is None else tuple(m for m, value in data.items() if value != right)
    alarmed = members._replace(alarms=named)
    yield f"etcd raises the alarm about corrupt data of {named}", state._replace(etcd=alarmed)


def held(state: State, line: Line) -> int | None:
    """What a member holds; None if it has no disk of its own."""
    disk = etcd.disk_at(state, line.ordinal)
    return disk.data if disk and disk.member == line.id else None


def agreed(state: State, members: Etcd) -> int | None:
    """What a majority of the voters holds; None if there is no such majority."""
    holders = Counter(held(state, line) for line in members.voters)
    return next((v for v, n in holders.items() if n * 2 > len(members.voters)), None)


def differ_again(state: State) -> bool:
    """Whether a voter differs from the majority, although it came in place of one that did."""
    members, record = state.etcd, differed(state)
    right = agreed(state, members) if members else None
    return any(
        record.get(line.ordinal, line.id) != line.id and held(state, line) != right
        for line in (members.voters if members else ())
    )


def compare(state: State, snapshot: Snapshot) -> State:
    """Hash what every member holds; the state as it is if that is not possible.

    A comparison that shows no difference is as good as none, for everybody who reads it.
    """
    if not is_comparable(snapshot):
        return state
    hashes = []
    for seat in snapshot.seats():
        if seat.member is None or seat.pod is None:
            continue
        disk = etcd.disk_at(state, seat.ordinal)
        # It is asked at the address of the Pod that was seen, by its ID.
        if disk is None or disk.member != seat.member.id or not etcd.runs(state, seat.ordinal):
            return state
        hashes.append((seat.member.id, disk.data))
    if len({value for _, value in hashes}) < 2:
        # It counts where members are on record that were replaced for their data.
        return state._replace(compared=(tuple(hashes),) if differed(state) else ())
    return state._replace(compared=(*state.compared[-1:], tuple(hashes)))


def may_compare(state: State) -> bool:
    """Whether a comparison could find something, or find that nothing is left of it."""
    data = {claim.disk.data for claim in state.claims if claim and claim.disk}
    return bool(state.compared or differed(state)) or len(data) > 1
