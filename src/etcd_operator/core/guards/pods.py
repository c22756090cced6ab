"""The second opinion on stopping Pods while no quorum has confirmed who is a member; see `guards`.

A vote that is missed can be seen only by those who vote. Nobody's is missed if the process does not
run, or if no member of the cluster serves: by what itself says, and by what its kubelet says.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Final

from etcd_operator.core.actions import DeleteObject
from etcd_operator.core.model.live_objects import Pod
from etcd_operator.core.model.snapshot import Snapshot

# An election, or a start on a slow disk, is no reason to stop anybody.
LASTS: Final = timedelta(seconds=20)

_IN_EMPTY_DIR: Final = "the data of a Pod is in an emptyDir and would go with it"


def refuse_stop_without_quorum(action: DeleteObject, pod: Pod, snapshot: Snapshot) -> str | None:
    """Refuse to stop what may serve, or what may have come up since it was looked at."""
    if not pod.resource_version or action.resource_version != pod.resource_version:
        return "no quorum has confirmed the member list"
    answers = {o: probe.status for o, probe in snapshot.probes.items() if probe.status}
    if not pod.running:
        return "the member answers" if pod.ordinal in answers else None
    if any(other.ready for other in snapshot.pods):
        return "a member is Ready, so there may be a majority"
    if any(status.leader for status in answers.values()):
        return "a member has a leader, so there may be a majority"
    since = pod.unready_since
    return (
        None
        if since and snapshot.now - since >= LASTS
        else "the Pod was running too recently: its member may be about to serve"
    )


def refuse_loss_with_pods(ordinals: Collection[int | None], snapshot: Snapshot) -> str | None:
    """Refuse to stop all of these members if the data of one goes with its Pod."""
    if any(claim.deleting and claim.ordinal in ordinals for claim in snapshot.claims):
        return "a PersistentVolumeClaim that is being deleted would go with its Pod"
    if any(pod.ephemeral and pod.ordinal in ordinals for pod in snapshot.pods):
        return _IN_EMPTY_DIR
    return None


def refuse_too_few(replicas: int, snapshot: Snapshot) -> str | None:
    """Refuse a new StatefulSet that adopts Pods with data and runs none of their ordinal."""
    beyond = {pod.ordinal for pod in snapshot.pods if pod.ever_ran and pod.ordinal >= replicas}
    if snapshot.quorum_confirmed:
        beyond &= {snapshot.naming.ordinal_of_member(m) for m in snapshot.members}
    if any(p.ephemeral and not p.deleting and p.ordinal in beyond for p in snapshot.pods):
        return _IN_EMPTY_DIR
    return None


def count_empty_dirs(snapshot: Snapshot) -> int:
    """Count the emptyDirs in which members may have data."""
    return sum(pod.ephemeral and pod.ever_ran for pod in snapshot.pods)
