"""Which version may follow which, what is refused, and what etcd has to do first."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import ApplyObject
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.effective_spec import with_effective_spec
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import attention, routine
from etcd_operator.core.rollout.version_change import (
    end_downgrade,
    prepare_version,
    refuse_version,
)
from etcd_operator.core.rollout.versions import next_record, read_record
from tests.builders.actions import Fires, Passes, briefs, flags
from tests.builders.snapshots import (
    NOW,
    change_child,
    change_claim,
    outdated,
    settled,
    silent,
    with_learner,
    with_spec,
    without_child,
)
from tests.builders.versions import (
    MIDDLE,
    NEW,
    OLD,
    at,
    came_up,
    down,
    down_from_new,
    images,
    recorded,
    running,
    snapshotted,
    stopped,
)

TOO_FAR = "3.9.0"
READABLE = "etcd makes every disk readable by 3.5"
SNAPSHOTS = "etcd writes snapshots, for 3.7 cannot read what 3.5 has logged"


def late(snapshot: Snapshot, ordinal: int) -> Snapshot:
    """A joiner's process has not run since it was announced long ago."""
    return change_claim(snapshot, ordinal, created=NOW - timedelta(hours=1))


FIRES = (
    Fires(
        "more than one minor version up",
        refuse_version,
        with_spec(at(OLD), version=TOO_FAR),
        attention.VERSION_REFUSED,
        "spec.version 3.9.0 is more than one minor version above 3.5.35, which members ran last, "
        "and this operator knows no release of 3.8: upgrade to that first.",
        Phase.RUNNING,
        (),
        flags("blocked"),
    ),
    Fires(
        "3.6 from before 3.5.26",
        refuse_version,
        with_spec(
            settled(with_effective_spec(at("3.5.25", image="etcd:3.5.25"))),
            version=MIDDLE,
            image=f"etcd:{MIDDLE}",
        ),
        attention.VERSION_REFUSED,
        "spec.version 3.6.16 is not safe to upgrade to from 3.5.25, because removed members may "
        "come back, and spec.image is of no version between: upgrade to 3.5.26 or later first.",
        Phase.RUNNING,
        (),
        flags("blocked"),
    ),
    Fires(
        "two minor versions down",
        refuse_version,
        with_spec(at(NEW), version=OLD),
        attention.VERSION_REFUSED,
        "spec.version 3.5.35 is older than 3.7.3, which members run, and etcd goes back one minor "
        "version at a time: downgrade to 3.6 first.",
        Phase.RUNNING,
        (),
        flags("blocked"),
    ),
    Fires(
        "back from a version of which no step down is known",
        refuse_version,
        with_spec(at("3.8.0"), version=NEW),
        attention.VERSION_REFUSED,
        "spec.version 3.7.3 is older than 3.8.0, which members run, and etcd cannot go back there: "
        "keep 3.8.0 or a later one.",
        Phase.RUNNING,
        (),
        flags("blocked"),
    ),
    Fires(
        "a downgrade begins in etcd",
        prepare_version,
        down(),
        routine.PREPARING_VERSION,
        f"Preparing for v3.5.35: {READABLE}.",
        Phase.UPGRADING,
        ("downgrade to 3.5",),
    ),
    Fires(
        "a downgrade from 3.7 begins in etcd",
        prepare_version,
        with_spec(at(NEW), version=MIDDLE),
        routine.PREPARING_VERSION,
        "Preparing for v3.6.16: etcd makes every disk readable by 3.6.",
        Phase.UPGRADING,
        ("downgrade to 3.6",),
    ),
    Fires(
        "a downgrade that has just ended is in the way of the next",
        prepare_version,
        down(target="3.6.0"),
        routine.ENDING_DOWNGRADE,
        "Ending the downgrade: spec.version is 3.5.35.",
        Phase.UPGRADING,
        ("downgrade off",),
    ),
    Fires(
        "the spec went back up before etcd ended its downgrade",
        prepare_version,
        running(with_spec(at(MIDDLE), version=NEW), *[MIDDLE] * 3, target="3.6.0"),
        routine.ENDING_DOWNGRADE,
        "Ending the downgrade: spec.version is 3.7.3.",
        Phase.UPGRADING,
        ("downgrade off",),
    ),
    Fires(
        "a downgrade waits for the disks",
        prepare_version,
        down(target="3.5.0"),
        routine.PREPARING_VERSION,
        f"Preparing for v3.5.35: waiting until {READABLE}.",
        Phase.UPGRADING,
    ),
    Fires(
        "a downgrade does not begin while a member is away",
        prepare_version,
        silent(down(), 2),
        routine.PREPARING_VERSION,
        "Preparing for v3.5.35: waiting until db-2 can serve.",
        Phase.UPGRADING,
    ),
    Fires(
        "nor while a joiner is late, which holds back nothing else: etcd waits for its version",
        prepare_version,
        late(with_learner(with_spec(down(), size=5), 3), 3),
        routine.PREPARING_VERSION,
        "Preparing for v3.5.35: waiting until db-3 can vote, for etcd asks every member for its "
        "version, learners too. One that cannot come up leaves when spec.size is again what it "
        "was.",
        Phase.UPGRADING,
        ("apply PodDisruptionBudget db",),
    ),
    Fires(
        "what 3.5 logged has to be in snapshots before 3.7",
        prepare_version,
        with_spec(came_up(), version=NEW),
        routine.PREPARING_VERSION,
        f"Preparing for v3.7.3: {SNAPSHOTS}.",
        Phase.UPGRADING,
        ("downgrade to 3.5",),
    ),
    Fires(
        "it is recorded that the snapshots are written",
        prepare_version,
        running(with_spec(came_up(), version=NEW), *[MIDDLE] * 3, target="3.5.0", stored="3.5.0"),
        routine.PREPARING_VERSION,
        f"Preparing for v3.7.3: waiting until {SNAPSHOTS}.",
        Phase.UPGRADING,
        ("apply ConfigMap db-config",),
    ),
    Fires(
        "then the downgrade was there for nothing else",
        prepare_version,
        running(
            snapshotted(),
            *[MIDDLE] * 3,
            target="3.5.0",
            stored="3.5.0",
        ),
        routine.PREPARING_VERSION,
        "Preparing for v3.7.3: the snapshots are written.",
        Phase.UPGRADING,
        ("downgrade off",),
    ),
    Fires(
        "the spec went back while etcd was preparing",
        end_downgrade,
        with_spec(down(target="3.5.0"), version=MIDDLE),
        routine.ENDING_DOWNGRADE,
        "Ending the downgrade: spec.version is 3.6.16.",
        Phase.UPGRADING,
        ("downgrade off",),
    ),
)
PASSES = (
    Passes("one minor version up", refuse_version, with_spec(at("3.5.26"), version=MIDDLE)),
    Passes("another patch", refuse_version, with_spec(at(OLD), version="3.5.21")),
    Passes("a downgrade that etcd can do", refuse_version, down()),
    Passes("3.7 from a cluster that never ran 3.5", prepare_version, at(MIDDLE)),
    Passes("every disk is readable", prepare_version, down(target="3.5.0", stored="3.5.0")),
    Passes("every disk of 3.7 is readable", prepare_version, down_from_new()),
    Passes("a downgrade from 3.7 that is wanted", end_downgrade, down_from_new()),
    Passes("a downgrade that is wanted", end_downgrade, down(target="3.5.0", stored="3.5.0")),
    Passes("no downgrade", end_downgrade, at(MIDDLE)),
)


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_fires(row: Fires) -> None:
    row.check()


