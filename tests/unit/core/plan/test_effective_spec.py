"""The effective spec: which version counts now, and that there is one answer to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etcd_operator.api.release import Version
from etcd_operator.core.actions import ApplyObject, RemoveMember
from etcd_operator.core.in_place_restore.record import (
    ANNOTATION_RECORD,
    Stage,
    find_restore_record,
)
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.model.template import read_version
from etcd_operator.core.plan.effective_spec import find_effective_spec, with_effective_spec
from etcd_operator.core.plan.planner import plan, predict
from tests.builders.in_place_restore import RECORD, at, before, fresh, started, stopped
from tests.builders.quorum_loss import approve, follow, lost
from tests.builders.required_backups import protected, taken
from tests.builders.snapshots import (
    CLUSTER_ID,
    answer,
    formed,
    member_id,
    settled,
    silent,
    with_cluster,
    with_spec,
)

RAN, NEXT, LATER, TOO_FAR = "v3.5.35", "v3.6.16", "v3.7.3", "v3.9.0"


def runs(snapshot: Snapshot, version: str = RAN) -> Snapshot:
    """Every member answers with this version."""
    number = version.removeprefix("v")
    stored = f"{number[:3]}.0" if number >= "3.6" else ""
    answers = {o: answer(o, version=number, storage_version=stored) for o in snapshot.probes}
    return replace(snapshot, probes=answers)


def asked(version: str, **spec: Any) -> Snapshot:
    """A cluster of 3.5 is to have another version."""
    return with_spec(runs(formed(3, version=RAN)), version=version, **spec)


def waiting(version: str, **spec: Any) -> Snapshot:
    """The same, where a backup comes before it."""
    return with_spec(protected(runs(formed(3, version=RAN))), version=version, **spec)


def with_record(snapshot: Snapshot, version: str) -> Snapshot:
    """The restore's record has this version of the earlier cluster."""
    record = replace(find_restore_record(snapshot.cluster) or RECORD, version=Version(version))
    return with_cluster(snapshot, annotations={ANNOTATION_RECORD: record.write()})


def versions(snapshot: Snapshot) -> tuple[str, str, str]:
    """What rules go by, what objects are rendered from, and what waits for a backup."""
    found = find_effective_spec(snapshot)
    return found.spec.tag, found.rendered.tag, found.held_version


@pytest.mark.parametrize(
    ("scene", "expected"),
    [
        (asked(NEXT), (NEXT, NEXT, "")),
        (asked(TOO_FAR), (TOO_FAR, RAN, "")),
        (asked(LATER), (NEXT, NEXT, "")),
        (waiting(NEXT), (RAN, RAN, NEXT)),
        (waiting(LATER), (RAN, RAN, NEXT)),
        (waiting(TOO_FAR), (RAN, RAN, TOO_FAR)),
        (replace(waiting(NEXT), backups=(taken(NEXT),)), (NEXT, NEXT, "")),
        (replace(waiting(LATER), backups=(taken(NEXT),)), (NEXT, NEXT, "")),
        (replace(waiting(LATER), backups=(taken(LATER),)), (RAN, RAN, NEXT)),
        (with_record(waiting(NEXT), "v3.5.30"), ("v3.5.30", "v3.5.30", "")),
        (with_record(waiting(NEXT), ""), (NEXT, NEXT, "")),
        (with_record(waiting(NEXT), "no version"), (NEXT, NEXT, "")),
        (with_record(waiting("v2.0.0"), "v3.5.30"), ("v2.0.0", RAN, "")),
        (asked(LATER, size=4), (LATER, RAN, "")),
    ],
    ids=[
        "the user's",
        "objects keep what a version cannot follow",
        "the next on the way",
        "one that waits for its backup",
        "the next on the way waits for its own",
        "and would not follow",
        "the backup is taken",
        "that before the next on the way",
        "one of the end is none of the way",
        "a restore in place comes first",
        "without a record of what ran",
        "a record that was edited",
        "a spec that is refused is held by nothing",
        "nor goes its way",
    ],
)
def test_one_answer(scene: Snapshot, expected: tuple[str, str, str]) -> None:
    assert versions(scene) == expected


@pytest.mark.parametrize(
    ("scene", "version"),
    [
        (at(Stage.KEEP, before()), RAN),
        (stopped(), RAN),
        (fresh(), RAN),
        (fresh(Stage.PUT_BACK, undone=True), RAN),
        (started(), NEXT),
    ],
    ids=["keep", "stop", "fill", "put back", "start: the restored cluster has its own version"],
)
def test_a_restore_has_the_earlier_version_until_new_members_start(
    scene: Snapshot, version: str
) -> None:
    assert versions(with_record(with_spec(scene, version=NEXT), RAN))[0] == version


def test_settings_of_the_next_version_wait_with_it() -> None:
    """Else the spec that is held could not be carried out, and the backup would never begin."""
    kept = {"max-txn-ops": "200"}
    scene = waiting(NEXT, etcdConfig={"extraArgs": {**kept, "compaction-batch-limit": "2000"}})
    config = find_effective_spec(scene).spec.etcd_config
    assert config is not None
    assert config.extra_args == kept
    assert plan(settled(scene)).rule == "back_up_before_upgrade"


def test_a_recovery_from_a_lost_majority_is_no_way_around_the_version() -> None:
    """The kept member starts with what can read its disk, whatever the spec asks for meanwhile."""
    scene = with_spec(approve(lost(1, 2)), version=TOO_FAR)
    for _ in range(4):
        sets = [
            a.manifest
            for a in plan(scene).actions
            if isinstance(a, ApplyObject) and a.kind == "StatefulSet"
        ]
        if sets:
            break
        scene = follow(scene)
    assert {read_version(manifest) for manifest in sets} == {lost(1, 2).template_version}


def test_what_a_membership_change_makes_possible_is_seen_beside_it() -> None:
    """3.7 waits for a silent member; without that member nothing is unknown any more."""
    newer = settled(runs(formed(3, version=NEXT), NEXT))
    scene = with_effective_spec(silent(with_spec(newer, version=LATER), 2))
    assert scene.rendered_spec.tag == NEXT
    after = predict(scene, (RemoveMember(2, member_id(2), CLUSTER_ID),))
    assert after.rendered_spec.tag == LATER


def test_the_plan_says_what_it_was_decided_about() -> None:
    scene = waiting(NEXT)
    assert scene.spec.tag == NEXT, "before anybody has looked"
    assert plan(scene).snapshot == with_effective_spec(scene)
