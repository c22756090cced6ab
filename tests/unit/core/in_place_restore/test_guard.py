"""The second opinion on a restore in place, whatever the rules want."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etcd_operator.core import guards
from etcd_operator.core.actions import (
    Action,
    DeleteObject,
    QuarantineDisk,
    RebindVolume,
    RecordRestore,
    RestoreReclaimPolicy,
    RetainVolume,
)
from etcd_operator.core.in_place_restore.record import Stage, find_restore_record
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from tests.builders.in_place_restore import (
    RECORD,
    VOLUMES,
    at,
    before,
    fresh,
    serving,
    started,
    stopped,
    wished,
    with_disks,
)
from tests.builders.snapshots import UID, claim, silent, with_status


def record(snapshot: Snapshot, stage: Stage | None, **changes: Any) -> RecordRestore:
    """Go on to a stage, whatever the rules want."""
    before_ = find_restore_record(snapshot.cluster) or RECORD
    following = replace(before_.at(stage), **changes) if stage else None
    return RecordRestore(following, UID, snapshot.cluster.resource_version)


def refused_records() -> list[tuple[str, Snapshot, Action, str]]:
    """Stages that a planner that has gone mad might want to record."""
    running, gone = at(Stage.SET_ASIDE, before()), at(Stage.SET_ASIDE, stopped())
    undone = RecordRestore(None, UID, "7", undone=True)
    put_back = fresh(Stage.PUT_BACK, undone=True)
    return [
        ("without a wish", before(), record(before(), Stage.KEEP), "no EtcdRestore"),
        ("a step is left out", wished(before()), record(before(), Stage.STOP), "no EtcdRestore"),
        ("a stage is left out", gone, record(gone, Stage.START), "does not follow"),
        ("another restore", gone, record(gone, Stage.FILL, restore="x"), "does not follow"),
        ("a disk is forgotten", gone, record(gone, Stage.FILL, disks=()), "would lose a disk"),
        ("Pods are left", running, record(running, Stage.FILL), "Pods of the cluster"),
        ("old claims are left", gone, record(gone, Stage.FILL), "a disk of the previous cluster"),
        ("not filled", fresh(), record(fresh(), Stage.START), "has not filled every disk"),
        ("nobody serves", at(Stage.START, fresh()), record(fresh(Stage.START), Stage.SERVE),
         "restored cluster does not serve"),
        ("it serves", started(), record(started(), Stage.WITHDRAW), "the restored cluster serves"),
        ("it has served", with_status(started(led=False), clusterID="e11"),
         record(started(), Stage.WITHDRAW), "or has served"),
        ("over too early", silent(serving(), 2), record(serving(), None), "not every member"),
        ("undone without disks", put_back, undone, "not every disk"),
        ("over without a beginning", before(), undone, "no restore in place"),
    ]  # fmt: skip


def refused_disks() -> list[tuple[str, Snapshot, Action, str]]:
    """What it might want to do to disks."""
    running, gone = at(Stage.SET_ASIDE, before()), at(Stage.SET_ASIDE, stopped())
    put_back = fresh(Stage.PUT_BACK, undone=True)
    old = with_disks(put_back, *VOLUMES)
    claim_of = "PersistentVolumeClaim"
    return [
        ("not its volume", at(Stage.KEEP, before()), RetainVolume("data-db-0", "claim-0", "v-1"),
         "the PersistentVolumeClaim has another volume"),
        ("quarantine beside Pods", running, QuarantineDisk("data-db-0", "claim-0", "v-0"),
         "Pods of the cluster"),
        ("quarantine too early", stopped(), QuarantineDisk("data-db-0", "claim-0", "v-0"),
         "the stage of the restore does not set this disk aside"),
        ("quarantine of nothing", gone, QuarantineDisk("data-db-0", "x", "v-0"), "is gone, or"),
        ("put back too early", fresh(), RebindVolume("data-db-0", "claim-0", "v-0"),
         "was not set aside"),
        ("put back what is nobody's", put_back, RebindVolume("data-db-0", "claim-0", "x"),
         "was not set aside"),
        ("put back beside another", put_back, RebindVolume("data-db-0", "claim-0", "v-0"),
         "a Pod, or a PersistentVolumeClaim of this name, exists"),
        ("release too early", fresh(), RestoreReclaimPolicy("data-db-0", "claim-0", "v-0"),
         "restored cluster does not serve"),
        ("release with a member away", silent(serving(), 2),
         RestoreReclaimPolicy("data-db-0", "claim-0", "v-0"), "restored cluster does not serve"),
        ("release with another claim's uid", serving(),
         RestoreReclaimPolicy("data-db-0", "claim-1", "v-0"), "was not set aside"),
        ("release under another claim's name", serving(),
         RestoreReclaimPolicy("data-db-1", "claim-0", "v-0"), "was not set aside"),
        ("release under the name of no member", serving(),
         RestoreReclaimPolicy("data-other-0", "claim-0", "v-0"),
         "the name is not that of a member's"),
        ("release what is nobody's", serving(), RestoreReclaimPolicy("data-db-0", "claim-0", "x"),
         "was not set aside"),
        ("keep without a wish", before(), RetainVolume("data-db-0", "claim-0", "v-0"),
         "no restore in place"),
        ("delete what is filled", fresh(), DeleteObject(claim_of, "data-db-0", "of-n-0", ""),
         "a restore in place is under way"),
        ("delete what was before", old, DeleteObject(claim_of, "data-db-0", "of-v-0", ""),
         "one of the previous cluster"),
    ]  # fmt: skip


REFUSALS = (*refused_records(), *refused_disks())


@pytest.mark.parametrize(
    ("scene", "action", "words"),
    [row[1:] for row in REFUSALS],
    ids=[row[0] for row in REFUSALS],
)
def test_the_guard_refuses(scene: Snapshot, action: Action, words: str) -> None:
    assert words in (guards.refuse(action, scene) or "it is allowed")


def test_members_are_stopped_only_as_long_as_somebody_wishes_it() -> None:
    scene = at(Stage.STOP, before())
    (apply,) = plan(scene).actions
    assert guards.refuse(apply, scene) is None
    for other in (
        at(Stage.STOP, before(), undone=True),
        at(Stage.KEEP, before()),
        at(Stage.STOP, replace(before(), claims=(*before().claims, claim(3, volume="v-3")))),
        at(Stage.WITHDRAW, started(), undone=True),
    ):
        assert guards.refuse(apply, other) is not None
