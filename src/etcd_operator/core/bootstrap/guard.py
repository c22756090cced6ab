"""The guard of the gate; see `guards`.

* It is never opened for forming a cluster once a cluster ID is known, or somebody has served.
* A member is forced to be a cluster of its own only when nothing of the others can start.
* A member with two disks is given no file with which it starts from its write-ahead log alone.
* A member that has served, or may have voted, is never given a file with which it could join: on an
  empty disk it would come back under an identity whose votes and writes it has forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from etcd_operator.core.actions import ApplyObject
from etcd_operator.core.bootstrap.gate_record import ANNOTATION_RESTORE
from etcd_operator.core.in_place_restore.record import find_restore_record
from etcd_operator.core.model.naming import ANNOTATION_SERVED, MOST_MEMBERS
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.quorum_loss.guard import is_alone_by_approval

# A file that lists its own member alone.
_LISTS_ONE: Final = re.compile('^initial-cluster: "[^",]*"$', re.MULTILINE)


def refuse_gate(action: ApplyObject, snapshot: Snapshot) -> str | None:
    """Refuse files with which a member could do what it must not."""
    data: Mapping[str, str] = action.manifest["data"]
    return (
        _refuse_open(data, snapshot)
        or _refuse_files(data, snapshot)
        or _refuse_half(data, snapshot)
    )


def _refuse_open(data: Mapping[str, str], snapshot: Snapshot) -> str | None:
    opens = any('initial-cluster-state: "new"' in text for text in data.values())
    if opens and ANNOTATION_RESTORE in snapshot.cluster.annotations:
        return "the cluster comes from a backup: no member may form a new one"
    if opens and snapshot.cluster.spec.joins is not None:
        return "spec.bootstrap.joinExisting says that the cluster exists: no member may form one"
    if opens and (_may_be_formed(snapshot) or find_restore_record(snapshot.cluster)):
        return "the cluster was formed before: no member may form a new one"
    if opens and _has_served(snapshot):
        return "a member was Ready, so a majority has formed the cluster"
    forces = any("force-new-cluster: true" in text for text in data.values())
    kept = {claim.ordinal for claim in snapshot.claims}
    if forces and not (len(kept) == 1 and is_alone_by_approval(snapshot, min(kept))):
        return "force-new-cluster is allowed only when no other member has a Pod or a disk"
    return None


def _refuse_half(data: Mapping[str, str], snapshot: Snapshot) -> str | None:
    """Refuse a closed file that lets a member start on its write-ahead log alone."""
    if snapshot.spec.storage.wal is None:
        return None
    naming = snapshot.naming
    for ordinal in range(MOST_MEMBERS):
        name = naming.member(ordinal)
        for key in (naming.config_key(ordinal), naming.forced_config_key(ordinal)):
            text = data.get(key, "")
            closed = _LISTS_ONE.search(text) and 'initial-cluster-state: "existing"' in text
            if closed and f"/{name}/member/snap/../" not in text:
                return f"member {ordinal} might start from its write-ahead log, without its data"
    return None


def _may_be_formed(snapshot: Snapshot) -> bool:
    """Whether an identity is on record, also one that nobody can read, or members have a leader.

    A lone member that waits for the others of its generation answers as well, without a leader.
    """
    live = snapshot.membership
    led = live is not None and any(
        probe.status and probe.status.leader and probe.status.cluster_id == live.cluster_id
        for probe in snapshot.probes.values()
    )
    return led or snapshot.quorum_confirmed or any(snapshot.cluster_id_records)


def _has_served(snapshot: Snapshot) -> bool:
    """Whether the kubelet says, or a record, that some member answered with a majority."""
    if any(pod.ready or pod.was_ready for pod in snapshot.pods):
        return True
    gate, live = snapshot.config_map, snapshot.statefulset
    return any(ANNOTATION_SERVED in child.annotations for child in (gate, live) if child)


def _refuse_files(data: Mapping[str, str], snapshot: Snapshot) -> str | None:
    naming = snapshot.naming
    names = {naming.config_key(ordinal) for ordinal in range(MOST_MEMBERS)}
    names |= {naming.forced_config_key(ordinal) for ordinal in range(MOST_MEMBERS)}
    files = {name for name in data if name.endswith(".yaml")}
    if not files <= names:
        return f"an EtcdCluster has at most {MOST_MEMBERS} members"
    known = snapshot.members if snapshot.quorum_confirmed else ()
    # A voter that never published that it serves may have voted before it lost its disk.
    served = [m.peer_urls for m in known if m.started or not m.is_learner]
    listed = {url for member in snapshot.members for url in member.peer_urls}
    for ordinal in range(MOST_MEMBERS):
        text = data.get(naming.config_key(ordinal), "")
        others = {url for o in range(MOST_MEMBERS) for url in naming.peer_urls(o)} | listed
        others -= set(naming.peer_urls(ordinal))
        if any(naming.gives_urls(ordinal, urls) for urls in served) and any(
            f"={url}{end}" in text for url in others for end in ',"'
        ):
            return f"member {ordinal} may have served, and might join again without its data"
    return None
