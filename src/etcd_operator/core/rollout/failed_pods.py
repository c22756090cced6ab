"""Give a corrected template to Pods that the template of before keeps from serving.

What the spec took down, a corrected spec brings back: at any size, before the cluster is formed and
after, with a majority and without. A Pod whose process does not run serves nobody: to stop it takes
no vote and no data, so nobody has to confirm it. `roll` is for those that run, while a majority
does.

Each Pod is deleted as it was seen, by uid and resourceVersion: one that came up since is spared.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import DeleteObject
from etcd_operator.core.membership.disks import EMPTY
from etcd_operator.core.model.decision import POD_START, Decision
from etcd_operator.core.model.live_objects import NodeState, Pod
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.reasons import routine
from etcd_operator.core.rollout.outdated import is_outdated
from etcd_operator.core.rollout.stop_pod import stop_pod
from etcd_operator.core.storage.deleted_claims import loses_disk
from etcd_operator.core.storage.ephemeral import holds_data

# How long a process that runs may take until its Pod is Ready, before its template is the reason.
STARTS_WITHIN: Final = timedelta(seconds=30)
# How long a Pod may crash for a reason of its own, while those with the new template crash too.
PATIENCE: Final = timedelta(minutes=1)
# How etcd says that its configuration is not that of the members: a gate that was closed, or a list
# of members that was old.
STALE: Final = (
    *EMPTY,
    "error validating peerURLs",
    "couldn't find local name",
    ".yaml: no such file",
)


def replace_failed_pods(snapshot: Snapshot) -> Decision | None:
    """Replace outdated Pods whose process does not run, and learners that cannot join."""
    if snapshot.spec.size == 0:
        return None
    failed = [
        pod
        for pod in snapshot.pods
        if (_is_outdated(snapshot, pod) and _fails(snapshot, pod))
        or _crashes_with_old_settings(snapshot, pod)
    ]
    return _replace(snapshot, failed) if failed else None


def replace_unready_pods(snapshot: Snapshot) -> Decision | None:
    """Without a quorum: replace an outdated Pod that runs, if no member at all is Ready.

    Nobody serves, by what the kubelets say as well; so nobody loses anything. One at a time, and
    the next when those with the template of now have had the time to start: they may be enough.
    """
    if snapshot.quorum_confirmed or snapshot.spec.size == 0 or _may_serve(snapshot):
        return None
    unready = [
        pod
        for pod in snapshot.pods
        if pod.running
        and _is_outdated(snapshot, pod)
        # Of a node that does not answer nobody knows what runs there, and nothing on it can end.
        and snapshot.nodes.get(pod.ordinal) not in (NodeState.DOWN, NodeState.GONE)
    ]
    due = [pod for pod in unready if _is_unready_for(snapshot, pod, STARTS_WITHIN)]
    if not due or _is_starting(snapshot):
        return None
    return _replace(snapshot, due[-1:])


def reschedule_pods(snapshot: Snapshot) -> Decision | None:
    """Make Pods anew that no node takes because of a Pod that has been replaced since.

    The scheduler looks again when a Pod goes that the waiting one does not want to be beside, but
    not when one goes that did not want to be beside the waiting one: that takes it five minutes.
    """
    waiting = [pod for pod in snapshot.pods if _waits_for_replaced(snapshot, pod)]
    if not waiting or snapshot.spec.size == 0:
        return None
    return Decision(
        reason=routine.RESCHEDULING_PODS,
        message=f"Replacing {', '.join(p.name for p in waiting)}: a node may take it now.",
        phase=snapshot.cluster.status.phase or Phase.CREATING,
        actions=tuple(
            _delete(pod, "the Pod that kept it from a node was replaced") for pod in waiting
        ),
        requeue_after=POD_START,
        corrects_objects=False,
    )


def _waits_for_replaced(snapshot: Snapshot, pod: Pod) -> bool:
    refused = pod.problem is not None and pod.problem.kept_away_by_pods
    if not refused or pod.ever_ran or pod.deleting or pod.node or pod.created is None:
        return False
    return any(
        other.node and other.created and other.created > pod.created for other in snapshot.pods
    )


def restart_failed_learners(snapshot: Snapshot) -> Decision | None:
    """Replace the Pod of a learner that crashed because its configuration was older than its gate.

    That of now may be right, and the kubelet's back-off is long. It has no data. A Pod that is as
    new as its gate crashes for another reason: only the kubelet restarts it, more and more slowly.
    So does that of a voter which never started: no configuration lets it join.
    """
    if not snapshot.quorum_confirmed:
        return None
    stale = [
        seat.pod
        for seat in snapshot.seats()
        if seat.member
        and seat.member.is_learner
        and not seat.member.started
        and seat.pod
        and _crashed(seat.pod)
        and _is_older_than_gate(snapshot, seat.pod)
        and any(text in seat.pod.termination_message for text in STALE)
    ]
    if not stale:
        return None
    why = "it crashed before it could join; its configuration is right now"
    return Decision(
        reason=routine.RESTARTING_LEARNERS,
        message=f"Restarting {', '.join(p.name for p in stale)}, which could not join yet.",
        phase=Phase.SCALING,
        actions=tuple(stop_pod(pod, why) for pod in stale),
        requeue_after=POD_START,
    )


def _replace(snapshot: Snapshot, pods: list[Pod]) -> Decision:
    return Decision(
        reason=routine.REPLACING_PODS,
        message=f"Replacing {', '.join(p.name for p in pods)}: the spec was corrected.",
        phase=snapshot.cluster.status.phase or Phase.CREATING,
        actions=tuple(_delete(pod, f"it {_explain(pod)} and the spec has changed") for pod in pods),
        requeue_after=POD_START,
        corrects_objects=False,  # a label that changes in the same pass is another resourceVersion
    )


def _delete(pod: Pod, why: str) -> DeleteObject:
    return DeleteObject("Pod", pod.name, pod.uid, why, pod.resource_version)


def _explain(pod: Pod) -> str:
    if not pod.ever_ran:
        return "never started"
    return "does not become Ready" if pod.running else "crashes"


def _is_outdated(snapshot: Snapshot, pod: Pod) -> bool:
    return is_outdated(snapshot, pod) and not pod.deleting and not _loses_data(snapshot, pod)


def _loses_data(snapshot: Snapshot, pod: Pod) -> bool:
    """Whether data may go with a Pod whose member is not replaced first."""
    return loses_disk(snapshot, pod) or holds_data(snapshot, pod)


def _crashed(pod: Pod) -> bool:
    return pod.restarts >= 1 and not (pod.running or pod.deleting or pod.replace_asked)


def _fails(snapshot: Snapshot, pod: Pod) -> bool:
    """Whether a Pod does not run and will not by itself, or is of a learner that cannot join."""
    if not pod.ever_ran:
        return True
    if pod.ready or _answers(snapshot, pod):
        return False
    if _is_learner(snapshot, pod):
        stays_away = pod.problem or _is_unready_for(snapshot, pod, STARTS_WITHIN)
        return bool(stays_away)
    return _is_crashing(pod) and _may_take_template(snapshot, pod)


def _crashes_with_old_settings(snapshot: Snapshot, pod: Pod) -> bool:
    """Whether a Pod crashes without a quorum, and its ConfigMap was written since it was made.

    Settings are in no template but as a hash: those that took it down and those of now may be of
    the same revision. The kubelet brings it new files after a minute, and restarts it after five.
    """
    if snapshot.quorum_confirmed or pod.deleting or _answers(snapshot, pod):
        return False
    if _loses_data(snapshot, pod):
        return False
    return _is_crashing(pod) and _is_older_than_gate(snapshot, pod)


def _may_take_template(snapshot: Snapshot, pod: Pod) -> bool:
    """Whether the template of now does not look worse than the one that the Pod crashes with.

    One that crashes for a reason of its own may come back; with a template with which others crash
    it would not. With a quorum nothing is risked; without one there is little left to risk.
    """
    if not any(_is_crashing(other) and not is_outdated(snapshot, other) for other in snapshot.pods):
        return True
    return not snapshot.quorum_confirmed and _is_unready_for(snapshot, pod, PATIENCE)


def _is_crashing(pod: Pod) -> bool:
    """Whether the kubelet waits before it starts the process again, by what it says."""
    return pod.ever_ran and not pod.running and pod.problem is not None


def _answers(snapshot: Snapshot, pod: Pod) -> bool:
    probe = snapshot.probes.get(pod.ordinal)
    return probe is not None and probe.status is not None


def _is_learner(snapshot: Snapshot, pod: Pod) -> bool:
    member = snapshot.seat(pod.ordinal).member
    return snapshot.quorum_confirmed and member is not None and member.is_learner


def _is_unready_for(snapshot: Snapshot, pod: Pod, time: timedelta) -> bool:
    return pod.unready_since is not None and snapshot.now - pod.unready_since >= time


def _may_serve(snapshot: Snapshot) -> bool:
    """Whether clients may be served, by what a kubelet or a member says."""
    led = any(probe.status and probe.status.leader for probe in snapshot.probes.values())
    return led or any(pod.ready for pod in snapshot.pods)


def _is_starting(snapshot: Snapshot) -> bool:
    """Whether a Pod with the template of now is so new that it may be about to serve."""
    return any(
        not is_outdated(snapshot, pod)
        and (pod.created is None or snapshot.now - pod.created < STARTS_WITHIN)
        for pod in snapshot.pods
    )


def _is_older_than_gate(snapshot: Snapshot, pod: Pod) -> bool:
    gate = snapshot.config_map
    written = gate.written if gate else None
    return written is not None and pod.created is not None and pod.created < written
