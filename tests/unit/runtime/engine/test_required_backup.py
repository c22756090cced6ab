"""Backups before risks, as a pass sees them and carries them out."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from etcd_operator.api.backup import TaskPhase
from etcd_operator.api.parse import parse_cluster
from etcd_operator.core.actions import ApplyObject, RequestBackup
from etcd_operator.json_types import Json
from etcd_operator.runtime.engine.task_caches import TaskCaches
from etcd_operator.runtime.kubernetes.api import KubeApi
from tests.builders.required_backups import leaving, pending, taken, upgrading
from tests.builders.snapshots import raw_cluster
from tests.harnesses.reconciler import ReconcilerHarness


async def test_a_pass_holds_the_version_and_asks_for_the_backup() -> None:
    harness = ReconcilerHarness(upgrading())
    await harness.make_pass()
    (request,) = harness.performed
    assert isinstance(request, RequestBackup)
    assert harness.told[0][:2] == ("Normal!", "CreatedEtcdBackup")
    assert harness.shown()["BackupHealthy"] == "UpgradeWaits"
    assert "The upgrade to v3.5.35 waits" in harness.written[-1]["status"]["message"]


async def test_a_backup_that_fails_is_told_as_a_warning_and_a_condition() -> None:
    harness = ReconcilerHarness(upgrading(pending("v3.5.35", failures=1, message="No bucket.")))
    await harness.make_pass()
    assert harness.performed == []
    assert [kind for kind, reason, _ in harness.told if reason == "BackupBeforeUpgrade"][:1] == [
        "Warning"
    ]
    assert harness.shown()["BackupHealthy"] == "BackupFailing"


async def test_the_upgrade_goes_on_when_the_backup_is_taken() -> None:
    harness = ReconcilerHarness(upgrading(taken("v3.5.35")))
    await harness.make_pass()
    (template,) = [
        a for a in harness.performed if isinstance(a, ApplyObject) and a.kind == "StatefulSet"
    ]
    container = template.manifest["spec"]["template"]["spec"]["containers"][0]
    assert container["image"].endswith(":v3.5.35")


async def test_a_deletion_that_waits_leaves_everything_as_it_is() -> None:
    harness = ReconcilerHarness(leaving(pending("deletion")))
    await harness.make_pass()
    assert harness.performed == []


@pytest.mark.parametrize(
    ("phase", "verified", "proven"),
    [
        ("Completed", "True", True),
        ("Completed", "Unknown", False),
        ("Running", "True", False),
        ("Failed", "False", False),
    ],
)
def test_what_is_known_of_such_a_backup(phase: str, verified: str, proven: bool) -> None:
    tasks = TaskCaches(cast(KubeApi, None))
    raw: Json = {
        "metadata": {
            "namespace": "team",
            "name": "db-before-deletion-1",
            "uid": "u",
            "resourceVersion": "1",
            "creationTimestamp": "2026-03-04T05:06:07Z",
            "annotations": {"etcd.etcd.io/taken-before": "0c1c2c3c deletion"},
        },
        "spec": {"clusterName": "db", "storageType": "S3", "s3": {"bucket": "b"}},
        "status": {
            "phase": phase,
            "conditions": [{"type": "Verified", "status": verified, "reason": "Compared"}],
        },
    }
    tasks.backups.observe(raw)
    own = parse_cluster(raw_cluster({}, namespace="team", name="db"))
    (state,) = tasks.backups_of(own)
    assert (state.mark, state.namespace) == ("0c1c2c3c deletion", "team")
    assert (state.phase, state.verified) == (TaskPhase(phase), proven)
    assert state.created is not None
    assert state.spec is not None
    assert tasks.backups_of(replace(own, name="other")) == ()


@pytest.mark.situation(
    "data",
    "an EtcdBackup of another namespace says that it was taken before the deletion",
    "it proves nothing",
)
def test_a_backup_of_another_namespace_counts_only_with_consent_and_proves_nothing() -> None:
    tasks = TaskCaches(cast(KubeApi, None))
    raw: Json = {
        "metadata": {
            "namespace": "stranger",
            "name": "x",
            "uid": "u",
            "resourceVersion": "1",
            "annotations": {"etcd.etcd.io/taken-before": "0c1c2c3c deletion"},
        },
        "spec": {
            "clusterName": "db",
            "clusterNamespace": "team",
            "storageType": "S3",
            "s3": {"bucket": "b"},
        },
        "status": {
            "phase": "Completed",
            "conditions": [{"type": "Verified", "status": "True", "reason": "Compared"}],
        },
    }
    tasks.backups.observe(raw)
    own = parse_cluster(raw_cluster({}, namespace="team", name="db"))
    assert tasks.backups_of(own) == ()
    allowing = replace(own, annotations={"etcd.etcd.io/backup-from": "stranger"})
    (state,) = tasks.backups_of(allowing)
    assert state.mark == ""
