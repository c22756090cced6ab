"""Which passes an EtcdBackup that changes brings about."""

from __future__ import annotations

from typing import cast

import pytest

from etcd_operator.api.parse import parse_cluster
from etcd_operator.json_types import Json
from etcd_operator.runtime.engine.caches import Caches
from etcd_operator.runtime.engine.task_caches import TaskCaches, WatchedClusters
from etcd_operator.runtime.kubernetes.api import CLUSTERS, KubeApi
from tests.builders.snapshots import NAMING, raw_cluster

CONSENT = {"etcd.etcd.io/backup-from": "vault"}


def backup(namespace: str, version: int, completed: str = "") -> Json:
    """An EtcdBackup of the cluster of all scenes."""
    return {
        "metadata": {
            "namespace": namespace, "name": "nightly", "uid": "b", "resourceVersion": str(version),
        },
        "spec": {
            "clusterName": NAMING.name, "clusterNamespace": NAMING.namespace,
            "storageType": "S3", "s3": {"bucket": "b"},
        },
        "status": {"completionTime": completed} if completed else {},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("namespace", "annotations", "expected"),
    [
        (NAMING.namespace, {}, [(NAMING.namespace, NAMING.name)]),
        ("vault", CONSENT, [(NAMING.namespace, NAMING.name)]),
        ("stranger", CONSENT, []),
    ],
)
def test_a_backup_that_completes_brings_about_a_pass_over_its_cluster(
    namespace: str, annotations: dict[str, str], expected: list[tuple[str, str]]
) -> None:
    api = cast(KubeApi, None)
    tasks, clusters = TaskCaches(api), Caches(api)
    clusters.observe(CLUSTERS.name, raw_cluster({"size": 3}, annotations=annotations))
    tasks.backups.observe(backup(namespace, 5))
    told: list[tuple[str, str]] = []
    WatchedClusters(tasks, clusters).subscribe(lambda *about: told.append(about))
    tasks.backups.observe(backup(namespace, 6, "2026-03-04T05:06:07Z"))
    assert told == expected


@pytest.mark.parametrize("status", ["True", "Unknown", "False"])
def test_a_backup_is_a_verified_one_by_what_became_of_it_not_by_what_is_asked_now(
    status: str,
) -> None:
    """spec.verify may have been set after the last backup was taken."""
    api = cast(KubeApi, None)
    tasks = TaskCaches(api)
    ended = backup(NAMING.namespace, 6, "2026-03-04T05:06:07Z")
    ended["spec"]["verify"] = True
    ended["status"]["conditions"] = [{"type": "Verified", "status": status, "reason": "R"}]
    tasks.backups.observe(ended)
    (found,) = tasks.backups_of(parse_cluster(raw_cluster({"size": 3})))
    assert found.last is not None
    assert found.last_verified == (found.last if status == "True" else None)


@pytest.mark.parametrize(("failures", "failure"), [(2, "No bucket."), (0, "")])
def test_why_a_backup_failed_outlasts_its_repetition(failures: int, failure: str) -> None:
    tasks = TaskCaches(cast(KubeApi, None))
    again = backup(NAMING.namespace, 6)
    failed = {"type": "Completed", "status": "False", "reason": "R", "message": "No bucket."}
    again["status"] = {
        "message": "Job a-2 is running.",
        "consecutiveFailures": failures,
        "conditions": [failed],
    }
    tasks.backups.observe(again)
    (found,) = tasks.backups_of(parse_cluster(raw_cluster({"size": 3})))
    assert (found.message, found.failure) == ("Job a-2 is running.", failure)


def test_an_object_of_a_cluster_brings_about_a_pass_over_it() -> None:
    api = cast(KubeApi, None)
    tasks, clusters = TaskCaches(api), Caches(api)
    told: list[tuple[str, str]] = []
    WatchedClusters(tasks, clusters).subscribe(lambda *about: told.append(about))
    clusters.observe(CLUSTERS.name, raw_cluster({"size": 3}))
    assert told == [(NAMING.namespace, NAMING.name)]
