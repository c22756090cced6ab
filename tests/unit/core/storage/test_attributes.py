"""VolumeAttributesClass: asked for in claims that exist, and told until the driver is done."""

from __future__ import annotations

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.core import guards
from etcd_operator.core.actions import ChangeClaimAttributes
from etcd_operator.core.model.parse import observe_claim
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.objects.statefulset import render_claim
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import attention, routine
from etcd_operator.core.storage.attributes import change_disk_attributes
from tests.builders.actions import SAID, Fires, Passes, briefs, flags
from tests.builders.snapshots import (
    NAMING,
    change_claim,
    formed,
    new,
    outdated,
    settled,
    with_spec,
    without_claims,
)
from tests.builders.two_disks import change_disk, two_disks

GOLD = {"size": "10Gi", "volumeAttributesClassName": "gold"}


def having(snapshot: Snapshot, attributes_class: str, change: str = "") -> Snapshot:
    """Every disk asks for this class, and is so far with the change to it."""
    for ordinal in range(3):
        snapshot = change_claim(
            snapshot, ordinal, attributes_class=attributes_class, attributes_change=change
        )
    return snapshot


def to_change(before: str = "") -> Snapshot:
    """A healthy cluster whose disks are to have the class gold."""
    return having(with_spec(settled(formed(3)), storage=GOLD), before)


def with_logs(data: str = "gold", log: str = "", change: str = "") -> Snapshot:
    """The same with a second disk for each log, which is to have the class fast."""
    storage = {**GOLD, "wal": {"volumeAttributesClassName": "fast"}}
    snapshot = with_spec(settled(two_disks()), storage=storage)
    for ordinal in range(3):
        snapshot = change_disk(snapshot, f"data-db-{ordinal}", attributes_class=data)
        snapshot = change_disk(
            snapshot, f"wal-db-{ordinal}", attributes_class=log, attributes_change=change
        )
    return snapshot


FIRES = (
    Fires(
        "disks without a class are to have one",
        change_disk_attributes,
        to_change(),
        routine.CHANGING_DISK_ATTRIBUTES,
        "Asking for VolumeAttributesClass gold: data-db-0, data-db-1, data-db-2.",
        Phase.UPGRADING,
        ("data-db-0 becomes gold", "data-db-1 becomes gold", "data-db-2 becomes gold"),
    ),
    Fires(
        "one disk came later, from the template of before",
        change_disk_attributes,
        change_claim(to_change("gold"), 1, attributes_class="silver"),
        routine.CHANGING_DISK_ATTRIBUTES,
        "Asking for VolumeAttributesClass gold: data-db-1.",
        Phase.UPGRADING,
        ("data-db-1 becomes gold",),
    ),
    Fires(
        "the driver is at it",
        change_disk_attributes,
        change_claim(to_change("gold"), 2, attributes_change="InProgress"),
        routine.CHANGING_DISK_ATTRIBUTES,
        "Waiting until the disks have VolumeAttributesClass gold: data-db-2 is InProgress. A disk "
        "stays Pending while there is no such class.",
        Phase.UPGRADING,
    ),
    Fires(
        "the driver cannot",
        change_disk_attributes,
        change_claim(to_change("gold"), 2, attributes_change="Infeasible"),
        attention.DISK_ATTRIBUTES_REFUSED,
        "The driver of the disks cannot give data-db-2 VolumeAttributesClass gold: name another "
        "one in spec.storage.volumeAttributesClassName. The members keep running.",
        Phase.RUNNING,
        (),
        flags("blocked"),
    ),
    Fires(
        "the disks of the data and of the logs are to have classes of their own",
        change_disk_attributes,
        change_disk(with_logs(log="fast"), "data-db-1", attributes_class="fast"),
        routine.CHANGING_DISK_ATTRIBUTES,
        SAID,
        Phase.UPGRADING,
        ("data-db-1 becomes gold",),
    ),
    Fires(
        "both are asked for at once",
        change_disk_attributes,
        with_logs("silver"),
        routine.CHANGING_DISK_ATTRIBUTES,
        "Asking for VolumeAttributesClass gold: data-db-0, data-db-1, data-db-2; fast: wal-db-0, "
        "wal-db-1, wal-db-2.",
        Phase.UPGRADING,
        tuple(
            f"{disk}-db-{ordinal} becomes {named}"
            for ordinal in range(3)
            for disk, named in (("data", "gold"), ("wal", "fast"))
        ),
    ),
    Fires(
        "the driver is at a disk of each",
        change_disk_attributes,
        change_disk(
            change_disk(with_logs(log="fast"), "data-db-0", attributes_change="InProgress"),
            "wal-db-2",
            attributes_change="Pending",
        ),
        routine.CHANGING_DISK_ATTRIBUTES,
        "Waiting until the disks have VolumeAttributesClass gold: data-db-0 is InProgress; fast: "
        "wal-db-2 is Pending. A disk stays Pending while there is no such class.",
        Phase.UPGRADING,
    ),
    Fires(
        "the driver cannot with disks of logs either",
        change_disk_attributes,
        change_disk(
            with_logs(log="fast", change="Infeasible"), "data-db-0", attributes_change="Infeasible"
        ),
        attention.DISK_ATTRIBUTES_REFUSED,
        "The driver of the disks cannot give data-db-0 VolumeAttributesClass gold: name another "
        "one in spec.storage.volumeAttributesClassName. The driver of the disks cannot give "
        "wal-db-0, wal-db-1, wal-db-2 VolumeAttributesClass fast: name another one in "
        "spec.storage.wal.volumeAttributesClassName. The members keep running.",
        Phase.RUNNING,
        (),
        flags("blocked"),
    ),
)
PASSES = (
    Passes("all disks have theirs", change_disk_attributes, with_logs("gold", "fast")),
    Passes(
        "no class is named for those of the logs",
        change_disk_attributes,
        with_spec(with_logs("gold", "silver"), storage={**GOLD, "wal": {}}),
    ),
    Passes("no class is named", change_disk_attributes, having(settled(formed(3)), "silver")),
    Passes("all disks have it", change_disk_attributes, to_change("gold")),
    Passes("there is no disk", change_disk_attributes, without_claims(to_change(), 0, 1, 2)),
)


