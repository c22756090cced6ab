"""The guard of a mirror; see `guards`. It shares no judgement with its rule.

* Nothing is copied into a cluster whose cut-over is on record, nor into another etcd cluster than
  the one that was looked at, nor without a quorum.
* A Job cuts over only with the approval of the mirror that is there.
* Only Jobs that the EtcdCluster controls are deleted.
* The progress is deleted only when the record of the cut-over no longer needs it.
"""

from __future__ import annotations

import json

from etcd_operator.core.actions import EndMirror, MirrorAction, StartMirror, StopMirror
from etcd_operator.core.mirror.progress import ANNOTATION_CUT_OVER
from etcd_operator.core.model.snapshot import Snapshot


def refuse_mirror(action: MirrorAction, snapshot: Snapshot) -> str | None:
    """Return why this must not be done to a mirror; None if it may."""
    match action:
        case StartMirror():
            return _refuse_other_cluster(action, snapshot) or _refuse_start(action, snapshot)
        case StopMirror(uid=uid):
            known = {job.uid for job in snapshot.mirror.jobs} if snapshot.mirror else set()
            return None if uid in known else "the Job is not one of this cluster's mirror"
        case EndMirror():
            if not _is_recorded(snapshot):
                return "the cut-over of the mirror is not on record"
            return _refuse_other_cluster(action, snapshot)


def _refuse_other_cluster(action: StartMirror | EndMirror, snapshot: Snapshot) -> str | None:
    live = snapshot.membership
    if live is None or not live.linearizable:
        return "no quorum has confirmed the member list"
    known = {action.cluster_id, live.cluster_id, snapshot.recorded_cluster_id or live.cluster_id}
    return None if len(known) == 1 else "the members answer with another cluster ID"


def _refuse_start(action: StartMirror, snapshot: Snapshot) -> str | None:
    if _is_recorded(snapshot):
        return "the mirror was cut over, and others may have written since"
    bootstrap = snapshot.cluster.spec.bootstrap
    if snapshot.cluster.deleting or bootstrap is None or bootstrap.mirror is None:
        return "the spec asks for no mirror"
    seen = snapshot.mirror
    if seen is None or not seen.asked:
        return "no member has told how far the mirror is"
    container = action.manifest["spec"]["template"]["spec"]["containers"][0]
    if not json.loads(container["env"][0]["value"])["cutOver"]:
        return None
    given = snapshot.cluster.annotations.get(ANNOTATION_CUT_OVER)
    approved = seen.progress is not None and given == seen.progress.approval
    return None if approved else "nobody has approved the cut-over of this mirror"


def _is_recorded(snapshot: Snapshot) -> bool:
    shown = snapshot.cluster.status.mirror
    return shown is not None and shown.phase == "CutOver"
