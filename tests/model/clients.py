"""What clients may expect of planned changes: see `invariants`."""

from __future__ import annotations

from etcd_operator.core.actions import Action, EvictPod, RemoveMember
from etcd_operator.core.model.live_objects import Pod
from etcd_operator.simulation.passes import JudgedAction, Planned
from etcd_operator.simulation.snapshots import Specs
from etcd_operator.simulation.world import State


def ends_nobody_with_clients(
    before: State, after: State, judged: JudgedAction, planned: Planned, specs: Specs
) -> str | None:
    """While all seem well, no voter ends to which the client Service still leads.

    That is the planner's care alone: guards let go what costs clients no more than a second.
    """
    pods, plan = planned.snapshot.pods, planned.plan.actions
    if judged.action not in plan:
        return None
    ends = [pod for pod in pods if _ends(judged.action, pod)]
    all_ending = [pod for pod in pods if any(_ends(action, pod) for action in plan)]
    answers = {o for o, probe in planned.snapshot.probes.items() if probe.status}
    at = {planned.snapshot.naming.ordinal_of_member(m) for m in planned.snapshot.members}
    led_to = [p for p in pods if p.ready and not p.deleting and p.role == "voter"]
    if at - answers or all(pod in all_ending for pod in led_to):
        return None
    found = [pod.name for pod in led_to if pod in ends]
    return f"clients are still led to {found}, which end" if found else None


def _ends(action: Action, pod: Pod) -> bool:
    match action:
        case EvictPod(uid=uid):
            return pod.uid == uid
        case RemoveMember(ordinal=ordinal):
            return pod.ordinal == ordinal
        case _:
            return False
