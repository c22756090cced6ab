"""Before the cluster is formed: what is waited for, and what is created."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.core.bootstrap import rule as bootstrap
from etcd_operator.core.model.decision import POD_START
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import attention, routine
from tests.builders.actions import SAID, Fires, Passes, flags
from tests.builders.snapshots import (
    answer,
    begun,
    claim,
    formed,
    new,
    pod,
    restoring,
    silent,
    stopped,
    with_cluster,
    with_spec,
    without_child,
    without_pods,
    without_status,
)

CREATE_ALL = (
    "apply Service db-peer",
    "apply Service db-client",
    "apply ConfigMap db-config",
    "apply StatefulSet db",
    "apply PodDisruptionBudget db",
)


def without_record(snapshot: Snapshot) -> Snapshot:
    """Neither status nor any of our objects is left."""
    return replace(without_status(snapshot), children={}, membership=None, probes={})


REMEDY = " If they hold nothing of value, delete the PersistentVolumeClaims to begin anew."


FIRES = (
    Fires(
        "size 0 from the beginning creates nothing",
        bootstrap.wait_uncreated,
        new(0),
        routine.STOPPED,
        "The cluster is not created while spec.size is 0.",
        Phase.STOPPED,
        (),
        flags("no corrections", "settled"),
    ),
    Fires(
        "disks that a restore has not filled are waited for",
        bootstrap.wait_for_restore,
        restoring(3),
        routine.RESTORING,
        "An EtcdRestore fills the disks, 3 of which exist; then the members start.",
        Phase.CREATING,
        (),
        flags("no corrections"),
    ),
    Fires(
        "the mark of another restore is none",
        bootstrap.wait_for_restore,
        restoring(1, filled=True, by="another"),
        routine.RESTORING,
        "An EtcdRestore fills the disks, 1 of which exist; then the members start.",
        Phase.CREATING,
        (),
        flags("no corrections"),
    ),
    Fires(
        "restored disks are started from",
        bootstrap.bootstrap,
        restoring(3, filled=True),
        routine.BOOTSTRAPPING,
        "Bootstrapping 3 members: 0 running, 0 answering.",
        Phase.CREATING,
        CREATE_ALL,
    ),
    Fires(
        "disks without any record are not formed over",
        bootstrap.refuse_unrecorded_resources,
        replace(without_record(formed(1)), pods=()),
        attention.UNRECORDED_RESOURCES,
        "data-db-0 exists, but no record of how it was formed." + REMEDY,
        Phase.CREATING,
        (),
        flags("no corrections", "blocked"),
    ),
    Fires(
        "remains that are going are waited for",
        bootstrap.refuse_unrecorded_resources,
        replace(without_record(new()), pods=(pod(1, deleting=True),)),
        attention.UNRECORDED_RESOURCES,
        "db-1 exists, but no record of how it was formed. They are being deleted.",
        Phase.CREATING,
        (),
        flags("no corrections"),
    ),
    Fires(
        "a new cluster's objects are created together",
        bootstrap.bootstrap,
        new(3),
        routine.BOOTSTRAPPING,
        SAID,
        Phase.CREATING,
        CREATE_ALL,
    ),
    Fires(
        "running members are waited for",
        bootstrap.bootstrap,
        replace(begun(3), probes={0: answer(0)}),
        routine.BOOTSTRAPPING,
        "Bootstrapping 3 members: 3 running, 1 answering.",
        Phase.CREATING,
    ),
    Fires(
        "a bootstrap is stopped by size 0",
        bootstrap.bootstrap,
        with_spec(begun(3), size=0),
        routine.STOPPING,
        "Stopping before the cluster was formed.",
        Phase.CREATING,
        ("apply StatefulSet db",),
    ),
)

PASSES = (
    Passes("a size to create", bootstrap.wait_uncreated, new(3)),
    Passes("a bootstrap was begun", bootstrap.wait_uncreated, with_spec(begun(3), size=0)),
    Passes("disks exist", bootstrap.wait_uncreated, replace(new(0), claims=(claim(0),))),
    Passes("a formed cluster", bootstrap.wait_uncreated, stopped(3)),
    Passes("no restore made it", bootstrap.wait_for_restore, begun(3)),
    Passes("all disks are filled", bootstrap.wait_for_restore, restoring(3, filled=True)),
    Passes(
        "restored disks are no remains",
        bootstrap.refuse_unrecorded_resources,
        restoring(3, filled=True),
    ),
    Passes("nothing remains", bootstrap.refuse_unrecorded_resources, new()),
    Passes("the bootstrap is recorded", bootstrap.refuse_unrecorded_resources, begun(3)),
    Passes(
        "formed, though status was lost",
        bootstrap.refuse_unrecorded_resources,
        without_status(formed(3)),
    ),
    Passes(
        "formed, as the StatefulSet says, though status and gate were lost",
        bootstrap.refuse_unrecorded_resources,
        without_child(without_status(silent(formed(3), 0, 1, 2)), "ConfigMap", "db-config"),
    ),
    Passes("formed", bootstrap.bootstrap, formed(3)),
    Passes(
        "a quorum answers, though nothing is recorded yet",
        bootstrap.bootstrap,
        without_status(without_child(formed(3), "ConfigMap", "db-config")),
    ),
)


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_fires(row: Fires) -> None:
    row.check()


@pytest.mark.parametrize("row", PASSES, ids=lambda row: row.title)
def test_passes(row: Passes) -> None:
    row.check()


def test_disks_are_looked_up_where_the_bootstrap_depends_on_them() -> None:
    looks = bootstrap.must_see_claims
    assert looks(new(3)), "before the first object"
    assert not looks(begun(3)), "while it goes its way"
    assert looks(with_spec(begun(3), size=1)), "when it was corrected"
    assert not looks(with_spec(formed(3), size=1)), "never once it is formed"
    assert not looks(with_cluster(new(3), deleting=True)), "nor when it goes"


def test_a_started_cluster_is_asked_soon() -> None:
    running = replace(begun(3), probes={})
    assert plan(running).decision.requeue_after == POD_START
    assert plan(without_pods(running, 0, 1, 2)).decision.requeue_after is None
