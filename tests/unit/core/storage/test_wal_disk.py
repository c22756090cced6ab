"""The disks of write-ahead logs: they grow, stay what they are, and count for nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.api.quantity import Quantity
from etcd_operator.core import guards
from etcd_operator.core.actions import ResizeClaim
from etcd_operator.core.bootstrap.rule import restart_bootstrap
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import attention, routine
from etcd_operator.core.status.report import report
from etcd_operator.core.storage.ephemeral import refuse_storage_switch
from etcd_operator.core.storage.grow_disks import grow_disks, grow_full_disks
from etcd_operator.core.storage.quota import with_quota
from tests.builders.actions import SAID, Fires, Passes, flags
from tests.builders.ephemeral import in_pods
from tests.builders.snapshots import (
    begun,
    claim,
    formed,
    new,
    settled,
    silent,
    with_spec,
    without_child,
    without_pods,
)
from tests.builders.two_disks import change_disk, two_disks, wal_claim

GIB = Quantity.parse("1Gi")


def to_grow(wal: str = "2Gi", **storage: Any) -> Snapshot:
    """A healthy cluster whose disks have 1 GiB, and whose logs are to have more."""
    made = two_disks(size="1Gi", wal={"size": "1Gi"})
    for disk in made.claims:
        made = change_disk(made, disk.name, requested=GIB, capacity=GIB)
    return with_spec(made, storage={"size": "1Gi", "wal": {"size": wal}, **storage})


TAKEN_AWAY = (
    "spec.storage.wal cannot be added or removed on an existing cluster (current: disks, and "
    "others for the write-ahead logs, requested: disks): set it back, or create another cluster "
    "and move the data."
)

FIRES = (
    Fires(
        "the logs' claims are asked to grow, and no others",
        grow_disks,
        to_grow(),
        routine.GROWING_DISKS,
        "Expanding the disks to 2Gi: wal-db-0, wal-db-1, wal-db-2.",
        Phase.UPGRADING,
        ("resize wal-db-0", "resize wal-db-1", "resize wal-db-2"),
    ),
    Fires(
        "those of the data first",
        grow_disks,
        to_grow(size="4Gi"),
        routine.GROWING_DISKS,
        SAID,
        Phase.UPGRADING,
        ("resize data-db-0", "resize data-db-1", "resize data-db-2"),
    ),
    Fires(
        "without a majority as well, for a full log may be what took it",
        grow_full_disks,
        silent(to_grow(), 1, 2),
        routine.GROWING_DISKS,
        SAID,
        Phase.UPGRADING,
        ("resize wal-db-0", "resize wal-db-1", "resize wal-db-2"),
    ),
    Fires(
        "logs get no disks of their own",
        refuse_storage_switch,
        with_spec(formed(3), storage={"wal": {}}),
        attention.STORAGE_IMMUTABLE,
        "spec.storage.wal cannot be added or removed on an existing cluster (current: disks, "
        "requested: disks, and others for the write-ahead logs): set it back, or create another "
        "cluster and move the data.",
        Phase.RUNNING,
        flags=flags("no corrections", "blocked"),
    ),
    Fires(
        "nor are they taken away",
        refuse_storage_switch,
        with_spec(two_disks(), storage={"wal": None}),
        attention.STORAGE_IMMUTABLE,
        TAKEN_AWAY,
        Phase.RUNNING,
        flags=flags("no corrections", "blocked"),
    ),
    Fires(
        "nor while the StatefulSet is made anew",
        refuse_storage_switch,
        without_child(with_spec(two_disks(), storage={"wal": None}), "StatefulSet", "db"),
        attention.STORAGE_IMMUTABLE,
        TAKEN_AWAY,
        Phase.RUNNING,
        flags=flags("no corrections", "blocked"),
    ),
    Fires(
        "nor while only claims are there",
        refuse_storage_switch,
        without_child(
            without_pods(with_spec(two_disks(), storage={}), 0, 1, 2), "StatefulSet", "db"
        ),
        attention.STORAGE_IMMUTABLE,
        TAKEN_AWAY,
        Phase.RUNNING,
        flags=flags("no corrections", "blocked"),
    ),
    *(
        Fires(
            f"before anything started another {field} begins anew",
            restart_bootstrap,
            replace(
                with_spec(settled(new(3, storage={"wal": {}})), storage={"wal": {field: value}}),
                unlabelled_claims=(),
            ),
            routine.BOOTSTRAP_RESTARTED,
            f"Restarting the bootstrap: spec.storage.wal.{field} was changed to {value} before any "
            "member could start.",
            Phase.CREATING,
            ("apply StatefulSet db",),
            flags=flags("no corrections"),
        )
        for field, value in (("storageClassName", "fast"), ("size", "2Gi"))
    ),
)
PASSES = (
    Passes("the logs have the wanted size", grow_disks, to_grow("1Gi")),
    Passes("what is there is wanted", refuse_storage_switch, two_disks()),
    Passes("nor is it an emptyDir", refuse_storage_switch, in_pods()),
    Passes("the same spec", restart_bootstrap, begun(3, storage={"wal": {}})),
)


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_fires(row: Fires) -> None:
    row.check()


@pytest.mark.parametrize("row", PASSES, ids=lambda row: row.title)
def test_passes(row: Passes) -> None:
    row.check()


def test_the_template_follows_when_the_claims_have_grown() -> None:
    made = to_grow()
    for ordinal in range(3):
        grown = {"requested": Quantity.parse("2Gi"), "capacity": Quantity.parse("2Gi")}
        made = change_disk(made, f"wal-db-{ordinal}", **grown)
    decision = grow_disks(made)
    assert decision is not None
    assert [action.name for action in decision.actions] == ["db"]  # type: ignore[union-attr]  # its StatefulSet


def test_the_guard_lets_a_log_grow() -> None:
    grow = ResizeClaim("wal-db-0", "wal-0", Quantity.parse("2Gi"))
    assert guards.refuse(grow, to_grow()) is None
    wrong = ResizeClaim("wal-db-1", "wal-0", Quantity.parse("2Gi"))
    assert guards.refuse(wrong, to_grow()) is not None


def test_the_status_tells_the_sizes_apart() -> None:
    made = change_disk(to_grow(), "data-db-0", requested=Quantity.parse("3Gi"))
    status = report(made, plan(made).decision)
    assert (status.disk_size, status.wal_disk_size) == ("3Gi", "1Gi")


def test_the_quota_follows_the_disks_of_the_data() -> None:
    """A member keeps its database there; its log is small, and so may its disk be."""
    big = Quantity.parse("8Gi")
    spec: dict[str, Any] = {"etcdConfig": {"quota": "FollowsDisk"}}
    made = with_spec(to_grow("1Gi", size="8Gi"), **spec)
    for ordinal in range(3):
        made = change_disk(made, f"data-db-{ordinal}", requested=big, capacity=big)
    one = with_spec(
        replace(made, claims=tuple(c for c in made.claims if not c.wal)), storage={"size": "8Gi"}
    )
    quotas = [with_quota(each, each.spec).etcd_config for each in (made, one)]
    assert quotas[0] == quotas[1]


def test_halves_count_once_where_members_that_had_a_disk_are_counted() -> None:
    """One member of three had its disks: no majority can have formed anything."""
    wanted = begun(3, storage={"wal": {}})
    made = replace(with_spec(wanted, size=1), claims=(claim(0), wal_claim(0)), unlabelled_claims=())
    decision = restart_bootstrap(made)
    assert decision is not None
    assert [guards.refuse(action, made) for action in decision.actions] == [None]
