"""The second opinion on what holds data, or tells whose it is: disks, records, who may stop."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etcd_operator.core.actions import Action, ApplyObject, DeleteObject
from etcd_operator.core.guards import refuse
from etcd_operator.core.model.snapshot import Snapshot
from tests.builders.snapshots import (
    NAMING,
    begun,
    change_child,
    change_claim,
    claim,
    deleted,
    formed,
    left,
    silent,
    with_spec,
    without_claims,
    without_pods,
    without_status,
)


def wipe(ordinal: int, uid: str = "") -> DeleteObject:
    uid = uid or f"claim-{ordinal}"
    return DeleteObject("PersistentVolumeClaim", NAMING.claim(ordinal), uid, "test")


def forget(kind: str) -> DeleteObject:
    return DeleteObject(kind, "db", f"{kind}-db", "test")


def change_statefulset(snapshot: Snapshot, **parts: dict[str, int]) -> Snapshot:
    live = snapshot.statefulset
    assert live is not None
    return change_child(snapshot, "StatefulSet", "db", body={**live.body, **parts})


def run(pods: int) -> ApplyObject:
    manifest = {"kind": "StatefulSet", "spec": {"replicas": pods}}
    return ApplyObject("StatefulSet", "db", "StatefulSet-db", "1", "test", manifest)


KEPT: dict[str, Any] = {"retentionPolicy": {"whenScaled": "Retain", "whenDeleted": "Retain"}}
MAJORITY_HAD_DATA = "a majority of the members may have had data"
TELLS = "disks or Pods exist, and this object records whose they are"
NO_CLAIM = "the PersistentVolumeClaim does not exist any more"
UNSEEN = "disks may exist that the operator has not seen yet"
NO_DISKS = change_statefulset(
    without_claims(without_pods(begun(3), 0, 1, 2), 0, 1, 2),
    spec={"replicas": 0},
    status={"observedGeneration": 1},
)
NOT_BOUND = change_claim(change_claim(begun(3), 0, bound=False), 1, bound=False)


REFUSED: list[tuple[str, Action, Snapshot, str]] = [
    ("wipe a disk that is gone", wipe(7), formed(3), NO_CLAIM),
    ("wipe another disk of this name", wipe(2, "older"), formed(3), NO_CLAIM),
    (
        "wipe an earlier cluster's disk",
        wipe(3),
        replace(formed(3), claims=(claim(3, owner_uid="earlier"),)),
        "the PersistentVolumeClaim belongs to another EtcdCluster",
    ),
    (
        "wipe a member's disk",
        wipe(2),
        formed(3),
        "the member of this disk is in etcd's member list",
    ),
    (
        "wipe a kept disk after shrinking",
        wipe(2),
        with_spec(left(formed(3), 2), storage=KEPT, size=2),
        "spec.storage.retentionPolicy.whenScaled is Retain",
    ),
    (
        "wipe a kept disk before growing again",
        wipe(2),
        change_statefulset(with_spec(left(formed(3), 2), storage=KEPT), spec={"replicas": 2}),
        "spec.storage.retentionPolicy.whenScaled is Retain",
    ),
    (
        "wipe a kept disk on deletion",
        wipe(2),
        deleted(with_spec(formed(3), storage=KEPT)),
        "spec.storage.retentionPolicy.whenDeleted is Retain",
    ),
    (
        "wipe without a quorum",
        wipe(2),
        silent(formed(3), 0, 1),
        "no quorum has confirmed that the member of this disk was removed",
    ),
    ("wipe what may have been written to", wipe(2), begun(3), MAJORITY_HAD_DATA),
    (
        "forget a living cluster",
        forget("StatefulSet"),
        formed(3),
        "the etcd cluster exists, and this object records how it was formed",
    ),
    (
        "make a StatefulSet anew without a quorum",
        DeleteObject("StatefulSet", "db", "StatefulSet-db", "test", orphan=True),
        silent(formed(3), 0, 1),
        "no quorum has confirmed the member list",
    ),
    (
        "forget one that answers, status lost",
        forget("ConfigMap"),
        without_status(formed(3)),
        "the etcd cluster exists, and this object records how it was formed",
    ),
    ("forget whose Pods they are", forget("ConfigMap"), without_claims(NOT_BOUND, 0, 1, 2), TELLS),
    (
        "forget whose disks they are",
        forget("ConfigMap"),
        replace(without_pods(NO_DISKS, 0, 1, 2), claims=(claim(0, bound=False),)),
        TELLS,
    ),
    (
        "forget whose disks there will be",
        forget("ConfigMap"),
        change_statefulset(NO_DISKS, status={"observedGeneration": 0}),
        UNSEEN,
    ),
    (
        "forget disks that nobody looked for",
        forget("ConfigMap"),
        replace(NO_DISKS, unlabelled_claims=None),
        UNSEEN,
    ),
    (
        "fewer Pods than the bootstrap has members",
        run(1),
        begun(3),
        MAJORITY_HAD_DATA,
    ),
    (
        "fewer Pods without a quorum",
        run(1),
        silent(formed(3), 0, 1),
        "no quorum has confirmed which members may stop",
    ),
    ("fewer Pods than members", run(2), formed(3), "member 2 still belongs to the cluster"),
]

ALLOWED: list[tuple[str, Action, Snapshot]] = [
    ("wipe after leaving", wipe(2), left(formed(3), 2)),
    ("wipe while replaced", wipe(2), with_spec(left(formed(3), 2), storage=KEPT)),
    ("wipe when all must go", wipe(0), deleted(silent(formed(3), 0, 1, 2))),
    ("wipe what cannot have been written to", wipe(2), NOT_BOUND),
    ("forget when all must go", forget("StatefulSet"), deleted(formed(3))),
    ("forget a bootstrap without disks", forget("ConfigMap"), NO_DISKS),
    ("fewer Pods after leaving", run(2), left(formed(3), 2)),
    ("no Pods", run(0), with_spec(silent(formed(3), 0, 1), size=0)),
    ("more Pods", run(5), silent(formed(3), 0, 1)),
]


@pytest.mark.parametrize(
    ("action", "scene", "why"),
    [row[1:] for row in REFUSED],
    ids=[row[0] for row in REFUSED],
)
def test_refuses(action: Action, scene: Snapshot, why: str) -> None:
    assert refuse(action, scene) == why


@pytest.mark.parametrize(
    ("action", "scene"), [row[1:] for row in ALLOWED], ids=[row[0] for row in ALLOWED]
)
def test_lets_pass(action: Action, scene: Snapshot) -> None:
    assert refuse(action, scene) is None
