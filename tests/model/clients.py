"""What clients may expect of planned changes: see `invariants`."""

from __future__ import annotations

from etcd_operator.core.actions import Action, DeleteObject, EvictPod, RemoveMember
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


def stops_whom_it_removes(
    before: State, after: State, judged: JudgedAction, planned: Planned, specs: Specs
) -> str | None:
    """While all are well, a voter that serves is stopped before it is removed, if it can be.

    By what the pass saw. Not where its data would go with its Pod, nor where its Pod is deleted in
    the same pass.
    """
    action, snapshot = judged.action, planned.snapshot
    if not isinstance(action, RemoveMember) or action not in planned.plan.actions:
        return None
    pods = {pod.ordinal: pod for pod in snapshot.pods}
    pod = pods.get(action.ordinal)
    ended = {a.uid for a in planned.plan.actions if isinstance(a, DeleteObject | EvictPod)}
    if pod is None or pod.deleting or pod.ephemeral or pod.uid in ended:
        return None
    find = snapshot.naming.ordinal_of_member
    answers = {o for o, probe in snapshot.probes.items() if probe.status}
    well = {o for o in answers & set(pods) if pods[o].ready and not pods[o].deleting}
    voters = {find(m) for m in snapshot.members if not m.is_learner} & well
    lost = any(claim.deleting for claim in snapshot.claims if claim.ordinal == action.ordinal)
    members = [find(m) for m in snapshot.members]
    if lost or len(voters) < len(members) or voters != set(range(len(members))):
        return None
    removals = [a.ordinal for a in planned.plan.actions if isinstance(a, RemoveMember)]
    left = voters - set(removals[: removals.index(action.ordinal)])
    others = left - {action.ordinal}
    return f"{pod.name} was removed before it stopped" if len(others) * 2 > len(left) else None


def _ends(action: Action, pod: Pod) -> bool:
    match action:
        case EvictPod(uid=uid):
            return pod.uid == uid
        case RemoveMember(ordinal=ordinal):
            return pod.ordinal == ordinal
        case _:
            return False
