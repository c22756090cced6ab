"""What clients may expect of planned changes: see `invariants`."""

from __future__ import annotations

from etcd_operator.core.actions import EvictPod, RemoveMember
from etcd_operator.simulation.passes import JudgedAction, Planned
from etcd_operator.simulation.snapshots import Specs
from etcd_operator.simulation.world import State


def ends_nobody_with_clients(
    before: State, after: State, judged: JudgedAction, planned: Planned, specs: Specs
) -> str | None:
    """While all seem well, no voter ends to which the client Service still leads."""
    match judged.action:
        case EvictPod(uid=uid):
            ends = [pod for pod in planned.snapshot.pods if pod.uid == uid]
        case RemoveMember(ordinal=ordinal):
            ends = [pod for pod in planned.snapshot.pods if pod.ordinal == ordinal]
        case _:
            return None
    answers = {o for o, probe in planned.snapshot.probes.items() if probe.status}
    at = {planned.snapshot.naming.ordinal_of_member(m) for m in planned.snapshot.members}
    others = any(p.ready and p.role == "voter" and p not in ends for p in planned.snapshot.pods)
    if at - answers or not others:
        return None
    led_to = [p.name for p in ends if p.ready and not p.deleting and p.role == "voter"]
    return f"clients are still led to {led_to}, which end" if led_to else None
