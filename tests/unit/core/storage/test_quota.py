"""Quota that follows the disks: it rises with all of them, and never falls below what is in use."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from etcd_operator.api.etcd_config import LARGEST_QUOTA, follow_disk
from etcd_operator.api.quantity import Quantity
from etcd_operator.core.actions import ApplyObject
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.effective_spec import with_effective_spec
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.status.spec_warnings import find_spec_warnings
from tests.builders.actions import briefs
from tests.builders.snapshots import (
    answer,
    change_claim,
    formed,
    new,
    settled,
    with_spec,
    without_child,
    without_claims,
)

FOLLOWS: dict[str, Any] = {"quota": "FollowsDisk"}
GIB = 2**30


def following(disk: str = "10Gi", **config: Any) -> Snapshot:
    """A healthy cluster at rest with a quota that follows these disks, or with this one."""
    scene = formed(3, storage={"size": disk}, etcdConfig=config or FOLLOWS)
    for ordinal in range(3):
        scene = change_claim(scene, ordinal, requested=disk, capacity=disk)
    return settled(with_effective_spec(scene))


def using(snapshot: Snapshot, size: int) -> Snapshot:
    """Each database has this size, in bytes."""
    probes = {ordinal: answer(ordinal, db_size=size) for ordinal in range(3)}
    return replace(snapshot, probes=probes)


def quota(snapshot: Snapshot) -> int | None:
    """The quota that members are to have."""
    config = with_effective_spec(snapshot).spec.etcd_config
    return config.quota_backend_bytes if config else None


def written(snapshot: Snapshot) -> set[int]:
    """The quota in the files that this pass writes for members."""
    (gate,) = (
        a.manifest
        for a in plan(snapshot).actions
        if isinstance(a, ApplyObject) and a.kind == "ConfigMap"
    )
    lines = (line for text in gate["data"].values() for line in text.splitlines())
    return {json.loads(line.split()[1]) for line in lines if line.startswith("quota-backend")}


@pytest.mark.parametrize(
    ("disk", "expected"),
    [
        ("1Gi", 256 * 2**20),
        ("10Gi", 4864 * 2**20),
        ("16.5Gi", LARGEST_QUOTA),
        ("1Ti", LARGEST_QUOTA),
        ("10G", 4512 * 2**20),
        ("100Mi", 0),
    ],
)
def test_half_of_what_is_beside_the_log(disk: str, expected: int) -> None:
    assert follow_disk(Quantity.parse(disk)) == expected


def test_a_new_cluster_has_the_quota_of_its_disks() -> None:
    assert quota(new(3, storage={"size": "10Gi"}, etcdConfig=FOLLOWS)) == 4864 * 2**20
    assert quota(new(3, storage={"size": "10Gi"}, etcdConfig={})) is None


def test_nothing_changes_where_nobody_asks_for_it() -> None:
    """The template and the files stay: no member restarts with a new operator."""
    assert plan(settled(formed(3))).actions == ()
    assert quota(following(quotaBackendBytes=GIB)) == GIB


def test_the_quota_rises_when_all_disks_have_grown() -> None:
    before = following("10Gi")
    asked = with_spec(before, storage={"size": "20Gi"})
    assert quota(asked) == 4864 * 2**20
    some = change_claim(asked, 0, requested="20Gi", capacity="20Gi")
    assert quota(some) == 4864 * 2**20
    for ordinal in range(3):
        asked = change_claim(asked, ordinal, requested="20Gi", capacity="20Gi")
    assert quota(asked) == LARGEST_QUOTA
    assert written(asked) == {LARGEST_QUOTA}
    assert "apply StatefulSet db" in briefs(asked)


def test_a_disk_that_is_made_anew_lowers_nothing() -> None:
    grown = with_spec(following("20Gi"), storage={"size": "20Gi"})
    assert quota(without_claims(grown, 1)) == LARGEST_QUOTA
    assert quota(change_claim(grown, 1, requested="10Gi", capacity="10Gi")) == LARGEST_QUOTA


def test_without_the_files_disks_that_have_yet_to_grow_count() -> None:
    asked = with_spec(following("10Gi"), storage={"size": "20Gi"})
    assert quota(without_child(asked, "ConfigMap", "db-config")) == 4864 * 2**20


def test_the_quota_falls_only_when_the_database_has_room() -> None:
    set_before = using(following("10Gi", quotaBackendBytes=7 * GIB), 6 * GIB)
    asked = with_spec(set_before, etcdConfig=FOLLOWS)
    assert quota(asked) == 7 * GIB
    assert quota(using(asked, GIB)) == 4864 * 2**20
    lost = without_child(asked, "ConfigMap", "db-config")
    assert quota(lost) == 6 * GIB * 5 // 4


def test_etcds_own_quota_stays_while_it_is_in_use() -> None:
    asked = with_spec(using(settled(formed(3)), 1900 * 2**20), storage={"size": "2Gi"},
                      etcdConfig=FOLLOWS)  # fmt: skip
    for ordinal in range(3):
        asked = change_claim(asked, ordinal, requested="2Gi", capacity="2Gi")
    assert quota(asked) == 1900 * 2**20 * 5 // 4


def test_a_full_database_keeps_the_quota_that_it_has() -> None:
    full = using(following("10Gi"), 4865 * 2**20)
    assert quota(full) == 4864 * 2**20


def test_a_number_that_etcd_cannot_read_is_never_taken_over() -> None:
    scene = using(following("10Gi"), 6 * GIB)
    gate = scene.children["ConfigMap", "db-config"]
    for number in ("9" * 19, "-1", "1e9"):
        data = {"db-0.yaml": f"quota-backend-bytes: {number}\n"}
        edited = replace(gate, body={**gate.body, "data": data})
        children = {**scene.children, ("ConfigMap", "db-config"): edited}
        assert quota(replace(scene, children=children)) == 6 * GIB * 5 // 4


def test_a_quota_above_the_memory_is_said() -> None:
    scene = with_spec(following("20Gi"), resources={"limits": {"memory": "1Gi"}})
    (said,) = find_spec_warnings(with_effective_spec(scene))
    assert said.message.startswith(
        "The quota of 8Gi (spec.etcdConfig.quota FollowsDisk) is more than a member's memory limit"
    )
