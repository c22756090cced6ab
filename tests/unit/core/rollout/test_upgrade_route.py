"""Upgrades across several minor versions: what comes next, and what is said of it."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcd_operator.api.cluster import DEFAULT_VERSION, Phase
from etcd_operator.api.image_catalog import read_image_catalog
from etcd_operator.api.release import SAFE_FOR_36, TESTED_RELEASES, Minor, Release, Version
from etcd_operator.core.actions import ApplyObject
from etcd_operator.core.guards import refuse
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.effective_spec import with_effective_spec
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import attention, routine
from etcd_operator.core.rollout.roll import roll
from etcd_operator.core.rollout.upgrade_route import Route, find_route
from etcd_operator.core.rollout.version_change import (
    end_downgrade,
    prepare_version,
    refuse_image,
    refuse_version,
)
from tests.builders.actions import Fires, Passes, briefs, flags
from tests.builders.planned_template import find_template
from tests.builders.required_backups import protected, taken
from tests.builders.snapshots import new, outdated, settled, silent, with_spec
from tests.builders.versions import MIDDLE, NEW, OLD, at, came_up, running

BOTH = " On the way: v3.6.16 first, then v3.7.3."
MIRROR = "registry.local/etcd"
ABOUT = "and ConfigMap images, which spec.imageCatalogRef names, has no image of etcd"


@pytest.mark.parametrize(
    ("ran", "wanted", "route"),
    [
        ((3, 5, 35), (3, 5), Route()),
        ((3, 5, 21), (3, 5), Route()),
        ((3, 5, 26), (3, 6), Route()),
        ((3, 5, 25), (3, 6), Route(((3, 5, 35),))),
        ((3, 5, 36), (3, 7), Route(((3, 6, 16),))),
        ((3, 5, 21), (3, 7), Route(((3, 5, 35), (3, 6, 16)))),
        ((3, 5, 35), (3, 8), Route(((3, 6, 16), (3, 7, 3)))),
        ((3, 6, 1), (3, 7), Route()),
        ((3, 7, 3), (3, 8), Route()),
        ((3, 7, 3), (3, 9), Route((), (3, 8, 0))),
        ((3, 6, 1), (3, 9), Route(((3, 7, 3),), (3, 8, 0))),
        ((3, 7, 3), (3, 5), Route()),
        ((3, 4, 44), (3, 6), Route(((3, 5, 35),))),
    ],
)
def test_routes_by_tags(ran: Release, wanted: Minor, route: Route) -> None:
    assert find_route(ran, wanted, TESTED_RELEASES) == route


def test_the_newest_that_is_known_counts() -> None:
    known = ((3, 6, 4), (3, 6, 10), (3, 6, 9), (3, 7, 0), (3, 5, 25))
    assert find_route((3, 5, 30), (3, 7), known) == Route(((3, 6, 10),))
    assert find_route((3, 5, 21), (3, 7), known) == Route((), SAFE_FOR_36)


_RELEASES = st.tuples(st.just(3), st.integers(4, 9), st.integers(0, 40))


@given(_RELEASES, st.tuples(st.just(3), st.integers(4, 9)), st.lists(_RELEASES))
def test_no_step_is_too_far(ran: Release, wanted: Minor, known: list[Release]) -> None:
    route = find_route(ran, wanted, known)
    steps = [ran, *route.between]
    assert steps == sorted(set(steps)), "up, and never the same again"
    assert set(route.between) <= set(known)
    ends = [(one[0], one[1]) for one in steps[1:]] + ([] if route.missing else [wanted])
    for step, (major, minor) in zip(steps, ends, strict=False):
        assert (major, minor) <= (step[0], step[1] + 1)
        assert (major, minor) < (3, 6) or step >= SAFE_FOR_36


def test_tested_releases_are_those_that_are_built() -> None:
    built = {path.name for path in (Path(__file__).parents[4] / "local/etcd").iterdir()}
    assert {f"v{Version.of(release)}" for release in TESTED_RELEASES} <= built
    assert f"v{Version.of(TESTED_RELEASES[0])}" == DEFAULT_VERSION


def asked(snapshot: Snapshot | None = None, version: str = NEW, **spec: Any) -> Snapshot:
    """A cluster of 3.5 is to have another version."""
    return with_spec(snapshot or at(OLD), version=version, **spec)


def begun(*versions: str, target: str = "") -> Snapshot:
    """The upgrade has begun: members run these versions, whose Pods are outdated below 3.6."""
    ready = settled(with_effective_spec(asked()))
    old = [ordinal for ordinal, version in enumerate(versions) if version < "3.6"]
    half = outdated(ready, *old)
    return running(half, *versions, target=target, stored="3.5.0" if old else "")


def listed(snapshot: Snapshot, *versions: str) -> Snapshot:
    """A ConfigMap lists images of these versions."""
    data = {f"v{version}": f"{MIRROR}:v{version}" for version in versions}
    named = with_spec(snapshot, imageCatalogRef={"name": "images"})
    return replace(named, image_catalog=read_image_catalog("images", {"data": data}))


FIRES = (
    Fires(
        "a member is replaced for the version between",
        roll,
        begun(OLD, OLD, MIDDLE),
        routine.ROLLING_UPDATE,
        f"Rolling update: replacing Pod db-1; 1 of 3 members is up to date.{BOTH}",
        Phase.UPGRADING,
        ("evict db-1",),
    ),
    Fires(
        "it waits for a member like any roll",
        roll,
        silent(begun(OLD, OLD, MIDDLE), 2),
        routine.ROLLING_UPDATE_WAITING,
        f"Rolling update: 1 of 3 members is up to date; waiting for db-2 to be ready.{BOTH}",
        Phase.UPGRADING,
    ),
    Fires(
        "a catalog without a version between",
        refuse_version,
        listed(asked(), OLD, NEW),
        attention.VERSION_REFUSED,
        "spec.version 3.7.3 is more than one minor version above 3.5.35, which members ran last, "
        f"{ABOUT} 3.6: add one.",
        Phase.RUNNING,
        (),
        flags("blocked"),
    ),
    Fires(
        "a catalog without one that 3.6 can follow",
        refuse_version,
        listed(asked(at("3.5.21"), MIDDLE), "3.5.21", "3.5.25", MIDDLE),
        attention.VERSION_REFUSED,
        "spec.version 3.6.16 is not safe to upgrade to from 3.5.21, because removed members may "
        f"come back, {ABOUT} 3.5.26 or later: add one.",
        Phase.RUNNING,
        (),
        flags("blocked"),
    ),
    Fires(
        "the image of the version between has another etcd",
        refuse_image,
        running(settled(with_effective_spec(asked())), *[OLD] * 3),
        attention.VERSION_DIFFERS,
        "db-0, db-1, db-2 run etcd 3.5.35 from image quay.io/coreos/etcd:v3.6.16, which should "
        "have v3.6.16 on the way to v3.7.3: correct it in the ConfigMap of spec.imageCatalogRef, "
        "or in spec.repository.",
        Phase.RUNNING,
        (),
        flags("blocked"),
    ),
    Fires(
        "etcd has not gone up to the version between yet",
        prepare_version,
        with_spec(running(at(NEW), *[NEW] * 3, stored="3.6.0"), version="3.8.0"),
        routine.PREPARING_VERSION,
        "Preparing for v3.8.0: waiting until etcd stores as the version that its members run.",
        Phase.UPGRADING,
    ),
    Fires(
        "a downgrade that is not asked for any more",
        end_downgrade,
        begun(OLD, MIDDLE, MIDDLE, target="3.5.0"),
        routine.ENDING_DOWNGRADE,
        "Ending the downgrade: spec.version is 3.7.3.",
        Phase.UPGRADING,
        ("downgrade off",),
    ),
)


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_fires(row: Fires) -> None:
    row.check()


def test_passes() -> None:
    Passes("a way is known", refuse_version, with_effective_spec(asked())).check()


@pytest.mark.parametrize(
    ("scene", "version", "route"),
    [
        (asked(), "v3.6.16", ("v3.6.16", "v3.7.3")),
        (asked(at("3.5.21"), MIDDLE), "v3.5.35", ("v3.5.35", "v3.6.16")),
        (asked(at("3.5.21")), "v3.5.35", ("v3.5.35", "v3.6.16", "v3.7.3")),
        (begun(OLD, OLD, MIDDLE), "v3.6.16", ("v3.6.16", "v3.7.3")),
        (begun(MIDDLE, MIDDLE, MIDDLE), "3.7.3", ()),
        # Who does not answer counts as the record has it.
        (silent(begun(OLD, MIDDLE, MIDDLE), 0), "v3.6.16", ("v3.6.16", "v3.7.3")),
        # A change of mind.
        (with_spec(begun(OLD, OLD, MIDDLE), version=OLD), "3.5.35", ()),
        (with_spec(begun(OLD, OLD, MIDDLE), version="3.6.4"), "3.6.4", ()),
        (with_spec(begun(OLD, OLD, MIDDLE), version="3.8.0"), "v3.6.16",
         ("v3.6.16", "v3.7.3", "v3.8.0")),
        # Another etcd under one name, and nothing that has run.
        (asked(image=f"{MIRROR}:v3.7.3"), "3.7.3", ()),
        (new(3, version=NEW), "3.7.3", ()),
    ],
)  # fmt: skip
def test_the_next_version(scene: Snapshot, version: str, route: tuple[str, ...]) -> None:
    found = with_effective_spec(scene)
    assert (found.spec.version.text, found.upgrade_route) == (version, route)


def test_the_image_is_that_of_the_catalog() -> None:
    scene = listed(asked(), OLD, "3.6.4", "3.6.9", NEW)
    assert find_template(scene) == (f"{MIRROR}:v3.6.9", "v3.6.9")
    assert find_template(listed(asked(), OLD, "3.6.4", "3.6.9"))[1] == "v3.5.35", "not begun"


def test_a_pinned_image_gives_way_to_tags_on_the_way() -> None:
    pinned = with_effective_spec(at(OLD, image=f"{MIRROR}:v{OLD}"))
    scene = with_spec(pinned, version=NEW, image=None)
    assert find_template(scene) == ("quay.io/coreos/etcd:v3.6.16", "v3.6.16")


def test_each_step_waits_for_its_own_backup() -> None:
    first = protected(asked())
    waits = "waits for a backup: one like EtcdBackup nightly is begun."
    planned = plan(settled(first))
    assert planned.rule == "back_up_before_upgrade"
    assert planned.decision.message == f"The upgrade to v3.6.16 {waits}{BOTH}"
    second = protected(with_spec(came_up(), version=NEW), taken("v3.6.16"))
    assert plan(settled(second)).decision.message == f"The upgrade to v3.7.3 {waits}"
    assert briefs(settled(second))[-1].startswith("back up db-before-v3.7.3-")


def to(version: str) -> ApplyObject:
    """The template of this version is about to be written."""
    applied = plan(with_spec(at(OLD), version=MIDDLE)).actions
    (action,) = (a for a in applied if isinstance(a, ApplyObject) and a.kind == "StatefulSet")
    body = copy.deepcopy(action.manifest)
    body["spec"]["template"]["spec"]["containers"][0]["image"] = f"{MIRROR}:v{version}"
    return replace(action, manifest=body)


@pytest.mark.parametrize(
    ("ran", "version", "refused"),
    [
        (OLD, MIDDLE, None),
        (OLD, OLD, None),
        (OLD, NEW, "db-0 runs etcd 3.5.35, which 3.7 cannot follow"),
        ("3.5.26", MIDDLE, None),
        ("3.5.25", MIDDLE, "db-0 runs etcd 3.5.25, which 3.6 cannot follow"),
        (MIDDLE, NEW, None),
    ],
)
def test_the_guard_lets_no_version_be_skipped(ran: str, version: str, refused: str | None) -> None:
    assert refuse(to(version), at(ran)) == refused
