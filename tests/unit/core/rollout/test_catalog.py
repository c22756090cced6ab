"""Image catalogs: which image counts, and what waits for one that is missing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.api.image import IMAGE_REMEDY
from etcd_operator.api.image_catalog import MOST_IMAGES, read_image_catalog
from etcd_operator.api.release import Version
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.effective_spec import with_effective_spec
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import attention
from etcd_operator.core.rollout.catalog import report_missing_image, wait_for_image
from tests.builders.actions import Fires, Passes, briefs, flags
from tests.builders.planned_template import find_template
from tests.builders.snapshots import answer, formed, new, outdated, settled, with_spec

OLD, NEXT = "v3.5.21", "v3.5.35"
FIRST = f"registry.local/etcd@sha256:{'0' * 64}"
SECOND = f"registry.local/etcd:{NEXT}@sha256:{'1' * 64}"
ABOUT = "ConfigMap images, which spec.imageCatalogRef names,"


def catalog(snapshot: Snapshot, images: dict[str, Any] | None) -> Snapshot:
    """The ConfigMap has these images; None: it does not exist."""
    config_map = None if images is None else {"data": images}
    return replace(snapshot, image_catalog=read_image_catalog("images", config_map))


def named(snapshot: Snapshot, images: dict[str, Any] | None, **spec: Any) -> Snapshot:
    """The spec names a catalog with these images."""
    return catalog(with_spec(snapshot, imageCatalogRef={"name": "images"}, **spec), images)


def running(images: dict[str, Any] | None = None) -> Snapshot:
    """A healthy cluster at rest whose image came from a catalog, which now has these."""
    started = settled(with_effective_spec(named(formed(3), {OLD: FIRST})))
    return catalog(started, images)


FIRES = (
    Fires(
        "a new cluster names a catalog that is not there",
        wait_for_image,
        named(new(3, version=OLD), None),
        attention.IMAGE_NOT_IN_CATALOG,
        f"{ABOUT} does not exist: create it, with the key {OLD}.",
        Phase.CREATING,
        (),
        flags("blocked", "no corrections"),
    ),
    Fires(
        "an upgrade to a version that the catalog does not have",
        report_missing_image,
        with_spec(running({OLD: FIRST}), version=NEXT),
        attention.IMAGE_NOT_IN_CATALOG,
        f"The members keep their image. {ABOUT} has no image for etcd 3.5.35: add the key {NEXT}.",
        Phase.RUNNING,
        (),
        flags("blocked"),
    ),
    Fires(
        "a running cluster's catalog is gone",
        report_missing_image,
        running(None),
        attention.IMAGE_NOT_IN_CATALOG,
        f"The members keep their image. {ABOUT} does not exist: create it, with the key {OLD}.",
        Phase.RUNNING,
        (),
        flags("blocked"),
    ),
)


PASSES = (
    Passes("a new cluster whose image is there", wait_for_image, named(new(3), {"3.5.35": FIRST})),
    Passes("no catalog is named", wait_for_image, new(3)),
    Passes("a cluster that exists", wait_for_image, running(None)),
    Passes("the image is there", report_missing_image, running({OLD: FIRST})),
    Passes(
        "spec.image goes before the catalog",
        report_missing_image,
        with_spec(running(None), image=FIRST),
    ),
)


@pytest.mark.parametrize("row", [*FIRES, *PASSES], ids=lambda row: row.title)
def test_rows(row: Fires | Passes) -> None:
    row.check()


def test_the_image_of_the_version_counts() -> None:
    assert find_template(named(new(3, version=NEXT), {OLD: FIRST, NEXT: SECOND})) == (SECOND, NEXT)
    assert find_template(named(formed(3), {OLD: FIRST})) == (FIRST, OLD)
    both = named(new(3, version=NEXT), {"3.5.35": FIRST, NEXT: SECOND})
    assert find_template(both) == (SECOND, NEXT)


def test_other_images_of_a_catalog_roll_nobody() -> None:
    assert plan(running({OLD: FIRST, NEXT: SECOND})).actions == ()


def test_another_image_for_the_version_rolls() -> None:
    images = {OLD: f"registry.local/etcd@sha256:{'2' * 64}"}
    changed = running(images)
    assert briefs(changed) == ("apply StatefulSet db",)
    moved = catalog(settled(with_effective_spec(changed)), images)
    assert briefs(outdated(moved, 0, 1, 2))[-1].startswith("evict ")


def test_a_version_without_image_leaves_what_runs() -> None:
    asked = with_spec(running({OLD: FIRST}), version=NEXT, resources={"limits": {"memory": "1Gi"}})
    assert find_template(asked) == (FIRST, OLD)
    assert "apply StatefulSet db" in briefs(asked)
    assert find_template(catalog(asked, {OLD: FIRST, NEXT: SECOND})) == (SECOND, NEXT)


def test_members_heal_without_the_catalog() -> None:
    """The member whose Pod is outdated is replaced by one with the image that the others have."""
    asked = with_spec(running(None), version=NEXT)
    assert briefs(outdated(asked, 1))[-1] == "evict db-1"


def test_an_upgrade_that_waits_for_its_backup_keeps_the_image() -> None:
    both = {OLD: FIRST, NEXT: SECOND}
    asked = with_spec(running(both), version=NEXT, backup={"beforeUpgrade": "nightly"})
    assert find_template(asked) == (FIRST, OLD)


def test_a_version_that_cannot_follow_keeps_the_image() -> None:
    older = with_spec(running({OLD: FIRST, "v3.7.1": FIRST}), version="v3.7.1")
    older = replace(older, probes={o: answer(o, version="3.5.21") for o in range(3)})
    assert find_template(older) == (FIRST, OLD)


@pytest.mark.parametrize(
    ("written", "wrong"),
    [
        ("", f"has no image for etcd 3.5.21: add the key {OLD}"),
        (
            "registry.local/etcd",
            f"says registry.local/etcd for etcd 3.5.21, which is {IMAGE_REMEDY}",
        ),
        ("a b", f"says a b for etcd 3.5.21, which is {IMAGE_REMEDY}"),
        (
            "r/etcd:v3.6.1",
            "says r/etcd:v3.6.1 for etcd 3.5.21, which is etcd 3.6.1 by its tag: correct it",
        ),
    ],
)
def test_what_cannot_be_used_is_said(written: str, wrong: str) -> None:
    found = read_image_catalog("images", {"data": {OLD: written}})
    assert found.find(Version(OLD)) is None
    assert found.explain_missing(Version(OLD)) == f"{ABOUT} {wrong}."


def test_what_a_tenant_writes_is_bounded() -> None:
    written = {f"3.5.{patch}": "x" * 9000 for patch in range(700)} | {"other": "y"}
    found = read_image_catalog("images", {"data": written})
    assert len(found.images) == MOST_IMAGES
    assert max(len(str(image)) for image in found.images.values()) <= 520
    assert len(found.explain_missing(Version("3.5.99"))) < 1000
    assert read_image_catalog("images", {"binaryData": {OLD: "eA=="}}).images == {}