@pytest.mark.parametrize("row", PASSES, ids=lambda row: row.title)
def test_passes(row: Passes) -> None:
    row.check()


@pytest.mark.parametrize(
    ("scene", "image"),
    [
        (with_spec(at(OLD), version=TOO_FAR), "v3.5.35"),
        (with_spec(at(OLD), version=NEW), "v3.6.16"),
        (with_spec(at(OLD), version=MIDDLE), "v3.6.16"),
        (down(), "v3.6.16"),
        (down(target="3.5.0"), "v3.6.16"),
        (down(target="3.5.0", stored="3.5.0"), "v3.5.35"),
        # Not every member has said so yet.
        (silent(down(target="3.5.0", stored="3.5.0"), 1), "v3.6.16"),
        (with_spec(came_up(), version=NEW), "v3.6.16"),
        (with_spec(at(MIDDLE), version=NEW), "v3.7.3"),
        (with_spec(at(NEW), version=MIDDLE), "v3.7.3"),
        (silent(down_from_new(), 1), "v3.7.3"),
        (down_from_new(), "v3.6.16"),
        # Somebody deleted it meanwhile: nothing else knows what is kept.
        (without_child(with_spec(at(OLD), version=TOO_FAR), "StatefulSet", "db"), "v3.5.35"),
    ],
)
def test_members_are_given_only_what_can_follow(scene: Snapshot, image: str) -> None:
    assert images(scene) == image


def test_a_downgrade_that_began_goes_on_while_a_member_is_away() -> None:
    """The template that was found possible stays, or the member that rolls would go back."""
    ready = settled(down(target="3.5.0", stored="3.5.0"))
    rolling = silent(outdated(ready, 0, 1, 2), 2)
    assert images(rolling) == "v3.5.35"
    mixed = running(outdated(ready, 0, 1), MIDDLE, MIDDLE, OLD, target="3.5.0", stored="3.5.0")
    assert plan(mixed).rule == "roll"
    assert briefs(mixed)[-1].startswith("evict ")


