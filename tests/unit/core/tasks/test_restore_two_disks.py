"""Restores of members with two disks: both are made, and filled by one Job."""

from __future__ import annotations

import json
from dataclasses import replace

from etcd_operator.api.cluster import EtcdCluster
from etcd_operator.api.wal import WalVolume
from etcd_operator.core.tasks.actions import CreateObject
from etcd_operator.core.tasks.restore import restore_planner as restore_planner
from etcd_operator.json_types import Json
from tests.builders.restores import PINNED, made, restore_view
from tests.builders.snapshots import claim


def with_logs(cluster: EtcdCluster) -> EtcdCluster:
    """Its members have two disks."""
    storage = cluster.spec.storage.model_copy(update={"wal": WalVolume()})
    return replace(cluster, spec=cluster.spec.model_copy(update={"storage": storage}))


def creations(*claims: str) -> list[Json]:
    """What is created while these claims are there."""
    there = tuple(claim(0, name=name, uid=name) for name in claims)
    view = restore_view(status=PINNED, target=with_logs(made()), claims=there)
    actions = restore_planner.decide(view).actions
    return [action.manifest for action in actions if isinstance(action, CreateObject)]


def test_the_claims_that_are_missing_are_made() -> None:
    names = {one["metadata"]["name"] for one in creations("data-db-0", "wal-db-1")}
    assert {name for name in names if name.startswith(("data-", "wal-"))} == {
        "wal-db-0", "data-db-1", "data-db-2", "wal-db-2"
    }  # fmt: skip


def test_a_job_restores_onto_both_disks_of_its_member() -> None:
    job = next(one for one in creations() if one["kind"] == "Job")
    pod = job["spec"]["template"]["spec"]
    claims = {
        volume["name"]: volume["persistentVolumeClaim"]["claimName"]
        for volume in pod["volumes"]
        if "persistentVolumeClaim" in volume
    }
    assert claims == {"data": "data-db-0", "wal": "wal-db-0"}
    for step in (*pod["initContainers"], *pod["containers"]):
        paths = {mount["name"]: mount["mountPath"] for mount in step["volumeMounts"]}
        assert (paths["data"], paths["wal"]) == ("/var/lib/etcd", "/var/lib/etcd-wal")
    command = next(s["command"] for s in pod["initContainers"] if s["name"] == "restore")
    assert "--wal-dir=/var/lib/etcd-wal/restoring" in command
    (text,) = {
        variable["value"]
        for variable in pod["containers"][0]["env"]
        if variable["name"] == "ETCD_OPERATOR_TASK"
    }
    task = json.loads(text)
    assert (task["data"], task["wal"], task["restoringWal"]) == (
        "/var/lib/etcd/db-0",
        "/var/lib/etcd-wal/db-0",
        "/var/lib/etcd-wal/restoring",
    )
