"""What the guard refuses by itself, whatever a rule wants."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etcd_operator.core import guards
from etcd_operator.core.actions import (
    Action,
    AddLearner,
    ApplyObject,
    DeleteObject,
    PassLeadership,
    QuarantineDisk,
    RecordRestore,
    RemoveSourceMember,
    ScaleSource,
)
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.takeover.record import Stage, read_take_over
from tests.builders.required_backups import pending, taken
from tests.builders.snapshots import CLUSTER_ID, NAMING, member_id, with_cluster
from tests.builders.take_over import TakeOverWorld, source_id, world_at

SCALE = ScaleSource("old", "old-uid", "1", 2, CLUSTER_ID)
LEAD = PassLeadership("old-0", source_id(0), "db-0", member_id(0), CLUSTER_ID)
REMOVE = RemoveSourceMember("old-2", 2, source_id(2), CLUSTER_ID)


def last_stage() -> TakeOverWorld:
    """Old members may go: a new one leads."""
    world = world_at(Stage.REMOVE)
    world.leader = member_id(0)
    return world


def removing(**changes: Any) -> Snapshot:
    """Old members may go; with fields of the world changed."""
    world = last_stage()
    for name, value in changes.items():
        setattr(world, name, value)
    return world.look()


def changed(scene: Snapshot, **changes: Any) -> Snapshot:
    """A StatefulSet that is otherwise than usual."""
    assert scene.source
    return replace(scene, source=replace(scene.source, **changes))


def stopped() -> Snapshot:
    """The last Pod of the StatefulSet is gone."""
    world = last_stage()
    world.scale_source(2)
    return world.look()


ALLOWED: tuple[tuple[str, Action, Snapshot], ...] = (
    ("scale", SCALE, removing()),
    ("remove", REMOVE, stopped()),
    ("lead", LEAD, removing(leader=source_id(0))),
)
REFUSED: tuple[tuple[str, Action, Snapshot, str], ...] = (
    ("early", SCALE, world_at(Stage.COMPARE).look(), "it was not agreed"),
    ("too early", SCALE, TakeOverWorld().look(), "no take-over is on record"),
    ("not read", SCALE, replace(removing(), source=None), "no take-over is on record"),
    ("nobody approved", SCALE, removing(take_over="Manual"), "it was not agreed"),
    ("consent is lost", SCALE, removing(consent="x"), "it was not agreed"),
    ("two at once", replace(SCALE, replicas=1), removing(), "more than one Pod would go"),
    ("as it was", replace(SCALE, resource_version="0"), removing(), "as it was looked at"),
    ("anew", replace(SCALE, uid="x"), removing(), "as it was looked at"),
    ("another", replace(SCALE, name="x"), changed(removing(), name="x"), "not the one on record"),
    ("a new one is silent", SCALE, removing(silent={member_id(1)}), "only 2 of 3 new members"),
    ("two are silent", SCALE, removing(silent={source_id(0), source_id(1)}), "3 of 6 voters"),
    ("it leads", SCALE, removing(leader=source_id(2)), "is the leader"),
    ("of an EtcdCluster", SCALE, changed(removing(), owner="x"), "belongs to an EtcdCluster"),
    ("one is going", replace(SCALE, replicas=1), changed(removing(), replicas=2), "still going"),
    ("out of range", replace(SCALE, replicas=3), changed(removing(), replicas=4), "not that of"),
    ("another cluster", replace(SCALE, cluster_id=1), removing(), "another cluster ID"),
    ("its Pod is there", REMOVE, changed(removing(), replicas=2), "its Pod is still there"),
    ("it would come back", REMOVE, changed(stopped(), replicas=3), "start the member again"),
    ("not on record", replace(REMOVE, member_id=source_id(1)), stopped(), "not on record"),
    ("ours", replace(REMOVE, member_id=member_id(1)), stopped(), "not on record"),
    ("to a silent one", LEAD, removing(silent={member_id(0)}), "not a voter that answers"),
    ("another leads", LEAD, removing(leader=source_id(1)), "another member leads"),
)


@pytest.mark.parametrize(("action", "scene"), [r[1:] for r in ALLOWED], ids=[r[0] for r in ALLOWED])
def test_what_is_agreed_may_happen(action: Action, scene: Snapshot) -> None:
    assert guards.refuse(action, scene) is None


@pytest.mark.parametrize(
    ("action", "scene", "words"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_all_else_is_refused(action: Action, scene: Snapshot, words: str) -> None:
    assert words in (guards.refuse(action, scene) or "")


def test_a_vote_that_would_be_missed_is_not_taken_away() -> None:
    world = last_stage()
    world.scale_source(2)
    world.silent = {member_id(0), member_id(1), source_id(0)}
    scene = world.look()
    assert scene.membership
    scene = replace(scene, membership=replace(scene.membership, linearizable=True))
    assert "voters would be left answering" in (guards.refuse(REMOVE, scene) or "")


def test_members_that_take_one_learner_never_see_two() -> None:
    world = world_at(Stage.JOIN)
    while not any(line.is_learner for line in world.lines.values()):
        world.step()
    action = AddLearner(1, NAMING.peer_url(1), CLUSTER_ID)
    assert "one learner at a time" in (guards.refuse(action, world.look()) or "")


@pytest.mark.parametrize("kind", ["Pod", "StatefulSet", "PersistentVolumeClaim"])
def test_a_deletion_leaves_no_old_member_without_its_majority(kind: str) -> None:
    scene = with_cluster(world_at(Stage.COMPARE).look(), deleting=True)
    found = {
        "Pod": DeleteObject(kind, "db-0", "pod-0", "x"),
        "StatefulSet": DeleteObject(kind, "db", "StatefulSet-db", "x"),
        "PersistentVolumeClaim": DeleteObject(kind, "data-db-0", "claim-0", "x"),
    }[kind]
    assert "would miss the votes" in (guards.refuse(found, scene) or "")
    unheard = replace(scene, membership=None)
    assert "no quorum has confirmed" in (guards.refuse(found, unheard) or "")
    assert guards.refuse(found, changed(scene, pods=(), replicas=0)) is None


def test_nobody_is_set_aside_while_old_members_may_have_the_quorum() -> None:
    scene = world_at(Stage.COMPARE).look()
    action = QuarantineDisk("data-db-1", "claim-1", "pv")
    assert "may run, and have the quorum" in (guards.refuse(action, scene) or "")


def test_no_restore_in_place_stops_all_members_beside_old_ones() -> None:
    action = RecordRestore(None, "u", "7")
    assert "must not stop" in (guards.refuse(action, world_at(Stage.COMPARE).look()) or "")


@pytest.mark.parametrize("text", ["new", "force"])
def test_no_file_lets_a_member_form_a_cluster(text: str) -> None:
    said = {"new": 'initial-cluster-state: "new"\n', "force": "force-new-cluster: true\n"}[text]
    manifest = {"data": {NAMING.config_key(0): said}, "metadata": {"annotations": {}}}
    action = ApplyObject("ConfigMap", "db-config", "ConfigMap-db-config", "1", "x", manifest)
    words = {
        "new": "joinExisting says that the cluster exists",
        "force": "may run, and have the quorum",
    }
    assert words[text] in (guards.refuse(action, world_at(Stage.COMPARE).look()) or "")


def test_who_has_served_may_not_join_old_members_without_its_data() -> None:
    scene = world_at(Stage.COMPARE).look()
    entry = scene.ownership.taken_over[0].peer_urls[0]
    manifest = {"data": {NAMING.config_key(0): f'initial-cluster: "b0={entry}"\n'}}
    action = ApplyObject("ConfigMap", "db-config", "ConfigMap-db-config", "1", "x", manifest)
    assert "might join again without its data" in (guards.refuse(action, scene) or "")


RECORD = "remove old 3 v3.5.35 0=b0,1=b1 100"


def test_a_record_is_read_as_it_was_written() -> None:
    found = read_take_over(RECORD)
    assert found
    assert found.write() == RECORD


@pytest.mark.parametrize(
    "text",
    [
        "",
        "remove old 3 v3.5.35 0=b0",
        "begin old 3 v3.5.35 0=b0 100",
        "remove o/d 3 v3.5.35 0=b0 100",
        "remove old 10 v3.5.35 0=b0 100",
        "remove old 0 v3.5.35 0=b0 100",
        "remove old 3 x 0=b0 100",
        "remove old 3 v3.5.35 0=b0,0=b1 100",
        "remove old 3 v3.5.35 0=xyz 100",
        "remove old 3 v3.5.35 0=b0 -1",
        f"remove old 3 v3.5.35 {','.join(f'{n}=b{n}' for n in range(10))} 100",
        "remove old 3 v3.5.35 0=b0 1" + "0" * 30_000,
    ],
)
def test_an_edited_record_counts_for_nothing(text: str) -> None:
    assert read_take_over(text) is None


def test_no_old_member_goes_without_the_backup_that_is_asked_for() -> None:
    wished = {"spec": {"backup": {"beforeTakeOver": "nightly"}}}
    before, after = removing(**wished), replace(removing(**wished), backups=(taken("take-over"),))
    assert "backup before old members go" in (guards.refuse(SCALE, before) or "")
    assert guards.refuse(SCALE, after) is None
    gone = replace(after, backups=(pending("take-over"),))
    assert "backup before old members go" in (guards.refuse(REMOVE, gone) or "")
