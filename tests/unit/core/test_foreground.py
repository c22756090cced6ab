"""A deletion with --cascade=foreground that waits for a backup: members come back for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_operator.core.actions import ApplyObject
from etcd_operator.core.guards import refuse
from etcd_operator.core.model.naming import FINALIZER
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.required_backup import rule as required_backup
from tests.builders.actions import briefs
from tests.builders.snapshots import formed, silent, with_cluster, with_spec, without_pods


def leaving(*finalizers: str) -> Snapshot:
    """Kubernetes has deleted all that the EtcdCluster owns; the disk is left."""
    wished = with_spec(formed(1), backup={"beforeDeletion": "nightly"})
    gone = replace(silent(without_pods(wished, 0), 0), children={})
    return with_cluster(gone, deleting=True, finalizers=(FINALIZER, *finalizers))


def test_nothing_is_made_that_kubernetes_deletes_again() -> None:
    planned = plan(leaving("foregroundDeletion"))
    assert planned.rule == required_backup.back_up_before_deletion.__name__
    assert planned.actions == ()
    assert planned.decision.message == (
        "The deletion waits for a backup: Kubernetes deletes its objects first, as "
        "--cascade=foreground asks; they come back."
    )


@pytest.mark.situation(
    "data",
    "an EtcdCluster that waits for a backup is deleted with `--cascade=foreground`",
    "Kubernetes deletes its Pods; they come back on their disks, and are backed up",
)
def test_members_come_back_on_their_disks_to_be_backed_up() -> None:
    planned = plan(leaving())
    assert planned.rule == required_backup.back_up_before_deletion.__name__
    assert briefs(leaving()) == (
        "apply Service db-peer",
        "apply Service db-client",
        "apply ConfigMap db-config",
        "apply StatefulSet db",
        "apply PodDisruptionBudget db",
    )
    gate = next(a for a in planned.actions if isinstance(a, ApplyObject) and a.kind == "ConfigMap")
    assert 'initial-cluster-state: "existing"' in gate.manifest["data"]["db-0.yaml"]
    assert not [why for action in planned.actions if (why := refuse(action, leaving()))]