@pytest.mark.parametrize("row", [*FIRES, *PASSES], ids=lambda row: row.title)
def test_rows(row: Fires | Passes) -> None:
    row.check()


def test_only_bound_claims_of_members_are_asked() -> None:
    scene = change_claim(to_change(), 0, owner_uid="other")
    scene = change_claim(change_claim(scene, 1, bound=False), 2, deleting=True)
    assert change_disk_attributes(scene) is None


def test_it_delays_no_roll() -> None:
    refused = having(to_change("gold"), "gold", "Infeasible")
    assert briefs(outdated(refused, 0, 1, 2)) == ("evict db-2",)


def test_a_new_disk_is_made_with_the_class_and_no_template_changes() -> None:
    assert render_claim(new(3, storage=GOLD).spec, NAMING)["spec"]["volumeAttributesClassName"] == (
        "gold"
    )
    assert "volumeAttributesClassName" not in render_claim(new(3).spec, NAMING)["spec"]
    assert plan(to_change("gold")).actions == ()


@pytest.mark.parametrize(
    ("scene", "wanted", "said"),
    [
        (to_change(), "gold", None),
        (to_change(), "lead", "spec.storage.volumeAttributesClassName does not name this class"),
        (
            with_logs(),
            "fast",
            "spec.storage.volumeAttributesClassName does not name this class",
        ),
        (
            change_claim(to_change(), 0, owner_uid="other"),
            "gold",
            "the PersistentVolumeClaim belongs to another EtcdCluster",
        ),
        (
            change_claim(to_change(), 0, bound=False),
            "gold",
            "the PersistentVolumeClaim is not bound, or is being deleted",
        ),
        (
            change_claim(to_change(), 0, deleting=True),
            "gold",
            "the PersistentVolumeClaim is not bound, or is being deleted",
        ),
    ],
)
def test_the_guard(scene: Snapshot, wanted: str, said: str | None) -> None:
    claim = next(claim for claim in scene.claims if claim.ordinal == 0)
    assert guards.refuse(ChangeClaimAttributes(claim.name, claim.uid, wanted), scene) == said


def test_the_guard_of_the_disk_of_a_log() -> None:
    scene = with_logs()
    claim = next(claim for claim in scene.claims if claim.wal)
    assert guards.refuse(ChangeClaimAttributes(claim.name, claim.uid, "fast"), scene) is None
    assert guards.refuse(ChangeClaimAttributes(claim.name, claim.uid, "gold"), scene) == (
        "spec.storage.wal.volumeAttributesClassName does not name this class"
    )


def test_what_kubernetes_says_of_a_claim() -> None:
    raw = {
        "metadata": {"name": "data-db-0", "uid": "u"},
        "spec": {"volumeAttributesClassName": "gold"},
        "status": {"modifyVolumeStatus": {"status": "Pending"}},
    }
    found = observe_claim(raw)
    assert (found.attributes_class, found.attributes_change) == ("gold", "Pending")
