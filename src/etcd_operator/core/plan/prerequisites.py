"""Which actions must wait while Kubernetes refuses another: all others go on without it.

A correction of our own objects that is refused (a policy, a quota, a field of the spec that
Kubernetes does not accept) must not keep members from being healed.
"""

from __future__ import annotations

from collections.abc import Iterable

from etcd_operator.core.actions import (
    Action,
    AddLearner,
    ApplyObject,
    CopyCertificate,
    DeleteObject,
    IssueCertificate,
    LabelPod,
    RemoveMember,
    WriteConnection,
)
from etcd_operator.core.model.snapshot import Snapshot


def is_correction(action: Action) -> bool:
    """Whether a refusal of this action stops nothing but what depends on it."""
    if isinstance(action, DeleteObject):
        return action.kind == "NetworkPolicy"
    if isinstance(action, CopyCertificate | IssueCertificate):
        return bool(action.uid)  # there is one, and it goes on being used
    return isinstance(action, ApplyObject | LabelPod | WriteConnection)


def find_prerequisite(
    action: Action, refused: Iterable[Action], snapshot: Snapshot
) -> Action | None:
    """Return the refused action that this one needs, if there is one."""
    return next((other for other in refused if _needs(action, other, snapshot)), None)


def _needs(action: Action, refused: Action, snapshot: Snapshot) -> bool:
    if not isinstance(refused, ApplyObject):
        return False
    gate, pods = refused.kind == "ConfigMap", refused.kind == "StatefulSet"
    match action:
        case ApplyObject(kind="StatefulSet", uid=""):
            # Names, gate and network policy exist before a Pod can.
            return refused.kind != "PodDisruptionBudget"
        case ApplyObject(kind="StatefulSet") | DeleteObject(kind="PersistentVolumeClaim"):
            return gate
        case DeleteObject(kind="StatefulSet"):
            return gate or pods
        case AddLearner(ordinal=ordinal):
            return gate or (pods and ordinal >= (snapshot.replicas or 0))
        case RemoveMember(ordinal=ordinal):
            # One that is replaced needs its gate again; one that leaves, fewer Pods.
            return gate or (pods and ordinal >= snapshot.spec.size)
        case _:
            return False
