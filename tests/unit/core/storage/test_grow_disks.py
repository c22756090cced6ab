"""Growing disks: the claims first, then the template, then patience."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.api.quantity import Quantity
from etcd_operator.core import guards
from etcd_operator.core.actions import ResizeClaim
from etcd_operator.core.model.naming import ANNOTATION_CLAIM_METADATA, Naming
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.objects.statefulset import hash_claim_metadata
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import routine
from etcd_operator.core.status.report import report
from etcd_operator.core.storage.grow_disks import grow_disks, grow_full_disks, update_claim_template
from tests.builders.actions import SAID, Fires, Passes
from tests.builders.snapshots import (
    begun,
    change_child,
    change_claim,
    claim,
    formed,
    settled,
    silent,
    with_spec,
    without_child,
)

TWENTY = {"size": "20Gi"}


def sized(snapshot: Snapshot, requested: str, capacity: str) -> Snapshot:
    """Every disk has this size, asked for and real."""
    for disk in snapshot.claims:
        snapshot = change_claim(snapshot, disk.ordinal, requested=requested, capacity=capacity)
    return snapshot


def to_grow(requested: str = "10Gi", capacity: str = "10Gi") -> Snapshot:
    """A healthy cluster whose disks are to have 20 GiB."""
    return with_spec(sized(formed(3), requested, capacity), storage=TWENTY)


def no_members(snapshot: Snapshot) -> Snapshot:
    """The claims belong to nobody, are not bound, are going, or were kept when it shrank."""
    snapshot = change_claim(change_claim(snapshot, 0, owner_uid="other"), 1, bound=False)
    snapshot = change_claim(snapshot, 2, deleting=True)
    kept = claim(3, requested="10Gi", capacity="10Gi")
    return replace(snapshot, claims=(*snapshot.claims, kept))


OWNED = {"labels": {"owner": "team-a"}, "annotations": {"cost": "42"}}


def owned(snapshot: Snapshot, **storage: Any) -> Snapshot:
    """The spec hands down a label and an annotation to all objects."""
    snapshot = with_spec(snapshot, inheritedMetadata=OWNED, storage=storage)
    return settled(replace(snapshot, naming=Naming.of(snapshot.cluster, snapshot.naming.domain)))


def handed_down(snapshot: Snapshot) -> Snapshot:
    """The StatefulSet was made with what the spec hands down."""
    live = snapshot.statefulset
    assert live is not None
    record = {ANNOTATION_CLAIM_METADATA: hash_claim_metadata(snapshot.naming)}
    metadata = {**live.body["metadata"], "annotations": {**live.annotations, **record}}
    body = {**live.body, "metadata": metadata}
    return settled(change_child(snapshot, "StatefulSet", "db", body=body))


def without_wishes(snapshot: Snapshot) -> Snapshot:
    """The spec hands down nothing any more."""
    snapshot = with_spec(snapshot, inheritedMetadata=None)
    return settled(replace(snapshot, naming=Naming.of(snapshot.cluster, snapshot.naming.domain)))


FIRES = (
    Fires(
        "what is handed down is in the template of disks to come",
        update_claim_template,
        owned(formed(3)),
        routine.UPDATING_CLAIM_TEMPLATE,
        "Updating the template of disks to come: spec.inheritedMetadata has changed.",
        Phase.UPGRADING,
        ("delete StatefulSet db",),
    ),
    Fires(
        "what is handed down no more is in it no more",
        update_claim_template,
        without_wishes(handed_down(owned(formed(3)))),
        routine.UPDATING_CLAIM_TEMPLATE,
        SAID,
        Phase.UPGRADING,
        ("delete StatefulSet db",),
    ),
    Fires(
        "every claim is asked for the new size",
        grow_disks,
        to_grow(),
        routine.GROWING_DISKS,
        "Expanding the disks to 20Gi: data-db-0, data-db-1, data-db-2.",
        Phase.UPGRADING,
        ("resize data-db-0", "resize data-db-1", "resize data-db-2"),
    ),
    Fires(
        "the template follows, around the Pods",
        grow_disks,
        to_grow("20Gi"),
        routine.GROWING_DISKS,
        SAID,
        Phase.UPGRADING,
        ("delete StatefulSet db",),
    ),
    Fires(
        "a claim without a volume is asked when it has one, the others now",
        grow_disks,
        change_claim(to_grow(), 1, bound=False, capacity=""),
        routine.GROWING_DISKS,
        SAID,
        Phase.UPGRADING,
        ("resize data-db-0", "resize data-db-2"),
    ),
    Fires(
        "without a majority the claims grow, for a full disk may be what took it",
        grow_full_disks,
        silent(to_grow(), 1, 2),
        routine.GROWING_DISKS,
        SAID,
        Phase.UPGRADING,
        ("resize data-db-0", "resize data-db-1", "resize data-db-2"),
    ),
    Fires(
        "a disk too small to form a cluster grows as well",
        grow_full_disks,
        with_spec(sized(begun(1), "1Mi", "1Mi"), storage={"size": "20Gi"}),
        routine.GROWING_DISKS,
        SAID,
        Phase.UPGRADING,
        ("resize data-db-0",),
    ),
)

PASSES = (
    Passes("nothing is handed down", update_claim_template, formed(3)),
    Passes("it was made with it", update_claim_template, handed_down(owned(formed(3)))),
    Passes(
        "there is no StatefulSet",
        update_claim_template,
        without_child(owned(formed(3)), "StatefulSet", "db"),
    ),
    Passes("with a majority it is done in its turn", grow_full_disks, to_grow()),
    Passes("without one the template waits", grow_full_disks, silent(to_grow("20Gi"), 1, 2)),
    Passes("a stopped one waits", grow_full_disks, with_spec(silent(to_grow(), 1, 2), size=0)),
    Passes("no member's disk", grow_full_disks, no_members(silent(to_grow(), 1, 2))),
    Passes("the size is as it should be", grow_disks, sized(formed(3), "10Gi", "10Gi")),
    Passes("the same size in other words", grow_disks, sized(formed(3), "10240Mi", "10Gi")),
    Passes("nothing is known about the disks", grow_disks, formed(3)),
    Passes(
        "a smaller size got past the API server",
        grow_disks,
        with_spec(sized(formed(3), "10Gi", "10Gi"), storage={"size": "1Gi"}),
    ),
)


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_fires(row: Fires) -> None:
    row.check()


@pytest.mark.parametrize("row", PASSES, ids=lambda row: row.title)
def test_passes(row: Passes) -> None:
    row.check()


def test_the_new_template_asks_for_the_new_size_and_then_the_volumes_are_waited_for() -> None:
    orphaned = without_child(to_grow("20Gi"), "StatefulSet", "db")
    made = plan(orphaned).actions
    sets = [a for a in made if getattr(a, "kind", "") == "StatefulSet"]
    template = sets[0].manifest["spec"]["volumeClaimTemplates"][0]  # type: ignore[union-attr]  # an ApplyObject
    assert template["spec"]["resources"]["requests"]["storage"] == "20Gi"
    decision = plan(orphaned).decision
    assert decision.reason == routine.GROWING_DISKS
    assert not decision.settled
    assert plan(without_child(to_grow("20Gi", "20Gi"), "StatefulSet", "db")).decision.settled


def test_guards_let_disks_only_grow() -> None:
    scene = to_grow()
    grow = ResizeClaim("data-db-0", "claim-0", Quantity.parse("20Gi"))
    assert guards.refuse(grow, scene) is None
    assert guards.refuse(replace(grow, size=Quantity.parse("5Gi")), scene) is not None
    assert guards.refuse(replace(grow, uid="other"), scene) is not None
    assert guards.refuse(grow, change_claim(scene, 0, owner_uid="other")) is not None
    assert guards.refuse(grow, change_claim(scene, 0, bound=False)) is not None
    remake = plan(to_grow("20Gi")).actions[0]
    assert guards.refuse(remake, scene) is None
    assert guards.refuse(remake, silent(scene, 1, 2)) is not None


def test_a_size_in_the_template_of_claims_that_is_none_is_refused() -> None:
    path = "spec.storage.volumeClaimTemplate.spec.resources.requests.storage"
    made = plan(with_claim_resources({"requests": {"storage": "abc"}}))
    assert (made.rule, made.decision.message) == (
        "refuse_invalid_spec",
        f"{path} abc is not a size: use a positive quantity such as 10Gi.",
    )


@pytest.mark.parametrize("resources", ["10Gi", [1], {"requests": "10Gi"}, {"requests": {}}])
def test_a_template_of_claims_may_hold_anything(resources: object) -> None:
    """The API server does not look into it: what is no size there leaves that of `storage.size`."""
    made = plan(with_claim_resources(resources))
    assert made.snapshot.spec.storage.requested == made.snapshot.spec.storage.size
    assert report(made.snapshot, made.decision).observed_generation == 2


def with_claim_resources(resources: object) -> Snapshot:
    """The template of claims has these resources."""
    template = {"spec": {"resources": resources}}
    return with_spec(formed(3), storage={"volumeClaimTemplate": template})
