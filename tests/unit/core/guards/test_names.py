"""The second opinion on names and numbers, whatever the planner wants."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_operator.api.quantity import Quantity
from etcd_operator.core.actions import (
    Action,
    AddLearner,
    ApplyObject,
    ChangeClaimAttributes,
    DeleteObject,
    EvictPod,
    LabelPod,
    QuarantineDisk,
    ResizeClaim,
    RetainVolume,
)
from etcd_operator.core.guards import refuse
from etcd_operator.core.model.members import Member
from etcd_operator.core.model.snapshot import Snapshot
from tests.builders.snapshots import (
    CLUSTER_ID,
    NAMING,
    change_member,
    claim,
    formed,
    growing,
    pod,
    silent,
    with_cluster,
    with_learner,
    with_members,
    with_spec,
    without_member,
    without_pods,
)

COPY = replace(claim(0), name="data-db-0-20261128", uid="copy", ordinal=20261128)
DEBUG = replace(pod(1), name="db-debug-1", uid="debug")
COPIED = replace(formed(3), claims=(*formed(3).claims, COPY), pods=(*formed(3).pods, DEBUG))
GONE = with_cluster(COPIED, deleting=True)
TWENTY = Quantity.parse("20Gi")
NO_CLAIM = "the name is not that of a member's PersistentVolumeClaim"
NO_POD = "the name is not that of a member's Pod"
UNRECORDED = "the annotation etcd.etcd.io/announced does not allow this ordinal yet"


def add(ordinal: int, url: str = "") -> AddLearner:
    return AddLearner(ordinal, url or NAMING.peer_url(ordinal), CLUSTER_ID)


def run(pods: int) -> ApplyObject:
    manifest = {"kind": "StatefulSet", "spec": {"replicas": pods}}
    return ApplyObject("StatefulSet", "db", "StatefulSet-db", "1", "test", manifest)


def files(**data: str) -> ApplyObject:
    named = {name.replace("_", "-") + ".yaml": text for name, text in data.items()}
    return ApplyObject("ConfigMap", "db-config", "", "", "test", {"data": named})


def beside(snapshot: Snapshot, ordinal: int, url: str = "") -> Snapshot:
    """A client of etcd adds a learner at the host of a member, in front of the list."""
    line = Member(0xF, "", (url or NAMING.peer_url(ordinal),), is_learner=True)
    return with_members(snapshot, line, *snapshot.members)


SPOOFED = beside(formed(3), 0, "http://db-0.db-peer:2380")
LISTED = f'initial-cluster: "db-0={NAMING.peer_url(0)},db-3={NAMING.peer_url(3)}"\n'

REFUSED: list[tuple[str, Action, Snapshot, str]] = [
    (
        "delete a copy of a disk",
        DeleteObject("PersistentVolumeClaim", COPY.name, COPY.uid, "test"),
        GONE,
        NO_CLAIM,
    ),
    ("stop a Pod for debugging", DeleteObject("Pod", DEBUG.name, "debug", "test"), GONE, NO_POD),
    (
        "delete another object than the one looked at",
        DeleteObject("PersistentVolumeClaim", "data-db-0", COPY.uid, "test"),
        GONE,
        NO_CLAIM,
    ),
    ("evict a Pod for debugging", EvictPod(DEBUG.name, "debug", "test"), COPIED, NO_POD),
    ("set a copy aside", QuarantineDisk(COPY.name, COPY.uid, "v"), COPIED, NO_CLAIM),
    ("keep the volume of a copy", RetainVolume(COPY.name, COPY.uid, "v"), COPIED, NO_CLAIM),
    (
        "ask for attributes of a copy",
        ChangeClaimAttributes(COPY.name, COPY.uid, "gold"),
        COPIED,
        NO_CLAIM,
    ),
    ("ask a copy to grow", ResizeClaim(COPY.name, COPY.uid, TWENTY), COPIED, NO_CLAIM),
    ("label a Pod for debugging", LabelPod(DEBUG.name, DEBUG.uid, "voter"), COPIED, NO_POD),
    ("announce what is not on record", add(3), with_spec(formed(3), size=5), UNRECORDED),
    ("announce beyond the largest cluster", add(9), growing(3, 9), UNRECORDED),
    ("announce somewhere else", add(3, "http://x:2380"), growing(3, 5),
     "the peer URL is not that of the member's own Pod"),
    ("run more than the largest cluster", run(10), formed(3),
     "an EtcdCluster has at most 9 members"),
    ("run more, without a quorum", run(4_000_000_000), silent(formed(3), 0, 1, 2),
     "an EtcdCluster has at most 9 members"),
    ("run a Pod for nobody", run(4), formed(3), "member 3 was not added to etcd"),
    ("run a Pod for a member that was not announced", run(4), beside(formed(3), 3),
     "member 3 was not added to etcd"),
    ("write a file beyond the largest cluster", files(db_9=""), formed(3),
     "an EtcdCluster has at most 9 members"),
    ("let one that has served join", files(db_0=LISTED), formed(3),
     "member 0 may have served, and might join again without its data"),
    ("let one join that voted in silence", files(db_0=LISTED),
     change_member(formed(3), 0, client_urls=()),
     "member 0 may have served, and might join again without its data"),
    ("stop a voter behind a learner of its host",
     EvictPod("db-0", "pod-0", "test"), silent(SPOOFED, 1),
     "only 1 of 3 voters would be left answering"),
    ("wipe a voter behind a learner of its host",
     DeleteObject("PersistentVolumeClaim", "data-db-0", "claim-0", "test"), SPOOFED,
     "the member of this disk is in etcd's member list"),
]  # fmt: skip

ALLOWED: list[tuple[str, Action, Snapshot]] = [
    ("announce what is on record", add(3), growing(3, 5)),
    ("run a Pod for an announced member", run(4), with_learner(growing(3, 5), 3)),
    ("let one join that never served", files(db_3=LISTED), with_learner(growing(3, 5), 3)),
    ("let an announced member go that is gone from etcd",
     DeleteObject("PersistentVolumeClaim", "data-db-2", "claim-2", "test"),
     without_pods(without_member(formed(3), 2), 2)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("action", "snapshot", "why"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_refuses(action: Action, snapshot: Snapshot, why: str) -> None:
    assert refuse(action, snapshot) == why


@pytest.mark.parametrize(
    ("action", "snapshot"), [row[1:] for row in ALLOWED], ids=[row[0] for row in ALLOWED]
)
def test_lets_pass(action: Action, snapshot: Snapshot) -> None:
    assert refuse(action, snapshot) is None
