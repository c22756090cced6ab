"""The second opinion on stopping Pods while no quorum has confirmed who is a member; see `guards`.

A vote that is missed can be seen only by those who vote. Nobody's is missed if the process does not
run, or if no member of the cluster serves: by what itself says, and by what its kubelet says.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from etcd_operator.core.actions import DeleteObject
from etcd_operator.core.model.live_objects import Pod
from etcd_operator.core.model.snapshot import Snapshot

# An election, or a start on a slow disk, is no reason to stop anybody.
LASTS: Final = timedelta(seconds=20)


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
