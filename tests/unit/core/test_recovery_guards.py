"""The second opinion on a recovery from a lost majority, whatever the rules want."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etcd_operator.core import guards
from etcd_operator.core.actions import ApplyObject, QuarantineDisk
from etcd_operator.core.snapshot import Snapshot
from tests.unit.core.recovery_scenes import approve, follow, gate_of, isolating, lost
from tests.unit.core.scenes import formed, without_claims, without_pods


def gate_with(snapshot: Snapshot) -> ApplyObject:
    """The ConfigMap with the forcing file, whoever may want it."""
    text = gate_of(snapshot)["db-0.yaml"] + "force-new-cluster: true\n"
    manifest: dict[str, Any] = {"data": {"db-0-forced.yaml": text}}
    return ApplyObject("ConfigMap", "db-config", "ConfigMap-db-config", "", "why", manifest)


@pytest.mark.parametrize(
    "scene",
    [
        formed(3),
        approve(lost(1, 2)),
        isolating(),
        without_pods(follow(isolating()), 1, 2),
        without_claims(follow(isolating()), 1, 2),
    ],
    ids=["well", "approved", "isolating", "disks are left", "Pods are left"],
)
def test_the_guard_lets_nobody_be_forced_while_others_could_start(scene: Snapshot) -> None:
    assert "forced only when" in (guards.refuse(gate_with(scene), scene) or "")


def test_the_guard_sets_aside_no_disk_that_is_in_use() -> None:
    snapshot = isolating()
    disk = QuarantineDisk("data-db-1", "claim-1", "")
    assert guards.refuse(disk, snapshot) == "its Pod is still there"
    gone = without_pods(snapshot, 1, 2)
    assert guards.refuse(disk, gone) is None
    mute = replace(gone, probes={})
    assert "does not answer" in (guards.refuse(disk, mute) or "")
    kept = QuarantineDisk("data-db-0", "claim-0", "")
    assert guards.refuse(kept, gone) == "it is the disk of the member that is kept"
    assert guards.refuse(disk, without_pods(approve(lost(1, 2)), 1)) == "nobody has approved it"
