"""The guard of names and numbers; see `guards`. It shares no judgement with `core.model.ownership`.

* A Pod or a claim is touched only if its whole name is a member's.
* Nothing is announced or run beyond what the largest cluster has.
* What is announced was on record before, and more Pods are run only for members that etcd knows.
"""

from __future__ import annotations

import itertools
from typing import Final

from etcd_operator.core.actions import (
    Action,
    AddLearner,
    ApplyObject,
    ChangeClaimAttributes,
    DeleteObject,
    EvictPod,
    LabelPod,
    QuarantineDisk,
    RebindVolume,
    ResizeClaim,
    ResizePod,
    RestoreReclaimPolicy,
    RetainVolume,
    SetPodRevision,
)
from etcd_operator.core.model.naming import MOST_MEMBERS, Naming
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.json_types import Json

NOT_A_MEMBERS: Final = "the name is not that of a member's {kind}"


def refuse_stranger(action: Action, snapshot: Snapshot) -> str | None:
    """Refuse what is about no member, or about more members than there can be."""
    match action:
        case ApplyObject(kind="StatefulSet"):
            return _refuse_more_pods(action.manifest["spec"], snapshot)
        case DeleteObject(kind="Pod") | EvictPod() | LabelPod() | ResizePod() | SetPodRevision():
            pods = {pod.uid: (pod.name, pod.ordinal) for pod in snapshot.pods}
            return _refuse_name("Pod", action.name, pods.get(action.uid), snapshot.naming)
        case DeleteObject(kind="PersistentVolumeClaim") | QuarantineDisk():
            return _refuse_claim(action.name, action.uid, snapshot)
        case ResizeClaim() | ChangeClaimAttributes():
            return _refuse_claim(action.name, action.uid, snapshot)
        case RetainVolume() | RebindVolume() | RestoreReclaimPolicy():
            return _refuse_claim(action.name, action.uid, snapshot)
        case _:
            return None


def _refuse_claim(name: str, uid: str, snapshot: Snapshot) -> str | None:
    claims = {claim.uid: (claim.name, claim.ordinal) for claim in snapshot.claims}
    return _refuse_name("PersistentVolumeClaim", name, claims.get(uid), snapshot.naming)


def _refuse_name(
    kind: str, name: str, looked_at: tuple[str, int] | None, naming: Naming
) -> str | None:
    """The object with this uid must be the one of this name, and of the ordinal in it."""
    if kind == "Pod":
        names = {naming.member(ordinal): ordinal for ordinal in range(MOST_MEMBERS)}
    else:
        kinds = itertools.product(range(MOST_MEMBERS), (False, True))
        names = {naming.claim(ordinal, wal=wal): ordinal for ordinal, wal in kinds}
    right = name in names and looked_at in (None, (name, names[name]))
    return None if right else NOT_A_MEMBERS.format(kind=kind)


def refuse_unannounced(action: AddLearner, snapshot: Snapshot) -> str | None:
    """Refuse to announce what is not on record: nobody could tell later whose member it is.

    Nor one beside another at its host, whether that is listed at the URL for TLS or at the other.
    """
    own = {action.peer_url, *snapshot.naming.peer_urls(action.ordinal)}
    if any(own & set(member.peer_urls) for member in snapshot.members):
        return "a member with this peer URL exists"
    if not 0 <= action.ordinal < min(snapshot.announced, MOST_MEMBERS):
        return "the annotation etcd.etcd.io/announced does not allow this ordinal yet"
    if action.peer_url != snapshot.naming.peer_url(action.ordinal):
        return "the peer URL is not that of the member's own Pod"
    return None


def _refuse_more_pods(spec: Json, snapshot: Snapshot) -> str | None:
    before, after = snapshot.replicas or 0, spec["replicas"]
    if after <= before:
        return None
    if after > MOST_MEMBERS:
        return f"an EtcdCluster has at most {MOST_MEMBERS} members"
    if not snapshot.quorum_confirmed or spec.get("ordinals"):
        return None
    known = {snapshot.naming.ordinal_of_member(member) for member in snapshot.members}
    last = after - 1
    announced = last in known and last < snapshot.announced
    return None if announced else f"member {last} was not added to etcd"
