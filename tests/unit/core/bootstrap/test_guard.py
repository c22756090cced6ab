"""The second opinion on the gate: when nobody may form a cluster any more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_operator.core.actions import Action, ApplyObject
from etcd_operator.core.guards import refuse
from etcd_operator.core.model.members import MemberList
from etcd_operator.core.model.snapshot import Snapshot
from tests.builders.snapshots import (
    CLUSTER_ID,
    answer,
    begun,
    change_pod,
    formed,
    member,
    restoring,
    settled,
    silent,
    without_child,
    without_pods,
    without_status,
)


def gate(state: str) -> ApplyObject:
    data = {"db-0.yaml": f'initial-cluster-state: "{state}"\n'}
    return ApplyObject("ConfigMap", "db-config", "", "", "test", {"data": data})


REFUSED: list[tuple[str, Action, Snapshot, str]] = [
    (
        "an open gate",
        gate("new"),
        formed(3),
        "the cluster was formed before: no member may form a new one",
    ),
    (
        "an open gate beside restored disks",
        gate("new"),
        restoring(3, filled=True),
        "the cluster comes from a backup: no member may form a new one",
    ),
    (
        "an open gate, status and gate lost, and nobody answers",
        gate("new"),
        without_child(without_status(silent(formed(3), 0, 1, 2)), "ConfigMap", "db-config"),
        "the cluster was formed before: no member may form a new one",
    ),
    (
        "an open gate, and members follow a leader, but nobody has confirmed who they are",
        gate("new"),
        replace(
            begun(3), membership=MemberList(CLUSTER_ID, (member(0),), False), probes={0: answer(0)}
        ),
        "the cluster was formed before: no member may form a new one",
    ),
    (
        "an open gate, and a member is Ready",
        gate("new"),
        change_pod(begun(3), 1, ready=True),
        "a member was Ready, so a majority has formed the cluster",
    ),
    (
        "an open gate, and a member was Ready",
        gate("new"),
        change_pod(begun(3), 1, was_ready=True),
        "a member was Ready, so a majority has formed the cluster",
    ),
    *(
        (
            f"an open gate, and the {kind} says that a member was Ready",
            gate("new"),
            without_pods(
                without_child(settled(change_pod(begun(3), 1, was_ready=True)), *other), 0, 1, 2
            ),
            "a member was Ready, so a majority has formed the cluster",
        )
        for kind, other in (
            ("StatefulSet", ("ConfigMap", "db-config")),
            ("ConfigMap", ("StatefulSet", "db")),
        )
    ),
    (
        "an open gate, status lost",
        gate("new"),
        without_status(formed(3)),
        "the cluster was formed before: no member may form a new one",
    ),
]

ALLOWED: list[tuple[str, Action, Snapshot]] = [
    ("an open gate of a bootstrap", gate("new"), begun(3)),
    ("a closed gate", gate("existing"), formed(3)),
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
