"""Before the cluster is formed, and while it is stopped or started again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import DeleteObject
from etcd_operator.core.decision import PRESENTLY
from etcd_operator.core.plan import plan
from etcd_operator.core.rules import bootstrap, hibernate
from etcd_operator.core.snapshot import Snapshot
from tests.unit.core.scenes import (
    answer,
    begun,
    change_child,
    change_claim,
    change_pod,
    claim,
    formed,
    new,
    pod,
    restoring,
    settled,
    silent,
    with_cluster,
    with_spec,
    with_status,
    without_child,
    without_claims,
    without_pods,
    without_status,
)
from tests.unit.core.shorthand import Fires, Passes, flags

CREATE_ALL = (
    "apply Service db-peer",
    "apply Service db-client",
    "apply ConfigMap db-config",
    "apply StatefulSet db",
    "apply PodDisruptionBudget db",
)
STOP = "apply StatefulSet db"
BEGIN_ANEW = ("delete ConfigMap db-config", "delete StatefulSet db")


def unbound(snapshot: Snapshot, *ordinals: int) -> Snapshot:
    """These disks were never provisioned, so their Pods never ran."""
    for ordinal in ordinals:
        snapshot = change_claim(snapshot, ordinal, bound=False)
        snapshot = change_pod(snapshot, ordinal, running=False, ever_ran=False)
    return snapshot


def halted(snapshot: Snapshot, **status: Any) -> Snapshot:
    """The StatefulSet was told to run nothing, and says that it is done."""
    live = snapshot.statefulset
    assert live is not None
    spec = {**live.body["spec"], "replicas": 0}
    told = {"observedGeneration": live.body["metadata"]["generation"], "replicas": 0, **status}
    body = {**live.body, "spec": spec, "status": told}
    return change_child(replace(snapshot, pods=()), "StatefulSet", "db", body=body)


def without_record(snapshot: Snapshot) -> Snapshot:
    """Neither status nor any of our objects is left."""
    return replace(without_status(snapshot), children={}, membership=None, probes={})


def stopped(members: int = 3) -> Snapshot:
    """A cluster at rest at size 0."""
    off = with_spec(formed(members), size=0)
    off = replace(off, pods=(), membership=None, probes={})
    return with_status(settled(off), phase="Stopped")


def storage(**fields: Any) -> dict[str, Any]:
    """A changed `spec.storage`."""
    return {"size": "10Gi", **fields}


REMEDY = " If they hold nothing of value, delete the PersistentVolumeClaims to begin anew."


def template(storage_class: str, **spec: Any) -> dict[str, Any]:
    """Disks as a volumeClaimTemplate describes them."""
    claim_spec = {"storageClassName": storage_class, **spec}
    return {"size": "10Gi", "volumeClaimTemplate": {"spec": claim_spec}}


def templated(storage_class: str, **spec: Any) -> Snapshot:
    """A bootstrap under way with a volumeClaimTemplate."""
    return begun(1, storage=template(storage_class, **spec))


FIRES = (
    Fires(
        "size 0 from the beginning creates nothing",
        bootstrap.rest_uncreated,
        new(0),
        "Stopped",
        "The cluster is not created while spec.size is 0.",
        Phase.STOPPED,
        (),
        flags("no upkeep", "settled"),
    ),
    Fires(
        "disks that a restore has not filled are waited for",
        bootstrap.wait_for_restore,
        restoring(3),
        "Restoring",
        "An EtcdRestore fills the disks, 3 of which exist; then the members start.",
        Phase.CREATING,
        (),
        flags("no upkeep"),
    ),
    Fires(
        "the mark of another restore is none",
        bootstrap.wait_for_restore,
        restoring(1, filled=True, by="another"),
        "Restoring",
        "An EtcdRestore fills the disks, 1 of which exist; then the members start.",
        Phase.CREATING,
        (),
        flags("no upkeep"),
    ),
    Fires(
        "restored disks are started from",
        bootstrap.form,
        restoring(3, filled=True),
        "Bootstrapping",
        "Forming a cluster of 3: 0 running, 0 answering.",
        Phase.CREATING,
        CREATE_ALL,
    ),
    Fires(
        "disks without any record are not formed over",
        bootstrap.wait_for_remains,
        replace(without_record(formed(1)), pods=()),
        "EarlierLife",
        "data-db-0 exists, but no record of how it was formed." + REMEDY,
        Phase.CREATING,
        (),
        flags("no upkeep", "blocked"),
    ),
    Fires(
        "remains that are going are waited for",
        bootstrap.wait_for_remains,
        replace(without_record(new()), pods=(pod(1, deleting=True),)),
        "EarlierLife",
        "db-1 exists, but no record of how it was formed. They are being deleted.",
        Phase.CREATING,
        (),
        flags("no upkeep"),
    ),
    Fires(
        "another size before anything started begins anew",
        bootstrap.restart_bootstrap,
        with_spec(unbound(begun(3), 0, 1, 2), size=5),
        "BootstrapRestarted",
        "Beginning again, because spec.size was changed from 3 to 5 before any member could start.",
        Phase.CREATING,
        (STOP,),
        flags("no upkeep"),
    ),
    Fires(
        "once nothing can start, the disks go",
        bootstrap.restart_bootstrap,
        with_spec(halted(unbound(begun(3), 0, 1, 2)), size=5),
        "BootstrapRestarted",
        "Beginning again, because spec.size was changed from 3 to 5 before any member could start.",
        Phase.CREATING,
        tuple(f"delete PersistentVolumeClaim data-db-{o}" for o in range(3)),
        flags("no upkeep"),
    ),
    Fires(
        "once the disks are gone, the record goes",
        bootstrap.restart_bootstrap,
        with_spec(without_claims(halted(begun(3)), 0, 1, 2), size=5),
        "BootstrapRestarted",
        "Beginning again, because spec.size was changed from 3 to 5 before any member could start.",
        Phase.CREATING,
        BEGIN_ANEW,
        flags("no upkeep"),
    ),
    Fires(
        "so does a corrected storage class",
        bootstrap.restart_bootstrap,
        with_spec(unbound(begun(1), 0), storage=storage(storageClassName="fast")),
        "BootstrapRestarted",
        "Beginning again, because spec.storage.storageClassName was changed to fast before any "
        "member could start.",
        Phase.CREATING,
        (STOP,),
        flags("no upkeep"),
    ),
    Fires(
        "so does a corrected disk size",
        bootstrap.restart_bootstrap,
        with_spec(unbound(begun(1), 0), storage=storage(size="1Gi")),
        "BootstrapRestarted",
        "Beginning again, because spec.storage.size was changed to 1Gi before any member could "
        "start.",
        Phase.CREATING,
        (STOP,),
        flags("no upkeep"),
    ),
    Fires(
        "so does a corrected storage class of a volumeClaimTemplate",
        bootstrap.restart_bootstrap,
        with_spec(unbound(templated("typo"), 0), storage=template("fast")),
        "BootstrapRestarted",
        "Beginning again, because spec.storage.volumeClaimTemplate was changed to fast before any "
        "member could start.",
        Phase.CREATING,
        (STOP,),
        flags("no upkeep"),
    ),
    Fires(
        "so does one that is left to the default",
        bootstrap.restart_bootstrap,
        with_spec(unbound(templated("typo"), 0), storage={"size": "10Gi"}),
        "BootstrapRestarted",
        "Beginning again, because spec.storage.storageClassName was changed to the default before "
        "any member could start.",
        Phase.CREATING,
        (STOP,),
        flags("no upkeep"),
    ),
    Fires(
        "so does another correction of a volumeClaimTemplate",
        bootstrap.restart_bootstrap,
        with_spec(
            unbound(templated("fast"), 0),
            storage=template("fast", accessModes=["ReadWriteOncePod"]),
        ),
        "BootstrapRestarted",
        "Beginning again, because spec.storage.volumeClaimTemplate was changed before any member "
        "could start.",
        Phase.CREATING,
        (STOP,),
        flags("no upkeep"),
    ),
    Fires(
        "so does what a volumeClaimTemplate asks for no more",
        bootstrap.restart_bootstrap,
        with_spec(unbound(templated("fast", volumeName="pv-typo"), 0), storage=template("fast")),
        "BootstrapRestarted",
        "Beginning again, because spec.storage.volumeClaimTemplate was changed before any member "
        "could start.",
        Phase.CREATING,
        (STOP,),
        flags("no upkeep"),
    ),
    Fires(
        "a new cluster's objects are created together",
        bootstrap.form,
        new(3),
        "Bootstrapping",
        "Forming a cluster of 3: 0 running, 0 answering.",
        Phase.CREATING,
        CREATE_ALL,
    ),
    Fires(
        "running members are waited for",
        bootstrap.form,
        replace(begun(3), probes={0: answer(0)}),
        "Bootstrapping",
        "Forming a cluster of 3: 3 running, 1 answering.",
        Phase.CREATING,
    ),
    Fires(
        "a bootstrap is stopped by size 0",
        bootstrap.form,
        with_spec(begun(3), size=0),
        "Stopping",
        "Stopping before the cluster was formed.",
        Phase.CREATING,
        ("apply StatefulSet db",),
    ),
    Fires(
        "size 0 stops every Pod and keeps the disks",
        hibernate.stop,
        with_spec(formed(3), size=0),
        "Stopping",
        "Stopping the cluster: 3 Pods are left, the disks are kept.",
        Phase.SCALING,
        ("apply StatefulSet db",),
    ),
    Fires(
        "stopped is at rest",
        hibernate.stop,
        stopped(3),
        "Stopped",
        "The cluster is stopped and its disks are kept; set spec.size to start it.",
        Phase.STOPPED,
        (),
        flags("settled"),
    ),
    Fires(
        "a start brings back as many members as there were, whatever the size",
        hibernate.start,
        with_spec(stopped(3), size=1),
        "Starting",
        "Starting the 3 members that were stopped.",
        Phase.SCALING,
        ("apply StatefulSet db",),
    ),
)

PASSES = (
    Passes("a size to create", bootstrap.rest_uncreated, new(3)),
    Passes("a bootstrap was begun", bootstrap.rest_uncreated, with_spec(begun(3), size=0)),
    Passes("disks exist", bootstrap.rest_uncreated, replace(new(0), claims=(claim(0),))),
    Passes("a formed cluster", bootstrap.rest_uncreated, stopped(3)),
    Passes("no restore made it", bootstrap.wait_for_restore, begun(3)),
    Passes("all disks are filled", bootstrap.wait_for_restore, restoring(3, filled=True)),
    Passes("restored disks are no remains", bootstrap.wait_for_remains, restoring(3, filled=True)),
    Passes("nothing remains", bootstrap.wait_for_remains, new()),
    Passes("the bootstrap is recorded", bootstrap.wait_for_remains, begun(3)),
    Passes("formed, though status was lost", bootstrap.wait_for_remains, without_status(formed(3))),
    Passes(
        "formed, as the StatefulSet says, though status and gate were lost",
        bootstrap.wait_for_remains,
        without_child(without_status(silent(formed(3), 0, 1, 2)), "ConfigMap", "db-config"),
    ),
    Passes("the same spec", bootstrap.restart_bootstrap, begun(3)),
    Passes(
        "the same amount, written otherwise",
        bootstrap.restart_bootstrap,
        with_spec(unbound(begun(1), 0), storage=storage(size="10240Mi")),
    ),
    Passes(
        "a majority of the disks exists, so writes may have been acknowledged",
        bootstrap.restart_bootstrap,
        with_spec(unbound(begun(3), 2), size=5),
    ),
    Passes(
        "nobody looked for disks that the caches do not show",
        bootstrap.restart_bootstrap,
        replace(with_spec(unbound(begun(3), 0, 1, 2), size=5), unlabelled_claims=None),
    ),
    Passes(
        "formed clusters are scaled, not begun again",
        bootstrap.restart_bootstrap,
        with_spec(formed(3), size=5),
    ),
    Passes("formed", bootstrap.form, formed(3)),
    Passes(
        "a quorum answers, though nothing is recorded yet",
        bootstrap.form,
        without_status(without_child(formed(3), "ConfigMap", "db-config")),
    ),
    Passes("a size above 0", hibernate.stop, formed(3)),
    Passes("running", hibernate.start, silent(formed(3), 1, 2)),
    Passes("a quorum is back", hibernate.start, with_status(formed(3), phase="Stopped")),
)


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_fires(row: Fires) -> None:
    row.check()


@pytest.mark.parametrize("row", PASSES, ids=lambda row: row.title)
def test_passes(row: Passes) -> None:
    row.check()


def test_a_majority_with_disks_is_never_begun_again() -> None:
    """With 2 of 3 disks a write may be acknowledged; with 1 of 3 it cannot."""
    resized = with_spec(begun(3), size=1)
    assert plan(unbound(resized, 1, 2)).rule == "restart_bootstrap"
    assert plan(unbound(resized, 2)).rule == "form"


def test_a_restart_of_the_bootstrap_is_seen_again_after_a_crash() -> None:
    """Whichever record of the bootstrap is left, the difference is found."""
    resized = with_spec(unbound(begun(3), 0, 1, 2), size=5)
    for gone in (("ConfigMap", "db-config"), ("StatefulSet", "db")):
        assert plan(without_child(resized, *gone)).rule == "restart_bootstrap"


@pytest.mark.parametrize(
    "status",
    [{"observedGeneration": 0}, {"replicas": 1}],
    ids=["it has not seen that it is to run nothing", "a Pod of it is left"],
)
def test_nothing_is_deleted_while_the_statefulset_is_busy(status: dict[str, int]) -> None:
    """It may be creating a disk that nobody can see yet."""
    busy = with_spec(without_claims(halted(begun(3), **status), 0, 1, 2), size=5)
    planned = plan(busy)
    assert (planned.rule, planned.actions) == ("restart_bootstrap", ())


def test_what_is_deleted_must_be_as_it_was_seen() -> None:
    """A disk that was unused when it was looked at may hold a cluster by the time it is to go."""
    for seen in (unbound(begun(3), 0, 1, 2), without_claims(begun(3), 0, 1, 2)):
        actions = plan(with_spec(halted(seen), size=5)).actions
        assert actions
        assert all(isinstance(a, DeleteObject) and a.resource_version for a in actions)


def test_nothing_is_deleted_while_a_pod_is_left() -> None:
    left = replace(halted(unbound(begun(3), 0, 1, 2)), pods=(pod(0, deleting=True),))
    assert plan(with_spec(left, size=5)).actions == ()


def test_disks_are_looked_up_where_the_bootstrap_depends_on_them() -> None:
    looks = bootstrap.must_see_claims
    assert looks(new(3)), "before the first object"
    assert not looks(begun(3)), "while it goes its way"
    assert looks(with_spec(begun(3), size=1)), "when it was corrected"
    assert not looks(with_spec(formed(3), size=1)), "never once it is formed"
    assert not looks(with_cluster(new(3), deleting=True)), "nor when it goes"


def test_the_user_may_change_the_mind_about_stopping() -> None:
    back = with_spec(with_spec(formed(3), size=0), size=3)
    assert plan(back).decision.reason == "Healthy"


def test_a_started_cluster_is_asked_soon() -> None:
    running = replace(begun(3), probes={})
    assert plan(running).decision.wake_after == PRESENTLY
    assert plan(without_pods(running, 0, 1, 2)).decision.wake_after is None


def test_stop_waits_for_the_last_pod() -> None:
    last = with_cluster(stopped(3), generation=3)
    assert plan(replace(last, pods=(pod(0, deleting=True),))).decision.reason == "Stopping"


def test_starting_stays_starting_until_a_quorum_answers() -> None:
    """The passes after the first one still know that the members were stopped."""
    first = plan(with_spec(stopped(3), size=3))
    assert first.decision.reason == "Starting"
    second = settled(with_spec(stopped(3), size=3))
    second = replace(second, pods=tuple(pod(o, ready=False) for o in range(3)))
    shown = {"type": "Progressing", "status": "True", "reason": "Starting"}
    second = with_status(second, phase="Scaling", conditions=[shown])
    assert plan(second).decision.reason == "Starting"