def test_a_roll_back_in_the_middle_of_an_upgrade() -> None:
    """While one member runs 3.5 the others store as it does, so they can go back."""
    ahead = settled(with_spec(at(OLD), version=MIDDLE))
    half = settled(running(outdated(ahead, 0, 1), OLD, OLD, MIDDLE, stored="3.5.0"))
    back = with_spec(half, version=OLD)
    assert images(back) == "v3.5.35"
    last = running(half, MIDDLE, MIDDLE, MIDDLE, stored="3.5.0")
    assert images(with_spec(last, version=OLD)) == "v3.6.16", "etcd may be about to go up"
    ahead = settled(with_spec(at(MIDDLE), version=NEW))
    half = settled(running(outdated(ahead, 0, 1), MIDDLE, MIDDLE, NEW, stored="3.6.0"))
    assert images(with_spec(half, version=MIDDLE)) == "v3.6.16"


@pytest.mark.parametrize(
    ("live", "record", "wanted", "image"),
    [
        (OLD, "3.5.35 3.5", MIDDLE, "v3.6.16"),
        (OLD, "3.5.35 3.5", NEW, "v3.6.16"),
        (OLD, "3.5.35 3.5", TOO_FAR, "v3.5.35"),
        (OLD, "3.5.19 3.5", MIDDLE, "v3.5.35"),
        # The template was changed while nothing ran; the disks are still those of 3.5.
        (MIDDLE, "3.5.35 3.5", NEW, "v3.6.16"),
        (MIDDLE, "3.6.16 3.6", OLD, "v3.6.16"),
        (MIDDLE, "3.6.16 3.5", NEW, "v3.6.16"),
    ],
)
def test_a_cluster_that_was_stopped_starts_with_what_can_follow(
    live: str, record: str, wanted: str, image: str
) -> None:
    asleep = stopped(live, record, wanted)
    assert plan(asleep).rule == "stop"
    assert images(asleep) == image
    waking = with_spec(asleep, size=3)
    assert plan(waking).rule == "start"
    assert images(waking) == image


def test_settings_that_only_the_wanted_version_knows_wait_with_it() -> None:
    settings = {"extraArgs": {"compaction-batch-limit": "900", "max-txn-ops": "256"}}
    held = with_spec(at(OLD), version=TOO_FAR, etcdConfig=settings)
    applied = {a.kind: a.manifest for a in plan(held).actions if isinstance(a, ApplyObject)}
    text = applied["ConfigMap"]["data"]["db-0.yaml"]
    assert "max-txn-ops" in text
    assert "compaction-batch-limit" not in text


def test_without_a_record_the_template_tells_what_ran() -> None:
    """Somebody deleted the gate of a cluster that was stopped."""
    asleep = without_child(stopped(OLD, "3.5.35 3.5", TOO_FAR), "ConfigMap", "db-config")
    assert read_record(asleep) is None
    assert images(asleep) == "v3.5.35"


@pytest.mark.parametrize(
    ("scene", "record"),
    [
        (at(OLD), "3.5.35 3.5"),
        (at(MIDDLE), "3.6.16 3.6"),
        (recorded(at(MIDDLE), "3.5.35 3.5"), "3.6.16 3.5"),
        (recorded(silent(at(MIDDLE), 1), "3.5.35 3.5"), "3.5.35 3.5"),
        # An earlier operator kept no record: nobody knows what is in the logs.
        (recorded(at(MIDDLE), ""), "3.6.16 3.5"),
        (recorded(at(NEW), ""), "3.7.3 3.5"),
        (recorded(running(at(OLD), OLD, MIDDLE, MIDDLE), "3.5.35 3.5"), "3.5.35 3.5"),
        (recorded(at(NEW), "3.6.16 3.6"), "3.7.3 3.6"),
        (without_child(at(MIDDLE), "ConfigMap", "db-config"), "3.6.16 3.5"),
    ],
)
def test_what_is_remembered(scene: Snapshot, record: str) -> None:
    assert next_record(scene) == record


def test_without_answers_the_record_stays() -> None:
    blind = replace(recorded(at(MIDDLE), "3.5.35 3.5"), probes={}, membership=None)
    assert next_record(blind) == "3.5.35 3.5"
    foreign = change_child(blind, "ConfigMap", "db-config", owner_uid="somebody")
    assert read_record(foreign) is None


def test_nothing_is_prepared_twice() -> None:
    """At the end of each preparation the plan is to roll, and nothing else."""
    up = settled(recorded(with_spec(came_up(), version=NEW), "3.6.16 3.6"))
    assert briefs(up) == ()
    assert "v3.7.3" in images(up)


def test_a_learner_holds_back_a_downgrade_even_where_it_is_ready() -> None:
    """Rules above this one promote it; etcd would wait for it, whichever of them asks first."""
    ready = with_learner(with_spec(down(), size=5), 3, serves=True, version=MIDDLE)
    decision = prepare_version(with_effective_spec(running(ready, *[MIDDLE] * 4)))
    assert decision is not None
    assert decision.actions == ()
