"""A bootstrap that begins again, because its spec was corrected before any member could start."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import DeleteObject
from etcd_operator.core.bootstrap import rule as bootstrap
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import routine
from tests.builders.actions import SAID, Fires, Passes, flags
from tests.builders.snapshots import (
    begun,
    change_child,
    change_claim,
    change_pod,
    formed,
    pod,
    with_spec,
    without_child,
    without_claims,
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


def storage(**fields: Any) -> dict[str, Any]:
    """A changed `spec.storage`."""
    return {"size": "10Gi", **fields}


def template(storage_class: str, **spec: Any) -> dict[str, Any]:
    """Disks as a volumeClaimTemplate describes them."""
    claim_spec = {"storageClassName": storage_class, **spec}
    return {"size": "10Gi", "volumeClaimTemplate": {"spec": claim_spec}}


def templated(storage_class: str, **spec: Any) -> Snapshot:
    """A bootstrap under way with a volumeClaimTemplate."""
    return begun(1, storage=template(storage_class, **spec))


FIRES = (
    Fires(
        "another size before anything started begins anew",
        bootstrap.restart_bootstrap,
        with_spec(unbound(begun(3), 0, 1, 2), size=5),
        routine.BOOTSTRAP_RESTARTED,
        "Restarting the bootstrap: spec.size was changed from 3 to 5 before any member could "
        "start.",
        Phase.CREATING,
        (STOP,),
        flags("no corrections"),
    ),
    Fires(
        "once nothing can start, the disks go",
        bootstrap.restart_bootstrap,
        with_spec(halted(unbound(begun(3), 0, 1, 2)), size=5),
        routine.BOOTSTRAP_RESTARTED,
        SAID,
        Phase.CREATING,
        tuple(f"delete PersistentVolumeClaim data-db-{o}" for o in range(3)),
        flags("no corrections"),
    ),
    Fires(
        "once the disks are gone, the record goes",
        bootstrap.restart_bootstrap,
        with_spec(without_claims(halted(begun(3)), 0, 1, 2), size=5),
        routine.BOOTSTRAP_RESTARTED,
        SAID,
        Phase.CREATING,
        BEGIN_ANEW,
        flags("no corrections"),
    ),
    Fires(
        "so does a corrected storage class",
        bootstrap.restart_bootstrap,
        with_spec(unbound(begun(1), 0), storage=storage(storageClassName="fast")),
        routine.BOOTSTRAP_RESTARTED,
        "Restarting the bootstrap: spec.storage.storageClassName was changed to fast before any "
        "member could start.",
        Phase.CREATING,
        (STOP,),
        flags("no corrections"),
    ),
    Fires(
        "so does a corrected disk size",
        bootstrap.restart_bootstrap,
        with_spec(unbound(begun(1), 0), storage=storage(size="1Gi")),
        routine.BOOTSTRAP_RESTARTED,
        "Restarting the bootstrap: spec.storage.size was changed to 1Gi before any member could "
        "start.",
        Phase.CREATING,
        (STOP,),
        flags("no corrections"),
    ),
    Fires(
        "so does another VolumeAttributesClass",
        bootstrap.restart_bootstrap,
        with_spec(unbound(begun(1), 0), storage=storage(volumeAttributesClassName="gold")),
        routine.BOOTSTRAP_RESTARTED,
        "Restarting the bootstrap: spec.storage.volumeAttributesClassName was changed to gold "
        "before any member could start.",
        Phase.CREATING,
        (STOP,),
        flags("no corrections"),
    ),
    *(
        Fires(
            f"so does a corrected {field} of disks for logs",
            bootstrap.restart_bootstrap,
            with_spec(unbound(begun(1, storage=storage(wal={})), 0), storage=storage(wal=wal)),
            routine.BOOTSTRAP_RESTARTED,
            f"Restarting the bootstrap: spec.storage.wal.{field} was changed to {value} before any "
            "member could start.",
            Phase.CREATING,
            (STOP,),
            flags("no corrections"),
        )
        for wal in (
            {"storageClassName": "fast"},
            {"size": "1Gi"},
            {"volumeAttributesClassName": "gold"},
        )
        for field, value in wal.items()
    ),
    Fires(
        "so does a corrected storage class of a volumeClaimTemplate",
        bootstrap.restart_bootstrap,
        with_spec(unbound(templated("typo"), 0), storage=template("fast")),
        routine.BOOTSTRAP_RESTARTED,
        "Restarting the bootstrap: spec.storage.volumeClaimTemplate was changed to fast before any "
        "member could start.",
        Phase.CREATING,
        (STOP,),
        flags("no corrections"),
    ),
    Fires(
        "so does one that is left to the default",
        bootstrap.restart_bootstrap,
        with_spec(unbound(templated("typo"), 0), storage={"size": "10Gi"}),
        routine.BOOTSTRAP_RESTARTED,
        "Restarting the bootstrap: spec.storage.storageClassName was changed to the default before "
        "any member could start.",
        Phase.CREATING,
        (STOP,),
        flags("no corrections"),
    ),
    Fires(
        "so does another correction of a volumeClaimTemplate",
        bootstrap.restart_bootstrap,
        with_spec(
            unbound(templated("fast"), 0),
            storage=template("fast", accessModes=["ReadWriteOncePod"]),
        ),
        routine.BOOTSTRAP_RESTARTED,
        "Restarting the bootstrap: spec.storage.volumeClaimTemplate was changed before any member "
        "could start.",
        Phase.CREATING,
        (STOP,),
        flags("no corrections"),
    ),
    Fires(
        "so does what a volumeClaimTemplate asks for no more",
        bootstrap.restart_bootstrap,
        with_spec(unbound(templated("fast", volumeName="pv-typo"), 0), storage=template("fast")),
        routine.BOOTSTRAP_RESTARTED,
        SAID,
        Phase.CREATING,
        (STOP,),
        flags("no corrections"),
    ),
)


PASSES = (
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
    assert plan(unbound(resized, 2)).rule == "bootstrap"


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
