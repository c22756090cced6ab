"""Images whose name need not say which etcd they have, and images that have another."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import ApplyObject
from etcd_operator.core.guards import refuse
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.model.template import read_image, read_version
from etcd_operator.core.objects.apply import correct_objects
from etcd_operator.core.plan.effective_spec import with_effective_spec
from etcd_operator.core.plan.planner import choose_layout, plan
from etcd_operator.core.reasons import attention
from etcd_operator.core.rollout.version_change import refuse_image, refuse_version
from tests.builders.actions import Fires, Passes, briefs, flags
from tests.builders.planned_template import find_template
from tests.builders.snapshots import (
    answer,
    formed,
    outdated,
    settled,
    silent,
    with_spec,
    without_child,
)

OLD, MIDDLE, NEW = "3.5.35", "3.6.16", "3.7.3"
MIRROR = "registry.k8s.io/etcd"
DIGEST = f"{MIRROR}@sha256:{'0' * 64}"
TAGGED = f"quay.io/coreos/etcd:v{OLD}"
OTHER = f"{MIRROR}@sha256:{'1' * 64}"


def running(snapshot: Snapshot, *versions: str) -> Snapshot:
    """Members run these versions, whatever the spec says."""
    return replace(
        snapshot,
        probes={
            ordinal: answer(
                ordinal, version=version, storage_version="" if version < "3.6" else "3.6.0"
            )
            for ordinal, version in enumerate(versions)
        },
    )


def pinned(version: str, image: str = DIGEST, size: int = 3) -> Snapshot:
    """A healthy cluster at rest of an image with a digest."""
    return running(
        settled(with_spec(formed(size, version=version), image=image)), *[version] * size
    )


def half_rolled() -> Snapshot:
    """Only the image was changed, to one with another etcd, and one member has it."""
    changed = settled(with_spec(pinned(OLD), image=OTHER))
    return running(outdated(changed, 0, 1), OLD, OLD, MIDDLE)


FIRES = (
    Fires(
        "the first member that was rolled says that it is another etcd",
        refuse_image,
        half_rolled(),
        attention.VERSION_DIFFERS,
        f"db-2 runs etcd 3.6.16 from image {OTHER}, and spec.version says 3.5.35: correct "
        "spec.version, or name an image of that version in spec.image.",
        Phase.RUNNING,
        (),
        flags("blocked"),
    ),
    Fires(
        "a cluster was created with a version that is not the image's",
        refuse_image,
        running(pinned(MIDDLE), OLD, OLD, OLD),
        attention.VERSION_DIFFERS,
        f"db-0, db-1, db-2 run etcd 3.5.35 from image {DIGEST}, and spec.version says 3.6.16: "
        "correct spec.version, or name an image of that version in spec.image.",
        Phase.RUNNING,
        ("apply ConfigMap db-config",),
        flags("blocked"),
    ),
    Fires(
        "a repository has another etcd under the tag",
        refuse_image,
        running(formed(3, version=OLD), MIDDLE, MIDDLE, MIDDLE),
        attention.VERSION_DIFFERS,
        "db-0, db-1, db-2 run etcd 3.6.16 from image quay.io/coreos/etcd:v3.5.35, and "
        "spec.version says 3.5.35: correct spec.version, or name an image of that version in "
        "spec.image.",
        Phase.RUNNING,
        ("apply ConfigMap db-config",),
        flags("blocked"),
    ),
    Fires(
        "another version needs its image",
        refuse_version,
        with_spec(pinned(OLD), version=NEW, image=OTHER),
        attention.VERSION_REFUSED,
        "spec.version 3.7.3 is more than one minor version above 3.5.35, which members ran last, "
        "and spec.image is of no version between: upgrade to 3.6 first.",
        Phase.RUNNING,
        (),
        flags("blocked"),
    ),
)
PASSES = (
    Passes("the image has what the spec says", refuse_image, pinned(OLD)),
    Passes("another patch of it", refuse_image, running(pinned(OLD), *["3.5.36"] * 3)),
    Passes("members of the template before", refuse_image, outdated(half_rolled(), 2)),
    Passes("members that do not say it", refuse_image, silent(half_rolled(), 2)),
    Passes("an upgrade", refuse_image, with_spec(pinned(OLD), version=MIDDLE, image=OTHER)),
)


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_fires(row: Fires) -> None:
    row.check()


@pytest.mark.parametrize("row", PASSES, ids=lambda row: row.title)
def test_passes(row: Passes) -> None:
    row.check()


@pytest.mark.parametrize(
    ("scene", "image", "version"),
    [
        (pinned(OLD), DIGEST, f"v{OLD}"),
        (pinned(OLD, f"{MIRROR}:{OLD}-0"), f"{MIRROR}:{OLD}-0", f"v{OLD}"),
        (with_spec(pinned(OLD), version=MIDDLE, image=OTHER), OTHER, f"v{MIDDLE}"),
        # What waits for etcd, or cannot follow, leaves image and version as they are.
        (with_spec(pinned(OLD), version=NEW, image=OTHER), DIGEST, f"v{OLD}"),
        (with_spec(pinned(MIDDLE), version=OLD, image=OTHER), DIGEST, f"v{MIDDLE}"),
        (with_spec(pinned(OLD), version="3.9.0", image=None), DIGEST, f"v{OLD}"),
        (
            with_spec(formed(3, version=OLD), version=NEW, image=OTHER),
            f"quay.io/coreos/etcd:v{OLD}",
            f"v{OLD}",
        ),
        # From one name to the other.
        (with_spec(pinned(OLD), image=None), TAGGED, f"v{OLD}"),
    ],
)
def test_the_template_has_image_and_version(scene: Snapshot, image: str, version: str) -> None:
    assert find_template(scene) == (image, version)


def test_the_record_rolls_nobody() -> None:
    """It is on the StatefulSet, beside the template."""
    corrected = settled(running(with_spec(pinned(OLD), version=MIDDLE), *[MIDDLE] * 3))
    before, after = pinned(OLD).statefulset, corrected.statefulset
    assert before
    assert after
    assert before.body["spec"]["template"] == after.body["spec"]["template"]
    assert [read_version(each.body).text for each in (before, after)] == [f"v{OLD}", f"v{MIDDLE}"]


def test_an_image_that_runs_something_else_is_called_by_its_name() -> None:
    """The spec says what is there: nothing has to be done for that, and all goes on."""
    said = with_spec(running(pinned(OLD), *[MIDDLE] * 3), version=MIDDLE)
    assert find_template(said) == (DIGEST, f"v{MIDDLE}")
    assert plan(settled(said)).rule == "report_settled"


def test_an_image_that_lied_is_no_way_around_a_downgrade() -> None:
    """Members have written as 3.6 does: 3.5 in its place would not start."""
    corrected = with_spec(running(pinned(OLD), *[MIDDLE] * 3), image=OTHER)
    assert find_template(corrected) == (DIGEST, f"v{MIDDLE}")
    assert plan(settled(corrected)).rule == "prepare_version"


def test_an_image_that_lied_is_no_way_around_the_newest_3_5() -> None:
    corrected = with_spec(running(pinned(MIDDLE), *["3.5.21"] * 3), image=OTHER)
    assert find_template(corrected) == (DIGEST, "v3.5.21")
    assert plan(settled(corrected)).rule == "refuse_version"


def test_without_the_statefulset_nothing_starts_that_may_not() -> None:
    """The image of before is not known any more; the repository has one of that version."""
    gone = without_child(with_spec(pinned(OLD), version=NEW, image=OTHER), "StatefulSet", "db")
    gone = with_effective_spec(gone)
    (made,) = (
        a.manifest
        for a in correct_objects(gone, choose_layout(gone))
        if isinstance(a, ApplyObject) and a.kind == "StatefulSet"
    )
    assert (str(read_image(made)), str(read_version(made))) == (TAGGED, f"v{OLD}")


def test_an_upgrade_that_waits_for_its_backup_keeps_the_image() -> None:
    wishes: dict[str, Any] = {"beforeUpgrade": "nightly"}
    asked = with_spec(pinned(OLD), version=MIDDLE, image=OTHER, backup=wishes)
    assert find_template(asked) == (DIGEST, f"v{OLD}")


@pytest.mark.parametrize("version", ["3.5.19+vendor.1", "3.5.19-rc.0", "3.5.19-0"])
def test_a_vendors_version_is_a_version(version: str) -> None:
    """Its rules are those of the release that it is made from."""
    asked = with_spec(running(pinned("3.5.19"), *[version] * 3), version=MIDDLE, image=OTHER)
    assert plan(asked).rule == "refuse_version"


def test_guards_read_the_record_as_well() -> None:
    """A digest says no version: without the record any could start."""
    scene = running(pinned(MIDDLE), *[MIDDLE] * 3)
    older = settled(with_spec(formed(3, version=OLD), image=OTHER)).statefulset
    assert older
    action = ApplyObject("StatefulSet", "db", "u", "", "test", older.body)
    assert refuse(action, scene) == "the disk of db-0 can be read by 3.6.0 or later only"


def test_a_mirror_is_rolled_to_like_any_image() -> None:
    moved = settled(with_spec(pinned(OLD), image=OTHER))
    assert briefs(outdated(moved, 0, 1, 2))[-1].startswith("evict ")
