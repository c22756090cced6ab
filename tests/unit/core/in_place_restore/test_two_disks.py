"""A restore in place of members with two disks: all of before are kept, and all come back."""

from __future__ import annotations

from dataclasses import replace

from etcd_operator.core import guards
from etcd_operator.core.actions import RebindVolume, RecordRestore
from etcd_operator.core.in_place_restore.record import (
    ANNOTATION_RECORD,
    OldDisk,
    RestoreRecord,
    Stage,
    read_record,
)
from etcd_operator.core.in_place_restore.rule import restore_in_place
from etcd_operator.core.model.snapshot import Snapshot
from tests.builders.actions import brief
from tests.builders.in_place_restore import DONE, wished
from tests.builders.snapshots import (
    CLUSTER_ID,
    after_kubernetes,
    claim,
    with_cluster,
    without_pods,
)
from tests.builders.two_disks import two_disks, wal_claim, without_disk

OLD = tuple(
    OldDisk(o, f"{kind}-{o}", f"{kind}-v-{o}", wal=kind == "wal")
    for o in range(3)
    for kind in ("claim", "wal")
)
RECORD = RestoreRecord(Stage.KEEP, "r", CLUSTER_ID, 3, (0, 1, 2), OLD)


def before() -> Snapshot:
    """A healthy cluster of three whose disks have volumes."""
    data = tuple(claim(o, volume=f"claim-v-{o}") for o in range(3))
    logs = tuple(wal_claim(o, volume=f"wal-v-{o}") for o in range(3))
    return replace(two_disks(), claims=(*data, *logs), unlabelled_claims=())


def at(stage: Stage, snapshot: Snapshot, *, undone: bool = False) -> Snapshot:
    """So far it is on record; `undone`: the wish was taken away."""
    marks = {ANNOTATION_RECORD: RECORD.at(stage).write(), **DONE}
    snapshot = with_cluster(snapshot, annotations=marks)
    return snapshot if undone else wished(snapshot)


def at_rest(snapshot: Snapshot) -> Snapshot:
    """Nothing runs, and the StatefulSet says so."""
    live = at(Stage.STOP, snapshot)
    decision = restore_in_place(live)
    assert decision is not None
    for action in decision.actions:
        live = after_kubernetes(live, action)
    return replace(without_pods(live, 0, 1, 2), probes={}, membership=None)


def acts(snapshot: Snapshot) -> list[str]:
    """What the next step does."""
    decision = restore_in_place(snapshot)
    assert decision is not None
    return [brief(action) for action in decision.actions]


def test_every_disk_is_on_record_and_the_record_can_be_read() -> None:
    decision = restore_in_place(wished(before()))
    assert decision is not None
    (written,) = decision.actions
    assert isinstance(written, RecordRestore)
    assert written.following is not None
    assert set(written.following.disks) == set(OLD)
    assert read_record(written.following.write()) == written.following


def test_the_volumes_of_both_are_told_to_stay() -> None:
    assert set(acts(at(Stage.KEEP, before()))) == {
        "record stop", *(f"keep {disk.volume}" for disk in OLD)
    }  # fmt: skip


def test_both_are_set_aside_when_nothing_runs() -> None:
    said = acts(at(Stage.SET_ASIDE, at_rest(before())))
    assert {line for line in said if line.startswith("quarantine")} == {
        f"quarantine {kind}-db-{o}" for o in range(3) for kind in ("data", "wal")
    }


def test_members_start_only_when_both_disks_are_filled() -> None:
    fresh = replace(
        at(Stage.FILL, at_rest(before())),
        claims=tuple(
            disk
            for o in range(3)
            for disk in (
                claim(o, uid=f"n-{o}", volume=f"n-{o}"),
                wal_claim(o, uid=f"w-{o}", volume=f"w-{o}"),
            )
        ),
    )
    start = RecordRestore(RECORD.at(Stage.START), fresh.cluster.uid, "1")
    assert guards.refuse(start, fresh) is None
    half = without_disk(fresh, "wal-db-1")
    assert guards.refuse(start, half) == "the EtcdRestore has not filled every disk"


def test_each_volume_of_before_gets_its_own_claim_back() -> None:
    empty = replace(at(Stage.PUT_BACK, at_rest(before()), undone=True), claims=())
    decision = restore_in_place(empty)
    assert decision is not None
    bound = [action for action in decision.actions if isinstance(action, RebindVolume)]
    assert {(each.name, each.volume) for each in bound} == {
        (f"{'wal' if disk.wal else 'data'}-db-{disk.ordinal}", disk.volume) for disk in OLD
    }
    assert [guards.refuse(each, empty) for each in bound] == [None] * 6
    some = replace(empty, claims=(claim(0, uid="back", volume="claim-v-0"),))
    rest = restore_in_place(some)
    assert rest is not None
    left = {each.name for each in rest.actions if isinstance(each, RebindVolume)}
    assert left == {f"{kind}-db-{o}" for o in range(3) for kind in ("data", "wal")} - {"data-db-0"}
